"""JSON Schemas that come from the user, held against data that comes from an agent, in bounded time and memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agentops.contracts import Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics import patterns

CHECK_S = 5.0
"""Seconds that holding one value against a schema may take."""

DEEPEST = 200
"""Levels of nested data that are looked at."""

MOST_VALUES = 500_000
"""Values in data, whatever their kind, that are looked at."""

_SHOWN = 6
# Under these stands data, where `pattern` is a name like any other.
_DATA = ("const", "enum", "default", "examples")


class _Text(str):
    """A text whose representation is short: the library puts one of every value into every message it makes, also
    where nobody reads it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(str(self[:80])) + "..." * (len(self) > 80)


class _List(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "[" + ", ".join([*map(_brief, self[:_SHOWN]), *["..."] * (len(self) > _SHOWN)]) + "]"


class _Object(dict[str, Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        items = [f"{key!r}: {_brief(value)}" for key, value in zip(self, self.values(), strict=True)][:_SHOWN]
        return "{" + ", ".join([*items, *["..."] * (len(self) > _SHOWN)]) + "}"


def check_schema(schema: Any) -> None:
    """Refuse what is no JSON Schema with a ConfigError, and patterns in it that are none."""
    from jsonschema import Draft202012Validator, SchemaError

    # First: the library compiles them too.
    for pattern in _patterns_of(schema):
        patterns.check_pattern(pattern)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ConfigError(f"no JSON Schema: {error.message[:500]}", hint="mend the schema") from None
    except RecursionError:
        raise ConfigError("the JSON Schema is nested too deeply", hint="mend the schema") from None


def violation(schema: Any, data: Any) -> str | None:
    """The first thing that is wrong with the data by the JSON Schema (2020-12), with its place; None where it
    satisfies the schema.

    Patterns are searched with a time limit and `uniqueItems` takes linear time, where the library's own would let a
    hostile value hang it. Nothing is fetched for a `$ref`. Raises Unjudgeable for data that cannot be looked at: too
    large, too deep, or not within CHECK_S.
    """
    from referencing.exceptions import Unresolvable

    brief = _wrapped(data)
    try:
        error = next(_Work(schema).validator().iter_errors(brief), None)
    except RecursionError:
        raise Unjudgeable("the value is nested too deeply for its schema") from None
    except Unresolvable as unresolved:
        raise Unjudgeable(f"the schema refers to what is not there: {unresolved}") from None
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path)[:200]
    return f"{where}: {error.message[:500]}" if where else str(error.message[:500])


class _Work:
    """One look at a value: the library's keywords, each of which minds the time, and some of our own."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._deadline = time.monotonic() + CHECK_S

    def validator(self) -> Any:
        """The library's validator of the schema with these keywords. Its registry is empty of addresses: it would
        otherwise fetch what a `$ref` names."""
        from jsonschema import Draft202012Validator, validators
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

        own = {
            "pattern": self._pattern, "patternProperties": self._pattern_properties, "uniqueItems": _unique,
            "additionalProperties": self._additional, "unevaluatedProperties": self._unevaluated,
        }  # fmt: skip
        every = {**Draft202012Validator.VALIDATORS, **own}
        minding = {name: self._minding(keyword) for name, keyword in every.items()}
        extended = validators.extend(Draft202012Validator, minding)  # type: ignore[no-untyped-call]
        return extended(self._schema, registry=REGISTRY)

    def _minding(self, keyword: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        def held(*given: Any) -> Iterator[Any]:
            self._mind()
            yield from keyword(*given) or ()

        return held

    def _mind(self) -> None:
        if time.monotonic() > self._deadline:
            raise Unjudgeable(f"holding the value against its schema took longer than {CHECK_S:g} s")

    def _found(self, pattern: str, text: str) -> bool:
        self._mind()
        return patterns.search(pattern, text) is not None

    def _pattern(self, _validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
        from jsonschema import ValidationError

        if isinstance(instance, str) and not self._found(pattern, instance):
            yield ValidationError(f"{instance!r} does not match {pattern!r}")

    def _pattern_properties(self, validator: Any, by_pattern: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        for pattern, part in by_pattern.items() if isinstance(instance, dict) else ():
            for key, value in instance.items():
                if self._found(pattern, key):
                    yield from validator.descend(value, part, path=key, schema_path=pattern)

    def _additional(self, validator: Any, part: Any, instance: Any, schema: Any) -> Iterator[Any]:
        from jsonschema import ValidationError

        known, by_pattern = schema.get("properties", {}), schema.get("patternProperties", {})
        for key, value in instance.items() if isinstance(instance, dict) else ():
            if key in known or any(self._found(pattern, key) for pattern in by_pattern):
                continue
            if part is False:
                yield ValidationError(f"Additional properties are not allowed ({key!r} was unexpected)")
            else:
                yield from validator.descend(value, part, path=key)

    def _unevaluated(self, validator: Any, part: Any, instance: Any, schema: Any) -> Iterator[Any]:
        from jsonschema import Draft202012Validator

        # The library searches names by patterns without a limit here, and there is no door to put one in.
        if any(True for _ in _patterns_of(self._schema, key="patternProperties")):
            raise Unjudgeable("unevaluatedProperties beside patternProperties cannot be looked at in bounded time")
        yield from Draft202012Validator.VALIDATORS["unevaluatedProperties"](validator, part, instance, schema) or ()


def _wrapped(data: Any) -> Any:
    """The data with short representations. Raises Unjudgeable for what is too large or too deep."""
    left = [MOST_VALUES]

    def wrap(value: Any, level: int) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Unjudgeable(f"the value has more than {MOST_VALUES} parts, too many for a schema")
        if level > DEEPEST:
            raise Unjudgeable(f"the value is nested too deeply: more than {DEEPEST} levels")
        if isinstance(value, str):
            return _Text(value)
        if isinstance(value, Mapping):
            return _Object((_Text(key), wrap(item, level + 1)) for key, item in value.items())
        if isinstance(value, (list, tuple)):
            return _List(wrap(item, level + 1) for item in value)
        return value

    return wrap(data, 0)


def _brief(value: Any) -> str:
    if isinstance(value, (dict, list)) and value:
        return "{...}" if isinstance(value, dict) else "[...]"
    return repr(value)


def _patterns_of(schema: Any, *, key: str = "") -> Iterator[str]:
    """The patterns of a schema, those of `pattern` and of `patternProperties`, or of one of them."""
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, list):
            stack.extend(part)
        elif isinstance(part, Mapping):
            if isinstance(part.get("pattern"), str) and key in ("", "pattern"):
                yield part["pattern"]
            by_pattern = part.get("patternProperties")
            if isinstance(by_pattern, Mapping) and key in ("", "patternProperties"):
                yield from by_pattern
            stack.extend(value for name, value in part.items() if name not in _DATA)


def _unique(_validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if wanted and isinstance(instance, list):
        known = {json.dumps(_numbers(item), sort_keys=True) for item in instance}
        if len(known) < len(instance):
            yield ValidationError("has items that are not unique")


def _numbers(value: Any) -> Any:
    """The value with whole numbers in one form: to JSON Schema 1 and 1.0 are the same."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _numbers(item) for key, item in value.items()}
    return [_numbers(item) for item in value] if isinstance(value, list) else value
