"""Whatever comes, a reader gives an Answer or says what is wrong: never another exception."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import TargetError
from agentops.model.settings import Http
from agentops.wire import a2a, a2a_card, adk, agentcore, command, jmes, langgraph, openai_chat, openai_responses, shape
from agentops.wire.a2a_card import HTTP_JSON, JSONRPC, Interface
from agentops.wire.shape import ShapeError

READER = jmes.Reader(
    Http(answer="output[0].text", delta="delta", session="id", tool_calls="tool_calls", input_tokens="length(output)",
         output_tokens="sum(output)", cost_usd="usage", model="sort_by(output, &text)", error="error")
)  # fmt: skip


def streamed(make: Callable[[], Any], finish: str, kind: str = "") -> Callable[[bytes], Any]:
    """Reads a list's items as the events of a stream, anything else as one event as it is."""

    def read(raw: bytes) -> Any:
        stream = make()
        events = [json.dumps(event) for event in json.loads(raw)] if raw[:1] == b"[" else [raw.decode()]
        for event in events:
            stream.add(*([kind] if kind else []), event)
        return getattr(stream, finish)() if finish else stream.task.text()

    return read


ONE, THREE, REST = (Interface("http://x", b, v) for b, v in ((JSONRPC, "1.0"), (JSONRPC, "0.3"), (HTTP_JSON, "1.0")))
READERS: dict[str, Callable[[bytes], Any]] = {
    "openai chat": openai_chat.parse,
    "openai chat stream": streamed(openai_chat.Stream, "answer"),
    "openai responses": openai_responses.parse,
    "openai responses stream": streamed(openai_responses.Stream, "reply"),
    "agentcore": agentcore.parse,
    "agentcore stream": streamed(agentcore.Stream, "answer"),
    "agentcore ping": agentcore.healthy,
    "adk": adk.parse,
    "adk stream": streamed(adk.Stream, "answer"),
    "adk apps": adk.apps,
    "adk session": adk.session_id,
    "langgraph": langgraph.parse,
    "langgraph states": streamed(lambda: langgraph.Stream(frozenset()), "reply", "values"),
    "langgraph messages": streamed(lambda: langgraph.Stream(frozenset()), "reply", "messages"),
    "langgraph errors": streamed(lambda: langgraph.Stream(frozenset()), "reply", "error"),
    "langgraph assistants": langgraph.assistants,
    "langgraph thread": langgraph.thread_id,
    "a2a 1.0": lambda raw: a2a.parse(raw, ONE).text(),
    "a2a 0.3": lambda raw: a2a.parse(raw, THREE).text(),
    "a2a rest": lambda raw: a2a.parse(raw, REST).text(),
    "a2a stream": streamed(lambda: a2a.Stream(REST), ""),
    "a2a card": a2a_card.parse,
    "http": READER.parse,
    "http stream": streamed(lambda: jmes.Stream(READER), "answer"),
    "command": lambda raw: command.parse(raw.decode("utf-8", "replace")),
}

KEYS = [
    "choices", "message", "content", "trace", "tool_calls", "name", "arguments", "function", "delta", "index", "usage",
    "error", "output", "type", "text", "result", "response", "status", "state", "parts", "id", "artifact", "artifacts",
    "artifactId", "append", "history", "role", "kind", "task", "taskId", "contextId", "messageId", "statusUpdate",
    "artifactUpdate", "messages", "__interrupt__", "__error__", "value", "usage_metadata", "functionCall", "args",
    "functionResponse", "usageMetadata", "promptTokenCount", "candidatesTokenCount", "author", "partial", "toolUse",
    "event", "contentBlockDelta", "data", "supportedInterfaces", "url", "protocolBinding", "protocolVersion",
    "capabilities", "extensions", "required", "uri", "assistant_id", "graph_id", "thread_id", "answer", "code",
    "additionalInterfaces", "transport", "preferredTransport", "finish_reason", "store", "tools", "tool_call_id",
]  # fmt: skip
WORDS = ["", "message", "completed", "TASK_STATE_WORKING", "input-required", "failed", "ai", "human", "agent", "user",
         "function_call", "response.completed", "JSONRPC", "1.0", "0.3", "http://[", "ok", "\ud800", "error", "task",
         "status-update", "artifact-update", "Healthy", "[DONE]"]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=4)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, deadline=None)
@given(data=JSON)
def test_no_json_breaks_a_reader(name: str, data: Any) -> None:
    try:
        READERS[name](json.dumps(data).encode())
    except (ShapeError, TargetError) as error:
        assert str(error)


DEEP = b'{"message":' * 5000 + b"1" + b"}" * 5000
BODIES = [b"", b" ", b"\xff\xfe", b"<!doctype html><title>x</title>", b"[" * 200_000, DEEP, b"9" * 5000, b"null",
          b'{"choices": [{"message": {"content": ' + b"[" * 900 + b"]" * 900 + b"}}]}", b'"\\ud800"']  # fmt: skip


@pytest.mark.parametrize(
    "name", [name for name in READERS if "stream" not in name and READERS[name].__name__ != "read"]
)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_bytes_break_a_reader(name: str, body: bytes) -> None:
    try:
        READERS[name](body)
    except (ShapeError, TargetError) as error:
        assert len(str(error)) < 3000


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = {"message": value}
    return value


@pytest.mark.parametrize("name", READERS)
def test_deep_json_ends_in_words(name: str) -> None:
    raw = json.dumps(nested("x", 400)).encode()
    for body in (raw, b'{"result": {"kind": "task", "status": ' + raw + b"}}", b'{"error": ' + raw + b"}"):
        try:
            READERS[name](body)
        except (ShapeError, TargetError) as error:
            assert str(error)


def test_a_count_or_a_cost_that_cannot_be_meant_is_not_told() -> None:
    for tokens in (-1, True, 10**200, "3", 1.5, None):
        answer = command.parse(json.dumps({"answer": "x", "usage": {"input_tokens": tokens, "output_tokens": 1}}))
        assert answer.usage is None
    for cost in (-0.1, True, "1", 10**200):
        assert command.parse(json.dumps({"answer": "x", "cost_usd": cost})).cost_usd is None
    assert command.parse('{"answer": "x", "cost_usd": 0}').cost_usd == 0.0


NUMBERS = {"NaN": "NaN, which is no JSON number", "-Infinity": "-Infinity, which is no", "1e999": "not finite",
           "[-1e999]": "not finite", "9" * 301: "more than 300 digits", "9" * 5000: "more than 300 digits",
           "-" + "9" * 9999: "more than 300 digits", "[" * 100 + "]" * 100: "nested deeper than 100 levels",
           '{"a":' * 100 + "1" + "}" * 100: "nested deeper than 100 levels",
           "[" * 5000 + "]" * 5000: "nested deeper than 100 levels"}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_every_reader_refuses_what_others_could_not_go_through(name: str, number: str) -> None:
    with pytest.raises(ShapeError, match=NUMBERS[number]):
        READERS[name](f'{{"unread": {number}}}'.encode())


def test_what_is_just_within_the_bounds() -> None:
    for text in ("[" * 100 + "]" * 100, "[" * 100 + "1" + "]" * 100, "9" * 300, "-1.5e308", '"NaN"'):
        assert shape.load(text) == json.loads(text)


FINITE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ANY = st.recursive(FINITE, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(), x, max_size=3), max_leaves=9)


@given(ANY)
def test_all_other_json_is_read_as_it_is(data: Any) -> None:
    assert shape.load(json.dumps(data)) == data


@given(st.dictionaries(st.text(), ANY, max_size=3), st.lists(ANY, max_size=3), st.integers(0, 3))
def test_arguments_are_the_same_however_often_they_are_wrapped(
    data: dict[str, Any], rows: list[Any], wrappings: int
) -> None:
    given_object, given_list = data, rows
    for _ in range(wrappings):
        given_object, given_list = json.dumps(given_object), json.dumps(given_list)  # type: ignore[assignment]
    assert shape.arguments(given_object) == data
    assert shape.arguments(given_list) == {"": rows}


@pytest.mark.parametrize(
    "text", ["{", "{'a': 1}", '"x"', "5", "true", "NaN", '"NaN"', "x", json.dumps(json.dumps(json.dumps("{}"))), "<a>"]
)
def test_arguments_that_cannot_be_read_stay_as_they_came(text: str) -> None:
    assert shape.arguments(text) == {"": text}


@pytest.mark.parametrize("nothing", [None, "", " ", "{}", "null", '""', '"{}"', '"null"'])
def test_no_arguments(nothing: Any) -> None:
    assert shape.arguments(nothing) == {}


@pytest.mark.parametrize("wrap", [str, json.dumps, lambda text: json.dumps(json.dumps(text))])
@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_arguments_as_text_hide_nothing_behind_a_number(wrap: Callable[[str], str], number: str) -> None:
    hidden = wrap(f'{{"password": "x", "n": {number}}}')
    with pytest.raises(ShapeError, match=f"a tool call's arguments .*{NUMBERS[number]}"):
        shape.tool_call("t", hidden)
    call = {"index": 0, "function": {"name": "t", "arguments": hidden}}
    stream = openai_chat.Stream()
    stream.add(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}))
    stream.add("[DONE]")
    with pytest.raises(ShapeError, match=NUMBERS[number]):
        stream.answer()


@pytest.mark.parametrize(
    ("expression", "data"),
    [("to_number('NaN')", {}), ("to_number('1e999')", {}), ("{a: [to_number(x)]}", {"x": "-inf"}),
     ("to_number(x)", {"x": "9" * 301}), ("to_number(x)", {"x": "9" * 5000}), ("sum(x)", {"x": [10**300 - 1] * 2}),
     ("{a: {b: x}}", {"x": nested(1, 99)})],
)  # fmt: skip
@pytest.mark.parametrize("key", ["answer", "session", "tool_calls", "model", "error"])
def test_what_an_expression_makes_is_held_to_the_same(key: str, expression: str, data: Any) -> None:
    reader = jmes.Reader(Http(**{"answer": "ok", key: expression}))
    with pytest.raises(ShapeError, match=rf"what agent\.http\.{key} finds (holds|is nested)"):
        reader.parse(json.dumps({"ok": "x", **data}).encode())


def test_plain_text_may_say_such_words() -> None:
    for make in (agentcore.Stream, lambda: jmes.Stream(jmes.Reader(Http(answer="x", delta="@")))):
        stream = make()
        for piece in ("It is ", "NaN", " or ", "Infinity", "9" * 400):
            assert stream.add(piece)
        found = stream.answer()
        assert (found[0] if isinstance(found, tuple) else found).text == "It is NaN or Infinity" + "9" * 400
    assert agentcore.parse(b"9" * 5000).text == "9" * 5000
    for body in (b"", b"<p>", b'"', b"{x"):
        with pytest.raises(ShapeError):
            agentcore.parse(body)
