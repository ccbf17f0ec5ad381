"""The HTTP contract of the AWS Bedrock AgentCore runtime: `POST /invocations` with a prompt, JSON or events back.

The contract fixes the addresses and leaves the answer's form to the agent. Read are the forms in use: a text, an
object with the text under one of `result`, `response`, `output`, `answer`, `completion`, `text`, `message`, `content`,
a message of the Converse API with its blocks, and in streams texts, Strands' `data` and the events of ConverseStream.
Tool calls are told by `toolUse` blocks, a list `tool_calls`, or a `trace`; without any of them they are unknown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from agentops.errors import TargetError
from agentops.model.case import Answer, ToolCall, Turn, Usage
from agentops.wire import files, shape
from agentops.wire.shape import NotJson, ShapeError

PATH = "/invocations"
PING_PATH = "/ping"
USER_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-User-Id"
SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"

# The contract wants at least 33 characters; longer than 256 are refused.
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{32,255}")
_TEXT_KEYS = ("result", "response", "output", "answer", "completion", "text", "message", "content")
# By what a stream carries its text, the most trustworthy first: agents that pass raw events on say it twice.
_CHANNELS = ("whole", "data", "delta", "plain")


def session_header(session: str) -> str:
    """The session's name as the contract wants it: names that are short or hold other letters get a digest."""
    if _SESSION.fullmatch(session):
        return session
    readable = re.sub(r"[^A-Za-z0-9_-]", "-", session)[:100]
    return f"s{readable}-{hashlib.sha256(session.encode('utf-8', 'replace')).hexdigest()}"


def request(turn: Turn) -> dict[str, Any]:
    """The body that asks for the next turn. Files are objects with `name`, `media_type` and `base64` under `files`;
    the contract says nothing of them."""
    body: dict[str, Any] = {"prompt": turn.text}
    return body | {"files": files.listed(turn.files)} if turn.files else body


def healthy(body: bytes) -> str:
    """What GET /ping says of the agent's health. Raises ShapeError where it is none of the contract's words."""
    status = shape.mapping(body).get("status")
    if isinstance(status, str) and status.lower() in ("healthy", "healthybusy"):
        return status
    raise ShapeError("status is neither Healthy nor HealthyBusy")


def parse(body: bytes) -> Answer:
    """The answer in the body of a 200 response. Raises ShapeError, TargetError where it reports an error instead."""
    try:
        data = shape.load(body)
    except NotJson:
        text = body.decode("utf-8", "replace").strip()
        if not text or text.startswith(("<", "{", "[", '"')):
            raise
        # Some agents answer in text/plain; what begins like JSON was meant as such and broke.
        return Answer(text)
    return read(data)


def read(data: Any) -> Answer:
    """The answer in JSON of any of the forms. Raises ShapeError, TargetError."""
    if isinstance(data, dict) and data.get("error"):
        raise TargetError(f"the agent reports an error: {shape.told(data['error'])}")
    text = _text(data)
    if text is None:
        raise ShapeError(f"no text was found under any of {', '.join(_TEXT_KEYS)}")
    return Answer(text, _tool_calls(data), _usage(data), shape.name(shape.fields(data).get("model")))


class Stream:
    """Puts the events of a streamed answer together."""

    # The server closes the stream; nothing in it says that it is the end.
    done = False

    def __init__(self) -> None:
        self._said: dict[str, list[str]] = {channel: [] for channel in _CHANNELS}
        self._calls: list[ToolCall] | None = None
        self._usage: Usage | None = None
        self._model: str | None = None

    def add(self, data: str) -> bool:
        """Take in the data of one event; whether it held a piece of text. Raises ShapeError, TargetError."""
        try:
            event = shape.load(data)
        except NotJson:
            event = data
        if isinstance(event, str):
            self._said["plain"].append(event)
            return bool(event)
        if not isinstance(event, dict):
            return False
        if event.get("error"):
            raise TargetError(f"the agent reports an error in the stream: {shape.told(event['error'])}")
        self._usage = _usage(event) or self._usage
        self._model = shape.name(event.get("model")) or self._model
        calls = _tool_calls(event)
        if calls is not None:
            self._calls = [*(self._calls or ()), *calls]
        channel, piece = _piece(event)
        if channel == "whole":
            # A loop of model and tools sends one message a round: the last one with text is the answer.
            self._said[channel] = [piece] if piece else self._said[channel]
        elif piece:
            self._said[channel].append(piece)
        return bool(piece)

    def answer(self) -> Answer:
        """The whole answer. Raises ShapeError where nothing of it was text."""
        text = next(("".join(self._said[channel]) for channel in _CHANNELS if self._said[channel]), None)
        if text is None:
            raise ShapeError("no event of the stream held text")
        return Answer(text, None if self._calls is None else tuple(self._calls), self._usage, self._model)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return shape.text_of(value) if value and all(isinstance(item, str | dict) for item in value) else None
    if not isinstance(value, dict):
        return None
    found = (_text(value[key]) for key in _TEXT_KEYS if value.get(key) is not None)
    return next((text for text in found if text is not None), None)


def _piece(event: Mapping[str, Any]) -> tuple[str, str]:
    """By which channel an event carries text, and the text."""
    if isinstance(event.get("data"), str):
        return "data", event["data"]
    raw = shape.fields(event.get("event")) or event
    delta = shape.fields(raw.get("contentBlockDelta")).get("delta", raw.get("delta"))
    if delta is not None:
        text = delta if isinstance(delta, str) else shape.fields(delta).get("text")
        return "delta", text if isinstance(text, str) else ""
    if raw is not event:
        return "delta", ""
    if shape.fields(event.get("message")).get("role") == "user":
        return "plain", ""  # results of tools, in the loop's own records
    # `text` and `content` are pieces where nothing marks them as the whole.
    keys = [key for key in _TEXT_KEYS if event.get(key) is not None]
    text = _text(event) or ""
    return ("plain" if not keys or keys[0] in ("text", "content") else "whole"), text


def _tool_calls(data: Any) -> tuple[ToolCall, ...] | None:
    outer = shape.fields(data)
    listed = shape.traced(outer)
    if listed is None and isinstance(outer.get("tool_calls"), list):
        listed = outer["tool_calls"]
    blocks = [shape.fields(block) for block in _blocks(outer)]
    used = [shape.fields(block["toolUse"]) for block in blocks if block.get("toolUse")]
    if listed is None and not used:
        return None
    return (*shape.listed_calls(listed or []), *(shape.tool_call(use.get("name"), use.get("input")) for use in used))


def _blocks(data: Mapping[str, Any]) -> list[Any]:
    """The blocks of a message of the Converse API, wherever the usual wrappings put it."""
    for key in ("result", "response", "output"):
        data = shape.fields(data.get(key)) or data
    return shape.items((shape.fields(data.get("message")) or data).get("content"))


def _usage(data: Any) -> Usage | None:
    outer = shape.fields(data)
    raw = shape.fields(shape.fields(outer.get("event")).get("metadata")) or outer
    told = shape.fields(raw.get("usage"))
    return shape.usage(
        shape.first(told, ("inputTokens", "input_tokens", "prompt_tokens")),
        shape.first(told, ("outputTokens", "output_tokens", "completion_tokens")),
    )
