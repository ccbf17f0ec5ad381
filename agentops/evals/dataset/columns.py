"""What the columns of a CSV evalset stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.config import document
from agentops.errors import ConfigError
from agentops.evals.dataset import advice, lines
from agentops.evals.dataset.cells import Cells, Row
from agentops.evals.dataset.shape import Pointer, Sound, sound
from agentops.text import one_line

SCHEMA = "evalset.schema.json"
EXPECTED_OUTPUT = "expected_output"

Put = Callable[[dict[str, Any], str, str], None]
"""Puts a cell into a case; the last argument is the cell's place."""

_ASSERTION = ("$defs", "assertion", "properties")
_JOINS = ("all", "any", "weighted", "not")
_MANY = re.compile(r"[\s;,]+")


def cases(cells: Cells, name: str, *, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rows as cases that still have to be checked. `kinds` are the assertions that may be columns.

    Raises ConfigError for a column that nothing is known of, and for a cell that cannot be read.
    """
    puts = _puts(cells.columns, name, kinds)
    return [_case(row, puts, name) for row in cells.rows]


def split_tags(text: str) -> list[str]:
    """Tags out of one cell: separated by white space, semicolons or commas."""
    return [tag for tag in _MANY.split(text) if tag]


def flow(cell: str, place: str) -> Any:
    """The cell read as JSON, or as YAML on one line. Raises ConfigError."""
    try:
        found = lines.parse(cell, place)
        if lines.too_deep(found):
            raise ConfigError(f"{place}: nested deeper than {lines.MAX_DEPTH} levels", hint="flatten it")
        return found
    except ConfigError:
        try:
            return document.parse_yaml(cell, place).data
        except (ValueError, RecursionError):  # a number of thousands of digits
            raise ConfigError(f"{place}: cannot be read", hint="write a value that JSON or YAML knows") from None


def _case(row: Row, puts: Mapping[str, Put], name: str) -> dict[str, Any]:
    case: dict[str, Any] = {}
    for column, cell in row.cells.items():
        if cell:
            puts[column](case, cell, f"{name}:{row.line}: {column}")
    return case


def _puts(columns: tuple[str, ...], name: str, kinds: tuple[str, ...]) -> dict[str, Put]:
    known = {**dict(_of_cases()), **dict(_of_kinds(kinds))}
    for column in columns:
        if column not in known:
            hint = "see docs/evalsets.md for the columns"
            if len(columns) == 1 and re.search(r"[;\t|]", column):
                hint = "separate the columns by commas"
            told = f"unknown column {one_line(column, 60)!r}{advice.meant(column, known)}"
            raise ConfigError(f"{name}:1: {told}", hint=hint)
    return {column: known[column] for column in columns}


def _of_cases() -> Iterator[tuple[str, Put]]:
    def text(key: str) -> Put:
        return lambda case, cell, _place: case.update({key: cell})

    def value(key: str) -> Put:
        return lambda case, cell, place: case.update({key: flow(cell, place)})

    def expect(case: dict[str, Any], cell: str, place: str) -> None:
        found = flow(cell, place)
        case.setdefault("expect", []).extend(found if isinstance(found, list) else [found])

    for key in ("id", "input", "description", "origin"):
        yield key, text(key)
    for key in ("weight", "runs", "needed"):
        yield key, value(key)
    yield "tags", lambda case, cell, _place: case.update(tags=split_tags(cell))
    yield "files", lambda case, cell, _place: case.update(files=[f.strip() for f in cell.split(";") if f.strip()])
    yield "expect", expect
    yield EXPECTED_OUTPUT, text(EXPECTED_OUTPUT)


@dataclass(frozen=True, slots=True)
class _Column:
    """`kind`, or one parameter of it; `fits` tells whether a text will do."""

    kind: str
    param: str
    negate: bool
    fits: Sound

    def __call__(self, case: dict[str, Any], cell: str, place: str) -> None:
        value = cell if self.fits(cell) else flow(cell, place)
        expect = case.setdefault("expect", [])
        if not self.param:
            expect.append({"not": {self.kind: value}} if self.negate else {self.kind: value})
            return
        for item in expect:
            inner = item.get("not") if self.negate and isinstance(item, dict) else item
            if isinstance(inner, dict) and isinstance(inner.get(self.kind), dict):
                inner[self.kind][self.param] = value
                return
        fresh = {self.kind: {self.param: value}}
        expect.append({"not": fresh} if self.negate else fresh)


def _of_kinds(kinds: tuple[str, ...]) -> Iterator[tuple[str, Put]]:
    schema = document.load_schema(SCHEMA)["$defs"]["assertion"]["properties"]
    # A column that is the name of a metric stands for it, even where it reads like another's parameter.
    for whole in (False, True):
        for kind in kinds:
            if kind in _JOINS:
                continue
            for negate in (False, True):
                start = f"not_{kind}" if negate else kind
                if whole:
                    fits = sound(SCHEMA, (*_ASSERTION, kind)) if kind in schema else lambda _cell: False
                    yield start, _Column(kind, "", negate, fits)
                elif kind in schema:
                    for param, fits in _params(kind):
                        yield f"{start}_{param}", _Column(kind, param, negate, fits)


def _params(kind: str) -> Iterator[tuple[str, Sound]]:
    """The parameters of a kind whose value may be a mapping."""
    whole, part = _resolved((*_ASSERTION, kind))
    forms = [(whole, part)] + [_resolved((*whole, "anyOf", i)) for i in range(len(part.get("anyOf", ())))]
    for pointer, form in forms:
        for param in form.get("properties", {}):
            yield param, sound(SCHEMA, (*pointer, "properties", param))


def _resolved(pointer: Pointer) -> tuple[Pointer, Mapping[str, Any]]:
    """Where the part of the schema stands, and what it is, references followed."""
    while True:
        part: Any = document.load_schema(SCHEMA)
        for key in pointer:
            part = part[key]
        if not isinstance(part, dict) or "$ref" not in part:
            return pointer, part if isinstance(part, dict) else {}
        pointer = tuple(part["$ref"].removeprefix("#/").split("/"))
