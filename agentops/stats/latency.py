"""Percentiles and what a sample can say about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from agentops.stats.intervals import binomial_cdf


def percentile(values: Sequence[float], q: float) -> float:
    """The nearest-rank percentile: the smallest value with at least a share q of the sample at or below it."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


def upper_bound(values: Sequence[float], q: float, confidence: float) -> float:
    """A value that the true q-quantile lies at or below with the given confidence; infinite where n is too small.

    Distribution-free: the r-th smallest of n lies above the q-quantile unless r or more values fall below it, so
    that P(quantile <= x_(r)) >= P(B <= r - 1) for B binomial(n, q) (David and Nagaraja, Order Statistics, 7.1).
    For p95 at 95 % this takes 59 values, for p99 299.
    """
    n = len(values)
    ordered = sorted(values)
    rank = _least(n, lambda r: binomial_cdf(r - 1, n, q) >= confidence)
    return ordered[rank - 1] if rank is not None else math.inf


def lower_bound(values: Sequence[float], q: float, confidence: float) -> float:
    """A value that the true q-quantile lies at or above with the given confidence; 0 where n is too small."""
    n = len(values)
    ordered = sorted(values)
    # P(x_(r) <= quantile) >= P(B >= r): the largest such r.
    first_bad = _least(n, lambda r: 1.0 - binomial_cdf(r - 1, n, q) < confidence)
    rank = (first_bad or n + 1) - 1
    return ordered[rank - 1] if rank >= 1 else 0.0


def samples_needed(q: float, confidence: float, *, looks: int = 1) -> int:
    """Values that it takes before the largest of them bounds the q-quantile from above, at one of so many looks."""
    return math.ceil(round(math.log(1.0 - shared_confidence(confidence, looks)) / math.log(q), 9))


def shared_confidence(confidence: float, looks: int) -> float:
    """The confidence that each of so many looks at growing data must have, for all of them together to have the one
    given (Bonferroni). Raises ValueError below one look."""
    if looks < 1:
        raise ValueError("there must be at least one look")
    return 1.0 - (1.0 - confidence) / looks


def look_sizes(total: int, q: float, confidence: float, *, looks: int = 4) -> tuple[int, ...]:
    """After how many values to look so that a bound on the q-quantile may be acted on early: evenly spaced, ending with
    `total`, none before a bound exists at the shared confidence. One look at the end where there are too few values
    for more. Bounds at these looks are to be taken at `shared_confidence(confidence, len(sizes))`.
    """
    if total < 1:
        raise ValueError("there must be at least one value")
    for many in range(looks, 1, -1):
        sizes = tuple(-(-total * i // many) for i in range(1, many + 1))
        if sizes[0] >= samples_needed(q, confidence, looks=many):
            return sizes
    return (total,)


def _least(n: int, holds: Callable[[int], bool]) -> int | None:
    """The least rank in 1..n from which on the monotone condition holds, by bisection; None where it never does."""
    low, high = 1, n + 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low if low <= n else None
