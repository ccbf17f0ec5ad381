"""How a scanner that runs as a process is asked and how its report is read. Exit codes are not looked at: the
scanners return the same code for "found something" and "crashed"."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from pathlib import Path
from typing import Any

from agentops import text
from agentops.drivers.process import Finished
from agentops.errors import MeasurementError, Unavailable


def python_module(name: str) -> tuple[str, ...]:
    """The command that runs a module of this interpreter.

    -P keeps the working folder off the import path, so that no file lying there is taken for a module of the tool.
    """
    return (sys.executable, "-P", "-m", name)


def version(distribution: str) -> str:
    """The installed version of a distribution, or "unknown"."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def refuse_missing(finished: Finished, *, module: str, name: str) -> None:
    """Raise Unavailable when the interpreter says that it has no such module."""
    if re.search(rf"No module named '?{re.escape(module)}'?\s*$", finished.stderr):
        raise Unavailable(
            f"{name} is not installed",
            hint=f"install {name} next to agentops: reinstall agentops-gate, which brings it",
        )


def read_report(path: Path, *, name: str, finished: Finished) -> dict[str, Any]:
    """The JSON object that the tool wrote. Raises MeasurementError with the end of stderr."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw = b""
    except OSError as error:
        raise MeasurementError(f"the report of {name} cannot be read: {error.strerror}") from None
    if not raw.strip():
        raise MeasurementError(
            f"{name} wrote no report (exit code {finished.code})" + _end(finished),
            hint=f"a scan without a report is not a scan: mend what {name} complains about and run again",
        )
    try:
        report = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise unreadable(name, f"it is no JSON ({text.one_line(str(error), 100)})", finished) from None
    if not isinstance(report, dict):
        raise unreadable(name, "it is no JSON object", finished)
    return report


def unreadable(name: str, why: str, finished: Finished) -> MeasurementError:
    """The error for a report that does not hold what such a report holds."""
    return MeasurementError(
        f"the report of {name} cannot be used: {why} (exit code {finished.code})" + _end(finished),
        hint=f"check that the installed version of {name} is one that agentops-gate asks for",
    )


def _end(finished: Finished) -> str:
    last = text.tail(finished.stderr, lines=12, limit=2000)
    return f"\n{last}" if last else "; it said nothing on stderr"
