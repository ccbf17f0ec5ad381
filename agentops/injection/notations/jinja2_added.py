"""What is handed to calls in a Jinja2 template, and calls that add it to a list or a dictionary made there.

`{% set parts = [] %}{% set _ = parts.append(page) %}` is how templates collect: the call stands for nothing itself,
and the list holds the page from there on, by whatever name it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentops.injection.notations.jinja2_values import (
    ANY,
    POURED,
    Items,
    Literal,
    Outside,
    Piece,
    Record,
    Value,
    element,
    everything,
    put,
    union,
)

ADDERS = frozenset((
    "append", "extend", "insert", "appendleft", "push", "unshift", "add", "update", "setdefault", "__setitem__",
))  # fmt: skip
"""Methods of lists, sets and dictionaries that add to them, those of Nunjucks' arrays among them."""
_WHOLE = ("extend", "update")
_KEYED = ("setdefault", "__setitem__")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What is handed over: one by one, by name, what one element of `*these` is, and the mapping of `**this`."""

    listed: tuple[Value, ...]
    named: Mapping[str, Value]
    more: Value = ()
    poured: Value = ()

    @property
    def outside(self) -> tuple[Piece, ...]:
        """Everything in the arguments that does not stand in the template."""
        handed = (*self.listed, *self.named.values(), self.more, self.poured)
        return tuple(p for v in handed for p in everything(v) if not isinstance(p, Literal))

    def of(self, name: str) -> Value:
        """What `**this` gives a parameter of that name; nothing where there is no such mapping."""
        return poured(self.poured, name)


def poured(value: Value, name: str) -> Value:
    """What a mapping gives to a name; of one that the template made, only what stands under the name or any name."""
    found: list[Piece] = []
    for piece in value:
        if isinstance(piece, Outside):
            found.append(Outside((*piece.path, name)[:12], piece.filters))
        elif isinstance(piece, Record):
            found += piece.fields.get(name, ())
            found += piece.fields.get(ANY, ())
            found += poured(piece.fields.get(POURED, ()), name)
        else:
            found.append(piece)
    return union(found)


def mapping(given: Arguments) -> Record:
    """The dictionary that `dict(...)` and `namespace(...)` make of what is handed to them."""
    built = Record(dict(given.named))
    if given.poured:
        pour(built, given.poured)
    return built


def pour(into: Record, value: Value) -> None:
    """Put the fields of one mapping into another."""
    for piece in value:
        if isinstance(piece, Record):
            if piece is not into:
                for key, held in piece.fields.items():
                    put(into, held, key=key)
        else:
            put(into, (piece,), key=POURED)


def add(base: Value, method: str, given: Arguments) -> Value | None:
    """Add to the lists and dictionaries among the base, and say what the call itself gives; None where there are
    none, so that the method is another one of that name."""
    holders = [p for p in base if isinstance(p, (Items, Record))]
    if not holders:
        return None
    last = union(*given.listed[-1:], given.more, *given.named.values())
    for holder in holders:
        if isinstance(holder, Items):
            put(holder, element(last) if method in _WHOLE else last)
        elif method == "update":
            for value in (*given.listed, given.more, given.poured):
                pour(holder, value)
            for key, value in given.named.items():
                put(holder, value, key=key)
        else:
            put(holder, last, key=_key(given) if method in _KEYED else ANY)
    return union(last, base) if method == "setdefault" else ()


def _key(given: Arguments) -> str:
    """The key that the first argument tells."""
    told = given.listed[0] if given.listed else ()
    return told[0].text if len(told) == 1 and isinstance(told[0], Literal) else ANY
