"""What cases came to, as plain counts, and how alike the runs of one case are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Ruling(Enum):
    """What a rule says of a demand. UNDECIDED: go on; INCONCLUSIVE: it will not be settled within the budget."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    UNDECIDED = "undecided"

    def __bool__(self) -> bool:
        raise TypeError("a Ruling is no truth value; compare it with Ruling.PASS")


@dataclass(frozen=True, slots=True)
class CaseCount:
    """The runs of one case: how many passed, failed, and ended without an outcome. Raises ValueError below zero."""

    passed: int
    failed: int
    unmeasured: int = 0

    def __post_init__(self) -> None:
        if min(self.passed, self.failed, self.unmeasured) < 0:
            raise ValueError(f"{self} counts below zero")

    @property
    def measured(self) -> int:
        """Runs with an outcome."""
        return self.passed + self.failed

    @property
    def runs(self) -> int:
        """All runs, also those without an outcome."""
        return self.passed + self.failed + self.unmeasured

    def as_failed(self) -> CaseCount:
        """The count with what is not measured taken for failed."""
        return CaseCount(self.passed, self.failed + self.unmeasured)

    def as_passed(self) -> CaseCount:
        """The count with what is not measured taken for passed."""
        return CaseCount(self.passed + self.unmeasured, self.failed)


def mean_rate(cases: Sequence[CaseCount]) -> float:
    """The mean of the measured rates of the cases, each with equal weight. Raises ValueError where none is measured."""
    rates = [c.passed / c.measured for c in cases if c.measured]
    if not rates:
        raise ValueError("no case was measured")
    return sum(rates) / len(rates)


def within_variance(cases: Sequence[CaseCount]) -> tuple[float, int]:
    """The mean variance of a single run within its case, over the cases with two or more measured runs, and their
    number. Unbiased: passed * failed / (runs * (runs - 1)) for each case. (0, 0) where there are no such cases."""
    of_case = [c.passed * c.failed / (c.measured * (c.measured - 1)) for c in cases if c.measured >= 2]
    return (sum(of_case) / len(of_case), len(of_case)) if of_case else (0.0, 0)


def intra_case_correlation(cases: Sequence[CaseCount]) -> float | None:
    """How much of the variance of a run lies between cases: 0 when all cases are alike, 1 when each case always does
    the same. None where it cannot be told: no case with two runs, or nothing but passes or failures.

    One minus the within-case variance over that of a run of a case drawn at random, cut to 0..1.
    """
    within, many = within_variance(cases)
    if not many:
        return None
    mean = mean_rate(cases)
    whole = mean * (1.0 - mean)
    return min(max(1.0 - within / whole, 0.0), 1.0) if whole > 0.0 else None
