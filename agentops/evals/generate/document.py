"""Evalsets as YAML text: plain data in, a file out that the loader reads back as the same data.

Texts are written in double quotes with JSON's escapes, which YAML reads the same way, so that no word becomes a number,
a truth value or a comment, however an agent or a user wrote it. Only plain names go without quotes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentops.errors import ConfigError
from agentops.text import one_line

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
# What some reader of YAML takes for something else than a text.
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
# What JSON lets stand and YAML does not, or takes for the end of a line.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONE = re.compile("[\ud800-\udfff]")
# In this order, and the rest behind, as people write them.
_ORDER = (
    "version", "name", "id", "description", "tags", "weight", "runs", "needed", "origin", "setup", "input", "files",
    "turns", "expect", "after", "cases",
)  # fmt: skip


def text(data: Mapping[str, Any], *, comment: Iterable[str] = ()) -> str:
    """The evalset as YAML below its comment, one line of which an item is.

    Raises ConfigError for what no file can hold: half a character (a lone surrogate), a number without end.
    """
    lines = [f"# {one_line(line, 400)}".rstrip() for line in comment]
    for key, value in _ordered(data):
        if key == "cases" and value:
            lines += ["cases:", *(line for case in value for line in _item(case, 2))]
        else:
            lines += _pair(key, value, 0)
    return "\n".join(lines) + "\n"


def _ordered(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rank = {key: i for i, key in enumerate(_ORDER)}
    return sorted(data.items(), key=lambda pair: rank.get(pair[0], len(rank)))


def _pair(key: str, value: Any, indent: int) -> Iterator[str]:
    start = f"{' ' * indent}{_text(key)}:"
    short = _flow(value)
    fits = indent > 0 and len(start) + len(short) < _WIDTH and not _holds_mappings(value)
    if fits or not value or not isinstance(value, (Mapping, list, tuple)):
        yield f"{start} {short}"
    elif isinstance(value, Mapping):
        yield start
        for inner, held in value.items():
            yield from _pair(inner, held, indent + 2)
    else:
        yield start
        for held in value:
            yield from _item(held, indent + 2)


def _holds_mappings(value: Any) -> bool:
    """Lists of mappings read better one below the other: assertions, turns, steps."""
    return isinstance(value, (list, tuple)) and any(isinstance(held, Mapping) for held in value)


def _item(value: Any, indent: int) -> Iterator[str]:
    start = f"{' ' * indent}- "
    if not isinstance(value, Mapping) or not value:
        yield start + _flow(value)
        return
    for i, (key, held) in enumerate(_ordered(value)):
        lines = list(_pair(key, held, indent + 2))
        yield start + lines[0].lstrip(" ") if i == 0 else lines[0]
        yield from lines[1:]


def _flow(value: Any) -> str:
    """The value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{value} is no number that a file can hold", hint="write a number that has an end")
    return json.dumps(value)


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if _LONE.search(value):
        raise ConfigError(
            f"{one_line(value, 60)!r} holds half a character that no file can hold", hint="write the text anew"
        )
    return _ESCAPED.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(value, ensure_ascii=False))
