"""Answers of any form: by JMESPath, and what a command prints."""

import json
from typing import Any

import pytest

from agentops.errors import ConfigError, TargetError
from agentops.model.case import Answer, ToolCall, Usage
from agentops.model.settings import Http
from agentops.wire import command, jmes
from agentops.wire.shape import ShapeError


def read(data: Any, **paths: str) -> tuple[Answer, str | None]:
    return jmes.Reader(Http(**{"answer": "text", **paths})).parse(json.dumps(data).encode())


def test_everything_that_paths_can_find() -> None:
    data = {
        "reply": {"text": "hi"}, "sid": 7, "meta": {"in": 1, "out": 2, "usd": 0.1, "by": "m"},
        "steps": [{"tool": "t", "args": {"a": 1}}, {"tool": "u", "args": '{"b": 2}'}],
    }  # fmt: skip
    answer, session = read(
        data, answer="reply.text", session="sid", tool_calls="steps[].{name: tool, arguments: args}",
        input_tokens="meta.in", output_tokens="meta.out", cost_usd="meta.usd", model="meta.by",
    )  # fmt: skip
    assert answer == Answer("hi", (ToolCall("t", {"a": 1}), ToolCall("u", {"b": 2})), Usage(1, 2), "m", 0.1)
    assert session == "7"


def test_what_paths_do_not_find_is_unknown() -> None:
    paths = dict.fromkeys(
        ("session", "tool_calls", "input_tokens", "output_tokens", "cost_usd", "model", "error"), "no"
    )
    assert read({"text": "x"}, **paths) == (Answer("x"), None)
    assert read({"text": "x", "no": []}, tool_calls="no")[0].tool_calls == ()


@pytest.mark.parametrize(
    ("found", "text"), [("", ""), (3, "3"), (["a", "b"], "ab"), ({"a": "ä"}, '{"a": "ä"}'), ([], "[]")]
)
def test_texts_of_other_types(found: Any, text: str) -> None:
    assert read({"text": found})[0].text == text


def test_errors_and_wrong_types() -> None:
    with pytest.raises(ShapeError, match=r"agent\.http\.answer finds nothing"):
        read({"txt": "x"})
    with pytest.raises(TargetError, match="quota"):
        read({"text": "x", "e": {"message": "quota"}}, error="e")
    assert read({"text": "x", "e": ""}, error="e")[0].text == "x"
    with pytest.raises(ShapeError, match=r"agent\.http\.answer cannot be applied"):
        read({"text": 3}, answer="length(text)")
    with pytest.raises(ShapeError, match=r"agent\.http\.session"):
        read({"text": "x", "sid": [1]}, session="sid")
    with pytest.raises(ShapeError, match="no list"):
        read({"text": "x", "t": "look"}, tool_calls="t")


@pytest.mark.parametrize("key", jmes.KEYS)
@pytest.mark.parametrize("path", ["a..b", "a[", "'", "nope(a)", "length()", "a | b |"])
def test_a_wrong_expression_is_refused_by_name(key: str, path: str) -> None:
    with pytest.raises(ConfigError, match=rf"agent\.http\.{key}: .* is no JMESPath"):
        jmes.Reader(Http(**{"answer": "text", key: path}))


def test_streams_by_paths() -> None:
    http = Http(answer="full", delta="t", session="sid", input_tokens="u.i", output_tokens="u.o", error="err")

    def run(*events: Any) -> tuple[Answer, str | None]:
        stream = jmes.Stream(jmes.Reader(http))
        for event in events:
            stream.add(event if isinstance(event, str) else json.dumps(event))
        return stream.answer()

    answer, session = run({"sid": "s"}, {"t": "a"}, {"t": "b"}, {"u": {"i": 1, "o": 2}}, "[DONE]")
    assert (answer, session) == (Answer("ab", usage=Usage(1, 2)), "s")
    assert run({"full": "one"}, {"full": "two"})[0].text == "two"
    with pytest.raises(TargetError, match="down"):
        run({"t": "a"}, {"err": "down"})
    with pytest.raises(ShapeError, match="finds anything"):
        run({"x": 1})
    plain = jmes.Stream(jmes.Reader(Http(answer="full", delta="@")))
    assert plain.add("Hello")
    assert plain.answer()[0].text == "Hello"


def test_what_a_command_prints() -> None:
    assert command.parse("Hello\nyou\n") == Answer("Hello\nyou")
    assert command.parse('{"total": 3}\n').text == '{"total": 3}'
    assert command.parse('{"answer": 3}').text == '{"answer": 3}'
    assert command.parse("{broken").text == "{broken"
    told = {"answer": "hi", "tool_calls": [{"name": "t", "arguments": {}, "status": "error"}], "model": "m",
            "usage": {"input_tokens": 1, "output_tokens": 2}, "cost_usd": 0.5}  # fmt: skip
    assert command.parse(json.dumps(told)) == Answer("hi", (ToolCall("t", {}, "error"),), Usage(1, 2), "m", 0.5)
    assert command.parse('{"text": ""}') == Answer("")
    for printed in ("", "\n\n"):
        with pytest.raises(ShapeError, match="nothing"):
            command.parse(printed)
    with pytest.raises(TargetError, match="no key"):
        command.parse('{"error": "no key"}')
