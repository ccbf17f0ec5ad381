"""What a structured file says about the variables of a prompt: names, types, descriptions, fixed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentops.injection.kinds import Kind
from agentops.injection.syntax.tree import Items, Leaf, Node, Pairs
from agentops.injection.template import Assigned

_LISTS = ("input_variables", "inputVariables", "inputs", "variables", "parameters", "arguments", "args", "input")
_FORMAT_KEYS = ("template_format", "templateFormat", "template_engine", "templating")
_MAX_NAMES = 500


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is said of the variables, by name. `notation` is the word under a key such as `template_format`."""

    declared: tuple[str, ...] | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    assigned: Mapping[str, Assigned] = field(default_factory=dict)
    notation: str = ""


def read(around: Sequence[Pairs]) -> Inputs:
    """What the mappings around a prompt say, the innermost first; the first with a list of variables counts."""
    declared: list[str] = []
    types: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    found = False
    for mapping in around:
        for key in _LISTS:
            node = mapping.get(key)
            if node is None or found:
                continue
            found = _one(node, declared, types, descriptions)
    partial = next((n for m in around if isinstance(n := m.get("partial_variables"), Pairs)), None)
    fixed = Assigned(Kind.CONSTANT, "the file itself gives the value")
    return Inputs(
        declared=tuple(dict.fromkeys(declared)) if found else _from_tests(around),
        types=types,
        descriptions=descriptions,
        assigned={name: fixed for name, _ in partial.pairs[:_MAX_NAMES]} if partial else {},
        notation=next((t.lower() for m in around if (t := m.text(*_FORMAT_KEYS))), ""),
    )


def _one(node: Node, declared: list[str], types: dict[str, str], descriptions: dict[str, str]) -> bool:
    """Read one list of variables in any of the usual forms, and say whether it was one."""
    if isinstance(node, Pairs):
        for key in ("schema", "properties", "parameters"):
            inner = node.get(key)
            if isinstance(inner, (Pairs, Items)):
                return _one(inner, declared, types, descriptions)
        for name, what in node.pairs[:_MAX_NAMES]:
            _add(name, what, declared, types, descriptions)
        return bool(node.pairs)
    if not isinstance(node, Items):
        return False
    names = 0
    for item in node.items[:_MAX_NAMES]:
        if isinstance(item, Leaf) and item.string and " " not in item.text:
            declared.append(item.text)
            names += 1
        elif isinstance(item, Pairs) and (called := item.text("name", "key", "variable", "id")):
            _add(called, item, declared, types, descriptions)
            names += 1
    return names > 0 or not node.items


def _add(name: str, what: Node, declared: list[str], types: dict[str, str], descriptions: dict[str, str]) -> None:
    name = name.split("(")[0].rstrip("?")
    declared.append(name)
    if isinstance(what, Pairs):
        schema = what.get("json_schema", "schema")
        below = schema.text("type") if isinstance(schema, Pairs) else None
        kind = what.text("type") or below
        if isinstance(what.get("enum", "options", "choices"), Items):
            types[name] = "enum"
        elif kind:
            types[name] = kind.lower()
        if description := what.text("description", "desc", "help"):
            descriptions[name] = description
    elif isinstance(what, Leaf) and what.string and len(what.text) < 200:
        # `count: integer, how many` is a type with its description.
        word, _, rest = what.text.partition(",")
        types[name] = word.strip().lower()
        if rest.strip():
            descriptions[name] = rest.strip()


def _from_tests(around: Sequence[Pairs]) -> tuple[str, ...] | None:
    """The variables that the first test of the file sets."""
    for mapping in around:
        tests = mapping.get("testData", "test_data")
        if isinstance(tests, Items) and tests.items and isinstance(tests.items[0], Pairs):
            outside = ("expected", "ideal")
            return tuple(name for name, _ in tests.items[0].pairs[:_MAX_NAMES] if name not in outside)
    return None
