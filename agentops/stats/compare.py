"""Which cases changed between two runs, and which only seem to have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from agentops.stats.cases import CaseCount


class Change(Enum):
    """What became of a case. The value is the word for reports.

    NEWLY_FAILING and FIXED are significant after Holm's correction over all cases. SUSPECT and PERHAPS_FIXED are at
    5 % for the case alone: among a hundred cases without any change a few may look like that. NOISE is a
    difference that this many runs show without a change; SAME is none.
    """

    NEWLY_FAILING = "newly failing"
    FIXED = "fixed"
    SUSPECT = "suspect"
    PERHAPS_FIXED = "perhaps fixed"
    NOISE = "noise"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case before and after. `p` is the one-sided p of Fisher's exact test in the direction of the difference;
    `adjusted` is Holm's over the cases that could have shown a change in that direction, 1 for the others."""

    case_id: str
    before: CaseCount
    after: CaseCount
    change: Change
    p: float
    adjusted: float


def fisher_worse(before: CaseCount, after: CaseCount) -> tuple[float, float]:
    """The one-sided p of "the case fails more often than before", and the least p that its totals allow.

    Fisher's exact test: given how many of all runs failed, the failures after are hypergeometric. (1, 1) where a side
    has no measured run.
    """
    n, m = before.measured, after.measured
    failed = before.failed + after.failed
    if not n or not m:
        return 1.0, 1.0
    most = min(m, failed)
    least_p = _hypergeometric(most, m, n, failed)
    p = math.fsum(_hypergeometric(x, m, n, failed) for x in range(after.failed, most + 1))
    return min(p, 1.0), min(least_p, 1.0)


def compare_cases(
    before: Mapping[str, CaseCount], after: Mapping[str, CaseCount], *, error: float = 0.05
) -> tuple[CaseChange, ...]:
    """The cases that both runs have, the surest changes for the worse first, then those for the better, then the rest.

    `before` may hold the counts of earlier runs of the same suite as well: 25 passes in the past against 0 of 5 now
    tell what 5 against 0 of 5 cannot. For each direction the chance of any false "newly failing" (or "fixed") is at
    most `error`: Holm (1979) over the cases whose totals could reach significance at all (Tarone 1990).
    """
    ids = sorted(before.keys() & after.keys())
    worse = {i: fisher_worse(before[i], after[i]) for i in ids}
    better = {i: fisher_worse(after[i], before[i]) for i in ids}
    worse_p, better_p = _holm(worse, error), _holm(better, error)
    changes = []
    for i in ids:
        drop = _rate(before[i]) - _rate(after[i])
        p, adjusted = (worse[i][0], worse_p[i]) if drop >= 0 else (better[i][0], better_p[i])
        changes.append(CaseChange(i, before[i], after[i], _change(drop, p, adjusted, error), p, adjusted))
    order = list(Change)
    rank = {Change.NEWLY_FAILING: 0, Change.SUSPECT: 1, Change.FIXED: 2, Change.PERHAPS_FIXED: 3}
    return tuple(sorted(changes, key=lambda c: (rank.get(c.change, 4 + order.index(c.change)), c.p, c.case_id)))


def _change(drop: float, p: float, adjusted: float, error: float) -> Change:
    if drop == 0:
        return Change.SAME
    if adjusted <= error:
        return Change.NEWLY_FAILING if drop > 0 else Change.FIXED
    if p <= error:
        return Change.SUSPECT if drop > 0 else Change.PERHAPS_FIXED
    return Change.NOISE


def _rate(count: CaseCount) -> float:
    return count.passed / count.measured if count.measured else 0.0


def _holm(tests: Mapping[str, tuple[float, float]], error: float) -> dict[str, float]:
    """Holm's adjusted p for the tests that could be significant, 1 for the others. Which ones those are depends on the
    totals alone, under which each test is exact, so that leaving the others out costs no error."""
    least = sorted(p for _, p in tests.values())
    family = next((k for k in range(1, len(least) + 1) if sum(p <= error / k for p in least) <= k), len(least))
    kept = sorted((p, i) for i, (p, least_p) in tests.items() if least_p <= error / family)
    adjusted = dict.fromkeys(tests, 1.0)
    running = 0.0
    for rank, (p, i) in enumerate(kept):
        running = max(running, min(p * (len(kept) - rank), 1.0))
        adjusted[i] = running
    return adjusted


def _hypergeometric(x: int, after: int, before: int, failed: int) -> float:
    if failed - x > before:
        return 0.0
    return math.comb(after, x) * math.comb(before, failed - x) / math.comb(after + before, failed)
