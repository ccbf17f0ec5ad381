"""A canary beside stable: evidence that may be looked at all the time, fed with growing counts.

Requests come in blocks: so many of stable and of the canary, so many of each failed. For a claim about both shares of
failures whose pairs (p, q) form a convex set, and any bet (a, b) outside of it, the likelihood of the block under the
bet over that under the claim's nearest pair (a*, b*) in Kullback-Leibler divergence, weighted by the sizes, has a mean
of at most 1 wherever the claim holds (Turner, Ly and Grünwald 2024, Turner and Grünwald 2023: safe tests for two data
streams, exact anytime-valid intervals for contingency tables). Requests of a block may be unequal: the mean of a
product of linear factors is at most that of equal ones. The bet may depend on everything before the block, and the
sizes on anything but what comes out. Products over blocks reach 1/alpha ever with a probability of at most alpha
(Ville).

Several bets share the stake, and each is placed anew all the time: of a stake of 1 a part lies on the table from the
first block on, the rest follows bit by bit, so that a canary that turns bad late is found although it was good before.
A mixture over beginnings is as good a test as one (Shiryaev and Roberts). All of it is one JSON object: see `begun`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentops.stats import normal
from agentops.stats.eprocess import EEvidence

Process = Mapping[str, Any]
"""{"n": requests of the canary so far, "m": the log of what stands on each bet}."""

_NOTHING = -500.0  # the log of a stake that is lost
_FIRST = 0.75  # of the stake, on the table from the first block on
_SLOWLY = 100.0  # requests of the canary after which half of the rest is placed
_LEAST, _MOST = 1e-4, 1.0 - 1e-4

# Bets on how often a worse canary fails: so many times stable's share, and so often whatever stable's is.
_TIMES = (1.6, 2.5, 4.0)
_SHARES = (0.1, 0.2, 0.4, 0.7, 0.97)
WORSE = (0.08, 0.09, 0.10, 0.10, 0.12, 0.13, 0.14, 0.24)
"""The parts of the stake on the bets of `worse_gains`."""
BUNCHED = 1.35
"""The design effect that is taken for granted where harm is claimed: failures that are rare tell too late that they
come in bunches. From simulation of sessions of four requests whose failures correlate by 0.1."""
# Bets on the share at which both versions fail, where they are said to be alike. The first is what was seen before.
_ALIKE = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
ALIKE = (0.70, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05)
"""The parts of the stake on the bets of `alike_gains`."""
_ABOVE = (0.97, 0.5)
ABOVE = (0.95, 0.05)
"""The parts of the stake on the bets of `above_gains`: most of it on a version that does not work at all."""
_HALVINGS = 34
# Windows over which failures are counted to see whether they come in bunches, in requests; and as how many windows the
# belief counts that was there before.
_WINDOWS = (32, 128, 512)
_BELIEF = 6.0
# What a stake that is spread over bets and beginnings costs, as a natural logarithm; from simulation.
_SPREAD = 1.8


@dataclass(frozen=True, slots=True)
class Block:
    """Requests of both versions within the same time, and how many of them failed. Raises ValueError for what cannot
    be."""

    stable: int
    stable_failed: int
    canary: int
    canary_failed: int

    def __post_init__(self) -> None:
        if not 0 <= self.stable_failed <= self.stable or not 0 <= self.canary_failed <= self.canary:
            raise ValueError(f"{self} counts what cannot be")


def begun(bets: int) -> dict[str, Any]:
    """A process before its first block, with so many bets."""
    return {"n": 0, "m": [_NOTHING] * bets}


def grown(process: Process, gains: Sequence[float], size: int) -> dict[str, Any]:
    """The process after a block with `size` requests of the canary, each bet having gained so much (a logarithm)."""
    n = int(process["n"])
    stake = _unplaced(n) - _unplaced(n + size) + (_FIRST if n == 0 else 0.0)
    placed = math.log(stake) if stake > 0.0 else _NOTHING
    moved = [_plus(m, placed) + gain for m, gain in zip(process["m"], gains, strict=True)]
    return {"n": n + size, "m": [round(min(max(m, _NOTHING), -_NOTHING), 6) for m in moved]}


def log_e(process: Process, parts: Sequence[float]) -> float:
    """The natural logarithm of the e-value: what the stake of 1 has become, the bets weighed by `parts`."""
    whole = math.log(_unplaced(int(process["n"])) + (_FIRST if process["n"] == 0 else 0.0))
    for m, part in zip(process["m"], parts, strict=True):
        whole = _plus(whole, m + math.log(part))
    return whole


def scattered(kept: Mapping[str, Any], requests: int, failed: int, base: float) -> dict[str, Any]:
    """How failures scatter, after so many requests more, `base` of which fail on the whole: windows of several lengths,
    and their squared distances from what is expected, in variances of independent requests. {} before the first."""
    opened = kept.get("open") or [[0, 0]] * len(_WINDOWS)
    sums = kept.get("sums") or [[0, 0.0]] * len(_WINDOWS)
    base = _inside(base, 1.0 - _LEAST)
    now, found = [], []
    for length, (n, k), (many, squares) in zip(_WINDOWS, opened, sums, strict=True):
        n, k = n + requests, k + failed
        full = n >= length
        distance = (k - n * base) ** 2 / (n * base * (1.0 - base)) if full else 0.0
        now.append([0, 0] if full else [n, k])
        found.append([many + full, round(squares + distance, 4)])
    return {"open": now, "sums": found}


def independent(kept: Mapping[str, Any], *, design: float) -> float:
    """What part of a request counts, 1 where all are independent: one over the design effect, the largest of all
    lengths of windows, never less than `design`.

    Requests of a session fail together. An e-value to a power below 1 still is one, and for sessions of m requests
    e ** (1 / m) is one however their requests hang together (Hölder's inequality).
    """
    sums = kept.get("sums") or [[0, 0.0]]
    found = ((float(squares) + design * _BELIEF) / (int(many) + _BELIEF) for many, squares in sums)
    return 1.0 / max(design, *found)


def worse_gains(block: Block, base: float) -> tuple[float, ...]:
    """What each bet of `WORSE` gains against the claim that the canary fails no more often than stable. `base` is about
    how often stable fails, known before the block."""
    a = _inside(base, 0.5)
    rates = [min(a * times, (a + 1.0) / 2) for times in _TIMES]
    rates += [share if share > 1.3 * a else (a + share + 1.0) / 3 for share in _SHARES]
    n, m = block.stable, block.canary
    gains = []
    for rate in rates:
        b = min(max(rate, a), _MOST)
        both = (n * a + m * b) / (n + m) if n + m else a
        gains.append(_ratio(n, block.stable_failed, a, both) + _ratio(m, block.canary_failed, b, both))
    return tuple(gains)


def alike_gains(block: Block, base: float, margin: float) -> tuple[float, ...]:
    """What each bet of `ALIKE` gains against the claim that the canary's share of failures is `margin` or more above
    stable's: the evidence that it is not inferior by so much. `base` is as in `worse_gains`."""
    n, m = block.stable, block.canary
    gains = []
    for share in (base, *_ALIKE):
        a = _inside(share, 0.9)
        p, q = nearest(a, a, sizes=(n, m), margin=margin)
        gains.append(_ratio(n, block.stable_failed, a, p) + _ratio(m, block.canary_failed, a, q))
    return tuple(gains)


def above_gains(requests: int, failed: int, most: float) -> tuple[float, ...]:
    """What each bet of `ABOVE` gains against the claim that no more than a share `most` fails."""
    most = _inside(most, 1.0 - 1e-3)
    rates = (max(_ABOVE[0], (1.0 + most) / 2), most + (1.0 - most) * 0.25 if most >= 0.4 else min(3 * most, 0.6))
    return tuple(_ratio(requests, failed, min(rate, _MOST), most) for rate in rates)


def nearest(a: float, b: float, *, sizes: tuple[int, int], margin: float) -> tuple[float, float]:
    """The pair (p, p + margin) that is nearest to (a, b), where b is less than a + margin.

    n kl(a, p) + m kl(b, p + margin) is convex in p; its slope is n (p - a) / (p (1 - p)) + m (q - b) / (q (1 - q)).
    """
    n, m = sizes
    if m == 0:
        return a, a + margin
    low, high = max(b - margin, 0.0), min(a, 1.0 - margin)
    if n == 0:
        return low, low + margin
    for _ in range(_HALVINGS):
        p = (low + high) / 2
        q = p + margin
        down = p <= 0.0 or q >= 1.0 or n * (p - a) * q * (1.0 - q) + m * (q - b) * p * (1.0 - p) > 0.0
        low, high = (low, p) if down else (p, high)
    return high, high + margin


def upper_difference(block: Block, confidence: float) -> float:
    """How much more often than stable the canary fails at most, at all looks at once, from the counts of all of the
    rollout: each version's confidence sequence at half of the error. Wider than what decides, and blind to a change of
    the shares of traffic; a figure for people."""
    if not block.canary:
        return 1.0
    needed = -math.log((1.0 - confidence) / 2)
    most = 1.0 - EEvidence(block.canary - block.canary_failed, 0, block.canary, needed).interval()[0]
    if not block.stable:
        return most
    passed = block.stable - block.stable_failed
    return most - (1.0 - EEvidence(passed, passed, block.stable, needed).interval()[1])


def needed(base: float, *, margin: float, confidence: float, share: float, chance: float = 0.8) -> int | None:
    """About how many requests of the canary it takes to show with this chance that it is not inferior by `margin`, if
    it fails as often as stable does, and gets this share of the traffic. None where no number of them does."""
    if not 0.0 < margin < 1.0 or not 0.0 < confidence < 1.0 or not 0.0 < share <= 1.0:
        return None
    a = _inside(base, 1.0 - 1e-3)
    others = (1.0 - share) / share
    scale = 1000
    p, q = nearest(a, a, sizes=(round(others * scale), scale), margin=margin)
    if q >= 1.0:
        return None
    mean, spread = _drift(a, p)
    gain, noise = _drift(a, q)
    return _until(gain + others * mean, noise + others * spread, math.log(1.0 / (1.0 - confidence)) + 0.8, chance)


def detectable(samples: int, base: float, *, alpha: float, share: float, chance: float = 0.8) -> float | None:
    """The least share of failures of a canary that is found with this chance within so many of its requests; None where
    even one that always fails is not."""
    a = _inside(base, 0.9)
    others = (1.0 - share) / share

    def found(b: float) -> bool:
        both = (others * a + b) / (others + 1.0)
        gain, noise = _drift(b, both)
        mean, spread = _drift(a, both)
        gain, noise = (gain + others * mean) / BUNCHED, (noise + others * spread) / BUNCHED**2
        count = _until(gain, noise, math.log(1.0 / alpha) + _SPREAD, chance)
        return count is not None and count <= samples

    low, high = a, _MOST
    if not 0.0 < share < 1.0 or not found(high):
        return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def detects(samples: int, base: float, *, alpha: float, share: float) -> str:
    """In words what so many requests of the canary can show."""
    found = detectable(samples, base, alpha=alpha, share=share)
    if found is None:
        return f"{samples} requests of the canary at {share:.0%} of the traffic show no rise of errors"
    return (
        f"{samples} requests of the canary at {share:.0%} of the traffic show a rise of errors from {base:.1%} to "
        f"{found:.1%} four times out of five"
    )


def log_e_share(canary: int, both: int, share: float) -> float:
    """The logarithm of the e-value against "a share `share` of all requests goes to the canary", either way: the
    likelihood averaged over shares (Jeffreys' prior). Sessions make requests come in bunches: a hint, no verdict."""
    share = min(max(share, 1e-6), 1.0 - 1e-6)
    a, b = canary + 0.5, both - canary + 0.5
    seen = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b) - math.log(math.pi)
    return seen - canary * math.log(share) - (both - canary) * math.log1p(-share)


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth per second: the median, and the bounds that hold it with the confidence asked for."""

    low: float
    median: float
    high: float


def slope(points: Sequence[tuple[float, float]], confidence: float) -> Slope | None:
    """The slope of values over time, seconds first: Theil and Sen's median of all pairs, bounds by Kendall's statistic
    (Sen 1968), one-sided either way. None below five points or without two times. Outliers move it little."""
    slopes = sorted(
        (y - v) / (x - u) for i, (x, y) in enumerate(points) for u, v in points[:i] if x > u
    )  # fmt: skip
    n = len(points)
    if n < 5 or not slopes:
        return None
    reach = normal.quantile(confidence) * math.sqrt(n * (n - 1) * (2 * n + 5) / 18.0)
    rank = math.floor((len(slopes) - reach) / 2)
    low = slopes[rank] if rank >= 0 else -math.inf
    high = slopes[len(slopes) - 1 - rank] if rank >= 0 else math.inf
    return Slope(low, slopes[len(slopes) // 2], high)


def seconds_to(limit: float, *, value: float, slope: float) -> float:
    """The seconds until a value that grows so much a second is at the limit; infinite where it does not grow."""
    if value >= limit:
        return 0.0
    return (limit - value) / slope if slope > 0.0 else math.inf


def _ratio(n: int, k: int, bet: float, claim: float) -> float:
    """The log of the likelihood of k of n under the bet, over that under the claim."""
    if n == 0 or bet == claim:
        return 0.0
    claim = min(max(claim, 1e-12), 1.0 - 1e-12)
    return k * math.log(bet / claim) + (n - k) * math.log((1.0 - bet) / (1.0 - claim))


def _drift(true: float, claim: float) -> tuple[float, float]:
    """Mean and variance of `_ratio` of one request under the bet itself."""
    claim = min(max(claim, 1e-12), 1.0 - 1e-12)
    bad, good = math.log(true / claim), math.log((1.0 - true) / (1.0 - claim))
    return true * bad + (1.0 - true) * good, true * (1.0 - true) * (bad - good) ** 2


def _until(gain: float, noise: float, height: float, chance: float) -> int | None:
    """Steps until a walk with this drift and variance a step is above the height with this chance."""
    if gain <= 1e-12 or not math.isfinite(height):
        return None
    z = normal.quantile(chance)
    root = (z * math.sqrt(noise) + math.sqrt(z * z * noise + 4.0 * gain * height)) / (2.0 * gain)
    return math.ceil(root * root)


def _unplaced(n: int) -> float:
    return (1.0 - _FIRST) / (1.0 + math.log2(1.0 + n / _SLOWLY))


def _inside(share: float, most: float) -> float:
    return min(max(share, _LEAST), most)


def _plus(x: float, y: float) -> float:
    """log(e^x + e^y)."""
    high, low = (x, y) if x >= y else (y, x)
    return high + math.log1p(math.exp(low - high))
