"""Runs the command line and kills the process, as kill -9 does, at one of its writes to the cluster. No test.

Arguments: which write (from 1), "before" or "after", and the command line. A file that KILLED_AT names tells which
write it was; where it is not there nothing was killed and the command ran to its end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from agentops.cli.main import main
from agentops.drivers.kubectl import Kubectl


def arm(at: int, side: str) -> None:
    """Count writes of every thread, the renewal of the lock among them, and die at the one."""
    count, lock, write = [0], threading.Lock(), Kubectl._write

    def counted(self: Kubectl, method: str, path: str, body: object, **more: Any) -> Any:
        if path.endswith("selfsubjectaccessreviews"):
            return write(self, method, path, body, **more)
        with lock:
            count[0] += 1
            mine = count[0] == at
        if mine:
            Path(os.environ["KILLED_AT"]).write_text(f"{side} {method} {path}", encoding="utf-8")
        if mine and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = write(self, method, path, body, **more)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    Kubectl._write = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(int(sys.argv[1]), sys.argv[2])
    sys.exit(main(sys.argv[3:]))
