"""Whoever can read the expressions of a file.

Texts are made of expressions, and what fills, joins or calls them is made of expressions again. `parts.Reader` reads
each kind; calling, filling and joining stand below it, are handed a `Reading`, and ask it for what stands within.
"""

from __future__ import annotations

import ast
from typing import Protocol

from agentops.pysource.parse import Parsed
from agentops.pysource.scopes import Binding, Scope, Scopes
from agentops.pysource.texts import Frame, Parts

MOST_BINDINGS = 32
"""Bindings of one name that are looked at unless a caller asks for more."""


class Reading(Protocol):
    """Reads the expressions of one file."""

    @property
    def parsed(self) -> Parsed:
        """The file's tree and its text."""
        ...

    @property
    def scopes(self) -> Scopes:
        """The names that it binds."""
        ...

    def text(self, expr: ast.expr, frame: Frame) -> Parts | None:
        """The parts of the expression, None where it is not seen to be a text."""
        ...

    def pieces(self, expr: ast.expr, frame: Frame) -> Parts:
        """The parts of the expression; what is no text is one value."""
        ...

    def fill(
        self,
        expr: ast.expr,
        frame: Frame,
        here: tuple[int, int],
        *,
        name: str = "",
        spec: str = "",
        hidden: bool = False,
    ) -> Parts:
        """What the expression puts into a field that stands between the two offsets."""
        ...

    def bindings(self, name: str, frame: Frame, *, most: int = MOST_BINDINGS) -> tuple[Scope, list[Binding]] | None:
        """The scope that binds the name, and the last `most` of its bindings that come before the frame's place."""
        ...
