"""Google ADK's api_server: the request for a turn, and the events that it answers with.

The answer's text is what the framework calls final responses: events of an agent that neither call a tool nor bring
back its result, thoughts left out. Texts that stand beside a tool call are taken only where there is nothing else.
Tokens are summed over the events that tell them.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from agentops.errors import TargetError
from agentops.model.case import Answer, ToolCall, Turn, Usage
from agentops.wire import files, shape
from agentops.wire.shape import ShapeError

APPS_PATH = "/list-apps"
RUN_PATH = "/run"
STREAM_PATH = "/run_sse"

# Built with a status of the tool's own, by convention.
_FAILED = ("error", "errorMessage", "error_message")


def session_path(app: str, user: str, session: str = "") -> str:
    """Where a session is created: under the id, or without one where the server shall give it."""
    parts = (urllib.parse.quote(part, safe="", errors="replace") for part in (app, user))
    path = "/apps/{}/users/{}/sessions".format(*parts)
    return f"{path}/{urllib.parse.quote(session, safe='', errors='replace')}" if session else path


def session_id(body: bytes) -> str:
    """The id of the session that was created. Raises ShapeError."""
    return shape.identifier(shape.mapping(body).get("id"), "the session's id")


def apps(body: bytes) -> tuple[str, ...]:
    """The apps that the server lists. Raises ShapeError."""
    data = shape.load(body)
    if not isinstance(data, list) or not all(isinstance(app, str) for app in data):
        raise ShapeError("the list of apps is no list of names")
    return tuple(data)


def request(turn: Turn, *, app: str, user: str, session: str, stream: bool = False) -> dict[str, Any]:
    """The body that asks for the next turn. Files go as `inlineData`."""
    parts: list[dict[str, Any]] = [{"text": turn.text}]
    for file in turn.files:
        data = {"mimeType": file.media_type, "data": files.encoded(file), "displayName": file.name}
        parts.append({"inlineData": data})
    return {
        "appName": app,
        "userId": user,
        "sessionId": session,
        "newMessage": {"role": "user", "parts": parts},
        "streaming": stream,
    }


def parse(body: bytes) -> Answer:
    """The answer in the events of a 200 response. Raises ShapeError, TargetError where they report an error only."""
    data = shape.load(body)
    if not isinstance(data, list):
        raise ShapeError("the body is no list of events")
    return read(data)


def read(events: Sequence[Any]) -> Answer:
    """The answer in a list of events. Raises ShapeError, TargetError."""
    if not all(isinstance(event, dict) for event in events):
        raise ShapeError("an event is no object")
    said = [event for event in events if event.get("author") != "user" and event.get("partial") is not True]
    texts = [_text(event) for event in said if not _calls(event) and not _results(event)]
    if not any(texts):
        # An agent that ends with a tool call may have spoken beside it; one that only streamed never summed up.
        texts = [_text(event) for event in said] if any(map(_text, said)) else ["".join(map(_text, events))]
    failure = next((event for event in said if event.get("errorCode") or event.get("errorMessage")), None)
    if failure is not None and not any(texts):
        words = shape.told(failure.get("errorMessage") or failure.get("errorCode"))
        raise TargetError(f"the app reports an error: {words}")
    if not any(texts) and not any(_calls(event) for event in said):
        raise ShapeError("the events hold neither text nor function calls")
    models = [shape.name(event.get("modelVersion")) for event in said]
    return Answer(
        text="\n".join(text for text in texts if text),
        tool_calls=_tool_calls(said),
        usage=_usage(said),
        model=next((model for model in reversed(models) if model), None),
    )


class Stream:
    """Collects the events of /run_sse."""

    # The server closes the stream; nothing in it says that it is the end.
    done = False

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []

    def add(self, data: str) -> bool:
        """Take in the data of one event; whether it held a piece of text. Raises ShapeError, TargetError."""
        event = shape.mapping(data)
        if event.get("error"):
            raise TargetError(f"the app reports an error in the stream: {shape.told(event['error'])}")
        self._events.append(event)
        return event.get("author") != "user" and bool(_text(event))

    def answer(self) -> Answer:
        """The whole answer. Raises ShapeError, TargetError."""
        return read(self._events)


def _parts(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [shape.fields(part) for part in shape.items(shape.fields(event.get("content")).get("parts"))]


def _text(event: Mapping[str, Any]) -> str:
    texts = [part.get("text") for part in _parts(event) if part.get("thought") is not True]
    return "".join(text for text in texts if isinstance(text, str))


def _calls(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [shape.fields(part["functionCall"]) for part in _parts(event) if part.get("functionCall")]


def _results(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [shape.fields(part["functionResponse"]) for part in _parts(event) if part.get("functionResponse")]


def _tool_calls(events: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
    failed = {
        result["id"]
        for event in events
        for result in _results(event)
        if isinstance(result.get("id"), str) and any(shape.fields(result.get("response")).get(k) for k in _FAILED)
    }
    return tuple(
        shape.tool_call(call.get("name"), call.get("args"), status="error" if _id(call) in failed else "ok")
        for event in events
        for call in _calls(event)
    )


def _id(call: Mapping[str, Any]) -> str | None:
    return call["id"] if isinstance(call.get("id"), str) else None


def _usage(events: Sequence[Mapping[str, Any]]) -> Usage | None:
    found = []
    for told in (shape.fields(event.get("usageMetadata")) for event in events):
        # Gemini counts what the model thought and what tools read apart from what it said and was asked.
        spent = [told.get("candidatesTokenCount"), told.get("thoughtsTokenCount")]
        asked = [told.get("promptTokenCount"), told.get("toolUsePromptTokenCount")]
        if shape.is_count(asked[0]) and any(map(shape.is_count, spent)):
            found.append((sum(filter(shape.is_count, asked)), sum(filter(shape.is_count, spent))))
    return Usage(sum(a for a, _ in found), sum(b for _, b in found)) if found else None
