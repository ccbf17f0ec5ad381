"""Whether an agent got worse than a baseline on the same cases, by more than is allowed.

The loss is the baseline's mean rate less the new one's, over the cases that both have, each with equal weight.

PASS  the upper bound of the loss is below the margin: a test of non-inferiority, not "no significant drop".
FAIL  the lower bound is above zero and the observed loss is at or beyond the margin: a real loss, and not a small one.
A loss that is real and surely below the margin passes: that is what the margin allows. So an agent that lost the margin
or more passes with a probability of at most the error, one that lost nothing fails with at most the error; between
the two either verdict, or none, is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentops.stats import intervals, normal
from agentops.stats.cases import CaseCount, Ruling, within_variance

MIN_RUNS = 3
# Below so many failures seen on both sides together, or so few cases, exact bounds decide: the within-case variance of
# runs that hardly ever fail is hardly known.
RARE = 20
FEW_CASES = 30
_PSEUDO_CASES = 10


@dataclass(frozen=True, slots=True)
class Regression:
    """`loss` with one-sided bounds `low` and `high`; None where no case had enough runs on both sides.

    `paired` counts the cases that were compared. `short` names those with fewer than three runs on a side, which make
    the verdict INCONCLUSIVE; `gone` and `new` those that only the baseline or only the new run has. `z` is that of the
    loss against zero. `rule`: "within-case", or "count" where failures are rare or cases few.
    """

    ruling: Ruling
    loss: float | None
    low: float
    high: float
    paired: int
    rule: str = ""
    z: float | None = None
    short: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


def regression_gate(
    baseline: Mapping[str, CaseCount],
    candidate: Mapping[str, CaseCount],
    *,
    max_loss: float,
    confidence: float = 0.95,
    min_runs: int = MIN_RUNS,
) -> Regression:
    """Judge the loss from the baseline to the candidate, both by case id. Bounds are one-sided.

    Runs without an outcome count for the loss towards PASS, and against it towards FAIL. The number of runs must not
    depend on what they showed: a run that another gate stopped early is compared by its first whole rounds only.
    Raises ValueError for a margin outside 0..1.
    """
    if not 0.0 < max_loss < 1.0 or not 0.5 < confidence < 1.0:
        raise ValueError("max_loss must lie between 0 and 1, confidence between one half and 1")
    both = sorted(baseline.keys() & candidate.keys())
    short = tuple(i for i in both if min(baseline[i].measured, candidate[i].measured) < min_runs)
    gone, new = tuple(sorted(baseline.keys() - candidate.keys())), tuple(sorted(candidate.keys() - baseline.keys()))
    ids = [i for i in both if i not in set(short)]
    if not ids:
        return Regression(Ruling.INCONCLUSIVE, None, -1.0, 1.0, 0, short=short, gone=gone, new=new)
    old, now = [baseline[i] for i in ids], [candidate[i] for i in ids]
    seen = _measured(old), _measured(now)
    worst = [c.as_passed() for c in old], [c.as_failed() for c in now]
    best = [c.as_failed() for c in old], [c.as_passed() for c in now]
    loss = _mean(seen[0]) - _mean(seen[1])
    failures = sum(c.failed for side in seen for c in side)
    if failures < RARE or len(ids) < FEW_CASES:
        rule, z = "count", None
        high = _exact_most(*worst, confidence)
        low = -_exact_most(best[1], best[0], confidence)
    else:
        rule, reach = "within-case", normal.quantile(confidence)
        high = _mean(worst[0]) - _mean(worst[1]) + reach * _error(*worst, max_loss)
        low = _mean(best[0]) - _mean(best[1]) - reach * _error(*best, 0.0)
        z = loss / _error(*seen, 0.0)
    ruling = Ruling.INCONCLUSIVE
    if high < max_loss and not short:
        ruling = Ruling.PASS
    elif low > 0.0 and loss >= max_loss and not short:
        ruling = Ruling.FAIL
    return Regression(ruling, loss, low, high, len(ids), rule, z, short, gone, new)


def _measured(side: Sequence[CaseCount]) -> list[CaseCount]:
    return [CaseCount(c.passed, c.failed) for c in side]


def _mean(side: Sequence[CaseCount]) -> float:
    return math.fsum(c.passed / c.runs for c in side) / len(side)


def _error(old: Sequence[CaseCount], now: Sequence[CaseCount], margin: float) -> float:
    """The standard error of the loss: the pooled variance of a run within its case, shrunk towards that of runs
    without cases by ten cases (more where failures are rare), which is taken at the rates of a loss of the margin."""
    middle = (_mean(old) + _mean(now)) / 2.0
    middle = min(max(middle, margin / 2.0), 1.0 - margin / 2.0)
    whole = middle * (1.0 - middle)
    pseudo = max(_PSEUDO_CASES, 1.5 / max(min(middle, 1.0 - middle), 1e-6))
    k = len(old)
    within = (within_variance(old)[0] + within_variance(now)[0]) / 2.0
    variance = (within * k + pseudo * whole) / (k + pseudo)
    per_run = math.fsum(1.0 / c.runs for side in (old, now) for c in side)
    return math.sqrt(max(variance * per_run, 1e-18)) / k


def _exact_most(old: Sequence[CaseCount], now: Sequence[CaseCount], confidence: float) -> float:
    """An upper bound of the loss from exact bounds on either side, joined as Newcombe's method 10 (1998) joins them.

    With unequal runs the bounds stand around the mean of case means, as wide as they are around the pooled share.
    """
    runs_old, runs_now = sum(c.runs for c in old), sum(c.runs for c in now)
    passed_old, passed_now = sum(c.passed for c in old), sum(c.passed for c in now)
    down = passed_now / runs_now - intervals.lower_bound(passed_now, runs_now, confidence)
    up = intervals.upper_bound(passed_old, runs_old, confidence) - passed_old / runs_old
    return _mean(old) - _mean(now) + math.sqrt(down * down + up * up)
