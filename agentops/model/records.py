"""The records of a journal, and the run that they add up to. Their kinds:

run       what was planned: id, agent, scope, plan
evals     seed, runs and identity of the inputs, written before the first call
earlier   an attempt of an earlier run of the same inputs; `evals` says how many of the last ones count
asked     a run of a case that is asked for now
attempt   one run of a case, as it ended
stage     a stage as it ended, its cases without their attempts
finished  the run without its stages; a journal without it is of a run that did not end
pushed    where the image went after a pass, and the digest that it got there
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentops.model.case import Attempt, CaseResult, Score
from agentops.model.codec import DecodeError, decode, encode
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult, StageResult

KEPT_A_CASE = 5
"""So many attempts of a case that did not pass keep their transcript in a run.json."""
KEPT_IN_ALL = 500


def of_stage(result: StageResult) -> dict[str, Any]:
    """The record of a stage: its attempts have records of their own."""
    cases = tuple(replace(case, attempts=()) for case in result.cases)
    return {"result": encode(replace(result, cases=cases))}


def of_run(run: RunResult) -> dict[str, Any]:
    """The record that ends a journal."""
    return {"run": encode(replace(run, stages=()))}


def rebuild(records: Iterable[Mapping[str, Any]]) -> RunResult:
    """The run that the records tell, equal to the one that was written as run.json.

    Raises DecodeError where the run did not end or a record has another shape.
    """
    kept, before = Keeper(), list[Attempt]()
    stages: list[StageResult] = []
    end: Mapping[str, Any] | None = None
    pushed: dict[str, Any] = {}
    for record in records:
        kind = record.get("kind")
        if kind == "attempt":
            kept.keep(_attempt(record))
        elif kind == "earlier":
            before.append(_attempt(record))
        elif kind == "evals":
            _take_earlier(kept, before, record)
        elif kind == "stage":
            stages.append(decode(StageResult, record["result"], "stage"))
        elif kind == "finished":
            end = record["run"]
        elif kind == "pushed":
            pushed = {"image": record["image"], "digest": record["digest"]}
    if end is None:
        raise DecodeError("the journal has no end: the run was stopped or killed before anything was decided")
    run = decode(RunResult, end, "run")
    run = replace(run, subject=replace(run.subject, **pushed))
    whole = {stage.name: _with_attempts(stage, kept.attempts) for stage in stages}
    return replace(run, stages=tuple(whole[name] for name in run.scope.stages if name in whole))


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that was stopped: the attempts that it made, as a run.json keeps them; what its `evals` record says, {}
    where they had not begun; and how often a run of a case was asked for and not ended."""

    attempts: tuple[Attempt, ...]
    begun: Mapping[str, Any]
    lost: Mapping[tuple[str, int], int]
    finished: bool


def unfinished(records: Iterable[Mapping[str, Any]]) -> Unfinished:
    """What a journal tells of a run that is to go on. Raises DecodeError where a record has another shape."""
    kept, before, begun, finished = Keeper(), list[Attempt](), dict[str, Any](), False
    lost: dict[tuple[str, int], int] = defaultdict(int)
    for record in records:
        kind = record.get("kind")
        if kind == "attempt":
            attempt = kept.keep(_attempt(record))
            lost.pop((attempt.case_id, attempt.run), None)
        elif kind == "earlier":
            before.append(_attempt(record))
        elif kind == "asked":
            lost[record["case_id"], record["run"]] += 1
        elif kind == "evals":
            _take_earlier(kept, before, record)
            begun = dict(record)
        finished = finished or kind == "finished"
    return Unfinished(tuple(kept.attempts), begun, dict(lost), finished)


def _take_earlier(kept: Keeper, before: list[Attempt], record: Mapping[str, Any]) -> None:
    """The evidence that a run rests on: what was copied before it began, and nothing of a copy that broke off."""
    count = record.get("earlier", 0)
    for attempt in before[len(before) - count :]:
        kept.keep(attempt)
    before.clear()


class Keeper:
    """The attempts of a run as its run.json has them: every one with its numbers, and the transcript and scores of some
    that did not pass. The journal has them all.

    What is kept follows from the order in which the attempts come, so that a journal gives the same run again.
    """

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self._told: dict[str, int] = defaultdict(int)
        self._whole = 0

    def keep(self, attempt: Attempt) -> Attempt:
        """Take in the next attempt; returns it as it is kept."""
        model = sys.intern(attempt.model) if attempt.model else attempt.model
        attempt = replace(attempt, model=model, path=sys.intern(attempt.path))
        if attempt.outcome is Outcome.PASS:
            attempt = replace(attempt, answers=(), scores=())
        elif self._told[attempt.case_id] >= KEPT_A_CASE or self._whole >= KEPT_IN_ALL:
            attempt = replace(attempt, answers=(), scores=_first(attempt.scores))
        else:
            self._told[attempt.case_id] += 1
            self._whole += 1
        self.attempts.append(attempt)
        return attempt


def _attempt(record: Mapping[str, Any]) -> Attempt:
    return decode(Attempt, {k: v for k, v in record.items() if k not in ("kind", "at")}, "attempt")


def _first(scores: tuple[Score, ...]) -> tuple[Score, ...]:
    """The first score that did not pass, without its words: they are in the journal."""
    bad = next((s for s in scores if s.outcome is not Outcome.PASS), None)
    return () if bad is None else (Score(sys.intern(bad.assertion), bad.outcome),)


def _with_attempts(stage: StageResult, attempts: Iterable[Attempt]) -> StageResult:
    if not stage.cases:
        return stage
    by_case: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_case[attempt.case_id].append(attempt)
    return replace(stage, cases=tuple(_whole(case, by_case[case.case_id]) for case in stage.cases))


def _whole(case: CaseResult, attempts: list[Attempt]) -> CaseResult:
    return replace(case, attempts=tuple(sorted(attempts, key=lambda a: a.run)))
