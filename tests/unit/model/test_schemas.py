"""The published schemas of run.json and verdict.json say what the types say. Rewrite them with --update-golden."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import agentops
from agentops.model.run import RunResult
from agentops.model.verdict import Verdict

SCHEMAS = Path(agentops.__file__).parent / "config" / "schemas"
PUBLISHED = {"run.schema.json": RunResult, "verdict.schema.json": Verdict}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_of(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [schema_of(k, parts) if k is not type(None) else {"type": "null"} for k in inner]}
    if origin is tuple:
        return {"type": "array", "items": schema_of(inner[0], parts)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": schema_of(inner[1], parts)}
    if isinstance(kind, type) and issubclass(kind, Enum):
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
    # A sparse class leaves out what holds its default.
    sparse = getattr(kind, "SPARSE", False)
    needed = [f.name for f in dataclasses.fields(kind) if not sparse or f.default is dataclasses.MISSING]
    return {"type": "object", "additionalProperties": False, "required": needed, "properties": properties}


def document(name: str) -> dict[str, Any]:
    kind, parts = PUBLISHED[name], {}
    body = object_of(kind, parts)
    version = next(f.default for f in dataclasses.fields(kind) if f.name == "schema")
    body["properties"]["schema"] = {"const": version}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"agentops:{version}"}
    return head | {"title": name.removesuffix(".schema.json") + ".json"} | body | {"$defs": parts}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_schema_is_that_of_the_types(name: str, request: pytest.FixtureRequest) -> None:
    text = json.dumps(document(name), indent=1) + "\n"
    if request.config.getoption("--update-golden"):
        (SCHEMAS / name).write_text(text)
    assert (SCHEMAS / name).read_text() == text
    Draft202012Validator.check_schema(json.loads(text))


def test_what_is_written_satisfies_it() -> None:
    golden = Path(__file__).parents[2] / "golden"
    for name in ("run", "verdict"):
        data = json.loads((golden / f"{name}.json").read_text())
        Draft202012Validator(document(f"{name}.schema.json")).validate(data)
