"""What the agent was given in confidence is gone before anybody looks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from running import Records, room, run

from agentops.errors import TargetError
from agentops.evals import runner
from agentops.evals.hiding import HidingAgent, of_attempt
from agentops.model.case import Answer, Assertion, Attempt, Case, Score, ToolCall, Turn
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.settings import Runs

SECRET = "sk-live-0123456789abcdefghijklmnop"


class Teller:
    """Says what it must not, in every place that it has."""

    async def __aenter__(self) -> Teller:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        return (f"I am {SECRET}",)

    def dialogue(self, session: str, *, user: str = "") -> Teller:
        return self

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        if turn.text == "fail":
            raise TargetError(f"it broke with {SECRET}", hint=f"look at {SECRET}")
        calls = (ToolCall(f"tool-{SECRET}", {SECRET: [{"a": f"x{SECRET}y"}], "n": 1}),)
        return Answer(f"{'x' * 60} {SECRET}", calls, model=SECRET, latency_s=0.1)


def test_an_answer_and_an_error_hold_none_of_it() -> None:
    agent = HidingAgent(Teller(), [SECRET])
    assert asyncio.run(agent.preflight(timeout_s=1)) == ("I am [redacted]",)
    answer = asyncio.run(agent.dialogue("s").say(Turn("x"), timeout_s=1))
    assert SECRET not in repr(answer)
    assert answer.tool_calls is not None
    assert answer.tool_calls[0].arguments["n"] == 1
    with pytest.raises(TargetError) as caught:
        asyncio.run(agent.dialogue("s").say(Turn("fail"), timeout_s=1))
    assert SECRET not in caught.value.message + caught.value.hint


def test_no_part_of_it_is_left_where_a_reason_is_cut() -> None:
    expect = (Assertion("equals", {"value": "y"}), Assertion("tool_not_called", {"value": f"tool-{SECRET}"}))
    case = Case("c", (Turn("x"),), (), expect, Location("s", 1))
    journal = Records()
    plan = runner.Plan((case,), Runs(1, 1), 1, 1.0, retries=0, seed=1, session_prefix="t")
    asyncio.run(run(plan, room(HidingAgent(Teller(), [SECRET]), journal, secrets=[SECRET])))
    written = repr(journal.rows)
    assert not any(SECRET[i : i + 12] in written for i in range(len(SECRET) - 12))
    assert "[redacted]" in written


@pytest.mark.parametrize("secret", ["12345678", "outcome", "scores", "latency_s", "inconclusive"])
def test_a_secret_that_looks_like_data_breaks_nothing(secret: str) -> None:
    scores = (Score("a", Outcome.FAIL, secret),)
    answers = (Answer(f"the {secret}"),)
    attempt = Attempt(
        "c", 1, 1, Outcome.INCONCLUSIVE, 0.12345678, answers, scores=scores, input_tokens=12345678
    )  # fmt: skip
    hidden = of_attempt(attempt, [secret])
    assert hidden.answers[0].text == "the [redacted]"
    assert hidden.scores[0].reason == "[redacted]"
    assert replace(hidden, answers=(), scores=()) == replace(attempt, answers=(), scores=())


def test_a_leak_of_it_is_still_seen_by_the_metric_for_it() -> None:
    case = Case("c", (Turn("x"),), (), (Assertion("secret_leak", {"value": "none"}),), Location("s", 1))
    journal = Records()
    plan = runner.Plan((case,), Runs(1, 1), 1, 1.0, retries=0, seed=1, session_prefix="t")
    asyncio.run(run(plan, room(HidingAgent(Teller(), [SECRET]), journal)))
    (attempt,) = journal.attempts()
    assert attempt.outcome is Outcome.FAIL
    assert "given in confidence" in attempt.scores[0].reason
