"""Exact binomial bounds.

Clopper and Pearson (1934): the one-sided lower bound for k successes in n trials at confidence c is the p at which
P(X >= k) = 1 - c, the upper bound the p at which P(X <= k) = 1 - c. Binomial tails are regularised incomplete beta
functions (Abramowitz and Stegun 26.5.24), computed by Lentz's continued fraction.

For a fixed suite the attempts are independent but not equally likely to pass. The bounds stay valid: beyond one count
from the mean, the tails of a sum of unequal Bernoulli variables lie below those of the binomial (Hoeffding 1956).
"""

from __future__ import annotations

import math
from collections.abc import Callable

_TINY = 1e-300
_STEPS = 10_000  # it takes about the root of the larger parameter
_EPS = 1e-15


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided Clopper-Pearson lower bound for a rate. 0 where nothing succeeded or was tried."""
    _check(successes, trials, confidence)
    if successes == 0:
        return 0.0
    # P(X >= k | p) = I_p(k, n - k + 1) rises in p.
    return _solve(lambda p: beta_cdf(p, successes, trials - successes + 1), 1.0 - confidence)


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided Clopper-Pearson upper bound for a rate. 1 where nothing failed or was tried."""
    _check(successes, trials, confidence)
    if successes == trials:
        return 1.0
    # P(X <= k | p) = 1 - I_p(k + 1, n - k) falls in p.
    return _solve(lambda p: beta_cdf(p, successes + 1, trials - successes), confidence)


def trials_needed(rate: float, confidence: float) -> int:
    """Perfect trials that it takes until the lower bound reaches `rate`: the least any gate on it can do with.

    After n of n successes the lower bound is (1 - confidence)^(1/n).
    """
    if not 0 < rate < 1:
        raise ValueError("rate must lie between 0 and 1")
    return math.ceil(round(math.log(1.0 - confidence) / math.log(rate), 9))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for n trials of probability p."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return 1.0 - beta_cdf(p, k + 1, n - k)


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b positive."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    result = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        step = d * c
        result *= step
        if abs(step - 1.0) < _EPS:
            return result
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _solve(rising: Callable[[float], float], level: float) -> float:
    """Where a function that rises on [0, 1] reaches the level, by bisection down to the last bits of a float."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _check(successes: int, trials: int, confidence: float) -> None:
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no rate")
    if not 0 < confidence < 1:
        raise ValueError("confidence must lie between 0 and 1")
