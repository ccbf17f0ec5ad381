"""Attempts kept between runs of the same inputs, so that asking again goes on and never starts the dice anew.

A file a key below a folder, one JSON line an attempt, written as it ends: a run that was killed counts too. The key is
over everything that could change an outcome; the model that answered is only known afterwards and compared then.

Whoever can write the file can write a verdict into it. So a file that git tracks does not count, and with a secret
every line is signed (HMAC-SHA256) and one that is not does not count.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentops.drivers import git, journal
from agentops.drivers.journal import FileJournal
from agentops.errors import ReportError
from agentops.model.case import Attempt
from agentops.model.codec import DecodeError, decode, encode

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Found:
    """What earlier runs left: attempts in the order of the schedule of `seed`, of how many runs, and why something that
    was there does not count ("" where nothing was). A later run goes on along that schedule, whatever its own seed."""

    attempts: tuple[Attempt, ...] = ()
    seed: int = 0
    runs: int = 0
    refused: str = ""

    @property
    def models(self) -> frozenset[str]:
        """The models that answered, as far as the agent told."""
        return frozenset(a.model for a in self.attempts if a.model is not None)


def key(parts: Mapping[str, Any]) -> str:
    """The identity of what is measured: a digest over named parts, each plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


class Store:
    """The evidence under one key."""

    def __init__(self, folder: Path, name: str, *, max_age_days: float, secret: str = "") -> None:
        self.path = folder / f"{name}.jsonl"
        self._max_age_s = max_age_days * _DAY_S
        self._secret = secret.encode()
        self._log: FileJournal | None = None

    def find(self) -> Found:
        """The attempts that count. A file that is too old, or damaged, counts as none and is set aside."""
        if not self.path.is_file():
            return Found()
        if git.tracks(self.path):
            return Found(refused="earlier evidence does not count: the repository holds it, where anybody writes")
        attempts: dict[int, Attempt] = {}
        runs, oldest, seed = set(), time.time(), None
        try:
            for record in journal.read(self.path):
                if self._secret and not hmac.compare_digest(record.get("mac", ""), self._signed(record)):
                    raise ValueError("a line is not signed with this key")
                attempt = decode(Attempt, record["attempt"], "attempt")
                seed = record["seed"] if seed is None else seed
                if record["seed"] == seed:
                    attempts.setdefault(attempt.position, replace(attempt, earlier=True))
                runs.add(record["run"])
                oldest = min(oldest, record["at"])
        except (DecodeError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            return Found(refused=self._set_aside(f"it is damaged ({error})"))
        if time.time() - oldest > self._max_age_s:
            return Found(refused=self._set_aside(f"it is older than {self._max_age_s / _DAY_S:g} days"))
        return Found(tuple(attempts[p] for p in sorted(attempts)), seed or 0, len(runs))

    def drop(self, why: str) -> str:
        """Set the evidence aside; returns what to tell."""
        return self._set_aside(why)

    def add(self, attempt: Attempt, *, run_id: str, seed: int) -> None:
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
        record = {"run": run_id, "seed": seed, "attempt": encode(bare)}
        self._log.append("attempt", {**record, "mac": self._signed(record)} if self._secret else record)

    def close(self) -> None:
        """Flush what was added."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _signed(self, record: Mapping[str, Any]) -> str:
        told = [self.path.stem, *(record.get(name) for name in ("run", "seed", "attempt"))]
        return hmac.new(self._secret, json.dumps(told, sort_keys=True).encode(), "sha256").hexdigest()

    def _set_aside(self, why: str) -> str:
        """Nothing is lost: what does not count stays beside the file, numbered."""
        number = 1 + sum(1 for _ in self.path.parent.glob(f"{self.path.stem}.old-*"))
        self.path.replace(self.path.with_suffix(f".old-{number}"))
        times = "" if number == 1 else f" (the {number}. time for these inputs)"
        return f"earlier evidence does not count: {why}{times}"
