"""The agent-wide tool policy, well and badly behaved calls, and the path that an agent took."""

import functools
import json
import time
from typing import Any

import pytest

from agentops.contracts import Unjudgeable
from agentops.evals import scoring
from agentops.evals.metrics import policy, tools
from agentops.evals.packs import checks
from agentops.evals.packs.arguments import Call
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


FORBIDS = ToolPolicy(forbidden_arguments=("api_key",), forbidden_patterns=("DROP TABLE",))

DISGUISED: list[dict[str, Any]] = [
    {"": '[{"api_key": "x"}]'}, {"": '"{\\"api_key\\": 1}"'}, {"body": '{"a": [{"api_key": "x"}]}'},
    {"body": ' \n{"api_key": 1, "n": ' + "9" * 6000 + "}"}, {'{"api_key": "x"}': ""},
    {"body": json.dumps({"in": json.dumps({"in": json.dumps({"Api-Key": 1})})})},
    {"body": '{"q": {"api_key": 1}, "q": 2}'},
    {"API_KEY ": 1}, {"api\u200b_key": 1}, {"\uff41pi_key": 1}, {"apiKey": 1}, {"api\u2011key": 1},
    {"q": "DROP\u00a0TABLE x"}, {"q": "\uff24ROP TABLE x"}, {"q": '["DR\\u004fP TABLE"]'},
    {"q": "DR\u200bOP TABLE"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", DISGUISED)
def test_what_is_forbidden_is_seen_in_disguise(arguments: dict[str, Any]) -> None:
    assert judge(FORBIDS, ToolCall("look", arguments)).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "arguments",
    [
        {"": "{'api_key': 'x'}"}, {"": '{"api_key": "x"'}, {"": "hello"}, {"": "[1]"}, {"": [1]}, {"": 3},
        {"body": functools.reduce(lambda text, _: json.dumps({"a": text}), range(12), "x")}, {"body": "[" * 200_000},
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_read_are_an_error_where_a_rule_looks_into_them(arguments: dict[str, Any]) -> None:
    score = judge(FORBIDS, ToolCall("look", {}), ToolCall("look", arguments))
    assert score.outcome is Outcome.ERROR
    assert "call 2, look: the arguments" in score.reason
    assert judge(ToolPolicy(allowed=("look",), max_calls=1), ToolCall("look", arguments)).outcome is Outcome.PASS
    # A rule that is broken decides all the same.
    assert judge(FORBIDS, ToolCall("look", arguments), ToolCall("look", {"api_key": 1})).outcome is Outcome.FAIL


def test_a_schema_does_not_pass_what_cannot_be_read_nor_another_writing_of_the_tool() -> None:
    ruled = ToolPolicy(schemas={"look": {"properties": {"id": {"type": "string"}}}})
    assert judge(ruled, ToolCall("look", {"": "{'id': 7}"})).outcome is Outcome.ERROR
    assert judge(ruled, ToolCall("other", {"": "{'id': 7}"})).outcome is Outcome.PASS
    for name in WRITINGS:
        assert judge(ruled, ToolCall(name.replace("delete_user", "look"), {"id": 7})).outcome is Outcome.FAIL, name


@pytest.mark.parametrize("arguments", [{"": ""}, {"": " "}, {}, {"text": "{not json"}, {"text": '{"a": "b"}'}])
def test_plain_arguments_are_no_disguise(arguments: dict[str, Any]) -> None:
    assert judge(FORBIDS, ToolCall("look", arguments)).outcome is Outcome.PASS


WRITINGS = [
    "delete_user ", "delete_user\u200b", "functions.delete_user", "shop/delete_user", "mcp__shop__delete_user",
    "a:b.delete_user", "\tdelete_user",
]  # fmt: skip
OTHER_CASE = ["Delete_User", "delete\u2011user", "deleteUser", "\uff44elete_user"]


@pytest.mark.parametrize("name", WRITINGS + OTHER_CASE)
def test_a_tool_is_forbidden_in_every_writing_of_its_name(name: str) -> None:
    seen = Seen((Turn("?"),), (Answer("ok", tool_calls=(ToolCall(name, {}),)),))
    assert not tools.tool_not_called({"value": ["x", "delete_user"]}, seen).holds
    assert tools.tool_not_called({"value": ["user", "undelete_user", "functions.x"]}, seen).holds
    assert not tools.tools_only({"value": ["delete_user"]}, seen).holds
    assert judge(ToolPolicy(allowed=("delete_user",)), ToolCall(name, {})).outcome is Outcome.FAIL
    once = ToolPolicy(max_calls_of={"functions.delete_user": 1})
    assert judge(once, ToolCall("delete_user", {}), ToolCall(name, {})).outcome is Outcome.FAIL
    assert judge(once, ToolCall("other", {}), ToolCall(name, {})).outcome is Outcome.PASS
    with pytest.raises(Unjudgeable, match="another writing"):
        tools.tool_calls({"name": "delete_user", "at_most": 0}, seen)
    assert tools.tool_calls({"name": "delete_user", "at_most": 1}, seen).holds


MADE = checks.not_made(Call("send", {"to": "K7@x.example", "n": 1}, {"to": "K7@x.example"}))


@pytest.mark.parametrize(
    ("name", "arguments", "outcome"),
    [
        ("send", {"to": "K7@x.example", "more": 1}, Outcome.FAIL),
        ("send", {"to": "someone@else.example"}, Outcome.PASS),
        ("send", {}, Outcome.PASS),
        ("other", {"to": "K7@x.example"}, Outcome.PASS),
        ("other", {"": "{'to': 'K7@x.example'}"}, Outcome.PASS),
        ("send", {"": "{'to': 'K7@x.example'}"}, Outcome.ERROR),
        ("Send ", {"": "{'to'"}, Outcome.ERROR),
        ("functions.send", {"to": "K7@x.example"}, Outcome.ERROR),
        ("SEND", {"to": "K7@x.example"}, Outcome.ERROR),
        ("SEND", {"to": "someone@else.example"}, Outcome.PASS),
        ("send", {"To ": "K7@x.example"}, Outcome.ERROR),
        ("send", {"to": " K7\u200b@x.example"}, Outcome.ERROR),
        ("send", {"to": '"K7@x.example"'}, Outcome.ERROR),
    ],
)
def test_a_pack_sees_its_call_whatever_its_writing(name: str, arguments: dict[str, Any], outcome: Outcome) -> None:
    seen = Seen((Turn("?"),), (Answer("ok", tool_calls=(ToolCall(name, arguments),)),))
    assert scoring.hold(MADE, seen).outcome is outcome


def test_a_call_that_was_made_as_asked_is_one_whatever_came_beside_it() -> None:
    near = (ToolCall("send", {"to": "a"}), ToolCall("Send", {"": "?"}), ToolCall("send", {"a": '{"b": 1}'}))
    seen = Seen((Turn("?"),), (Answer("ok", tool_calls=near),))
    assert tools.tool_called({"name": "send", "arguments": {"to": "a"}}, seen).holds
    with pytest.raises(Unjudgeable, match="cannot be read"):
        tools.tool_called({"name": "send", "arguments": {"to": "a"}, "times": 1}, seen)
    assert not tools.tool_called({"name": "send", "arguments": {"to": "a"}, "times": 3}, seen).holds
    with pytest.raises(Unjudgeable, match="another writing"):
        tools.tool_called({"name": "send", "arguments": {"a": {"b": 1}}}, Seen(seen.turns, (Answer("", near[::2]),)))


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
