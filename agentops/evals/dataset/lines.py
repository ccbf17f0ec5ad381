"""JSON with the line of every value. The parser of the standard library tells lines of mistakes only, so a second,
quick look at the text finds where things stand."""

from __future__ import annotations

import json
import re
from typing import Any

from agentops.config.document import Keys
from agentops.errors import ConfigError
from agentops.text import one_line

MAX_DEPTH = 40

# Texts first, so that no bracket inside one counts; whatever else is a word or a number.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|\n|[^\s{}\[\]:,"]+')


def parse(text: str, name: str) -> Any:
    """The text as plain data. Raises ConfigError with line and column for what is no JSON, for a key that stands twice,
    for a number without end or with thousands of digits, and for deep nesting."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in items:
            if key in found:
                raise ConfigError(
                    f"{name}: the key {one_line(key)!r} stands twice in one object", hint="keep one of the two"
                )
            found[key] = value
        return found

    def no_number(word: str) -> Any:
        raise ConfigError(f"{name}: {word} is no number", hint="write a number that has an end")

    def number(word: str) -> float:
        value = float(word)
        return value if abs(value) != float("inf") else no_number(word[:40])

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=no_number, parse_float=number)
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        raise ConfigError(f"{where}: not JSON: {error.msg}", hint="mend the syntax at that place") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested deeper than {MAX_DEPTH} levels", hint="flatten the file") from None
    except ValueError:
        raise ConfigError(f"{name}: a number has thousands of digits", hint="write it as text") from None


def lines(text: str, name: str) -> dict[Keys, int]:
    """The line of each value of sound JSON, counted from 1, by its path. Raises ConfigError for deep nesting."""
    found: dict[Keys, int] = {}
    stack: list[Keys] = []
    is_object: list[bool] = []
    index: list[int] = []
    here: Keys = ()
    line, wants_key = 1, False
    for match in _TOKEN.finditer(text):
        token = match.group()
        first = token[0]
        if first == "\n":
            line += 1
        elif wants_key and first == '"':
            key = json.loads(token) if "\\" in token else token[1:-1]
            here = (*stack[-1], key)
            found[here] = line
            wants_key = False
        elif first in "{[":
            found.setdefault(here, line)
            if len(stack) == MAX_DEPTH:
                raise ConfigError(f"{name}:{line}: nested deeper than {MAX_DEPTH} levels", hint="flatten the file")
            stack.append(here)
            is_object.append(first == "{")
            index.append(0)
            wants_key = first == "{"
            here = here if wants_key else (*here, 0)
        elif first in "}]":
            here = stack.pop()
            is_object.pop()
            index.pop()
            wants_key = False
        elif first == ",":
            wants_key = is_object[-1]
            if not wants_key:
                index[-1] += 1
                here = (*stack[-1], index[-1])
        elif first != ":":
            found.setdefault(here, line)
    return found


def too_deep(data: Any) -> bool:
    """Whether the data nests deeper than is let in."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
