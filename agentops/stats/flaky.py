"""Cases that neither pass nor fail reliably."""

from __future__ import annotations

from agentops.stats.cases import CaseCount
from agentops.stats.intervals import beta_cdf

RELIABLY_BAD = 0.05
RELIABLY_GOOD = 0.95
SURE = 0.90


def chance_of_flaky(count: CaseCount) -> float:
    """The posterior probability that the case's rate lies strictly between 5 and 95 %, under Jeffreys' prior."""
    a, b = count.passed + 0.5, count.failed + 0.5
    return max(beta_cdf(RELIABLY_GOOD, a, b) - beta_cdf(RELIABLY_BAD, a, b), 0.0)


def is_flaky(count: CaseCount) -> bool:
    """Whether that probability exceeds 90 %. One failure in five runs is enough for that, one in ten is not.

    Counts of several releases may be summed, which tells a flaky case from one that a single release broke.
    """
    return chance_of_flaky(count) > SURE
