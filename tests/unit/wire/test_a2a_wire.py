"""A2A: cards of both versions, messages, and what tasks come to."""

import json
from typing import Any

import pytest

from agentops.errors import TargetError
from agentops.model.case import Attachment, Turn
from agentops.wire import a2a, a2a_card
from agentops.wire.a2a_card import HTTP_JSON, JSONRPC, Interface
from agentops.wire.shape import ShapeError

ONE = Interface("http://x/rpc", JSONRPC, "1.0")
THREE = Interface("http://x/rpc", JSONRPC, "0.3")
REST = Interface("http://x/rpc", HTTP_JSON, "1.0", tenant="t 1")
OLD_REST = Interface("http://x/rpc", HTTP_JSON, "0.3")


def card(**data: Any) -> a2a_card.Card:
    return a2a_card.parse(json.dumps({"name": "n", **data}).encode())


def way(binding: str, version: str, url: str = "http://h:1/a") -> dict[str, str]:
    return {"url": url, "protocolBinding": binding, "protocolVersion": version}


def test_a_card_of_1_0() -> None:
    found = card(
        supportedInterfaces=[way("GRPC", "1.0"), way("JSONRPC", "0.3"), way("HTTP+JSON", "1.0", "http://h:1/r/")],
        capabilities={"streaming": True, "extensions": [{"uri": "urn:x", "required": True}, {"uri": "urn:y"}]},
        url="http://old", protocolVersion="0.3.0",
    )  # fmt: skip
    assert found.interface == Interface("http://h:1/r/", HTTP_JSON, "1.0")
    assert (found.interface.path, found.interface.host, found.streaming) == ("/r", "h:1", True)
    assert found.required_extensions == ("urn:x",)


def test_the_agents_own_order_counts() -> None:
    both = [way("HTTP+JSON", "1.0"), way("JSONRPC", "1.0")]
    assert card(supportedInterfaces=both).interface.binding == HTTP_JSON
    assert card(supportedInterfaces=both[::-1]).interface.binding == JSONRPC
    assert card(supportedInterfaces=[way("JSONRPC", "0.3")]).interface.version == "0.3"


def test_a_card_of_0_3_and_before() -> None:
    assert card(url="http://h", protocolVersion="0.3.0").interface == Interface("http://h", JSONRPC, "0.3")
    assert card(url="http://h").interface == Interface("http://h", JSONRPC, "0.3", sure=False)
    grpc = card(url="http://g", protocolVersion="0.3.0", preferredTransport="GRPC",
                additionalInterfaces=[{"url": "http://r", "transport": "HTTP+JSON"}])  # fmt: skip
    assert grpc.interface == Interface("http://r", HTTP_JSON, "0.3")
    assert grpc.streaming is False


def test_cards_that_cannot_be_used() -> None:
    with pytest.raises(TargetError, match="GRPC only"):
        card(supportedInterfaces=[way("GRPC", "1.0")])
    for data in ({}, {"supportedInterfaces": []}, {"url": 3}, {"url": "http://["}):
        with pytest.raises(ShapeError):
            card(**data)


def test_messages_of_every_form() -> None:
    turn = Turn("hi", (Attachment("a.bin", "application/x", b"\xff"),))
    made = {w: a2a.message(turn, id="m", interface=w, context="c", task="t") for w in (ONE, THREE, OLD_REST)}
    assert made[ONE] == {
        "messageId": "m", "role": "ROLE_USER", "contextId": "c", "taskId": "t",
        "parts": [{"text": "hi"}, {"raw": "/w==", "filename": "a.bin", "mediaType": "application/x"}],
    }  # fmt: skip
    assert made[THREE]["role"] == "user"
    assert made[THREE]["parts"][0] == {"kind": "text", "text": "hi"}
    assert made[THREE]["parts"][1]["file"] == {"name": "a.bin", "mimeType": "application/x", "bytes": "/w=="}
    assert "parts" not in made[OLD_REST]
    assert "contextId" not in a2a.message(Turn("hi"), id="m", interface=ONE)
    assert a2a.params({}, ONE) == {"message": {}}
    assert a2a.params({}, THREE)["configuration"] == {"blocking": True}


def test_paths_and_methods() -> None:
    assert a2a.rest_path("send", REST) == "/t%201/message:send"
    assert a2a.rest_path("get", OLD_REST, task="a/b") == "/v1/tasks/a%2Fb"
    assert a2a.envelope("stream", {}, id="1", interface=ONE)["method"] == "SendStreamingMessage"
    assert a2a.envelope("get", {}, id="1", interface=THREE)["method"] == "tasks/get"


def rpc(result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": "1", "result": result}).encode()


def said(text: str, role: str = "ROLE_AGENT") -> dict[str, Any]:
    return {"messageId": "1", "role": role, "parts": [{"text": text}]}


def task(state: str, status: str = "", *artifacts: list[Any], **more: Any) -> dict[str, Any]:
    told = {"state": state} | ({"message": said(status)} if status else {})
    return {
        "id": "t1",
        "contextId": "c1",
        "status": told,
        "artifacts": [{"parts": parts} for parts in artifacts],
        **more,
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (task("TASK_STATE_COMPLETED", "bye", [{"text": "a"}, {"text": "b"}], [{"text": "c"}]), "ab\n\nc"),
        (task("TASK_STATE_COMPLETED", "bye"), "bye"),
        (task("TASK_STATE_COMPLETED", history=[said("q", "ROLE_USER"), said("last")]), "last"),
        (task("TASK_STATE_COMPLETED"), ""),
        (task("TASK_STATE_COMPLETED", "", [{"data": {"n": 1}}]), '{"n": 1}'),
        (task("TASK_STATE_INPUT_REQUIRED", "which?", [{"text": "draft"}]), "which?"),
        (task("TASK_STATE_REJECTED", "I will not"), "I will not"),
        (task("TASK_STATE_REJECTED"), ""),
    ],
)
def test_what_a_task_of_1_0_comes_to(data: Any, text: str) -> None:
    assert a2a.parse(rpc({"task": data}), ONE).text() == text
    assert a2a.parse(json.dumps({"task": data}).encode(), REST).text() == text


def test_what_a_task_of_0_3_comes_to() -> None:
    part = {"kind": "text", "text": "hi"}
    message = {"kind": "message", "messageId": "1", "role": "agent", "parts": [part], "contextId": "c"}
    found = a2a.parse(rpc(message), THREE)
    assert (found.text(), found.context, found.waiting) == ("hi", "c", False)
    old = {"kind": "task", "id": "t", "contextId": "c", "status": {"state": "input-required", "message": message}}
    found = a2a.parse(rpc(old), THREE)
    assert (found.text(), found.id, found.waiting, found.open) == ("hi", "t", True, False)
    proto = {"task": {"id": "t", "status": {"state": "TASK_STATE_WORKING", "update": {"content": [{"text": "x"}]}}}}
    assert a2a.parse(json.dumps(proto).encode(), OLD_REST).open


@pytest.mark.parametrize("state", ["TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_AUTH_REQUIRED"])
def test_states_that_are_no_answer(state: str) -> None:
    with pytest.raises(TargetError, match="no key"):
        a2a.parse(rpc({"task": task(state, "no key", [{"text": "half"}])}), ONE).text()


def test_errors_and_other_shapes() -> None:
    def error(code: int) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "error": {"code": code, "message": "why"}}).encode()

    with pytest.raises(TargetError, match="-32603: why"):
        a2a.parse(error(-32603), ONE)
    for code in (-32601, -32009):
        with pytest.raises(a2a.WrongVersion):
            a2a.parse(error(code), ONE)
    for result in (
        {},
        {"task": {"id": "t"}},
        {"task": task("done")},
        {"task": {"status": {"state": "completed"}}},
        3,
        None,
    ):
        with pytest.raises(ShapeError):
            a2a.parse(rpc(result), ONE)


def test_artifacts_that_come_in_pieces() -> None:
    stream = a2a.Stream(ONE)

    def add(**event: Any) -> bool:
        return stream.add(json.dumps({"jsonrpc": "2.0", "result": event}))

    def piece(text: str, *, append: bool) -> dict[str, Any]:
        return {
            "taskId": "t1",
            "contextId": "c1",
            "artifact": {"artifactId": "a", "parts": [{"text": text}]},
            "append": append,
        }

    assert not add(task=task("TASK_STATE_SUBMITTED"))
    assert not add(
        statusUpdate={"taskId": "t1", "status": {"state": "TASK_STATE_WORKING", "message": said("thinking")}}
    )
    assert add(artifactUpdate=piece("Hel", append=False))
    assert add(artifactUpdate=piece("lo", append=True))
    assert not stream.done
    add(statusUpdate={"taskId": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}})
    assert stream.done
    assert (stream.task.text(), stream.task.context) == ("Hello", "c1")
    add(artifactUpdate=piece("anew", append=False))
    assert stream.task.artifacts["a"] == "anew"


def test_events_of_0_3() -> None:
    stream = a2a.Stream(THREE)
    for result in (
        {
            "kind": "artifact-update",
            "taskId": "t",
            "artifact": {"artifactId": "a", "parts": [{"kind": "text", "text": "x"}]},
        },
        {"kind": "status-update", "taskId": "t", "status": {"state": "completed"}, "final": True},
    ):
        stream.add(rpc(result).decode())
    assert (stream.task.text(), stream.done) == ("x", True)


@pytest.mark.parametrize(
    "url",
    ["@other/x", "x:@other/x", "http:@other/x", "localhost:8000", "localhost:8000/rpc", "rpc", ".other", "0/x", "\\x",
     "http://h/\x1b]0;t\x07a", "http://h/a\\b", "http://h/\x00", "http://h/\x7f", "http://h/\x85"],
)  # fmt: skip
def test_a_path_that_no_host_can_stand_before(url: str) -> None:
    with pytest.raises(ShapeError, match="must begin with /"):
        _ = Interface(url, JSONRPC, "1.0").path


@pytest.mark.parametrize(
    ("url", "path"), [("", ""), ("http://h", ""), ("http://h/", ""), ("/rpc/", "/rpc"), ("//other/x", "/x"),
                      ("http://h/a b/ä?q#f", "/a b/ä"), ("http://u:p@h:1//other/x", "//other/x")]
)  # fmt: skip
def test_the_path_of_a_cards_url(url: str, path: str) -> None:
    assert Interface(url, JSONRPC, "1.0").path == path
