"""The scripted model: which rule answers, with what, and what its file may say."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ConfigError
from agentops.gateway import script, script_file
from agentops.gateway.script import Script, ScriptMiss

HEAD = "version: 1\nname: m\nrules:\n"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def _read(text: str) -> Script:
        path = tmp_path / "model.yaml"
        path.write_text(text, encoding="utf-8")
        return script_file.load(path)

    return _read


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def after_tool(name: str, result: str, *, asked: str = "q", call_id: str = "c1") -> list[dict[str, Any]]:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return [
        user(asked),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]


def test_the_first_rule_that_matches_wins(read: Any) -> None:
    found = read(HEAD + "  - {when: {user: order}, reply: {text: first}}\n  - {reply: {text: second}}\n")
    assert found.reply([user("my ORDER")], occurrence=0).text == "first"
    assert found.reply([user("hello")], occurrence=0).text == "second"


def test_groups_fill_text_and_arguments_and_other_braces_stay(read: Any) -> None:
    found = read(
        HEAD
        + """\
  - when: {user: 'json (?P<order>\\w-\\d+)'}
    reply: {text: '{"id": "{order}", "x": {}}'}
  - when: {user: '(?P<order>\\w-\\d+) for (?P<amount>\\d+)'}
    reply: {tools: [{name: t, arguments: {ids: ['{order}'], n: 3}}, {name: t, arguments: '{"a": {amount}'}]}
"""
    )
    assert json.loads(found.reply([user("json A-1")], occurrence=0).text) == {"id": "A-1", "x": {}}
    tools = found.reply([user("A-1 for 20")], occurrence=0).tools
    assert json.loads(tools[0].arguments) == {"ids": ["A-1"], "n": 3}
    assert tools[1].arguments == '{"a": 20'


def test_what_a_customer_wrote_is_not_filled_in_again(read: Any) -> None:
    found = read(HEAD + "  - {when: {user: '(?P<a>.*) and (?P<b>.*)'}, reply: {text: '{a}|{b}'}}\n")
    assert found.reply([user("{b} and x")], occurrence=0).text == "{b}|x"


def test_a_rule_after_a_tool_needs_that_tool_last_and_sees_the_latest_user_message(read: Any) -> None:
    found = read(
        HEAD
        + """\
  - {when: {tool: lookup, result: '"status": "(?P<s>\\w+)"', user: 'order (?P<o>\\d+)'}, reply: {text: '{o} {s}'}}
  - {when: {last: tool}, reply: {text: other tool}}
  - {when: {user: order}, reply: {text: asked}}
"""
    )
    assert found.reply(after_tool("lookup", '{"status": "sent"}', asked="order 7"), occurrence=0).text == "7 sent"
    assert found.reply(after_tool("refund", '{"status": "sent"}', asked="order 7"), occurrence=0).text == "other tool"
    assert found.reply([*after_tool("lookup", "{}"), user("order 8")], occurrence=0).text == "asked"


def test_a_rule_for_users_never_answers_a_tool(read: Any) -> None:
    found = read(HEAD + "  - {when: {user: order}, reply: {text: asked}}\n")
    with pytest.raises(ScriptMiss, match="tool 'lookup' gave"):
        found.reply(after_tool("lookup", "x", asked="order"), occurrence=0)


def test_system_and_content_parts_are_looked_at(read: Any) -> None:
    found = read(HEAD + "  - {when: {system: 'be (?P<how>\\w+)', user: 'one.two'}, reply: {text: '{how}'}}\n")
    messages = [
        {"role": "system", "content": "Be brief"},
        user([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]),
    ]
    assert found.reply(messages, occurrence=0).text == "brief"
    with pytest.raises(ScriptMiss):
        found.reply(messages[1:], occurrence=0)


@pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "x"}], [user("a"), {"role": "assistant"}]])
def test_a_conversation_that_ends_otherwise_is_a_miss(read: Any, messages: list[dict[str, Any]]) -> None:
    found = read(HEAD + "  - {reply: {text: anything}}\n")
    with pytest.raises(ScriptMiss, match="last message"):
        found.reply(messages, occurrence=0)


def test_a_miss_is_told_on_one_safe_line(read: Any) -> None:
    found = read(HEAD + "  - {when: {user: never}, reply: {text: x}}\n")
    with pytest.raises(ScriptMiss) as miss:
        found.reply([user("a\n\x1b[31mred" + "x" * 5000)], occurrence=0)
    assert "\n" not in miss.value.message
    assert "\x1b" not in miss.value.message
    assert len(miss.value.message) < 300


def test_a_long_prompt_is_searched(read: Any) -> None:
    found = read(HEAD + "  - {when: {user: 'verdicts.*output: (?P<o>\\w+)'}, reply: {text: '{\"v\": \"{o}\"}'}}\n")
    prompt = "Give verdicts.\n" + "filler line\n" * 20_000 + "Output: yes"
    assert found.reply([user(prompt)], occurrence=0).text == '{"v": "yes"}'


WEIGHTED = HEAD + "  - {reply: [{text: often, weight: 9}, {text: seldom, weight: 1}, {text: never, weight: 0}]}\n"


def test_weights_are_kept_and_choices_repeat(read: Any) -> None:
    found = read(WEIGHTED)
    texts = [found.reply([user("q")], occurrence=i).text for i in range(4000)]
    counts = Counter(texts)
    assert counts["never"] == 0
    assert 0.08 < counts["seldom"] / 4000 < 0.12
    again = read(WEIGHTED)
    assert texts == [again.reply([user("q")], occurrence=i).text for i in range(4000)]


def test_the_choice_follows_seed_and_conversation(read: Any) -> None:
    def drawn(text: str, question: str) -> list[Any]:
        found = read(text)
        return [found.reply([user(question)], occurrence=i).text for i in range(100)]

    other_seed = WEIGHTED.replace("name: m", "name: m\nseed: 1")
    assert drawn(WEIGHTED, "q") != drawn(other_seed, "q")
    assert drawn(WEIGHTED, "q") != drawn(WEIGHTED, "r")


def test_ids_of_calls_and_system_messages_do_not_roll_the_dice_anew() -> None:
    one, other = after_tool("t", "r", call_id="a"), after_tool("t", "r", call_id="b")
    assert script.key(one) == script.key(other)
    assert script.key([{"role": "system", "content": "today"}, *one]) == script.key(one)
    assert script.key(after_tool("u", "r")) != script.key(one)
    assert script.key(after_tool("t", "s")) != script.key(one)


def test_latency_lies_in_its_range_and_is_seeded(read: Any) -> None:
    text = "version: 1\nname: m\nlatency_s: [0.5, 0.7]\nrules: [{reply: {text: x}}]\n"
    waits = [read(text).reply([user("q")], occurrence=i).latency_s for i in range(50)]
    assert all(0.5 <= w <= 0.7 for w in waits)
    assert len(set(waits)) == 50
    assert waits[3] == read(text).reply([user("q")], occurrence=3).latency_s


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 0, "empty"),
        ("- a", 1, "must be a mapping, not"),
        ("version: 2\nname: m\nrules: [{reply: {text: x}}]", 1, "version: must be 1"),
        ("version: 1\nname: m\nrules: []", 3, "rules: must not be empty"),
        ("version: 1\nname: m", 1, "the key 'rules' is missing"),
        ("version: 1\nname: 'a b'\nrules: [{reply: {text: x}}]", 2, "name: 'a b' does not match"),
        ("version: 1\nname: m\nrulez: []", 3, "did you mean 'rules'"),
        ("version: 1\nname: m\nname: n\nrules: [{reply: {text: x}}]", 3, "stands here twice"),
        ("version: 1\nname: m\nseed: x\nrules: [{reply: {text: x}}]", 3, "seed: must be a whole number"),
        ("version: 1\nname: m\nlatency_s: [2, 1]\nrules: [{reply: {text: x}}]", 3, "latency_s: 2 is above 1"),
        (HEAD + "  - when: {usr: x}\n    reply: {text: x}", 4, "did you mean 'user'"),
        (HEAD + "  - when:\n      user: '(x'\n    reply: {text: x}", 5, "regular expression"),
        (HEAD + "  - when: {user: x}", 4, "the key 'reply' is missing"),
        (HEAD + "  - reply: []", 4, "reply: must not be empty"),
        (HEAD + "  - reply: {}", 4, "text, tools or both"),
        (HEAD + "  - reply: [{text: x, weight: -1}]", 4, "less than the minimum of 0"),
        (HEAD + "  - reply: [{text: x, weight: 0}]", 4, "every weight is 0"),
        (HEAD + "  - reply: {text: 5}", 4, "reply.text: must be a text, not 5"),
        (HEAD + "  - reply: {tools: [{arguments: {}}]}", 4, "the key 'name' is missing"),
        (HEAD + "  - reply: {tools: [{name: t, arguments: [1]}]}", 4, "arguments: must be a mapping or a text"),
        (HEAD + "  - {when: {last: user, result: x}, reply: {text: x}}", 4, "can only follow a tool"),
        (HEAD + "  - {when: {last: system}, reply: {text: x}}", 4, "is not one of user, tool"),
        (HEAD + "  - &a {reply: {text: x}}\n  - *a", 4, "anchors and aliases"),
        (HEAD + "  - {reply: [}", 4, "not YAML"),
        (HEAD + "  - {reply: {text: x}}\n---\nmore", 5, "not YAML"),
        (HEAD + "  - {reply: " + "[" * 3000 + "]" * 3000 + "}", 4, "nested deeper than"),
    ],
)
def test_a_bad_file_is_refused_by_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        script_file.load(path)
    told = error.value.problems or (error.value.message,)
    assert any(re.match(rf"{re.escape(str(path))}:{line or ''}[: ]", p) and what in p for p in told), told
    assert error.value.message.startswith(f"{path}:")
    assert error.value.hint


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(HEAD + "  - {reply: {txt: x}}\n  - {when: {usr: x}, reply: {text: x}}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        script_file.load(path)
    assert [p.split(":")[1] for p in error.value.problems] == ["4", "4", "5"]


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        script_file.load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: 1\nname: \xe4")
    with pytest.raises(ConfigError, match="not UTF-8"):
        script_file.load(tmp_path / "latin.yaml")


@given(st.text())
def test_any_text_is_a_script_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError):
        script_file.load(path)


MESSAGES = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "tool_calls", "tool_call_id"]),
        st.sampled_from(["user", "tool", "system", "assistant"])
        | st.text()
        | st.none()
        | st.integers()
        | st.lists(st.dictionaries(st.sampled_from(["id", "function", "text"]), st.text() | st.none(), max_size=2)),
    ),
    max_size=5,
)


@given(MESSAGES)
def test_any_messages_are_answered_or_missed(messages: list[dict[str, Any]]) -> None:
    anything = Script("m", 0, (script.Rule(1, (script.ReplyTemplate("x", ()),)),))
    try:
        assert anything.reply(messages, occurrence=0).text == "x"
    except ScriptMiss:
        assert not messages or messages[-1].get("role") != "user"
