"""Scores of a case: turns, joins, silence, errors, the tool policy, the user's own metrics."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.contracts import Judgement, MetricKind, Unjudgeable
from agentops.evals import scoring
from agentops.model.case import Answer, Assertion, Case, ToolCall, Turn
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.seen import Context, Seen, ToolPolicy

A, B = Assertion("contains", {"value": "a"}), Assertion("contains", {"value": "b"})
BARE = Context()
# Cannot be judged: there is no trace.
OPEN = Assertion("tool_called", {"value": "x"})


def seen(*texts: str, context: Context = BARE, **more: Any) -> Seen:
    return Seen(tuple(Turn("hi") for _ in texts), tuple(Answer(t, **more) for t in texts), context)


def case(*expect: Assertion, turns: tuple[Turn, ...] = (Turn("hi"),)) -> Case:
    return Case("c", turns, (), expect, Location("s"))


def join(kind: str, *parts: Assertion, negate: bool = False, **params: Any) -> Assertion:
    return Assertion(kind, params, negate, parts)


def weighed(assertion: Assertion, weight: float) -> Assertion:
    return Assertion(assertion.kind, assertion.params, assertion.negate, assertion.parts, weight)


def test_a_turn_is_held_against_its_own_answer_and_the_case_against_the_last() -> None:
    turns = (Turn("one", expect=(A,)), Turn("two"), Turn("three", expect=(B,)))
    scores = scoring.score(case(B, turns=turns), seen("a", "-", "b"))
    assert [(s.assertion, s.outcome) for s in scores] == [
        ("turn 1: contains", Outcome.PASS),
        ("turn 3: contains", Outcome.PASS),
        ("contains", Outcome.PASS),
    ]
    assert scoring.score(case(turns=turns), seen("b", "-", "b"))[0].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("assertion", "text", "outcome"),
    [
        (join("all", A, B), "ab", Outcome.PASS),
        (join("all", A, B), "a", Outcome.FAIL),
        (join("all", A, B, negate=True), "a", Outcome.PASS),
        (join("any", A, B), "b", Outcome.PASS),
        (join("any", A, B), "c", Outcome.FAIL),
        (join("any", A, B, negate=True), "c", Outcome.PASS),
        (join("any", A, join("all", A, B)), "b", Outcome.FAIL),
        (join("weighted", weighed(A, 3), weighed(B, 1), at_least=0.75), "a", Outcome.PASS),
        (join("weighted", weighed(A, 3), weighed(B, 1), at_least=0.75), "b", Outcome.FAIL),
        (join("weighted", *(weighed(A, 0.1) for _ in range(3)), weighed(B, 0.7), at_least=0.3), "a", Outcome.PASS),
        # A part that could not be judged decides nothing, and stands in the way only where it could turn the result.
        (join("all", A, OPEN), "-", Outcome.FAIL),
        (join("all", A, OPEN), "a", Outcome.ERROR),
        (join("any", A, OPEN), "a", Outcome.PASS),
        (join("any", A, OPEN), "-", Outcome.ERROR),
        (join("any", A, OPEN, negate=True), "-", Outcome.ERROR),
        (join("weighted", weighed(A, 3), weighed(OPEN, 1), at_least=0.5), "a", Outcome.PASS),
        (join("weighted", weighed(A, 1), weighed(OPEN, 3), at_least=0.5), "a", Outcome.ERROR),
        (join("all"), "a", Outcome.ERROR),
    ],
)
def test_joins(assertion: Assertion, text: str, outcome: Outcome) -> None:
    score = scoring.hold(assertion, seen(text))
    assert score.outcome is outcome
    assert score.reason


def test_a_weighted_join_tells_its_share_and_a_failed_one_what_failed() -> None:
    score = scoring.hold(join("weighted", weighed(A, 3), weighed(B, 1), at_least=0.9), seen("a"))
    assert score.value == 0.75
    assert '"b" is not in "a"' in score.reason
    assert '"a"' in scoring.hold(join("any", A, B, negate=True), seen("a")).reason


@pytest.mark.parametrize(
    ("kind", "params", "negate"),
    [
        ("contains", {"value": "x"}, True),
        ("icontains_any", {"value": ["x"]}, True),
        ("refusal", {"value": False}, False),
        ("latency", {"at_most_s": 1}, False),
        ("regex", {"value": "^\\s*$"}, False),
        ("length", {"at_most": 10}, False),
        ("forbidden", {"value": "x"}, False),
        ("pii", {"value": "none"}, False),
        ("secret_leak", {"value": "none"}, False),
        ("prompt_leak", {"value": "none"}, False),
        ("language", {"value": "en"}, True),
        ("number", {"value": 3}, True),
        ("turns", {"at_most": 1}, False),
    ],
)
@pytest.mark.parametrize("text", ["", " \n"])
def test_silence_proves_nothing(kind: str, params: dict[str, Any], negate: bool, text: str) -> None:
    silent = seen(text, latency_s=0.1, context=Context(canary="word-that-is-planted"))
    assert scoring.hold(Assertion(kind, params, negate), silent).outcome is Outcome.ERROR


def test_silence_proves_nothing_in_a_join_that_reads_text_and_does_in_one_that_does_not() -> None:
    silent = seen("", tool_calls=())
    assert scoring.hold(join("all", A, B, negate=True), silent).outcome is Outcome.ERROR
    assert scoring.hold(join("any", OPEN, negate=True), silent).outcome is Outcome.PASS
    assert scoring.hold(join("any", OPEN, join("all", A), negate=True), silent).outcome is Outcome.ERROR


def test_silence_is_no_refusal_and_holds_no_text() -> None:
    assert scoring.hold(Assertion("refusal", {"value": True}), seen("")).outcome is Outcome.FAIL
    assert scoring.hold(A, seen("")).outcome is Outcome.FAIL


def test_a_metric_that_breaks_or_is_unknown_is_an_error_and_no_crash() -> None:
    for assertion in (
        Assertion("length", {"at_most": None, "at_least": "x"}),
        Assertion("judge", {}),
        Assertion("no", {}),
    ):
        for whole in (assertion, join("any", assertion)):
            assert scoring.hold(whole, seen("x")).outcome is Outcome.ERROR


def test_what_is_asked_elsewhere_is_given_with_its_turn_and_counts_as_an_error_until_then() -> None:
    judge, moderation = Assertion("judge", {}), Assertion("moderation", {})
    whole = case(A, judge, turns=(Turn("one", expect=(moderation,)), Turn("two")))
    assert [(i.assertion.kind, i.turn, i.where) for i in scoring.judged(whole)] == [
        ("moderation", 0, "turn 1: "),
        ("judge", 1, ""),
    ]
    scores = scoring.score(whole, seen("a", "a"))
    assert [s.assertion for s in scores] == ["contains"]
    assert scoring.outcome(whole, scores) is Outcome.ERROR
    assert scoring.outcome(case(A), scores) is Outcome.PASS


def test_the_tool_policy_judges_every_attempt_over_all_turns() -> None:
    policy = Context(tools=ToolPolicy(allowed=("look",), max_calls=2))
    good, bad = (ToolCall("look", {}),), (ToolCall("delete", {}),)
    assert scoring.score(case(A), seen("a", context=policy, tool_calls=good))[-1].outcome is Outcome.PASS
    (_, score) = scoring.score(case(A), seen("a", context=policy, tool_calls=bad))
    assert (score.assertion, score.outcome) == ("tool policy", Outcome.FAIL)
    assert "call 1, delete" in score.reason
    many = scoring.score(case(A), seen("a", "a", "a", context=policy, tool_calls=good))[-1]
    assert many.outcome is Outcome.FAIL
    assert "3 calls, at most 2" in many.reason
    assert scoring.score(case(A), seen("a", context=policy))[-1].outcome is Outcome.ERROR


def test_a_pattern_that_backtracks_without_end_is_an_error_in_bounded_time() -> None:
    started = time.monotonic()
    score = scoring.hold(Assertion("regex", {"value": "^(a|aa)+$"}, negate=True), seen("a" * 60 + "!"))
    assert time.monotonic() - started < 5
    assert score.outcome is Outcome.ERROR
    assert "took longer than 1 s" in score.reason


def test_metrics_of_the_users_own() -> None:
    def breaks(_params: Any, _seen: Seen) -> Judgement:
        raise KeyError("who")

    def cannot(_params: Any, _seen: Seen) -> Judgement:
        raise Unjudgeable("no idea")

    own = {
        "polite": MetricKind(lambda params, seen: Judgement(params["word"] in seen.text, f"looked for {params}")),
        "breaks": MetricKind(breaks),
        "cannot": MetricKind(cannot),
    }
    polite = Assertion("custom", {"metric": "polite", "word": "please"})
    (score,) = scoring.score(case(polite), seen("please wait"), custom_metrics=own)
    assert (score.assertion, score.outcome) == ("custom polite", Outcome.PASS)
    assert score.reason == "looked for {'word': 'please'}"
    assert scoring.hold(join("all", polite), seen("no"), custom_metrics=own).outcome is Outcome.FAIL
    for name in ("breaks", "cannot", "missing"):
        result = scoring.hold(Assertion("custom", {"metric": name}, negate=True), seen("x"), custom_metrics=own)
        assert result.outcome is Outcome.ERROR
    assert "KeyError" in scoring.hold(Assertion("custom", {"metric": "breaks"}), seen("x"), custom_metrics=own).reason


@given(
    st.lists(st.sampled_from([A, B, OPEN]), min_size=1, max_size=4),
    st.sampled_from(["all", "any"]),
    st.text("ab", min_size=1),
)
def test_a_negated_join_is_the_opposite_or_both_are_errors(parts: list[Assertion], kind: str, text: str) -> None:
    plain, negated = (scoring.hold(join(kind, *parts, negate=n), seen(text)).outcome for n in (False, True))
    assert {plain, negated} in ({Outcome.PASS, Outcome.FAIL}, {Outcome.ERROR})
