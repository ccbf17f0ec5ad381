"""The one subprocess door. Every child gets its own process group, an environment that was named, a time limit, and
is gone with all its children when the call returns."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agentops.errors import Interrupted, MeasurementError, Unavailable

_POLL_S = 0.02
_GRACE_S = 3.0

# What a child may need to find programs, its home, temporary space and the network. No key of anyone is in here.
_PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV_DISABLE_PROMPT",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended by itself. `code` is negative for a signal."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    duration_s: float


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child: what it needs to run at all, and `extra`. Everything else stays here."""
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return env | dict(extra or {})


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    cancel: threading.Event | None = None,
    limit_bytes: int = 64 * 1024 * 1024,
) -> Finished:
    """Run to the end and return what it printed.

    Raises Unavailable when the program is not there, MeasurementError when it takes longer than `timeout_s` or
    prints more than `limit_bytes`, Interrupted when `cancel` is set meanwhile.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = _start(argv, cwd=cwd, env=env, stdout=out, stderr=err)
        try:
            _wait(child, argv, started + timeout_s, timeout_s, cancel, (out, err), limit_bytes)
            _refuse_flood(argv, (out, err), limit_bytes)
        finally:
            stop(child)
        return Finished(
            argv=tuple(argv),
            code=child.returncode,
            stdout=_read(out),
            stderr=_read(err),
            duration_s=time.monotonic() - started,
        )


@contextlib.contextmanager
def running(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as long as the block; what it prints goes to `log`. Raises Unavailable."""
    with log.open("wb") as sink:
        child = _start(argv, cwd=cwd, env=env, stdout=sink, stderr=subprocess.STDOUT)
        try:
            yield child
        finally:
            stop(child)


@contextlib.contextmanager
def talking(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is spoken with over `stdin` and `stdout`, as long as the block lasts; its errors go to `log`.

    Both pipes are closed when the block ends, and what is still running in its group is ended. Raises Unavailable.
    """
    with log.open("wb") as sink:
        child = _start(argv, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink)
        try:
            yield child
        finally:
            stop(child)
            for pipe in (child.stdin, child.stdout):
                # What was not written yet has nobody left to read it.
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()


def stop(child: subprocess.Popen[bytes]) -> None:
    """End the process and everything in its group: ask, wait, then kill."""
    if child.poll() is None:
        _signal(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
    _signal(child, signal.SIGKILL)
    child.wait()


def _start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    except FileNotFoundError:
        if not cwd.is_dir():
            raise MeasurementError(f"the folder {cwd} is not there") from None
        raise Unavailable(f"{argv[0]} was not found", hint=f"install {argv[0]} or correct the path") from None
    except OSError as error:
        raise Unavailable(f"{argv[0]} cannot be started: {error.strerror}") from None


def _wait(
    child: subprocess.Popen[bytes],
    argv: Sequence[str],
    deadline: float,
    timeout_s: float,
    cancel: threading.Event | None,
    outputs: tuple[IO[bytes], ...],
    limit_bytes: int,
) -> None:
    while child.poll() is None:
        if cancel is not None and cancel.is_set():
            raise Interrupted(f"{argv[0]} was stopped")
        if time.monotonic() > deadline:
            raise MeasurementError(f"{argv[0]} took longer than {timeout_s:g} s and was stopped")
        _refuse_flood(argv, outputs, limit_bytes)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_POLL_S)


def _refuse_flood(argv: Sequence[str], outputs: tuple[IO[bytes], ...], limit_bytes: int) -> None:
    if any(os.fstat(f.fileno()).st_size > limit_bytes for f in outputs):
        raise MeasurementError(f"{argv[0]} printed more than {limit_bytes // 2**20} MiB and was stopped")


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    # The group outlives its leader while a grandchild runs; an empty group is no error.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")
