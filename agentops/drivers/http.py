"""A blocking look at an address, and the wait until it is ready. Calls of the agent do not go through here."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from agentops import text
from agentops.errors import Interrupted, TargetError

_BODY_BYTES = 4096
_POLL_S = 0.05
_LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one GET came to: `status` is None where no HTTP answer came; `said` is one safe line about it."""

    status: int | None
    said: str


def look(host: str, port: int, path: str, *, timeout_s: float) -> Look:
    """GET the path once. Never raises for what the other side does."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path if path.startswith("/") else f"/{path}", headers={"Connection": "close"})
        answer = connection.getresponse()
        words = text.one_line(answer.read(_BODY_BYTES).decode("utf-8", "replace"))
        return Look(answer.status, f"{answer.status}: {words}" if words else str(answer.status))
    except TimeoutError:
        return Look(None, f"no answer within {timeout_s:.1f} s")
    except http.client.HTTPException as error:
        return Look(None, f"no HTTP answer ({type(error).__name__})")
    except OSError as error:
        return Look(None, text.one_line(error.strerror or str(error)))
    finally:
        connection.close()


def accepts(host: str, port: int, *, timeout_s: float) -> str:
    """Empty where a TCP connection can be made, else why not."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        return text.one_line(error.strerror or str(error))
    return ""


def can_bind(address: str) -> bool:
    """Whether a server of this machine can listen on the address."""
    if not address:
        return False
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port on 127.0.0.1 that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_READY_HINTS = {
    0: "the agent must listen on 0.0.0.0 and on agent.port",
    404: "set agent.ready to a path that answers 200 when the agent can serve",
}


def wait_ready(
    address: tuple[str, int],
    path: str,
    *,
    timeout_s: float,
    cancel: threading.Event,
    died: Callable[[], str | None],
    hint: Callable[[], str],
) -> None:
    """Ask until the path answers 200.

    `died` says in one line what became of the agent, or None while it lives; `hint` gives the last lines of its log.
    Raises TargetError for an agent that died or is not ready after `timeout_s`, Interrupted.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = look(*address, path, timeout_s=max(min(_LOOK_S, deadline - time.monotonic()), 0.1))
        # Asked after the look: an answer from somebody else on the port must not stand for a dead agent.
        if (end := died()) is not None:
            raise TargetError(f"{end} before it was ready", hint=hint())
        if answer.status == 200:
            return
        if cancel.is_set():
            raise Interrupted("the wait for the agent was stopped")
        if time.monotonic() > deadline:
            said = f"{path} last said {answer.said}"
            mend = _READY_HINTS.get(answer.status or 0, "raise agent.ready_timeout_s, or mend what it waits for")
            raise TargetError(f"the agent was not ready after {timeout_s:g} s: {said}", hint=f"{mend}; {hint()}")
        time.sleep(_POLL_S)
