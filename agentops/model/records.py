"""The records of a journal, and the run that they add up to. Their kinds:

run       what was planned: id, agent, scope, plan
evals     seed and planned attempts, written before the first call
attempt   one call of the agent, as it ended
judged    the judge's scores for an attempt, by its `seq`
stage     a stage as it ended, its cases without their attempts
finished  the run without its stages; a journal without it is of a run that did not end
pushed    where the image went after a pass, and the digest that it got there
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agentops.model.case import Attempt, CaseResult, Score
from agentops.model.codec import DecodeError, decode, encode
from agentops.model.outcome import Outcome, worst
from agentops.model.run import RunResult, StageResult


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
    attempts: dict[int, Attempt] = {}
    stages: list[StageResult] = []
    end: Mapping[str, Any] | None = None
    pushed: dict[str, Any] = {}
    for record in records:
        kind = record.get("kind")
        if kind == "attempt":
            fields = {k: v for k, v in record.items() if k not in ("kind", "at")}
            attempt = decode(Attempt, fields, "attempt")
            attempts[attempt.seq] = attempt
        elif kind == "judged":
            attempts[record["seq"]] = judged(
                attempts[record["seq"]], decode(tuple[Score, ...], record["scores"], "judged")
            )
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
    whole = {stage.name: _with_attempts(stage, attempts.values()) for stage in stages}
    return replace(run, stages=tuple(whole[name] for name in run.scope.stages if name in whole))


def judged(attempt: Attempt, added: tuple[Score, ...]) -> Attempt:
    """The attempt with the judge's scores, which are the last that were missing."""
    scores = attempt.scores + added
    error = next((f"{s.assertion}: {s.reason}" for s in scores if s.outcome is Outcome.ERROR), "")
    return replace(attempt, scores=scores, outcome=worst(s.outcome for s in scores), error=error)


def _with_attempts(stage: StageResult, attempts: Iterable[Attempt]) -> StageResult:
    if not stage.cases:
        return stage
    by_case: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_case[attempt.case_id].append(attempt)
    return replace(stage, cases=tuple(_whole(case, by_case[case.case_id]) for case in stage.cases))


def _whole(case: CaseResult, attempts: list[Attempt]) -> CaseResult:
    return replace(case, attempts=tuple(sorted(attempts, key=lambda a: a.run)))
