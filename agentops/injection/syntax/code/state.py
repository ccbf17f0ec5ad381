"""A chain of attributes, indices and calls on the way from its left end to its right one, and what it begins with."""

from __future__ import annotations

from dataclasses import dataclass

from agentops.injection.syntax.code.expression import name_of
from agentops.injection.syntax.code.reading import Reading
from agentops.injection.syntax.code.tokens import Chunk
from agentops.injection.syntax.code.tree import Nodes, inside, is_group
from agentops.injection.syntax.code.value import Value


@dataclass(slots=True)
class State:
    """Either a value, or a path of names, or a list of expressions."""

    value: Value | None = None
    path: str = ""
    elements: list[Nodes] | None = None


def begun(values: Reading, nodes: Nodes) -> tuple[State, int]:
    """What a chain begins with, and how many nodes that is."""
    first = nodes[0]
    if first.kind == "str":
        return State(value=values.string(first)), 1
    if first.kind == "num":
        return State(value=Value([Chunk(first.text, first.start, first.end, ((0, first.start),))])), 1
    if is_group(first, "("):
        if len(nodes) > 1 and nodes[1].kind in ("name", "str") and len(first.kids) == 1:
            return begun(values, nodes[1:2])[0], 2  # a cast
        return State(value=values.of(first.kids)), 1
    if is_group(first, "["):
        if not first.kids and len(nodes) > 2:  # a slice of Go: []string{...}
            brace = next((i for i, n in enumerate(nodes) if is_group(n, "{")), None)
            if brace is not None:
                return State(elements=list(inside(nodes[brace]))), brace + 1
        return State(elements=list(inside(first))), 1
    if first.text == "new" and len(nodes) > 1:
        return State(path="new " + nodes[1].text), 2
    if first.kind == "name":
        return State(path=first.text), 1
    return State(path=name_of(nodes)), len(nodes)
