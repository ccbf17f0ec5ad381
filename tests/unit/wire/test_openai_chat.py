"""What an agent's answer holds, and what it does not say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.model.case import Answer, ToolCall, Usage
from agentops.wire import openai_chat
from agentops.wire.openai_chat import ShapeError


def body(message: Any, **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message}], **more}).encode()


def test_a_plain_answer_says_nothing_of_tools_and_tokens() -> None:
    assert openai_chat.parse(body({"content": "hi"})) == Answer("hi", None, None, None)


def test_tool_calls_from_the_trace_and_from_the_message() -> None:
    trace = {
        "tool_calls": [{"name": "t", "arguments": {"a": 1}, "status": "error"}, {"name": "u", "arguments": '{"b": 2}'}]
    }
    told = openai_chat.parse(body({"content": "hi"}, trace=trace, usage={"prompt_tokens": 1, "completion_tokens": 2}))
    assert told.tool_calls == (ToolCall("t", {"a": 1}, "error"), ToolCall("u", {"b": 2}, "ok"))
    assert told.usage == Usage(1, 2)
    asked = openai_chat.parse(body({"content": None, "tool_calls": [{"function": {"name": "t", "arguments": "{"}}]}))
    assert asked.text == ""
    assert asked.tool_calls == (ToolCall("t", {"": "{"}, "ok"),)
    assert openai_chat.parse(body({"content": "x"}, trace={"tool_calls": []})).tool_calls == ()


def test_text_in_parts() -> None:
    assert openai_chat.parse(body({"content": [{"type": "text", "text": "a"}, {"text": "b"}]})).text == "ab"


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>", b"[]", b"{}", body(None), body({"content": 3}), b'{"choices": [3]}', b"\xff", b"[" * 100_000,
     body({"content": "x"}, trace={"tool_calls": [{"name": 3}]})],
)  # fmt: skip
def test_what_is_no_chat_completion(raw: bytes) -> None:
    with pytest.raises(ShapeError):
        openai_chat.parse(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(
                st.sampled_from(["choices", "message", "content", "trace", "tool_calls", "name"]), x, max_size=4
            )
        ),
    )
)
def test_no_json_breaks_the_reader(data: Any) -> None:
    try:
        openai_chat.parse(json.dumps(data).encode())
    except ShapeError as error:
        assert str(error)


def test_a_refusal_in_its_own_field_is_the_answer() -> None:
    assert openai_chat.parse(body({"content": None, "refusal": "I cannot help"})).text == "I cannot help"


def test_both_places_of_tool_calls_count() -> None:
    message = {"content": "x", "tool_calls": [{"function": {"name": "refund", "arguments": "{}"}}]}
    told = openai_chat.parse(body(message, trace={"tool_calls": []}))
    assert told.tool_calls == (ToolCall("refund", {}, "ok"),)


@pytest.mark.parametrize("tokens", [-1, True, 10**200, "3", 1.5, None])
def test_usage_that_cannot_be_meant_is_none(tokens: Any) -> None:
    assert (
        openai_chat.parse(body({"content": "x"}, usage={"prompt_tokens": tokens, "completion_tokens": 1})).usage is None
    )


@pytest.mark.parametrize("message", [{}, {"content": None}, {"content": None, "refusal": None}])
def test_a_message_that_says_nothing_is_no_answer(message: Any) -> None:
    with pytest.raises(ShapeError, match="neither content nor refusal"):
        openai_chat.parse(body(message))
