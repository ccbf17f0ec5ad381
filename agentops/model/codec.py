"""Dataclasses to JSON and back, by their type hints.

Encoding keeps field order, so that files are stable. A class that says SPARSE leaves out fields that hold their
default: there are many of it. Decoding refuses what the types do not allow and names the place; fields that are missing
take their defaults.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class DecodeError(ValueError):
    """The data does not have the shape of the type; the message starts with the place."""


def encode(value: object) -> Any:
    """The value as JSON data: dataclasses as objects, enums as their values, tuples as arrays."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = _told(type(value)) if getattr(value, "SPARSE", False) else None
        if fields is not None:
            return {name: encode(held) for name, default in fields if (held := getattr(value, name)) != default}
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    if isinstance(value, Path):
        return value.as_posix()
    return value


@cache
def _told(kind: type) -> tuple[tuple[str, Any], ...]:
    """The names of the fields with their defaults; a field without one always differs from it."""
    missing = object()
    return tuple((f.name, missing if f.default is dataclasses.MISSING else f.default) for f in dataclasses.fields(kind))


def decode(kind: type[T], data: Any, where: str = "$") -> T:
    """JSON data as a value of the type. Raises DecodeError."""
    return typing.cast(T, _decode(kind, data, where))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(kind: Any, data: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if kind is Any:
        return data
    if origin in (types.UnionType, typing.Union):
        return _decode_union(typing.get_args(kind), data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise DecodeError(f"{where}: a list is needed")
        item = typing.get_args(kind)[0]
        return tuple(_decode(item, v, f"{where}[{i}]") for i, v in enumerate(data))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(data, dict):
            raise DecodeError(f"{where}: an object is needed")
        item = typing.get_args(kind)[1]
        return {k: _decode(item, v, f"{where}.{k}") for k, v in data.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(typing.cast(type, kind), data, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise DecodeError(f"{where}: {data!r} is no {kind.__name__}") from None
    return _decode_scalar(kind, data, where)


def _decode_union(options: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in options:
        return None
    rest = [o for o in options if o is not type(None)]
    return _decode(rest[0], data, where)


def _decode_dataclass(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise DecodeError(f"{where}: an object is needed")
    hints = _hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise DecodeError(f"{where}.{unknown[0]}: unknown field")
    given = {name: _decode(hints[name], value, f"{where}.{name}") for name, value in data.items()}
    try:
        return kind(**given)
    except TypeError as error:
        raise DecodeError(f"{where}: {error}") from None


def _decode_scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is Path and isinstance(data, str):
        return Path(data)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise DecodeError(f"{where}: {getattr(kind, '__name__', kind)} needed, got {type(data).__name__}")
    return data
