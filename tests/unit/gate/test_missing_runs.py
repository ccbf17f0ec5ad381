"""A run that ended before its time: what was not run can turn no criterion green."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentops.gate import gauges
from agentops.gate.gauges.base import Design, Member
from agentops.gate.stop import Settled
from agentops.model.case import Attempt
from agentops.model.outcome import Outcome
from agentops.model.verdict import Criterion, CriterionResult, Where

P, F, E, UNSURE = Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE
ENDED = "the budget of 10 calls is used up"


def made(cases: int, runs: int, **more: object) -> list[Attempt]:
    """All cases pass in all runs; case i costs what `more` says."""
    attempts = [Attempt(f"c{i}", r, 1, P, 0.1) for r in range(1, runs + 1) for i in range(cases)]
    return [replace(a, position=n, seq=n, **more) for n, a in enumerate(attempts, 1)]  # type: ignore[arg-type]


def design(cases: int, least: int, planned: int = 1, needed: int = 1, **more: str) -> Design:
    members = tuple(Member(f"c{i}", needed=needed, planned=planned) for i in range(cases))
    return Design(members, least, max(least, 1), **more)  # type: ignore[arg-type]


def judged(criterion: Criterion, how: Design, attempts: list[Attempt]) -> CriterionResult:
    gauge = gauges.make(criterion, how)
    for attempt in attempts:
        gauge.add(attempt)
    return gauge.result()


@pytest.mark.parametrize(
    "criterion",
    [
        Criterion("violations", at_most=0),
        Criterion("flaky_cases", at_most=0),
        Criterion("cost_usd_per_case", at_most=0.02),
        Criterion("tokens_per_case", at_most=20),
        Criterion("path_agreement", at_least=0.9),
        Criterion("case_rate", at_least=0.95),
    ],
)
def test_a_used_up_budget_is_no_pass(criterion: Criterion) -> None:
    how = design(10, 3, 3, 3, broke_off=ENDED)
    whole = made(10, 3, cost_usd=0.01, input_tokens=5, output_tokens=5, path="abc")
    assert judged(criterion, how, whole).outcome is P
    for part in (whole[:10], whole[:-1]):
        result = judged(criterion, how, part)
        assert result.outcome is UNSURE
        assert ENDED in result.reason
        assert "budget" in result.hint


def test_what_failed_for_sure_fails_however_much_is_missing() -> None:
    how = design(10, 3, 3, 3, broke_off=ENDED)
    bad = [replace(a, outcome=F) for a in made(10, 3, cost_usd=0.09)[:10]]
    assert judged(Criterion("violations", at_most=0), how, bad).outcome is F
    assert judged(Criterion("case_rate", at_least=0.9), how, bad).outcome is F, "none can pass 3 of 3 any more"
    assert judged(Criterion("cost_usd_per_case", at_most=0.02), how, bad).outcome is F, "0.9 over 30 is 0.03"
    dear = [replace(a, cost_usd=0.05) for a in bad]
    assert judged(Criterion("cost_usd_per_case", at_most=0.02), how, dear).outcome is UNSURE


def test_violations_may_be_missing_up_to_the_bound() -> None:
    few = Criterion("violations", at_most=2)
    assert judged(few, design(10, 1), made(10, 1)[:8]).outcome is P
    assert judged(few, design(10, 1), made(10, 1)[:7]).outcome is UNSURE
    own = Design((Member("c0", planned=5), Member("c1")), 1, 1)
    result = judged(Criterion("violations", at_most=0), own, made(2, 1))
    assert result.outcome is UNSURE, "the runs of its own that a case was promised"
    assert "4 runs were not made" in result.reason


@pytest.mark.parametrize("metric", ["violations", "flaky_cases", "cost_usd_per_case", "case_rate"])
def test_no_case_is_left_out_that_a_count_looks_at(metric: str) -> None:
    bound = {"at_least": 0.9} if metric == "case_rate" else {"at_most": 0}
    members = tuple(Member(f"c{i}", ("safety",) if i >= 8 else ()) for i in range(10))
    criterion = Criterion(metric, **bound, where=Where(tag="safety"))  # type: ignore[arg-type]
    rule = Settled((criterion,), Design(members, 0, 5))
    runs = made(10, 1)
    for attempt in runs[:9]:
        rule.add(attempt)
        assert not rule.settled()
    rule.add(runs[9])
    assert rule.settled()


def test_one_violation_too_many_settles_it_at_once() -> None:
    rule = Settled((Criterion("violations", at_most=0),), design(10, 1))
    rule.add(replace(made(10, 1)[0], outcome=F))
    assert rule.settled()


def test_one_case_with_a_trace_does_not_speak_for_the_others() -> None:
    agree = Criterion("path_agreement", at_least=0.9)
    traced = [replace(a, path="abc" if a.case_id == "c0" else "") for a in made(50, 3)]
    result = judged(agree, design(50, 3, 3, 3), traced)
    assert result.outcome is E
    assert "49 of 50 cases" in result.reason
    apart = [replace(a, path=f"p{a.run}" if a.case_id != "c0" else "") for a in made(10, 3)]
    assert judged(agree, design(10, 3, 3, 3), apart).outcome is F, "no trace of c0 could make up for the others"


def test_an_attempt_without_an_outcome_does_not_stand_in_for_a_silent_one() -> None:
    cheap = Criterion("cost_usd_per_case", at_most=0.02)
    runs = made(10, 1, cost_usd=0.001)
    mixed = [replace(runs[0], outcome=E), replace(runs[1], cost_usd=None), *runs[2:]]
    result = judged(cheap, design(10, 1), mixed)
    assert result.outcome is E
    assert "1 of 9 attempts do not tell it" in result.reason


def test_a_case_is_open_while_lost_or_missing_runs_could_turn_it() -> None:
    rule, how = Criterion("case_rate", at_least=1.0), design(1, 3, 3, 2)
    runs = made(1, 3)
    assert judged(rule, how, runs[:2]).outcome is P, "2 of 3 is 2 of 3, whatever the third would say"
    assert judged(rule, how, runs[:1]).outcome is UNSURE
    assert judged(rule, how, [replace(a, outcome=F) for a in runs[:1]]).outcome is UNSURE
    assert judged(rule, how, [replace(a, outcome=F) for a in runs[:2]]).outcome is F
    assert judged(rule, design(1, 3, 3, 3), made(1, 5)).outcome is P
    four = [*made(1, 4), replace(made(1, 5)[4], outcome=F)]
    assert judged(rule, design(1, 3, 3, 3), four).outcome is F, "3 of 3 is 5 of 5"
