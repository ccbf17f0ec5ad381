"""Loss against a baseline, and which cases changed."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.stats.cases import CaseCount, Ruling
from agentops.stats.compare import Change, compare_cases, fisher_worse
from agentops.stats.regression import regression_gate

Side = dict[str, CaseCount]


def side(dice: random.Random, rates: list[float], runs: int) -> Side:
    counts = {}
    for i, rate in enumerate(rates):
        passed = sum(dice.random() < rate for _ in range(runs))
        counts[f"c{i}"] = CaseCount(passed, runs - passed)
    return counts


def same(many: int, passed: int, failed: int, *, lost: int = 0) -> Side:
    return {f"c{i}": CaseCount(passed, failed, lost) for i in range(many)}


UNEVEN = [0.999] * 60 + [0.95] * 20 + [0.6] * 20


def test_the_same_agent_passes_and_a_broken_one_fails() -> None:
    dice = random.Random(3)
    broken = [0.05 if 10 <= i < 20 else rate for i, rate in enumerate(UNEVEN)]
    base = side(dice, UNEVEN, 5)
    assert regression_gate(base, side(dice, UNEVEN, 5), max_loss=0.05).ruling is Ruling.PASS
    result = regression_gate(base, side(dice, broken, 5), max_loss=0.03)
    assert result.ruling is Ruling.FAIL
    assert result.loss is not None
    assert 0 < result.low < result.loss < result.high


def test_by_hand() -> None:
    """50 cases: 40 always pass; 10 pass 2 of 4 before and 1 of 4 now."""
    base = same(50, 4, 0) | {f"c{i}": CaseCount(2, 2) for i in range(10)}
    now = same(50, 4, 0) | {f"c{i}": CaseCount(1, 3) for i in range(10)}
    result = regression_gate(base, now, max_loss=0.03)
    middle = (0.9 + 0.85) / 2
    whole = middle * (1 - middle)
    within = (10 * (4 / 12) / 50 + 10 * (3 / 12) / 50) / 2
    pseudo = max(10, 1.5 / (1 - middle))
    se = math.sqrt((within * 50 + pseudo * whole) / (50 + pseudo) * 2 / 4 / 50)
    assert result.rule == "within-case"
    assert result.loss == pytest.approx(0.05)
    assert result.z == pytest.approx(0.05 / se)
    assert result.low == pytest.approx(0.05 - 1.644854 * se, abs=1e-6)
    assert result.ruling is (Ruling.FAIL if result.low > 0 else Ruling.INCONCLUSIVE)


def test_a_few_perfect_runs_do_not_show_that_nothing_was_lost() -> None:
    assert regression_gate(same(20, 3, 0), same(20, 3, 0), max_loss=0.03).ruling is Ruling.INCONCLUSIVE
    assert regression_gate(same(100, 5, 0), same(100, 5, 0), max_loss=0.03).ruling is Ruling.PASS


def test_a_small_real_loss_within_the_margin_passes() -> None:
    base = same(400, 50, 0)
    now = base | {f"c{i}": CaseCount(25, 25) for i in range(8)}  # one point
    result = regression_gate(base, now, max_loss=0.03)
    assert result.low > 0
    assert result.ruling is Ruling.PASS


def test_too_few_runs_settle_nothing() -> None:
    result = regression_gate(same(100, 2, 0), same(100, 5, 0), max_loss=0.03)
    assert result.ruling is Ruling.INCONCLUSIVE
    assert result.loss is None
    assert len(result.short) == 100
    one = regression_gate(same(100, 5, 0), same(100, 5, 0) | {"c7": CaseCount(2, 0, 3)}, max_loss=0.03)
    assert (one.ruling, one.short, one.paired) == (Ruling.INCONCLUSIVE, ("c7",), 99)


def test_cases_are_paired_by_id() -> None:
    base = same(100, 5, 0) | {"old": CaseCount(0, 5)}
    now = same(100, 5, 0) | {"new": CaseCount(0, 5)}
    result = regression_gate(base, now, max_loss=0.03)
    assert (result.gone, result.new, result.loss, result.paired) == (("old",), ("new",), 0.0, 100)


def test_gaps_count_against_both_sides() -> None:
    assert regression_gate(same(100, 5, 0), same(100, 4, 0, lost=1), max_loss=0.03).ruling is not Ruling.PASS
    worse = regression_gate(same(100, 4, 1), same(100, 3, 2), max_loss=0.03)
    assert worse.ruling is Ruling.FAIL
    hidden = regression_gate(same(100, 4, 1), same(100, 3, 0, lost=2), max_loss=0.03)
    assert hidden.ruling is Ruling.INCONCLUSIVE
    steady = {f"s{i}": CaseCount(5, 0) for i in range(50)}
    gaps_before = regression_gate(steady | same(50, 1, 2, lost=2), steady | same(50, 2, 3), max_loss=0.03)
    assert gaps_before.ruling is Ruling.INCONCLUSIVE
    assert gaps_before.high > 0.1


def test_where_failures_are_rare_or_cases_few_exact_bounds_decide() -> None:
    perfect = regression_gate(same(100, 5, 0), same(100, 5, 0), max_loss=0.03)
    assert perfect.rule == "count"
    assert perfect.high == pytest.approx(1 - 0.05 ** (1 / 500))
    assert regression_gate(same(29, 3, 2), same(29, 3, 2), max_loss=0.03).rule == "count"
    assert regression_gate(same(30, 3, 2), same(30, 3, 2), max_loss=0.03).rule == "within-case"


@pytest.mark.parametrize("runs", [3, 5])
def test_it_errs_at_most_as_it_says(runs: int) -> None:
    dice = random.Random(6)
    lower = [rate - 0.03 for rate in UNEVEN]
    unchanged = [regression_gate(side(dice, UNEVEN, runs), side(dice, UNEVEN, runs), max_loss=0.03) for _ in range(400)]
    lost = [regression_gate(side(dice, UNEVEN, runs), side(dice, lower, runs), max_loss=0.03) for _ in range(400)]
    assert sum(r.ruling is Ruling.FAIL for r in unchanged) / 400 < 0.05 + 3 * 0.011
    assert sum(r.ruling is Ruling.PASS for r in lost) / 400 < 0.05 + 3 * 0.011
    assert sum(r.ruling is Ruling.PASS for r in unchanged) > 100


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_a_margin_is_between_0_and_1(margin: float) -> None:
    with pytest.raises(ValueError, match="max_loss"):
        regression_gate({}, {}, max_loss=margin)


def test_fishers_test_by_hand() -> None:
    assert fisher_worse(CaseCount(5, 0), CaseCount(0, 5))[0] == pytest.approx(1 / math.comb(10, 5))
    assert fisher_worse(CaseCount(25, 0), CaseCount(0, 5))[0] == pytest.approx(7.02e-6, rel=1e-3)
    # Fisher's tea: 3 of 4 right against 1 of 4.
    assert fisher_worse(CaseCount(3, 1), CaseCount(1, 3))[0] == pytest.approx(17 / 70)
    assert fisher_worse(CaseCount(5, 0), CaseCount(5, 0)) == (1.0, 1.0)
    assert fisher_worse(CaseCount(0, 0, 5), CaseCount(0, 5)) == (1.0, 1.0)


def test_what_became_of_each_case() -> None:
    before = same(100, 25, 0) | {"c2": CaseCount(0, 25)}
    after = same(100, 5, 0) | {"c0": CaseCount(0, 5), "c1": CaseCount(4, 1)}
    changes = compare_cases(before, after)
    assert [(c.case_id, c.change) for c in changes[:3]] == [
        ("c0", Change.NEWLY_FAILING),
        ("c2", Change.FIXED),
        ("c1", Change.NOISE),
    ]
    assert {c.change for c in changes[3:]} == {Change.SAME}


def test_five_against_five_among_many_unsteady_cases_is_a_suspicion() -> None:
    before, after = same(100, 3, 2), same(100, 2, 3)
    changes = compare_cases(before | {"x": CaseCount(5, 0)}, after | {"x": CaseCount(0, 5)})
    assert (changes[0].case_id, changes[0].change) == ("x", Change.SUSPECT)
    assert changes[0].p == pytest.approx(1 / 252)
    assert changes[0].adjusted > 0.05
    assert {c.change for c in changes[1:]} == {Change.NOISE}


def test_cases_that_cannot_show_a_change_are_no_burden() -> None:
    steady = same(100, 5, 0)
    changes = compare_cases(steady | {"x": CaseCount(5, 0)}, steady | {"x": CaseCount(0, 5)})
    assert changes[0].change is Change.NEWLY_FAILING
    assert changes[0].adjusted == pytest.approx(1 / 252)


counts = st.builds(CaseCount, st.integers(0, 6), st.integers(0, 6))


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=12))
def test_adjusting_never_makes_it_surer(pairs: list[tuple[CaseCount, CaseCount]]) -> None:
    before = {f"c{i}": old for i, (old, _) in enumerate(pairs)}
    after = {f"c{i}": new for i, (_, new) in enumerate(pairs)}
    changes = compare_cases(before, after)
    assert len(changes) == len(pairs)
    assert all(0 <= c.p <= c.adjusted + 1e-12 <= 1 + 1e-9 for c in changes)


@pytest.mark.slow
def test_nothing_changed_is_hardly_ever_called_newly_failing() -> None:
    dice = random.Random(9)
    false = 0
    for _ in range(400):
        changes = compare_cases(side(dice, UNEVEN, 20), side(dice, UNEVEN, 5))
        false += any(c.change is Change.NEWLY_FAILING for c in changes)
    assert false / 400 < 0.05 + 3 * 0.011
