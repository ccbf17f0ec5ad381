"""Attempts kept between runs of the same inputs, so that asking again goes on and never starts the dice anew.

A file a key below a folder, one JSON line an attempt, written as it ends, and one before it is asked: a job that was
killed counts too. The key is over everything that could change an outcome; the model that answered is only known
afterwards and compared then. The first line says how the schedule was begun; later runs go on along it.

Whoever can write the file can write a verdict into it. So a file that git tracks does not count, and with a secret
every line is signed (HMAC-SHA256) and one that is not does not count. One job at a time holds a file.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentops.drivers import git, journal
from agentops.drivers.journal import FileJournal
from agentops.errors import MeasurementError, ReportError
from agentops.model.case import Attempt
from agentops.model.codec import DecodeError, decode, encode
from agentops.model.outcome import Outcome
from agentops.model.settings import Runs

_DAY_S = 86_400.0
# Clocks of machines differ by that much.
_AHEAD_S = 300.0
_WORST_FIRST = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.SKIPPED, Outcome.PASS)
_BROKEN = (DecodeError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Found:
    """What earlier runs left: attempts in the order of the schedule, of how many runs, and why something that was
    there does not count ("" where nothing was).

    The schedule is that of `seed`, planned for `runs` a case; a later run goes on along it, whatever its own. `lost`
    counts how often a run of a case was asked for by a job that did not see its end.
    """

    attempts: tuple[Attempt, ...] = ()
    seed: int = 0
    runs: Runs = field(default_factory=Runs)
    jobs: int = 0
    lost: Mapping[tuple[str, int], int] = field(default_factory=dict)
    refused: str = ""

    @property
    def models(self) -> frozenset[str | None]:
        """The models that answered; None where the agent did not tell."""
        return frozenset(a.model for a in self.attempts if a.latency_s is not None)


def key(parts: Mapping[str, Any]) -> str:
    """The identity of what is measured: a digest over named parts, each plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


class Store:
    """The evidence under one key. Holds its lock until `close`. Raises MeasurementError where another job has it."""

    def __init__(self, folder: Path, name: str, *, max_age_days: float, secret: str = "") -> None:
        self.path = folder / f"{name}.jsonl"
        self._max_age_s = max_age_days * _DAY_S
        self._secret = secret.encode()
        self._log: FileJournal | None = None
        self._lock = _locked(folder, name)

    def find(self) -> Found:
        """The attempts that count. A file that is too old, or damaged, counts as none and is set aside."""
        if not self.path.is_file():
            return Found()
        if git.tracks(self.path):
            return Found(refused="earlier evidence does not count: the repository holds it, where anybody writes")
        try:
            found, oldest = self._read()
        except _BROKEN as error:
            return Found(refused=self.drop(f"it is damaged ({error})"))
        if time.time() - oldest > self._max_age_s:
            return Found(refused=self.drop(f"it is older than {self._max_age_s / _DAY_S:g} days"))
        return found

    def begin(self, *, seed: int, runs: Runs) -> None:
        """Say how the schedule is begun, where nothing is there yet. Raises ReportError."""
        if not self.path.is_file():
            self._append("begun", {"seed": seed, "least": runs.least, "most": runs.most})

    def asked(self, place: Mapping[str, Any]) -> None:
        """A run of a case is asked for now. Raises ReportError where the disk is full."""
        if place["position"]:
            self._append("asked", {"case_id": place["case_id"], "run": place["run"]})

    def add(self, attempt: Attempt, *, job: str) -> None:
        """Keep an attempt of the schedule, without what was said. One without an answer is trouble of that job, and
        its place stays open. Raises ReportError where the disk is full."""
        if attempt.position and attempt.latency_s is not None:
            bare = replace(attempt, answers=(), scores=tuple(replace(s, reason=_SAID) for s in attempt.scores[:5]))
            self._append("attempt", {"job": job, "attempt": encode(bare)})

    def drop(self, why: str) -> str:
        """Set the evidence aside; returns what to tell. Nothing is lost: it stays beside the file, numbered."""
        number = 1 + sum(1 for _ in self.path.parent.glob(f"{self.path.stem}.old-*"))
        self.path.replace(self.path.with_suffix(f".old-{number}"))
        times = "" if number == 1 else f" (the {number}. time for these inputs)"
        return f"earlier evidence does not count: {why}{times}"

    def close(self) -> None:
        """Flush what was added and let the lock go."""
        if self._log is not None:
            self._log.close()
            self._log = None
        os.close(self._lock)

    def _read(self) -> tuple[Found, float]:
        attempts: dict[int, Attempt] = {}
        jobs, lost, begun = set[str](), defaultdict[tuple[str, int], int](int), None
        oldest, latest = time.time(), time.time() + _AHEAD_S
        for record in journal.read(self.path):
            if self._secret and not hmac.compare_digest(record.get("mac", ""), self._signed(record)):
                raise ValueError("a line is not signed with this key")
            oldest = min(oldest, record["at"])
            if record["at"] > latest:
                raise ValueError("a line is of the future")
            if record["kind"] == "begun":
                begun = begun or (record["seed"], Runs(record["least"], record["most"]))
            elif record["kind"] == "asked":
                lost[record["case_id"], record["run"]] += 1
            else:
                attempt = replace(decode(Attempt, record["attempt"], "attempt"), earlier=True)
                lost.pop((attempt.case_id, attempt.run), None)
                jobs.add(record["job"])
                attempts[attempt.position] = _worse(attempts.get(attempt.position), attempt)
        if begun is None:
            raise ValueError("it has no beginning")
        inorder = tuple(attempts[position] for position in sorted(attempts))
        return Found(inorder, begun[0], begun[1], len(jobs), dict(lost)), oldest

    def _append(self, kind: str, data: Mapping[str, Any]) -> None:
        if self._log is None:
            self._log = FileJournal(self.path)
        self._log.append(kind, {**data, "mac": self._signed({"kind": kind, **data})} if self._secret else data)

    def _signed(self, record: Mapping[str, Any]) -> str:
        told = {name: value for name, value in record.items() if name not in ("at", "mac")}
        words = json.dumps([self.path.stem, told], sort_keys=True)
        return hmac.new(self._secret, words.encode(), "sha256").hexdigest()


_SAID = "in an earlier run; its journal has the words"


def _worse(one: Attempt | None, other: Attempt) -> Attempt:
    """Of two attempts at one place the worse: files that were put together must not be a choice."""
    if one is None:
        return other
    return min(one, other, key=lambda attempt: _WORST_FIRST.index(attempt.outcome))


def _locked(folder: Path, name: str) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ReportError(f"{folder}: cannot be written: {error.strerror}", hint="mend evals.evidence") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise MeasurementError(
            "another job is measuring the same inputs: both would throw the dice, and the better one would count",
            hint="wait for it, then run this job again: it goes on where that one ended",
        ) from None
    return handle
