"""A case with a table becomes one case a row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentops.config.document import MAX_BYTES, Document
from agentops.errors import ConfigError
from agentops.evals.dataset import cells, columns, source
from agentops.evals.dataset.attached import Named
from agentops.evals.dataset.check import HINT, Entry
from agentops.evals.dataset.columns import SCHEMA
from agentops.evals.dataset.placeholders import fill, shown
from agentops.evals.dataset.shape import Pointer, sound
from agentops.model.finding import Location

MAX_CASES = 50_000
MAX_TEXT = 256 * 1024 * 1024

_ITEMS: Mapping[str, Pointer] = {
    "expect": ("$defs", "assertion"),
    "setup": ("$defs", "setup", "items"),
    "after": ("$defs", "after", "items"),
    "files": ("$defs", "files", "items"),
}
_FILLED = ("input", "turns", "files", "expect", "setup", "after")


def entries(found: Document, named: Named, *, numbered: bool) -> list[Entry]:
    """Every case of the document as data, those with a table once a row. Raises ConfigError with the place for a table
    that is no table, and for a placeholder that no column fills."""
    made: list[Entry] = []
    for index, case in enumerate(found.data["cases"]):
        keys = ("cases", index)
        label = f"cases.{index}" if numbered else ""
        if isinstance(case, dict) and "table" in case:
            made += _rows(case, Entry(case, keys, label, Location(found.path, found.lines.get(keys))), found, named)
        else:
            made.append(Entry(case, keys, label, Location(found.path, found.lines.get(keys))))
        if len(made) > MAX_CASES:
            raise ConfigError(f"{found.path}: more than {MAX_CASES} cases", hint="split the evalset")
    return made


def _rows(case: Mapping[str, Any], entry: Entry, found: Document, named: Named) -> Iterator[Entry]:
    rows = _inline(case, entry, found) if isinstance(case["table"], list) else _from_file(case, entry, found, named)
    size = sum(len(json.dumps(case[key], default=str)) for key in _FILLED if key in case)
    if size * len(rows) > MAX_TEXT:
        raise ConfigError(
            f"{entry.location}: the case, once for each of {len(rows)} rows, is more than {MAX_TEXT // 2**20} MiB",
            hint="shorten the case, or split the table",
        )
    for number, (row, location) in enumerate(rows, 1):
        if number > MAX_CASES:
            raise ConfigError(f"{location}: a table of more than {MAX_CASES} rows", hint="split the table")
        key = shown(row["id"]) if row.get("id") not in (None, "") else str(number)
        if not isinstance(case.get("id"), str):
            # The schema says what is wrong, once.
            yield Entry({k: v for k, v in case.items() if k != "table"}, entry.keys, entry.label, location)
            return
        data = {
            k: _filled(k, v, row, _place(found, entry, k, location)) if k in _FILLED else v
            for k, v in case.items()
            if k != "table"
        }
        data["id"] = f"{case['id']}-{key}"
        tags = row.get("tags")
        if tags not in (None, ""):
            more = columns.split_tags(tags) if isinstance(tags, str) else tags
            own = case.get("tags", [])
            data["tags"] = [*own, *more] if isinstance(own, list) and isinstance(more, list) else more
        yield Entry(data, entry.keys, f"{entry.label} (row {key})".lstrip(), location)


def _filled(key: str, value: Any, row: Mapping[str, Any], place: str) -> Any:
    """A part of the case with the row's values, each assertion and step with texts where it needs texts."""
    if key == "turns" and isinstance(value, list):
        return [
            {k: _filled(k, v, row, place) for k, v in turn.items()} if isinstance(turn, dict) else turn
            for turn in value
        ]
    if key in _ITEMS and isinstance(value, list):
        return [fill(item, row, place=place, fits=sound(SCHEMA, _ITEMS[key])) for item in value]
    return fill(value, row, place=place, fits=lambda filled: isinstance(filled, str))


def _place(found: Document, entry: Entry, key: str, location: Location) -> str:
    """Where a placeholder stands, and the row that it is filled from."""
    return f"{found.place((*entry.keys, key))}: {key}, with the row at {location}"


def _inline(case: Mapping[str, Any], entry: Entry, found: Document) -> list[tuple[Mapping[str, Any], Location]]:
    rows: list[tuple[Mapping[str, Any], Location]] = []
    for i, row in enumerate(case["table"]):
        keys = (*entry.keys, "table", i)
        if not isinstance(row, dict) or not row:
            place = found.place(keys)
            raise ConfigError(f"{place}: a row must be a mapping of names and values", hint=HINT)
        rows.append((row, Location(found.path, found.lines.get(keys) or entry.location.line)))
    if not rows:
        raise ConfigError(f"{found.place((*entry.keys, 'table'))}: the table has no rows", hint="write at least one")
    return rows


def _from_file(
    case: Mapping[str, Any], entry: Entry, found: Document, named: Named
) -> list[tuple[Mapping[str, Any], Location]]:
    place = found.place((*entry.keys, "table"))
    name = case["table"]
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{place}: table: must be a list of rows, or the path of a CSV file", hint=HINT)
    text = source.text(named.content(name, place=place, limit=MAX_BYTES), shown=f"{place}: {name}")
    # Beside an evalset in a folder, messages name the table as one finds it from the project.
    path = "/".join((*found.path.split("/")[:-1], name))
    table = cells.read(text, path)
    if not table.rows:
        raise ConfigError(f"{place}: the table {name} has no rows", hint="write at least one below the header")
    return [(row.cells, Location(path, row.line)) for row in table.rows]
