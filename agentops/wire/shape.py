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
# A whole number with more digits than a float can hold breaks whoever computes with it.
MAX_DIGITS = 300
_TOO_LARGE = 10**MAX_DIGITS
_TOO_LONG = f"a whole number of more than {MAX_DIGITS} digits"
# How often a tool call's arguments may be wrapped in JSON text; frameworks on top of each other wrap them twice.
_MOST_WRAPPINGS = 3
# What a reported error may be long before it is made fit to show.
MAX_SAID = 2000


class ShapeError(ValueError):
    """What came is not what the protocol says; the message says what is wrong where."""


class NotJson(ShapeError):
    """It is no JSON at all: where a protocol allows plain text it may be that."""


def load(body: bytes | str, what: str = "the body") -> Any:
    """The JSON in a body, or in `what` else: nested at most MAX_DEPTH levels deep, its numbers finite and their digits
    at most MAX_DIGITS. Raises ShapeError, NotJson where it is none."""
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
    except UnicodeDecodeError as error:
        raise ShapeError(f"{what} is not UTF-8 at byte {error.start}") from None
    if not text.strip():
        raise NotJson(f"{what} is empty")
    try:
        data = json.loads(text, parse_constant=_no_number, parse_int=_whole)
    except ShapeError as error:
        # A word of a plain text may be NaN.
        kind = ShapeError if text.lstrip().startswith(("{", "[")) else NotJson
        raise kind(f"{what} {error}") from None
    except RecursionError:
        raise ShapeError(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise NotJson(f"{what} is HTML" if text.lstrip().startswith("<") else f"{what} is no JSON") from None
    return sound(data, what)


def sound(data: Any, what: str) -> Any:
    """The data, if every reader after this one can go through it: see load. Raises ShapeError."""
    level, depth = [data], 0
    while level:
        holders = [item for item in level if isinstance(item, dict | list)]
        if holders and depth == MAX_DEPTH:
            raise ShapeError(f"{what} is nested deeper than {MAX_DEPTH} levels")
        for item in level:
            if isinstance(item, float) and not math.isfinite(item):
                raise ShapeError(f"{what} holds a number that is not finite")
            if isinstance(item, int) and not -_TOO_LARGE < item < _TOO_LARGE:
                raise ShapeError(f"{what} holds {_TOO_LONG}")
        level = [child for item in holders for child in (item.values() if isinstance(item, dict) else item)]
        depth += 1
    return data


def _no_number(said: str) -> Any:
    """Python reads NaN, Infinity and -Infinity where JSON has no such numbers (RFC 8259, section 6)."""
    raise ShapeError(f"holds {said}, which is no JSON number")


def _whole(digits: str) -> int:
    # Before int(): it takes quadratic time, and refuses from a length on that the environment sets.
    if len(digits) > MAX_DIGITS:
        raise ShapeError(f"holds {_TOO_LONG}")
    return int(digits)


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
    """A tool call's arguments: an object, or JSON text of one, be it wrapped in text twice or three times. A list
    stands under the empty name, and so does what cannot be read, as it came. Raises ShapeError for JSON that load
    refuses: an agent must not hide what it did behind a number."""
    read = value
    for _ in range(_MOST_WRAPPINGS):
        if not isinstance(read, str) or not read.strip():
            break
        try:
            read = load(read, "a tool call's arguments")
        except NotJson:
            break
    if read is None or (isinstance(read, str) and not read.strip()):
        return {}
    if isinstance(read, dict):
        return read
    return {"": read if isinstance(read, list) else value}


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
