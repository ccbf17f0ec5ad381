"""Boundaries against independent arithmetic: fractions for counts, a walk of many steps for z."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.stats import normal
from agentops.stats.boundaries import binomial_window, count_bounds, normal_bounds
from agentops.stats.intervals import binomial_cdf


def one_call_further(alive: dict[int, Fraction], p: Fraction) -> dict[int, Fraction]:
    after: dict[int, Fraction] = {}
    for passes, weight in alive.items():
        after[passes + 1] = after.get(passes + 1, Fraction(0)) + weight * p
        after[passes] = after.get(passes, Fraction(0)) + weight * (1 - p)
    return after


def by_hand(looks: list[int], p: Fraction, error: Fraction) -> list[tuple[int, int]]:
    """Both bounds at each look by moving every count one call at a time."""
    bounds = []
    up, down = {0: Fraction(1)}, {0: Fraction(1)}
    up_spent = down_spent = Fraction(0)
    for n in range(1, looks[-1] + 1):
        up, down = one_call_further(up, p), one_call_further(down, p)
        if n not in looks:
            continue
        allowed = error * n / looks[-1]
        pass_at, fail_at = n + 1, -1
        while pass_at > 0 and up_spent + up.get(pass_at - 1, Fraction(0)) <= allowed:
            pass_at -= 1
            up_spent += up.pop(pass_at, Fraction(0))
        while fail_at < n and down_spent + down.get(fail_at + 1, Fraction(0)) <= allowed:
            fail_at += 1
            down_spent += down.pop(fail_at, Fraction(0))
        bounds.append((pass_at, fail_at))
    return bounds


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
    st.fractions(Fraction(1, 10), Fraction(49, 50), max_denominator=97),
    st.sampled_from([Fraction(1, 20), Fraction(3, 200), Fraction(1, 10)]),
)
def test_counts_agree_with_fractions(steps: list[int], p: Fraction, error: Fraction) -> None:
    looks = [sum(steps[: i + 1]) for i in range(len(steps))]
    ours = count_bounds(looks, float(p), float(error))
    assert [(b.pass_at, b.fail_at) for b in ours] == by_hand(looks, p, error)


def test_a_single_look_is_the_exact_test() -> None:
    (bound,) = count_bounds([100], 0.85, 0.05)
    assert 1 - binomial_cdf(bound.pass_at - 1, 100, 0.85) <= 0.05 < 1 - binomial_cdf(bound.pass_at - 2, 100, 0.85)
    assert binomial_cdf(bound.fail_at, 100, 0.85) <= 0.05 < binomial_cdf(bound.fail_at + 1, 100, 0.85)
    assert bound.pass_level == pytest.approx(1 - binomial_cdf(bound.pass_at - 1, 100, 0.85))
    assert bound.fail_level == pytest.approx(binomial_cdf(bound.fail_at, 100, 0.85))


def test_a_bound_out_of_reach_is_beyond_the_counts() -> None:
    first = count_bounds([5, 100], 0.98, 0.05)[0]
    assert first.pass_at == 6


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (40, 0.02), (5000, 0.85), (20_000, 0.999)])
def test_the_window_is_the_binomial(n: int, p: float) -> None:
    first, weights = binomial_window(n, p)
    assert math.fsum(weights) == pytest.approx(1.0, abs=1e-9)
    mean = math.fsum((first + i) * w for i, w in enumerate(weights))
    assert mean == pytest.approx(n * p, rel=1e-9)


def test_published_bounds_of_linear_spending() -> None:
    # Five even looks, 2.5 % a side, spent in proportion to time: Lan and DeMets (1983), their third function.
    bounds = normal_bounds([0.2, 0.4, 0.6, 0.8, 1.0], 0.025)
    assert [round(z, 2) for z in bounds] == [2.58, 2.49, 2.41, 2.34, 2.28]


def test_one_look_has_the_whole_error() -> None:
    assert normal_bounds([1.0], 0.05)[0] == pytest.approx(1.6449, abs=1e-4)


@pytest.mark.slow
def test_many_looks_spend_what_they_may() -> None:
    """A fine and plain rectangle rule over the same looks, as the check of the quick one."""
    shares = [0.25, 0.3, 0.5, 0.75, 0.8, 1.0]
    bounds = normal_bounds(shares, 0.03)
    width = 0.02
    places = [-8 + width * i for i in range(700)]
    alive = [math.exp(-x * x / 2 / 0.25) / math.sqrt(2 * math.pi * 0.25) * width for x in places]
    spent = 0.0
    for i, (share, z) in enumerate(zip(shares, bounds, strict=True)):
        edge = z * math.sqrt(share)
        if i:
            sd = math.sqrt(share - shares[i - 1])
            spent += sum(w * normal.tail((edge - x) / sd) for x, w in zip(places, alive, strict=True) if w)
            alive = [
                sum(w * math.exp(-(((y - x) / sd) ** 2) / 2) for x, w in zip(places, alive, strict=True) if w > 1e-12)
                * width / (sd * math.sqrt(2 * math.pi))
                for y in places
            ]  # fmt: skip
        else:
            spent = normal.tail(z)
        # Cells that the edge cuts count by their part below it.
        alive = [w * min(max((edge - x) / width + 0.5, 0.0), 1.0) for x, w in zip(places, alive, strict=True)]
        assert spent == pytest.approx(0.03 * share, rel=0.02)


@pytest.mark.parametrize(("p", "z"), [(0.95, 1.644854), (0.975, 1.959964), (0.5, 0.0), (0.001, -3.090232)])
def test_normal_quantiles(p: float, z: float) -> None:
    assert normal.quantile(p) == pytest.approx(z, abs=1e-6)
    assert normal.cdf(z) == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(("freedom", "t"), [(1, 6.3138), (4, 2.1318), (29, 1.6991), (99, 1.6604)])
def test_student_quantiles(freedom: int, t: float) -> None:
    assert normal.t_quantile(0.95, freedom) == pytest.approx(t, abs=1e-4)


def test_no_quantile_outside() -> None:
    for call in (lambda: normal.quantile(1.0), lambda: normal.t_quantile(0.4, 3)):
        with pytest.raises(ValueError, match="probability"):
            call()
