"""Evalsets: files of cases, read and held against their schema before anything is spent.

An evalset is a mapping with `cases`, or just a list of cases; YAML or JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentops.config import document
from agentops.config.document import Document, Keys
from agentops.errors import ConfigError
from agentops.evals.metrics import judge
from agentops.model.case import Assertion, Case, Suite
from agentops.model.finding import Location

SCHEMA = "evalset.schema.json"


def load(paths: Sequence[str], *, root: Path) -> tuple[Suite, ...]:
    """Read the evalsets. Case ids are unique over all of them: reports know a case by its id.

    Raises ConfigError naming file and line for a missing file, an empty suite, a case without an assertion, a
    duplicate id, or an assertion that cannot be meant.
    """
    suites = tuple(_load(root / path, shown=path) for path in paths)
    seen: dict[str, Location] = {}
    for case in (case for suite in suites for case in suite.cases):
        if case.id in seen:
            raise ConfigError(
                f"{case.location}: the case id {case.id!r} is taken by {seen[case.id]}",
                hint="give every case an id of its own",
            )
        seen[case.id] = case.location
    return suites


def _load(path: Path, *, shown: str) -> Suite:
    found = document.read(path, shown=shown)
    if found.data is None or found.data == [] or (isinstance(found.data, dict) and found.data.get("cases") == []):
        raise ConfigError(f"{shown}: the suite holds no cases", hint="write at least one case, or take the suite out")
    if isinstance(found.data, list):
        lines = {("cases", *keys): line for keys, line in found.lines.items()}
        found = Document(found.path, {"cases": found.data}, lines, found.sha256)
    document.check(found, SCHEMA)
    name = found.data.get("name") or path.stem
    cases = tuple(_case(data, found, ("cases", i)) for i, data in enumerate(found.data["cases"]))
    return Suite(name, shown, found.sha256, cases)


def _case(data: Mapping[str, Any], found: Document, keys: Keys) -> Case:
    line = found.lines.get(keys)
    return Case(
        id=data["id"],
        input=data["input"],
        tags=tuple(dict.fromkeys(data.get("tags", ()))),
        expect=tuple(_assertion(item, found, (*keys, "expect", i)) for i, item in enumerate(data["expect"])),
        location=Location(found.path, line),
    )


def _assertion(data: Mapping[str, Any], found: Document, keys: Keys) -> Assertion:
    ((kind, value),) = data.items()
    if kind == "not":
        inner = _assertion(value, found, (*keys, "not"))
        return Assertion(inner.kind, inner.params, negate=not inner.negate)
    try:
        params = value if isinstance(value, dict) and kind != "json_schema" else {"value": value}
        _refuse(kind, params)
    except ConfigError as error:
        raise ConfigError(f"{found.place((*keys, kind))}: {kind}: {error.message}", hint=error.hint) from None
    return Assertion(kind, params)


def _refuse(kind: str, params: Mapping[str, Any]) -> None:
    """Raise ConfigError for a parameter that the schema lets through and that could never be judged."""
    if kind == "regex":
        import regex

        try:
            regex.compile(params["value"])
        except regex.error as error:
            raise ConfigError(f"no regular expression: {error}", hint="mend the pattern") from None
    elif kind == "json_schema":
        from jsonschema import Draft202012Validator, SchemaError

        try:
            Draft202012Validator.check_schema(params["value"])
        except SchemaError as error:
            raise ConfigError(f"no JSON Schema: {error.message}", hint="mend the schema") from None
    elif kind == "judge":
        judge.check(params)
