"""A quick look whether data has the shape of a JSON Schema.

A validator that explains itself takes milliseconds for a case, and most cases are sound. So a schema is turned into
functions once; what they find sound is sound, and only the rest is looked at by the validator, which has the last word.
Keywords that are not known here make everything doubtful, never sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from agentops.config import document

Sound = Callable[[Any], bool]
Pointer = tuple[str | int, ...]

_SILENT = {"$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples"}
_TYPES: Mapping[str, Sound] = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer()),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "null": lambda v: v is None,
}


@cache
def sound(schema: str, pointer: Pointer = ()) -> Sound:
    """A function that tells whether data certainly satisfies the schema of the package, or the part of it below
    `pointer`. False says only that the validator has to look."""
    root = document.load_schema(schema)
    part: Any = root
    for key in pointer:
        part = part[key]
    return _Compiler(root).of(part)


def _unsure(_value: Any) -> bool:
    return False


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._refs: dict[str, Sound] = {}

    def of(self, schema: Any) -> Sound:
        if isinstance(schema, bool):
            return lambda _value: schema
        tests: list[Sound] = []
        for key, argument in schema.items():
            if key in _SILENT or key in ("additionalProperties", "required"):
                continue
            make = getattr(self, f"_{key.removeprefix('$').lower()}", None)
            if make is None:
                return _unsure
            tests.append(make(argument))
        if schema.keys() & {"additionalProperties", "required"}:
            tests.append(self._keys(schema))
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _ref(self, name: str) -> Sound:
        if not name.startswith("#/"):
            return _unsure
        if name not in self._refs:
            # A schema may speak of itself: the name is known before what it stands for is.
            self._refs[name] = lambda value: self._refs[name](value)
            part: Any = self._root
            for key in name[2:].split("/"):
                part = part[key]
            self._refs[name] = self.of(part)
        return lambda value: self._refs[name](value)

    def _type(self, kinds: str | list[str]) -> Sound:
        if isinstance(kinds, str):
            return _TYPES[kinds]
        tests = [_TYPES[kind] for kind in kinds]
        return lambda value: any(test(value) for test in tests)

    def _properties(self, parts: Mapping[str, Any]) -> Sound:
        tests = {key: self.of(part) for key, part in parts.items()}
        return lambda value: (
            not isinstance(value, dict) or all(key not in tests or tests[key](item) for key, item in value.items())
        )

    def _keys(self, schema: Mapping[str, Any]) -> Sound:
        known = frozenset(schema.get("properties", ()))
        required = frozenset(schema.get("required", ()))
        others = self.of(schema.get("additionalProperties", True))
        return lambda value: (
            not isinstance(value, dict)
            or (required <= value.keys() and all(key in known or others(item) for key, item in value.items()))
        )

    def _propertynames(self, part: Any) -> Sound:
        test = self.of(part)
        return lambda value: not isinstance(value, dict) or all(test(key) for key in value)

    def _items(self, part: Any) -> Sound:
        test = self.of(part)
        return lambda value: not isinstance(value, list) or all(test(item) for item in value)

    def _anyof(self, parts: list[Any]) -> Sound:
        tests = [self.of(part) for part in parts]
        return lambda value: any(test(value) for test in tests)

    def _allof(self, parts: list[Any]) -> Sound:
        tests = [self.of(part) for part in parts]
        return lambda value: all(test(value) for test in tests)

    def _enum(self, words: list[Any]) -> Sound:
        return lambda value: any(type(value) is type(word) and value == word for word in words)

    def _const(self, word: Any) -> Sound:
        return self._enum([word])

    def _pattern(self, pattern: str) -> Sound:
        search = re.compile(pattern).search
        return lambda value: not isinstance(value, str) or search(value) is not None

    def _minlength(self, least: int) -> Sound:
        return lambda value: not isinstance(value, str) or len(value) >= least

    def _maxlength(self, most: int) -> Sound:
        return lambda value: not isinstance(value, str) or len(value) <= most

    def _minitems(self, least: int) -> Sound:
        return lambda value: not isinstance(value, list) or len(value) >= least

    def _maxitems(self, most: int) -> Sound:
        return lambda value: not isinstance(value, list) or len(value) <= most

    def _minproperties(self, least: int) -> Sound:
        return lambda value: not isinstance(value, dict) or len(value) >= least

    def _maxproperties(self, most: int) -> Sound:
        return lambda value: not isinstance(value, dict) or len(value) <= most

    def _minimum(self, bound: float) -> Sound:
        return lambda value: not _TYPES["number"](value) or value >= bound

    def _maximum(self, bound: float) -> Sound:
        return lambda value: not _TYPES["number"](value) or value <= bound

    def _exclusiveminimum(self, bound: float) -> Sound:
        return lambda value: not _TYPES["number"](value) or value > bound

    def _exclusivemaximum(self, bound: float) -> Sound:
        return lambda value: not _TYPES["number"](value) or value < bound
