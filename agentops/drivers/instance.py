"""One container: what it is told, and what the engine says of it, in words."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentops import text
from agentops.drivers.spec import ContainerSpec
from agentops.errors import Interrupted, MeasurementError

_POLL_S = 0.05
_LOG_LIMIT_BYTES = 16 * 1024 * 1024

# Wraps every question to the engine: it turns the SDK's errors into ours, in the words given.
Asking = Callable[[str], contextlib.AbstractContextManager[None]]
# Opens a connection of its own, for answers that may be left before their end.
Apart = Callable[[], contextlib.AbstractContextManager[Any]]


class Missing(MeasurementError):
    """The engine does not have what it was asked for."""


@dataclass(frozen=True, slots=True)
class State:
    """`exit_code` is None while it runs and where nobody knows it. `oom_killed` is true as soon as any process in the
    container was killed for lack of memory, also when the container lives on or ended with 0. `gone`: somebody
    removed it."""

    running: bool
    exit_code: int | None
    oom_killed: bool = False
    memory_bytes: int = 0
    error: str = ""
    gone: bool = False

    @property
    def sentence(self) -> str:
        """What became of it, to follow "the container"."""
        if self.gone:
            return "was removed by someone else"
        memory = f"its {self.memory_bytes / 2**20:g} MiB of memory"
        if self.running:
            return (
                f"runs, but one of its processes was killed for want of more than {memory}"
                if self.oom_killed
                else "runs"
            )
        words = exit_words(self.exit_code)
        if self.oom_killed and self.exit_code == 0:
            words += f"; one of its processes was killed for want of more than {memory}"
        elif self.oom_killed:
            words += f": out of memory, it wanted more than {memory}"
        return f"{words} ({self.error})" if self.error else words


def exit_words(code: int | None) -> str:
    """ "exited with code 3", with the signal where the code tells of one (negative, or 128 and more)."""
    if code is None:
        return "ended with an unknown code"
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name if number > 0 else ""
    except ValueError:
        name = ""
    if code < 0:
        return f"was ended by {name or f'signal {number}'}"
    return f"exited with code {code} ({name})" if name else f"exited with code {code}"


def read_state(data: Mapping[str, Any], memory_bytes: int) -> State:
    """A state from the "State" of GET /containers/{id}/json."""
    # A container that was created and not yet started has exit code 0 and ran nothing.
    running = bool(data.get("Running")) or bool(data.get("Restarting"))
    ran = data.get("Status") != "created"
    return State(
        running=running,
        exit_code=int(data.get("ExitCode", 0)) if ran and not running else None,
        oom_killed=bool(data.get("OOMKilled")),
        memory_bytes=memory_bytes,
        error=text.one_line(str(data.get("Error") or "")),
    )


class Container:
    """A container by id. `remove` may be called more than once."""

    def __init__(self, api: Any, container_id: str, spec: ContainerSpec, *, asking: Asking, apart: Apart) -> None:
        self._api = api
        self._asking = asking
        self._apart = apart
        self.id = container_id
        self.spec = spec

    def start(self) -> None:
        """Let it run. Raises MeasurementError with the engine's words, e.g. for a command that is not in the image."""
        with self._asking("the container could not be started"):
            self._api.start(self.id)

    @property
    def address(self) -> tuple[str, int]:
        """Where the published port is reached on this machine."""
        with self._asking("the container could not be inspected"):
            ports = (self._api.inspect_container(self.id).get("NetworkSettings") or {}).get("Ports") or {}
        bound = ports.get(f"{self.spec.publish}/tcp") or []
        if not bound:
            raise MeasurementError(f"port {self.spec.publish} of the container is not published: it does not run")
        return "127.0.0.1", int(bound[0]["HostPort"])

    def state(self) -> State:
        """What the engine says of it now."""
        try:
            with self._asking("the container could not be inspected"):
                return read_state(self._api.inspect_container(self.id)["State"], self.spec.memory_bytes)
        except Missing:
            return State(running=False, exit_code=None, gone=True)

    def wait(self, timeout_s: float, *, cancel: threading.Event | None = None) -> State:
        """Its state once it ended. Raises MeasurementError after `timeout_s`, Interrupted; it then still runs."""
        deadline = time.monotonic() + timeout_s
        while (state := self.state()).running:
            if cancel is not None and cancel.is_set():
                raise Interrupted("the container was stopped")
            if time.monotonic() > deadline:
                raise MeasurementError(f"the container took longer than {timeout_s:g} s and was stopped")
            time.sleep(_POLL_S)
        return state

    def stop(self, grace_s: int) -> None:
        """Ask it to end, and kill it after `grace_s` seconds."""
        with self._asking("the container could not be stopped"):
            self._api.stop(self.id, timeout=grace_s)

    def logs(self, *, streams: str = "stdout stderr", limit_bytes: int = _LOG_LIMIT_BYTES) -> str:
        """What it printed to the streams, secrets taken out, at most `limit_bytes`."""
        chunks, size = [], 0
        with self._asking("the container's log could not be read"), self._apart() as api:
            for chunk in api.logs(
                self.id, stdout="stdout" in streams, stderr="stderr" in streams, stream=True, follow=False
            ):
                chunks.append(chunk[: limit_bytes - size])
                size += len(chunks[-1])
                if size >= limit_bytes:
                    chunks.append(b"\n[the log is longer than this]\n")
                    break
        return text.redact(b"".join(chunks).decode("utf-8", "replace"), self.spec.secrets.values())

    def save_logs(self, path: Path) -> str:
        """Write the log to a file, and return it."""
        said = self.logs()
        path.write_text(said, encoding="utf-8")
        return said

    def put(self, directory: str, archive: bytes) -> None:
        """Unpack a tar archive into a directory of the container."""
        with self._asking(f"{directory} of the container could not be written"):
            self._api.put_archive(self.id, directory, archive)

    def fetch(self, path: str, *, limit_bytes: int) -> bytes | None:
        """A path of the container as a tar archive, or None where it is not there. Raises MeasurementError beyond
        the limit."""
        taken = bytearray()
        try:
            with self._asking(f"{path} of the container could not be read"), self._apart() as api:
                chunks, _ = api.get_archive(self.id, path)
                for chunk in chunks:
                    taken += chunk
                    if len(taken) > limit_bytes:
                        raise MeasurementError(f"{path} of the container is larger than {limit_bytes // 2**20} MiB")
        except Missing:
            return None
        return bytes(taken)

    def remove(self) -> None:
        """Kill it and remove it with its volumes."""
        discard(
            lambda: self._api.remove_container(self.id, v=True, force=True),
            f"container {self.id[:12]}",
            asking=self._asking,
        )


def discard(call: Callable[[], object], name: str, *, asking: Asking) -> None:
    """Remove what may be gone already, or be on its way out."""
    try:
        with asking(f"{name} could not be removed"):
            call()
    except Missing:
        return
    except MeasurementError as error:
        if "already in progress" not in error.message:
            raise
