"""One JSON object a line on stdout. Callers give names, counts and durations; never what people wrote, never a key."""

from __future__ import annotations

import json
import sys
import time
from typing import TextIO

_RANKS = {"debug": 0, "info": 1, "warning": 2, "error": 3}


class Log:
    """Writes events at or above a level."""

    def __init__(self, level: str, *, stream: TextIO | None = None) -> None:
        self._rank = _RANKS[level]
        self._stream = stream

    def debug(self, event: str, **fields: object) -> None:
        """For someone who looks at one request."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What happens all the time."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something went wrong and was dealt with."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something went wrong and a person should look."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if _RANKS[level] < self._rank:
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"time": now, "level": level, "event": event, **fields}, default=str)
        # Looked up now, not at import, so that whoever replaced stdout gets the line.
        print(line, file=self._stream or sys.stdout, flush=True)
