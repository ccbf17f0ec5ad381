"""Going on past the budget: e-values by hand, and what continuing may do to a verdict."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.stats.cases import Ruling
from agentops.stats.eprocess import continued, log_e_above, log_e_below
from agentops.stats.plan import GatePlan
from agentops.stats.sequential import evaluate


def summed(passed: int, failed: int, threshold: float, a: float, b: float, low: float, high: float) -> float:
    """The mean likelihood ratio by adding up small pieces."""
    steps = 20_000
    top = weight = 0.0
    for i in range(steps):
        q = low + (high - low) * (i + 0.5) / steps
        prior = q ** (a - 1) * (1 - q) ** (b - 1)
        weight += prior
        top += prior * (q / threshold) ** passed * ((1 - q) / (1 - threshold)) ** failed
    return top / weight


@pytest.mark.parametrize(("passed", "calls"), [(0, 0), (90, 100), (100, 100), (80, 100), (45, 50)])
def test_e_values_by_hand(passed: int, calls: int) -> None:
    up = summed(passed, calls - passed, 0.85, 6 / 0.09 - 6, 6, 0.85, 1.0)
    down = summed(passed, calls - passed, 0.85, 15 / 0.2 - 15, 15, 0.0, 0.85)
    assert math.exp(log_e_above(passed, calls, 0.85)) == pytest.approx(up, rel=1e-4)
    assert math.exp(log_e_below(passed, calls, 0.85)) == pytest.approx(down, rel=1e-4)


@given(st.floats(0.05, 0.49), st.integers(1, 300), st.data())
def test_below_one_half_sides_change_places(threshold: float, calls: int, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, calls))
    assert log_e_above(passed, calls, threshold) == log_e_below(calls - passed, calls, 1 - threshold)


@given(st.sampled_from([0.3, 0.5, 0.85, 0.98]), st.integers(1, 400), st.data())
def test_e_values_follow_the_passes(threshold: float, calls: int, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, calls - 1))
    assert log_e_above(passed, calls, threshold) <= log_e_above(passed + 1, calls, threshold) + 1e-9
    assert log_e_below(passed, calls, threshold) >= log_e_below(passed + 1, calls, threshold) - 1e-9


@pytest.mark.parametrize("rates", [[0.85] * 20, [0.25] * 4 + [1.0] * 16, [0.7] * 10 + [1.0] * 10])
def test_the_mean_of_an_e_value_is_at_most_one(rates: list[float]) -> None:
    """Exactly, over all counts of one round of unequal cases whose mean is the threshold."""
    counts = [1.0]
    for rate in rates:
        longer = [*counts, 0.0]
        counts = [w * (1 - rate) + (counts[k - 1] * rate if k else 0.0) for k, w in enumerate(longer)]
    for log_e in (log_e_above, log_e_below):
        assert sum(w * math.exp(log_e(k, 20, sum(rates) / 20)) for k, w in enumerate(counts)) <= 1.0 + 1e-9


def rounds(plan: GatePlan, many: int, rate: float, seed: int) -> list[tuple[int, bool | None]]:
    dice = random.Random(seed)
    return [(case, dice.random() < rate) for _ in range(many) for case in dice.sample(range(plan.cases), plan.cases)]


def test_within_the_budget_it_is_the_gate() -> None:
    plan = GatePlan(40, 4, 0.8)
    for seed in range(20):
        attempts = rounds(plan, 4, 0.8, seed)
        assert continued(plan, attempts).ruling is evaluate(plan, attempts).ruling


def test_a_verdict_stands_whatever_comes_after() -> None:
    plan = GatePlan(40, 4, 0.8)
    good = rounds(plan, 4, 1.0, 1)
    first = evaluate(plan, good)
    assert first.ruling is Ruling.PASS
    assert continued(plan, good + rounds(plan, 40, 0.0, 1)) == first


@pytest.mark.parametrize(("rate", "ruling"), [(0.9, Ruling.PASS), (0.7, Ruling.FAIL)])
def test_evidence_that_goes_on_settles_it(rate: float, ruling: Ruling) -> None:
    plan = GatePlan(40, 1, 0.8)
    seed = next(s for s in range(100) if evaluate(plan, rounds(plan, 1, rate, s)).ruling is Ruling.INCONCLUSIVE)
    decision = continued(plan, rounds(plan, 60, rate, seed))
    assert decision.ruling is ruling
    assert decision.rule == "e-process"
    assert decision.calls % 40 == 0
    assert (decision.low >= 0.8) is (ruling is Ruling.PASS)
    assert (decision.high <= 0.8) is (ruling is Ruling.FAIL)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.7, 0.9))
def test_its_interval_never_contradicts_it(seed: int, rate: float) -> None:
    plan = GatePlan(20, 1, 0.8)
    decision = continued(plan, rounds(plan, 8, rate, seed))
    assert decision.estimate is not None
    assert decision.low <= decision.estimate + 1e-9
    assert decision.high >= decision.estimate - 1e-9
    if decision.ruling is Ruling.INCONCLUSIVE:
        assert decision.low <= 0.8 <= decision.high


def test_gaps_count_against_both_sides() -> None:
    plan = GatePlan(40, 1, 0.8)
    gaps: list[tuple[int, bool | None]] = [(case, None) for _ in range(50) for case in range(40)]
    assert continued(plan, gaps).ruling is Ruling.INCONCLUSIVE


def test_past_the_budget_too_a_round_holds_each_case_once() -> None:
    plan = GatePlan(3, 1, 0.5)
    with pytest.raises(ValueError, match="attempt 4 is of case 5"):
        continued(plan, [(0, True), (1, False), (2, True), (5, True)])


@pytest.mark.slow
def test_going_on_adds_little_error() -> None:
    plan = GatePlan(20, 5, 0.95)
    rulings = [continued(plan, rounds(plan, 30, 0.95, seed)).ruling for seed in range(1500)]
    assert rulings.count(Ruling.PASS) / 1500 < 0.075 + 0.005
    assert rulings.count(Ruling.FAIL) / 1500 < 0.075 + 0.005
    assert rulings.count(Ruling.PASS) > 20
