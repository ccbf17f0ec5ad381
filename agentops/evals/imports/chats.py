"""Logs of OpenAI-style chats into sessions: pairs of request and response, and bare conversations."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentops.evals.imports.session import Message, Session, messages, parsed

_NAMES = ("conversation_id", "session_id", "thread_id", "conversation", "session", "chat_id")
_TIMES = ("timestamp", "created_at", "time", "created", "start_time", "date")


@dataclass(frozen=True, slots=True)
class Chat:
    """One record: a conversation up to an answer. `name` is that of the conversation, "" where the record has none."""

    line: int
    messages: tuple[Message, ...]
    name: str
    started_s: float | None


def chat(record: Any, line: int) -> Chat:
    """The record as a chat. Raises ValueError for what has none of the shapes."""
    if isinstance(record, list):
        found = messages(record)
        return _made(record, found, line)
    if not isinstance(record, Mapping):
        raise ValueError("neither a conversation nor a pair of request and response")
    request = _inner(record, "request", "body") or record
    asked = messages(request.get("messages", request.get("input")))
    response = _inner(record, "response", "completion", "output") or record
    return _made(record, [*asked, *_answers(response)], line, request, response)


def sessions(chats: Iterable[Chat]) -> list[Session]:
    """The sessions in the order of the file. Records of one conversation are one session, and so are records of which
    a later one repeats the whole conversation of an earlier one."""
    groups: dict[str, list[Chat]] = defaultdict(list)
    for one in chats:
        groups[one.name or ""].append(one)
    kept: list[Chat] = []
    for name, members in groups.items():
        longest = _longest(members)
        kept += [max(longest, key=lambda c: len(c.messages))] if name else longest
    return [s for c in sorted(kept, key=lambda c: c.line) if (s := _session(c)) is not None]


def _longest(chats: Sequence[Chat]) -> list[Chat]:
    """The chats that no other one continues; of equal ones the first."""
    inside = {digest for c in chats for digest in list(_digests(c))[:-1]}
    whole: dict[str, Chat] = {}
    for c in chats:
        whole.setdefault(list(_digests(c))[-1], c)
    return [c for digest, c in whole.items() if digest not in inside]


def _digests(one: Chat) -> Iterator[str]:
    """The digest of every beginning of the conversation."""
    running = hashlib.sha256()
    for message in one.messages:
        running.update(repr((message.role, message.text, [c.key for c in message.calls])).encode("utf-8", "replace"))
        yield running.hexdigest()


def _session(one: Chat) -> Session | None:
    users = [m for m in one.messages if m.role == "user"]
    turns = tuple(m.text for m in users if m.text.strip())
    if not turns:
        return None
    last = max(i for i, m in enumerate(one.messages) if m.role == "user")
    said = [m.text for m in one.messages[last + 1 :] if m.role == "assistant" and m.text.strip()]
    calls = {c.key: c for m in one.messages for c in m.calls if m.role == "assistant"}
    results = tuple(m.text for m in one.messages if m.role == "tool" and m.text)
    return Session(
        f"conversation {one.name}" if one.name else f"line {one.line}",
        turns,
        said[-1] if said else "",
        tuple(calls.values()),
        results,
        one.started_s,
        any(m.has_files for m in users),
    )


def _made(record: Any, found: Sequence[Message], line: int, *places: Mapping[str, Any]) -> Chat:
    if not any(m.role == "user" for m in found):
        raise ValueError("no message of a user in it")
    outer = (record,) if isinstance(record, Mapping) else ()
    meta = [p["metadata"] for p in (*outer, *places) if isinstance(p.get("metadata"), Mapping)]
    named = (p[k] for p in (*outer, *places, *meta) for k in _NAMES if isinstance(p.get(k), (str, int)) and p[k])
    times = (t for p in (*outer, *places, *meta) for k in _TIMES if (t := seconds(p.get(k))) is not None)
    return Chat(line, tuple(found), str(next(named, "")), next(times, None))


def seconds(value: Any) -> float | None:
    """A time as seconds since 1970: a number (of milliseconds too), or ISO 8601, UTC where it names no zone."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value) / (1000 if value > 1e11 else 1) if 0 < value < 1e14 else None
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _inner(record: Mapping[str, Any], *keys: str) -> Mapping[str, Any] | None:
    """The object below one of the keys, and below `body` in that; JSON text is parsed."""
    for key in keys:
        value = parsed(record.get(key))
        if isinstance(value, list):
            value = {"output" if key == "output" else "messages": value}
        if isinstance(value, Mapping):
            below = parsed(value.get("body"))
            return below if isinstance(below, Mapping) else value
    return None


def _answers(response: Mapping[str, Any]) -> list[Message]:
    choices = response.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        message = choices[0].get("message")
        return messages([{"role": "assistant", **message}]) if isinstance(message, Mapping) else []
    if isinstance(response.get("output"), list):
        return messages(response["output"])
    if isinstance(response.get("message"), Mapping):
        return messages([{"role": "assistant", **response["message"]}])
    if response.get("role") == "assistant":
        return messages([response])
    text = response.get("output_text", response.get("content"))
    return [Message("assistant", text)] if isinstance(text, str) else []
