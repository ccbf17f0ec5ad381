"""The gate on a pass rate: what decides it, what cannot, and what it says."""

import math
import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.stats.cases import Ruling
from agentops.stats.decision import Decision
from agentops.stats.plan import GatePlan, ZBound, look_sizes
from agentops.stats.sequential import Tally, evaluate, few_failures

Outcomes = list[tuple[int, bool | None]]
PLANS = [GatePlan(100, 5, 0.85), GatePlan(40, 4, 0.7), GatePlan(20, 5, 0.95), GatePlan(7, 6, 0.5), GatePlan(60, 5, 0.9)]


def schedule(plan: GatePlan, dice: random.Random, rates: list[float], *, lost: float = 0.0) -> Outcomes:
    attempts: Outcomes = []
    for _ in range(plan.rounds):
        for case in dice.sample(range(plan.cases), plan.cases):
            attempts.append((case, None if dice.random() < lost else dice.random() < rates[case]))
    return attempts


@st.composite
def streams(draw: st.DrawFn) -> tuple[GatePlan, Outcomes]:
    plan = draw(st.sampled_from(PLANS))
    dice = random.Random(draw(st.integers(0, 10**9)))
    centre = draw(st.floats(plan.threshold - 0.15, min(plan.threshold + 0.15, 1.0)))
    rates = [min(max(dice.gauss(centre, 0.2), 0.0), 1.0) for _ in range(plan.cases)]
    return plan, schedule(plan, dice, rates, lost=draw(st.sampled_from([0.0, 0.0, 0.02, 0.3])))


def signs(decision: Decision) -> int:
    return {Ruling.PASS: 1, Ruling.FAIL: -1}.get(decision.ruling, 0)


@settings(max_examples=150, deadline=None)
@given(streams(), st.integers(0, 10**6))
def test_the_prefix_decides_and_later_data_changes_nothing(stream: tuple[GatePlan, Outcomes], seed: int) -> None:
    plan, attempts = stream
    decision = evaluate(plan, attempts)
    assert decision.ruling is not Ruling.UNDECIDED
    assert evaluate(plan, attempts[: decision.calls]) == decision
    before = evaluate(plan, attempts[: decision.calls - 1])
    assert before.ruling is Ruling.UNDECIDED
    dice = random.Random(seed)
    later: Outcomes = [(case, dice.random() < 0.5) for case, _ in attempts[decision.calls :]]
    assert evaluate(plan, attempts[: decision.calls] + later) == decision


@settings(max_examples=100, deadline=None)
@given(streams(), st.integers(1, 60))
def test_in_pieces_it_is_the_same(stream: tuple[GatePlan, Outcomes], size: int) -> None:
    plan, attempts = stream
    tally = Tally(plan)
    for start in range(0, len(attempts), size):
        tally.extend(attempts[start : start + size])
    assert tally.decision == evaluate(plan, attempts)


@settings(max_examples=150, deadline=None)
@given(streams())
def test_the_interval_never_contradicts_the_verdict(stream: tuple[GatePlan, Outcomes]) -> None:
    plan, attempts = stream
    for stop in (plan.cases // 2, plan.cases + plan.cases // 2, len(attempts)):
        decision = evaluate(plan, attempts[:stop])
        assert 0.0 <= decision.low <= decision.high <= 1.0
        assert (decision.low >= plan.threshold) == (decision.ruling is Ruling.PASS) or decision.low == plan.threshold
        assert (decision.high <= plan.threshold) == (decision.ruling is Ruling.FAIL) or decision.high == plan.threshold
        if decision.estimate is not None:
            assert decision.low - 1e-12 <= decision.estimate <= decision.high + 1e-12


@settings(max_examples=150, deadline=None)
@given(streams(), st.data())
def test_a_success_more_never_turns_pass_into_fail(stream: tuple[GatePlan, Outcomes], data: st.DataObject) -> None:
    plan, attempts = stream
    at = data.draw(st.integers(0, len(attempts) - 1))
    better = [*attempts[:at], (attempts[at][0], True), *attempts[at + 1 :]]
    assert signs(evaluate(plan, attempts)) - signs(evaluate(plan, better)) < 2


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.floats(0.7, 0.97), st.data())
def test_a_success_more_raises_z_where_it_decides(seed: int, rate: float, data: st.DataObject) -> None:
    """The error shrinks and grows with what was seen, but near the bounds never by more than the mean moves."""
    plan = GatePlan(60, 4, 0.85, min_rounds=4)
    dice = random.Random(seed)
    attempts = schedule(plan, dice, [min(max(dice.gauss(rate, 0.2), 0.0), 1.0) for _ in range(60)])
    failed = [i for i, (_, passed) in enumerate(attempts) if not passed]
    if not failed:
        return
    at = data.draw(st.sampled_from(failed))
    before, after = (
        evaluate(plan, attempts),
        evaluate(plan, [*attempts[:at], (attempts[at][0], True), *attempts[at + 1 :]]),
    )
    assert before.z is not None
    assert after.z is not None
    if abs(before.z) < 4:
        assert after.z > before.z


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_counts_are_monotone(plan: GatePlan) -> None:
    for earlier, later in pairwise(plan.counts):
        assert earlier.fail_at <= later.fail_at
        # What passes at a look passes at the next one with no further failure.
        assert earlier.calls - earlier.pass_at <= later.calls - later.pass_at
    assert all(b.fail_at < b.pass_at for b in plan.counts)


@settings(max_examples=100, deadline=None)
@given(streams())
def test_what_is_not_measured_turns_no_verdict(stream: tuple[GatePlan, Outcomes]) -> None:
    plan, attempts = stream
    given_up = evaluate(plan, attempts)
    for taken_as in (True, False):
        filled: Outcomes = [(case, taken_as if passed is None else passed) for case, passed in attempts]
        assert signs(given_up) * signs(evaluate(plan, filled)) >= 0


def test_nothing_but_gaps_decides_nothing() -> None:
    plan = GatePlan(50, 3, 0.8)
    decision = evaluate(plan, [(case, None) for _ in range(3) for case in range(50)])
    assert decision.ruling is Ruling.INCONCLUSIVE
    assert decision.estimate is None
    assert (decision.low, decision.high) == (0.0, 1.0)
    assert decision.unmeasured == decision.calls


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.floats(0.4, 0.6), st.sampled_from([(60, 5), (12, 5), (100, 3)]))
def test_at_one_half_pass_and_fail_are_mirror_images(seed: int, rate: float, size: tuple[int, int]) -> None:
    plan = GatePlan(*size, 0.5)
    attempts = schedule(plan, random.Random(seed), [rate] * plan.cases)
    turned: Outcomes = [(case, not passed) for case, passed in attempts]
    one, other = evaluate(plan, attempts), evaluate(plan, turned)
    assert (signs(one), one.calls) == (-signs(other), other.calls)
    assert one.low == pytest.approx(1 - other.high, abs=1e-9)


def test_z_by_hand() -> None:
    """40 cases, 3 rounds: 30 always pass, 6 pass twice, 4 never; read after all of it."""
    plan = GatePlan(40, 3, 0.8, min_rounds=3)
    passes = [3] * 30 + [2] * 6 + [0] * 4
    decision = evaluate(plan, [(case, run < passes[case]) for run in range(3) for case in range(40)])
    mean = 102 / 120
    within = 6 * (2 * 1 / (3 * 2)) / 40
    ratio = (within / (mean * (1 - mean)) * 40 + 10) / 50
    z = (mean - 0.8) / math.sqrt(ratio * 0.8 * 0.2 / 120)
    assert decision.rule == "z"
    assert decision.z == pytest.approx(z)
    assert decision.estimate == pytest.approx(mean)
    assert decision.icc == pytest.approx(1 - ratio)
    assert decision.boundary == pytest.approx(1.6954, abs=1e-3)  # 4.5 % on one side: one look, a tenth kept back
    assert decision.ruling is Ruling.PASS
    assert decision.calls == 120


def test_z_by_hand_with_gaps() -> None:
    """40 cases, 3 rounds; 4 lose their last run, a failure for the low side; 4 never pass, the others always."""
    plan = GatePlan(40, 3, 0.8, min_rounds=3)
    attempts: Outcomes = [
        (case, None if run == 2 and case < 4 else case < 36) for run in range(3) for case in range(40)
    ]
    decision = evaluate(plan, attempts)
    mean = 104 / 120
    ratio = (4 * (2 * 1 / (3 * 2)) / 40 / (mean * (1 - mean)) * 40 + 10) / 50
    assert decision.z == pytest.approx((mean - 0.8) / math.sqrt(ratio * 0.8 * 0.2 / 120))
    assert decision.estimate == pytest.approx(0.9)
    assert decision.low < mean
    assert decision.high > 0.9
    assert decision.unmeasured == 4


def test_where_failures_are_rare_perfect_rounds_do_not_pass() -> None:
    plan = GatePlan(25, 5, 0.98)  # an agent that fails 2 % looks perfect with a chance of 8 %
    decision = evaluate(plan, [(case, True) for _ in range(5) for case in range(25)])
    assert not plan.scores
    assert decision.ruling is Ruling.INCONCLUSIVE
    assert decision.reason == "futility"  # it can never pass, and failing is not likely: no need to call on
    assert decision.calls < 50
    assert 0.8 < decision.low < 0.98


@pytest.mark.parametrize(
    ("plan", "alone"),
    [
        (GatePlan(100, 5, 0.85), False),
        (GatePlan(29, 50, 0.85), True),
        (GatePlan(100, 5, 0.98), True),
        (GatePlan(200, 5, 0.98), False),
        (GatePlan(200, 5, 0.02), False),
        (GatePlan(100, 5, 0.02), True),
        (GatePlan(100, 1, 0.5), True),
    ],
)
def test_counts_decide_where_failures_are_rare(plan: GatePlan, alone: bool) -> None:
    assert plan.all_by_count is alone
    assert bool(plan.scores) is not alone
    assert all(b.calls > plan.cases and b.calls * min(plan.threshold, 1 - plan.threshold) >= 9.999 for b in plan.scores)


def test_counts_stop_as_soon_as_the_look_is_certain() -> None:
    plan = GatePlan(20, 5, 0.85)
    failing = evaluate(plan, [(case, False) for _ in range(5) for case in range(20)])
    first = plan.counts[0]
    assert failing.ruling is Ruling.FAIL
    assert failing.calls == first.calls - first.fail_at
    assert failing.reason == ("boundary" if failing.calls == first.calls else "certain")
    assert failing.high <= 0.85


def test_looks_are_those_of_the_plan() -> None:
    assert look_sizes(100, 5) == [25, 50, 75, 100, 150, 200, 250, 300, 350, 400, 450, 500]
    assert look_sizes(100, 5, 1) == [100, 150, 200, 250, 300, 350, 400, 450, 500]
    assert look_sizes(7, 3) == [2, 4, 6, 7, 10, 14, 17, 21]
    assert look_sizes(1, 2) == [1, 2]
    long = look_sizes(10, 1000)
    assert len(long) <= 44
    assert long[-1] == 10_000


@pytest.mark.parametrize("least", [1, 2, 3])
def test_nothing_is_decided_before_the_least_rounds(least: int) -> None:
    for rate in (0.0, 1.0):
        plan = GatePlan(40, 5, 0.7, min_rounds=least)
        decision = evaluate(plan, [(case, bool(rate)) for _ in range(5) for case in range(40)])
        assert decision.calls == 40 * least
        assert signs(decision) == (1 if rate else -1)


def test_a_round_holds_each_case_once() -> None:
    plan = GatePlan(3, 2, 0.5)
    for wrong in ([(0, True), (0, True)], [(3, True)], [(-1, True)]):
        with pytest.raises(ValueError, match="each round holds each case once"):
            evaluate(plan, wrong)


@pytest.mark.parametrize(
    "numbers",
    [(0, 1, 0.5, 0.95, 0), (1, 0, 0.5, 0.95, 0), (1, 1, 1.0, 0.95, 0), (1, 1, 0.5, 0.5, 0), (1, 2, 0.5, 0.9, 3)],
)
def test_what_makes_no_gate_is_refused(numbers: tuple[int, int, float, float, int]) -> None:
    with pytest.raises(ValueError):
        GatePlan(*numbers)


@pytest.mark.parametrize(("cases", "rounds"), [(1000, 100), (20_000, 5)])
def test_a_hundred_thousand_attempts_take_no_time(cases: int, rounds: int) -> None:
    dice = random.Random(4)
    attempts = schedule(GatePlan(cases, rounds, 0.85), dice, [0.852] * cases)
    began = time.process_time()
    decision = evaluate(GatePlan(cases, rounds, 0.85), attempts)
    assert time.process_time() - began < 2.0
    assert decision.ruling is not Ruling.UNDECIDED


def test_bounds_err_at_most_as_they_say() -> None:
    """The chance of either verdict at the threshold, for alike cases, added up exactly over the counts."""
    for cases, threshold in ((20, 0.95), (25, 0.95), (50, 0.98), (100, 0.98)):
        plan = GatePlan(cases, 5, threshold)
        alive, n, passed, failed = {0: 1.0}, 0, 0.0, 0.0
        for bound in plan.counts:
            for _ in range(bound.calls - n):
                moved: dict[int, float] = {}
                for k, w in alive.items():
                    moved[k + 1] = moved.get(k + 1, 0.0) + w * threshold
                    moved[k] = moved.get(k, 0.0) + w * (1 - threshold)
                alive = moved
            n = bound.calls
            passed += sum(alive.pop(k) for k in list(alive) if k >= bound.pass_at)
            failed += sum(alive.pop(k) for k in list(alive) if k <= bound.fail_at)
        assert 0.02 < passed <= 0.05
        assert 0.02 < failed <= 0.05


def test_predictive_chances() -> None:
    # Nothing seen: Jeffreys' prior gives the next call an even chance.
    assert few_failures(1, 0, 0, 0) == pytest.approx(0.5)
    assert few_failures(10, 3, 7, 10) == 1.0
    assert few_failures(10, 3, 7, -1) == 0.0
    assert few_failures(200, 1, 49, 0) == pytest.approx(math.prod((49.5 + i) / (51 + i) for i in range(200)), rel=1e-9)


def test_hopeless_gates_stop_early_and_say_why() -> None:
    plan = GatePlan(100, 5, 0.85)
    attempts: Outcomes = [(case, case % 20 >= 3) for _ in range(5) for case in dice_order(case_count=100)]
    decision = evaluate(plan, attempts)
    assert decision.ruling is Ruling.INCONCLUSIVE
    assert decision.reason == "futility"
    assert decision.chance is not None
    assert decision.chance < 0.10
    assert decision.calls < 500


def dice_order(*, case_count: int) -> list[int]:
    return random.Random(1).sample(range(case_count), case_count)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "rates"),
    [
        (GatePlan(100, 5, 0.85), [0.85] * 100),
        (GatePlan(100, 5, 0.85), [0.4] * 25 + [1.0] * 75),
        (GatePlan(100, 5, 0.95), [0.5] * 10 + [1.0] * 90),
        (GatePlan(200, 5, 0.98), [0.5] * 8 + [1.0] * 192),
        (GatePlan(20, 5, 0.95), [0.8] * 5 + [1.0] * 15),
    ],
)
def test_at_the_threshold_either_verdict_is_rare(plan: GatePlan, rates: list[float]) -> None:
    assert sum(rates) / len(rates) == pytest.approx(plan.threshold)
    dice = random.Random(11)
    signed = [signs(evaluate(plan, schedule(plan, dice, rates))) for _ in range(2000)]
    assert signed.count(1) / 2000 < 0.05 + 3 * 0.0049
    assert signed.count(-1) / 2000 < 0.05 + 3 * 0.0049
    assert isinstance(plan.looks[-1], ZBound) is bool(plan.scores)
