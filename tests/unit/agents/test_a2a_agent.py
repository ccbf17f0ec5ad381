"""A2A by fakes: the card, both versions, both bindings, tasks that take their time, and whom requests go to."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from agentops.errors import TargetError
from agentops.model.settings import Agent

A2A = Agent("a", protocol="a2a")
STREAMED = Agent("a", protocol="a2a", stream=True)
HOME = "http://public.example.com/rpc"


def card(binding: str = "JSONRPC", version: str = "1.0", **more: Any) -> dict[str, Any]:
    way = {"url": HOME, "protocolBinding": binding, "protocolVersion": version}
    return {"name": "shop", "supportedInterfaces": [way], "capabilities": {"streaming": True}, **more}


OLD = {"name": "shop", "url": HOME, "protocolVersion": "0.3.0", "capabilities": {"streaming": True}}


def agent_server(
    serve: Any, shown: Any, answer: Callable[[Any], None], at: str = "/.well-known/agent-card.json"
) -> Any:
    def behave(request: Any) -> None:
        if request.path == at:
            request.reply(shown)
        elif request.command == "GET" and "tasks" not in request.path:
            request.reply({}, 404)
        else:
            answer(request)

    return serve(behave)


def rpc(request: Any, result: Any) -> None:
    request.reply({"jsonrpc": "2.0", "id": request.data["id"], "result": result})


def task(state: str, text: str = "", id: str = "t1") -> dict[str, Any]:
    message = {"messageId": "1", "role": "ROLE_AGENT", "parts": [{"text": text}]}
    return {"task": {"id": id, "contextId": "c1", "status": {"state": f"TASK_STATE_{state}", "message": message}}}


def posts(server: Any) -> list[Any]:
    return [request for request in server.seen if request.command == "POST"]


def test_version_1_0_over_json_rpc(serve: Any, talk: Any) -> None:
    replies = iter([task("INPUT_REQUIRED", "which?"), task("COMPLETED", "done"), task("COMPLETED", "more", "t2")])
    server = agent_server(serve, card(), lambda r: rpc(r, next(replies)))
    answers = talk(A2A, server.url, "pay", "order 7", "and?", token="a-long-token")
    assert [a.text for a in answers] == ["which?", "done", "more"]
    assert [a.tool_calls for a in answers] == [None] * 3
    sent = posts(server)
    assert {(r.path, r.data["method"], r.headers["A2A-Version"]) for r in sent} == {("/rpc", "SendMessage", "1.0")}
    messages = [r.data["params"]["message"] for r in sent]
    assert [(m.get("contextId"), m.get("taskId")) for m in messages] == [(None, None), ("c1", "t1"), ("c1", None)]
    assert len({m["messageId"] for m in messages}) == 3
    assert len(server.seen) == 4, "the card is read once"


def test_version_0_3_where_the_card_says_so(serve: Any, talk: Any) -> None:
    message = {"kind": "message", "messageId": "1", "role": "agent", "parts": [{"kind": "text", "text": "hi"}]}
    server = agent_server(serve, OLD, lambda r: rpc(r, message))
    assert talk(A2A, server.url, "hi")[0].text == "hi"
    (sent,) = posts(server)
    assert sent.data["method"] == "message/send"
    assert sent.headers["A2A-Version"] is None


def test_the_older_place_of_the_card(serve: Any, talk: Any) -> None:
    server = agent_server(
        serve, OLD, lambda r: rpc(r, {"task": task("COMPLETED", "x")["task"]}), "/.well-known/agent.json"
    )
    assert talk(A2A, server.url, "hi")[0].text == "x"


@pytest.mark.parametrize("code", [-32601, -32009])
def test_a_card_that_leaves_the_version_open_is_tried_both_ways(serve: Any, talk: Any, refused: Any, code: int) -> None:
    def only_1_0(request: Any) -> None:
        if request.data["method"] == "SendMessage":
            rpc(request, task("COMPLETED", "x"))
        else:
            request.reply({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "no such method"}})

    open_card = {"name": "shop", "url": HOME}
    server = agent_server(serve, open_card, only_1_0)
    assert [a.text for a in talk(A2A, server.url, "hi", "again")] == ["x", "x"]
    assert [r.data["method"] for r in posts(server)] == ["message/send", "SendMessage", "SendMessage"]
    sure = agent_server(serve, OLD, only_1_0)
    assert "0.3" in refused(A2A, sure.url).message
    assert len(posts(sure)) == 1


def test_http_json_and_its_tenant(serve: Any, talk: Any) -> None:
    def answer(request: Any) -> None:
        request.reply(task("COMPLETED", "done")["task"] if request.command == "GET" else task("WORKING"))

    shown = card("HTTP+JSON")
    shown["supportedInterfaces"][0]["tenant"] = "eu"
    server = agent_server(serve, shown, answer)
    assert talk(A2A, server.url, "hi")[0].text == "done"
    assert [r.path for r in server.seen[1:]] == ["/rpc/eu/message:send", "/rpc/eu/tasks/t1"]
    assert "method" not in server.seen[1].data


def test_a_task_is_looked_at_until_it_ends(serve: Any, talk: Any, refused: Any) -> None:
    def answer(request: Any) -> None:
        asked = sum(r.data is not None and r.data["method"] == "GetTask" for r in request.server.seen)
        rpc(
            request,
            task("COMPLETED", "late")["task"]
            if asked > 2
            else task("WORKING")
            if not asked
            else task("WORKING")["task"],
        )

    server = agent_server(serve, card(), answer)
    (found,) = talk(A2A, server.url, "hi")
    assert found.text == "late"
    assert found.latency_s > 0.6
    assert posts(server)[-1].data["params"] == {"id": "t1"}
    never = agent_server(
        serve,
        card(),
        lambda r: rpc(r, task("WORKING") if r.data["method"] == "SendMessage" else task("WORKING")["task"]),
    )
    assert "no answer within 0.5 s" in refused(A2A, never.url, timeout_s=0.5).message


def test_states_that_measure_nothing(serve: Any, talk: Any, refused: Any) -> None:
    for state in ("FAILED", "CANCELED", "AUTH_REQUIRED"):
        error = refused(A2A, agent_server(serve, card(), lambda r, s=state: rpc(r, task(s, "no key"))).url)
        assert "no key" in error.message
        assert not error.retryable
    rejected = agent_server(serve, card(), lambda r: rpc(r, task("REJECTED", "I will not")))
    assert talk(A2A, rejected.url, "hi")[0].text == "I will not"


def update(text: str, *, append: bool) -> dict[str, Any]:
    artifact = {"artifactId": "a", "parts": [{"text": text}]}
    return {"artifactUpdate": {"taskId": "t1", "contextId": "c1", "artifact": artifact, "append": append}}


def test_a_stream(serve: Any, talk: Any, sse: Any) -> None:
    status = {"statusUpdate": {"taskId": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}}}

    def answer(request: Any) -> None:
        events = [task("SUBMITTED"), update("Hé", append=False), update("llo", append=True), status]
        raw = sse(*({"jsonrpc": "2.0", "id": 1, "result": e} for e in events))
        cut = raw.index("é".encode()) + 1
        request.stream([raw[:cut], raw[cut:]], pause_s=0.05, hold_s=0.5)

    server = agent_server(serve, card(), answer)
    (found,) = talk(STREAMED, server.url, "hi")
    assert found.text == "Héllo"
    assert found.first_token_s <= found.latency_s < 0.5
    assert posts(server)[0].data["method"] == "SendStreamingMessage"


def test_a_stream_that_ends_early_is_asked_for_the_rest(serve: Any, talk: Any, sse: Any) -> None:
    def answer(request: Any) -> None:
        if request.data["method"] == "GetTask":
            rpc(request, task("COMPLETED", "whole")["task"])
        else:
            request.stream([sse({"jsonrpc": "2.0", "id": 1, "result": task("WORKING")})])

    assert talk(STREAMED, agent_server(serve, card(), answer).url, "hi")[0].text == "whole"


def test_no_stream_where_the_card_declares_none(serve: Any, talk: Any, preflight: Any) -> None:
    server = agent_server(serve, card(capabilities={}), lambda r: rpc(r, task("COMPLETED", "x")))
    assert talk(STREAMED, server.url, "hi")[0].text == "x"
    assert posts(server)[0].data["method"] == "SendMessage"
    assert any("no streaming" in line for line in preflight(STREAMED, server.url))


def test_requests_never_leave_the_host_under_test(serve: Any, talk: Any, preflight: Any) -> None:
    thief = serve(lambda r: r.reply({}))
    shown = card()
    shown["supportedInterfaces"][0]["url"] = f"{thief.url}/rpc"
    server = agent_server(serve, shown, lambda r: rpc(r, task("COMPLETED", "x")))
    talk(A2A, server.url, "hi", token="a-long-token")
    assert not thief.seen
    assert posts(server)[0].path == "/rpc"
    said = preflight(A2A, server.url)
    assert any(thief.url.removeprefix("http://") in line for line in said)


@pytest.mark.parametrize("url", ["@{}/x", "x:@{}/x", "http:@{}/x", "http://{}/\x1b]0;t\x07a", "http://h/\\@{}/x"])
def test_a_cards_url_that_would_name_another_host_is_refused(
    serve: Any, talk: Any, refused: Any, preflight: Any, url: str
) -> None:
    thief = serve(lambda r: r.reply({}))
    shown = card()
    shown["supportedInterfaces"][0]["url"] = url.format(thief.url.removeprefix("http://"))
    server = agent_server(serve, shown, lambda r: rpc(r, task("COMPLETED", "x")))
    error = refused(A2A, server.url, token="a-long-token")
    assert "the url of the agent card is none" in error.message
    assert "agent.path" in error.hint
    with pytest.raises(TargetError, match="the url of the agent card"):
        preflight(A2A, server.url)
    assert not posts(server)
    assert not thief.seen
    # The way out that the hint names.
    assert talk(Agent("a", protocol="a2a", path="/rpc"), server.url, "hi")[0].text == "x"
    assert not thief.seen


@pytest.mark.parametrize("path", ["@127.0.0.1:9/x", "0/x", ".other/x", "//other/x"])
def test_a_cards_path_is_looked_at_once_more_behind_the_host(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    from agentops.agents.a2a import A2AAgent
    from agentops.agents.access import Access
    from agentops.wire.a2a_card import Interface

    monkeypatch.setattr(Interface, "path", path)
    agent, way = A2AAgent("http://127.0.0.1:80", Access(1)), Interface("http://h/x", "JSONRPC", "1.0")
    if path.startswith("/"):
        assert agent.where(way) == "http://127.0.0.1:80//other/x"
    else:
        with pytest.raises(TargetError, match="leads away"):
            agent.where(way)


def test_what_a_card_says_of_itself_is_shown_safely(serve: Any, preflight: Any) -> None:
    shown = card(capabilities={"extensions": [{"uri": "\x1b[31mx\n::error::boo", "required": True}]})
    shown["supportedInterfaces"][0]["url"] = "http://evil\x1b7host/rpc"
    said = preflight(A2A, agent_server(serve, shown, lambda r: None).url)
    assert any("names evil" in line for line in said)
    assert not any(c in line for line in said for c in "\x1b\n")


def test_a_path_overrules_the_cards(serve: Any, talk: Any) -> None:
    server = agent_server(
        serve, card(), lambda r: rpc(r, task("COMPLETED", "x")), "/agents/shop/.well-known/agent-card.json"
    )
    talk(Agent("a", protocol="a2a", path="/agents/shop"), server.url, "hi")
    assert posts(server)[0].path == "/agents/shop"
    talk(A2A, f"{server.url}/agents/shop", "hi")
    assert posts(server)[1].path == "/rpc"


def test_the_preflight_without_a_card(serve: Any, preflight: Any) -> None:
    with pytest.raises(TargetError, match="no agent card at"):
        preflight(A2A, serve(lambda r: r.reply({}, 404)).url)
    with pytest.raises(TargetError, match="titled 'Shop'"):
        preflight(A2A, serve(lambda r: r.reply(b"<title>Shop</title>")).url)
    with pytest.raises(TargetError, match="GRPC only"):
        preflight(A2A, agent_server(serve, card("GRPC"), lambda r: None).url)
    said = preflight(A2A, agent_server(serve, card(), lambda r: None).url)
    assert said[0].startswith("A2A 1.0 over JSONRPC, agent 'shop', asked at http://127.0.0.1")


@pytest.mark.parametrize(
    "result", [{}, None, [], {"task": {"id": "t"}}, {"message": "hi"}, {"task": {"id": "../x", "status": 3}}]
)
def test_answers_of_other_shapes(serve: Any, refused: Any, result: Any) -> None:
    url = agent_server(serve, card(), lambda r: r.reply(json.dumps({"result": result}).encode())).url
    assert "no A2A task or message" in refused(A2A, url).message


def test_many_conversations_read_the_card_once(serve: Any) -> None:
    import asyncio

    from agentops.agents import open_agent
    from agentops.model.case import Turn

    def slow(request: Any) -> None:
        time.sleep(0.05)
        rpc(request, task("COMPLETED", "x"))

    server = agent_server(serve, card(), slow)

    async def all_at_once() -> None:
        async with open_agent(A2A, server.url, connections=8) as agent:
            await asyncio.gather(*(agent.dialogue(str(i)).say(Turn("hi"), timeout_s=5) for i in range(8)))

    asyncio.run(all_at_once())
    assert len(server.seen) == 9
