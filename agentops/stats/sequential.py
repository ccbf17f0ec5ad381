"""The gate on a pass rate, decided as its attempts come in.

The rate is the mean over the cases of this suite, each with equal weight. Attempts come in rounds; a round holds each
case once, in an order that was shuffled anew and has nothing to do with what the agent does.

* In round one, and where failures are rare, the count of passes is held against exact binomial bounds. They may decide
  between two looks where the outcome of the next look is certain already: that changes no verdict, only its date.
* Afterwards z = (mean of case means - threshold) / standard error, the error from the variance within cases, which is
  smaller than the binomial's as cases differ (the part 1 - icc of it), shrunk towards the binomial's by ten cases.
* INCONCLUSIVE where the chance of any verdict within the budget is below 10 %, or at its end. That stop is not binding:
  it is in no bound, so that going on in spite of it does no harm to the error.

An attempt without an outcome counts as failed towards PASS and as passed towards FAIL.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from agentops.stats import normal
from agentops.stats.boundaries import CountBound
from agentops.stats.cases import Ruling
from agentops.stats.decision import CountEvidence, Decision, ZEvidence
from agentops.stats.plan import FUTILE, GatePlan, ZBound

# The within-case variance is shrunk by so many cases as hold this many failures at the threshold, and at least ten:
# where failures are rare, few cases tell anything about it.
_PSEUDO_FAILURES = 1.5
_PSEUDO_CASES = 10


class _Track:
    """Sums over the cases with the unmeasured taken one way: passes and their squares, of all and of those cases that
    the current round has reached. Integers, so that the same attempts give the same verdict to the last bit."""

    __slots__ = ("passes", "reached", "reached_squares", "squares", "total")

    def __init__(self, cases: int) -> None:
        self.passes = [0] * cases
        self.total = self.squares = self.reached = self.reached_squares = 0

    def copy(self) -> _Track:
        other = _Track(0)
        other.passes = self.passes[:]
        other.total, other.squares = self.total, self.squares
        other.reached, other.reached_squares = self.reached, self.reached_squares
        return other

    def add(self, case: int, passed: bool) -> None:
        count = self.passes[case]
        if passed:
            self.total += 1
            self.squares += 2 * count + 1
            count += 1
            self.passes[case] = count
        self.reached += count
        self.reached_squares += count * count

    def mean(self, rounds: int, more: int) -> float:
        """The mean of case means after so many whole rounds and `more` calls of the next."""
        cases = len(self.passes)
        if not rounds:
            return self.reached / more
        return ((self.total - self.reached) / rounds + self.reached / (rounds + 1)) / cases

    def spread(self, rounds: int, more: int) -> tuple[float, int]:
        """The summed within-case variance of a run, and the number of cases that have two or more runs."""
        cases = len(self.passes)
        summed, two = 0.0, 0
        if rounds >= 2:
            passes, squares = self.total - self.reached, self.squares - self.reached_squares
            summed += (rounds * passes - squares) / (rounds * (rounds - 1))
            two += cases - more
        if rounds >= 1:
            summed += ((rounds + 1) * self.reached - self.reached_squares) / ((rounds + 1) * rounds)
            two += more
        return summed, two


class Tally:
    """The state of one gate while its attempts come in. Feed it with the schedule's prefix, read `decision`.

    What comes after the deciding attempt is counted nowhere and changes nothing.
    """

    def __init__(self, plan: GatePlan) -> None:
        self.plan = plan
        self.calls = 0
        self.decision = Decision(Ruling.UNDECIDED, threshold=plan.threshold)
        self._runs = [0] * plan.cases
        self._low = self._high = _Track(plan.cases)
        self._missing: dict[int, int] = {}
        self._look = 0

    @property
    def settled(self) -> bool:
        """Whether no further attempt can change the decision."""
        return self.decision.ruling is not Ruling.UNDECIDED

    def extend(self, outcomes: Iterable[tuple[int, bool | None]]) -> Decision:
        """Take attempts in schedule order: the case's index from 0, and whether it passed, None where it has no
        outcome. Returns the decision so far. Raises ValueError where a round does not hold each case once."""
        if self.settled:
            return self.decision
        cases, runs = self.plan.cases, self._runs
        earliest = self.plan.min_rounds * cases
        at, sure_pass, sure_fail = self._next()
        for case, passed in outcomes:
            if not 0 <= case < cases or runs[case] != self.calls // cases:
                raise ValueError(f"attempt {self.calls + 1} is of case {case}: each round holds each case once")
            runs[case] += 1
            self.calls += 1
            if passed is None:
                self._take_missing(case)
            else:
                self._low.add(case, passed)
                if self._high is not self._low:
                    self._high.add(case, passed)
            passes = self._low.total >= sure_pass
            if (passes or self.calls - self._high.total >= sure_fail) and self.calls >= earliest:
                self._count_decides(passes=passes)
                break
            if self.calls == at:
                self._at_look()
                if self.settled:
                    break
                at, sure_pass, sure_fail = self._next()
            if not self.calls % cases:
                for track in (self._low, self._high):
                    track.reached = track.reached_squares = 0
        return self.decision

    def _next(self) -> tuple[int, int, int]:
        """The next look, and the passes and failures that settle it already."""
        counts = self.plan.counts
        if self._look < len(counts):
            bound = counts[self._look]
            return bound.calls, bound.pass_at, bound.calls - bound.fail_at
        return self.plan.scores[self._look - len(counts)].calls, self.plan.calls + 1, self.plan.calls + 1

    def _take_missing(self, case: int) -> None:
        if self._high is self._low:
            self._high = self._low.copy()
        self._low.add(case, False)
        self._high.add(case, True)
        self._missing[case] = self._missing.get(case, 0) + 1

    def _count_decides(self, *, passes: bool) -> None:
        bound = self.plan.counts[self._look]
        reason = "boundary" if self.calls == bound.calls else "certain"
        self.decision = self._by_count(bound, Ruling.PASS if passes else Ruling.FAIL, reason)

    def _at_look(self) -> None:
        """Nothing is certain by count at this look: judge it, or go on to the next."""
        counts, scores = self.plan.counts, self.plan.scores
        at = self._look
        self._look += 1
        last = self._look == len(counts) + len(scores)
        if at >= len(counts):
            self.decision = self._by_z(scores[at - len(counts)], last=last)
            return
        chance: float | None = None
        ruling, reason = Ruling.UNDECIDED, ""
        if last:
            ruling, reason = Ruling.INCONCLUSIVE, "budget"
        elif not scores and self.calls >= self.plan.cases:
            chance = count_chance(self.plan, self.calls, self._low.total, self._high.total)
            if chance < FUTILE:
                ruling, reason = Ruling.INCONCLUSIVE, "futility"
        self.decision = self._by_count(counts[at], ruling, reason, chance=chance)

    def _by_count(self, bound: CountBound, ruling: Ruling, reason: str, *, chance: float | None = None) -> Decision:
        evidence = CountEvidence(self._low.total, self._high.total, self.calls, bound.pass_level, bound.fail_level)
        measured = self.calls - sum(self._missing.values())
        return Decision(
            ruling, calls=self.calls, rule="count", reason=reason, threshold=self.plan.threshold,
            estimate=self._low.total / measured if measured else None, pass_at=bound.pass_at, fail_at=bound.fail_at,
            chance=chance, unmeasured=self.calls - measured, evidence=evidence,
        )  # fmt: skip

    def _by_z(self, bound: ZBound, *, last: bool) -> Decision:
        low = self._scored(self._low)
        high = low if self._high is self._low else self._scored(self._high)
        ruling, reason, chance = Ruling.UNDECIDED, "", None
        if low.z >= bound.z:
            ruling, reason = Ruling.PASS, "boundary"
        elif high.z <= -bound.z:
            ruling, reason = Ruling.FAIL, "boundary"
        elif last:
            ruling, reason = Ruling.INCONCLUSIVE, "budget"
        else:
            final = self.plan.scores[-1]
            chance = z_chance(low.z, bound.share, final.z) + z_chance(-high.z, bound.share, final.z)
            if chance < FUTILE:
                ruling, reason = Ruling.INCONCLUSIVE, "futility"
        return Decision(
            ruling, calls=self.calls, rule="z", reason=reason, threshold=self.plan.threshold,
            estimate=self._estimate(low.mean), z=high.z if high.z < 0.0 else low.z, boundary=bound.z,
            icc=low.icc, chance=chance, unmeasured=sum(self._missing.values()),
            evidence=ZEvidence(low.mean, low.trials, high.mean, high.trials, bound.z),
        )  # fmt: skip

    def _scored(self, track: _Track) -> _Scored:
        cases, p = self.plan.cases, self.plan.threshold
        rounds, more = divmod(self.calls, cases)
        if not more:  # the round is full: all its cases have the same number of runs
            rounds, more = rounds - 1, cases
        mean = track.mean(rounds, more)
        summed, two = track.spread(rounds, more)
        ratio = min(summed / two / max(mean * (1.0 - mean), 1e-3), 1.0) if two else 1.0
        pseudo = max(_PSEUDO_CASES, _PSEUDO_FAILURES / min(p, 1.0 - p))
        shrunk = (ratio * two + pseudo) / (two + pseudo)
        per_run = ((cases - more) / rounds if rounds else 0.0) + more / (rounds + 1)
        trials = cases * cases / (per_run * shrunk)
        return _Scored(mean, trials, (mean - p) / math.sqrt(p * (1.0 - p) / trials), 1.0 - shrunk)

    def _estimate(self, mean: float) -> float | None:
        if not self._missing:
            return mean
        measured = [
            self._low.passes[case] / (runs - lost)
            for case, runs in enumerate(self._runs)
            if runs > (lost := self._missing.get(case, 0))
        ]
        return sum(measured) / len(measured) if measured else None


class _Scored:
    """A track against the threshold: mean, effective trials, z, and the share of variance between cases."""

    __slots__ = ("icc", "mean", "trials", "z")

    def __init__(self, mean: float, trials: float, z: float, icc: float) -> None:
        self.mean, self.trials, self.z, self.icc = mean, trials, z, icc


def evaluate(plan: GatePlan, outcomes: Sequence[tuple[int, bool | None]]) -> Decision:
    """The decision on attempts in schedule order, from position 0 on and without gaps: what `Tally.extend` gives."""
    return Tally(plan).extend(outcomes)


def z_chance(z: float, share: float, final: float) -> float:
    """The predictive chance that z, now at this share of the information, ends at or above the final bound.

    With a flat prior on the drift the last z is normal around z / sqrt(share) with variance (1 - share) / share.
    """
    return normal.tail((final - z / math.sqrt(share)) / math.sqrt((1.0 - share) / share))


def count_chance(plan: GatePlan, calls: int, low: int, high: int) -> float:
    """The predictive chance that the counts reach a bound at the last look: beta-binomial, Jeffreys' prior.

    `low` and `high` are the passes with the unmeasured taken as failed and as passed.
    """
    final = plan.counts[-1]
    rest = plan.calls - calls
    known = plan.futility
    if (calls, low) not in known:
        known[calls, low] = few_failures(rest, calls - low, low, final.calls - final.pass_at - (calls - low))
    up = known[calls, low]
    if (-calls, high) not in known:
        known[-calls, high] = few_failures(rest, high, calls - high, final.fail_at - high)
    return up + known[-calls, high]


def few_failures(trials: int, failed: int, passed: int, most: int) -> float:
    """P(at most `most` failures in the next trials), given what was seen, under Jeffreys' prior."""
    if most < 0:
        return 0.0
    if most >= trials:
        return 1.0
    a, b = failed + 0.5, passed + 0.5
    fixed = math.lgamma(trials + 1) - math.lgamma(a + b + trials) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.fsum(
        math.exp(
            fixed + math.lgamma(a + y) - math.lgamma(y + 1)
            + math.lgamma(b + trials - y) - math.lgamma(trials - y + 1)
        )
        for y in range(most + 1)
    )  # fmt: skip
