"""What the names of a source file stand for. The tables are filled by collect and asked by all that reads values."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from agentops.injection.syntax.code.tree import Nodes

# Looked at for one name around one place: no text that people write is put together of more.
_NEAR = 200
_MOST_CHANGES = 400
_NESTED_LOOPS = 40

_AT, _START = attrgetter("at"), attrgetter("start")


@dataclass(frozen=True, slots=True)
class Definition:
    """`how` is "=" for a declaration, "set" for a later assignment, "+=" for an addition, "push" for an element. It
    holds between `start` and `end`, the block it stands in."""

    name: str
    how: str
    nodes: Nodes
    at: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Binding:
    """A name that is a parameter (`type` as the analysis calls it) or, where `over` is set, runs over a container."""

    start: int
    end: int
    type: str = ""
    over: Nodes = ()


class Scope:
    """All names of a file. Every look-up takes about the same time however often a name is used."""

    def __init__(self) -> None:
        self.enums: set[str] = set()
        self._declared: dict[str, list[Definition]] = {}
        self._changed: dict[str, list[Definition]] = {}
        self._bound: dict[str, list[Binding]] = {}
        self._loops: list[tuple[int, int]] = []

    def define(self, one: Definition) -> None:
        """Add a definition or a change."""
        table = self._declared if one.how == "=" else self._changed
        insort(table.setdefault(one.name, []), one, key=_AT)

    def bind(self, name: str, binding: Binding) -> None:
        """Add a parameter or loop variable; of two for the same place the last counts."""
        known = self._bound.setdefault(name, [])
        at = bisect_right(known, binding.start, key=_START)
        if binding not in known[max(at - 20, 0) : at]:
            known.insert(at, binding)

    def loop(self, start: int, end: int) -> None:
        """Add a loop's body."""
        insort(self._loops, (start, end))

    def knows(self, name: str, at: int) -> bool:
        """Whether the name is defined in a block around the offset."""
        return any(d.start <= at <= d.end for d in _near(self._declared.get(name, ()), at))

    def definition(self, name: str, at: int) -> Definition | None:
        """What defines the name for a use at the offset: the innermost block, there the last before it."""
        best: Definition | None = None
        for one in _near(self._declared.get(name, ()), at):
            if not one.start <= at <= one.end or one.at <= at <= one.nodes[-1].end:
                continue
            if best is None or (one.start, one.at <= at, one.at) > (best.start, best.at <= at, best.at):
                best = one
        return best

    def defined_by(self, name: str, nodes: Nodes) -> Definition | None:
        """The definition whose expression these nodes are."""
        found = _near(self._declared.get(name, ()), nodes[0].start)
        return next((d for d in found if d.nodes[0] is nodes[0]), None)

    def changes(self, of: Definition, at: int) -> list[Definition]:
        """What is assigned or added to it before the offset."""
        return self._between(of.name, of.at + 1, min(of.end + 1, at))

    def additions(self, name: str, start: int, end: int) -> list[Definition]:
        """What is added to a text of that name between the offsets, wherever it is defined."""
        return [d for d in self._between(name, start, end) if d.how == "+="]

    def elements(self, name: str, end: int) -> list[Definition]:
        """What is added to something of that name before the offset."""
        return [d for d in self._between(name, 0, end) if d.how in ("push", "+=")]

    def _between(self, name: str, start: int, end: int) -> list[Definition]:
        known = self._changed.get(name, [])
        first = bisect_left(known, start, key=_AT)
        return known[first : min(bisect_left(known, end, key=_AT), first + _MOST_CHANGES)]

    def binding(self, name: str, at: int) -> Binding | None:
        """The parameter or loop variable of that name around the offset, the innermost."""
        known = self._bound.get(name, [])
        last = bisect_right(known, at, key=_START)
        return next((known[i] for i in range(last - 1, max(last - 1 - _NEAR, -1), -1) if at <= known[i].end), None)

    def looped(self, at: int) -> bool:
        """Whether the offset lies in the body of a loop."""
        number = bisect_left(self._loops, (at, 0))
        return any(a <= at <= b for a, b in self._loops[max(number - _NESTED_LOOPS, 0) : number])


def _near(known: Sequence[Definition], at: int) -> list[Definition]:
    """Those around the offset, and the first ones: what a file defines for all of it."""
    if len(known) <= 2 * _NEAR:
        return list(known)
    here = bisect_right(known, at, key=_AT)
    return [*known[:20], *known[max(here - _NEAR, 20) : here + _NEAR]]
