"""Whatever comes, a reader gives an Answer or says what is wrong: never another exception."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import TargetError
from agentops.model.settings import Http
from agentops.wire import a2a, a2a_card, adk, agentcore, command, jmes, langgraph, openai_chat, openai_responses
from agentops.wire.a2a_card import HTTP_JSON, JSONRPC, Interface
from agentops.wire.shape import ShapeError

READER = jmes.Reader(
    Http(answer="output[0].text", delta="delta", session="id", tool_calls="tool_calls", input_tokens="length(output)",
         output_tokens="sum(output)", cost_usd="usage", model="sort_by(output, &text)", error="error")
)  # fmt: skip


def streamed(make: Callable[[], Any], finish: str, kind: str = "") -> Callable[[bytes], Any]:
    """Reads a list's items as the events of a stream."""

    def read(raw: bytes) -> Any:
        stream = make()
        data = json.loads(raw)
        for event in data if isinstance(data, list) else [data]:
            stream.add(*([kind] if kind else []), json.dumps(event))
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
    for tokens in (-1, True, 10**400, "3", 1.5, None, float("inf")):
        answer = command.parse(json.dumps({"answer": "x", "usage": {"input_tokens": tokens, "output_tokens": 1}}))
        assert answer.usage is None
    for cost in (-0.1, True, float("nan"), float("inf"), "1", 10**400):
        assert command.parse(json.dumps({"answer": "x", "cost_usd": cost})).cost_usd is None
    assert command.parse('{"answer": "x", "cost_usd": 0}').cost_usd == 0.0
