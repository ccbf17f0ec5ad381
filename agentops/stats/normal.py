"""The normal and Student's t distribution, as far as bounds need them."""

from __future__ import annotations

import math

from agentops.stats.intervals import beta_cdf

_ROOT2 = math.sqrt(2.0)


def cdf(z: float) -> float:
    """P(Z <= z) for a standard normal Z."""
    return 0.5 * math.erfc(-z / _ROOT2)


def tail(z: float) -> float:
    """P(Z > z), accurate far out."""
    return 0.5 * math.erfc(z / _ROOT2)


def quantile(p: float) -> float:
    """The z with P(Z <= z) = p. Raises ValueError outside (0, 1)."""
    if not 0.0 < p < 1.0:
        raise ValueError("a quantile is asked for at a probability between 0 and 1")
    return -_upper(p) if p < 0.5 else _upper(1.0 - p)


def t_quantile(p: float, freedom: float) -> float:
    """The t with P(T <= t) = p for Student's distribution, p at least one half.

    P(|T| > t) is I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t^2) (Abramowitz and Stegun 26.7.1).
    """
    if not 0.5 <= p < 1.0 or freedom <= 0:
        raise ValueError("t is asked for at a probability from one half to 1 and positive degrees of freedom")
    low, high = 0.0, 1.0
    while _t_tail(high, freedom) > 1.0 - p:
        high *= 2.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_tail(middle, freedom) > 1.0 - p else (low, middle)
    return (low + high) / 2


def _t_tail(t: float, freedom: float) -> float:
    return 0.5 * beta_cdf(freedom / (freedom + t * t), freedom / 2, 0.5)


def _upper(q: float) -> float:
    """The z whose upper tail is q, by bisection: a few microseconds, and no table to get wrong."""
    low, high = 0.0, 40.0
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > q else (low, middle)
    return (low + high) / 2
