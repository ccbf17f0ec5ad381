"""Two runs side by side: which cases changed and by which test, what was lost on the whole, and what it took.

Pure: two RunResults in, one Comparison out, and its JSON document. How it reads for people stands in compare_told.py.

A run that stopped early, once its criteria were settled, stopped because of what it showed; of such a run only the
whole rounds are compared. Cases that ask something else than before are named and not compared.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentops.errors import UsageError
from agentops.model.case import Attempt, CaseResult
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult, StageResult
from agentops.reports import summary
from agentops.stats import compare as cases_test
from agentops.stats import latency, regression
from agentops.stats.cases import CaseCount, mean_rate
from agentops.stats.compare import CaseChange, Change

SCHEMA = "agentops.compare/1"
TEST = "Fisher's exact test, one-sided, with Holm's correction over the cases that could show a change"
ERROR = 0.05
CONFIDENCE = 0.95
PERCENTILES = (0.5, 0.95)
USAGE = ("input_tokens", "output_tokens", "cost_usd")

# The bounds of the loss lean a little on the loss that would matter; a comparison has no such demand of its own.
_MARGIN = 0.05
_MEASURED = (Outcome.PASS, Outcome.FAIL)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs. `rate` is the mean pass rate of the compared cases; `rounds` is set where the run stopped
    early and only so many rounds of it are compared."""

    id: str
    agent: str
    started_at: str
    image: str
    commit: str
    models: tuple[str, ...]
    scripted: tuple[str, ...]
    cases: int
    attempts: int
    rate: float | None
    rounds: int | None


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile of the seconds that an attempt took, with bounds that each hold with CONFIDENCE by the order
    statistics; `high` is infinite and `low` 0 where the values are too few for one. None in `value`: nothing timed."""

    value: float | None
    low: float
    high: float
    values: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What attempts used of something: the `total`, and the `mean` over the `told` attempts that said it."""

    total: float
    mean: float | None
    told: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs compared. `cases` are those that both measured, as stats.compare orders them; `reasons` says why a
    case failed in the later run, by id. Ids in `changed` ask something else now, those in `unmeasured` have no measured
    run on a side; `blind` counts the cases whose runs are too few to show a change even from all to none."""

    before: Side
    after: Side
    cases: tuple[CaseChange, ...]
    reasons: Mapping[str, str]
    changed: tuple[str, ...]
    unmeasured: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    loss: regression.Regression
    latency: tuple[tuple[float, Percentile, Percentile], ...]
    usage: tuple[tuple[str, Spent, Spent], ...]
    blind: int
    notices: tuple[str, ...]

    def of(self, change: Change) -> tuple[CaseChange, ...]:
        """The cases of which that became."""
        return tuple(c for c in self.cases if c.change is change)

    @property
    def has_lost(self) -> bool:
        """Whether the pass rate fell, by its bound; said without a loss with a probability of 5 % at most. Where many
        cases broke at once, the correction for so many tests leaves each of them suspect; together they show it."""
        return self.loss.loss is not None and self.loss.low > 0.0


def compare(before: RunResult, after: RunResult) -> Comparison:
    """Compare two runs on the cases that both have.

    Raises UsageError where a run has no evals, or the two have no case in common.
    """
    stages = _evals(before, "first"), _evals(after, "second")
    old, now = ({c.case_id: c for c in stage.cases} for stage in stages)
    both = sorted(old.keys() & now.keys())
    if not both:
        raise UsageError(
            f"the runs {before.id} and {after.id} have no case in common", hint="compare runs of the same evalset"
        )
    changed = tuple(i for i in both if not _same_question(before, old[i], after, now[i]))
    kept = [i for i in both if i not in set(changed)]
    if not kept:
        raise UsageError(
            f"each of the {len(both)} cases that the runs {before.id} and {after.id} share asks something else now",
            hint="measure the earlier image with the evalset of today, then compare",
        )
    rounds = _whole_rounds(stages[0]), _whole_rounds(stages[1])
    used = tuple({i: _used(side[i], most) for i in kept} for side, most in zip((old, now), rounds, strict=True))
    counts = tuple({i: _count(attempts) for i, attempts in side.items()} for side in used)
    measured = [i for i in kept if counts[0][i].measured and counts[1][i].measured]
    tested = tuple({i: side[i] for i in measured} for side in counts)
    found = cases_test.compare_cases(*tested, error=ERROR)
    flat = tuple([a for i in measured for a in side[i]] for side in used)
    return Comparison(
        _side(before, tested[0], flat[0], rounds[0]),
        _side(after, tested[1], flat[1], rounds[1]),
        found,
        {c.case_id: summary.first_reason(now[c.case_id]) for c in found if c.after.failed},
        changed,
        tuple(i for i in kept if i not in set(measured)),
        tuple(sorted(old.keys() - now.keys())),
        tuple(sorted(now.keys() - old.keys())),
        regression.regression_gate(*tested, max_loss=_MARGIN, confidence=CONFIDENCE),
        tuple((q, _percentile(flat[0], q), _percentile(flat[1], q)) for q in PERCENTILES),
        tuple((name, _spent(flat[0], name), _spent(flat[1], name)) for name in USAGE),
        sum(_is_blind(c.before, c.after) for c in found),
        tuple(_notices(before, after, stages, rounds)),
    )


def document(found: Comparison) -> str:
    """The comparison as JSON, pure ASCII. Keys are added in later versions, never taken away or changed."""
    loss = found.loss
    data = {
        "schema": SCHEMA,
        "before": _of_side(found.before),
        "after": _of_side(found.after),
        "test": {"name": TEST, "error": ERROR, "cases_with_too_few_runs": found.blind},
        "summary": {change.value: len(found.of(change)) for change in Change},
        "cases": [_of_case(c, found.reasons) for c in found.cases],
        "changed": list(found.changed),
        "not_measured": list(found.unmeasured),
        "gone": list(found.gone),
        "new": list(found.new),
        "loss": {
            "value": loss.loss, "low": loss.low, "high": loss.high, "confidence_each_side": CONFIDENCE,
            "shown": found.has_lost, "cases": loss.paired, "rule": loss.rule, "z": loss.z,
            "too_few_runs": list(loss.short),
        },
        "latency_s": {
            f"p{round(100 * q)}": {"before": _of_percentile(old), "after": _of_percentile(now)}
            for q, old, now in found.latency
        },
        "usage": {name: {"before": _of_spent(old), "after": _of_spent(now)} for name, old, now in found.usage},
        "notices": list(found.notices),
    }  # fmt: skip
    return json.dumps(data, ensure_ascii=True, allow_nan=False, indent=1) + "\n"


def _evals(run: RunResult, which: str) -> StageResult:
    stage = run.stage("evals")
    if stage is None or not stage.cases:
        raise UsageError(f"the {which} run, {run.id}, holds no evals", hint="compare runs that asked the agent")
    return stage


def _same_question(before: RunResult, old: CaseResult, after: RunResult, now: CaseResult) -> bool:
    """Whether both runs asked the same. A pack asks with other words for every seed; its digest is the same."""
    paths = [c.location.path if c.location else "" for c in (old, now)]
    digests = [run.subject.hashes.get(path) for run, path in zip((before, after), paths, strict=True)]
    return old.input == now.input or (digests[0] is not None and digests[0] == digests[1])


def _whole_rounds(stage: StageResult) -> int | None:
    """The rounds to compare of a run that stopped once its criteria were settled; None: all attempts count."""
    if stage.sampling is None or not stage.sampling.saved:
        return None
    return min(len(c.attempts) for c in stage.cases) or None


def _used(case: CaseResult, rounds: int | None) -> list[Attempt]:
    return [a for a in case.attempts if rounds is None or a.run <= rounds]


def _count(attempts: Sequence[Attempt]) -> CaseCount:
    outcomes = Counter(a.outcome for a in attempts)
    passed, failed = (outcomes[o] for o in _MEASURED)
    return CaseCount(passed, failed, len(attempts) - passed - failed)


def _is_blind(before: CaseCount, after: CaseCount) -> bool:
    worst = CaseCount(before.measured, 0), CaseCount(0, after.measured)
    return cases_test.fisher_worse(*worst)[0] > ERROR


def _side(run: RunResult, counts: Mapping[str, CaseCount], attempts: Sequence[Attempt], rounds: int | None) -> Side:
    models = tuple(sorted({a.model for a in attempts if a.model}))
    rate = mean_rate(tuple(counts.values())) if counts else None
    return Side(
        run.id, run.agent, run.started_at, summary.image_name(run), summary.commit_name(run), models, run.scripted,
        len(counts), len(attempts), rate, rounds,
    )  # fmt: skip


def _percentile(attempts: Sequence[Attempt], q: float) -> Percentile:
    values = [a.latency_s for a in attempts if a.latency_s is not None]
    if not values:
        return Percentile(None, 0.0, math.inf, 0)
    low, high = (bound(values, q, CONFIDENCE) for bound in (latency.lower_bound, latency.upper_bound))
    return Percentile(latency.percentile(values, q), low, high, len(values))


def _spent(attempts: Sequence[Attempt], name: str) -> Spent:
    values = [v for a in attempts if (v := getattr(a, name)) is not None]
    return Spent(math.fsum(values), math.fsum(values) / len(values) if values else None, len(values))


def _notices(
    before: RunResult, after: RunResult, stages: Sequence[StageResult], rounds: Sequence[int | None]
) -> Iterable[str]:
    """What a reader has to know before believing the rest."""
    if before.agent != after.agent:
        yield f"different agents: {before.agent} and {after.agent}"
    if before.id == after.id:
        yield "both are the same run"
    elif before.started_at > after.started_at:
        yield "the first run is the later one: what is told as lost was gained"
    if before.scripted != after.scripted:
        played = [", ".join(run.scripted) or "nothing" for run in (before, after)]
        yield f"a script played {played[0]} in the first run and {played[1]} in the second"
    elif before.scripted:
        yield f"a script played the {' and the '.join(before.scripted)} in both runs"
    if before.containerised != after.containerised:
        yield "only one of the runs had the agent in its container"
    old, now = before.subject.hashes, after.subject.hashes
    paths = sorted({c.location.path for stage in stages for c in stage.cases if c.location})
    for path in paths:
        if path in old and path in now and old[path] != now[path]:
            yield f"{path} changed: a case that asks the same may expect something else now, or go on otherwise"
        elif (path in old) != (path in now):
            yield f"only one of the runs asked {path}"
    others = sorted(k for k in old.keys() & now.keys() if old[k] != now[k] and k not in paths)
    if others:
        yield f"changed in between: {', '.join(others)}"
    for which, stage, most in zip(("first", "second"), stages, rounds, strict=True):
        if most is not None:
            noun = "round" if most == 1 else f"{most} rounds"
            yield f"the {which} run stopped once its criteria were settled: its first {noun} count"
        if stage.sampling is not None and stage.sampling.broke_off:
            yield f"the {which} run broke off: {stage.sampling.broke_off}"


def _of_side(side: Side) -> dict[str, Any]:
    return {
        "run": side.id, "agent": side.agent, "started_at": side.started_at, "image": side.image,
        "commit": side.commit, "models": list(side.models), "scripted": list(side.scripted), "cases": side.cases,
        "attempts": side.attempts, "pass_rate": side.rate, "rounds": side.rounds,
    }  # fmt: skip


def _of_case(case: CaseChange, reasons: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": case.case_id,
        "change": case.change.value,
        "before": _of_count(case.before),
        "after": _of_count(case.after),
        "p": case.p,
        "adjusted_p": case.adjusted,
        "reason": reasons.get(case.case_id, ""),
    }


def _of_count(count: CaseCount) -> dict[str, int]:
    return {"passed": count.passed, "failed": count.failed, "unmeasured": count.unmeasured}


def _of_percentile(found: Percentile) -> dict[str, Any]:
    high = found.high if math.isfinite(found.high) else None
    return {"value": found.value, "low": found.low or None, "high": high, "values": found.values}


def _of_spent(spent: Spent) -> dict[str, Any]:
    return {"total": spent.total if spent.told else None, "mean": spent.mean, "attempts": spent.told}
