"""Criteria on behaviour: the rule that stops a run and the verdict on it are the same object."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.evals import schedule
from agentops.gate import gauges, policy
from agentops.gate.decide import decide
from agentops.gate.gauges.base import Design, Gauge, Member
from agentops.gate.judge import in_order
from agentops.gate.stop import Settled
from agentops.model.case import Attempt, Case, CaseResult, Turn
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, RunResult, Sampling, Scope, StageResult, Subject
from agentops.model.verdict import Allowance, Criterion, CriterionResult, Where

P, F, E, UNSURE = Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE
RATE = Criterion("pass_rate", at_least=0.85)


def design(cases: int, least: int = 1, most: int = 5, **more: object) -> Design:
    members = tuple(Member(f"c{i}", ("even",) if i % 2 == 0 else ()) for i in range(cases))
    return Design(members, least, most, **more)  # type: ignore[arg-type]


def attempts(rates: Sequence[float], rounds: int, seed: int = 1, **more: object) -> list[Attempt]:
    """Attempts in the order of the schedule, each case passing at its rate."""
    cases = [Case(f"c{i}", (Turn("x"),), (), (), Location("s", i)) for i in range(len(rates))]
    dice = random.Random(seed)
    made = []
    for slot in schedule.slots(cases, seed=seed, first=1, last=len(rates) * rounds):
        passed = dice.random() < rates[int(slot.case.id[1:])]
        attempt = Attempt(slot.case.id, slot.run, slot.position, P if passed else F, 0.1, position=slot.position)
        made.append(replace(attempt, **more) if more else attempt)  # type: ignore[arg-type]
    return made


def fed(criterion: Criterion, how: Design, made: Sequence[Attempt]) -> Gauge:
    gauge = gauges.make(criterion, how)
    for attempt in made:
        gauge.add(attempt)
    return gauge


def until_settled(criterion: Criterion, how: Design, made: Sequence[Attempt]) -> tuple[int, CriterionResult]:
    gauge = gauges.make(criterion, how)
    for i, attempt in enumerate(made):
        if gauge.settled:
            return i, gauge.result()
        gauge.add(attempt)
    return len(made), gauge.result()


@pytest.mark.parametrize(("rate", "outcome", "most_calls"), [(0.97, P, 150), (1.0, P, 100), (0.6, F, 100)])
def test_a_clear_rate_is_settled_long_before_the_end(rate: float, outcome: Outcome, most_calls: int) -> None:
    calls, result = until_settled(RATE, design(100), attempts([rate] * 100, 5))
    assert calls <= most_calls
    assert result.outcome is outcome


def test_a_rate_near_the_demand_is_not_settled_by_luck() -> None:
    outcomes = [until_settled(RATE, design(100), attempts([0.85] * 100, 5, seed=seed))[1].outcome for seed in range(60)]
    assert outcomes.count(UNSURE) > 45


@settings(max_examples=40, deadline=None)
@given(st.floats(0.5, 1.0), st.integers(0, 10_000), st.sampled_from([20, 60]))
def test_what_comes_after_the_verdict_does_not_change_it(rate: float, seed: int, cases: int) -> None:
    made = attempts([rate] * cases, 5, seed=seed)
    at, early = until_settled(RATE, design(cases), made)
    late = fed(RATE, design(cases), made).result()
    if at < len(made) and early.outcome in (P, F):
        assert late.outcome is early.outcome or "the agent changed" in late.reason
        demand = RATE.at_least or 0.0
        for result in (early, late):
            assert result.low is not None
            assert result.high is not None
            assert (result.low >= demand) is (result.outcome is P) or result.low == demand
            assert (result.high <= demand) is (result.outcome is F) or result.high == demand


def a_run(made: Sequence[Attempt], cases: int, sampling: Sampling) -> RunResult:
    results = tuple(
        CaseResult(f"c{i}", "s", ("even",) if i % 2 == 0 else (), 1, 1, P,
                   tuple(a for a in made if a.case_id == f"c{i}"))
        for i in range(cases)
    )  # fmt: skip
    stage = StageResult("evals", P, Counts(len(made), len(made)), cases=results, sampling=sampling)
    return RunResult("id", "a", "t", "t", "ci", True, Subject(), Scope(("evals",), True), (stage,))


@settings(max_examples=30, deadline=None)
@given(st.floats(0.6, 1.0), st.integers(0, 10_000))
def test_the_verdict_is_that_of_the_rule_that_stopped_the_run(rate: float, seed: int) -> None:
    criteria = (RATE, Criterion("pass_rate", at_least=0.8, where=Where(tag="even")), Criterion("violations", at_most=9))
    how, made = design(40), attempts([rate] * 40, 5, seed=seed)
    rule = Settled(criteria, how)
    stop = 0
    while stop < len(made) and not (stop >= 40 and rule.settled()):
        rule.add(made[stop])
        stop += 1
    run = a_run(made[:stop], 40, Sampling(1, 5, seed))
    told = decide(run, policy.policy("ci", criteria, Allowance())).results
    assert [r.outcome for r in told] == [fed(c, how, made[:stop]).result().outcome for c in criteria]


def test_a_run_that_stopped_early_is_told_from_one_that_ran_out() -> None:
    made = attempts([0.86] * 40, 2)
    open_ones = a_run(made, 40, Sampling(1, 5, 1, broke_off="the budget of 80 calls is used up"))
    (result,) = decide(open_ones, policy.policy("ci", (RATE,), Allowance())).results
    assert result.outcome is UNSURE
    assert "the budget of 80 calls is used up" in result.reason


def test_lost_attempts_count_against_either_verdict() -> None:
    made = attempts([1.0] * 40, 1)
    assert fed(RATE, design(40, 1, 1), made).result().outcome is P
    holed = [replace(a, outcome=E) if a.position % 4 == 0 else a for a in made]
    assert fed(RATE, design(40, 1, 1), holed).result().outcome is UNSURE
    bad = [replace(a, outcome=E if a.position % 4 == 0 else F) for a in made]
    assert fed(RATE, design(40, 1, 1), bad).result().outcome is F, "three quarters failed for sure"


def test_a_tag_has_its_own_schedule() -> None:
    rates = [1.0 if i % 2 == 0 else 0.0 for i in range(100)]
    even = Criterion("pass_rate", at_least=0.9, where=Where(tag="even"))
    result = fed(even, design(100), attempts(rates, 2)).result()
    assert result.outcome is P
    assert result.coverage == "100/100 attempts, 50 cases"
    assert fed(RATE, design(100), attempts(rates, 2)).result().outcome is F


def test_attempts_behind_a_gap_do_not_reach_the_rule() -> None:
    made = attempts([1.0] * 30, 2)
    cases = a_run([a for a in made if a.position != 5], 30, Sampling(1, 2, 1)).stages[0].cases
    ordered = in_order(cases)
    assert [a.position for a in ordered] == [1, 2, 3, 4] + [0] * 55
    assert fed(RATE, design(30, 1, 2), ordered).result().outcome is UNSURE


def test_evidence_that_came_to_its_end_goes_on_by_the_e_process() -> None:
    near = [1.0] * 88 + [0.0] * 12  # 0.88: too near to 0.85 for 100 runs of a gate without within-case spread
    before = [replace(a, earlier=True) for a in attempts(near, 1)]
    gauge = fed(RATE, design(100, 1, 1), before)
    assert gauge.result().outcome is UNSURE
    assert not gauge.settled, "this run goes on"
    for attempt in attempts(near, 40)[100:]:
        gauge.add(attempt)
        if gauge.settled:
            break
    assert gauge.result().outcome is P
    assert fed(RATE, design(100, 1, 1), attempts(near, 1)).settled, "a first run ends with its budget"


def test_consistency_is_looked_at_when_its_runs_are_there() -> None:
    steady = Criterion("consistency_pass_all_k", at_least=0.8, k=3)
    calls, result = until_settled(steady, design(80), attempts([1.0] * 80, 5))
    assert (calls, result.outcome) == (240, P)
    shaky = fed(steady, design(80), attempts([0.8] * 80, 5)).result()
    assert shaky.outcome is F
    assert fed(steady, design(80), attempts([1.0] * 80, 2)).result().outcome is E, "two runs say nothing on three"
    cut = fed(steady, design(80, broke_off="the budget of 160 calls is used up"), attempts([1.0] * 80, 2)).result()
    assert cut.outcome is UNSURE
    assert "the budget of 160 calls is used up" in cut.reason


def test_a_percentile_shares_its_error_among_its_looks() -> None:
    quick = Criterion("latency_p95_s", at_most=1.0)
    calls, result = until_settled(quick, design(100), attempts([1.0] * 100, 5))
    assert (calls, result.outcome) == (100, P)
    assert "99% bounds" in result.reason, "five looks: a fifth of 5 % each"
    calls, result = until_settled(quick, design(40), attempts([1.0] * 40, 5))
    assert calls == 120, "looks after one or two rounds could show nothing, so that they take no share"
    slow = fed(quick, design(100), attempts([1.0] * 100, 1, latency_s=2.0)).result()
    assert slow.outcome is F
    first = Criterion("latency_first_token_p95_s", at_most=1.0)
    assert fed(first, design(100), attempts([1.0] * 100, 1)).result().outcome is E, "nobody told it"
    assert fed(first, design(100), attempts([1.0] * 100, 1, first_token_s=0.2)).result().outcome is P


def test_a_population_is_judged_once_at_the_end() -> None:
    everybody = Criterion("pass_rate", at_least=0.85, estimand="population")
    assert everybody.name == "pass_rate[estimand=population] >= 0.85"
    rates = [1.0] * 93 + [0.0] * 7
    gauge = fed(everybody, design(100, 1, 2), attempts(rates, 1))
    assert not gauge.settled
    assert gauge.result().outcome is UNSURE
    done = fed(everybody, design(100, 1, 2), attempts(rates, 2))
    assert done.settled
    assert done.result().outcome is P
    near = fed(everybody, design(100, 1, 2), attempts([1.0] * 88 + [0.0] * 12, 2)).result()
    assert near.outcome is UNSURE, "the luck of the draw of 100 cases is not removed by more runs"


def test_weights_count() -> None:
    heavy = Criterion("weighted_pass_rate", at_least=0.7)
    members = tuple(Member(f"c{i}", weight=10.0 if i < 20 else 1.0) for i in range(60))
    rates = [1.0] * 20 + [0.0] * 40
    result = fed(heavy, Design(members, 5, 5), attempts(rates, 5)).result()
    assert result.observed == pytest.approx(200 / 240)
    assert result.outcome is P
    flat = fed(heavy, design(60, 5, 5), attempts(rates, 5)).result()
    assert flat.outcome is F


def test_cases_are_held_against_their_own_rule() -> None:
    rule = Criterion("case_rate", at_least=1.0)
    members = (Member("c0", needed=2, planned=3), Member("c1", needed=3, planned=3))
    fine = [Attempt("c0", 1, 1, P), Attempt("c0", 2, 2, F), Attempt("c0", 3, 3, P)]
    made = [*fine, *(Attempt("c1", i, i + 3, P) for i in (1, 2, 3))]
    assert fed(rule, Design(members, 3, 3), made).result().outcome is P
    broken = [replace(a, outcome=F) if a.case_id == "c1" and a.run == 2 else a for a in made]
    told = fed(rule, Design(members, 3, 3), broken).result()
    assert told.outcome is F
    assert "c1" in told.reason


def test_paths_agree_or_not() -> None:
    agree = Criterion("path_agreement", at_least=0.9)
    same = attempts([1.0] * 10, 2, path="abc")
    assert fed(agree, design(10), same).result().observed == 1.0
    half = [replace(a, path=f"p{a.run}") if int(a.case_id[1:]) < 5 else a for a in same]
    assert fed(agree, design(10), half).result().observed == 0.5
    assert fed(agree, design(10), attempts([1.0] * 10, 2)).result().outcome is E, "no trace, no agreement"


def test_flaky_cases_are_counted_and_named() -> None:
    few = Criterion("flaky_cases", at_most=0)
    made = attempts([1.0] * 10, 6)
    assert fed(few, design(10, 3, 6), made).result().outcome is P
    shaky = [replace(a, outcome=F) if a.case_id == "c4" and a.run % 2 else a for a in made]
    result = fed(few, design(10, 3, 6), shaky).result()
    assert result.outcome is F
    assert "c4" in result.reason


def test_money_and_tokens_that_nobody_told_are_an_error() -> None:
    cheap, short = Criterion("cost_usd_per_case", at_most=0.02), Criterion("tokens_per_case", at_most=100)
    told = attempts([1.0] * 10, 1, cost_usd=0.01, input_tokens=50, output_tokens=25)
    assert fed(cheap, design(10), told).result().outcome is P
    assert fed(short, design(10), told).result().observed == 75
    assert fed(short, design(10), attempts([1.0] * 10, 1, input_tokens=90, output_tokens=25)).result().outcome is F
    for criterion in (cheap, short):
        half = [*told[:5], *attempts([1.0] * 10, 1)[5:]]
        result = fed(criterion, design(10), half).result()
        assert result.outcome is E
        assert "5 of 10 attempts do not tell it" in result.reason


def test_a_loss_since_a_baseline() -> None:
    criterion = Criterion("regression", at_most=0.03, against="main")
    assert criterion.name == "regression[against=main] <= 0.03"
    good = {f"c{i}": (5, 0) if i % 10 else (4, 1) for i in range(100)}
    how = design(100, 3, 5, baselines={"main": good})
    same = fed(criterion, how, attempts([1.0 if i % 10 else 0.8 for i in range(100)], 5)).result()
    assert same.outcome is P
    broken = fed(criterion, how, attempts([1.0 if i % 7 else 0.0 for i in range(100)], 5)).result()
    assert broken.outcome is F
    assert fed(criterion, how, attempts([1.0] * 100, 2)).result().outcome is UNSURE, "it takes three runs"
    assert fed(criterion, design(100, 3, 5), attempts([1.0] * 100, 5)).result().outcome is E


def test_numbers_beside_the_attempts() -> None:
    judge = Criterion("judge_agreement", at_least=0.8)
    assert fed(judge, design(10, values={"judge_agreement": 0.9}), []).result().outcome is P
    assert fed(judge, design(10, values={"judge_agreement": 0.7}), []).result().outcome is F
    assert fed(judge, design(10), []).result().outcome is E
    size = Criterion("suite_cases", at_least=50)
    assert fed(size, design(49), []).result().outcome is F
    assert fed(size, design(50), []).result().outcome is P


def test_every_metric_of_the_policy_on_behaviour_is_a_gauge() -> None:
    of_evals = {name for name, metric in policy.METRICS.items() if metric.stages == ("evals",)}
    assert of_evals == set(gauges.KINDS)


def test_an_agent_that_changed_during_the_run_is_no_pass() -> None:
    good = attempts([1.0] * 40, 1)
    fine = fed(RATE, design(40), good).result()
    assert fine.outcome is P
    assert "decided after 40 attempts" in fine.reason or "decided after 20 attempts" in fine.reason
    assert fine.low == pytest.approx(0.05 ** (1 / 40)), "the plain interval of all attempts"
    later = [replace(a, outcome=F) if a.position > 40 else replace(a, outcome=P) for a in attempts([1.0] * 40, 3)]
    result = fed(RATE, design(40), later).result()
    assert result.outcome is UNSURE
    assert "the agent changed during the run: PASS after" in result.reason
    assert result.observed == pytest.approx(1 / 3)
    bettered = [replace(a, outcome=F if a.position <= 40 else P) for a in attempts([1.0] * 40, 50)]
    assert fed(RATE, design(40, most=50), bettered).result().outcome is UNSURE


def test_an_open_rate_is_shown_before_the_first_look() -> None:
    result = fed(RATE, design(100, 2), attempts([1.0] * 100, 1)[:7]).result()
    assert result.outcome is UNSURE
    assert result.observed == 1.0
    assert "the first look is after 200 attempts" in result.reason


def test_three_cases_say_what_it_would_take() -> None:
    result = fed(RATE, design(3, 1, 1), attempts([1.0] * 3, 1)).result()
    assert result.outcome is UNSURE
    assert "add cases" in result.hint
    assert "--runs" in result.hint


def test_an_agreement_is_judged_by_its_bounds() -> None:
    judge = Criterion("judge_agreement", at_least=0.8)
    for low, high, outcome in ((0.81, 0.99, P), (0.5, 0.79, F), (0.7, 0.95, UNSURE)):
        values = {"judge_agreement": 0.9, "judge_agreement_low": low, "judge_agreement_high": high}
        result = fed(judge, design(10, values=values), []).result()
        assert (result.outcome, result.low, result.high) == (outcome, low, high)


def test_cases_that_are_gone_do_not_hold_a_margin() -> None:
    criterion = Criterion("regression", at_most=0.03, against="main")
    before = {f"c{i}": (5, 0) for i in range(120)}
    made = attempts([1.0] * 100, 5)
    result = fed(criterion, design(100, 3, 5, baselines={"main": before}), made).result()
    assert result.outcome is UNSURE
    assert "20 cases of the baseline are gone" in result.reason
    never = {f"c{i}": (5, 0) if i < 100 else (0, 5) for i in range(101)}
    kept = fed(criterion, design(100, 3, 5, baselines={"main": never}), made).result()
    assert kept.outcome is P, "what always failed is no loss"
    assert "1 case of the baseline is gone" in kept.reason
    tagged = Criterion("regression", at_most=0.05, against="main", where=Where(tag="even"))
    even = {i: n for i, n in before.items() if int(i[1:]) % 2 == 0 and int(i[1:]) < 100}
    both = {"main": before, tagged.name: even}
    assert "gone" not in fed(tagged, design(100, 3, 5, baselines=both), made).result().reason


def test_a_pack_is_judged_by_its_own_cases() -> None:
    members = tuple(Member(f"c{i}", suite="pack:injection" if i < 3 else "mine") for i in range(40))
    made = attempts([0.0] * 3 + [1.0] * 37, 1)
    attack = Criterion("violations", at_most=0, where=Where(suite="pack:injection"))
    own = Criterion("pass_rate", at_least=0.85, where=Where(suite="own"))
    assert attack.name == "violations[suite=pack:injection] <= 0"
    assert fed(attack, Design(members, 1, 1), made).result().outcome is F
    assert fed(own, Design(members, 1, 1), made).result().coverage == "37/37 attempts, 37 cases"
