"""Boundaries of a test that looks at its data several times and spends its error over the looks.

Error spending: Lan and DeMets (1983), Discrete sequential boundaries for clinical trials. Each side is computed on its
own, as if the other were not there, which can only lower its error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from agentops.stats import normal
from agentops.stats.intervals import binomial_cdf

# Weights below this are left out. What is dropped over all looks stays many orders below any error that is spent.
_NOTHING = 1e-18
_STEPS = 160  # intervals of Simpson's rule; the test suite compares with a grid ten times as fine
_FAR = 7.0  # standard deviations; beyond lies 1e-12


@dataclass(frozen=True, slots=True)
class CountBound:
    """At a look: PASS from `pass_at` passes on, FAIL up to `fail_at`; calls + 1 and -1 mean never.

    `pass_level` and `fail_level` are the error of that look alone at the threshold: the levels at which an exact
    interval contains the threshold as long as the bound is not reached.
    """

    calls: int
    pass_at: int
    fail_at: int
    pass_level: float
    fail_level: float


def count_bounds(looks: Sequence[int], threshold: float, error: float) -> tuple[CountBound, ...]:
    """Exact bounds on the number of passes at each look (calls so far, rising), for Bernoulli trials at the threshold.

    Spends `error` on either side, in proportion to the calls; what the lattice leaves unspent is carried on. For each
    look alone the bound holds for any mixture of unequal cases whose mean is the threshold: the number of passes is
    then a sum of independent unequal Bernoulli variables (also within a round: the generating function of a draw
    without replacement has real roots only), and beyond one count from the mean the tails of such sums lie below
    the binomial's (Hoeffding 1956). For the looks together the simulations show it.
    """
    up = _one_side(looks, 1.0 - threshold, error)  # few failures: the same test on the failures
    down = _one_side(looks, threshold, error)
    return tuple(
        CountBound(n, n - most_failures, most_passes, pass_level, fail_level)
        for n, (most_failures, pass_level), (most_passes, fail_level) in zip(looks, up, down, strict=True)
    )


def _one_side(looks: Sequence[int], p: float, error: float) -> list[tuple[int, float]]:
    """At each look the largest count of events of probability p that is still too few to be believed (-1: none),
    and its level."""
    bounds = []
    first, alive = 0, [1.0]
    spent, before = 0.0, 0
    for n in looks:
        step_first, step = binomial_window(n - before, p)
        first, alive = _trim(first + step_first, _convolve(alive, step))
        allowed = error * n / looks[-1] - spent
        count, crossed = -1, 0.0
        if first > 0:  # what the window leaves out below is next to nothing, and may be rejected
            count = first - 1
        for i, weight in enumerate(alive):
            if crossed + weight > allowed:
                break
            crossed, count = crossed + weight, first + i
        spent += crossed
        level = binomial_cdf(count, n, p) if count >= 0 else max(allowed, 0.0)
        bounds.append((count, level))
        alive = alive[max(count + 1 - first, 0) :]
        first, before = max(first, count + 1), n
    return bounds


def binomial_window(n: int, p: float) -> tuple[int, list[float]]:
    """The first count of, and the probabilities over, the part of a binomial distribution that matters."""
    mode = min(int((n + 1) * p), n)
    log_top = math.lgamma(n + 1) - math.lgamma(mode + 1) - math.lgamma(n - mode + 1)
    top = math.exp(log_top + mode * math.log(p) + (n - mode) * math.log1p(-p))
    odds = p / (1.0 - p)
    below, above = [], []
    weight, k = top, mode
    while k > 0 and weight > _NOTHING:
        weight *= k / ((n - k + 1) * odds)
        k -= 1
        below.append(weight)
    weight, k = top, mode
    while k < n and weight > _NOTHING:
        weight *= (n - k) * odds / (k + 1)
        k += 1
        above.append(weight)
    return mode - len(below), [*below[::-1], top, *above]


def _convolve(a: list[float], b: list[float]) -> list[float]:
    if len(a) > len(b):
        a, b = b, a
    turned, m = a[::-1], len(a)
    padded = [0.0] * (m - 1) + b + [0.0] * (m - 1)
    return [sum(map(mul, turned, padded[i : i + m])) for i in range(len(b) + m - 1)]


def _trim(first: int, weights: list[float]) -> tuple[int, list[float]]:
    start, end = 0, len(weights)
    while start < end - 1 and weights[start] < _NOTHING:
        start += 1
    while end - 1 > start and weights[end - 1] < _NOTHING:
        end -= 1
    return first + start, weights[start:end]


def normal_bounds(shares: Sequence[float], error: float) -> tuple[float, ...]:
    """The z of each look at which a test of drift zero stops on one side, `error` spent in proportion to the share of
    information (rising, the last one 1).

    Recursive integration over what has not stopped yet (Armitage, McPherson and Rowe 1969), by Simpson's rule.
    """
    bounds: list[float] = []
    places: list[float] = []
    weights: list[float] = []  # density times Simpson's weight, over the places
    spent, before = 0.0, 0.0
    for share in shares:
        sd = math.sqrt(share - before)
        allowed = error * share - spent
        if not places:
            edge = math.sqrt(share) * normal.quantile(1.0 - allowed)
            crossed = allowed
        else:
            edge = _edge(places, weights, sd, allowed)
            crossed = _crossing(places, weights, sd, edge)
        bounds.append(edge / math.sqrt(share))
        spent += crossed
        grid = _grid(-_FAR * math.sqrt(share), edge)
        places, weights = _moved(places, weights, sd, grid)
        before = share
    return tuple(bounds)


def _edge(places: list[float], weights: list[float], sd: float, allowed: float) -> float:
    """Where as much crosses as is allowed."""
    low, high = places[0], places[-1] + _FAR * sd
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _crossing(places, weights, sd, middle) > allowed else (low, middle)
    return high


def _crossing(places: list[float], weights: list[float], sd: float, edge: float) -> float:
    scale = 1.0 / (sd * math.sqrt(2.0))
    erfc = math.erfc
    return 0.5 * sum(w * erfc((edge - x) * scale) for x, w in zip(places, weights, strict=True))


def _grid(low: float, high: float) -> list[tuple[float, float]]:
    """Places and weights of Simpson's rule."""
    step = (high - low) / _STEPS
    ends = (0, _STEPS)
    return [(low + i * step, step / 3 * (1.0 if i in ends else 4.0 if i % 2 else 2.0)) for i in range(_STEPS + 1)]


def _moved(
    places: list[float], weights: list[float], sd: float, grid: list[tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """The density of what is still alive on the new grid, times the rule's weights."""
    scale, factor = -0.5 / (sd * sd), 1.0 / (sd * math.sqrt(2.0 * math.pi))
    exp = math.exp
    if not places:
        places, weights = [0.0], [1.0]
    pairs = list(zip(places, weights, strict=True))
    dense = [factor * sum([w * exp(scale * (y - x) * (y - x)) for x, w in pairs]) for y, _ in grid]
    return [y for y, _ in grid], [d * w for d, (_, w) in zip(dense, grid, strict=True)]
