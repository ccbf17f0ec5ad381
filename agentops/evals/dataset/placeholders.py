"""`{{name}}` in the texts of a case that has a table, replaced by the row's value.

`{{{{` stands for two braces. What a value holds is not looked at again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from agentops.config.document import nearest
from agentops.errors import ConfigError
from agentops.text import one_line

Fits = Callable[[Any], bool]
"""Whether data will do where it stands."""

# Read from the left: an escape, a placeholder, braces that are neither.
_MARK = re.compile(r"\{\{\{\{|\{\{([^{}]*)\}\}|\{\{(?!\{)")
_ESCAPE = "Write {{{{ for two braces that are meant as they stand"


def fill(data: Any, row: Mapping[str, Any], *, place: str, fits: Fits | None = None) -> Any:
    """The data with the row's values put into its texts, at any depth; keys of mappings stay. A text that is one
    placeholder and nothing else becomes the value itself, whatever its type; where `fits` says that this will not do,
    and that texts will, its text.

    Raises ConfigError that begins with `place` for a name that the row does not have.
    """
    filled = _fill(data, row, place, as_text=False)
    if fits is None or fits(filled):
        return filled
    texts = _fill(data, row, place, as_text=True)
    return texts if fits(texts) else filled


def shown(value: Any) -> str:
    """A value inside a text: texts as they stand, nothing for an empty value, the rest as JSON writes it."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _fill(data: Any, row: Mapping[str, Any], place: str, *, as_text: bool) -> Any:
    if isinstance(data, str):
        return _text(data, row, place, as_text=as_text) if "{{" in data else data
    if isinstance(data, list):
        return [_fill(item, row, place, as_text=as_text) for item in data]
    if isinstance(data, dict):
        return {key: _fill(item, row, place, as_text=as_text) for key, item in data.items()}
    return data


def _text(text: str, row: Mapping[str, Any], place: str, *, as_text: bool) -> Any:
    alone = _MARK.fullmatch(text)
    if alone is not None and alone[1] is not None:
        value = _value(alone[1], row, place)
        return shown(value) if as_text and not isinstance(value, (dict, list)) else value

    def put(match: re.Match[str]) -> str:
        if match[1] is not None:
            return shown(_value(match[1], row, place))
        if match[0] == "{{{{":
            return "{{"
        raise ConfigError(
            f"{place}: the placeholder {one_line(text[match.start() :], 40)!r} has no end", hint=f"{_ESCAPE}."
        )

    return _MARK.sub(put, text)


def _value(written: str, row: Mapping[str, Any], place: str) -> Any:
    name = written.strip()
    if name in row:
        return row[name]
    raise ConfigError(
        f"{place}: the table has no column {one_line(name, 60)!r}{nearest(name, list(row))}",
        hint=f"columns are {one_line(', '.join(row), 300)}. {_ESCAPE}.",
    )
