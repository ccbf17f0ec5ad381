"""What a Jinja2 expression can put into the text: literals, outside values, and things built from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agentops.injection.template import Span

# Longer paths add nothing to a name and would make hostile chains quadratic.
_MAX_PARTS = 12
_MAX_PIECES = 500


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands in the template."""

    text: str


@dataclass(frozen=True, slots=True)
class Outside:
    """A value that comes from the caller; `path` leads to it, `filters` are what it went through."""

    path: tuple[str, ...]
    filters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`messages[].content`."""
        return ".".join(self.path).replace(".[]", "[]")


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A dictionary built in the template."""

    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """Text and holes that were already worked out: a set block, a macro's result."""

    spans: tuple[Span, ...]


Piece = Literal | Outside | Record | Rendered
Value = tuple[Piece, ...]


def union(*values: Iterable[Piece]) -> Value:
    """All pieces in order, each once."""
    return tuple(dict.fromkeys(p for v in values for p in v))[:_MAX_PIECES]


def attribute(value: Value, name: str) -> Value:
    """What `.name` of the value may be."""
    found: list[Piece] = []
    for piece in value:
        if isinstance(piece, Outside):
            found.append(Outside((*piece.path, name)[:_MAX_PARTS], piece.filters))
        elif isinstance(piece, Record):
            # A method of a dictionary (items, get, values) hands out any of its values.
            found.extend(piece.fields[name] if name in piece.fields else everything((piece,)))
        else:
            found.append(piece)
    return union(found)


def element(value: Value) -> Value:
    """What one element of the value may be."""
    return union(
        Outside((*p.path, "[]")[:_MAX_PARTS], p.filters) if isinstance(p, Outside) and p.path[-1] != "[]" else p
        for p in value
    )


def filtered(value: Value, name: str) -> Value:
    """The value after a filter."""
    return union(
        Outside(p.path, (*p.filters, name)[:_MAX_PARTS]) if isinstance(p, Outside) else p for p in everything(value)
    )


def everything(value: Value) -> Value:
    """The pieces with dictionaries opened."""
    if not any(isinstance(p, Record) for p in value):
        return value
    seen: set[int] = set()
    found: list[Piece] = []
    waiting = list(reversed(value))
    while waiting and len(found) < _MAX_PIECES:
        piece = waiting.pop()
        if not isinstance(piece, Record):
            found.append(piece)
        elif id(piece) not in seen:
            seen.add(id(piece))
            waiting.extend(p for v in reversed(list(piece.fields.values())) for p in reversed(v))
    return union(found)
