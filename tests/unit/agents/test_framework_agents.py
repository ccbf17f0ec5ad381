"""AgentCore, ADK and LangGraph, by fakes that answer as their servers do."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from agentops.errors import TargetError
from agentops.model.case import Attachment, ToolCall, Turn, Usage
from agentops.model.settings import Agent

CORE = Agent("a", protocol="agentcore")
ADK = Agent("a", protocol="adk", app="shop")
GRAPH = Agent("a", protocol="langgraph", app="agent")


def test_agentcore_keeps_the_session_by_its_header(serve: Any, talk: Any) -> None:
    server = serve(lambda r: r.reply({"result": f"heard {r.data['prompt']}"}))
    file = Attachment("a.txt", "text/plain", b"x")
    answers = talk(CORE, server.url, "one", Turn("two", (file,)))
    assert [a.text for a in answers] == ["heard one", "heard two"]
    names = {r.headers["X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"] for r in server.seen}
    assert len(names) == 1
    assert len(names.pop()) >= 33
    assert {r.path for r in server.seen} == {"/invocations"}
    assert server.seen[1].data["files"] == [{"name": "a.txt", "media_type": "text/plain", "base64": "eA=="}]


def test_agentcore_may_stream_unasked(serve: Any, talk: Any, sse: Any) -> None:
    server = serve(lambda r: r.stream([sse('"Hé"'), sse('"llo"')], pause_s=0.05))
    (answer,) = talk(CORE, server.url, "hi")
    assert answer.text == "Héllo"
    assert answer.first_token_s < answer.latency_s


def test_agentcores_preflight(serve: Any, preflight: Any) -> None:
    assert preflight(CORE, serve(lambda r: r.reply({"status": "HealthyBusy"})).url) == ("GET /ping: HealthyBusy",)
    with pytest.raises(TargetError, match="HTTP 404"):
        preflight(CORE, serve(lambda r: r.reply({}, 404)).url)
    with pytest.raises(TargetError, match="titled 'Shop'"):
        preflight(CORE, serve(lambda r: r.reply(b"<html><title>Shop</title>")).url)


def adk_server(serve: Any, run: Callable[[Any], None], *, named: int = 200) -> Any:
    def behave(request: Any) -> None:
        if request.path == "/list-apps":
            request.reply(["shop", "other"])
        elif request.path.startswith("/apps/"):
            parts = request.path.split("/")
            status = named if len(parts) == 7 else 200
            request.reply({"id": parts[6] if len(parts) == 7 else "given"}, status)
        else:
            run(request)

    return serve(behave)


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"author": "shop", "content": {"role": "model", "parts": [{"text": text}]}, **more}


def test_adk_creates_one_session_for_a_conversation(serve: Any, talk: Any) -> None:
    call = {"functionCall": {"name": "t", "args": {}, "id": "1"}}
    told = {"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1}, "modelVersion": "g"}
    events = [{"author": "shop", "content": {"parts": [call]}}, said("done", **told)]
    server = adk_server(serve, lambda r: (time.sleep(0.05), r.reply(events)))
    answers = talk(ADK, server.url, "one", "two")
    assert [r.path for r in server.seen] == ["/apps/shop/users/session-1/sessions/session-1", "/run", "/run"]
    assert server.seen[2].data == {
        "appName": "shop", "userId": "session-1", "sessionId": "session-1", "streaming": False,
        "newMessage": {"role": "user", "parts": [{"text": "two"}]},
    }  # fmt: skip
    assert (answers[0].text, answers[0].tool_calls) == ("done", (ToolCall("t", {}),))
    assert (answers[0].usage, answers[0].model) == (Usage(4, 1), "g")


def test_adk_may_name_the_session_itself(serve: Any, talk: Any) -> None:
    server = adk_server(serve, lambda r: r.reply([said("x")]), named=404)
    talk(ADK, server.url, "one")
    assert server.seen[-1].data["sessionId"] == "given"


def test_a_session_of_adk_that_is_taken_is_no_new_conversation(serve: Any, refused: Any) -> None:
    error = refused(ADK, adk_server(serve, lambda r: r.reply([said("x")]), named=409).url)
    assert "409" in error.message
    assert "earlier" in error.hint


def test_adk_in_pieces(serve: Any, talk: Any, refused: Any, sse: Any) -> None:
    whole = [said("do", partial=True), said("ne", partial=True), said("done")]
    agent = Agent("a", protocol="adk", app="shop", stream=True)
    server = adk_server(serve, lambda r: r.stream([sse(e) for e in whole], pause_s=0.03))
    (answer,) = talk(agent, server.url, "hi")
    assert answer.text == "done"
    assert answer.first_token_s < answer.latency_s
    assert (server.seen[-1].path, server.seen[-1].data["streaming"]) == ("/run_sse", True)
    broken = adk_server(serve, lambda r: r.stream([sse({"error": "model is down"})]))
    assert "model is down" in refused(agent, broken.url).message


def test_adks_preflight_names_the_apps(serve: Any, preflight: Any) -> None:
    server = adk_server(serve, lambda r: r.reply([]))
    assert preflight(ADK, server.url) == ("ADK app shop, one of 2",)
    with pytest.raises(TargetError, match="no app 'a'; it has: shop, other") as caught:
        preflight(Agent("a", protocol="adk"), server.url)
    assert caught.value.hint == "write agent.app: shop"
    with pytest.raises(TargetError, match="lists no apps"):
        preflight(ADK, serve(lambda r: r.reply({"x": 1})).url)


def graph_server(serve: Any, run: Callable[[Any], None]) -> Any:
    def behave(request: Any) -> None:
        if request.path == "/threads":
            request.reply({"thread_id": "t-1"})
        elif request.path == "/assistants/search":
            request.reply([{"assistant_id": "0000", "graph_id": "agent", "name": "agent"}])
        else:
            run(request)

    return serve(behave)


def test_langgraph_keeps_the_thread_and_answers_of_this_turn_count(serve: Any, talk: Any) -> None:
    thread: list[dict[str, Any]] = []

    def run(request: Any) -> None:
        thread.append({**request.data["input"]["messages"][0], "type": "human", "id": f"h{len(thread)}"})
        call = {"name": f"t{len(thread)}", "args": {}, "id": "1"}
        thread.append({"type": "ai", "content": f"a{len(thread)}", "id": f"a{len(thread)}", "tool_calls": [call]})
        request.reply({"messages": thread})

    server = graph_server(serve, run)
    answers = talk(GRAPH, server.url, "one", "two")
    assert [a.text for a in answers] == ["a1", "a3"]
    assert answers[1].tool_calls == (ToolCall("t3", {}),)
    assert [r.path for r in server.seen] == ["/threads", "/threads/t-1/runs/wait", "/threads/t-1/runs/wait"]
    assert server.seen[1].data["assistant_id"] == "agent"


def test_langgraph_is_resumed_where_it_asks(serve: Any, talk: Any) -> None:
    def run(request: Any) -> None:
        if "command" in request.data:
            request.reply({"messages": [{"type": "ai", "content": request.data["command"]["resume"], "id": "2"}]})
        else:
            request.reply({"messages": [], "__interrupt__": [{"value": "which?"}]})

    answers = talk(GRAPH, graph_server(serve, run).url, "pay", "that one")
    assert [a.text for a in answers] == ["which?", "that one"]


def test_langgraph_in_pieces(serve: Any, talk: Any, refused: Any, sse: Any) -> None:
    chunk = {"type": "AIMessageChunk", "content": "do"}
    state = {"messages": [{"type": "human", "content": "hi"}, {"type": "ai", "content": "done"}]}
    agent = Agent("a", protocol="langgraph", app="agent", stream=True)
    raw = [sse(("metadata", {"run_id": "1"})), sse(("messages", [chunk, {}])), sse(("values", state))]
    server = graph_server(serve, lambda r: r.stream([*raw, sse(("end", "null"))], pause_s=0.03, hold_s=0.5))
    (answer,) = talk(agent, server.url, "hi")
    assert answer.text == "done"
    assert answer.first_token_s < answer.latency_s < 0.5
    assert server.seen[-1].data["stream_mode"] == ["values", "messages-tuple"]
    failing = graph_server(serve, lambda r: r.stream([sse(("error", {"error": "ValueError", "message": "down"}))]))
    assert "the run failed: down" in refused(agent, failing.url).message


def test_langgraphs_preflight_names_the_graphs(serve: Any, preflight: Any) -> None:
    server = graph_server(serve, lambda r: r.reply({}))
    assert preflight(GRAPH, server.url) == ("LangGraph assistant agent",)
    with pytest.raises(TargetError, match="no assistant 'a'; its graphs: agent") as caught:
        preflight(Agent("a", protocol="langgraph"), server.url)
    assert caught.value.hint == "write agent.app: agent"


@pytest.mark.parametrize("body", [[{"id": 3}], {"thread_id": ""}, {"thread_id": ["x"]}])
def test_names_that_are_none(serve: Any, refused: Any, body: Any) -> None:
    url = serve(lambda r: r.reply(json.dumps(body).encode())).url
    assert "no state of a LangGraph run" in refused(GRAPH, url).message
    assert "no list of ADK events" in refused(ADK, url).message
