"""What a rule decided, and the interval that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from agentops.stats import intervals
from agentops.stats.cases import Ruling
from agentops.stats.wilson import score_interval


class Evidence(Protocol):
    """What the decision rests on."""

    def interval(self) -> tuple[float, float]:
        """The rates that the bounds in use do not rule out."""


@dataclass(frozen=True, slots=True)
class CountEvidence:
    """Passes with the unmeasured taken as failed (`low`) and as passed (`high`), and the level of either bound."""

    low: int
    high: int
    calls: int
    pass_level: float
    fail_level: float

    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson bounds at the levels of the look: the threshold is outside exactly where a bound is met."""
        least = intervals.lower_bound(self.low, self.calls, 1.0 - self.pass_level) if _usable(self.pass_level) else 0.0
        most = intervals.upper_bound(self.high, self.calls, 1.0 - self.fail_level) if _usable(self.fail_level) else 1.0
        return least, most


@dataclass(frozen=True, slots=True)
class ZEvidence:
    """Mean and effective trials with the unmeasured taken as failed and as passed, and the bound on z."""

    low: float
    low_trials: float
    high: float
    high_trials: float
    z: float

    def interval(self) -> tuple[float, float]:
        """The score interval at the look's z (repeated confidence intervals: Jennison and Turnbull 1989)."""
        return score_interval(self.low, self.low_trials, self.z)[0], score_interval(
            self.high, self.high_trials, self.z
        )[1]


@dataclass(frozen=True)
class Decision:
    """The state of a gate.

    `calls` is where it fell, for UNDECIDED the last look; 0 before the first. `rule` says by what: "count", "z",
    "e-process" or "" before the first look. `reason`: "boundary" (a bound was met at a look), "certain" (the next look
    could come out no other way), "futility" (less than a tenth of a chance left), "budget" (its end), or "".

    `estimate` is the mean of case means at that look, in looks by count the share of attempts that passed (the same
    after whole rounds); of what was measured; None before the first look. By z: `z` and its `boundary`, and `icc`, the
    share of variance between cases that was used, on the safe side. By count: PASS from `pass_at`, FAIL up to `fail_at`
    passes. By e-process: the logs of both e-values, and in `boundary` what either needs. `chance` is that of a verdict
    within the budget, where it was computed. `unmeasured` counts attempts without an outcome.
    """

    ruling: Ruling
    threshold: float
    calls: int = 0
    rule: str = ""
    reason: str = ""
    estimate: float | None = None
    z: float | None = None
    boundary: float | None = None
    icc: float | None = None
    pass_at: int | None = None
    fail_at: int | None = None
    chance: float | None = None
    unmeasured: int = 0
    log_e_above: float | None = None
    log_e_below: float | None = None
    evidence: Evidence | None = None

    @property
    def low(self) -> float:
        """The lower bound: at or above the threshold exactly for PASS. 0 before the first look."""
        return self._interval[0]

    @property
    def high(self) -> float:
        """The upper bound: at or below the threshold exactly for FAIL. 1 before the first look."""
        return self._interval[1]

    @cached_property
    def _interval(self) -> tuple[float, float]:
        if self.evidence is None:
            return 0.0, 1.0
        low, high = self.evidence.interval()
        # The last bits of a float must not contradict the verdict.
        low = max(low, self.threshold) if self.ruling is Ruling.PASS else min(low, self.threshold)
        high = min(high, self.threshold) if self.ruling is Ruling.FAIL else max(high, self.threshold)
        return low, high


def _usable(level: float) -> bool:
    return 1e-12 < level < 1.0
