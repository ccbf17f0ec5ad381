"""Data of an evalset held against its schema, with the assertions of the user's own metrics let through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.config import document
from agentops.config.document import Document, Keys
from agentops.errors import ConfigError
from agentops.evals.dataset import advice
from agentops.evals.dataset.columns import SCHEMA
from agentops.evals.dataset.shape import sound
from agentops.model.finding import Location

HINT = "see docs/evalsets.md, or the schema evalset.schema.json"

_MOST = 12
# They stand in for what is looked at elsewhere.
_CASE: Mapping[str, Any] = {"id": "a"}
_ASSERTION: Mapping[str, Any] = {"refusal": True}


@dataclass(frozen=True, slots=True)
class Entry:
    """A case as data. `keys` is where it, or the case whose table it comes from, stands in the document; `label` is how
    messages call it, `location` its own place."""

    data: Any
    keys: Keys
    label: str
    location: Location


def head(found: Document, own: frozenset[str]) -> None:
    """Refuse what is wrong outside the cases. `own` are the kinds of the user's own metrics. Raises ConfigError."""
    data = found.data
    if isinstance(data, dict) and isinstance(data.get("cases"), list):
        data = {**data, "cases": [_CASE]}
        if own and isinstance(data.get("defaults"), dict):
            data["defaults"] = _masked(data["defaults"], own)
        if sound(SCHEMA)(data):
            return
    try:
        document.check(Document(found.path, data, found.lines), SCHEMA)
    except ConfigError as error:
        problems = advice.advised(error.problems, data, own)
        raise ConfigError(problems[0], problems=problems, hint=advice.hint(problems, own)) from None


def cases(found: Document, entries: Iterable[Entry], own: frozenset[str]) -> None:
    """Refuse cases that the schema does not allow. Raises ConfigError with one problem a place."""
    is_sound = sound(SCHEMA, ("$defs", "case"))
    problems: list[str] = []
    plain: list[str] = []
    for entry in entries:
        data = _masked(entry.data, own) if own and isinstance(entry.data, dict) else entry.data
        if is_sound(data):
            continue
        if len(problems) >= _MOST:
            problems.append("and more")
            break
        made = _problems(found, entry, data, own)
        plain += made
        problems += _placed(made, found, entry)
    if problems:
        raise ConfigError(problems[0], problems=tuple(problems), hint=advice.hint(plain, own))


def _problems(found: Document, entry: Entry, data: Any, own: frozenset[str]) -> tuple[str, ...]:
    """What the schema says against one case, looked at alone, as `cases.0`."""
    depth = len(entry.keys)
    places = {("cases", 0, *k[depth:]): line for k, line in found.lines.items() if k[:depth] == entry.keys}
    try:
        document.check(Document(found.path, {"cases": [data]}, places), SCHEMA)
    except ConfigError as error:
        return advice.advised(error.problems, {"cases": [data]}, own)
    return ()


def _placed(problems: Iterable[str], found: Document, entry: Entry) -> list[str]:
    """The problems of a case as it stands in its file."""
    first = re.compile(rf"({re.escape(found.path)}(?::\d+)?: )cases\.0([.:])")
    return [first.sub(lambda m: m[1] + _called(entry.label, m[2]), p, count=1) for p in problems]


def _called(label: str, behind: str) -> str:
    """The start of a key: `cases.3.` or `cases.3:`; nothing where the line says which case it is."""
    return label + behind if label else "" if behind == "." else "the case:"


def _masked(case: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    """The case, or the defaults, with a sound assertion in place of each of the user's own metrics."""
    result = dict(case)
    if "expect" in case:
        result["expect"] = _assertions(case["expect"], own)
    if isinstance(case.get("turns"), list):
        result["turns"] = [_masked(turn, own) if isinstance(turn, dict) else turn for turn in case["turns"]]
    for key in ("setup", "after"):
        if isinstance(case.get(key), list):
            result[key] = [_step(step, own) for step in case[key]]
    return result


def _step(step: Any, own: frozenset[str]) -> Any:
    if not isinstance(step, dict):
        return step
    return {kind: _masked(inner, own) if isinstance(inner, dict) else inner for kind, inner in step.items()}


def _assertions(data: Any, own: frozenset[str]) -> Any:
    return [_assertion(item, own) for item in data] if isinstance(data, list) else data


def _assertion(data: Any, own: frozenset[str]) -> Any:
    if not isinstance(data, dict):
        return data
    weight = {key: data[key] for key in ("weight",) if key in data}
    # With a second kind beside it, it stays unknown and is refused.
    if len(data) == 1 + len(weight) and not own.isdisjoint(data):
        return {**weight, **_ASSERTION}
    result = dict(data)
    if "not" in data:
        result["not"] = _assertion(data["not"], own)
    for join in ("all", "any"):
        if join in data:
            result[join] = _assertions(data[join], own)
    weighted = data.get("weighted")
    if isinstance(weighted, dict) and "of" in weighted:
        result["weighted"] = {**weighted, "of": _assertions(weighted["of"], own)}
    return result
