"""Evidence on a canary beside stable: e-values exactly, processes by simulation, slopes, plans."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.stats import canary
from agentops.stats.canary import ABOVE, ALIKE, WORSE, Block


def pmf(n: int, p: float) -> list[float]:
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


def mean_e(gains, stable: tuple[int, float], canary_arm: tuple[int, float], bet: int) -> float:
    """The exact mean of one bet's e-value over everything a block can come out as."""
    (n, p), (m, q) = stable, canary_arm
    return math.fsum(
        a * b * math.exp(gains(Block(n, i, m, j))[bet])
        for i, a in enumerate(pmf(n, p))
        for j, b in enumerate(pmf(m, q))
    )


shares = st.floats(0.001, 0.95)
sizes = st.tuples(st.integers(0, 12), st.integers(0, 6))


@settings(deadline=None, max_examples=40)
@given(sizes, shares, st.floats(0, 1), st.floats(0.001, 0.6))
def test_worse_no_bet_gains_on_the_mean_where_the_canary_is_no_worse(
    size: tuple[int, int], p: float, less: float, base: float
) -> None:
    for bet in range(len(WORSE)):
        e = mean_e(lambda block: canary.worse_gains(block, base), (size[0], p), (size[1], p * less), bet)
        assert e <= 1.0 + 1e-9


@settings(deadline=None, max_examples=40)
@given(sizes, st.floats(0.001, 0.7), st.floats(0, 1), st.floats(0.001, 0.6), st.floats(0.005, 0.25))
def test_alike_no_bet_gains_on_the_mean_where_the_canary_is_inferior(
    size: tuple[int, int], p: float, more: float, base: float, margin: float
) -> None:
    q = min(p + margin + more * (1.0 - p - margin), 1.0)
    for bet in range(len(ALIKE)):
        e = mean_e(lambda block: canary.alike_gains(block, base, margin), (size[0], p), (size[1], q), bet)
        assert e <= 1.0 + 1e-6


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.floats(0.02, 0.9), st.floats(0, 1))
def test_above_no_bet_gains_on_the_mean_below_the_limit(n: int, most: float, less: float) -> None:
    for bet in range(len(ABOVE)):
        e = math.fsum(w * math.exp(canary.above_gains(n, k, most)[bet]) for k, w in enumerate(pmf(n, most * less)))
        assert e <= 1.0 + 1e-9


def test_unequal_requests_of_one_block_are_covered() -> None:
    """Half of stable's requests always fail and half of the canary's: equal on the mean, and no evidence."""
    # The outcome is certain: 2 of 4 and 1 of 2.
    assert all(gain <= 1e-12 for gain in canary.worse_gains(Block(4, 2, 2, 1), 0.05))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.001, 0.5), st.floats(0.005, 0.3))
def test_the_nearest_pair_has_no_better_neighbour(n: int, m: int, a: float, margin: float) -> None:
    def distance(p: float) -> float:
        q = p + margin
        kl = sum(
            w * (x * math.log(x / y) + (1 - x) * math.log((1 - x) / (1 - y))) for w, x, y in ((n, a, p), (m, a, q))
        )
        return float(kl)

    p, q = canary.nearest(a, a, sizes=(n, m), margin=margin)
    assert q == p + margin
    for other in (p * (1 - 1e-4), p + 1e-4 * (1 - margin - p)):
        if 0 < other < 1 - margin and p > 1e-9:
            assert distance(p) <= distance(other) + 1e-9


@pytest.mark.parametrize("parts", [WORSE, ALIKE, ABOVE])
def test_the_stake_is_one(parts: tuple[float, ...]) -> None:
    assert math.fsum(parts) == pytest.approx(1.0)
    process = canary.begun(len(parts))
    assert canary.log_e(process, parts) == pytest.approx(0.0, abs=1e-9)
    for _ in range(50):  # without any gain it stays what it was
        process = canary.grown(process, [0.0] * len(parts), 13)
    assert canary.log_e(process, parts) == pytest.approx(0.0, abs=1e-4)


def test_a_process_survives_the_journal_and_what_was_lost() -> None:
    process = canary.grown(canary.begun(8), [-1e9] * 8, 10)
    process = json.loads(json.dumps(process, allow_nan=False))
    assert canary.log_e(process, WORSE) > -3.0  # the rest of the stake
    for _ in range(40):
        process = canary.grown(process, [2.0] * 8, 1)
    assert canary.log_e(process, WORSE) > 50.0


def until(
    rng: random.Random, stable: float, worse: float, *, share: float, most: int, alpha: float = 0.008
) -> int | None:
    """Requests of the canary until the evidence is there."""
    process, known, n, k, served = canary.begun(len(WORSE)), [0, 0], 0, 0, 0
    while served < most:
        if rng.random() >= share:
            n, k = n + 1, k + (rng.random() < stable)
            continue
        served += 1
        failed = rng.random() < worse
        if not n:
            continue
        base = (known[1] + 0.5) / (known[0] + 25)
        process = canary.grown(process, canary.worse_gains(Block(n, k, 1, failed), base), 1)
        known = [known[0] + n, known[1] + k]
        n = k = 0
        if canary.log_e(process, WORSE) >= -math.log(alpha):
            return served
    return None


@pytest.mark.parametrize(
    ("rate", "median", "p90", "runs"), [(1.0, 4, 6, 60), (0.5, 12, 24, 60), (0.2, 45, 90, 40), (0.1, 150, 300, 16)]
)
def test_worse_canaries_are_found_soon(rate: float, median: int, p90: int, runs: int) -> None:
    rng = random.Random(7)
    found = sorted(until(rng, 0.02, rate, share=0.1, most=1500) or 10**6 for _ in range(runs))
    assert found[runs // 2] <= median
    assert found[math.ceil(0.9 * runs) - 1] <= p90


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.2])
def test_alike_canaries_are_left_alone_however_often_one_looks(rate: float) -> None:
    rng = random.Random(11)
    assert sum(until(rng, rate, rate, share=0.3, most=400, alpha=0.05) is not None for _ in range(60)) <= 6


def test_a_canary_that_turns_bad_late_is_found_too() -> None:
    process = canary.begun(len(WORSE))
    for _ in range(300):
        process = canary.grown(process, canary.worse_gains(Block(90, 2, 10, 0), 0.02), 10)
    for _ in range(10):
        process = canary.grown(process, canary.worse_gains(Block(9, 0, 1, 1), 0.02), 1)
    assert canary.log_e(process, WORSE) >= math.log(125)


def test_what_planning_says_agrees_with_what_happens() -> None:
    asked = canary.needed(0.01, margin=0.03, confidence=0.95, share=0.2)
    assert asked is not None
    rng, shown, runs = random.Random(3), 0, 30
    for _ in range(runs):
        process = canary.begun(len(ALIKE))
        for _ in range(asked // 5):
            failed = [sum(rng.random() < 0.01 for _ in range(n)) for n in (20, 5)]
            process = canary.grown(process, canary.alike_gains(Block(20, failed[0], 5, failed[1]), 0.01, 0.03), 5)
            if canary.log_e(process, ALIKE) >= math.log(20):
                shown += 1
                break
    assert shown / runs >= 0.7


def test_plans_follow_their_numbers() -> None:
    base = canary.needed(0.02, margin=0.02, confidence=0.95, share=0.1)
    assert base is not None
    assert base > (canary.needed(0.02, margin=0.05, confidence=0.95, share=0.1) or 0)
    assert base < (canary.needed(0.05, margin=0.02, confidence=0.95, share=0.1) or 0)
    assert canary.needed(0.02, margin=0.0, confidence=0.95, share=0.1) is None
    few, many = (canary.detectable(n, 0.02, alpha=0.01, share=0.1) for n in (20, 500))
    assert few is not None
    assert many is not None
    assert 0.02 < many < few
    assert canary.detectable(2, 0.02, alpha=0.01, share=0.5) is None
    assert "from 2.0% to" in canary.detects(200, 0.02, alpha=0.01, share=0.1)
    assert "no rise" in canary.detects(1, 0.02, alpha=0.01, share=0.5)


def test_failures_that_come_in_bunches_count_less() -> None:
    lone, bunched = {}, {}
    for i in range(200):
        lone = canary.scattered(lone, 16, 1, 1 / 16)
        bunched = canary.scattered(bunched, 16, 16 * (i % 16 == 0), 1 / 16)
    assert canary.independent(lone, design=1.0) == 1.0
    assert canary.independent(lone, design=1.5) == pytest.approx(1.0 / 1.5)
    assert canary.independent(bunched, design=1.0) < 0.2
    assert canary.independent({}, design=1.35) == pytest.approx(1.0 / 1.35)


def test_the_difference_shown_to_people_covers_the_truth() -> None:
    rng = random.Random(2)
    outside = 0
    for _ in range(40):
        k, j = (sum(rng.random() < p for _ in range(n)) for p, n in ((0.05, 900), (0.08, 100)))
        outside += canary.upper_difference(Block(900, k, 100, j), 0.9) < 0.03
    assert outside <= 4
    assert canary.upper_difference(Block(900, 9, 0, 0), 0.9) == 1.0
    assert canary.upper_difference(Block(0, 0, 300, 0), 0.95) < 0.05


def test_slopes_are_robust() -> None:
    rng = random.Random(4)
    points = [(10.0 * i, 1000.0 + 3.0 * i + rng.gauss(0, 5) + (5000 if i % 11 == 0 else 0)) for i in range(40)]
    found = canary.slope(points, 0.999)
    assert found is not None
    assert found.low <= 0.3 <= found.high
    assert 0.2 < found.median < 0.4
    flat = canary.slope([(float(i), rng.gauss(0, 1)) for i in range(40)], 0.999)
    assert flat is not None
    assert flat.low < 0 < flat.high
    assert canary.slope(points[:4], 0.9) is None
    assert canary.slope([(1.0, 2.0)] * 9, 0.9) is None
    assert canary.seconds_to(100.0, value=40.0, slope=2.0) == 30.0
    assert canary.seconds_to(100.0, value=40.0, slope=-1.0) == math.inf
    assert canary.seconds_to(100.0, value=140.0, slope=-1.0) == 0.0


def test_a_share_of_traffic_that_is_not_kept_shows() -> None:
    assert canary.log_e_share(100, 1000, 0.1) < 0
    assert canary.log_e_share(20, 1000, 0.1) > math.log(1e4)
    assert canary.log_e_share(0, 1000, 0.1) > math.log(1e4)


def test_blocks_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="counts what cannot be"):
        Block(1, 2, 0, 0)
