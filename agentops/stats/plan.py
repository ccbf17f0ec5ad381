"""The plan of a gate on a pass rate: when it looks, and what decides at each look. Made before the first call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from agentops.stats.boundaries import CountBound, count_bounds, normal_bounds

# Shares of the error on either side: looks by count, looks by z. The last tenth pays for the approximation in z.
COUNT_SHARE = 0.3
Z_SHARE = 0.6
# Counts decide, and z does not, below so many expected failures (or passes, where those are the rare ones) at a look;
# below so many in the whole budget, or so few cases, they decide alone and have the whole error.
RARE_AT_LOOK = 10
RARE_IN_ALL = 20
FEW_CASES = 30
# Looks after round one; more would gain little and cost planning time.
MOST_LATE_LOOKS = 40
# A gate gives up where the chance of a verdict within its budget falls below this.
FUTILE = 0.10


@dataclass(frozen=True, slots=True)
class ZBound:
    """At a look: PASS from this z on, FAIL from its negative down. `share` is the part of the information by then."""

    calls: int
    z: float
    share: float


@dataclass(frozen=True)
class GatePlan:
    """A gate "the mean pass rate of these cases is at least `threshold`", each case called up to `rounds` times.

    `confidence` is one-sided: a suite exactly at the threshold passes with a probability of at most one minus it, and
    fails with at most the same: by arithmetic where counts decide and cases are alike, by simulation elsewhere.
    Before `min_rounds` whole rounds nothing is decided and no error is spent. Raises ValueError for numbers that
    make no gate. Looks are computed when first asked for, then kept.
    """

    cases: int
    rounds: int
    threshold: float
    confidence: float = 0.95
    min_rounds: int = 0

    def __post_init__(self) -> None:
        if self.cases < 1 or self.rounds < 1:
            raise ValueError("a gate needs at least one case and one round")
        if not 0.0 < self.threshold < 1.0:
            raise ValueError("the threshold must lie between 0 and 1")
        if not 0.5 < self.confidence < 1.0:
            raise ValueError("confidence must lie between one half and 1")
        if not 0 <= self.min_rounds <= self.rounds:
            raise ValueError(f"at least {self.min_rounds} of at most {self.rounds} rounds cannot be")

    @property
    def calls(self) -> int:
        """The whole budget of calls."""
        return self.cases * self.rounds

    @property
    def error(self) -> float:
        """The error allowed on either side."""
        return 1.0 - self.confidence

    @cached_property
    def counts(self) -> tuple[CountBound, ...]:
        """The looks that are decided by count; they come first, and there may be none."""
        sizes = [n for n in self._sizes if self.counts_decide(n)]
        share = 1.0 if self.all_by_count else COUNT_SHARE
        return count_bounds(sizes, self.threshold, share * self.error) if sizes else ()

    @cached_property
    def scores(self) -> tuple[ZBound, ...]:
        """The looks that are decided by z; they come last, and there may be none."""
        sizes = [n for n in self._sizes if not self.counts_decide(n)]
        if not sizes:
            return ()
        shares = [_information(n, self.cases) / _information(self.calls, self.cases) for n in sizes]
        share = Z_SHARE if len(sizes) < len(self._sizes) else COUNT_SHARE + Z_SHARE
        bounds = normal_bounds(shares, share * self.error)
        return tuple(ZBound(n, z, part) for n, z, part in zip(sizes, bounds, shares, strict=True))

    @property
    def looks(self) -> tuple[CountBound | ZBound, ...]:
        """All looks in order."""
        return self.counts + self.scores

    @cached_property
    def _sizes(self) -> list[int]:
        return look_sizes(self.cases, self.rounds, self.min_rounds)

    @property
    def all_by_count(self) -> bool:
        """Whether exact counts decide at every look."""
        return self.counts_decide(self.calls)

    def counts_decide(self, calls: int) -> bool:
        """Whether exact counts decide at a look after so many calls: in round one, and where z cannot be trusted."""
        rare = round(min(self.threshold, 1.0 - self.threshold), 9)
        alone = self.cases < FEW_CASES or self.rounds == 1 or self.calls * rare < RARE_IN_ALL
        return alone or calls <= self.cases or calls * rare < RARE_AT_LOOK

    @cached_property
    def futility(self) -> dict[tuple[int, int], float]:
        """Chances of a verdict that were computed, by calls and passes: the same ones come up again and again."""
        return {}


def look_sizes(cases: int, rounds: int, min_rounds: int = 0) -> list[int]:
    """After how many calls a gate looks: at each quarter of round one, then at each half round; in long gates at
    multiples of that, so that there are never more than about 40 looks. The end of the budget is always one."""
    early = sorted({-(-cases * part // 4) for part in (1, 2, 3, 4)})
    halves = 2 * (rounds - 1)
    stride = -(-halves // MOST_LATE_LOOKS) or 1
    late = sorted({cases + i * cases // 2 for i in range(halves, 0, -stride)} - set(early))
    return [n for n in early + late if n >= min_rounds * cases]


def _information(calls: int, cases: int) -> float:
    """One over the mean of 1 / runs over the cases: what the mean of case means knows, in rounds."""
    rounds, more = divmod(calls, cases)
    return cases / ((cases - more) / rounds + more / (rounds + 1))
