"""Where a walk through a Jinja2 tree is: the file, the names in reach, the loops and conditions around."""

from __future__ import annotations

from dataclasses import dataclass, field

from jinja2 import nodes

from agentops.injection.notations.jinja2_expr import Scope
from agentops.injection.source import Source
from agentops.injection.template import Lines


@dataclass(frozen=True, slots=True)
class Unit:
    """One parsed file. Line numbers of the tree's nodes are offsets."""

    source: Source
    tree: nodes.Template
    lines: Lines


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro or a call block's body, with the file and the scope it was written in."""

    parameters: tuple[str, ...]
    defaults: tuple[nodes.Expr, ...]
    body: list[nodes.Node]
    unit: Unit
    scope: Scope
    macros: dict[str, Macro]


@dataclass(slots=True)
class Place:
    """Where the walk is."""

    unit: Unit
    scope: Scope = field(default_factory=dict)
    macros: dict[str, Macro] = field(default_factory=dict)
    loops: int = 0
    conditions: tuple[str, ...] = ()
