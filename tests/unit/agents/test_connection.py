"""What every adapter over HTTP does, whatever the protocol: limits, times, clear errors, no secret in any of them."""

import asyncio
import socket
import struct
import time
from typing import Any

import pytest

from agentops.agents import PROTOCOLS, endpoint, open_agent
from agentops.agents.address import is_within
from agentops.errors import ConfigError, TargetError
from agentops.model.case import Turn
from agentops.model.settings import Agent, Http

TOKEN = "sk-very-secret-token"
CHAT = Agent("a")
OVER_HTTP = [
    Agent("a", protocol="openai-chat"),
    Agent("a", protocol="openai-chat", stream=True),
    Agent("a", protocol="openai-responses"),
    Agent("a", protocol="openai-responses", stream=True),
    Agent("a", protocol="agentcore"),
    Agent("a", protocol="adk"),
    Agent("a", protocol="adk", stream=True),
    Agent("a", protocol="langgraph"),
    Agent("a", protocol="langgraph", stream=True),
    Agent("a", protocol="a2a"),
    Agent("a", protocol="http", http=Http(body={"q": "{{ text }}"}, answer="text")),
    Agent("a", protocol="http", http=Http(body={"q": "{{ text }}"}, answer="text", stream=True)),
]
IDS = [f"{agent.protocol}{'-stream' if agent.stream else ''}-{i}" for i, agent in enumerate(OVER_HTTP)]


def test_how_a_base_url_and_a_path_are_joined() -> None:
    assert endpoint("http://h:1", "/v1/x") == "http://h:1/v1/x"
    assert endpoint("http://h:1/", "/v1/x") == "http://h:1/v1/x"
    assert endpoint("http://h/v1", "/v1/x") == "http://h/v1/x"
    assert endpoint("http://h/v1/x", "/v1/x") == "http://h/v1/x"
    assert endpoint("http://h/v10", "/v1/x") == "http://h/v10/v1/x"
    assert endpoint("http://h/base", "/v1/x") == "http://h/base/v1/x"


def test_every_protocol_of_the_schema_is_in_the_table() -> None:
    from agentops.config import document

    schema = document.load_schema("config.schema.json")
    assert set(schema["properties"]["agent"]["properties"]["protocol"]["enum"]) == set(PROTOCOLS)
    with pytest.raises(ConfigError, match="unknown"):
        open_agent(Agent("a", protocol="soap"), "http://h", connections=1)
    with pytest.raises(ConfigError, match="line break"):
        open_agent(Agent("a", headers={"X": "a\r\nY: b"}), "http://h", connections=1)


@pytest.mark.parametrize("agent", OVER_HTTP, ids=IDS)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 429, 500, 503])
def test_a_token_goes_along_and_never_comes_back(serve: Any, refused: Any, agent: Agent, status: int) -> None:
    def echo(request: Any) -> None:
        heard = str(request.headers)
        request.reply(f"<html>{heard}".encode() * 3, status, Location=f"http://other/{TOKEN}")

    server = serve(echo)
    from dataclasses import replace

    error = refused(replace(agent, headers={"X-Key": "another-secret-key"}), server.url, token=TOKEN)
    assert server.seen
    for request in server.seen:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.headers["X-Key"] == "another-secret-key"
    told = error.message + error.hint
    assert "secret" not in told
    assert TOKEN[:9] not in told
    assert "\n" not in told
    assert error.retryable is (status in (429, 503))
    assert error.throttled is (status in (429, 503))


@pytest.mark.parametrize("agent", OVER_HTTP, ids=IDS)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"<html><title>Welcome</title>", b"\xff", b"[" * 99_999])
def test_what_is_no_answer_says_what_came_and_what_to_check(
    serve: Any, refused: Any, agent: Agent, body: bytes
) -> None:
    error = refused(agent, serve(lambda r: r.reply(body)).url)
    assert "agent.protocol" in error.hint
    assert not error.retryable
    assert len(error.message) <= 600


def test_a_redirect_is_not_followed(serve: Any, refused: Any) -> None:
    other = serve(lambda r: r.reply({}))
    error = refused(CHAT, serve(lambda r: r.reply({}, 307, Location=other.url)).url)
    assert "redirect" in error.message
    assert other.url in error.message
    assert not other.seen


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("nonsense", None), ("nan", None), ("-3", 0.0)])
def test_retry_after(serve: Any, refused: Any, header: str, seconds: float | None) -> None:
    error = refused(CHAT, serve(lambda r: r.reply({}, 429, Retry_After=header)).url)
    assert (error.retryable, error.retry_after_s) == (True, seconds)


def test_nobody_there_may_be_tried_again_and_half_an_answer_may_not(serve: Any, refused: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert refused(CHAT, url).retryable

    def reset(request: Any) -> None:
        request.close_connection = True
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()

    assert refused(CHAT, serve(reset).url).retryable

    def half(request: Any) -> None:
        request.close_connection = True
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"half")

    error = refused(CHAT, serve(half).url)
    assert "broke off after 4 bytes" in error.message
    assert not error.retryable


def test_no_answer_in_time(serve: Any, refused: Any) -> None:
    started = time.monotonic()
    error = refused(CHAT, serve(lambda r: time.sleep(2)).url, timeout_s=0.3)
    assert "no answer within 0.3 s" in error.message
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("agent", OVER_HTTP, ids=IDS)
def test_an_endless_answer_is_cut(serve: Any, refused: Any, agent: Agent) -> None:
    def flood(request: Any) -> None:
        request.send_response(200)
        streamed = "text/event-stream" in request.headers.get("Accept", "")
        request.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
        request.end_headers()
        request.close_connection = True
        for _ in range(100):
            request.wfile.write(b"x" * 2**20)
            sent.append(1)

    sent: list[int] = []
    error = refused(agent, serve(flood).url)
    assert "larger than" in error.message
    assert len(sent) < 60, "it was read to the end"


def test_the_time_is_that_of_the_answer(serve: Any, talk: Any) -> None:
    def slow(request: Any) -> None:
        time.sleep(0.2)
        request.reply({"choices": [{"message": {"content": "x"}}]})

    (answer,) = talk(CHAT, serve(slow).url, "hi")
    assert 0.19 < answer.latency_s < 0.6
    assert answer.first_token_s is None


def test_connections_are_kept_and_cookies_are_not(serve: Any) -> None:
    places = set()

    def behave(request: Any) -> None:
        places.add(request.client_address)
        assert request.headers["Cookie"] is None
        request.reply({"choices": [{"message": {"content": "x"}}]}, Set_Cookie="a=b")

    async def three(url: str) -> None:
        async with open_agent(CHAT, url, connections=1) as agent:
            for _ in range(3):
                await agent.dialogue("s").say(Turn("hi"), timeout_s=5)

    # Addresses in figures get no cookies from anybody.
    asyncio.run(three(serve(behave).url.replace("127.0.0.1", "localhost")))
    assert len(places) == 1


def test_used_outside_its_context(serve: Any) -> None:
    agent = open_agent(CHAT, "http://127.0.0.1:1", connections=1)
    with pytest.raises(RuntimeError):
        asyncio.run(agent.dialogue("s").say(Turn("hi"), timeout_s=1))


def test_secrets_that_the_caller_names_are_hidden_too(serve: Any, refused: Any) -> None:
    error = refused(CHAT, serve(lambda r: r.reply({"error": "key pay-key-123 is bad"})).url, secrets=["pay-key-123"])
    assert "[redacted]" in error.message
    assert isinstance(error, TargetError)


@pytest.mark.parametrize("agent", OVER_HTTP, ids=IDS)
def test_no_request_leaves_for_another_server(serve: Any, agent: Agent) -> None:
    thief, server = serve(lambda r: r.reply({})), serve(lambda r: r.reply({}))
    host = thief.url.removeprefix("http://")
    away = [
        thief.url, f"http://localhost:{server.url.rpartition(':')[2]}/", f"{server.url}@{host}/x", f"//{host}/x", "/x",
        f"http://u:p@{server.url.removeprefix('http://')}/x", server.url.replace("http:", "https:"), f"{server.url}0",
        f"{server.url}\\@{host}/x", f"{server.url}:1/x", "http://[", "",
    ]  # fmt: skip

    async def send_all() -> None:
        async with open_agent(agent, server.url, connections=1, token=TOKEN) as adapter:
            for url in away:
                with pytest.raises((TargetError, ValueError)) as caught:
                    await adapter.connection.send("POST", url, body={})  # type: ignore[attr-defined]
                assert not isinstance(caught.value, TargetError) or "leave the agent under test" in str(caught.value)
            assert not server.seen
            await adapter.connection.send("POST", f"{server.url}/x//http://{host}?a=@{host}")  # type: ignore[attr-defined]

    asyncio.run(send_all())
    assert not thief.seen
    assert len(server.seen) == 1


def test_a_path_of_the_configuration_cannot_name_another_host(serve: Any, refused: Any) -> None:
    thief = serve(lambda r: r.reply({}))
    http = Http(body={"q": "{{ text }}"}, answer="text")
    agent = Agent("a", protocol="http", http=http, path=f"@{thief.url.removeprefix('http://')}/x")
    assert "leave the agent under test" in refused(agent, serve(lambda r: r.reply({})).url, token=TOKEN).message
    assert not thief.seen


@pytest.mark.parametrize(
    ("url", "within"),
    [("http://h/x", True), ("http://H:80/x", True), ("http://h:81/", False), ("https://h/", False),
     ("http://i/", False), ("http://h@i/", False), ("http://u@h/", False), ("http://@h/", False),
     ("http://h0/", False), ("http://[", False), ("http://h:x/", False), ("/x", False), ("", False)],
)  # fmt: skip
def test_whether_a_url_is_of_the_same_server(url: str, within: bool) -> None:
    assert is_within(url, "http://h") is within


@pytest.mark.parametrize("agent", OVER_HTTP, ids=IDS)
@pytest.mark.parametrize("number", ["9" * 5000, "NaN", "1e999", "[" * 500 + "]" * 500])
def test_a_number_that_nobody_can_mean_is_named(serve: Any, refused: Any, agent: Agent, number: str) -> None:
    message = refused(agent, serve(lambda r: r.reply(f'{{"x": {number}}}'.encode())).url).message
    assert any(words in message for words in ("more than 300 digits", "no JSON number", "not finite", "nested deeper"))


def test_an_event_with_such_a_number_is_refused_too(serve: Any, refused: Any, sse: Any) -> None:
    event = '{"choices": [{"delta": {"content": "x"}}], "usage": {"cost": NaN}}'
    server = serve(lambda r: r.stream([sse(event, "[DONE]")]))
    assert "NaN, which is no JSON number" in refused(Agent("a", stream=True), server.url).message
