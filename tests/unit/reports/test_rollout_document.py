"""The JSON document of a rollout: what its schema says, whatever a cluster said. Rewrite both with --update-golden."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from some_rollouts import all_kinds, saying, state, under_way
from unsafe_run import texts

import agentops
from agentops.model.rollout import Counts, Sample
from agentops.reports.rollout.document import SCHEMA, Report, data, render
from agentops.reports.rollout.view import View

FILE = Path(agentops.__file__).parent / "config" / "schemas" / "rollout.schema.json"
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_of(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [{"type": "null"} if k is type(None) else schema_of(k, parts) for k in inner]}
    if origin is tuple:
        return {"type": "array", "items": schema_of(inner[0], parts)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": schema_of(inner[1], parts)}
    if issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if kind in SCALARS:
        return {"type": SCALARS[kind]}
    if kind.__name__ not in parts:
        parts[kind.__name__] = {}
        parts[kind.__name__] = object_of(kind, parts)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def object_of(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)]
    properties = {name: schema_of(hints[name], parts) for name in names}
    return {"type": "object", "additionalProperties": False, "required": names, "properties": properties}


def schema() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    body = object_of(Report, parts)
    body["properties"]["schema"] = {"const": SCHEMA}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"agentops:{SCHEMA}"}
    return head | {"title": "rollout.json"} | body | {"$defs": parts}


def test_the_published_schema_is_that_of_the_types(request: pytest.FixtureRequest) -> None:
    text = json.dumps(schema(), indent=1) + "\n"
    if request.config.getoption("--update-golden"):
        FILE.write_text(text)
    assert FILE.read_text() == text
    Draft202012Validator.check_schema(json.loads(text))


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("rollout.json", render(under_way()))


@pytest.mark.parametrize("name", all_kinds())
def test_every_kind_of_rollout_satisfies_the_schema(name: str) -> None:
    found = json.loads(render(all_kinds()[name]))
    Draft202012Validator(json.loads(FILE.read_text())).validate(found)
    assert found["outcome"]["exit_code"] == (None if name in ("under-way", "frozen", "begun", "going-back") else
                                             {"done": 0, "inconclusive": 3, "stuck": 6}.get(name, 5))  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(texts)
def test_whatever_was_said_the_document_is_ascii_and_valid(text: str) -> None:
    written = render(saying(text))
    assert written.isascii()
    Draft202012Validator(schema()).validate(json.loads(written))


def test_numbers_that_json_does_not_know_are_null() -> None:
    look = Sample(0.0, Counts(3, latency=((float("inf"), 3),)), None, slos={"x": (float("nan"), 1.0)})
    found = json.loads(render(replace(under_way(), sample=look, since=None)), parse_constant=pytest.fail)
    assert found["slos"] == {"x": [None, 1.0]}


def test_evidence_is_handed_on_without_what_is_shown_otherwise() -> None:
    found = data(View(state(evidence={"analysis": {"n": 3}, "seen": {"sample": None}}), 0.0))
    assert found["evidence"] == {"analysis": {"n": 3}}
