"""Statistics of pairs: the same question, answered by what serves now and by the canary.

Only discordant pairs tell anything of a difference: the canary lost (the other answer held, its own did not) or won.
"""

from __future__ import annotations

import math

from agentops.stats import eprocess, normal


def log_e_worse(losses: int, wins: int) -> float:
    """The natural logarithm of the e-value against "a discordant pair is a loss with a chance of one half at most". May
    be looked at after every pair (Ville): it ever reaches -log(alpha) with a probability of at most alpha."""
    return eprocess.log_e_above(losses, losses + wins, 0.5) if losses + wins else 0.0


def most_lost(losses: int, wins: int, pairs: int, confidence: float) -> float:
    """An upper bound, at one look, of the share of pairs lost less that of pairs won: the score bound of Tango (1998),
    Equivalence test and confidence interval for the difference in proportions for the paired-sample design. 1 where
    there are no pairs."""
    if pairs == 0:
        return 1.0
    reach = normal.quantile(confidence)
    low, high = (losses - wins) / pairs, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(losses, wins, pairs, middle) < reach else (low, middle)
    return high


def log_e_above(events: int, trials: int, rate: float) -> float:
    """The natural logarithm of the e-value against "events are no more frequent than `rate`"; may be looked at after
    every trial."""
    return eprocess.log_e_above(events, trials, rate) if trials else 0.0


def _score(losses: int, wins: int, pairs: int, loss: float) -> float:
    """The score statistic of "the loss is `loss`": how far below it the observed one lies, in standard errors."""
    # The maximum likelihood estimate of the share of wins under the hypothesis, as the root of a quadratic.
    a = 2.0 * pairs
    b = -losses - wins + (2.0 * pairs - losses + wins) * loss
    c = -wins * loss * (1.0 - loss)
    won = (math.sqrt(max(b * b - 4.0 * a * c, 0.0)) - b) / (2.0 * a)
    spread = pairs * (2.0 * won + loss * (1.0 - loss))
    return (pairs * loss - losses + wins) / math.sqrt(spread) if spread > 0 else 0.0
