"""The population's rate: cases are what counts."""

import random

import pytest

from agentops.stats.cases import CaseCount, Ruling
from agentops.stats.intervals import lower_bound
from agentops.stats.normal import t_quantile
from agentops.stats.population import effective_trials, population_gate
from agentops.stats.wilson import score_interval


def drawn(dice: random.Random, cases: int, runs: int, rate: float, icc: float) -> list[CaseCount]:
    strength = (1 - icc) / icc
    counts = []
    for _ in range(cases):
        p = dice.betavariate(rate * strength, (1 - rate) * strength)
        passed = sum(dice.random() < p for _ in range(runs))
        counts.append(CaseCount(passed, runs - passed))
    return counts


def test_more_runs_of_the_same_cases_add_little() -> None:
    few = [CaseCount(1, 0)] * 90 + [CaseCount(0, 1)] * 10
    many = [CaseCount(100, 0)] * 90 + [CaseCount(0, 100)] * 10
    assert effective_trials(few) == effective_trials(many) == 100
    assert population_gate(few, 0.8) == population_gate(many, 0.8)


def test_effective_trials_by_hand() -> None:
    cases = [CaseCount(5, 0)] * 50 + [CaseCount(2, 3)] * 50
    spread = 100 * 0.3**2 / 99
    shrunk = (spread * 100 + 0.21 * 10) / 110
    assert effective_trials(cases) == pytest.approx(0.21 / (shrunk / 100))
    result = population_gate(cases, 0.65)
    assert result.rule == "cluster"
    assert (result.low, result.high) == score_interval(0.7, effective_trials(cases), t_quantile(0.95, 99))
    assert result.estimate == pytest.approx(0.7)


def test_perfect_runs_of_few_cases_show_little() -> None:
    result = population_gate([CaseCount(50, 0)] * 20, 0.9)
    assert result.rule == "cases"
    assert result.low == lower_bound(20, 20, 0.95)
    assert result.ruling is Ruling.INCONCLUSIVE
    assert population_gate([CaseCount(5, 5)] * 29, 0.5).rule == "cases"
    assert population_gate([CaseCount(5, 5)] * 30, 0.5).rule == "cluster"
    assert population_gate([CaseCount(9, 1)] * 99, 0.9).rule == "cases"
    assert population_gate([CaseCount(1, 0)] * 29, 0.9).ruling is Ruling.PASS


def test_gaps_count_against_both_sides() -> None:
    good = [CaseCount(5, 0)] * 95 + [CaseCount(0, 5)] * 5
    bad = [CaseCount(0, 5)] * 50 + [CaseCount(5, 0)] * 50
    assert population_gate(good, 0.85).ruling is Ruling.PASS
    assert population_gate(bad, 0.85).ruling is Ruling.FAIL
    gaps = [CaseCount(0, 0, 5)] * 30
    assert population_gate(good[30:] + gaps, 0.85).ruling is Ruling.INCONCLUSIVE
    assert population_gate([CaseCount(0, 5)] * 20 + [CaseCount(5, 0)] * 50 + gaps, 0.85).ruling is not Ruling.PASS
    with pytest.raises(ValueError, match="no case was measured"):
        population_gate([CaseCount(0, 0, 5)] * 40, 0.85)


@pytest.mark.slow
@pytest.mark.parametrize(("cases", "rate"), [(100, 0.85), (40, 0.6), (25, 0.85)])
def test_it_errs_at_most_as_it_says(cases: int, rate: float) -> None:
    dice = random.Random(8)
    rulings = [population_gate(drawn(dice, cases, 4, rate, 0.45), rate).ruling for _ in range(500)]
    assert rulings.count(Ruling.PASS) / 500 < 0.05 + 3 * 0.0098
    assert rulings.count(Ruling.FAIL) / 500 < 0.05 + 3 * 0.0098
