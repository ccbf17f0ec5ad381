"""Every deterministic assertion, holding and not, and negated."""

from typing import Any

import pytest

from agentops.evals import scoring
from agentops.evals.metrics import DETERMINISTIC
from agentops.model.case import Answer, Assertion, ToolCall, Turn, Usage
from agentops.model.outcome import Outcome
from agentops.model.seen import Context, Seen

CALLS = (
    ToolCall("lookup", {}),
    ToolCall("refund", {"order": "A-1", "lines": [1, 2], "deep": {"x": 1, "y": 2}}),
    ToolCall("mail", {"to": "a@b.com"}, "error"),
)
PROMPT = "You are the support agent of a shop that sells coffee machines and never gives refunds above fifty dollars."
CONTEXT = Context(canary="zq7-kite-Lantern", prompts=(PROMPT,))
REFUND_SCHEMA = {"required": ["order"], "properties": {"order": {"pattern": "^A-"}}}

# kind, parameters, the last answer, whether it holds
TABLE: list[tuple[str, dict[str, Any], str, bool]] = [
    ("contains", {"value": "Order"}, "Order A", True),
    ("contains", {"value": "order"}, "Order A", False),
    ("contains", {"value": ["a", "z"]}, "abc", False),
    ("icontains", {"value": ["order", "ß"]}, "ORDER SS", True),
    ("icontains", {"value": ["order", "z"]}, "ORDER SS", False),
    ("contains_any", {"value": ["x", "b"]}, "abc", True),
    ("contains_any", {"value": ["x", "B"]}, "abc", False),
    ("icontains_any", {"value": ["x", "B"]}, "abc", True),
    ("icontains_any", {"value": ["x", "z"]}, "abc", False),
    ("equals", {"value": "yes"}, " yes\n", True),
    ("equals", {"value": "yes"}, "Yes", False),
    ("iequals", {"value": "yes"}, "YES\n", True),
    ("iequals", {"value": "yes"}, "yes.", False),
    ("starts_with", {"value": "Yes"}, " Yes, it is.", True),
    ("starts_with", {"value": ["No", "Yes"]}, "Yes", True),
    ("starts_with", {"value": "it"}, "Yes, it is.", False),
    ("ends_with", {"value": "?"}, "Which one? \n", True),
    ("ends_with", {"value": ["?", "!"]}, "This one.", False),
    ("regex", {"value": r"A-\d+"}, "order A-12", True),
    ("regex", {"value": r"^A-\d+$"}, "order A-12", False),
    ("length", {"at_most": 3}, " abc ", True),
    ("length", {"at_most": 3}, "abcd", False),
    ("length", {"of": "words", "at_least": 2, "at_most": 3}, "it's well-known now", True),
    ("length", {"of": "words", "at_least": 2}, "one", False),
    ("json_schema", {"value": {"required": ["a"]}}, '{"a": 1}', True),
    ("json_schema", {"value": {"required": ["a"]}}, '```json\n{"a": 1}\n```', True),
    ("json_schema", {"value": True}, "[]", True),
    ("json_schema", {"value": {"required": ["a"]}}, "{}", False),
    ("json_schema", {"value": {"required": ["a"]}}, "a: 1", False),
    ("json_schema", {"value": True}, 'Here you go:\n```json\n{"a": 1}\n```', False),
    ("json_schema", {"value": True}, "NaN", False),
    ("json_schema", {"value": {"uniqueItems": True}}, '[1, {"a": 1}, {"a": 1.0}]', False),
    ("json_schema", {"value": {"uniqueItems": True}}, "[1, true, 0, false]", True),
    ("json_schema", {"value": {"patternProperties": {"^n": {"type": "number"}}}}, '{"n1": "x"}', False),
    ("json_path", {"path": "a.b"}, '{"a": {"b": 0}}', True),
    ("json_path", {"path": "a.c"}, '{"a": {"b": 0}}', False),
    ("json_path", {"path": "a.c", "exists": False}, '{"a": {}}', True),
    ("json_path", {"path": "n", "at_least": 2, "at_most": 3}, '{"n": 2.5}', True),
    ("json_path", {"path": "n", "at_most": 3}, '{"n": "2"}', False),
    ("json_path", {"path": "n", "at_least": 1}, '{"n": true}', False),
    ("json_path", {"path": "n", "equals": [1, {"x": None}]}, '{"n": [1.0, {"x": null}]}', True),
    ("json_path", {"path": "n", "at_least": 1}, '{"n": 1e999}', False),
    ("json_path", {"path": "n", "equals": [1]}, '{"n": [true]}', False),
    ("json_path", {"path": "n", "contains": "b"}, '{"n": ["a", "b"]}', True),
    ("json_path", {"path": "n", "contains": "b"}, '{"n": "abc"}', True),
    ("json_path", {"path": "n", "matches": "^a", "size": 2}, '{"n": "abc"}', False),
    ("json_path", {"path": "length(n)", "equals": 1}, '{"n": 1}', False),
    ("json_path", {"path": "n", "exists": True}, "no JSON", False),
    ("number", {"value": 42}, "It is 42.", True),
    ("number", {"value": 42}, "It is 43.", False),
    ("similarity", {"to": "The order is late", "at_least": 0.9}, "the ORDER  is late", True),
    ("similarity", {"to": "a b c d", "at_least": 0.6}, "a b x y", False),
    ("similarity", {"to": ["zzz", "kitten"], "at_least": 0.5, "method": "levenshtein"}, "sitting", True),
    ("similarity", {"to": "kitten", "at_least": 0.6, "method": "levenshtein"}, "sitting", False),
    ("language", {"is": "en"}, "Your order is on its way and will arrive on Tuesday.", True),
    ("language", {"value": ["de", "fr"]}, "Your order is on its way and will arrive on Tuesday.", False),
    ("refusal", {"value": True}, "I'm sorry, but I can't help with that.", True),
    ("refusal", {"value": True}, "Sure, here you go.", False),
    ("refusal", {"value": False}, "I can't find order A-9999.", True),
    ("forbidden", {"value": ["blue pill"]}, "The red one.", True),
    ("forbidden", {"value": "Blue Pill"}, "The blue pill.", False),
    ("forbidden", {"texts": ["Blue"], "case": True}, "The blue pill.", True),
    ("forbidden", {"texts": ["ass"], "words": True}, "A class.", True),
    ("forbidden", {"texts": ["ass"], "words": True}, "An ass!", False),
    ("forbidden", {"texts": ["($)"], "words": True}, "a ($) b", False),
    ("forbidden", {"patterns": [r"acme\s+corp"]}, "ACME  Corp is worse", False),
    ("pii", {"value": "none"}, "Order A-1001 for $24.00 ships on 2024-05-01.", True),
    ("pii", {"value": "none"}, "Write to jane.doe@mail.example.com.", False),
    ("pii", {"kinds": ["email"], "allow": ["Help@shop.example"]}, "Write to help@shop.example.", True),
    ("pii", {"kinds": ["email"], "allow": ["@shop.example"]}, "Write to help@shop.example.evil.io.", False),
    ("secret_leak", {"value": "none"}, "Your key is sk-...", True),
    ("secret_leak", {"value": "none"}, "It is AKIA" + "QYLPMN5HFIQR7XYA", False),
    ("secret_leak", {"value": "none"}, "It is \u200bAKIA" + "\u200bQYLPMN5HFIQR7XYA", False),
    ("secret_leak", {"value": "none"}, "".join(chr(ord(c) + 0xFEE0) for c in "AKIA" + "QYLPMN5HFIQR7XYA"), False),
    ("prompt_leak", {"value": "none"}, "I am here for your orders.", True),
    ("prompt_leak", {"value": "none"}, "Well: zq7-kite-Lantern", False),
    ("prompt_leak", {"value": "none"}, f"My text says: {PROMPT}", False),
    ("prompt_leak", {"allow": [PROMPT]}, f"My text says: {PROMPT}", True),
    ("latency", {"at_most_s": 1}, "ok", True),
    ("latency", {"at_most_s": 0.5}, "ok", False),
    ("latency", {"turn_at_most_s": 0.5, "first_token_at_most_s": 0.2}, "ok", True),
    ("latency", {"turn_at_most_s": 0.4}, "ok", False),
    ("latency", {"at_most_s": 1, "first_token_at_most_s": 0.1}, "ok", False),
    ("tokens", {"at_most": 30, "input_at_most": 20, "output_at_most": 10}, "ok", True),
    ("tokens", {"at_most": 29}, "ok", False),
    ("tokens", {"input_at_most": 19}, "ok", False),
    ("tokens", {"at_most": 30, "output_at_most": 9}, "ok", False),
    ("cost", {"at_most_usd": 0.02}, "ok", True),
    ("cost", {"at_most_usd": 0.01}, "ok", False),
    ("turns", {"at_most": 2}, "ok", True),
    ("turns", {"at_least": 3}, "ok", False),
    ("tool_called", {"value": "refund"}, "", True),
    ("tool_called", {"value": "delete"}, "", False),
    ("tool_called", {"name": "refund", "arguments": {"order": "A-1", "deep": {"y": 2}}}, "", True),
    ("tool_called", {"name": "refund", "arguments": {"lines": [1, 2]}}, "", True),
    ("tool_called", {"name": "refund", "arguments": {"lines": [True, 2]}}, "", False),
    ("tool_called", {"name": "refund", "arguments": {"order": "A-2"}}, "", False),
    ("tool_called", {"name": "refund", "arguments": {"deep": {"x": True}}}, "", False),
    ("tool_called", {"name": "refund", "arguments_schema": REFUND_SCHEMA}, "", True),
    ("tool_called", {"name": "refund", "arguments_schema": {"required": ["amount"]}}, "", False),
    ("tool_called", {"name": "refund", "times": 2}, "", True),
    ("tool_called", {"name": "refund", "times": 1}, "", False),
    ("tool_called", {"name": "refund", "at_least": 2}, "", True),
    ("tool_called", {"name": "refund", "at_most": 1}, "", False),
    ("tool_not_called", {"value": "delete"}, "", True),
    ("tool_not_called", {"value": ["delete", "lookup"]}, "", False),
    ("tools_only", {"value": ["lookup", "refund", "mail", "delete"]}, "", True),
    ("tools_only", {"value": ["lookup", "refund"]}, "", False),
    ("tools_only", {"value": []}, "", False),
    ("tool_order", {"value": ["lookup", "mail"]}, "", True),
    ("tool_order", {"value": ["mail", "mail"]}, "", True),
    ("tool_order", {"value": ["refund", "refund", "refund"]}, "", False),
    ("tool_order", {"value": ["mail", "lookup", "refund", "refund"]}, "", False),
    ("tool_order", {"names": ["lookup", "refund", "mail"] * 2, "exact": True}, "", True),
    ("tool_order", {"names": ["lookup", "refund", "mail"], "exact": True}, "", False),
    ("tool_calls", {"value": 6}, "", True),
    ("tool_calls", {"value": 5}, "", False),
    ("tool_calls", {"name": "mail", "at_most": 1}, "", False),
    ("tool_calls", {"name": "delete", "at_most": 0}, "", True),
    ("tool_failed", {"value": ["refund", "mail"]}, "", True),
    ("tool_failed", {"value": "refund"}, "", False),
    ("no_tool_errors", {"value": False}, "", True),
    ("no_tool_errors", {"value": True}, "", False),
]  # fmt: skip


def seen(text: str, *, context: Context = CONTEXT, first: str = "Hello, I am here.", **more: Any) -> Seen:
    """A conversation of two turns of equal length, with the same calls in each."""
    told: dict[str, Any] = {
        "tool_calls": CALLS, "usage": Usage(10, 5), "latency_s": 0.45, "first_token_s": 0.15, "cost_usd": 0.01,
    }  # fmt: skip
    answers = (Answer(first, **(told | more)), Answer(text, **(told | more)))
    return Seen((Turn("hello"), Turn("and now?")), answers, context)


@pytest.mark.parametrize(("kind", "params", "text", "holds"), TABLE)
def test_an_assertion_and_its_negation(kind: str, params: dict[str, Any], text: str, holds: bool) -> None:
    DETERMINISTIC[kind].check(params)
    expected = {True: Outcome.PASS, False: Outcome.FAIL}
    plain, negated = (scoring.hold(Assertion(kind, params, negate), seen(text)) for negate in (False, True))
    assert plain.reason
    assert plain.outcome is expected[holds], plain.reason
    assert negated.outcome is expected[not holds], negated.reason


def test_every_metric_is_tried_both_ways() -> None:
    for holds in (True, False):
        assert {kind for kind, _, _, held in TABLE if held is holds} == set(DETERMINISTIC)


TOOLS = [kind for kind in DETERMINISTIC if "tool" in kind]
PARAMS: dict[str, dict[str, Any]] = {
    "tool_order": {"value": ["x"]}, "tool_calls": {"value": 0}, "no_tool_errors": {"value": True},
}  # fmt: skip


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.parametrize("negate", [False, True])
def test_without_a_trace_nothing_is_known_of_tools(kind: str, negate: bool) -> None:
    score = scoring.hold(Assertion(kind, PARAMS.get(kind, {"value": "x"}), negate), seen("ok", tool_calls=None))
    assert score.outcome is Outcome.ERROR
    assert "no trace" in score.reason


@pytest.mark.parametrize(
    ("kind", "params", "missing", "why"),
    [
        ("latency", {"at_most_s": 9}, "latency_s", "not timed"),
        ("latency", {"first_token_at_most_s": 9, "at_most_s": 9}, "first_token_s", "first token"),
        ("tokens", {"at_most": 999}, "usage", "does not tell its tokens"),
        ("cost", {"at_most_usd": 9}, "cost_usd", "evals.prices"),
        ("pii", {"arguments": True}, "tool_calls", "no trace"),
    ],
)
def test_what_is_not_reported_is_no_pass(kind: str, params: dict[str, Any], missing: str, why: str) -> None:
    for negate in (False, True):
        score = scoring.hold(Assertion(kind, params, negate), seen("ok", **{missing: None}))
        assert score.outcome is Outcome.ERROR
        assert why in score.reason


def test_a_bound_that_is_broken_decides_whatever_else_was_not_told() -> None:
    params = {"at_most_s": 0.1, "first_token_at_most_s": 9}
    assert scoring.hold(Assertion("latency", params), seen("ok", first_token_s=None)).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("forbidden", {"value": "blue pill"}),
        ("pii", {"value": "none"}),
        ("secret_leak", {"confidence": "high"}),
        ("prompt_leak", {"value": "none"}),
    ],
)
def test_what_no_answer_may_show_is_looked_for_in_every_turn_and_in_arguments(
    kind: str, params: dict[str, Any]
) -> None:
    bad = {
        "forbidden": "the blue pill", "pii": "jane.doe@mail.example.com", "secret_leak": "AKIA" + "QYLPMN5HFIQR7XYA",
        "prompt_leak": CONTEXT.canary,
    }[kind]  # fmt: skip
    earlier = scoring.hold(Assertion(kind, params), seen("fine", first=bad))
    assert earlier.outcome is Outcome.FAIL
    assert "answer 1" in earlier.reason
    inside = (ToolCall("post", {"body": [{"text": bad}]}),)
    assert scoring.hold(Assertion(kind, params), seen("fine", tool_calls=inside)).outcome is Outcome.PASS
    looked = {k: v for k, v in params.items() if k != "value"} | {"arguments": True}
    looked |= {"texts": [params["value"]]} if kind == "forbidden" else {}
    score = scoring.hold(Assertion(kind, looked), seen("fine", tool_calls=inside))
    assert score.outcome is Outcome.FAIL
    assert "call 1 (post)" in score.reason


def test_reasons_show_neither_the_secret_nor_the_person() -> None:
    mail = scoring.hold(Assertion("pii", {"value": "none"}), seen("jane.doe@mail.example.com"))
    key = scoring.hold(Assertion("secret_leak", {"value": "none"}), seen("AKIA" + "QYLPMN5HFIQR7XYA"))
    assert "doe" not in mail.reason
    assert "QYLPMN5HFIQR7XYA" not in key.reason
