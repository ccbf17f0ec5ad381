"""What the search of a Python file finds, and which finds are parts of others."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agentops.injection.source import Source
from agentops.injection.template import Assigned, Note, TemplateError, TemplateKind
from agentops.model.finding import Location
from agentops.pysource.scopes import Scope
from agentops.pysource.texts import Frame, Literal, Part, Parts

# Far above what a program of the longest length that is read holds: there a text is used a few dozen times.
MAX_FOUND = 12_000
MAX_PARTS = 200_000
MAX_CHARACTERS = 6_000_000

Turn = tuple[str | None, Parts]
"""A message: its role and its parts."""


@dataclass(eq=False)
class Found:
    """A prompt as it was found. `placed`: it is one by where it stands (a message list, a call to a model), else by
    its name and wording. `within` are the offsets of the expression; literals outside come from elsewhere.
    `template`: a call says that it will be filled; `kept`: it is put under a name, and no call in sight gets it."""

    name: str
    start: int
    within: tuple[int, int]
    turns: list[Turn]
    scope: Scope
    placed: bool = False
    template: bool = False
    kept: bool = False
    kind: TemplateKind = TemplateKind.PROMPT
    notes: list[Note] = field(default_factory=list)
    declared: tuple[str, ...] | None = None
    assigned: dict[str, Assigned] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> Iterator[Part]:
        """All parts of all messages."""
        for _, parts in self.turns:
            yield from parts

    @property
    def text(self) -> str:
        """All fixed text."""
        return "".join(p.text for p in self.parts if isinstance(p, Literal))


class Gathered:
    """The finds of one file as they come in. Past what any program holds, where constants are put into thousands of
    prompts, `take` raises TemplateError."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: list[Found] = []
        self._characters = self._parts = 0
        self._lists: dict[tuple[int, str], list[Found]] = {}
        self._open: dict[tuple[int, str], Frame] = {}
        self._sent: set[int] = set()

    def take(self, found: Found) -> None:
        """Add a find."""
        self._found.append(found)
        for part in found.parts:
            self._parts += 1
            self._characters += len(part.text) if isinstance(part, Literal) else 0
        if self._parts > MAX_PARTS or self._characters > MAX_CHARACTERS or len(self._found) > MAX_FOUND:
            raise TemplateError(
                Location(self._source.path, *self._source.lines.place(found.start)),
                f"the prompts up to here come to more than {MAX_FOUND} texts, {MAX_PARTS} pieces or "
                f"{MAX_CHARACTERS} characters",
                hint="split the file, or add it to prompts.exclude",
            )

    def hold(self, found: Found) -> None:
        """Remember that the find is a list that a variable holds: a call may send it later."""
        self._lists.setdefault((id(found.scope), found.name), []).append(found)

    def grow(self, name: str, frame: Frame) -> None:
        """The list of that name got a message; unless a call sends it after that, it is a prompt of its own."""
        self._open[id(frame.scope), name] = frame

    def send(self, name: str, frame: Frame) -> None:
        """The list of that name goes out with a call, which holds its messages: it is not one prompt more."""
        key = (id(frame.scope), name)
        self._open.pop(key, None)
        self._sent |= {id(f) for f in self._lists.pop(key, ())}

    def left(self) -> list[tuple[str, Frame]]:
        """The lists that grew and were not sent."""
        return [(name, frame) for (_, name), frame in self._open.items()]

    def all(self) -> list[Found]:
        """The finds, those that are parts of others included."""
        return [f for f in self._found if id(f) not in self._sent]


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
        own = {key for key, inside in _keys(one, texts=True) if inside} or {key for key, inside in keys if inside}
        known = all(k in covered or k in seen for k in own) if own else all(key in seen for key, _ in keys)
        if one.placed or not known:
            kept.append(one)
            seen |= {key for key, _ in keys}
    return sorted(kept, key=lambda f: f.start)


def _keys(found: Found, *, texts: bool = False) -> list[tuple[int, bool]]:
    """The literals and values of the find by identity, and whether they stand within its expression; `texts`: literals
    alone."""
    start, end = found.within
    keys: list[tuple[int, bool]] = []
    for part in found.parts:
        if isinstance(part, Literal):
            if part.text.strip():
                keys.append((id(part.node), start <= part.start < end))
        elif isinstance(part.expr, ast.AST) and not texts:
            keys.append((id(part.expr), start <= part.start < end))
    return keys
