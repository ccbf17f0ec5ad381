"""AgentCore, ADK and LangGraph: what their answers hold. The shapes are those that their servers give."""

import json
from typing import Any

import pytest

from agentops.errors import TargetError
from agentops.model.case import Attachment, ToolCall, Turn, Usage
from agentops.wire import adk, agentcore, langgraph
from agentops.wire.shape import ShapeError

CONVERSE = {
    "role": "assistant",
    "content": [{"text": "h"}, {"text": "i"}, {"toolUse": {"name": "t", "input": {"a": 1}}}],
}


@pytest.mark.parametrize(
    "data",
    ["hi", {"result": "hi"}, {"response": "hi", "status": "success"}, {"message": {"content": [{"text": "hi"}]}},
     {"output": {"message": {"content": [{"text": "hi"}]}}}, {"result": {"role": "x", "content": [{"text": "hi"}]}},
     [{"text": "h"}, {"text": "i"}], {"answer": "hi"}, {"completion": "hi"}, {"result": None, "text": "hi"}],
)  # fmt: skip
def test_the_usual_forms_of_agentcore(data: Any) -> None:
    answer = agentcore.parse(json.dumps(data).encode())
    assert (answer.text, answer.tool_calls, answer.usage) == ("hi", None, None)


def test_what_agentcore_tells_besides() -> None:
    answer = agentcore.parse(
        json.dumps({"output": {"message": CONVERSE}, "usage": {"inputTokens": 3, "outputTokens": 1}}).encode()
    )
    assert (answer.text, answer.tool_calls, answer.usage) == ("hi", (ToolCall("t", {"a": 1}),), Usage(3, 1))
    assert agentcore.parse(b"plain words").text == "plain words"
    for raw in (b"", b"<html></html>", b"{}", b"[]", b"3", b'{"status": "ok"}'):
        with pytest.raises(ShapeError):
            agentcore.parse(raw)
    with pytest.raises(TargetError, match="down"):
        agentcore.parse(b'{"error": "down"}')


def agentcore_stream(*events: Any) -> tuple[str, list[bool]]:
    stream = agentcore.Stream()
    said = [stream.add(e if isinstance(e, str) else json.dumps(e)) for e in events]
    return stream.answer().text, said


def test_streams_of_agentcore() -> None:
    assert agentcore_stream('"Hé"', '"llo"') == ("Héllo", [True, True])
    assert agentcore_stream("not", " json") == ("not json", [True, True])
    assert agentcore_stream({"text": "a"}, {"text": "b"})[0] == "ab"
    bedrock = {"event": {"contentBlockDelta": {"delta": {"text": "x"}}}}
    assert agentcore_stream(bedrock, bedrock)[0] == "xx"
    # Agents that pass on all that their loop yields say everything up to three times.
    assert agentcore_stream({"init": True}, bedrock, {"data": "x"}, {"message": CONVERSE})[0] == "hi"
    tool = {"message": {"role": "user", "content": [{"text": "result of a tool"}]}}
    assert agentcore_stream({"message": CONVERSE}, tool)[0] == "hi"
    with pytest.raises(TargetError, match="broke"):
        agentcore_stream('"half"', {"error": "broke", "error_type": "ValueError"})
    with pytest.raises(ShapeError):
        agentcore_stream({"init": True})


def test_session_names_of_agentcore_are_long_enough_and_differ() -> None:
    good = "a" * 33
    assert agentcore.session_header(good) == good
    names = ["s", "s ", "ä", "x/y", "x-y", "\r\nX: 1", "a" * 300, "a" * 301]
    made = [agentcore.session_header(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(33 <= len(name) <= 256 and name.isascii() and " " not in name and "\n" not in name for name in made)
    assert made == [agentcore.session_header(name) for name in names]


def model(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"author": "echo", "content": {"role": "model", "parts": list(parts)}, **more}


def call(name: str, id: str) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"a": 1}, "id": id}}


def result(id: str, response: Any) -> dict[str, Any]:
    return {
        "author": "echo",
        "content": {"role": "user", "parts": [{"functionResponse": {"id": id, "response": response}}]},
    }


def test_the_answer_of_adk_is_its_final_responses() -> None:
    tokens = {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "toolUsePromptTokenCount": 1}
    answer = adk.read(
        [
            model({"text": "Let me look."}, call("look", "1"), call("pay", "2"), usageMetadata=tokens),
            result("1", {"error": "gone"}),
            result("2", {"ok": True}),
            model({"text": "mumble", "thought": True}, {"text": "done"}, usageMetadata=tokens, modelVersion="g"),
        ]
    )
    assert answer.text == "done"
    assert answer.tool_calls == (ToolCall("look", {"a": 1}, "error"), ToolCall("pay", {"a": 1}))
    assert (answer.usage, answer.model) == (Usage(22, 10), "g")


def test_what_adk_does_not_tell() -> None:
    answer = adk.read([model({"text": "hi"})])
    assert (answer.tool_calls, answer.usage, answer.model) == ((), None, None)
    assert adk.read([model({"text": "wait"}, call("slow", "1"))]).text == "wait"
    assert adk.read([model(call("slow", "1"))]).text == ""
    with pytest.raises(ShapeError):
        adk.read([])
    with pytest.raises(TargetError, match="blocked"):
        adk.read([{"author": "echo", "errorCode": "SAFETY", "errorMessage": "blocked"}])


def test_pieces_of_adk_count_once() -> None:
    stream = adk.Stream()
    pieces = [model({"text": "do"}, partial=True), model({"text": "ne"}, partial=True)]
    assert [stream.add(json.dumps(p)) for p in pieces] == [True, True]
    assert stream.answer().text == "done"
    stream.add(json.dumps(model({"text": "done"})))
    assert stream.answer().text == "done"
    with pytest.raises(TargetError, match="model is down"):
        stream.add('{"error": "model is down"}')


def test_requests_of_adk() -> None:
    body = adk.request(Turn("see", (Attachment("a.png", "image/png", b"x"),)), app="a", user="u", session="s")
    assert body["newMessage"]["parts"][1] == {
        "inlineData": {"mimeType": "image/png", "data": "eA==", "displayName": "a.png"}
    }
    assert adk.session_path("a/b", "u?", "../s") == "/apps/a%2Fb/users/u%3F/sessions/..%2Fs"


def ai(text: Any, id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "ai", "content": text, "tool_calls": [], **({"id": id} if id else {}), **more}


def human(text: str, id: str | None = None) -> dict[str, Any]:
    return {"type": "human", "content": text, **({"id": id} if id else {})}


TOLD = {"usage_metadata": {"input_tokens": 7, "output_tokens": 2}, "response_metadata": {"model_name": "m"}}


def test_the_answer_of_a_graph_is_the_last_of_this_turn() -> None:
    asked = ai("look", "2", **TOLD, tool_calls=[{"name": "t", "args": {"a": 1}, "id": "c1"}],
               invalid_tool_calls=[{"name": "u", "args": "{", "id": "c2"}])  # fmt: skip
    failed = {"type": "tool", "content": "no", "tool_call_id": "c1", "status": "error", "id": "3"}
    state = {"messages": [human("hi", "1"), asked, failed, ai([{"type": "text", "text": "done"}], "4", **TOLD)]}
    reply = langgraph.read(state)
    assert reply.answer.text == "done"
    assert reply.answer.tool_calls == (ToolCall("t", {"a": 1}, "error"), ToolCall("u", {"": "{"}))
    assert (reply.answer.usage, reply.answer.model) == (Usage(14, 4), "m")
    more = {"messages": [*state["messages"], human("again", "5"), ai("new", "6")]}
    later = langgraph.read(more, seen=reply.seen).answer
    assert (later.text, later.tool_calls, later.usage) == ("new", (), None)
    # A graph that forgets old messages must not make the others look new.
    assert langgraph.read({"messages": more["messages"][3:]}, seen=reply.seen).answer.text == "new"


def test_turns_of_a_graph_without_ids() -> None:
    state = {
        "messages": [human("hi"), ai("old"), {"role": "user", "content": "x"}, {"role": "assistant", "content": "new"}]
    }
    answer = langgraph.read(state).answer
    assert (answer.text, answer.tool_calls) == ("new", None)
    with pytest.raises(ShapeError, match="no message of an AI"):
        langgraph.read({"messages": [human("hi"), ai("old"), human("silent")]})


def test_a_graph_that_asks_the_user_has_answered() -> None:
    reply = langgraph.read({"messages": [human("hi", "1")], "__interrupt__": [{"value": {"q": "which?"}}]})
    assert (reply.answer.text, reply.interrupted) == ('{"q": "which?"}', True)
    asked = langgraph.request(Turn("7"), assistant="a", user="u", resume=True)
    assert asked["command"] == {"resume": "7"}
    assert asked["config"] == {"configurable": {"user_id": "u"}}


def test_a_graph_that_failed() -> None:
    with pytest.raises(TargetError, match="down"):
        langgraph.read({"__error__": {"error": "ValueError", "message": "down"}})
    with pytest.raises(ShapeError, match="no list messages"):
        langgraph.read({"question": "x"})


def test_assistants_by_id_and_by_graph() -> None:
    listed = json.dumps([{"assistant_id": "u-1", "graph_id": "agent"}, {"assistant_id": [], "graph_id": None}])
    known, graphs = langgraph.assistants(listed.encode())
    assert {"u-1", "agent"} <= known
    assert graphs == ("agent",)
