"""What the names of a source file stand for. The tables are filled by collect and asked by all that reads values."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator
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
    holds between `start` and `end`, the block it stands in. `condition` is what the tests around it ask."""

    name: str
    how: str
    nodes: Nodes
    at: int
    start: int
    end: int
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """A name that is a parameter (`type` as the analysis calls it) or, where `over` is set, runs over a container."""

    start: int
    end: int
    type: str = ""
    over: Nodes = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the file: the names of its parameters, and the braces that hold it or the expression it is."""

    parameters: tuple[str, ...]
    body: Nodes


class Scope:
    """All names of a file. Every look-up takes about the same time however often a name is used."""

    def __init__(self) -> None:
        self.enums: set[str] = set()
        self.functions: dict[str, list[Function]] = {}
        self.called: Counter[str] = Counter()
        self._declared: dict[str, dict[tuple[int, int], list[Definition]]] = {}
        self._blocks: dict[str, list[tuple[int, int]]] = {}
        self._changed: dict[str, list[Definition]] = {}
        self._bound: dict[str, list[Binding]] = {}
        self._loops: list[tuple[int, int]] = []

    def define(self, one: Definition) -> None:
        """Add a definition or a change."""
        if one.how != "=":
            insort(self._changed.setdefault(one.name, []), one, key=_AT)
            return
        block = (one.start, one.end)
        blocks = self._declared.setdefault(one.name, {})
        if block not in blocks:
            insort(self._blocks.setdefault(one.name, []), block)
        insort(blocks.setdefault(block, []), one, key=_AT)

    def bind(self, name: str, binding: Binding) -> None:
        """Add a parameter or loop variable; of two for the same place the last counts."""
        known = self._bound.setdefault(name, [])
        at = bisect_right(known, binding.start, key=_START)
        if binding not in known[max(at - 20, 0) : at]:
            known.insert(at, binding)

    def loop(self, start: int, end: int) -> None:
        """Add a loop's body."""
        insort(self._loops, (start, end))

    def all(self) -> Iterator[Definition]:
        """Every definition and change, name by name."""
        for blocks in self._declared.values():
            for known in blocks.values():
                yield from known
        for known in self._changed.values():
            yield from known

    def knows(self, name: str, at: int) -> bool:
        """Whether the name is defined in a block around the offset."""
        return next(self._around(name, at), None) is not None

    def definition(self, name: str, at: int) -> Definition | None:
        """What defines the name for a use at the offset: the innermost block, there the last before it."""
        for known in self._around(name, at):
            here = bisect_right(known, at, key=_AT)
            for one in (*reversed(known[max(here - 3, 0) : here]), *known[here : here + 1]):
                if not one.at <= at <= one.nodes[-1].end:
                    return one
        return None

    def _around(self, name: str, at: int) -> Iterator[list[Definition]]:
        """The definitions of the name, block by block around the offset, the innermost first."""
        blocks = self._blocks.get(name, [])
        last = bisect_right(blocks, (at, 1 << 60))
        near = range(last - 1, max(last - _NEAR, 0) - 1, -1)
        for number in near if not last or near[-1] == 0 else (*near, 0):
            if at <= blocks[number][1]:
                yield self._declared[name][blocks[number]]

    def defined_by(self, name: str, nodes: Nodes) -> Definition | None:
        """The definition whose expression these nodes are."""
        for known in self._around(name, nodes[0].start):
            here = bisect_right(known, nodes[0].start, key=_AT)
            for one in known[max(here - 3, 0) : here]:
                if one.nodes[0] is nodes[0]:
                    return one
        return None

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
