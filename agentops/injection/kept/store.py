"""Results as JSON data and back, quickly: rows of fields in order, by the types of the fields.

Not a format to publish: whoever keeps such data keeps it under a key over this code (see cached.identity).
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any

from agentops.injection.analysis import TemplateResult

_Way = Callable[[Any], Any]


def encode(results: Sequence[TemplateResult]) -> str:
    """The results as a text that `decode` reads."""
    return json.dumps([_row(r) for r in results], separators=(",", ":"), ensure_ascii=True)


def decode(text: str) -> tuple[TemplateResult, ...]:
    """The results that were encoded. Raises ValueError, TypeError or KeyError for anything else."""
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("no list of results")
    read = _reader(TemplateResult)
    return tuple(read(row) for row in rows)


def _row(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {k: _row(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value):
        return [_row(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, (tuple, list, frozenset)):
        return [_row(v) for v in value]
    raise TypeError(f"{type(value).__name__} cannot be kept")


@cache
def _reader(kind: Any) -> _Way:
    """How a value of the type is read back."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in (str, int, float, bool):
        return _same
    if origin in (types.UnionType, typing.Union):
        (some,) = (k for k in inner if k is not type(None))
        read = _reader(some)
        return lambda data: None if data is None else read(data)
    if origin in (tuple, frozenset):
        if origin is tuple and inner[-1] is not Ellipsis:
            each = tuple(map(_reader, inner))
            return lambda data: tuple(read(v) for read, v in zip(each, data, strict=True))
        item = _reader(inner[0])
        return lambda data: origin(map(item, data))
    if origin is not None and issubclass(origin, Mapping):
        value = _reader(inner[1])
        return lambda data: {k: value(v) for k, v in data.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        members = {member.value: member for member in kind}
        return members.__getitem__
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        reads = tuple(_reader(hints[f.name]) for f in dataclasses.fields(kind))
        return lambda row: kind(*[read(v) for read, v in zip(reads, row, strict=True)])
    raise TypeError(f"{kind} cannot be kept")


def _same(data: Any) -> Any:
    return data
