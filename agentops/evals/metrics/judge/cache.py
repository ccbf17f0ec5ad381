"""Judge answers kept between runs: one file an answer, by a digest over everything that led to it.

Only answers are kept, never errors. A file that is damaged, cut off, or speaks of another request is a miss. Writers
do not disturb each other: a file appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentops.evals.metrics.judge.request import sound

_FORMAT = 1
_MAX_BYTES = 256 * 1024
_KEY = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("reason", "model")
_COUNTS = ("calls", "input_tokens", "output_tokens")


class JudgeCache:
    """Answers in a folder, which is made where it is missing. Nothing here raises for what the folder holds: a cache
    that cannot be used is an empty one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> dict[str, Any] | None:
        """The result that was kept under the key."""
        path = self._path(key)
        try:
            with path.open("rb") as source:
                raw = source.read(_MAX_BYTES + 1)
            found = json.loads(raw) if len(raw) <= _MAX_BYTES else None
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or found.get("format") != _FORMAT or found.get("key") != key:
            return None
        result = found.get("result")
        return _checked(result) if isinstance(result, dict) else None

    def put(self, key: str, result: Mapping[str, Any]) -> None:
        """Keep a sound result; anything else is left alone."""
        kept = _checked(result)
        if kept is None:
            return
        data = json.dumps({"format": _FORMAT, "key": key, "result": kept}).encode("ascii")
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as sink:
                    sink.write(data)
                Path(name).replace(path)
            except OSError:
                Path(name).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError("a key is 64 hexadecimal digits")
        return self._folder / key[:2] / f"{key}.json"


def _checked(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parts of a sound result that are kept, None where it is none."""
    if "error" in result or result.get("empty") or sound(result.get("score")) is None:
        return None
    if not all(isinstance(result.get(name), str) for name in _TEXTS):
        return None
    steps = result.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        return None
    counts = {name: result[name] for name in _COUNTS if type(result.get(name)) is int}
    return {"score": result["score"], **{name: result[name] for name in _TEXTS}, "steps": steps, **counts}
