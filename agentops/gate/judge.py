"""How each metric is judged: observed value, what it is sure of, and one sentence.

What was not measured counts for neither side: towards PASS an attempt without an outcome counts as failed, towards
FAIL as passed. So a gap in the measurement can make a criterion inconclusive and can never turn its verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from agentops.gate.policy import QUANTILES, stages_of
from agentops.model.case import CaseResult
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult
from agentops.model.verdict import Criterion, CriterionResult
from agentops.stats import intervals, latency
from agentops.stats.consistency import blocks, pass_hat_k

_MEASURED = (Outcome.PASS, Outcome.FAIL)


def judge(run: RunResult, criterion: Criterion) -> CriterionResult:
    """One criterion over the run."""
    stages = stages_of(criterion)
    if not any(_measured(run, s.name) or s.findings for s in run.stages if s.name in stages):
        return _result(criterion, Outcome.ERROR, "nothing was measured for it", hint="see the errors of its stage")
    return _JUDGES[criterion.metric](run, criterion)


def _pass_rate(run: RunResult, c: Criterion) -> CriterionResult:
    cases = _cases(run, c)
    planned, passed, failed = _tally(cases)
    if not planned or not passed + failed:
        return _result(c, Outcome.ERROR, "no attempt was measured")
    bound = c.at_least or 0.0
    low = intervals.lower_bound(passed, planned, c.confidence)
    high = intervals.upper_bound(planned - failed, planned, c.confidence)
    rate = passed / (passed + failed)
    outcome = _side(low >= bound, high < bound)
    shown = (
        f"{passed}/{passed + failed} attempts passed ({rate:.3f}); {c.confidence:.0%} bounds {low:.3f} to {high:.3f}"
    )
    reasons = {
        Outcome.PASS: f"{shown}, all at or above {bound:g}",
        Outcome.FAIL: f"{shown}, all below {bound:g}",
        Outcome.INCONCLUSIVE: f"{shown} hold {bound:g} between them",
    }
    return _result(
        c, outcome, reasons[outcome], observed=rate, low=low, high=high, coverage=_coverage(cases),
        hint=_more_runs(rate, bound, c.confidence, planned) if outcome is Outcome.INCONCLUSIVE else "",
    )  # fmt: skip


def _violations(run: RunResult, c: Criterion) -> CriterionResult:
    cases = _cases(run, c)
    planned, passed, failed = _tally(cases)
    if not planned or not passed + failed:
        return _result(c, Outcome.ERROR, "no attempt was measured")
    bound = c.at_most or 0.0
    unmeasured = planned - passed - failed
    rate = intervals.upper_bound(failed, planned - unmeasured, c.confidence)
    outcome = _side(failed + unmeasured <= bound, failed > bound)
    sure = f"the true rate is at most {rate:.3f} ({c.confidence:.0%})"
    shown = f"{failed} of {passed + failed} attempts failed, {bound:g} allowed; {sure}"
    if outcome is Outcome.INCONCLUSIVE:
        shown += f"; {unmeasured} attempts without an outcome could be violations"
    return _result(c, outcome, shown, observed=float(failed), high=rate, coverage=_coverage(cases))


def _consistency(run: RunResult, c: Criterion) -> CriterionResult:
    cases, k = _cases(run, c), c.k or 1
    bound = c.at_least or 0.0
    full = [r for r in cases if len(r.attempts) >= k and all(a.outcome in _MEASURED for a in r.attempts)]
    pessimist = [b for r in cases for b in blocks(_outcomes(r, unmeasured=False), k)]
    optimist = [b for r in cases for b in blocks(_outcomes(r, unmeasured=True), k)]
    if not full or not pessimist:
        return _result(c, Outcome.ERROR, f"no case has {k} measured runs")
    low = intervals.lower_bound(sum(pessimist), len(pessimist), c.confidence)
    high = intervals.upper_bound(sum(optimist), len(optimist), c.confidence)
    rate = sum(pass_hat_k(r.passed(), len(r.attempts), k) for r in full) / len(full)
    outcome = _side(low >= bound, high < bound)
    sure = f"{c.confidence:.0%} bounds {low:.3f} to {high:.3f}"
    shown = f"all {k} of {k} runs pass with a rate of {rate:.3f}; {sure}, at least {bound:g} needed"
    return _result(
        c, outcome, shown, observed=rate, low=low, high=high, coverage=_coverage(cases),
        hint="add cases or runs" if outcome is Outcome.INCONCLUSIVE else "",
    )  # fmt: skip


def _latency(run: RunResult, c: Criterion) -> CriterionResult:
    cases, q = _cases(run, c), QUANTILES[c.metric]
    bound = c.at_most or 0.0
    times = [a.latency_s for r in cases for a in r.attempts if a.latency_s is not None]
    if not times:
        return _result(c, Outcome.ERROR, "no attempt was timed")
    missing = sum(r.planned for r in cases) - len(times)
    high = latency.upper_bound(times + [math.inf] * missing, q, c.confidence)
    low = latency.lower_bound(times + [0.0] * missing, q, c.confidence)
    observed = latency.percentile(times, q)
    outcome = _side(high <= bound, low > bound)
    sure = f"{low:.3f} to {high:.3f} s" if math.isfinite(high) else f"{low:.3f} s and up"
    shown = (
        f"{observed:.3f} s over {len(times)} attempts; {c.confidence:.0%} bounds {sure}, at most {bound:g} s allowed"
    )
    hint = ""
    if outcome is Outcome.INCONCLUSIVE and not math.isfinite(high):
        hint = f"it takes {latency.samples_needed(q, c.confidence)} timed attempts to bound it, none of them lost"
    return _result(
        c, outcome, shown, observed=observed, low=low, high=high if math.isfinite(high) else None,
        coverage=_coverage(cases), hint=hint,
    )  # fmt: skip


def _findings(run: RunResult, c: Criterion) -> CriterionResult:
    bound, severity = c.at_most or 0.0, c.severity
    asked = [s for s in stages_of(c) if s in run.scope.stages]
    measured = [stage for name in asked if (stage := run.stage(name)) is not None and _measured(run, name)]
    # A finding counts wherever it was made, also in a stage that did not get to its end.
    found = [f for stage in run.stages if stage.name in asked for f in stage.findings]
    count = sum(f.waiver is None and (severity is None or f.severity.rank >= severity.rank) for f in found)
    silent = sorted(set(asked) - {s.name for s in measured})
    parts = [f"in {', '.join(s.name for s in measured)}"] if measured else []
    parts += [f"not all of {', '.join(silent)} was scanned"] if silent else []
    coverage = "; ".join(parts)
    level = f" of severity {severity.value} or above" if severity else ""
    return _result(
        c, Outcome.FAIL if count > bound else Outcome.PASS, f"{count} findings{level} {coverage}, {bound:g} allowed",
        observed=float(count), coverage=coverage,
    )  # fmt: skip


def _value(run: RunResult, c: Criterion) -> CriterionResult:
    """A number that a stage measured, held against its bound as it is."""
    stage = run.stage(stages_of(c)[0])
    bound = c.at_most or 0.0
    if stage is None or c.metric not in stage.values:
        return _result(c, Outcome.ERROR, f"{stages_of(c)[0]} measured no {c.metric}")
    value = stage.values[c.metric]
    coverage = f"{stage.counts.measured}/{stage.counts.planned} {stage.counts.unit}"
    outcome = Outcome.FAIL if value > bound else Outcome.PASS
    what = "tests failed" if c.metric == "tests_failed" else "is the highest risk"
    reason = f"{value:.3g} {what} ({coverage}), at most {bound:g} allowed"
    return _result(c, outcome, reason, observed=value, coverage=coverage)


_JUDGES: Mapping[str, Callable[[RunResult, Criterion], CriterionResult]] = {
    "pass_rate": _pass_rate,
    "violations": _violations,
    "consistency_pass_all_k": _consistency,
    "latency_p50_s": _latency,
    "latency_p95_s": _latency,
    "latency_p99_s": _latency,
    "findings": _findings,
    "prompt_risk": _value,
    "prompt_risk_high": _value,
    "tests_failed": _value,
}


def _measured(run: RunResult, name: str) -> bool:
    """Whether the stage reached anything at all; what it missed is judged by its own criterion."""
    stage = run.stage(name)
    return stage is not None and stage.counts.measured > 0


def _cases(run: RunResult, c: Criterion) -> list[CaseResult]:
    stage = run.stage("evals")
    return [r for r in (stage.cases if stage else ()) if not c.where.tag or c.where.tag in r.tags]


def _tally(cases: Sequence[CaseResult]) -> tuple[int, int, int]:
    """Attempts planned, passed, failed."""
    outcomes = [a.outcome for r in cases for a in r.attempts]
    return sum(r.planned for r in cases), outcomes.count(Outcome.PASS), outcomes.count(Outcome.FAIL)


def _outcomes(result: CaseResult, *, unmeasured: bool) -> list[bool]:
    """The case's planned runs in order, with a stand-in for those without an outcome."""
    by_run = {a.run: a.outcome for a in result.attempts}
    runs = [by_run.get(run, Outcome.ERROR) for run in range(1, result.planned + 1)]
    return [o is Outcome.PASS if o in _MEASURED else unmeasured for o in runs]


def _coverage(cases: Sequence[CaseResult]) -> str:
    planned, passed, failed = _tally(cases)
    return f"{passed + failed}/{planned} attempts, {len(cases)} cases"


def _side(shown: bool, refuted: bool) -> Outcome:
    if shown:
        return Outcome.PASS
    return Outcome.FAIL if refuted else Outcome.INCONCLUSIVE


def _more_runs(rate: float, bound: float, confidence: float, planned: int) -> str:
    """How many attempts would settle it, should the rate stay what it is."""
    if rate <= bound:
        return "the observed rate is below the demand: mend the failing cases"
    n = planned
    while n < 1_000_000:
        n = math.ceil(n * 1.2)
        if intervals.lower_bound(math.floor(rate * n), n, confidence) >= bound:
            return f"about {n} attempts would show it at this rate; {planned} were made"
    return "the rate is too close to the demand to be told apart"


def _result(
    c: Criterion,
    outcome: Outcome,
    reason: str,
    *,
    observed: float | None = None,
    low: float | None = None,
    high: float | None = None,
    coverage: str = "",
    hint: str = "",
) -> CriterionResult:
    return CriterionResult(
        name=c.name,
        metric=c.metric,
        outcome=outcome,
        reason=reason,
        observed=observed,
        low=low,
        high=high,
        bound=c.at_least if c.at_least is not None else c.at_most,
        coverage=coverage,
        hint=hint,
    )
