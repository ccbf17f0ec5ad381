"""Patterns and JSON Schemas that come from the user, held against text that comes from an agent, in bounded time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentops.contracts import Unjudgeable
from agentops.errors import ConfigError

SEARCH_S = 1.0
"""Seconds that one search for a pattern may take."""


def search(pattern: str, said: str, *, ignore_case: bool = False) -> str | None:
    """The first text that the pattern matches, None where there is none. Raises Unjudgeable where the search takes
    too long: patterns that backtrack without end must not let an answer hang the gate."""
    return search_any(pattern, (said,), ignore_case=ignore_case)


def search_any(pattern: str, texts: Iterable[str], *, ignore_case: bool = False) -> str | None:
    """As `search`, over texts that are each looked at for themselves; the time limit is for all of them."""
    import regex

    compiled = regex.compile(pattern, flags=regex.IGNORECASE if ignore_case else 0)
    deadline = time.monotonic() + SEARCH_S
    for text in texts:
        try:
            found = compiled.search(text, timeout=max(deadline - time.monotonic(), 0.001))
        except TimeoutError:
            raise Unjudgeable(f"the search took longer than {SEARCH_S:g} s: simplify the pattern") from None
        if found is not None:
            return str(found.group(0))
    return None


def check_pattern(pattern: str) -> None:
    """Refuse what is no pattern with a ConfigError."""
    import regex

    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ConfigError(f"no regular expression: {error}", hint="mend the pattern") from None


def check_schema(schema: Any) -> None:
    """Refuse what is no JSON Schema with a ConfigError."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ConfigError(f"no JSON Schema: {error.message}", hint="mend the schema") from None


def violation(schema: Any, data: Any) -> str | None:
    """What is wrong with the data by the JSON Schema (2020-12), with its place; None where it satisfies the schema.

    Patterns are searched with a time limit and `uniqueItems` takes linear time, where the library's own would let a
    hostile value hang it. Nothing is fetched for a `$ref`. Raises Unjudgeable for data that cannot be looked at.
    """
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(_validator()(schema).iter_errors(data), key=lambda e: list(map(str, e.absolute_path)))
    except RecursionError:
        raise Unjudgeable("the value is nested too deeply for its schema") from None
    except Unresolvable as error:
        raise Unjudgeable(f"the schema refers to what is not there: {error}") from None
    if not errors:
        return None
    where = ".".join(str(part) for part in errors[0].absolute_path)
    return f"{where}: {errors[0].message[:500]}" if where else errors[0].message[:500]


def _validator() -> Any:
    from jsonschema import Draft202012Validator, validators
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    own = {"pattern": _pattern, "patternProperties": _pattern_properties, "uniqueItems": _unique}
    extended = validators.extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]
    # A registry of its own: the library would otherwise fetch what a `$ref` names.
    return lambda schema: extended(schema, registry=REGISTRY)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and search(pattern, instance) is None:
        yield ValidationError(f"{instance[:80]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict):
        for pattern, part in patterns.items():
            for key, value in instance.items():
                if search(pattern, key) is not None:
                    yield from validator.descend(value, part, path=key, schema_path=pattern)


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
