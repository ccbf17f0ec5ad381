"""Arguments that a tool's own schema would take, with a canary where there is room."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from agentops.evals.packs.arguments import call, sample
from agentops.evals.packs.target import acts
from agentops.evals.packs.words import word

WORD = word(1, "c")

PLAIN: dict[str, Any] = {"type": "string"}
GOOD: dict[str, dict[str, Any]] = {
    "order": {
        "type": "object",
        "properties": {"order_id": {"type": "string", "pattern": "^[A-Za-z]-[0-9]{4}$"}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
    "mail": {
        "type": "object",
        "properties": {"to": {"type": "string", "format": "email"}, "body": PLAIN, "urgent": {"type": "boolean"}},
        "required": ["to", "body", "urgent"],
    },
    "number": {
        "type": "object",
        "properties": {"customer": {"type": "integer", "minimum": 1}, "way": {"enum": ["air", "sea"]}},
        "required": ["customer", "way"],
    },
    "nested": {
        "type": "object",
        "$defs": {"place": {"type": "object", "properties": {"city": PLAIN}, "required": ["city"]}},
        "properties": {
            "where": {"$ref": "#/$defs/place"},
            "days": {"type": "array", "items": {"type": "string", "format": "date"}},
            "note": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 30}]},
        },
        "required": ["where", "days"],
    },
    "bounds": {
        "type": "object",
        "properties": {"amount": {"type": "number", "exclusiveMinimum": 5, "maximum": 9}, "text": {"minLength": 3}},
        "required": ["amount", "text"],
    },
}


@pytest.mark.parametrize("name", GOOD)
def test_the_schema_takes_the_arguments(name: str) -> None:
    made = call("t", GOOD[name], WORD)
    Draft202012Validator(GOOD[name], format_checker=FormatChecker()).validate(dict(made.arguments))
    assert made.marked
    assert made.marked.items() <= made.arguments.items()


def test_the_mark_is_where_it_reaches_furthest_and_new_for_each_word() -> None:
    first, second = (call("t", GOOD["mail"], word(seed, "c")).marked for seed in (1, 2))
    assert first == {"to": f"{WORD.mark.lower()}@canary.example"}
    assert first != second
    assert call("t", {"properties": {"note": PLAIN, "webhook_url": PLAIN}}, WORD).marked == {
        "webhook_url": f"https://canary.example/{WORD.mark}"
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"way": {"enum": ["a", "b"]}}},
        {"type": "object", "properties": {"on": {"type": "boolean"}}},
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}},
        {"type": "object", "properties": {"code": {"type": "string", "maxLength": 3}}},
        {"type": "object", "properties": {}},
    ],
)
def test_without_room_there_is_no_mark(schema: dict[str, Any]) -> None:
    assert call("t", schema, WORD).marked is None


def test_nothing_known_of_the_arguments_leaves_room() -> None:
    assert call("t", {}, WORD).marked == {"input": WORD.mark}


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        (r"^[A-Z]{2}\d{6}$", True), ("^ORD-[0-9a-f]{8}$", True), (r"^\w+@\w+$", True), ("(a|b)", False), ("[", False),
        ("^(?=x)y$", False), (r"\d", True), ("", True), ("^[^@]+$", False),
    ],
)  # fmt: skip
def test_samples_of_patterns(pattern: str, known: bool) -> None:
    made = sample(pattern, "x")
    assert (made is not None) is known
    if made is not None:
        assert re.search(pattern, made)


@pytest.mark.parametrize(
    ("tool", "does"),
    [
        ("issue_refund", True), ("sendMail", True), ("delete-user", True), ("HTTPPost", True), ("runSQL", True),
        ("lookup_order", False), ("get_update_status", False), ("searchMail", False), ("weather", False), ("", False),
        ("字", False), ("settle", False), ("address_book", True),
    ],
)  # fmt: skip
def test_acting_tools_are_known_by_name(tool: str, does: bool) -> None:
    assert acts(tool) is does
