"""The agent-wide tool policy, well and badly behaved calls, and the path that an agent took."""

import json
import time
from typing import Any

import pytest

from agentops.evals.metrics import policy, tools
from agentops.model.case import Answer, Score, ToolCall, Turn
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen, ToolPolicy

SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "pattern": "^A-[0-9]+$"}}}


def judge(rule: ToolPolicy, *calls: ToolCall, trace: bool = True) -> Score:
    return policy.judge(rule, Seen((Turn("?"),), (Answer("ok", tool_calls=calls if trace else None),)))


def nested(depth: int, inner: Any) -> dict[str, Any]:
    data: Any = inner
    for _ in range(depth):
        data = {"a": [data]}
    return {"x": data}


RULES: list[tuple[ToolPolicy, dict[str, Any], str]] = [
    (ToolPolicy(allowed=("other",)), {}, "not in allowed"),
    (ToolPolicy(allowed=()), {}, "not in allowed"),
    (ToolPolicy(schemas={"look": SCHEMA}), {"id": 7}, "id: 7 is not of type"),
    (ToolPolicy(schemas={"look": SCHEMA}), {"id": "B-1"}, "break the schema"),
    (ToolPolicy(forbidden_arguments=("Password",)), {"user": [{"deep": {"password": "x"}}]}, "argument password"),
    (ToolPolicy(forbidden_patterns=(r"^rm -rf",)), {"a": "ls", "b": [{"c": "rm -rf /"}]}, "forbidden_patterns"),
    (ToolPolicy(forbidden_patterns=("secret",)), {"my secret": 1}, "forbidden_patterns"),
    (ToolPolicy(max_calls=0), {}, "1 calls, at most 0"),
    (ToolPolicy(max_calls_of={"look": 0}), {}, "look was called 1 times, at most 0"),
]


@pytest.mark.parametrize(("rule", "arguments", "reason"), RULES)
def test_a_rule_that_is_broken_is_named_with_its_call(rule: ToolPolicy, arguments: dict[str, Any], reason: str) -> None:
    score = judge(rule, ToolCall("look", arguments))
    assert (score.assertion, score.outcome) == ("tool policy", Outcome.FAIL)
    assert reason in score.reason
    assert "look" in score.reason or "calls" in score.reason


def test_calls_within_the_policy_pass() -> None:
    rule = ToolPolicy(
        allowed=("look", "mail"), schemas={"look": SCHEMA}, max_calls=2, max_calls_of={"look": 1},
        forbidden_arguments=("password",), forbidden_patterns=("rm -rf",),
    )  # fmt: skip
    calls = (ToolCall("look", {"id": "A-1"}), ToolCall("mail", {"text": "your password is safe"}))
    assert judge(rule, *calls).outcome is Outcome.PASS
    assert judge(rule).outcome is Outcome.PASS
    assert judge(ToolPolicy(), *calls).outcome is Outcome.PASS
    assert "call 2, look" in judge(rule, ToolCall("mail", {}), ToolCall("look", {})).reason


def test_without_a_trace_the_policy_is_unmeasured() -> None:
    assert judge(ToolPolicy(), trace=False).outcome is Outcome.ERROR


def test_deep_arguments_are_looked_through_and_do_not_crash() -> None:
    rule = ToolPolicy(forbidden_arguments=("key",), forbidden_patterns=("evil",))
    assert judge(rule, ToolCall("look", nested(50_000, {"key": 1}))).outcome is Outcome.FAIL
    assert judge(rule, ToolCall("look", nested(50_000, "evil"))).outcome is Outcome.FAIL
    assert judge(rule, ToolCall("look", nested(50_000, "fine"))).outcome is Outcome.PASS
    again = {"$ref": "#/$defs/d"}
    recursive = {**again, "$defs": {"d": {"additionalProperties": again, "items": again}}}
    deep = judge(ToolPolicy(schemas={"look": recursive}), ToolCall("look", nested(50_000, {})))
    assert deep.outcome is Outcome.ERROR
    seen = Seen((Turn("?"),), (Answer("ok", tool_calls=(ToolCall("x" * 5000, nested(50_000, 1)),)),))
    assert len(tools.tool_called({"value": "look"}, seen).reason) < 1000


def test_a_pattern_without_end_is_an_error_in_bounded_time_and_a_broken_rule_decides_still() -> None:
    slow = ToolPolicy(forbidden_patterns=("^(a|aa)+$",), forbidden_arguments=("key",))
    call = ToolCall("look", {"x": [("a" * 60) + "!"] * 20})
    started = time.monotonic()
    assert judge(slow, call).outcome is Outcome.ERROR
    assert time.monotonic() - started < 5
    assert judge(slow, call, ToolCall("look", {"key": 1})).outcome is Outcome.FAIL


def test_a_schema_of_the_users_cannot_be_made_to_hang_by_an_argument() -> None:
    slow = ToolPolicy(schemas={"look": {"properties": {"x": {"pattern": "^(a|aa)+$"}, "y": {"uniqueItems": True}}}})
    started = time.monotonic()
    assert judge(slow, ToolCall("look", {"x": "a" * 60 + "!"})).outcome is Outcome.ERROR
    mixed = [n if n % 2 else [str(n)] for n in range(100_000)]
    assert judge(slow, ToolCall("look", {"y": mixed})).outcome is Outcome.PASS
    assert time.monotonic() - started < 8


def test_a_schema_that_names_another_address_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Any] = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *args, **_more: fetched.append(args))
    away = ToolPolicy(schemas={"look": {"$ref": "http://127.0.0.1:9/schema.json"}})
    score = judge(away, ToolCall("look", {}))
    assert score.outcome is Outcome.ERROR
    assert "refers to what is not there" in score.reason
    assert not fetched


def test_the_path_is_the_tools_in_order_with_the_names_of_their_arguments() -> None:
    way = tools.path((ToolCall("a", {"x": 1, "y": 2}), ToolCall("b", {})))
    assert way == tools.path([ToolCall("a", {"y": 5, "x": "other"}), ToolCall("b", {}, "error")])
    others = [
        tools.path(()),
        tools.path((ToolCall("b", {}), ToolCall("a", {"x": 1, "y": 2}))),
        tools.path((ToolCall("a", {"x": 1}), ToolCall("b", {}))),
        tools.path((ToolCall("a", {"x": 1, "y": 2}), ToolCall("b", {}), ToolCall("b", {}))),
    ]
    assert len({way, *others}) == 5
    assert all(others)
    assert tools.path(None) == ""
    assert json.dumps(way).isascii()
    assert tools.path((ToolCall("a", nested(50_000, 1)),))
