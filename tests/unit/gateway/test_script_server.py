"""The scripted model on the wire: shape, tokens, errors, and an end without traces."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentops.errors import MeasurementError
from agentops.gateway import script, script_file
from agentops.gateway.server import ScriptServer

TOKEN = "tok-1234567890"
RULES = """\
version: 1
name: m
rules:
  - when: {user: 'order (?P<o>\\S+)'}
    reply: {tools: [{name: lookup, arguments: {id: '{o}'}}]}
  - when: {tool: lookup, result: sent}
    reply: {text: 'on its way'}
  - when: {user: hello}
    reply: {text: 'Hello, how are you?'}
"""


@pytest.fixture
def model(tmp_path: Path) -> script.Script:
    path = tmp_path / "model.yaml"
    path.write_text(RULES, encoding="utf-8")
    return script_file.load(path)


@pytest.fixture
def server(model: script.Script) -> Iterator[ScriptServer]:
    with ScriptServer(model, token=TOKEN) as running:
        yield running


def send(server: ScriptServer, path: str = "/v1/chat/completions", **kw: Any) -> tuple[int, Any]:
    body = kw.get("raw", json.dumps(kw.get("body", {"messages": [{"role": "user", "content": "hello"}]})))
    headers = kw.get("headers", {"Authorization": f"Bearer {TOKEN}"})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(kw.get("method", "POST"), path, body, headers)
        response = connection.getresponse()
        content = response.read().decode()
        kind = response.headers["Content-Type"]
        return response.status, json.loads(content) if kind.startswith("application/json") else content
    finally:
        connection.close()


def test_a_text_is_answered_in_the_shape_of_openai(server: ScriptServer) -> None:
    status, data = send(server)
    assert status == 200
    assert data["object"] == "chat.completion"
    assert data["model"] == "scripted:m"
    assert data["id"].startswith("chatcmpl-")
    choice = data["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "Hello, how are you?"}
    assert choice["finish_reason"] == "stop"
    assert data["usage"] == {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}
    assert server.calls == 1
    assert server.base_url == f"http://127.0.0.1:{server.port}/v1"


def test_a_tool_call_and_its_result(server: ScriptServer) -> None:
    asked = {"role": "user", "content": "order A-1"}
    _, data = send(server, body={"messages": [asked]})
    message = data["choices"][0]["message"]
    assert data["choices"][0]["finish_reason"] == "tool_calls"
    (call,) = message["tool_calls"]
    assert call["function"] == {"name": "lookup", "arguments": '{"id": "A-1"}'}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sent"}
    _, data = send(server, body={"messages": [asked, message, result]})
    assert data["choices"][0]["message"]["content"] == "on its way"


def test_the_token_may_stand_in_the_path(server: ScriptServer) -> None:
    assert send(server, f"/t/{TOKEN}/v1/chat/completions", headers={})[0] == 200
    assert send(server, "/t/wrong/v1/chat/completions")[0] == 401


@pytest.mark.parametrize("shown", ["", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe4"])
def test_without_the_token_nothing_is_served(server: ScriptServer, shown: str) -> None:
    for path in ("/v1/chat/completions", "/v1/models", "/", "/t//v1/chat/completions"):
        status, data = send(server, path, headers={"Authorization": shown})
        assert (status, data["error"]["code"]) == (401, "invalid_api_key")
    assert server.calls == 0


def test_a_miss_is_a_400_that_is_remembered(server: ScriptServer) -> None:
    status, data = send(server, body={"messages": [{"role": "user", "content": "what\n\x1b[1mever"}]})
    assert status == 400
    assert data["error"]["code"] == "script_miss"
    assert data["error"]["type"] == "invalid_request_error"
    (line,) = server.misses
    assert "what" in line
    assert line.isprintable()
    assert server.calls == 1


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("{", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("[]", "invalid_request"),
        ("{}", "invalid_request"),
        ('{"messages": []}', "invalid_request"),
        ('{"messages": ["x"]}', "invalid_request"),
        ('{"messages": [{"role": "user", "content": "hello"}], "n": 2}', "invalid_request"),
        ('{"messages": [{"role": "user", "content": "hello"}], "stream_options": 1}', "invalid_request"),
    ],
)
def test_a_bad_body_is_a_400(server: ScriptServer, raw: str, code: str) -> None:
    status, data = send(server, raw=raw)
    assert (status, data["error"]["code"]) == (400, code)


def test_a_huge_body_is_refused(server: ScriptServer) -> None:
    status, data = send(server, raw="x" * (8 * 1024 * 1024 + 1))
    assert (status, data["error"]["code"]) == (413, "body_too_large")


def test_other_paths_and_methods_are_no_crash(server: ScriptServer) -> None:
    assert send(server, "/v1/embeddings")[0] == 404
    assert send(server, method="GET")[0] == 405
    status, data = send(server, "/v1/models", method="GET")
    assert (status, data["data"][0]["id"]) == (200, "scripted:m")


def test_a_stream_says_the_same(server: ScriptServer) -> None:
    body = {
        "messages": [{"role": "user", "content": "order A-1"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    status, content = send(server, body=body)
    assert status == 200
    lines = [line.removeprefix("data: ") for line in content.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    first, end, usage = (json.loads(line) for line in lines[:-1])
    call = first["choices"][0]["delta"]["tool_calls"][0]
    assert (call["index"], call["function"]["name"]) == (0, "lookup")
    assert end["choices"][0]["finish_reason"] == "tool_calls"
    assert usage["usage"]["total_tokens"] > 0


def test_answers_do_not_depend_on_the_order_of_other_cases(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    texts = ", ".join(f"{{text: t{i}}}" for i in range(50))
    path.write_text(f"version: 1\nname: m\nrules: [{{reply: [{texts}]}}]\n", encoding="utf-8")
    model = script_file.load(path)

    def ask(server: ScriptServer, question: str) -> str:
        text = send(server, body={"messages": [{"role": "user", "content": question}]})[1]
        return str(text["choices"][0]["message"]["content"])

    with ScriptServer(model, token=TOKEN) as server:
        alone = [ask(server, "a") for _ in range(5)]
    with ScriptServer(model, token=TOKEN) as server:
        mixed = [(ask(server, "b"), ask(server, "a"))[1] for _ in range(5)]
    assert alone == mixed
    assert len(set(alone)) > 1


def test_many_at_once(server: ScriptServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert [s for s, _ in pool.map(lambda _: send(server), range(40))] == [200] * 40
    assert server.calls == 40


def test_the_end_frees_port_and_thread_even_while_a_reply_waits(tmp_path: Path) -> None:
    path = tmp_path / "slow.yaml"
    path.write_text("version: 1\nname: m\nlatency_s: [60, 60]\nrules: [{reply: {text: x}}]\n", encoding="utf-8")
    body = json.dumps({"messages": [{"role": "user", "content": "x"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    started = time.monotonic()
    with socket.socket() as client, ScriptServer(script_file.load(path), token=TOKEN) as server:
        port = server.port
        client.connect(("127.0.0.1", port))
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        while not server.calls:
            time.sleep(0.01)
    assert time.monotonic() - started < 8
    assert not [t for t in threading.enumerate() if t.name == "script-server"]
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0


def test_an_address_that_is_not_ours_is_an_error(model: script.Script) -> None:
    with pytest.raises(MeasurementError, match="cannot listen"), ScriptServer(model, host="203.0.113.7", token=TOKEN):
        pass


def test_a_wildcard_is_reached_by_loopback(model: script.Script) -> None:
    with ScriptServer(model, host="0.0.0.0", token=TOKEN) as server:
        assert server.base_url.startswith("http://127.0.0.1:")
        assert send(server)[0] == 200


def test_an_empty_token_is_refused(model: script.Script) -> None:
    with pytest.raises(ValueError, match="token"):
        ScriptServer(model, token="")
