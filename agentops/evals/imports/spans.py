"""Spans of OTLP as JSON (OpenTelemetry Protocol 1.x, JSON encoding): attributes as plain data, and the messages, tool
calls and results in them.

Three ways of writing them are known: the GenAI semantic conventions (attributes `gen_ai.input.messages` and
`gen_ai.output.messages`, earlier the events `gen_ai.content.prompt` and `gen_ai.user.message`), OpenLLMetry's numbered
attributes (`gen_ai.prompt.0.content`), and OpenInference's (`llm.input_messages.0.message.content`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.evals.imports.session import Called, Message, call, messages, parsed

_SESSION = ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id")
_TOOL_NAMES = ("gen_ai.tool.name", "tool.name", "traceloop.entity.name")
_ARGUMENTS = (
    "gen_ai.tool.call.arguments", "gen_ai.tool.arguments", "tool.parameters", "input.value", "traceloop.entity.input",
)  # fmt: skip
_RESULTS = ("gen_ai.tool.call.result", "output.value", "traceloop.entity.output")
_WHOLE = (("input.value", "output.value"), ("traceloop.entity.input", "traceloop.entity.output"))
_QUESTIONS = ("input", "question", "query", "prompt", "user_input", "message")
_ANSWERS = ("output", "answer", "response", "result", "text", "content")
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Times are nanoseconds since 1970, 0 where it does not say."""

    trace: str
    id: str
    parent: str
    name: str
    start_ns: int
    failed: bool
    attributes: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def session(self) -> str:
        """The conversation that it says it belongs to, "" where it does not."""
        return next((str(v) for key in _SESSION if (v := self.attributes.get(key))), "")

    @property
    def is_tool(self) -> bool:
        """Whether a tool was executed in it."""
        a = self.attributes
        return (
            a.get("gen_ai.operation.name") == "execute_tool"
            or self.name.startswith("execute_tool ")
            or str(a.get("openinference.span.kind", "")).upper() == "TOOL"
            or a.get("traceloop.span.kind") == "tool"
        )

    def tool(self) -> Called | None:
        """The call that it executed; None where it does not say of what."""
        a = self.attributes
        name = next((a[key] for key in _TOOL_NAMES if a.get(key)), self.name.removeprefix("execute_tool "))
        given = parsed(next((a[key] for key in _ARGUMENTS if a.get(key)), None))
        if isinstance(given, Mapping) and isinstance(inner := given.get("inputs", given.get("kwargs")), Mapping):
            given = inner
        return call(name, given)

    def result(self) -> str:
        """What the tool gave back."""
        return next((str(self.attributes[key]) for key in _RESULTS if self.attributes.get(key)), "")


def spans(record: Mapping[str, Any]) -> Iterator[Span]:
    """The spans of one export request. Raises ValueError for what has not that shape."""
    for resource in _list(record, "resourceSpans"):
        scopes = _list(resource, "scopeSpans") or _list(resource, "instrumentationLibrarySpans")
        for scope in scopes:
            yield from map(_span, _list(scope, "spans"))


def exchange(span: Span) -> tuple[list[Message], list[Message]]:
    """The messages that went in, and those that came out; both empty where the span tells none."""
    a = span.attributes
    for source in (a, *(attributes for _, attributes in span.events)):
        asked, said = messages(source.get("gen_ai.input.messages")), messages(source.get("gen_ai.output.messages"))
        if asked or said:
            return asked, said
    asked, said = _of_events(span.events)
    if asked or said:
        return asked, said
    for before, after in (("gen_ai.prompt", "gen_ai.completion"), ("llm.input_messages", "llm.output_messages")):
        asked, said = _numbered(a, before), _numbered(a, after)
        if not asked and not said and before in a:
            asked, said = messages(a[before]), _spoken(a.get(after), _ANSWERS)
        if asked or said:
            return asked, said
    return _of_whole(a)


def _of_events(events: tuple[tuple[str, Mapping[str, Any]], ...]) -> tuple[list[Message], list[Message]]:
    asked: list[Message] = []
    said: list[Message] = []
    for name, attributes in events:
        if name == "gen_ai.content.prompt":
            asked += messages(attributes.get("gen_ai.prompt"))
        elif name == "gen_ai.content.completion":
            said += messages(attributes.get("gen_ai.completion"))
        elif name in ("gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message", "gen_ai.choice"):
            body = parsed(attributes.get("gen_ai.event.content", attributes.get("message")))
            body = body.get("message", body) if isinstance(body, Mapping) else {"content": body}
            role = "assistant" if name == "gen_ai.choice" else name.split(".")[1]
            plain = {k: parsed(attributes[k]) for k in ("content", "tool_calls") if k in attributes}
            (said if name == "gen_ai.choice" else asked).extend(messages([{**body, **plain, "role": role}]))
    return asked, said


def _numbered(attributes: Mapping[str, Any], prefix: str) -> list[Message]:
    """Messages from attributes such as `prefix.0.role` and `prefix.0.tool_calls.0.name`."""
    tree: dict[str, Any] = {}
    for key, value in attributes.items():
        if key.startswith(prefix + "."):
            steps = key[len(prefix) + 1 :].split(".")
            if len(steps) <= _DEEPEST and steps[0].isdigit():
                _put(tree, steps, value)
    found = []
    for number in sorted(tree, key=int):
        raw = tree[number]
        if not isinstance(raw, dict):
            continue
        raw = raw.get("message", raw)
        if not isinstance(raw, dict):
            continue
        calls = [_unwrapped(c, "tool_call") for c in _in_order(raw.get("tool_calls"))]
        parts = [_unwrapped(c, "message_content") for c in _in_order(raw.get("contents"))]
        role = raw.get("role") or ("assistant" if prefix.endswith(("completion", "output_messages")) else "")
        found += messages([{**raw, "role": role, "tool_calls": calls, **({"content": parts} if parts else {})}])
    return found


def _put(tree: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree.setdefault(steps[-1], value)


def _in_order(tree: Any) -> list[Any]:
    if not isinstance(tree, dict):
        return []
    return [tree[key] for key in sorted((k for k in tree if k.isdigit()), key=int)]


def _unwrapped(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) and isinstance(value.get(name), dict) else value


def _of_whole(attributes: Mapping[str, Any]) -> tuple[list[Message], list[Message]]:
    """From what a whole agent or chain was given and gave back."""
    kind = str(attributes.get("openinference.span.kind", attributes.get("traceloop.span.kind", ""))).lower()
    if kind not in ("agent", "chain", "workflow", "llm"):
        return [], []
    for before, after in _WHOLE:
        if attributes.get(before):
            asked = _spoken(attributes[before], _QUESTIONS, role="user")
            return asked, _spoken(attributes.get(after), _ANSWERS)
    return [], []


def _spoken(value: Any, keys: tuple[str, ...], *, role: str = "assistant") -> list[Message]:
    """Messages in a value, or the text under one of the keys, or the value where it is a text."""
    value = parsed(value)
    if isinstance(value, Mapping) and isinstance(value.get("inputs"), Mapping):
        value = value["inputs"]
    found = [m for m in messages(value) if not isinstance(value, str)]
    if found:
        return found if role == "user" else [m for m in found if m.role == "assistant"]
    if isinstance(value, Mapping):
        value = next((value[key] for key in keys if isinstance(value.get(key), str)), None)
    return [Message(role, value)] if isinstance(value, str) and value.strip() else []


def _span(raw: Any) -> Span:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("traceId"), str):
        raise ValueError("a span without traceId")
    status = raw.get("status")
    code = status.get("code") if isinstance(status, Mapping) else None
    events = [e for e in _list(raw, "events") if isinstance(e, Mapping)]
    return Span(
        raw["traceId"].lower(),
        str(raw.get("spanId", "")),
        str(raw.get("parentSpanId") or ""),
        str(raw.get("name", "")),
        _number(raw.get("startTimeUnixNano")),
        code in (2, "2", "STATUS_CODE_ERROR"),
        _attributes(raw),
        tuple((str(e.get("name", "")), _attributes(e)) for e in events),
    )


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


def _list(data: Any, key: str) -> list[Any]:
    value = data.get(key) if isinstance(data, Mapping) else None
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{key} is no list")
    return value or []


def _attributes(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(pair["key"]): _value(pair.get("value"), 0)
        for pair in _list(data, "attributes")
        if isinstance(pair, Mapping) and "key" in pair
    }


def _value(value: Any, depth: int) -> Any:
    """An AnyValue as plain data."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return None
    for key, held in value.items():
        if key in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
            return held
        if key == "intValue":
            return _number(held)
        if key == "arrayValue":
            return [_value(v, depth + 1) for v in _list(held, "values")]
        if key == "kvlistValue":
            pairs = [p for p in _list(held, "values") if isinstance(p, Mapping) and "key" in p]
            return {str(p["key"]): _value(p.get("value"), depth + 1) for p in pairs}
    return None
