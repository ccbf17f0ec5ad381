"""Whoever can read an expression.

Expressions hold expressions: a call its arguments, a list its elements, a name what defines it. `values.Values` reads
operators and sends the rest down: chains -> calls -> lists -> local. These stand below it, are handed a `Reading`, and
ask it for every expression within.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from agentops.injection.syntax.code.scope import Scope
from agentops.injection.syntax.code.tokens import Chunk, Node
from agentops.injection.syntax.code.tree import Nodes
from agentops.injection.syntax.code.value import Part, Ref, Value


class Reading(Protocol):
    """Evaluates the expressions of one file, and counts what that costs: each of these may raise TemplateError."""

    @property
    def scope(self) -> Scope:
        """What the file's names stand for."""
        ...

    def of(self, nodes: Nodes) -> Value:
        """The value of the expression."""
        ...

    def string(self, node: Node) -> Value:
        """The value of a string, its embedded expressions evaluated."""
        ...

    def joined(self, pieces: Iterable[Nodes], between: Chunk | None = None) -> Value:
        """The expressions one after the other."""
        ...

    def one(self, nodes: Nodes) -> Sequence[Part]:
        """The parts of an argument; an expression that makes no text is a value all the same."""
        ...

    def opaque(self, nodes: Nodes) -> Value:
        """The expression as one value that is not looked into."""
        ...

    def ref(self, name: str, nodes: Nodes, *, filters: tuple[str, ...] = (), loop: bool = False) -> Ref:
        """A value of that name, with its type and source as far as the file tells them."""
        ...

    def written(self, nodes: Nodes) -> str:
        """The expression as it stands in the file, its beginning."""
        ...

    def extend(self, whole: Value, by: Value) -> None:
        """Add a value to the end of another."""
        ...

    def check(self, value: Value, *, new: int | None = None) -> None:
        """Count what was made: `new` parts, all of them if None."""
        ...

    def read_through(self, value: Value) -> None:
        """Count a search through all of the value's text."""
        ...
