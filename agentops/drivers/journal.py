"""The append-only journal of a run: one JSON object a line, each with its kind and time.

A line is written whole in one call, so that a killed process leaves at most one torn last line, which reading skips
and who appends cuts off.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agentops.errors import ReportError

_BLOCK = 64 * 1024


class FileJournal:
    """Appends to a file. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _cut_torn_line(self._fd)
        except OSError as error:
            raise ReportError(f"{path}: the journal cannot be opened: {error.strerror}") from None

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write one record. Raises ReportError when the disk does not take it."""
        record = {"kind": kind, "at": round(time.time(), 3), **data}
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
            except OSError as error:
                raise ReportError(
                    f"{self.path}: the journal cannot be written: {error.strerror}",
                    hint="make room, then run the check again",
                ) from None

    def close(self) -> None:
        """Flush to the disk and close."""
        with self._lock:
            os.fsync(self._fd)
            os.close(self._fd)


def _cut_torn_line(handle: int) -> None:
    """Cut what stands behind the last line break."""
    end = os.fstat(handle).st_size
    at = end
    while at > 0:
        start = max(at - _BLOCK, 0)
        block = os.pread(handle, at - start, start)
        if (found := block.rfind(b"\n")) >= 0:
            at = start + found + 1
            break
        at = start
    if at < end:
        os.ftruncate(handle, at)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records in the order they were written, as a stream. A torn last line is left out."""
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)
