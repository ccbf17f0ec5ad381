"""Where a walk through a Jinja2 tree is: the file, the names in reach, the loops and conditions around."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jinja2 import nodes

from agentops.injection.notations.jinja2_added import Arguments, pour
from agentops.injection.notations.jinja2_expr import Scope
from agentops.injection.notations.jinja2_values import Record, Value, union
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


def hand_over(macro: Macro, given: Arguments, scope: Scope, evaluate: Callable[[nodes.Expr], Value]) -> None:
    """Set the macro's parameters in the scope of its body; `evaluate` gives the value of a default."""
    defaults = dict(zip(reversed(macro.parameters), reversed(macro.defaults), strict=False))
    for number, parameter in enumerate(macro.parameters):
        if number < len(given.listed):
            scope[parameter] = given.listed[number]
        elif parameter in given.named:
            scope[parameter] = given.named[parameter]
        else:
            told = evaluate(defaults[parameter]) if parameter in defaults else ()
            scope[parameter] = union(given.more, given.of(parameter), told)
    scope["varargs"] = union(*given.listed[len(macro.parameters) :], given.more)
    rest = Record({k: v for k, v in given.named.items() if k not in macro.parameters})
    pour(rest, given.poured)
    scope["kwargs"] = (rest,)


def written(text: str, start: int) -> str:
    """The braces at the offset and what is between them."""
    close = {"{{": "}}", "{%": "%}"}.get(text[start : start + 2])
    end = text.find(close, start, start + 2_000) if close else -1
    return text[start : end + 2] if end >= 0 else ""
