"""What the search of a Python file finds, and which finds are parts of others."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agentops.injection.template import Assigned, Note, TemplateKind
from agentops.pysource.scopes import Scope
from agentops.pysource.texts import Literal, Part, Parts

Turn = tuple[str | None, Parts]
"""A message: its role and its parts."""


@dataclass(eq=False)
class Found:
    """A prompt as it was found. `placed`: it is one by where it stands (a message list, a call to a model), else by
    its name and wording. `within` are the offsets of the expression; literals outside come from elsewhere."""

    name: str
    start: int
    within: tuple[int, int]
    turns: list[Turn]
    scope: Scope
    placed: bool = False
    kind: TemplateKind = TemplateKind.PROMPT
    notes: list[Note] = field(default_factory=list)
    declared: tuple[str, ...] | None = None
    assigned: dict[str, Assigned] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> Iterator[Part]:
        """All parts of all messages."""
        for _, parts in self.turns:
            yield from parts

    @property
    def text(self) -> str:
        """All fixed text."""
        return "".join(p.text for p in self.parts if isinstance(p, Literal))


def settle(found: Iterable[Found]) -> list[Found]:
    """The finds without those that are wholly part of another one, in the order of the file."""
    every = list(found)
    covered: set[int] = set()
    for one in every:
        # A literal that stands elsewhere was put in where it is used.
        covered |= {key for key, inside in _keys(one) if not inside}
    kept: list[Found] = []
    seen: set[int] = set()
    ranked = sorted(every, key=lambda f: (not f.placed, -f.start))
    for one in ranked:
        keys = _keys(one)
        own = {key for key, inside in keys if inside}
        known = all(k in covered or k in seen for k in own) if own else all(key in seen for key, _ in keys)
        if one.placed or not known:
            kept.append(one)
            seen |= {key for key, _ in keys}
    return sorted(kept, key=lambda f: f.start)


def _keys(found: Found) -> list[tuple[int, bool]]:
    """The literals and values of the find by identity, and whether they stand within its expression."""
    start, end = found.within
    keys: list[tuple[int, bool]] = []
    for part in found.parts:
        if isinstance(part, Literal):
            if part.text.strip():
                keys.append((id(part.node), start <= part.start < end))
        elif isinstance(part.expr, ast.AST):
            keys.append((id(part.expr), start <= part.start < end))
    return keys
