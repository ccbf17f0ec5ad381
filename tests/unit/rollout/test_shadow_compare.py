"""A recorded session against what a canary made of it, and what pairs add up to."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.model.case import Answer, Assertion, Case, ToolCall, Turn
from agentops.model.finding import Location
from agentops.model.rollout_settings import Analysis, Shadow
from agentops.model.seen import ToolPolicy
from agentops.rollout.shadow import pairs, verdict
from agentops.rollout.shadow.compare import Came, Pair, Trouble, compare
from agentops.rollout.shadow.sessions import Session

LOOKUP = ToolCall("lookup_order", {"order_id": "A-1001"})
REFUND = ToolCall("issue_refund", {"order_id": "A-1003", "amount": 10})
KEY = "AKIA" + "QZ7XW2N4VT6LPB3M"


def session(*recorded: Answer | None, expect: tuple[Assertion, ...] = (), selected: bool = False) -> Session:
    turns = tuple(Turn(f"turn {i}") for i in range(len(recorded)))
    calls = [a.tool_calls if a else None for a in recorded]
    known = None if None in calls else tuple(c for some in calls for c in some or ())
    return Session("s", Case("s", turns, (), expect, Location("x")), recorded, known, selected, "test")


def said(text: str, *calls: ToolCall, **more: Any) -> Answer:
    return Answer(text, tool_calls=calls, **more)


def told(pair: Pair) -> tuple[Came, str]:
    return pair.came, pair.why


def test_the_same_expectation_is_held_against_both() -> None:
    expect = (Assertion("length", {"at_least": 5}),)
    good, bad = said("long enough"), said("no")
    outcomes = {
        (good, good): Came.BOTH,
        (good, bad): Came.LOSS,
        (bad, good): Came.WIN,
        (bad, bad): Came.NEITHER,
    }
    for (before, now), came in outcomes.items():
        assert compare(session(before, expect=expect), [now], rules=None).came is came


def test_a_tool_that_the_recording_never_called_leaves_it() -> None:
    one = session(said("fine", LOOKUP))
    pair = compare(one, [said("fine", LOOKUP, REFUND)], rules=None)
    assert pair.came is Came.UNSCORED
    assert "issue_refund" in pair.why
    assert (pair.tools, pair.diff) == ("differ", "issue_refund was called and not recorded")


def test_a_turn_that_went_another_way_leaves_the_rest_unscored() -> None:
    other = ToolCall("lookup_order", {"order_id": "A-9999"})
    recorded = session(said("one", LOOKUP), said("two"))
    now = [said("one", other), said("two")]
    assert compare(recorded, now, rules=None).came is Came.UNSCORED
    # Each turn was asked with what was recorded before it: then it tells of itself.
    assert compare(recorded, now, rules=None, live_history=True).came is Came.BOTH


def test_arguments_that_differ_are_told() -> None:
    pair = compare(session(said("x", LOOKUP)), [said("x", ToolCall("lookup_order", {"order_id": "A-2"}))], rules=None)
    assert pair.tools == "differ"
    assert pair.diff == 'call 1, lookup_order: order_id was "A-1001", is "A-2"'


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (said(f"our key is {KEY}"), "secret"),
        (said("x", ToolCall("note", {"text": KEY})), "secret"),
        (said("x", ToolCall("delete_account", {})), "delete_account"),
        (said("x", ToolCall("lookup_order", {"password": "p"})), "password"),
    ],
)
def test_what_must_never_happen_is_a_violation_even_of_an_unscored_pair(answer: Answer, word: str) -> None:
    rules = ToolPolicy(allowed=("lookup_order", "note"), forbidden_arguments=("password",))
    pair = compare(session(said("x")), [answer], rules=rules)
    assert word in pair.violation
    assert KEY not in pair.violation
    assert compare(session(said("x")), [said("x")], rules=rules).violation == ""


def test_without_a_trace_a_policy_cannot_be_judged() -> None:
    rules = ToolPolicy(allowed=("lookup_order",))
    assert compare(session(Answer("x")), [Answer("x")], rules=rules).judged_tools is False
    assert compare(session(Answer("x")), [Answer("x")], rules=None).judged_tools is True


@pytest.mark.parametrize(
    ("before", "now", "malformed"),
    [('{"a": 1}', '{"a": 2}', False), ('{"a": 1}', "a is 1", True), ("text", "", True), ("text", "{", False)],
)
def test_the_form_of_the_recorded_answer(before: str, now: str, malformed: bool) -> None:
    pair = compare(session(said(before)), [said(now)], rules=None)
    assert pair.malformed is malformed
    assert pair.came is (Came.LOSS if malformed else Came.BOTH)


def test_a_failure_is_a_loss_and_trouble_on_the_way_is_not() -> None:
    failed = compare(session(said("x")), [], rules=None, trouble=Trouble.FAILED, why="HTTP 500")
    silent = compare(session(said("x")), [], rules=None, trouble=Trouble.UNANSWERED, why="HTTP 503")
    assert told(failed) == (Came.LOSS, "HTTP 500")
    assert told(silent) == (Came.UNSCORED, "HTTP 503")


def test_where_nothing_is_expected_declining_decides() -> None:
    declines = said("I'm sorry, but I can't help with that.")
    assert compare(session(said("Sure.")), [declines], rules=None).came is Came.LOSS
    assert compare(session(declines), [said("Sure.")], rules=None).came is Came.WIN


# What pairs add up to.

SHADOW, ANALYSIS = Shadow(mode="replay"), Analysis()


def counted(came: Came, number: int, found: verdict.Evidence | None = None, **more: Any) -> verdict.Evidence:
    evidence = found or verdict.begun("replay", planned=100)
    for i in range(number):
        evidence = verdict.add(evidence, Pair(came, **more), name=f"s{i}", before=(None,), now=(Answer("x"),))
    return evidence


def ended(evidence: verdict.Evidence, why: str = verdict.ALL) -> verdict.Shadowed:
    return verdict.judge({**evidence, "ended": why}, SHADOW, ANALYSIS)


def test_enough_without_a_loss_settles_it_and_not_before_the_end() -> None:
    assert verdict.needed(SHADOW, ANALYSIS) == 59
    enough = counted(Came.BOTH, 59)
    assert ended(enough).settled
    assert not verdict.judge(enough, SHADOW, ANALYSIS).settled
    few = ended(counted(Came.BOTH, 58))
    assert not few.settled
    assert few.told == few.missing
    assert "58 of the 59" in few.missing


def test_unscored_pairs_prove_nothing() -> None:
    look = ended(counted(Came.UNSCORED, 500, why="it left the recording"))
    assert not look.settled
    assert look.harm == ""
    assert look.evidence["unscored"] == {"it left the recording": 500}


def test_one_violation_is_harm_at_once() -> None:
    evidence = counted(Came.BOTH, 1, counted(Came.BOTH, 90), violation="tool policy: delete_account")
    look = verdict.judge(evidence, SHADOW, ANALYSIS)
    assert "delete_account" in look.harm


def test_failures_are_harm_after_a_dozen() -> None:
    few = counted(Came.LOSS, 4, trouble=Trouble.FAILED, why="HTTP 500", selected=True)
    assert verdict.judge(few, SHADOW, ANALYSIS).harm == ""
    many = counted(Came.LOSS, 14, trouble=Trouble.FAILED, why="HTTP 500", selected=True)
    assert "14 of 14 sessions failed" in verdict.judge(many, SHADOW, ANALYSIS).harm


def test_losses_against_a_recording_chosen_for_being_good_are_no_harm() -> None:
    chosen = counted(Came.LOSS, 40, counted(Came.BOTH, 60), selected=True)
    look = ended(chosen)
    assert (look.harm, look.settled) == ("", False)
    assert "did worse in 40" in look.missing
    chance = counted(Came.LOSS, 40, counted(Came.BOTH, 60))
    assert "did worse in 40 and better in 0 of 100" in verdict.judge(chance, SHADOW, ANALYSIS).harm


def test_cost_above_the_limit_is_harm() -> None:
    evidence: verdict.Evidence = verdict.begun("replay", planned=0)
    for i in range(10):
        evidence = verdict.add(
            evidence, Pair(Came.BOTH), name=str(i), before=(Answer("x", cost_usd=0.01),),
            now=(Answer("x", cost_usd=0.05),),
        )  # fmt: skip
    limited = replace(ANALYSIS, cost_usd_per_request=0.02)
    assert "0.0500 USD" in verdict.judge(evidence, SHADOW, limited).harm
    look = verdict.judge(evidence, SHADOW, ANALYSIS)
    assert look.harm == ""
    assert "cost x5.00" in look.told


def test_tools_that_are_not_told_keep_it_open() -> None:
    look = ended(counted(Came.BOTH, 80, judged_tools=False))
    assert not look.settled
    assert "did not tell the tools" in look.missing


@pytest.mark.parametrize("why", [verdict.SILENT, verdict.UNTOLD])
def test_an_end_that_is_none_settles_nothing(why: str) -> None:
    assert not ended(counted(Came.BOTH, 200), why).settled


def test_evidence_is_small_json_and_examples_hold_no_secret() -> None:
    evidence = counted(Came.LOSS, 300, why=f"it said {KEY}\x1b[31m", diff="d")
    for i in range(50):
        evidence = counted(Came.UNSCORED, 1, evidence, why=f"reason {i}")
    text = json.dumps(evidence)
    assert len(text) < 4000
    assert KEY not in text
    assert "\\u001b" not in text
    assert len(evidence["examples"]) == 5


def test_adding_does_not_change_what_was_there() -> None:
    before = verdict.begun("replay", planned=1)
    copy = json.dumps(before)
    counted(Came.LOSS, 3, before)
    assert json.dumps(before) == copy


def test_an_agent_that_lost_the_margin_rarely_passes() -> None:
    rng, passed, rounds = random.Random(7), 0, 600
    for _ in range(rounds):
        draws = [rng.random() for _ in range(100)]
        losses, wins = sum(d < 0.10 for d in draws), sum(0.10 <= d < 0.15 for d in draws)
        passed += pairs.most_lost(losses, wins, 100, 0.95) < 0.05
    assert passed / rounds < 0.08


def test_an_equal_agent_is_rarely_turned_back_however_often_one_looks() -> None:
    rng, alarms = random.Random(3), 0
    for _ in range(300):
        losses = wins = 0
        for _ in range(150):
            losses, wins = (losses + 1, wins) if rng.random() < 0.5 else (losses, wins + 1)
            if pairs.log_e_worse(losses, wins) >= -math.log(0.01):
                alarms += 1
                break
    assert alarms / 300 < 0.02


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_the_bound_lies_above_what_was_seen_and_falls_with_wins(losses: int, wins: int, same: int) -> None:
    n = losses + wins + same
    bound = pairs.most_lost(losses, wins, n, 0.95)
    assert bound >= (losses - wins) / max(n, 1) - 1e-9
    if n:
        assert pairs.most_lost(losses, wins + 1, n + 1, 0.95) <= bound + 1e-9
        assert pairs.most_lost(losses + 1, wins, n + 1, 0.95) >= bound - 1e-9
