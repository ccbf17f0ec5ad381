"""The record that an agent keeps of its last turns, and how it is read.

`GET /shadow/records?after=NUMBER` answers with JSON lines, one turn each: `seq` (grows by one), `request_id` (the
header x-request-id), `status`, and for a turn that was answered `answer`, `tool_calls` (name, arguments, status),
`usage`, `model` and `history_sha256`, a digest of what was said before. An agent that keeps none answers 404. The way
there is a port of the pod itself, so that nobody else can ask.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.errors import ApiDown, MeasurementError
from agentops.model.case import Answer, ToolCall
from agentops.text import one_line
from agentops.wire import shape

PATH = "/shadow/records"
_MOST_BYTES = 8 * 1024 * 1024
_MOST_CALLS = 200
_TIMEOUT_S = 5.0
_ID_CHARS = 200
MODEL = "model"
"""The cause of a failure that is the model provider's, not the agent's."""


@dataclass(frozen=True, slots=True)
class Record:
    """One turn as an agent tells of it. `answer` is None where it failed; `cause` may say why."""

    request_id: str
    seq: int
    status: int
    answer: Answer | None
    history: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What one pod told: None in `records` where it keeps none. `broken` lines could not be read."""

    records: tuple[Record, ...] | None
    broken: int = 0


def fetch(port: int, *, after: int) -> Page:
    """The records behind `after` from a forwarded port. Raises ApiDown where none came, MeasurementError where what
    came is no record."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"{PATH}?after={after}", headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise ApiDown(f"the pod did not tell its records: {one_line(str(error)) or type(error).__name__}") from None
    finally:
        connection.close()
    if answer.status in (404, 405, 501):
        return Page(None)
    if answer.status != 200 or len(body) > _MOST_BYTES:
        raise MeasurementError(
            f"{PATH} of the pod answered HTTP {answer.status} with {len(body)} bytes",
            hint="docs/shadow.md says what an agent tells there",
        )
    found = [parse(line) for line in body.splitlines() if line.strip()]
    return Page(tuple(r for r in found if r is not None), sum(r is None for r in found))


def parse(line: bytes) -> Record | None:
    """One line; None where it cannot be meant. Never raises."""
    try:
        data = json.loads(line)
        name, seq, status = data["request_id"], data["seq"], data["status"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not (isinstance(name, str) and 0 < len(name) <= _ID_CHARS and shape.is_count(seq) and shape.is_count(status)):
        return None
    text = data.get("answer")
    answer = _answer(data, text) if status == 200 and isinstance(text, str) else None
    if status == 200 and answer is None:
        return None
    history, cause = data.get("history_sha256"), data.get("cause")
    return Record(
        name, seq, status, answer,
        history if isinstance(history, str) else "", one_line(cause, 40) if isinstance(cause, str) else "",
    )  # fmt: skip


def _answer(data: Mapping[str, Any], text: str) -> Answer:
    usage = shape.fields(data.get("usage"))
    return Answer(
        text=text,
        tool_calls=_calls(data.get("tool_calls")),
        usage=shape.usage(usage.get("prompt_tokens"), usage.get("completion_tokens")),
        model=shape.name(data.get("model")),
        cost_usd=shape.money(usage.get("cost")),
    )


def _calls(data: Any) -> tuple[ToolCall, ...] | None:
    """The calls; None where they are not told, or not so that they could be held against a policy."""
    if not isinstance(data, list) or len(data) > _MOST_CALLS:
        return None
    made = []
    for item in data:
        call = shape.fields(item)
        if not isinstance(call.get("name"), str) or not isinstance(call.get("arguments"), Mapping):
            return None
        made.append(ToolCall(call["name"], dict(call["arguments"]), "error" if call.get("status") == "error" else "ok"))
    return tuple(made)
