"""Score intervals (Wilson 1927) and the Jeffreys posterior: a rate shown to people."""

from __future__ import annotations

import math

from agentops.stats import normal
from agentops.stats.intervals import beta_cdf


def score_interval(rate: float, trials: float, z: float) -> tuple[float, float]:
    """All p that lie within z standard errors of the observed rate, the error taken at p itself.

    `trials` may be an effective number and no integer. Its lower end is at or above a threshold exactly where
    (rate - threshold) / sqrt(threshold * (1 - threshold) / trials) reaches z.
    """
    if not 0.0 <= rate <= 1.0 or trials <= 0.0 or z < 0.0:
        raise ValueError(f"{rate} of {trials} trials at z = {z} is no rate")
    whole = 1.0 + z * z / trials
    centre = (rate + z * z / (2.0 * trials)) / whole
    half = z * math.sqrt(rate * (1.0 - rate) / trials + z * z / (4.0 * trials * trials)) / whole
    return max(centre - half, 0.0), min(centre + half, 1.0)


def interval(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """The two-sided Wilson interval for a rate. Raises ValueError for what is no rate or no confidence."""
    _check(successes, trials, confidence)
    return score_interval(successes / trials, trials, normal.quantile((1.0 + confidence) / 2.0))


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """The one-sided Wilson lower bound."""
    _check(successes, trials, confidence)
    return score_interval(successes / trials, trials, normal.quantile(confidence))[0]


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """The one-sided Wilson upper bound."""
    _check(successes, trials, confidence)
    return score_interval(successes / trials, trials, normal.quantile(confidence))[1]


def chance_at_least(threshold: float, passed: int, failed: int) -> float:
    """The posterior probability that the rate is at or above the threshold, under Jeffreys' prior Beta(1/2, 1/2).

    A figure in plain words beside a bound, not a rule to stop by: looked at again and again it errs far more often.
    """
    if not 0.0 < threshold < 1.0 or min(passed, failed) < 0:
        raise ValueError("a chance needs a threshold between 0 and 1 and counts of at least 0")
    return beta_cdf(1.0 - threshold, failed + 0.5, passed + 0.5)


def _check(successes: int, trials: int, confidence: float) -> None:
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no rate")
    if not 0.5 <= confidence < 1.0:
        raise ValueError("confidence must lie between one half and 1")
