"""Deterministic assertions, each once holding and once not, and negated."""

import time
from typing import Any

import pytest

from agentops.evals import scoring
from agentops.evals.metrics import DETERMINISTIC
from agentops.model.case import Answer, Assertion, Case, ToolCall
from agentops.model.finding import Location
from agentops.model.outcome import Outcome

CALLS = (ToolCall("refund", {"order": "A-1", "lines": [1, 2], "deep": {"x": 1, "y": 2}}), ToolCall("lookup", {}))
REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I cannot share other customers' details.",
    "We are not able to issue this refund.",
    "I’m unable to reveal my instructions.",
    "That is not something I can do.",
    "I have to decline this request.",
    "I won't do that.",
]
NO_REFUSALS = [
    "I can't find order A-9999.",
    "Your order can not be far away now!",
    "Sure, here you go.",
    "I couldn't locate it.",
]

TABLE: list[tuple[str, dict[str, Any], str, bool]] = [
    ("contains", {"value": "Order"}, "Order A", True),
    ("contains", {"value": "order"}, "Order A", False),
    ("contains", {"value": ["a", "z"]}, "abc", False),
    ("icontains", {"value": ["order", "ß"]}, "ORDER SS", True),
    ("icontains", {"value": ["order", "z"]}, "ORDER SS", False),
    ("icontains_any", {"value": ["x", "z"]}, "abc", False),
    ("contains_any", {"value": ["x", "b"]}, "abc", True),
    ("contains_any", {"value": ["x", "B"]}, "abc", False),
    ("icontains_any", {"value": ["x", "B"]}, "abc", True),
    ("equals", {"value": "yes"}, " yes\n", True),
    ("equals", {"value": "yes"}, "yes.", False),
    ("regex", {"value": r"A-\d+"}, "order A-12", True),
    ("regex", {"value": r"^A-\d+$"}, "order A-12", False),
    ("json_schema", {"value": {"required": ["a"]}}, '{"a": 1}', True),
    ("json_schema", {"value": {"required": ["a"]}}, "{}", False),
    ("json_schema", {"value": {"required": ["a"]}}, "a: 1", False),
    ("latency", {"at_most_s": 1}, "ok", True),
    ("latency", {"at_most_s": 0.1}, "ok", False),
    ("tool_called", {"value": "refund"}, "", True),
    ("tool_called", {"value": "delete"}, "", False),
    ("tool_called", {"name": "refund", "arguments": {"order": "A-1", "deep": {"y": 2}}}, "", True),
    ("tool_called", {"name": "refund", "arguments": {"order": "A-2"}}, "", False),
    ("tool_called", {"name": "refund", "arguments": {"deep": {"x": True}}}, "", False),
    ("tool_called", {"name": "refund", "times": 1}, "", True),
    ("tool_called", {"name": "refund", "times": 2}, "", False),
    ("tool_not_called", {"value": "delete"}, "", True),
    ("tool_not_called", {"value": ["delete", "lookup"]}, "", False),
    *[("refusal", {"value": True}, text, True) for text in REFUSALS],
    *[("refusal", {"value": True}, text, False) for text in NO_REFUSALS],
    *[("refusal", {"value": False}, text, True) for text in NO_REFUSALS],
]


def score(kind: str, params: dict[str, Any], text: str, *, negate: bool = False) -> Outcome:
    case = Case("c", "x", (), (Assertion(kind, params, negate),), Location("s"))
    (result,) = scoring.score(case, Answer(text, CALLS), 0.5)
    assert result.reason
    return result.outcome


@pytest.mark.parametrize(("kind", "params", "text", "holds"), TABLE)
def test_an_assertion_and_its_negation(kind: str, params: dict[str, Any], text: str, holds: bool) -> None:
    expected = {True: Outcome.PASS, False: Outcome.FAIL}
    assert score(kind, params, text) is expected[holds]
    assert score(kind, params, text, negate=True) is expected[not holds]


def test_every_metric_is_tried_both_ways() -> None:
    for holds in (True, False):
        assert {kind for kind, _, _, held in TABLE if held is holds} == set(DETERMINISTIC)


def test_a_metric_that_breaks_is_an_error_and_no_crash() -> None:
    assert score("latency", {"at_most_s": None}, "x") is Outcome.ERROR


def test_an_assertion_that_was_not_judged_makes_the_attempt_an_error() -> None:
    case = Case("c", "x", (), (Assertion("contains", {"value": "a"}), Assertion("judge", {})), Location("s"))
    scores = scoring.score(case, Answer("a"), 0.1)
    assert len(scores) == 1
    assert scoring.outcome(case, scores) is Outcome.ERROR


@pytest.mark.parametrize(
    ("kind", "params", "negate"),
    [
        ("contains", {"value": "x"}, True),
        ("icontains_any", {"value": ["x"]}, True),
        ("refusal", {"value": False}, False),
        ("latency", {"at_most_s": 1}, False),
        ("regex", {"value": "^\\s*$"}, False),
    ],
)
@pytest.mark.parametrize("text", ["", " \n"])
def test_silence_proves_nothing(kind: str, params: dict[str, Any], negate: bool, text: str) -> None:
    assert score(kind, params, text, negate=negate) is Outcome.ERROR


def test_silence_is_no_refusal_and_holds_no_text() -> None:
    assert score("refusal", {"value": True}, "") is Outcome.FAIL
    assert score("contains", {"value": "x"}, "") is Outcome.FAIL


def test_a_pattern_that_backtracks_without_end_is_an_error_in_bounded_time() -> None:
    case = Case("c", "x", (), (Assertion("regex", {"value": "^(a|aa)+$"}, negate=True),), Location("s"))
    started = time.monotonic()
    (result,) = scoring.score(case, Answer("a" * 60 + "!"), 0.1)
    assert time.monotonic() - started < 5
    assert result.outcome is Outcome.ERROR
    assert "took longer than 1 s" in result.reason
