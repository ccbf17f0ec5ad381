"""Going on past the end of a gate's budget: evidence that may be looked at after every round, for as long as one likes.

The e-value for "the rate is at most p0" is the likelihood of the passes seen, averaged over rates above p0, over their
likelihood at p0. Its mean is at most 1 where p0 holds, and so is that of the product over rounds: by Ville's inequality
it ever reaches 1/a with a probability of at most a. Cases may differ: with rates p_i whose mean is at most p0 the
product of (1 - p_i + p_i e^l) is at most (1 - p0 + p0 e^l)^cases for every bet l > 0, geometric below arithmetic mean.
That holds for whole rounds; so it is looked at when a round is full, and only then. The rates are weighed by a beta
distribution cut at p0, wide as the distance to a perfect agent is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from agentops.stats.cases import Ruling
from agentops.stats.decision import Decision
from agentops.stats.intervals import beta_cdf
from agentops.stats.plan import GatePlan
from agentops.stats.sequential import Tally

# What the e-process may err on either side, as a part of what the gate may: the gate's own rule has had its share.
SHARE = 0.5


def log_e_above(passed: int, calls: int, threshold: float) -> float:
    """The natural logarithm of the e-value against "the rate is at most `threshold`", after whole rounds."""
    if threshold < 0.5:  # passes are the rare ones: the same with passes and failures exchanged
        return log_e_below(calls - passed, calls, 1.0 - threshold)
    return _mix(passed, calls - passed, threshold, failing=0.6 * (1.0 - threshold), weight=6.0, above=True)


def log_e_below(passed: int, calls: int, threshold: float) -> float:
    """The natural logarithm of the e-value against "the rate is at least `threshold`", after whole rounds."""
    if threshold < 0.5:
        return log_e_above(calls - passed, calls, 1.0 - threshold)
    return _mix(passed, calls - passed, threshold, failing=4.0 / 3.0 * (1.0 - threshold), weight=15.0, above=False)


def _mix(passed: int, failed: int, threshold: float, *, failing: float, weight: float, above: bool) -> float:
    """The log of the mean likelihood ratio over a beta distribution, cut to one side of the threshold, around this
    failure rate and as wide as if so many failures had been seen."""
    a, b = weight / failing - weight, weight
    after_a, after_b = a + passed, b + failed
    if above:
        mass, after = beta_cdf(1.0 - threshold, b, a), beta_cdf(1.0 - threshold, after_b, after_a)
    else:
        mass, after = beta_cdf(threshold, a, b), beta_cdf(threshold, after_a, after_b)
    if after <= 0.0:
        return -math.inf
    whole = _log_beta(after_a, after_b) - _log_beta(a, b) + math.log(after / mass)
    return whole - passed * math.log(threshold) - failed * math.log1p(-threshold)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@dataclass(frozen=True, slots=True)
class EEvidence:
    """Passes with the unmeasured taken as failed (`low`) and as passed (`high`), and the log of e that decides."""

    low: int
    high: int
    calls: int
    needed: float

    def interval(self) -> tuple[float, float]:
        """The rates that neither e-process rules out: a confidence sequence, good at all rounds at once."""
        low, high = 0.0, self.low / self.calls
        for _ in range(40):  # the lower the rate that is claimed, the stronger the evidence against it
            middle = (low + high) / 2
            out = _inside(middle) and log_e_above(self.low, self.calls, middle) >= self.needed
            low, high = (middle, high) if out else (low, middle)
        least = low
        low, high = self.high / self.calls, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            out = _inside(middle) and log_e_below(self.high, self.calls, middle) >= self.needed
            low, high = (low, middle) if out else (middle, high)
        return least, high


def _inside(p: float) -> bool:
    return 1e-9 < p < 1.0 - 1e-9


class Continued:
    """The gate on evidence that may go on past its budget, or past its futility stop. Feed it with attempts in schedule
    order, read `decision`.

    First the plan's own rule. Where it ends INCONCLUSIVE and there are more attempts, the e-process over all of them,
    from the first, at the end of every further round, at `share` of the gate's error. So over both, however often it
    is continued, a suite at the threshold passes with a probability of at most (1 + share) times the error of the
    gate, and fails with at most the same. Until then the decision is INCONCLUSIVE, with the last round's interval.
    """

    def __init__(self, plan: GatePlan, *, share: float = SHARE) -> None:
        self.plan = plan
        self._tally = Tally(plan)
        self._needed = -math.log(share * plan.error)
        self._seen = [0] * plan.cases
        self._calls = self._low = self._high = 0
        self.decision = self._tally.decision

    @property
    def decided(self) -> bool:
        """Whether the verdict is there for good, whatever comes."""
        return self.decision.ruling in (Ruling.PASS, Ruling.FAIL)

    @property
    def budget_ended(self) -> bool:
        """Whether the plan's own rule came to its end."""
        return self._tally.settled

    def add(self, case: int, passed: bool | None) -> None:
        """One attempt more; after the verdict it changes nothing. Raises ValueError where a round does not hold each
        case once."""
        if self.decided:
            return
        cases, calls = self.plan.cases, self._calls + 1
        if not 0 <= case < cases or self._seen[case] != (calls - 1) // cases:
            raise ValueError(f"attempt {calls} is of case {case}: each round holds each case once")
        self._seen[case] += 1
        self._calls = calls
        self._low += passed is True
        self._high += passed is not False
        if not self._tally.settled:
            self.decision = self._tally.extend([(case, passed)])
        elif calls % cases == 0:
            seen = EEvidence(self._low, self._high, calls, self._needed)
            self.decision = _at_round(self.plan, seen, measured=calls - (self._high - self._low))


def continued(plan: GatePlan, outcomes: Iterable[tuple[int, bool | None]], *, share: float = SHARE) -> Decision:
    """The decision of `Continued` on attempts in schedule order."""
    gate = Continued(plan, share=share)
    for case, passed in outcomes:
        gate.add(case, passed)
        if gate.decided:
            break
    return gate.decision


def _at_round(plan: GatePlan, seen: EEvidence, *, measured: int) -> Decision:
    above = log_e_above(seen.low, seen.calls, plan.threshold)
    below = log_e_below(seen.high, seen.calls, plan.threshold)
    ruling, reason = Ruling.INCONCLUSIVE, "budget"
    if above >= seen.needed:
        ruling, reason = Ruling.PASS, "boundary"
    elif below >= seen.needed:
        ruling, reason = Ruling.FAIL, "boundary"
    return Decision(
        ruling, calls=seen.calls, rule="e-process", reason=reason, threshold=plan.threshold,
        estimate=seen.low / measured if measured else None, unmeasured=seen.calls - measured, evidence=seen,
        log_e_above=above, log_e_below=below, boundary=seen.needed,
    )  # fmt: skip
