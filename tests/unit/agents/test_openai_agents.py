"""Agents that speak OpenAI's protocols: history, streams, and who keeps the conversation."""

import json
from itertools import pairwise
from typing import Any

import pytest

from agentops.model.case import Answer, Attachment, ToolCall, Turn, Usage
from agentops.model.settings import Agent


def chat(content: str, **more: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"message": {"role": "assistant", "content": content}}], **more}


def piece(text: str) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"delta": {"content": text}}]}


def test_the_history_goes_along(serve: Any, talk: Any) -> None:
    server = serve(lambda r: r.reply(chat(f"answer {len(r.data['messages'])}")))
    answers = talk(Agent("bot", app="gpt-x"), server.url, "one", "two")
    assert [a.text for a in answers] == ["answer 1", "answer 3"]
    assert server.seen[1].path == "/v1/chat/completions"
    assert server.seen[1].data == {
        "model": "gpt-x",
        "user": "session-1",
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "answer 1"},
            {"role": "user", "content": "two"},
        ],
    }


def test_the_models_name_is_the_agents_unless_app_says_otherwise(serve: Any, talk: Any) -> None:
    server = serve(lambda r: r.reply(chat("x")))
    talk(Agent("bot", path="/chat"), server.url, "hi")
    assert (server.seen[0].data["model"], server.seen[0].path) == ("bot", "/chat")


def test_a_stream_torn_inside_a_letter_and_a_line(serve: Any, talk: Any, sse: Any) -> None:
    call = {"index": 0, "function": {"name": "t", "arguments": "{}"}}
    raw = sse(
        piece("Grü"), piece("ße 🙂"), {"choices": [{"delta": {"tool_calls": [call]}}]},
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.25}}, "[DONE]",
    )  # fmt: skip
    cuts = [raw.index("ü".encode()) + 1, raw.index("🙂".encode()) + 2, raw.index(b'ta: {"choices": []') + 1]
    edges = [0, *cuts, len(raw)]
    server = serve(lambda r: r.stream([raw[a:b] for a, b in pairwise(edges)], pause_s=0.05))
    (answer,) = talk(Agent("bot", stream=True), server.url, "hi")
    assert (answer.text, answer.tool_calls) == ("Grüße 🙂", (ToolCall("t", {}),))
    assert (answer.usage, answer.cost_usd, answer.model) == (Usage(1, 2), 0.25, "m-1")
    assert 0.04 < answer.first_token_s < 0.14 < answer.latency_s
    assert server.seen[0].data["stream"] is True
    assert server.seen[0].data["stream_options"] == {"include_usage": True}


def test_a_stream_that_is_left_open_behind_its_end(serve: Any, talk: Any, sse: Any) -> None:
    server = serve(lambda r: r.stream([sse(piece("x"), "[DONE]")], hold_s=1.0))
    (answer,) = talk(Agent("bot", stream=True), server.url, "hi")
    assert answer.latency_s < 0.9


def test_a_stream_that_breaks_off_is_no_answer(serve: Any, refused: Any, sse: Any) -> None:
    error = refused(Agent("bot", stream=True), serve(lambda r: r.stream([sse(piece("half"))])).url)
    assert "no chat completion: the stream ended" in error.message
    assert not error.retryable


def test_an_agent_that_does_not_stream_is_read_whole(serve: Any, talk: Any) -> None:
    (answer,) = talk(Agent("bot", stream=True), serve(lambda r: r.reply(chat("x"))).url, "hi")
    assert (answer.text, answer.first_token_s) == ("x", None)


def test_files_go_along(serve: Any, talk: Any) -> None:
    server = serve(lambda r: r.reply(chat("x")))
    talk(Agent("bot"), server.url, Turn("see", (Attachment("a.png", "image/png", b"x"),)))
    assert server.seen[0].data["messages"][0]["content"][1]["type"] == "image_url"


def response(id: str, text: str, **more: Any) -> dict[str, Any]:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return {"id": id, "status": "completed", "output": [item], **more}


def test_a_server_that_keeps_answers_is_told_the_last(serve: Any, talk: Any) -> None:
    server = serve(lambda r: r.reply(response(f"r{len(server.seen)}", "x", store=True)))
    talk(Agent("bot", protocol="openai-responses"), server.url, "one", "two", "three")
    sent = [request.data for request in server.seen]
    assert server.seen[0].path == "/v1/responses"
    assert "previous_response_id" not in sent[0]
    assert (sent[2]["previous_response_id"], sent[2]["input"]) == ("r2", [{"role": "user", "content": "three"}])


@pytest.mark.parametrize("more", [{}, {"store": False}])
def test_a_server_that_keeps_nothing_gets_the_history(serve: Any, talk: Any, more: Any) -> None:
    server = serve(lambda r: r.reply(response("r", "x", **more)))
    talk(Agent("bot", protocol="openai-responses"), server.url, "one", "two")
    assert "previous_response_id" not in server.seen[1].data
    assert [m["role"] for m in server.seen[1].data["input"]] == ["user", "assistant", "user"]


def test_a_streamed_response(serve: Any, talk: Any, sse: Any) -> None:
    raw = sse(
        ("response.output_text.delta", {"type": "response.output_text.delta", "delta": "x"}),
        ("response.completed", {"type": "response.completed", "response": response("r", "whole", model="m")}),
    )
    server = serve(lambda r: r.stream([raw[:70], raw[70:]], pause_s=0.05, hold_s=0.5))
    (answer,) = talk(Agent("bot", protocol="openai-responses", stream=True), server.url, "hi")
    assert (answer.text, answer.model) == ("whole", "m")
    assert answer.first_token_s is not None
    assert answer.latency_s < 0.5
    assert server.seen[0].data["stream"] is True


def test_an_answer_is_not_touched(serve: Any, talk: Any) -> None:
    text = "line\x1b[31m\nnext\u202e ##vso[x]"
    (answer,) = talk(Agent("bot"), serve(lambda r: r.reply(json.dumps(chat(text)).encode())).url, "hi")
    assert answer == Answer(text, model="m-1", latency_s=answer.latency_s)
