"""Agents of an HTTP of their own: what templates may say, and what they may not do."""

from typing import Any

import pytest

from agentops.agents import open_agent
from agentops.errors import ConfigError
from agentops.model.case import Attachment, ToolCall, Turn, Usage
from agentops.model.settings import Agent, Http


def agent(path: str | None = None, **http: Any) -> Agent:
    return Agent("a", protocol="http", path=path, http=Http(**{"answer": "text", **http}))


def echo(request: Any) -> None:
    request.reply({"text": "ok", "sid": "given-1"})


def test_what_templates_see(serve: Any, talk: Any) -> None:
    body = {
        "q": "{{ text }}", "said": "I say: {{ text }}", "n": "{{ turn }}", "all": "{{ history }}", "f": "{{ files }}",
        "s": "{{- session -}}", "sum": "{{ turn + 1 }}", "deep": [{"x": "{{ history | length }}"}, 3, None, True],
        "set": "{{ {'a': {'b': turn}} }}",
    }  # fmt: skip
    server = serve(echo)
    talk(agent(body=body), server.url, "one", Turn("two", (Attachment("a", "t/x", b"x"),)))
    first, second = (request.data for request in server.seen)
    assert first["all"] == [{"role": "user", "content": "one"}]
    assert second == {
        "q": "two", "said": "I say: two", "n": 2, "sum": 3, "s": "session-1",
        "all": [*first["all"], {"role": "assistant", "content": "ok"}, {"role": "user", "content": "two"}],
        "f": [{"name": "a", "media_type": "t/x", "base64": "eA=="}],
        "deep": [{"x": 3}, 3, None, True], "set": {"a": {"b": 2}},
    }  # fmt: skip
    assert server.seen[0].headers["Content-Type"] == "application/json"


def test_what_users_say_is_no_template(serve: Any, talk: Any) -> None:
    server = serve(echo)
    nasty = '{{ 7 * 7 }} {% raw %} "quoted" \\ \n {{ session.__class__ }}'
    talk(agent("/ask/{{ text }}?q={{ text }}", body={"q": "{{ text }}", "x": "say {{ text }}"}), server.url, nasty)
    assert server.seen[0].data == {"q": nasty, "x": f"say {nasty}"}
    assert " " not in server.seen[0].path
    assert server.seen[0].path.startswith("/ask/%7B%7B%207")


def test_a_session_that_the_agent_gives(serve: Any, talk: Any) -> None:
    server = serve(echo)
    http = agent("/s/{{ session }}", session="sid", headers={"X-Session": "{{ session }}"}, body={"t": "{{ turn }}"})
    talk(http, server.url, "one", "two")
    assert [r.path for r in server.seen] == ["/s/session-1", "/s/given-1"]
    assert [r.headers["X-Session"] for r in server.seen] == ["session-1", "given-1"]
    assert [r.data["t"] for r in server.seen] == [1, 2]


def test_bodies_that_are_one_text(serve: Any, talk: Any) -> None:
    server = serve(echo)
    talk(agent(body="text={{ text | urlencode }}", headers={"Content-Type": "text/plain"}), server.url, "a b")
    assert (server.seen[0].data, server.seen[0].headers["Content-Type"]) == (b"text=a%20b", "text/plain")
    talk(agent(body='{"q": {{ text | tojson }}}'), server.url, 'say "hi"')
    assert server.seen[1].data == {"q": 'say "hi"'}
    talk(agent(body="{{ history }}"), server.url, "hi")
    assert server.seen[2].data == [{"role": "user", "content": "hi"}]


def test_other_methods(serve: Any, talk: Any) -> None:
    server = serve(echo)
    talk(agent("/ask?q={{ text }}", method="GET"), server.url, "ä&b")
    assert (server.seen[0].command, server.seen[0].path, server.seen[0].data) == ("GET", "/ask?q=%C3%A4%26b", None)


def test_everything_is_read(serve: Any, talk: Any, refused: Any) -> None:
    data = {"out": {"t": "hi"}, "calls": [{"name": "t", "arguments": {"a": 1}}], "u": [1, 2], "usd": 0.5, "m": "x"}
    http = agent(body={}, answer="out.t", tool_calls="calls", input_tokens="u[0]", output_tokens="u[1]", cost_usd="usd",
                 model="m", error="error.message")  # fmt: skip
    (answer,) = talk(http, serve(lambda r: r.reply(data)).url, "hi")
    assert (answer.text, answer.tool_calls, answer.usage) == ("hi", (ToolCall("t", {"a": 1}),), Usage(1, 2))
    assert (answer.cost_usd, answer.model) == (0.5, "x")
    error = refused(http, serve(lambda r: r.reply({**data, "error": {"message": "quota"}})).url)
    assert error.message == "the agent reports an error: quota"
    error = refused(http, serve(lambda r: r.reply({"reply": "x"})).url)
    assert 'agent.http.answer finds nothing; what came: {"reply": "x"}' in error.message


def test_a_stream_by_paths(serve: Any, talk: Any, sse: Any) -> None:
    raw = sse({"t": "Grü"}, {"t": "ße"}, {"sid": 7}, "[DONE]")
    cut = raw.index("ü".encode()) + 1
    server = serve(lambda r: r.stream([raw[:cut], raw[cut:]], pause_s=0.05))
    http = agent(body={"s": "{{ session }}"}, stream=True, delta="t", session="sid")
    answers = talk(http, server.url, "hi", "again")
    assert [a.text for a in answers] == ["Grüße", "Grüße"]
    assert 0.04 < answers[0].first_token_s <= answers[0].latency_s
    assert server.seen[1].data == {"s": "7"}
    assert "text/event-stream" in server.seen[0].headers["Accept"]


@pytest.mark.parametrize(
    ("http", "place"),
    [
        ({"body": {"a": {"b": ["{{ text"]}}}, r"agent\.http\.body\.a\.b\.0"),
        ({"body": "{% for x in %}"}, r"agent\.http\.body"),
        ({"body": {"q": "{{ txt }}"}}, r"agent\.http\.body\.q: unknown in a template: txt"),
        ({"body": {"q": "{{ text | nofilter }}"}}, r"agent\.http\.body\.q"),
        ({"headers": {"X-A": "{{ nope }}"}}, r"agent\.http\.headers\.X-A"),
        ({"path": "/{{ nope }}"}, r"agent\.path"),
        ({"answer": "a..b"}, r"agent\.http\.answer"),
        ({"delta": "nope(a)"}, r"agent\.http\.delta"),
    ],
)
def test_what_is_wrong_is_refused_before_any_call(http: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError, match=place):
        open_agent(agent(**http), "http://127.0.0.1:1", connections=1)


@pytest.mark.parametrize(
    "expression",
    [
        "{{ text.__class__.__mro__ }}", "{{ ''.__class__.__base__.__subclasses__() }}", "{{ history.append(1) }}",
        "{{ range(10 ** 9) | list }}", "{{ cycler.__init__.__globals__ }}", "{{ files[0].name }}", "{{ text + 1 }}",
        "{{ turn / 0 }}", "{{ text.missing }}", "x {{ text.missing }}", "{{ range }}",
    ],
)  # fmt: skip
def test_templates_stay_in_their_box(serve: Any, refused: Any, expression: str) -> None:
    server = serve(echo)
    error = refused(agent(body={"q": expression}), server.url)
    assert "agent.http.body" in error.message
    assert not error.retryable
    assert not server.seen


def test_a_header_is_one_line(serve: Any, refused: Any) -> None:
    server = serve(echo)
    error = refused(agent(headers={"X-Q": "{{ text }}"}), server.url, "a\r\nX-Evil: 1")
    assert "agent.http.headers.X-Q" in error.message
    assert not server.seen
