"""The runner's limits: when a target counts as gone, and how much of an answer is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from running import Records, room, run

from agentops.errors import TargetError
from agentops.evals import runner
from agentops.model.case import Answer, Assertion, Attempt, Case, ToolCall, Turn
from agentops.model.codec import encode
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.settings import Runs

KEPT = 64 * 1024


class Scripted:
    """Answers call by call; None is a call without an answer."""

    def __init__(self, answers: list[Answer | None]) -> None:
        self.answers = answers
        self.calls = 0

    def dialogue(self, session: str, *, user: str = "") -> Scripted:
        return self

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        answer = self.answers[self.calls]
        self.calls += 1
        if answer is None:
            raise TargetError(f"call {self.calls} had no answer")
        return replace(answer, latency_s=0.01)


def ask(
    answers: list[Answer | None],
    *,
    value: str = "ok",
    trouble: Callable[[], str | None] = lambda: None,
    journal: Records | None = None,
) -> tuple[list[Attempt], str, Scripted]:
    """One call after the other, each for a case of its own. Returns the attempts as the journal has them."""
    expect = (Assertion("contains", {"value": value}),)
    said = (Turn("question"),)
    cases = tuple(Case(f"c{i}", said, (), expect, Location("s.yaml", i + 1)) for i in range(len(answers)))
    plan = runner.Plan(cases, Runs(1, 1), concurrency=1, timeout_s=1.0, retries=0, seed=1, session_prefix="t")
    agent, journal = Scripted(answers), journal or Records()
    ran = asyncio.run(run(plan, room(agent, journal, trouble=trouble)))  # type: ignore[arg-type]
    return journal.attempts(), ran.gone, agent


OK = Answer("ok")


def test_an_answer_between_silences_begins_the_count_anew() -> None:
    attempts, stopped, agent = ask([None] * 9 + [OK] + [None] * 9)
    assert stopped == ""
    assert agent.calls == len(attempts) == 19
    assert [a.outcome for a in attempts].count(Outcome.PASS) == 1


def test_a_wrong_answer_is_a_sign_of_life_too() -> None:
    attempts, stopped, _ = ask([None] * 9 + [Answer("no")] + [None] * 9)
    assert stopped == ""
    assert [a.outcome for a in attempts].count(Outcome.FAIL) == 1


@pytest.mark.parametrize("before", [[], [None] * 9 + [OK], [OK] * 3])
def test_ten_silences_in_a_row_are_the_end(before: list[Answer | None]) -> None:
    attempts, stopped, agent = ask(before + [None] * 20)
    assert len(attempts) == agent.calls == len(before) + 10
    assert "10 calls in a row" in stopped
    assert f"call {agent.calls} had no answer" in stopped, "the last cause is told"


def test_nine_silences_at_the_end_are_not() -> None:
    assert ask([OK] + [None] * 9)[1] == ""


def test_a_long_answer_is_judged_whole_and_kept_in_part_with_a_word_on_what_is_missing() -> None:
    journal = Records()
    long = "x" * 1_000_000 + "needle"
    (attempt,), _, _ = ask([Answer(long)], value="needle", journal=journal)
    assert attempt.outcome is Outcome.PASS, "the end of the answer was looked at"
    kept = attempt.answers[-1].text
    assert len(kept) <= KEPT
    assert kept.startswith("x" * 60_000)
    assert "more characters" in kept[-60:]
    (record,) = [data for kind, data in journal.rows if kind == "attempt"]
    assert len(json.dumps(record)) < KEPT + 2000, "the journal holds no more than the attempt does"


@pytest.mark.parametrize("length", [KEPT - 1, KEPT])
def test_an_answer_within_the_limit_is_kept_to_the_character(length: int) -> None:
    text = "ok" + "x" * (length - 2)
    (attempt,), _, _ = ask([Answer(text)])
    assert attempt.answers[-1].text == text


def called(*made: ToolCall) -> tuple[ToolCall, ...]:
    (attempt,), _, _ = ask([Answer("ok", tool_calls=made)])
    assert attempt.outcome is Outcome.PASS
    calls = attempt.answers[-1].tool_calls
    assert calls is not None
    return calls


def test_a_huge_argument_of_a_tool_call_is_cut_and_the_call_stays_known() -> None:
    kept = called(ToolCall("refund", {"note": "x" * 1_000_000}, "error"), ToolCall("mail", {"to": "a"}))
    assert [(c.name, c.status) for c in kept] == [("refund", "error"), ("mail", "ok")]
    size = len(json.dumps([encode(c) for c in kept]))
    assert size <= KEPT
    assert "…" in json.dumps(encode(kept[0]), ensure_ascii=False) or "more" in json.dumps(encode(kept[0]))


def test_a_deep_or_wide_argument_is_cut_as_well() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"again": deep, "filler": "x" * 1000}
    wide = {f"key{i}": i for i in range(20_000)}
    for arguments in (deep, wide):
        (kept,) = called(ToolCall("refund", arguments))
        assert kept.name == "refund"
        assert len(json.dumps(encode(kept))) <= KEPT


def test_an_ordinary_tool_call_is_kept_as_it_was() -> None:
    call = ToolCall("refund", {"order": 7, "note": "x" * 5000}, "error")
    assert called(call) == (call,)
