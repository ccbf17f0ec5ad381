"""When a run stops: as soon as its rule is settled, at the end of its budget, and never later or earlier than that."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from running import Never, Records, room, run

from agentops.errors import TargetError
from agentops.evals import runner
from agentops.model.case import Answer, Assertion, Attempt, Case, Turn, Usage
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.settings import Budget, Price, Runs

OK = (Assertion("contains", {"value": "ok"}),)


class Agent:
    """Answers every question after a moment; `say` decides what."""

    def __init__(
        self, say: Callable[[int], Answer] = lambda _: Answer("ok", latency_s=0.001), delay_s: float = 0
    ) -> None:
        self.calls = self.now = self.most = 0
        self.sessions: list[str] = []
        self._say = say
        self._delay_s = delay_s

    def dialogue(self, session: str, *, user: str = "") -> Agent:
        self.sessions.append(session)
        return self

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        self.calls += 1
        number = self.calls
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self._delay_s)
            return self._say(number)
        finally:
            self.now -= 1


class After(Never):
    """A rule that is settled after so many attempts of the schedule."""

    def __init__(self, attempts: int) -> None:
        super().__init__()
        self.attempts = attempts

    def settled(self) -> bool:
        return len(self.seen) >= self.attempts


def cases(count: int, **more: object) -> tuple[Case, ...]:
    return tuple(Case(f"c{i}", (Turn("x"),), (), OK, Location("s", i), **more) for i in range(count))  # type: ignore[arg-type]


def plan(made: tuple[Case, ...], least: int = 0, most: int = 5, **more: object) -> runner.Plan:
    given = {"concurrency": 1, "timeout_s": 1.0, "retries": 2, "seed": 3, "session_prefix": "t", **more}
    return runner.Plan(made, Runs(least, most), **given)  # type: ignore[arg-type]


def go(
    what: runner.Plan, agent: Agent, rule: Never | None = None, earlier: tuple[Attempt, ...] = ()
) -> tuple[runner.Ran, Records]:
    journal = Records()
    return asyncio.run(run(what, room(agent, journal, rule=rule or Never()), earlier=earlier)), journal  # type: ignore[arg-type]


@pytest.mark.parametrize("concurrency", [1, 7])
def test_it_stops_when_the_rule_is_settled(concurrency: int) -> None:
    agent = Agent(delay_s=0.001)
    ran, _ = go(plan(cases(10), concurrency=concurrency), agent, After(23))
    assert 23 <= agent.calls < 23 + concurrency
    assert len(ran.attempts) == agent.calls
    assert ran.gone == ran.broke_off == ""


def test_it_makes_the_least_rounds_whatever_the_rule_says() -> None:
    agent = Agent()
    go(plan(cases(10), least=3), agent, After(0))
    assert agent.calls == 30


def test_without_a_settled_rule_it_makes_all_rounds() -> None:
    ran, _ = go(plan(cases(10), concurrency=4), Agent())
    assert Counter(a.case_id for a in ran.attempts) == {f"c{i}": 5 for i in range(10)}
    assert sorted(a.position for a in ran.attempts) == list(range(1, 51))


def test_the_rule_sees_the_schedule_in_its_order_whatever_ended_first() -> None:
    class Late(Agent):
        async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
            number = self.calls = self.calls + 1
            await asyncio.sleep(0.02 if number % 3 == 1 else 0.001)
            return Answer("ok", latency_s=0.001)

    rule = Never()
    ran, _ = go(plan(cases(10), concurrency=5), Late(), rule)
    assert [a.position for a in rule.seen] == list(range(1, 51))
    assert [a.position for a in ran.attempts] != list(range(1, 51)), "they ended in another order"
    assert [a.seq for a in ran.attempts] == list(range(1, 51))


def test_a_case_with_runs_of_its_own_gets_them_after_the_rule_is_settled() -> None:
    made = (*cases(3), replace(cases(1)[0], id="own", runs=4))
    ran, _ = go(plan(made, least=1, concurrency=3), Agent(delay_s=0.001), After(4))
    runs = {case.id: sorted(a.run for a in ran.attempts if a.case_id == case.id) for case in made}
    assert runs["own"] == [1, 2, 3, 4]
    assert all(len(runs[f"c{i}"]) <= 2 for i in range(3))
    assert {a.position for a in ran.attempts if a.case_id == "own" and a.run == 4} == {0}


def test_what_was_run_before_is_not_run_again() -> None:
    first, journal = go(plan(cases(10)), Agent(), After(17))
    before = tuple(replace(a, earlier=True) for a in journal.attempts())
    agent, rule = Agent(), After(40)
    ran, later = go(plan(cases(10)), agent, rule, before)
    assert len(first.attempts) == 17
    assert agent.calls == 23
    assert [a.position for a in rule.seen] == list(range(1, 41))
    assert sum(a.earlier for a in ran.attempts) == 17
    assert {a.position for a in later.attempts()} == set(range(18, 41)), "the journal gets what is new"


def test_gaps_that_a_killed_run_left_are_filled_first() -> None:
    _, journal = go(plan(cases(10)), Agent(), After(20))
    holed = tuple(replace(a, earlier=True) for a in journal.attempts() if a.position not in (3, 11, 12))
    agent, rule = Agent(), Never()
    _, later = go(plan(cases(10), most=2), agent, rule, holed)
    assert [a.position for a in later.attempts()] == [3, 11, 12]
    assert [a.position for a in rule.seen] == list(range(1, 21))


def test_evidence_at_the_end_of_its_budget_is_continued_for_another() -> None:
    _, journal = go(plan(cases(4), most=3), Agent())
    before = tuple(replace(a, earlier=True) for a in journal.attempts())
    agent = Agent()
    ran, _ = go(plan(cases(4), most=3), agent, None, before)
    assert agent.calls == 12
    assert max(a.position for a in ran.attempts) == 24


def test_what_was_lost_is_asked_again_twice_and_then_is_an_error() -> None:
    agent, journal = Agent(), Records()
    lost = {("c0", 1): 1, ("c1", 1): 3}
    asyncio.run(runner.run(plan(cases(3), most=1), room(agent, journal), lost=lost))  # type: ignore[arg-type]
    by_case = {a.case_id: a for a in journal.attempts()}
    assert by_case["c0"].outcome is Outcome.PASS
    assert by_case["c0"].retries == ("the job was stopped while it was asked",)
    assert by_case["c1"].outcome is Outcome.ERROR
    assert by_case["c1"].error == "the job was stopped while it was asked, 3 times"
    assert agent.calls == 2


def test_it_does_not_run_far_ahead_of_an_attempt_that_hangs() -> None:
    class Hanging(Agent):
        async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
            self.calls += 1
            if self.calls == 1:
                await asyncio.sleep(0.3)
                self.before = self.calls
            return Answer("ok", latency_s=0.001)

    agent = Hanging()
    go(plan(cases(100), concurrency=4, most=1), agent)
    assert agent.before <= 16 + 4, "what is asked meanwhile could settle nothing"
    assert agent.calls == 100


def test_a_run_that_goes_on_has_the_rest_of_its_budget() -> None:
    budget = Budget(calls=20)
    first, journal = go(plan(cases(10), budget=Budget(calls=12)), Agent())
    assert first.broke_off
    agent = Agent()
    go(plan(cases(10), budget=budget), agent, None, tuple(journal.attempts()))
    assert agent.calls == 8
    agent = Agent()
    go(plan(cases(10), budget=budget), agent, None, tuple(replace(a, earlier=True) for a in journal.attempts()))
    assert agent.calls == 20, "evidence of another run was paid for then"


def test_other_runs_add_calls_to_the_schedule_that_was_begun() -> None:
    _, journal = go(plan(cases(10)), Agent(), After(20))
    before = tuple(replace(a, earlier=True) for a in journal.attempts())
    agent = Agent()
    go(replace(plan(cases(10)), more=1), agent, None, before)
    assert agent.calls == 10, "one round more, as was asked for now"


def told(number: int) -> Answer:
    return Answer("ok", usage=Usage(60, 40), model="m", cost_usd=None, latency_s=0.001)


@pytest.mark.parametrize(
    ("budget", "calls", "said"),
    [
        (Budget(calls=7), 7, "budget of 7 calls is used up"),
        (Budget(tokens=1000), 10, "budget of 1000 tokens is used up"),
        (Budget(usd=0.0012), 12, "budget of 0.0012 USD is used up"),
    ],
)
def test_a_budget_ends_the_run_and_says_so(budget: Budget, calls: int, said: str) -> None:
    agent = Agent(told)
    ran, _ = go(plan(cases(10), budget=budget, prices={"m": Price(1.0, 1.0)}), agent)
    assert agent.calls == calls
    assert said in ran.broke_off
    assert ran.gone == ""


def test_a_budget_holds_with_many_calls_at_once() -> None:
    agent = Agent(told, delay_s=0.002)
    go(plan(cases(50), budget=Budget(tokens=3000), concurrency=8), agent)
    assert agent.calls <= 30 + 8, "before the first answer nobody knows what one costs"
    agent = Agent(told, delay_s=0.002)
    go(plan(cases(50), budget=Budget(calls=21), concurrency=8), agent)
    assert agent.calls == 21


def test_time_is_a_budget_too() -> None:
    agent = Agent(delay_s=0.01)
    started = time.monotonic()
    ran, _ = go(plan(cases(100), budget=Budget(minutes=0.2 / 60)), agent)
    assert time.monotonic() - started < 2
    assert "minutes of the budget are over" in ran.broke_off
    assert agent.calls < 100


def test_a_budget_that_nobody_can_hold_is_told() -> None:
    ran, _ = go(plan(cases(2), most=1, budget=Budget(usd=1.0)), Agent())
    assert ran.unknown_cost == "usd"
    assert ran.broke_off == ""


def test_an_answer_that_does_not_tell_its_cost_costs_the_mean() -> None:
    def sometimes(number: int) -> Answer:
        return replace(told(0), cost_usd=0.01) if number == 1 else Answer("ok", latency_s=0.001)

    agent = Agent(sometimes)
    ran, _ = go(plan(cases(10), budget=Budget(usd=0.1)), agent)
    assert agent.calls == 10
    assert "0.1 USD" in ran.broke_off
    assert ran.unknown_cost == "usd", "and it is told that this was a guess"


def test_a_price_is_only_used_where_the_agent_tells_none() -> None:
    def dear(_: int) -> Answer:
        return replace(told(0), cost_usd=0.5)

    for say, cost in ((told, 60 / 1e6 * 2 + 40 / 1e6 * 10), (dear, 0.5)):
        ran, _ = go(plan(cases(1), most=1, prices={"*": Price(2.0, 10.0)}), Agent(say))
        assert ran.attempts[0].cost_usd == pytest.approx(cost)
        assert (ran.attempts[0].input_tokens, ran.attempts[0].output_tokens) == (60, 40)


def test_what_is_not_told_is_unknown_and_never_zero() -> None:
    ran, _ = go(plan(cases(1), most=1), Agent())
    (attempt,) = ran.attempts
    assert (attempt.input_tokens, attempt.output_tokens, attempt.cost_usd, attempt.path) == (None, None, None, "")


def test_a_busy_agent_is_asked_by_fewer_at_once_and_then_by_more_again() -> None:
    def busy(number: int) -> Answer:
        if number <= 4:
            raise TargetError("the agent answered HTTP 429", retryable=True, throttled=True, retry_after_s=0.05)
        return Answer("ok", latency_s=0.001)

    agent = Agent(busy, delay_s=0.002)
    ran, journal = go(plan(cases(60), most=1, concurrency=8), agent)
    assert ran.lowest_concurrency <= 2
    assert all(a.outcome is Outcome.PASS for a in ran.attempts)
    assert sum(len(a.retries) for a in journal.attempts()) == 4
    assert agent.most == 8


def test_every_turn_is_a_call_and_its_sums_are_the_attempts() -> None:
    turns = (Turn("a", expect=OK), Turn("b"), Turn("c"))
    case = replace(cases(1)[0], turns=turns)
    agent = Agent(lambda n: replace(told(n), latency_s=float(n), first_token_s=n / 10))
    ran, journal = go(plan((case,), most=1, budget=Budget(calls=3)), agent)
    (attempt,) = journal.attempts()
    assert agent.calls == 3
    assert agent.sessions == ["t-c0-1"]
    assert (attempt.latency_s, attempt.first_token_s, attempt.input_tokens) == (6.0, 0.3, 180)
    assert [s.assertion for s in attempt.scores] == ["turn 1: contains", "contains"]
    assert len(attempt.answers) == 3
    assert ran.attempts[0].answers == (), "what passed is told by the journal alone"


def test_a_failing_attempt_keeps_what_was_said_for_some_runs() -> None:
    ran, journal = go(plan(cases(1), most=9), Agent(lambda _: Answer("no", latency_s=0.1)))
    assert [bool(a.answers) for a in ran.attempts] == [True] * 5 + [False] * 4
    assert all(a.answers for a in journal.attempts())
    assert all(a.scores[0].outcome is Outcome.FAIL for a in ran.attempts)
