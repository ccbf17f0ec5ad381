"""Small cuts of an expression: what changes no text is taken off, a name is found for what is not understood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import overload

from agentops.injection.syntax.code.scope import Function
from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import Nodes, inside, is_group, is_op, items

MOST_NAME = 300
"""Characters of a name; a longer chain of attributes is cut."""

_MOST_LOOKED = 2_000
_LEADING = frozenset(("await", "return", "const", "typeof", "yield", "async"))


class Head(Sequence[Node]):
    """The first nodes of an expression, without a copy: a long chain has as many heads as members."""

    __slots__ = ("_end", "_nodes")

    def __init__(self, nodes: Nodes, end: int) -> None:
        self._nodes, self._end = nodes, min(end, len(nodes))

    def __len__(self) -> int:
        return self._end

    @overload
    def __getitem__(self, at: int) -> Node: ...
    @overload
    def __getitem__(self, at: slice) -> Nodes: ...
    def __getitem__(self, at: int | slice) -> Node | Nodes:
        if isinstance(at, slice):
            return [self._nodes[i] for i in range(*at.indices(self._end))]
        if not -self._end <= at < self._end:
            raise IndexError(at)
        return self._nodes[at + self._end if at < 0 else at]


def stripped(nodes: Nodes) -> Nodes:
    """Without `await`, casts, and marks that change no text."""
    start, end = 0, len(nodes)
    while start < end and (nodes[start].text in _LEADING or is_op(nodes[start], "&", "*", "!", "...", "<-")):
        start += 1
    for at in range(start + 1, end):
        if nodes[at].kind == "name" and nodes[at].text in ("as", "satisfies"):
            end = at
            break
    while end > start and is_op(nodes[end - 1], "!", "...", ")", ".", "?"):
        end -= 1
    return nodes[start:end]


def returned(block: Node) -> Nodes:
    """What a block gives back: behind its first `return`, else its last statement."""
    listed = inside(block)
    for item in listed:
        if item[0].text == "return":
            return item[1:]
    return listed[-1] if listed else ()


def only_return(function: Function) -> Nodes:
    """The expression that a function gives back, empty where it has none or more than one."""
    if len(function.body) != 1 or not is_group(function.body[0], "{"):
        return function.body
    found: list[Nodes] = []
    stack: list[tuple[Nodes, bool]] = [(function.body, True)]
    looked = 0
    while stack and looked < _MOST_LOOKED:
        nodes, lines = stack.pop()
        looked += len(nodes)
        for item in items(nodes, lines=lines):
            at = next((i for i, n in enumerate(item) if n.text == "return" and n.kind == "name"), None)
            found += [item[at + 1 :]] if at is not None else []
            stack += ((n.kids, n.text == "{") for n in item if n.kind == "group")
    return found[0] if len(found) == 1 and looked < _MOST_LOOKED else ()


def name_of(nodes: Iterable[Node]) -> str:
    """A name for an expression that is not understood: the first one in it."""
    parts: list[str] = []
    for node in nodes:
        if node.kind == "name" and (not parts or parts[-1] == "."):
            parts.append(node.text)
        elif is_op(node, ".", "?.") and parts:
            parts.append(".")
        elif parts:
            break
        if len(parts) > 40:
            break
    return "".join(parts).strip(".")[:MOST_NAME] or "value"


def is_written_text(nodes: Nodes) -> bool:
    """Whether the expression itself is written as a text."""
    return any(n.kind == "str" for n in nodes)


_PASSING_CALL = re.compile(
    r"(?i)(?:\w{0,30}(?:trim|clean|strip|truncate|saniti[sz]e|normali[sz]e|escape|remove|compact"
    r"|dedent|shorten|quote)\w{0,40}"
    r"|format\w{0,30}|render\w{0,30}|stringify\w{0,10}|string|str|valueOf|text|to_?string)$"
)


def passes(name: str) -> bool:
    """Whether a call of this name gives back its first argument, tidied."""
    return _PASSING_CALL.match(name) is not None
