"""What a head says of a prompt's variables: JSON Schema, picoschema (dotprompt), prompty's inputs, plain lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_KEYS = ("inputs", "input", "input_variables", "parameters", "variables", "arguments", "args")
_NAMED = ("name", "key", "id")
_MOST = 500


@dataclass(slots=True)
class Inputs:
    """Types and descriptions by name, and the names that are listed, None where nothing lists any."""

    types: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] | None = None

    def add(self, name: str, kind: str, description: str) -> None:
        """One variable."""
        if kind:
            self.types[name] = kind
        if description:
            self.descriptions[name] = description
        self.declared = (*(self.declared or ()), name) if name not in (self.declared or ()) else self.declared


def inputs(data: Mapping[Any, Any]) -> Inputs:
    """The variables that the head declares."""
    found = Inputs()
    for key in _KEYS:
        declared = data.get(key)
        if isinstance(declared, list):
            _listed(declared, found)
        elif isinstance(declared, dict):
            _mapped(declared, found)
    if found.declared is None and isinstance(data.get("sample"), dict):
        # Prompty's first version shows its inputs by a sample only.
        found.declared = tuple(str(name) for name in data["sample"])[:_MOST] or None
    return found


def _listed(declared: list[Any], found: Inputs) -> None:
    for one in declared[:_MOST]:
        if isinstance(one, str):
            found.add(one, "", "")
        elif isinstance(one, dict):
            name = next((one[k] for k in _NAMED if isinstance(one.get(k), str)), None)
            if name is not None:
                found.add(name, _type(one), _description(one))


def _mapped(declared: Mapping[Any, Any], found: Inputs) -> None:
    pico = False
    if isinstance(declared.get("schema"), dict):
        declared, pico = declared["schema"], True
    if isinstance(declared.get("properties"), dict) and (pico or declared.get("type") in ("object", None)):
        declared, pico = declared["properties"], False
    for name, what in list(declared.items())[:_MOST]:
        if pico:
            _picoschema(str(name), what, found)
        elif isinstance(what, dict):
            found.add(str(name), _type(what), _description(what))
        else:
            # A value here is a default, which says little, unless it is the name of a type.
            found.add(str(name), _word(what) if isinstance(what, str) else "", "")


def _picoschema(name: str, what: Any, found: Inputs) -> None:
    """`count: integer, how many`, `size(enum, how big): [s, m]`, `tags?(array): string`."""
    plain, _, form = name.partition("(")
    form, _, description = form.rstrip(")").partition(",")
    plain = plain.rstrip("?").strip()
    if form:
        found.add(plain, form.strip().lower(), description.strip())
    elif isinstance(what, dict):
        found.add(plain, _type(what) or "object", _description(what))
    elif isinstance(what, str):
        kind, _, description = what.partition(",")
        found.add(plain, kind.strip().lower() if len(kind) < 40 else "", description.strip()[:500])
    else:
        found.add(plain, "", "")


def _type(what: Mapping[Any, Any]) -> str:
    if isinstance(what.get("enum"), list):
        return "enum"
    kind = what.get("type", what.get("kind", ""))
    written = what.get("format")
    if kind == "string" and written in ("date", "date-time", "time"):
        return str(written)
    return kind.lower() if isinstance(kind, str) else ""


def _description(what: Mapping[Any, Any]) -> str:
    said = what.get("description", what.get("help", ""))
    return said[:500] if isinstance(said, str) else ""


_TYPES = frozenset((
    "string", "str", "integer", "int", "number", "float", "boolean", "bool", "array", "list", "object", "dict", "date",
    "datetime", "enum", "any",
))  # fmt: skip


def _word(what: str) -> str:
    return what.strip().lower() if what.strip().lower() in _TYPES else ""
