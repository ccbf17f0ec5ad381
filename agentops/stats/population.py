"""The mean pass rate of all cases that might have been written, of which the suite holds some at random.

More runs do not help against the luck of the draw: cases are what counts. One look, at the end of a budget that was
fixed before: a run that was stopped early because of what it showed must not be judged by this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agentops.stats import intervals, normal
from agentops.stats.cases import CaseCount, Ruling, mean_rate
from agentops.stats.wilson import score_interval

# Below so many cases, or so many of them expected to fail, every case counts as one trial, however often it was run.
FEW_CASES = 30
RARE = 10
_PSEUDO_CASES = 10
_PSEUDO_FAILURES = 1.5


@dataclass(frozen=True, slots=True)
class PopulationResult:
    """`low` and `high` are one-sided bounds at the confidence that was asked for; `effective` is the number of
    independent runs that the sample is worth; `rule` is "cluster" or, with few cases or rare failures, "cases"."""

    ruling: Ruling
    estimate: float
    low: float
    high: float
    cases: int
    effective: float
    rule: str


def population_gate(cases: Sequence[CaseCount], threshold: float, *, confidence: float = 0.95) -> PopulationResult:
    """Whether the population's mean rate is at least the threshold.

    Cluster-robust standard error of the mean of case means, Wilson's interval on the effective number of trials, with
    Student's t. With few cases, or where few of them would fail at the threshold, Clopper-Pearson bounds with each
    case as one trial: its passes are the sum of the case means, rounded to the side that decides nothing. Runs without
    an outcome count as failed towards PASS, as passed towards FAIL. Raises ValueError where nothing was measured.
    """
    if not 0.0 < threshold < 1.0 or not 0.5 < confidence < 1.0:
        raise ValueError("the threshold must lie between 0 and 1, confidence between one half and 1")
    known = [c for c in cases if c.runs]
    estimate = mean_rate(known)
    k = len(known)
    worst, best = [c.as_failed() for c in known], [c.as_passed() for c in known]
    if k < FEW_CASES or round(k * min(threshold, 1.0 - threshold), 9) < RARE:
        rule, effective = "cases", float(k)
        low = intervals.lower_bound(math.floor(_summed(worst) + 1e-9), k, confidence)
        high = intervals.upper_bound(math.ceil(_summed(best) - 1e-9), k, confidence)
    else:
        rule, t = "cluster", normal.t_quantile(confidence, k - 1)
        effective = effective_trials(worst)
        low = score_interval(_summed(worst) / k, effective, t)[0]
        high = score_interval(_summed(best) / k, effective_trials(best), t)[1]
    ruling = Ruling.PASS if low >= threshold else Ruling.FAIL if high < threshold else Ruling.INCONCLUSIVE
    return PopulationResult(ruling, estimate, low, high, k, effective, rule)


def effective_trials(cases: Sequence[CaseCount]) -> float:
    """Independent runs that give the same standard error: mean * (1 - mean) / se^2, se from the spread of case means.

    The spread is shrunk towards that of cases which always do the same, by ten cases or more where failures are rare
    and few cases tell anything about it. At least the number of cases, as the runs of one case are worth one at
    least; at most the number of runs. Where all cases came out alike it is the number of cases.
    """
    k = len(cases)
    mean = _summed(cases) / k
    if k < 2:
        return float(k)
    spread = math.fsum((c.passed / c.runs - mean) ** 2 for c in cases) / (k - 1)
    if spread <= 0.0:
        return float(k)
    whole = mean * (1.0 - mean)
    pseudo = max(_PSEUDO_CASES, _PSEUDO_FAILURES / min(mean, 1.0 - mean))
    squared = (spread * k + whole * pseudo) / (k + pseudo) / k
    return min(max(whole / squared, float(k)), float(sum(c.runs for c in cases)))


def _summed(cases: Sequence[CaseCount]) -> float:
    return math.fsum(c.passed / c.runs for c in cases)
