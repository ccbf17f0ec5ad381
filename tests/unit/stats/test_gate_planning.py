"""What a budget can show: against running the gate on perfect agents."""

import pytest

from agentops.stats.cases import Ruling
from agentops.stats.eprocess import log_e_above
from agentops.stats.plan import GatePlan
from agentops.stats.planning import calls_to_decide, cases_to_pass, further_calls, min_calls_to_pass, rounds_to_pass
from agentops.stats.sequential import evaluate

PLANS = [
    GatePlan(100, 5, 0.85), GatePlan(20, 5, 0.97), GatePlan(20, 5, 0.98), GatePlan(33, 3, 0.97), GatePlan(50, 5, 0.98),
    GatePlan(3, 3, 0.85), GatePlan(40, 5, 0.7, min_rounds=2), GatePlan(20, 5, 0.7, min_rounds=2), GatePlan(1, 60, 0.95),
]  # fmt: skip


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_the_least_calls_are_those_of_a_perfect_agent(plan: GatePlan) -> None:
    perfect = [(case, True) for _ in range(plan.rounds) for case in range(plan.cases)]
    decision = evaluate(plan, perfect)
    least = min_calls_to_pass(plan)
    if decision.ruling is Ruling.PASS:
        assert least == decision.calls
        assert rounds_to_pass(plan) == plan.rounds
        assert cases_to_pass(plan) == plan.cases
    else:
        assert least is None


def test_what_would_suffice() -> None:
    plan = GatePlan(20, 5, 0.98)
    rounds, cases = rounds_to_pass(plan), cases_to_pass(plan)
    assert rounds is not None
    assert min_calls_to_pass(GatePlan(20, rounds, 0.98)) is not None
    assert min_calls_to_pass(GatePlan(20, rounds - 1, 0.98)) is None
    assert min_calls_to_pass(GatePlan(cases, 5, 0.98)) is not None
    assert min_calls_to_pass(GatePlan(cases - 1, 5, 0.98)) is None
    assert 20 * rounds >= 149  # 0.98^149 is the first below 5 %
    assert rounds_to_pass(plan, most=6) is None


def test_a_hundred_clean_runs_show_97_percent() -> None:
    assert min_calls_to_pass(GatePlan(20, 5, 0.97)) == 100
    assert min_calls_to_pass(GatePlan(33, 3, 0.97)) == 99


def test_calls_to_decide_as_tables_have_them() -> None:
    # Two points off 0.85: about 1,500 calls with icc 0.45 and 2,730 without; five points: 240.
    assert calls_to_decide(0.87, 0.85, icc=0.45) == pytest.approx(1502, abs=2)
    assert calls_to_decide(0.87, 0.85) == pytest.approx(2730, abs=2)
    assert calls_to_decide(0.90, 0.85, icc=0.45) == pytest.approx(241, abs=2)
    assert calls_to_decide(0.83, 0.85) == calls_to_decide(0.87, 0.85)
    assert calls_to_decide(1.0, 0.98, icc=1.0) == 149
    assert calls_to_decide(0.85, 0.85) is None
    assert calls_to_decide(0.85001, 0.85) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        calls_to_decide(1.2, 0.85)


def test_further_calls_settle_it_and_fewer_do_not() -> None:
    plan = GatePlan(100, 5, 0.85)
    calls = further_calls(plan, passed=435, calls=500)
    assert calls is not None
    assert (
        log_e_above(round(0.87 * calls), calls, 0.85)
        >= 3.688
        > log_e_above(round(0.87 * (calls - 100)), calls - 100, 0.85)
    )
    assert further_calls(plan, passed=425, calls=500) is None
    assert further_calls(plan, passed=300, calls=500) == 600
    with pytest.raises(ValueError, match="no rate"):
        further_calls(plan, passed=3, calls=0)
