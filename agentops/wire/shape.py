"""What every reader of an answer needs: JSON from bytes, and the few things that an Answer is made of.

Nothing here trusts what came. A value of the wrong type is either left out (it was not told) or a ShapeError; messages
name the place and never quote the body, which whoever reads from the network does after taking secrets out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from agentops.model.case import ToolCall, Usage

# Longer names are no names.
MAX_NAME = 200
# Deeper is no answer; Python's own stack ends not far beyond.
MAX_DEPTH = 100
# What a reported error may be long before it is made fit to show.
MAX_SAID = 2000


class ShapeError(ValueError):
    """What came is not what the protocol says; the message says what is wrong where."""


def load(body: bytes | str) -> Any:
    """The JSON in a body. Raises ShapeError."""
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
    except UnicodeDecodeError as error:
        raise ShapeError(f"the body is not UTF-8 at byte {error.start}") from None
    if not text.strip():
        raise ShapeError("the body is empty")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ShapeError("the body is HTML" if text.lstrip().startswith("<") else "the body is no JSON") from None


def mapping(body: bytes | str) -> dict[str, Any]:
    """The JSON object in a body. Raises ShapeError."""
    data = load(body)
    if not isinstance(data, dict):
        raise ShapeError("the body is no JSON object")
    return data


def items(value: Any) -> list[Any]:
    """The list, or an empty one where there is none."""
    return value if isinstance(value, list) else []


def fields(value: Any) -> Mapping[str, Any]:
    """The object, or an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def name(value: Any) -> str | None:
    """A name as it may be kept, None where there is none."""
    return value[:MAX_NAME] if isinstance(value, str) and value else None


def identifier(value: Any, what: str) -> str:
    """An id that is sent back. Raises ShapeError where there is none, or one that nobody would give."""
    if isinstance(value, str) and 0 < len(value) <= 1024:
        return value
    raise ShapeError(f"{what} is missing or no text")


def is_count(value: Any) -> TypeGuard[int]:
    """Whether it is a number of tokens that can be meant."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40


def usage(input_tokens: Any, output_tokens: Any) -> Usage | None:
    """Tokens where both were told."""
    return Usage(input_tokens, output_tokens) if is_count(input_tokens) and is_count(output_tokens) else None


def money(value: Any) -> float | None:
    """An amount of dollars that can be meant."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return float(value) if math.isfinite(value) else None


def arguments(value: Any) -> Mapping[str, Any]:
    """A tool call's arguments: an object, or JSON text of one. Anything else stands under the empty name."""
    if isinstance(value, str):
        try:
            read = json.loads(value) if value.strip() else {}
        except (ValueError, RecursionError):
            return {"": value}
        return read if isinstance(read, dict) else {"": value}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"": value}


def tool_call(called: Any, given: Any, *, status: str = "ok") -> ToolCall:
    """A tool call. Raises ShapeError where the tool has no name."""
    known = name(called)
    if known is None:
        raise ShapeError("a tool call has no name")
    return ToolCall(known, arguments(given), "error" if status == "error" else "ok")


def listed_calls(calls: Any) -> tuple[ToolCall, ...]:
    """Tool calls as most agents list them: objects with `name` and `arguments` (or `args`, `input`), bare or under
    `function`, and `status` "error" where one failed. Raises ShapeError."""
    if not isinstance(calls, list):
        raise ShapeError("the tool calls are no list")
    return tuple(_listed(call) for call in calls)


def _listed(call: Any) -> ToolCall:
    outer = fields(call)
    inner = fields(outer.get("function")) or outer
    given = next((inner[key] for key in ("arguments", "args", "input") if key in inner), None)
    return tool_call(inner.get("name"), given, status="error" if outer.get("status") == "error" else "ok")


def traced(data: Mapping[str, Any]) -> list[Any] | None:
    """The list at `trace.tool_calls`, by which an agent of any protocol may tell its tool calls."""
    calls = fields(data.get("trace")).get("tool_calls")
    return calls if isinstance(calls, list) else None


def text_of(content: Any) -> str | None:
    """The text of a message's content: a text, or blocks with `text`. None where it is neither."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [block if isinstance(block, str) else fields(block).get("text") for block in content]
    return "".join(part for part in parts if isinstance(part, str))


def as_text(value: Any) -> str:
    """A value as text: texts as they are, everything else as JSON. Raises ShapeError where it is nested too deep."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError, TypeError):
        raise ShapeError("a value is nested too deep") from None


def told(error: Any) -> str:
    """What a reported error says, in whatever form: a text, or an object with `message`, `detail` or `error`."""
    for _ in range(4):
        if isinstance(error, str):
            return error[:MAX_SAID]
        found = fields(error)
        inner = next((found[key] for key in ("message", "detail", "error", "type") if found.get(key)), None)
        if inner is None:
            break
        error = inner
    try:
        return as_text(error)[:MAX_SAID]
    except ShapeError:
        return "an error without words"


def first(data: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The value of the first of the keys that is there and not null."""
    return next((data[key] for key in keys if data.get(key) is not None), None)
