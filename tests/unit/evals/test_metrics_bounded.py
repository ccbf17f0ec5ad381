"""Patterns and schemas of the user's in bounded time and memory, whatever the value."""

import json
import re
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentops.contracts import Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics import patterns, schemas

BOMBS = [
    "((((a{99}){99}){99}){99})", "(a{1000}){1000}", "(?:(?:[a-z]{0,999}x){999})", "a{999999}",
    "(((((a{9}){9}){9}){9}){9}){9}",
    "a{" + "9" * 5000 + "}", "x" * 20_001, r"(?:\(){300000}", "(?:a|b{9999}){99}",
]  # fmt: skip
FINE = [
    r"^A-\d{4}$", "(a{99}){99}", "(?:x{1,300}){1,300}", r"[{(]{3}\){9}", "a{b}", "a{,5}", "a{5,}", "(a|b)*c+?d{2}",
    "[]{9}]", "", "(?P<year>[0-9]{4})-(?P=year)",
]  # fmt: skip


@pytest.mark.parametrize("pattern", BOMBS)
def test_a_pattern_that_would_take_long_to_compile_is_refused_at_once(pattern: str) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigError, match=r"repeats too much|characters, more than"):
        patterns.check_pattern(pattern)
    with pytest.raises(Unjudgeable, match="the pattern"):
        patterns.search(pattern, "aaa")
    with pytest.raises(ConfigError):
        schemas.check_schema({"properties": {"a": {"patternProperties": {pattern: {}}}}})
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("pattern", FINE)
def test_other_patterns_are_not(pattern: str) -> None:
    patterns.check_pattern(pattern)
    schemas.check_schema({"items": {"pattern": pattern}})


@pytest.mark.parametrize("pattern", ["(", ")a{5}", "(" * 5000 + ")" * 5000, "[", "a**"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError):
        patterns.check_pattern(pattern)
    with pytest.raises(ConfigError):
        schemas.check_schema({"pattern": pattern})


@given(st.text(alphabet="a(){}[]|*+?,0123\\^$.", max_size=40))
def test_no_pattern_breaks_the_count(pattern: str) -> None:
    assert patterns.excess(pattern) in ("", patterns.excess("(a{9999}){9999}"))


def test_names_that_look_like_keywords_are_no_patterns() -> None:
    schemas.check_schema({"properties": {"pattern": {"type": "string"}}, "enum": [{"pattern": "("}]})


def test_alternatives_that_nest_cost_neither_time_nor_memory() -> None:
    either = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#"}}]}
    data = json.loads("[" * 30 + '"' + "a" * 2_000_000 + '",1' + "]" * 30)
    tracemalloc.start()
    started = time.monotonic()
    assert "is not valid under any" in str(schemas.violation(either, data))
    assert time.monotonic() - started < 3
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_references_that_double_are_an_error_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "CHECK_S", 0.3)
    doubled = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i - 1}"}] * 2} for i in range(1, 26)}
    started = time.monotonic()
    with pytest.raises(Unjudgeable, match="took longer"):
        schemas.violation({"$defs": {"a0": {"type": "string"}, **doubled}, "$ref": "#/$defs/a25"}, "x")
    assert time.monotonic() - started < 2


def test_values_that_are_too_large_or_too_deep_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = 1
    for _ in range(schemas.DEEPEST):
        deep = {"a": deep}
    assert schemas.violation({"type": "object"}, deep) is None
    with pytest.raises(Unjudgeable, match="nested too deeply"):
        schemas.violation({"type": "object"}, {"a": deep})
    monkeypatch.setattr(schemas, "MOST_VALUES", 10)
    assert schemas.violation({"type": "array"}, [0] * 9) is None
    with pytest.raises(Unjudgeable, match="too many"):
        schemas.violation({"type": "array"}, [0] * 10)


def test_names_are_searched_with_a_limit_wherever_patterns_stand() -> None:
    slow = {"^(a|aa)+$": {}}
    data = {"a" * 60 + "!": 1}
    for schema in ({"patternProperties": slow}, {"patternProperties": slow, "additionalProperties": False}):
        with pytest.raises(Unjudgeable, match="simplify the pattern"):
            schemas.violation(schema, data)
    with pytest.raises(Unjudgeable, match="unevaluatedProperties"):
        schemas.violation({"allOf": [{"patternProperties": slow}], "unevaluatedProperties": False}, {})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "ab", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c1"]), inner, max_size=3),
    max_leaves=8,
)
SCHEMA: dict[str, Any] = {
    "type": ["object", "array", "string"],
    "properties": {"a": {"type": ["string", "integer"], "minLength": 1}},
    "patternProperties": {"^c": {"type": "array"}},
    "additionalProperties": {"enum": [1, "ab", [1], {"a": 1}]},
    "items": {"anyOf": [{"$ref": "#"}, {"const": 1}]},
    "maxItems": 2,
    "pattern": "b$",
}


@given(VALUES)
def test_the_verdict_is_the_librarys(value: Any) -> None:
    for schema in (SCHEMA, {**SCHEMA, "additionalProperties": False}):
        assert (schemas.violation(schema, value) is None) is Draft202012Validator(schema).is_valid(value)


def test_messages_show_a_piece_of_what_is_wrong() -> None:
    assert (
        schemas.violation({"items": {"type": "integer"}}, [1, "x" * 500])
        == f"1: '{'x' * 80}'... is not of type 'integer'"
    )
    found = schemas.violation({"type": "string"}, {"a": [1], "b": 2})
    assert found == "{'a': [...], 'b': 2} is not of type 'string'"
    assert re.match(r"\[0, 1, 2, 3, 4, 5, \.\.\.\]", schemas.violation({"maxItems": 1}, list(range(99))) or "")
    assert "('b' was unexpected)" in str(
        schemas.violation({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1})
    )
