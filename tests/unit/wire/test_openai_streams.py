"""OpenAI's two protocols: what goes out, and what streams and response objects come to."""

import json
from typing import Any

import pytest

from agentops.errors import TargetError
from agentops.model.case import Answer, Attachment, ToolCall, Turn, Usage
from agentops.wire import openai_chat, openai_responses
from agentops.wire.shape import ShapeError

FILES = (
    Attachment("cat.png", "image/png", b"\x89PNG"),
    Attachment("notes.md", "text/markdown", "Größe".encode()),
    Attachment("bad.txt", "text/plain", b"\xff"),
    Attachment("bill.pdf", "application/pdf", b"%PDF"),
)


def chat(*chunks: Any) -> tuple[Answer, list[bool]]:
    stream = openai_chat.Stream()
    said = [stream.add(c if isinstance(c, str) else json.dumps(c)) for c in chunks]
    return stream.answer(), said


def delta(**parts: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"index": 0, "delta": parts}]}


def test_text_tools_usage_and_cost_of_a_stream() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "look", "arguments": ""}}
    answer, said = chat(
        delta(role="assistant", content=""),
        delta(content="Hel"),
        delta(content="lo"),
        delta(tool_calls=[call, {"index": 1, "function": {"name": "pay", "arguments": "{}"}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.004}},
        "[DONE]",
    )
    assert answer == Answer(
        "Hello", (ToolCall("look", {"a": 1}), ToolCall("pay", {})), Usage(3, 2), model="m-1", cost_usd=0.004
    )
    assert said == [False, True, True, False, False, False, False, False, False]


def test_what_a_stream_does_not_tell_is_unknown() -> None:
    assert chat(delta(content="x"), "[DONE]")[0] == Answer("x", model="m-1")
    traced = chat(delta(content="x"), {"trace": {"tool_calls": []}}, "[DONE]")[0]
    assert traced.tool_calls == ()


def test_a_refusal_in_a_stream_is_the_answer() -> None:
    assert chat(delta(refusal="I can"), delta(refusal="not"), "[DONE]")[0].text == "I cannot"


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    with pytest.raises(ShapeError, match="finish_reason"):
        chat(delta(content="half"))
    with pytest.raises(ShapeError, match="neither content"):
        chat("[DONE]")
    with pytest.raises(TargetError, match="overloaded"):
        chat(delta(content="half"), {"error": {"message": "overloaded", "code": 529}})


def test_an_error_with_status_200_is_no_answer() -> None:
    with pytest.raises(TargetError, match="no credit"):
        openai_chat.parse(b'{"error": {"message": "no credit"}}')


def test_cost_is_read_where_it_is_told() -> None:
    body = {"choices": [{"message": {"content": "x"}}], "usage": {"cost": 0.5, "prompt_tokens": 1}}
    answer = openai_chat.parse(json.dumps(body).encode())
    assert (answer.cost_usd, answer.usage) == (0.5, None)


def test_files_of_a_chat() -> None:
    content = openai_chat.user_message(Turn("see", FILES))["content"]
    assert content == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "text", "text": "File notes.md:\n\nGröße"},
        {"type": "file", "file": {"filename": "bad.txt", "file_data": "data:text/plain;base64,/w=="}},
        {"type": "file", "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
    ]
    assert openai_chat.user_message(Turn("plain")) == {"role": "user", "content": "plain"}


def test_files_of_a_response() -> None:
    content = openai_responses.user_message(Turn("see", FILES))["content"]
    assert [part["type"] for part in content] == [
        "input_text", "input_image", "input_text", "input_file", "input_file",
    ]  # fmt: skip


def response(*output: Any, **more: Any) -> bytes:
    return json.dumps({"id": "r1", "status": "completed", "output": list(output), **more}).encode()


SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]}


def test_every_kind_of_item_is_a_tool_call_or_none() -> None:
    answer = openai_responses.parse(
        response(
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "name": "pay", "arguments": '{"eur": 3}', "status": "completed"},
            {"type": "mcp_list_tools", "tools": []},
            {"type": "mcp_call", "name": "look", "server_label": "s", "arguments": "{}", "error": "gone"},
            {"type": "web_search_call", "status": "completed", "action": {"query": "x"}},
            {"type": "file_search_call", "queries": ["a"], "status": "failed"},
            {"type": "code_interpreter_call", "code": "1+1"},
            {"type": "custom_tool_call", "name": "shell", "input": "ls"},
            {"type": "function_call_output", "output": "{}"},
            SAID,
            usage={"input_tokens": 5, "output_tokens": 6},
            model="m",
        )
    ).answer
    assert answer.tool_calls == (
        ToolCall("pay", {"eur": 3}),
        ToolCall("look", {}, "error"),
        ToolCall("web_search", {"query": "x"}),
        ToolCall("file_search", {"queries": ["a"]}, "error"),
        ToolCall("code_interpreter", {"code": "1+1"}),
        ToolCall("shell", {"": "ls"}),
    )
    assert (answer.text, answer.usage, answer.model) == ("done", Usage(5, 6), "m")


def test_no_tool_item_says_none_only_where_the_answer_shows_its_tools() -> None:
    assert openai_responses.parse(response(SAID)).answer.tool_calls is None
    assert openai_responses.parse(response(SAID, tools=[])).answer.tool_calls == ()
    assert openai_responses.parse(response(SAID, trace={"tool_calls": []})).answer.tool_calls == ()


def test_an_answer_is_kept_only_where_the_server_says_so() -> None:
    assert openai_responses.parse(response(SAID, store=True)).kept_as == "r1"
    for more in ({}, {"store": False}, {"store": "yes"}):
        assert openai_responses.parse(response(SAID, **more)).kept_as == ""


def test_a_refusal_and_a_failure_differ() -> None:
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "I will not"}]}
    assert openai_responses.parse(response(refusal)).answer.text == "I will not"
    with pytest.raises(TargetError, match="server_error"):
        openai_responses.parse(response(status="failed", error={"code": "x", "message": "server_error"}))
    with pytest.raises(TargetError, match="cancelled"):
        openai_responses.parse(response(status="cancelled"))
    with pytest.raises(ShapeError, match="neither text"):
        openai_responses.parse(response({"type": "reasoning"}))


def test_a_streamed_response() -> None:
    stream = openai_responses.Stream()
    said = [
        stream.add(json.dumps(event))
        for event in (
            {"type": "response.created", "response": {"output": []}},
            {"type": "response.output_text.delta", "delta": "do"},
            {"type": "response.completed", "response": json.loads(response(SAID))},
        )
    ]
    assert said == [False, True, False]
    assert stream.done
    assert stream.reply().answer.text == "done"
    with pytest.raises(ShapeError, match=r"response\.completed"):
        openai_responses.Stream().reply()
    with pytest.raises(TargetError, match="too many"):
        openai_responses.Stream().add('{"type": "error", "message": "too many"}')
