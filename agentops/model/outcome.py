"""What a measurement or a judgement came to. Never a bool: "not measured" is neither true nor false."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Outcome(Enum):
    """The value is the word in every file and report."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"

    def __bool__(self) -> bool:
        raise TypeError("an Outcome is no truth value; compare it with Outcome.PASS")


_WORST_FIRST = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst outcome, in the order FAIL, ERROR, INCONCLUSIVE, PASS.

    Skipped ones do not count. Of nothing the worst is ERROR: what was not measured is not admitted.
    """
    seen = set(outcomes)
    return next((o for o in _WORST_FIRST if o in seen), Outcome.ERROR)
