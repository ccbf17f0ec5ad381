"""Jinja2 expressions: which outside values one may bring into the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jinja2 import nodes

from agentops.injection.notations.jinja2_values import (
    Literal,
    Outside,
    Piece,
    Record,
    Value,
    attribute,
    element,
    everything,
    filtered,
    union,
)

Scope = dict[str, Value]
Call = Callable[[nodes.Call], Value | None]

# Functions of the engine whose result is made of their arguments alone.
_BUILDERS = ("dict", "namespace", "cycler", "joiner")
_NUMBERS = ("range",)
# What the engines of other languages call None.
_NOTHING = ("null", "undefined", "nil")
# String and container methods hand on what they were called on.
_SAME = frozenset((
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "replace", "split", "splitlines",
    "join", "format", "items", "values", "keys", "get", "copy", "pop", "isoformat", "strftime",
    "removeprefix", "removesuffix",
))  # fmt: skip
_PICK = ("first", "last", "random", "min", "max")
_HAND_ON = ("list", "sort", "unique", "select", "reject", "selectattr", "rejectattr", "items", "dictsort", "reverse")


def evaluate(node: nodes.Node | None, scope: Scope, call: Call) -> Value:
    """What the expression may put into the text. `call` answers for macros and gives None for all else."""
    if node is None or isinstance(node, (nodes.Compare, nodes.Test, nodes.Not)):
        return ()  # nothing, or a truth value
    if isinstance(node, nodes.TemplateData):
        return (Literal(node.data),)
    if isinstance(node, nodes.Const):
        return () if node.value is None else (Literal(str(node.value)),)
    if isinstance(node, nodes.Name) and node.name in _NOTHING and node.name not in scope:
        return ()
    if isinstance(node, nodes.Name):
        return scope[node.name] if node.name in scope else (Outside((node.name,)),)
    if isinstance(node, nodes.NSRef):
        return attribute(scope.get(node.name, ()), node.attr)
    if isinstance(node, nodes.Getattr):
        return attribute(evaluate(node.node, scope, call), node.attr)
    if isinstance(node, nodes.Getitem):
        return _item(node, scope, call)
    if isinstance(node, nodes.Filter):
        return _filter(node, scope, call)
    if isinstance(node, nodes.Call):
        return _call(node, scope, call)
    if isinstance(node, nodes.Dict):
        return (Record({_key(p.key): evaluate(p.value, scope, call) for p in node.items}),)
    if isinstance(node, nodes.CondExpr):
        return union(evaluate(node.expr1, scope, call), evaluate(node.expr2, scope, call))
    # Operators, lists, tuples: whatever is in them, in order.
    return union(*(evaluate(child, scope, call) for child in node.iter_child_nodes()))


def _key(node: nodes.Expr) -> str:
    return str(node.value) if isinstance(node, nodes.Const) else "*"


def _item(node: nodes.Getitem, scope: Scope, call: Call) -> Value:
    base = evaluate(node.node, scope, call)
    if isinstance(node.arg, nodes.Slice):
        return base
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return attribute(base, node.arg.value)
    return element(everything(base))


def _filter(node: nodes.Filter, scope: Scope, call: Call) -> Value:
    base = evaluate(node.node, scope, call)
    arguments = [evaluate(a, scope, call) for a in node.args]
    if node.name == "map":
        for pair in node.kwargs:
            if pair.key == "attribute" and isinstance(pair.value, nodes.Const):
                return attribute(element(base), str(pair.value.value))
        return base
    if node.name in _HAND_ON:
        return base
    outside = [p for a in arguments for p in everything(a) if not isinstance(p, Literal)]
    if node.name in ("default", "d"):
        return union(base, *arguments)
    return union(filtered(element(base) if node.name in _PICK else base, node.name), outside)


def _call(node: nodes.Call, scope: Scope, call: Call) -> Value:
    known = call(node)
    if known is not None:
        return known
    arguments = union(*(evaluate(a, scope, call) for a in node.args))
    named: Mapping[str, Value] = {k.key: evaluate(k.value, scope, call) for k in node.kwargs}
    if isinstance(node.node, nodes.Name) and node.node.name not in scope:
        if node.node.name in _NUMBERS:
            return (Literal("0"),)
        if node.node.name in _BUILDERS:
            fields: dict[str, Value] = dict(named)
            return (Record(fields), *arguments)
    handed: list[Piece] = [p for v in (arguments, *named.values()) for p in everything(v)]
    outside = [p for p in handed if not isinstance(p, Literal)]
    if isinstance(node.node, nodes.Getattr) and node.node.attr in _SAME:
        base = evaluate(node.node.node, scope, call)
        if node.node.attr == "get" and node.args and isinstance(node.args[0], nodes.Const):
            return union(attribute(base, str(node.args[0].value)), outside)
        return union(everything(base), outside)
    made = evaluate(node.node, scope, call)
    return union((_called(p) for p in everything(made)), outside)


def _called(piece: Piece) -> Piece:
    if isinstance(piece, Outside) and not piece.path[-1].endswith("()"):
        return Outside((*piece.path[:-1], f"{piece.path[-1]}()"), piece.filters)
    return piece


def bind(target: nodes.Node, value: Value, scope: Scope, *, keep: bool = False) -> None:
    """Assign in the scope. `keep` also keeps what was there before: the assignment may not have happened."""
    if isinstance(target, nodes.Name):
        scope[target.name] = union(scope.get(target.name, ()), value) if keep else value
    elif isinstance(target, nodes.NSRef):
        fields: dict[str, Value] = {}
        for piece in scope.get(target.name, ()):
            if isinstance(piece, Record):
                fields.update(piece.fields)
        fields[target.attr] = union(fields.get(target.attr, ()), value) if keep else value
        scope[target.name] = (Record(fields),)
    elif isinstance(target, nodes.Tuple):
        for item in target.items:
            bind(item, value, scope, keep=keep)


def constants(node: nodes.Expr) -> tuple[str, ...] | None:
    """The file names that an include spells out, or None where they are made at run time."""
    items = node.items if isinstance(node, (nodes.List, nodes.Tuple)) else [node]
    names = [i.value for i in items if isinstance(i, nodes.Const) and isinstance(i.value, str)]
    return tuple(names) if names and len(names) == len(items) else None


def callee(node: nodes.Expr) -> str:
    """`name` or `module.name` of what is called, or nothing."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""


def filter_names(node: nodes.Expr | None) -> tuple[str, ...]:
    """The names in a filter block's chain, first applied first."""
    names: list[str] = []
    while isinstance(node, nodes.Filter):
        names.append(node.name)
        node = node.node
    return tuple(reversed(names))[-12:]
