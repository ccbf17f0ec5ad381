"""Wilson's interval, Jeffreys' posterior, flaky cases, looks at latency."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.stats import latency, wilson
from agentops.stats.cases import CaseCount, Ruling, intra_case_correlation, mean_rate, within_variance
from agentops.stats.flaky import chance_of_flaky, is_flaky


def test_published_wilson_intervals() -> None:
    # Newcombe (1998), table I: 81/263, 15/148, 0/20, 1/29 at 95 %.
    for successes, trials, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        assert wilson.interval(successes, trials, 0.95) == (
            pytest.approx(low, abs=1e-4),
            pytest.approx(high, abs=1e-4),
        )
    assert wilson.lower_bound(15, 148, 0.975) == pytest.approx(0.0624, abs=1e-4)
    assert wilson.upper_bound(15, 148, 0.975) == pytest.approx(0.1605, abs=1e-4)


@given(st.floats(0, 1), st.floats(1, 1e5), st.floats(0.01, 5), st.floats(0.01, 0.99))
def test_a_score_interval_turns_the_test_around(rate: float, trials: float, z: float, p: float) -> None:
    low, high = wilson.score_interval(rate, trials, z)
    off = (rate - p) / math.sqrt(p * (1 - p) / trials)
    if abs(abs(off) - z) > 1e-6:
        assert (low <= p <= high) == (abs(off) < z)


def test_jeffreys_chance() -> None:
    assert wilson.chance_at_least(0.5, 7, 7) == pytest.approx(0.5)
    assert wilson.chance_at_least(0.5, 0, 0) == pytest.approx(0.5)
    assert wilson.chance_at_least(0.85, 0, 0) == pytest.approx(1 - 2 / math.pi * math.asin(math.sqrt(0.85)))
    assert wilson.chance_at_least(0.85, 100, 0) > 0.999 > 0.001 > wilson.chance_at_least(0.85, 0, 100)


@pytest.mark.parametrize("call", [
    lambda: wilson.interval(3, 2, 0.95), lambda: wilson.interval(0, 0, 0.95), lambda: wilson.lower_bound(1, 2, 1.0),
    lambda: wilson.score_interval(1.1, 3, 1), lambda: wilson.chance_at_least(1.0, 1, 1), lambda: CaseCount(-1, 0),
    lambda: latency.shared_confidence(0.95, 0), lambda: latency.look_sizes(0, 0.95, 0.95),
    lambda: mean_rate([CaseCount(0, 0, 3)]),
])  # fmt: skip
def test_what_is_no_number_is_refused(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]


def test_a_ruling_is_no_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(Ruling.PASS)


def test_flaky_cases() -> None:
    assert not is_flaky(CaseCount(5, 0))
    assert not is_flaky(CaseCount(0, 40))
    assert is_flaky(CaseCount(3, 2))
    assert is_flaky(CaseCount(4, 1))
    assert not is_flaky(CaseCount(9, 1))
    assert chance_of_flaky(CaseCount(4, 1)) == pytest.approx(0.922, abs=1e-3)
    assert chance_of_flaky(CaseCount(7, 3)) == pytest.approx(chance_of_flaky(CaseCount(3, 7)))
    assert chance_of_flaky(CaseCount(5, 0, unmeasured=9)) == chance_of_flaky(CaseCount(5, 0))


def test_how_alike_runs_of_a_case_are() -> None:
    assert intra_case_correlation([CaseCount(5, 0), CaseCount(0, 5)]) == 1.0
    assert intra_case_correlation([CaseCount(1, 1), CaseCount(1, 1)]) == 0.0
    assert intra_case_correlation([CaseCount(1, 0), CaseCount(0, 1)]) is None
    assert intra_case_correlation([CaseCount(5, 0)] * 9) is None
    dice = random.Random(2)
    cases = []
    for _ in range(4000):  # beta with correlation 0.4: strength 1.5
        rate = dice.betavariate(0.8 * 1.5, 0.2 * 1.5)
        passed = sum(dice.random() < rate for _ in range(5))
        cases.append(CaseCount(passed, 5 - passed))
    assert intra_case_correlation(cases) == pytest.approx(0.4, abs=0.03)
    assert within_variance([CaseCount(1, 2), CaseCount(1, 0)]) == (pytest.approx(1 / 3), 1)


def test_looks_at_latency_share_the_confidence() -> None:
    assert latency.shared_confidence(0.95, 4) == pytest.approx(0.9875)
    assert latency.samples_needed(0.95, 0.95) == 59
    assert latency.samples_needed(0.95, 0.95, looks=4) == math.ceil(math.log(0.0125) / math.log(0.95)) == 86
    assert latency.look_sizes(500, 0.95, 0.95) == (125, 250, 375, 500)
    assert latency.look_sizes(200, 0.95, 0.95) == (100, 200)
    assert latency.look_sizes(100, 0.95, 0.95) == (100,)


def test_early_looks_at_latency_keep_the_error() -> None:
    dice = random.Random(5)
    sizes = latency.look_sizes(500, 0.9, 0.95)
    share = latency.shared_confidence(0.95, len(sizes))
    wrong = 0
    for _ in range(400):
        sample = [dice.random() for _ in range(500)]
        wrong += any(latency.upper_bound(sample[:n], 0.9, share) < 0.9 for n in sizes)
    assert 0 < wrong / 400 < 0.05 + 3 * 0.011
