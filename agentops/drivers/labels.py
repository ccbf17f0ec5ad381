"""The labels on everything that is started in an engine, and who of them is an orphan."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

RUN = "agentops.run"
_PID = "agentops.pid"
_HOST = "agentops.host"
_STARTED = "agentops.started"
_BUILT = "agentops.built"


def of_run(run_id: str) -> dict[str, str]:
    """The labels for an object of this run, started by this process on this host."""
    return {
        RUN: run_id,
        _PID: str(os.getpid()),
        _HOST: socket.gethostname(),
        _STARTED: datetime.now(UTC).isoformat(timespec="seconds"),
    }


def of_image() -> dict[str, str]:
    """The label for an image that was built here.

    Every container of an image inherits its labels, also one that the user starts by hand; so an image carries none
    of those by which containers are swept. Nor does it name the run: a build of the same inputs stays the same image.
    """
    return {_BUILT: "true"}


def belongs(labels: Mapping[str, str], run_id: str) -> bool:
    """Whether an object with these labels was started by that run."""
    return bool(run_id) and labels.get(RUN) == run_id


def is_orphan(labels: Mapping[str, str]) -> bool:
    """Whether the process that started the object is gone.

    Only a process of this host can be asked after. An object without all of our labels is never an orphan.
    """
    pid = labels.get(_PID, "")
    ours = bool(labels.get(RUN)) and labels.get(_HOST) == socket.gethostname()
    return ours and pid.isascii() and pid.isdigit() and int(pid) > 0 and not _lives(int(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        # Of someone else, or no number that a process can have: leave it alone.
        return True
    return True
