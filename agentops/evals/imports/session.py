"""A session as it was seen in production, whatever wrote it down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call that was seen. `arguments` is None where they were not told, or are no object."""

    name: str
    arguments: Mapping[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The same for the same call, whoever told of it."""
        return self.name, json.dumps(self.arguments, sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `role` is "user", "assistant" or "tool"; `has_files` where it holds more than
    text, which is left out."""

    role: str
    text: str = ""
    calls: tuple[Called, ...] = ()
    has_files: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """What a user said in turn, which tools were called without an error, what they gave, and the last answer.

    `origin` names where it came from ("traces.jsonl trace 4bf92f", "chats.jsonl line 7"); `started_s` are seconds since
    1970, None where unknown.
    """

    origin: str
    turns: tuple[str, ...]
    answer: str
    calls: tuple[Called, ...] = ()
    results: tuple[str, ...] = ()
    started_s: float | None = None
    has_files: bool = False


@dataclass
class Read:
    """What a file gave: the sessions in its order, and where a line could not be read, with why."""

    sessions: list[Session] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


_ROLES = {
    "user": "user", "human": "user", "assistant": "assistant", "model": "assistant", "ai": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
_FILE_PARTS = ("image", "file", "audio", "blob", "uri", "video", "document", "media")


def messages(data: Any) -> list[Message]:
    """Messages in the shapes of OpenAI's chat and responses and of the GenAI conventions; JSON text is parsed.

    What has another role (system, developer) or no shape that is known is left out.
    """
    data = parsed(data)
    if isinstance(data, str):
        return [Message("user", data)] if data.strip() else []
    if isinstance(data, Mapping):
        data = data["messages"] if isinstance(data.get("messages"), list) else [data]
    if not isinstance(data, list):
        return []
    found = (_message(item) for item in data)
    return [message for message in found if message is not None]


def parsed(value: Any) -> Any:
    """A text that is a JSON object or array as what it says; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def call(name: Any, arguments: Any) -> Called | None:
    """A tool call; None without a name."""
    if not isinstance(name, str) or not name.strip():
        return None
    arguments = parsed(arguments)
    return Called(name.strip(), arguments if isinstance(arguments, Mapping) else None)


def fold(turns: Sequence[str], said: Sequence[str]) -> list[str]:
    """What the user said so far, and what a later request says of it: requests repeat the conversation, or its end."""
    for k in range(min(len(turns), len(said)), 0, -1):
        if list(turns[-k:]) == list(said[:k]):
            return [*turns, *said[k:]]
    return [*turns, *said]


def _message(item: Any) -> Message | None:
    if not isinstance(item, Mapping):
        return None
    kind = item.get("type")
    if kind in ("function_call", "tool_call") and "role" not in item:
        made = call(item.get("name"), item.get("arguments"))
        return Message("assistant", calls=(made,)) if made else None
    if kind == "function_call_output":
        return Message("tool", _as_text(item.get("output")))
    role = _ROLES.get(str(item.get("role", "")).lower())
    if role is None:
        return None
    text, calls, has_files = _content(item.get("parts", item.get("content")))
    calls += [made for raw in _calls(item) if (made := _asked(raw)) is not None]
    return Message(role, text, tuple(calls), has_files)


def _content(content: Any) -> tuple[str, list[Called], bool]:
    """The text of a message's content, the calls among its parts, and whether there was more."""
    if isinstance(content, str) and content.startswith("[{"):
        inner = parsed(content)
        # A user may write JSON too; parts say their type.
        if isinstance(inner, list) and all(isinstance(p, Mapping) and "type" in p for p in inner):
            content = inner
    if not isinstance(content, list):
        return _as_text(content), [], False
    texts: list[str] = []
    calls: list[Called] = []
    has_files = False
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        if not isinstance(part, Mapping):
            continue
        kind = str(part.get("type", "text"))
        if kind in _TEXT_PARTS:
            texts.append(_as_text(part.get("content", part.get("text", part.get("refusal")))))
        elif kind in ("tool_call", "tool_use"):
            made = call(part.get("name"), part.get("arguments", part.get("input")))
            calls += [made] if made else []
        elif kind in ("tool_call_response", "tool_result"):
            texts.append(_as_text(part.get("response", part.get("result", part.get("content")))))
        has_files = has_files or kind.startswith(_FILE_PARTS) or kind.endswith(("_image", "_file", "_audio"))
    return "\n".join(t for t in texts if t), calls, has_files


def _calls(item: Mapping[str, Any]) -> Iterable[Any]:
    calls = parsed(item.get("tool_calls"))
    yield from calls if isinstance(calls, list) else ()
    if isinstance(item.get("function_call"), Mapping):
        yield item["function_call"]


def _asked(raw: Any) -> Called | None:
    if not isinstance(raw, Mapping):
        return None
    inner = raw["function"] if isinstance(raw.get("function"), Mapping) else raw
    return call(inner.get("name"), inner.get("arguments"))


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
