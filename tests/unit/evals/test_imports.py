"""Sessions from production: what is read of traces and of logs of chats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import ConfigError, UsageError
from agentops.evals.imports import reading
from agentops.evals.imports.session import Called, Session

ASKS = "Where is order A-1001?"
SAYS = "It left us and will be with you on 2026-02-03."


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(v) for v in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": k, "value": any_value(v)} for k, v in value.items()]}}
    return {"stringValue": value}


def attributes(**given: Any) -> list[dict[str, Any]]:
    return [{"key": k, "value": any_value(v)} for k, v in given.items()]


def span(attrs: dict[str, Any], *, name: str = "chat m", at: int = 1, **more: Any) -> dict[str, Any]:
    events = [{"name": n, "attributes": attributes(**a)} for n, a in more.pop("events", ())]
    return {
        "traceId": more.pop("trace", "aa" * 16), "spanId": more.pop("id", f"s{at}"), "name": name,
        "startTimeUnixNano": str(1_760_000_000_000_000_000 + at * 10**9), "attributes": attributes(**attrs),
        "events": events, **more,
    }  # fmt: skip


def lines(folder: Path, *records: Any) -> Path:
    path = folder / "seen.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records) + "\n")
    return path


def traced(folder: Path, *spans: dict[str, Any]) -> list[Session]:
    """Each span in a request of its own, as a collector's file exporter writes them."""
    requests = [{"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]} for one in spans]
    return reading.read(lines(folder, *requests)).sessions


def text(role: str, said: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": said}]}


ASKED = {"type": "tool_call", "id": "1", "name": "lookup_order", "arguments": {"order_id": "A-1001"}}
CALL = {"role": "assistant", "parts": [ASKED]}
RESULT = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"eta": "2026-02-03"}}]}

IN, OUT = "gen_ai.input.messages", "gen_ai.output.messages"
CONVENTIONS = {
    "genai as JSON text": span(
        {
            IN: json.dumps([text("system", "s"), text("user", ASKS), CALL, RESULT]),
            OUT: json.dumps([text("assistant", SAYS)]),
        }
    ),
    "genai structured": span(
        {IN: [text("user", ASKS), CALL, RESULT], OUT: [text("assistant", SAYS)]}
    ),
    "genai on an event": span(
        {},
        events=[
            (
                "gen_ai.client.inference.operation.details",
                {IN: [text("user", ASKS), CALL], OUT: [text("assistant", SAYS)]},
            )
        ],
    ),
    "content events": span(
        {},
        events=[
            ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps([{"role": "user", "content": ASKS}])}),
            (
                "gen_ai.content.completion",
                {"gen_ai.completion": json.dumps([{"role": "assistant", "content": SAYS, "tool_calls": [
                    {"function": {"name": "lookup_order", "arguments": '{"order_id": "A-1001"}'}}]}])},
            ),
        ],
    ),
    "message events": span(
        {},
        events=[
            ("gen_ai.user.message", {"content": ASKS}),
            ("gen_ai.choice", {"message": json.dumps({"content": SAYS, "tool_calls": [
                {"function": {"name": "lookup_order", "arguments": '{"order_id": "A-1001"}'}}]})}),
        ],
    ),
    "openllmetry": span(
        {
            "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "s",
            "gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": ASKS,
            "gen_ai.prompt.2.role": "assistant", "gen_ai.prompt.2.tool_calls.0.name": "lookup_order",
            "gen_ai.prompt.2.tool_calls.0.arguments": '{"order_id": "A-1001"}',
            "gen_ai.completion.0.content": SAYS, "gen_ai.completion.0.role": "assistant",
        }
    ),
    "openinference": span(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": ASKS,
            "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": SAYS,
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "lookup_order",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"order_id": "A-1001"}',
        }
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_convention_gives_the_same_session(name: str, tmp_path: Path) -> None:
    (session,) = traced(tmp_path, CONVENTIONS[name])
    assert session.turns == (ASKS,)
    assert session.answer == SAYS
    assert session.calls == (Called("lookup_order", {"order_id": "A-1001"}),)
    assert session.origin.endswith(f".jsonl trace {'aa' * 16}")
    assert session.started_s == 1_760_000_001


TOOLS = {
    "genai": {
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.arguments": '{"a": 1}'
    },
    "openinference": {"openinference.span.kind": "TOOL", "tool.name": "f", "input.value": '{"a": 1}'},
    "traceloop": {
        "traceloop.span.kind": "tool", "traceloop.entity.name": "f", "traceloop.entity.input": '{"inputs": {"a": 1}}'
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TOOLS)
def test_tools_are_read_from_their_own_spans(name: str, tmp_path: Path) -> None:
    chat = span({IN: [text("user", "hi")], OUT: [text("assistant", "yo")]})
    (session,) = traced(tmp_path, chat, span(TOOLS[name], name="execute_tool f", at=2))
    assert session.calls == (Called("f", {"a": 1}),)


def test_a_call_that_failed_is_not_proposed(tmp_path: Path) -> None:
    chat = span({IN: [text("user", "hi"), CALL], OUT: [text("assistant", "yo")]})
    tool = {
        **TOOLS["genai"],
        "gen_ai.tool.name": "lookup_order",
        "gen_ai.tool.call.arguments": '{"order_id": "A-1001"}',
    }
    (session,) = traced(tmp_path, chat, span(tool, at=2, status={"code": 2}))
    assert session.calls == ()


def test_turns_of_a_conversation_are_joined_over_traces(tmp_path: Path) -> None:
    def turn(at: int, *said: str) -> dict[str, Any]:
        history = [text(("user", "assistant")[i % 2], s) for i, s in enumerate(said)]
        return span(
            {"gen_ai.conversation.id": "c7", IN: history,
             OUT: [text("assistant", f"answer {at}")]},
            at=at, trace=f"{at:032x}",
        )  # fmt: skip

    whole = [turn(2, "one", "answer 1", "two"), turn(1, "one")]
    assert traced(tmp_path, *whole)[0].turns == ("one", "two")
    (latest,) = traced(tmp_path, turn(1, "one"), turn(2, "two"), turn(3, "three"))
    assert (latest.turns, latest.answer) == (("one", "two", "three"), "answer 3")
    assert latest.origin.endswith(".jsonl conversation c7")


def test_what_an_agent_asks_itself_is_no_turn_of_the_user(tmp_path: Path) -> None:
    whole = span({"openinference.span.kind": "AGENT", "input.value": ASKS, "output.value": SAYS}, id="root")
    inner = span(
        {IN: [text("user", "Summarise this page"), CALL], OUT: [text("assistant", "page")]},
        at=2, parentSpanId="root",
    )  # fmt: skip
    (session,) = traced(tmp_path, inner, whole)
    assert (session.turns, session.answer) == ((ASKS,), SAYS)
    assert session.calls[0].name == "lookup_order"


def test_traces_without_contents_are_refused_with_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none holds what a user said"):
        traced(tmp_path, span({"gen_ai.request.model": "m"}))


USER, ASSISTANT = {"role": "user", "content": ASKS}, {"role": "assistant", "content": SAYS}
FUNCTION = {"name": "lookup_order", "arguments": '{"order_id": "A-1001"}'}
CALLS = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": FUNCTION}]}
GAVE = {"role": "tool", "tool_call_id": "1", "content": '{"eta": "2026-02-03"}'}

CHATS: dict[str, list[Any]] = {
    "fine-tuning": [{"messages": [{"role": "system", "content": "s"}, USER, CALLS, GAVE, ASSISTANT]}],
    "bare array": [[USER, CALLS, GAVE, ASSISTANT]],
    "array of records": [[{"messages": [USER, CALLS, GAVE, ASSISTANT]}]],
    "pairs, the last one repeating the first": [
        {"request": {"messages": [USER]}, "response": {"choices": [{"message": CALLS}]}},
        {"request": {"messages": [USER, CALLS, GAVE]}, "response": {"choices": [{"message": ASSISTANT}]}},
    ],
    "bodies as text": [
        {
            "request": {"body": json.dumps({"messages": [USER, CALLS]})},
            "response": {"body": {"choices": [{"message": ASSISTANT}]}},
        }
    ],
    "responses api": [
        {"request": {"input": ASKS}, "response": {"output": [
            {"type": "function_call", "name": "lookup_order", "arguments": '{"order_id": "A-1001"}'},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": SAYS}]}]}}
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CHATS)
def test_each_log_of_chats_gives_the_same_session(name: str, tmp_path: Path) -> None:
    (session,) = reading.read(lines(tmp_path, *CHATS[name])).sessions
    assert (session.turns, session.answer) == ((ASKS,), SAYS)
    assert session.calls == (Called("lookup_order", {"order_id": "A-1001"}),)


def test_a_document_over_many_lines_is_one(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps([{"messages": [USER, ASSISTANT]}, {"messages": [{**USER, "content": "b"}, ASSISTANT]}], indent=1)
    )
    assert [s.turns for s in reading.read(path).sessions] == [(ASKS,), ("b",)]


def test_broken_lines_are_told_with_their_number(tmp_path: Path) -> None:
    path = lines(
        tmp_path, {"messages": [USER, ASSISTANT]}, "{half", "", {"messages": []}, '{"a": NaN}', {"resourceLogs": []}
    )
    found = reading.read(path)
    assert len(found.sessions) == 1
    assert [b.split(":")[1] for b in found.broken] == ["2", "4", "5", "6"]
    assert reading.told(found.broken).problems[0].startswith(f"{path}:2: not JSON")


@pytest.mark.parametrize("content", ["", "{}\n", "[]", "nothing\nat all\n", "[[[[", "null\n", '{"resourceSpans": 3}'])
def test_a_file_without_a_session_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError):
        reading.read(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        reading.read(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b'{"messages": "\xff"}')
    with pytest.raises(UsageError, match="byte 14"):
        reading.read(tmp_path / "latin")


KEYS = (
    "messages", "role", "content", "parts", "type", "request", "response", "choices", "message",
    "resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "key", "value", "stringValue", "arrayValue",
    "values", "events", "tool_calls", "function", "name", "body", "output", "input", "status", "code",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    record=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["user", "assistant", ASKS]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
        max_leaves=25,
    )
)
def test_no_record_breaks_the_reader(record: Any, tmp_path_factory: Any) -> None:
    path = lines(tmp_path_factory.mktemp("odd"), record, {"messages": [USER, ASSISTANT]})
    found = reading.read(path)
    assert ASKS in [s.turns[0] for s in found.sessions]
