"""Clopper-Pearson bounds against exact arithmetic."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.stats.intervals import binomial_cdf, lower_bound, trials_needed, upper_bound


def exact_cdf(k: int, n: int, p: float) -> float:
    q = Fraction(p)
    return float(sum(comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(k + 1)))


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))), st.floats(0.01, 0.99))
def test_the_binomial_tail_is_exact(counts: tuple[int, int], p: float) -> None:
    k, n = counts
    assert binomial_cdf(k, n, p) == pytest.approx(exact_cdf(k, n, p), abs=1e-10)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.6, 0.999))
def test_the_bounds_hold_the_rate_and_have_their_tail(counts: tuple[int, int], confidence: float) -> None:
    k, n = counts
    low, high = lower_bound(k, n, confidence), upper_bound(k, n, confidence)
    assert 0 <= low <= k / n <= high <= 1
    if k:
        assert 1 - binomial_cdf(k - 1, n, low) == pytest.approx(1 - confidence, abs=1e-8)
    if k < n:
        assert binomial_cdf(k, n, high) == pytest.approx(1 - confidence, abs=1e-8)


def test_published_values() -> None:
    # No event in n trials: the upper bound at 95 % is 1 - 0.05^(1/n), the "rule of three".
    assert upper_bound(0, 59, 0.95) == pytest.approx(1 - 0.05 ** (1 / 59))
    # Two-sided 95 % for 8 of 10, as in most textbooks: 0.4439 to 0.9748.
    assert lower_bound(8, 10, 0.975) == pytest.approx(0.4439, abs=1e-4)
    assert upper_bound(8, 10, 0.975) == pytest.approx(0.9748, abs=1e-4)


def test_what_a_gate_can_do_with_at_least() -> None:
    assert trials_needed(0.85, 0.95) == 19
    assert trials_needed(0.97, 0.95) == 99
    assert lower_bound(19, 19, 0.95) >= 0.85 > lower_bound(18, 18, 0.95)


@pytest.mark.parametrize(("k", "n", "c"), [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_what_is_no_rate_is_refused(k: int, n: int, c: float) -> None:
    with pytest.raises(ValueError):
        lower_bound(k, n, c)
