"""The four formats of an evalset, read into one document: a mapping with `cases`, and the line of every value."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentops.config import document
from agentops.config.document import MAX_BYTES, Document, Keys
from agentops.errors import ConfigError
from agentops.evals.dataset import cells, columns, lines, source
from agentops.evals.dataset.columns import EXPECTED_OUTPUT
from agentops.evals.dataset.source import Source

_EMPTY = "write at least one case, or take the suite out"


@dataclass(frozen=True, slots=True)
class Written:
    """An evalset as data that still has to be checked. `numbered`: messages tell the number of a case; elsewhere its
    line says it all."""

    document: Document
    numbered: bool


def read(path: Path, *, shown: str, kinds: tuple[str, ...], files: Source) -> Written:
    """Read a file by its ending: .json, .jsonl, .csv, and any other as YAML. `kinds` are the assertions that may be
    columns of a CSV. Raises ConfigError with the line for what cannot be read, and for a suite without cases."""
    raw = files.read(path, shown=shown, limit=MAX_BYTES)
    text = source.text(raw, shown=shown)
    ending = path.suffix.lower()
    if ending == ".csv":
        table = cells.read(text, shown)
        rows = columns.cases(table, shown, kinds=kinds)
        found = _simple(
            Document(shown, {"cases": rows}, {("cases", i): r.line for i, r in enumerate(table.rows)}), path
        )
    elif ending in (".jsonl", ".ndjson"):
        found = _simple(_json_lines(text, shown), path)
    elif ending == ".json":
        found = _json(text, path, shown)
    else:
        found = _listed(_yaml(text, shown))
    data = found.data
    if data is None or data == [] or (isinstance(data, dict) and data.get("cases") == []):
        raise ConfigError(f"{shown}: the suite holds no cases", hint=_EMPTY)
    digest = hashlib.sha256(raw).hexdigest()
    return Written(Document(shown, data, found.lines, digest), numbered=ending not in (".csv", ".jsonl", ".ndjson"))


def _yaml(text: str, shown: str) -> Document:
    try:
        return document.parse_yaml(text, shown)
    except (ValueError, RecursionError):
        raise ConfigError(f"{shown}: a number has thousands of digits", hint="write it as text") from None


def _json(text: str, path: Path, shown: str) -> Document:
    data = lines.parse(text, shown)
    found = Document(shown, data, lines.lines(text, shown))
    if isinstance(data, list):
        return _simple(_listed(found), path)
    if isinstance(data, dict) and "test_cases" in data and "cases" not in data:
        renamed = {"cases" if key == "test_cases" else key: value for key, value in data.items()}
        places = {("cases", *k[1:]) if k[:1] == ("test_cases",) else k: line for k, line in found.lines.items()}
        return _simple(Document(shown, renamed, places), path)
    return found


def _json_lines(text: str, shown: str) -> Document:
    cases: list[Any] = []
    places: dict[Keys, int] = {}
    # Not splitlines: a text may hold line separators of Unicode, which end no line of such a file.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            case = lines.parse(line, shown)
        except ConfigError as error:
            told = re.sub(r"^(:1)?:", "", error.message[len(shown) :])
            raise ConfigError(f"{shown}:{number}:{told}", hint=error.hint) from None
        if lines.too_deep(case):
            raise ConfigError(f"{shown}:{number}: nested deeper than {lines.MAX_DEPTH} levels", hint="flatten it")
        if not isinstance(case, dict):
            raise ConfigError(f"{shown}:{number}: a case must be an object", hint="write one case a line")
        places["cases", len(cases)] = number
        cases.append(case)
    return Document(shown, {"cases": cases}, places)


def _listed(found: Document) -> Document:
    """A bare list of cases as a mapping that has them."""
    if not isinstance(found.data, list):
        return found
    places: dict[Keys, int] = {("cases", *keys): line for keys, line in found.lines.items()}
    return Document(found.path, {"cases": found.data}, places)


def _simple(found: Document, path: Path) -> Document:
    """Plain lists of cases may name what is expected by `expected_output`, and need not give ids."""
    if not isinstance(found.data["cases"], list):
        return found
    taken: dict[str, int] = {}
    cases = []
    for index, case in enumerate(found.data["cases"]):
        if isinstance(case, dict):
            case = _expected(case, found.place(("cases", index, EXPECTED_OUTPUT)))
            if "id" not in case:
                case = {"id": _identity(case, path, taken), **case}
        cases.append(case)
    return Document(found.path, {**found.data, "cases": cases}, found.lines)


def _expected(case: Mapping[str, Any], place: str) -> dict[str, Any]:
    rest = {key: value for key, value in case.items() if key != EXPECTED_OUTPUT}
    if EXPECTED_OUTPUT not in case:
        return rest
    wanted, others = case[EXPECTED_OUTPUT], case.get("expect", [])
    if not isinstance(wanted, str) or not wanted.strip():
        raise ConfigError(
            f"{place}: {EXPECTED_OUTPUT} must be a text that the answer holds", hint="write a text, or use expect"
        )
    if isinstance(others, list):
        rest["expect"] = [{"icontains": wanted}, *others]
    return rest


def _identity(case: Mapping[str, Any], path: Path, taken: dict[str, int]) -> str:
    """A name out of what the case asks, so that it stays when rows come, go or move, and when expectations change."""
    asked = case.get("input")
    text = asked if isinstance(asked, str) else json.dumps(case, sort_keys=True, default=str)
    stem = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:60] or "case"
    name = f"{stem}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}-{taken[name]}"
