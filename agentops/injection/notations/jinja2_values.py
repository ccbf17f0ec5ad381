"""What a Jinja2 expression can put into the text: literals, outside values, and things built from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentops.injection.template import Span

# Longer paths add nothing to a name and would make hostile chains quadratic.
_MAX_PARTS = 12
_MAX_PIECES = 100


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
    """A dictionary built in the template, which later statements may add to. What came under a name that the template
    does not tell is the field ANY; a whole mapping from outside that was poured in is the field POURED."""

    fields: dict[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list built in the template, which later statements may add to. `pieces` are its elements, each once."""

    pieces: dict[Piece, None]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """Text and holes that were already worked out: a set block, a macro's result."""

    spans: tuple[Span, ...]


ANY = "*"
POURED = "**"

Piece = Literal | Outside | Record | Items | Rendered
Value = tuple[Piece, ...]


def union(*values: Iterable[Piece]) -> Value:
    """All pieces in order, each once."""
    pieces = tuple(dict.fromkeys(p for v in values for p in v))
    if len(pieces) <= _MAX_PIECES:
        return pieces
    # Of too many the template's own words are left out first.
    return (*(p for p in pieces if not isinstance(p, Literal)), *(p for p in pieces if isinstance(p, Literal)))[
        :_MAX_PIECES
    ]


def attribute(value: Value, name: str) -> Value:
    """What `.name` of the value may be."""
    found: list[Piece] = []
    for piece in opened(value):
        if isinstance(piece, Outside):
            found.append(Outside((*piece.path, name)[:_MAX_PARTS], piece.filters))
        elif isinstance(piece, Record):
            found.extend(_field(piece, name))
        else:
            found.append(piece)
    return union(found)


def _field(record: Record, name: str) -> Iterator[Piece]:
    poured = record.fields.get(POURED, ())
    if name in record.fields:
        yield from record.fields[name]
    elif not poured:
        # A method of a dictionary (items, get, values) hands out any of its values.
        yield from everything((record,))
        return
    yield from record.fields.get(ANY, ())
    for piece in everything(poured):
        yield Outside((*piece.path, name)[:_MAX_PARTS], piece.filters) if isinstance(piece, Outside) else piece


def element(value: Value) -> Value:
    """What one element of the value may be."""
    return union(
        Outside((*p.path, "[]")[:_MAX_PARTS], p.filters) if isinstance(p, Outside) and p.path[-1] != "[]" else p
        for p in value
        if not isinstance(p, Items)
    ) + tuple(q for p in value if isinstance(p, Items) for q in p.pieces)


def filtered(value: Value, name: str) -> Value:
    """The value after a filter."""
    return union(
        Outside(p.path, (*p.filters, name)[:_MAX_PARTS]) if isinstance(p, Outside) else p for p in everything(value)
    )


def opened(value: Value) -> Value:
    """The pieces with lists opened, and the lists in them."""
    return _opened(value, (Items,)) if any(isinstance(p, Items) for p in value) else value


def everything(value: Value) -> Value:
    """The pieces with dictionaries and lists opened."""
    return _opened(value, (Items, Record)) if any(isinstance(p, (Items, Record)) for p in value) else value


def _opened(value: Value, kinds: tuple[type, ...]) -> Value:
    seen: set[int] = set()
    found: list[Piece] = []
    waiting = list(reversed(value))
    while waiting and len(found) < _MAX_PIECES:
        piece = waiting.pop()
        if not isinstance(piece, kinds):
            found.append(piece)
        elif id(piece) not in seen:
            seen.add(id(piece))
            if isinstance(piece, Items):
                waiting.extend(reversed(union(piece.pieces)))
            elif isinstance(piece, Record):
                waiting.extend(p for v in reversed(list(piece.fields.values())) for p in reversed(v))
    return union(found)


def put(pieces: Items | Record, value: Value, *, key: str = ANY) -> None:
    """Add to a list, or to what stands under the key of a dictionary."""
    if isinstance(pieces, Items):
        # The template's own words leave room for what comes from outside.
        room = _MAX_PIECES if all(isinstance(p, Literal) for p in value) else 2 * _MAX_PIECES
        if len(pieces.pieces) < room:
            pieces.pieces.update(dict.fromkeys(value))
    else:
        pieces.fields[key] = union(pieces.fields.get(key, ()), value)
