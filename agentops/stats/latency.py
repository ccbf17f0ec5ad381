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


def samples_needed(q: float, confidence: float) -> int:
    """Values that it takes before the largest of them bounds the q-quantile from above."""
    return math.ceil(round(math.log(1.0 - confidence) / math.log(q), 9))


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
