"""Attempts kept between runs of the same inputs, so that asking again goes on and never starts the dice anew.

A file a key below a folder, one JSON line an attempt, written as it ends: a run that was killed counts too. The key is
over everything that could change an outcome; the model that answered is only known afterwards and compared then.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentops.drivers import journal
from agentops.drivers.journal import FileJournal
from agentops.errors import ReportError
from agentops.model.case import Attempt
from agentops.model.codec import DecodeError, decode, encode

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Found:
    """What earlier runs left: attempts in the order of the schedule, of how many runs, and why something that was
    there does not count ("" where nothing was)."""

    attempts: tuple[Attempt, ...] = ()
    runs: int = 0
    refused: str = ""

    @property
    def models(self) -> frozenset[str | None]:
        """The models that answered."""
        return frozenset(a.model for a in self.attempts if a.latency_s is not None)


def key(parts: Mapping[str, Any]) -> str:
    """The identity of what is measured: a digest over named parts, each plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


class Store:
    """The evidence under one key."""

    def __init__(self, folder: Path, name: str, *, max_age_days: float) -> None:
        self.path = folder / f"{name}.jsonl"
        self._max_age_s = max_age_days * _DAY_S
        self._log: FileJournal | None = None

    def find(self) -> Found:
        """The attempts that count. A file that is too old, or damaged, counts as none and is set aside."""
        if not self.path.is_file():
            return Found()
        attempts: dict[int, Attempt] = {}
        runs, oldest = set(), time.time()
        try:
            for record in journal.read(self.path):
                attempt = decode(Attempt, record["attempt"], "attempt")
                attempts.setdefault(attempt.position, replace(attempt, earlier=True))
                runs.add(record["run"])
                oldest = min(oldest, record["at"])
        except (DecodeError, KeyError, TypeError, ValueError) as error:
            return Found(refused=self._set_aside(f"it is damaged ({error})"))
        if time.time() - oldest > self._max_age_s:
            return Found(refused=self._set_aside(f"it is older than {self._max_age_s / _DAY_S:g} days"))
        return Found(tuple(attempts[p] for p in sorted(attempts)), len(runs))

    def drop(self, why: str) -> str:
        """Set the evidence aside; returns what to tell."""
        return self._set_aside(why)

    def add(self, attempt: Attempt, *, run_id: str) -> None:
        """Keep an attempt of the schedule, without what was said. Raises ReportError where the disk is full."""
        if attempt.position == 0:
            return
        if self._log is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ReportError(f"{self.path.parent}: cannot be made: {error.strerror}") from None
            self._log = FileJournal(self.path)
        bare = replace(attempt, answers=(), scores=tuple(replace(s, reason="") for s in attempt.scores[:5]))
        self._log.append("attempt", {"run": run_id, "attempt": encode(bare)})

    def close(self) -> None:
        """Flush what was added."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _set_aside(self, why: str) -> str:
        self.path.replace(self.path.with_suffix(".old"))
        return f"earlier evidence does not count: {why}"
