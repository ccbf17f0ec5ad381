"""What a text in Python source is put together from."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agentops.pysource.scopes import LAST, Branch, Place, Scope


@dataclass(frozen=True, slots=True)
class Frame:
    """From where an expression is read: its scope, its place among the statements and branches, and the variables of
    comprehensions around it with what they run over (the number tells which element of it, -1 the whole). `given` is
    what a call hands to the parameters of the function whose text was put in at the call."""

    scope: Scope
    at: Place = LAST
    branch: Branch = ()
    loops: Mapping[str, tuple[ast.expr, int]] = field(default_factory=dict)
    depth: int = 0
    given: Mapping[str, tuple[ast.expr, Frame]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Literal:
    """Fixed text. `start` and `end` are the offsets of what is written; `node` is the literal it comes from.

    `settled`: its braces are text, because it is part of an f-string or was formatted already. `engine` is the engine
    that will fill it, where the code names one ("jinja2"), and `given` what it is handed for its fields.
    """

    text: str
    start: int
    end: int
    node: ast.expr
    settled: bool = False
    engine: str = ""
    given: Mapping[str, tuple[ast.expr, Frame]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Value:
    """Text that is not known before the program runs.

    `expr` is what it is made from, None where the template names a field that the code around does not fill. `name` is
    the variable or the field that it came through. `spec` is a format specification, `hidden` tells that a first
    stage made the field that this one fills.
    """

    expr: ast.expr | None
    start: int
    end: int
    frame: Frame
    name: str = ""
    spec: str = ""
    condition: str = ""
    in_loop: bool = False
    hidden: bool = False


Part = Literal | Value
Parts = tuple[Part, ...]


def conditional(part: Part, test: str) -> Part:
    """The part under one more condition; fixed text needs none."""
    if isinstance(part, Literal):
        return part
    return replace(part, condition=f"{test} and {part.condition}" if part.condition else test)
