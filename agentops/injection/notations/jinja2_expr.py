"""Jinja2 expressions: which outside values one may bring into the text."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes

from agentops.injection.notations.jinja2_added import ADDERS, Arguments, add, mapping
from agentops.injection.notations.jinja2_values import (
    ANY,
    Items,
    Literal,
    Outside,
    Piece,
    Record,
    Value,
    attribute,
    element,
    everything,
    filtered,
    put,
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
# Where a filter is told the field that it takes of each element.
_OF_ATTRIBUTE = {"sum": 0, "join": 1}
_PICK = ("first", "last", "random", "min", "max")
_HAND_ON = ("list", "sort", "unique", "select", "reject", "selectattr", "rejectattr", "items", "dictsort", "reverse")


def evaluate(node: nodes.Node | None, scope: Scope, call: Call) -> Value:
    """What the expression may put into the text. `call` answers for macros and gives None for all else."""
    if node is None:
        return ()
    if isinstance(node, (nodes.Compare, nodes.Test, nodes.Not)):
        effects(node, scope)
        return ()  # a truth value
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
        built = Record({})
        for pair in node.items:
            put(built, evaluate(pair.value, scope, call), key=_key(pair.key))
        return (built,)
    if isinstance(node, nodes.List):
        return (Items(dict.fromkeys(union(*(evaluate(item, scope, call) for item in node.items)))),)
    if isinstance(node, nodes.CondExpr):
        effects(node.test, scope)
        return union(evaluate(node.expr1, scope, call), evaluate(node.expr2, scope, call))
    # Operators, tuples: whatever is in them, in order.
    return union(*(evaluate(child, scope, call) for child in node.iter_child_nodes()))


def _but_lists(value: Value) -> Value:
    return tuple(p for p in value if not isinstance(p, Items))


def effects(test: nodes.Node, scope: Scope) -> None:
    """What a condition does beside being true or not: `{% if parts.append(x) %}` puts x into parts."""
    if isinstance(test, nodes.Call) or any(_adds(c) for c in test.find_all(nodes.Call)):
        # Every call once, however deeply they are nested. Macros are not followed: their text goes nowhere.
        waiting: list[nodes.Node] = [test]
        while waiting:
            node = waiting.pop()
            if isinstance(node, nodes.Call) and _adds(node):
                _call(node, scope, _unknown)
            else:
                waiting.extend(reversed(list(node.iter_child_nodes())))


def _adds(call: nodes.Call) -> bool:
    return isinstance(call.node, nodes.Getattr) and call.node.attr in ADDERS


def _unknown(node: nodes.Call) -> Value | None:  # noqa: ARG001 - answers for no macro
    return None


def _key(node: nodes.Expr) -> str:
    return str(node.value) if isinstance(node, nodes.Const) else ANY


def _item(node: nodes.Getitem, scope: Scope, call: Call) -> Value:
    base = evaluate(node.node, scope, call)
    if isinstance(node.arg, nodes.Slice):
        return base
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return attribute(base, node.arg.value)
    return element(union((p for p in base if isinstance(p, Items)), everything(_but_lists(base))))


def arguments(node: nodes.Call | nodes.Filter, scope: Scope, call: Call) -> Arguments:
    """What is handed to a call or a filter."""
    listed = tuple(evaluate(a, scope, call) for a in node.args)
    named: dict[str, Value] = {str(k.key): evaluate(k.value, scope, call) for k in node.kwargs}
    return Arguments(
        listed, named, element(evaluate(node.dyn_args, scope, call)), evaluate(node.dyn_kwargs, scope, call)
    )


def _filter(node: nodes.Filter, scope: Scope, call: Call) -> Value:
    base = evaluate(node.node, scope, call)
    given = arguments(node, scope, call)
    outside = given.outside
    if node.name == "map":
        return union(_mapped(node, base), outside)
    if node.name in _HAND_ON:
        return base
    if node.name in ("default", "d"):
        told = given.named.get("default_value", given.named.get("value", ()))
        return union(base, *given.listed[:1], told, outside)
    if node.name in _OF_ATTRIBUTE and (field := _attribute_of(node, _OF_ATTRIBUTE[node.name])):
        # What is summed up of a field need not be a number: the field's own name tells.
        base = attribute(element(base), field)
        return union(base if node.name == "sum" else filtered(base, node.name), outside)
    if node.name == "sum" and outside:
        return union(base, outside)
    return union(filtered(element(base) if node.name in _PICK else base, node.name), outside)


def _mapped(node: nodes.Filter, base: Value) -> Value:
    """`map(attribute='text')` takes a field of each, `map('upper')` puts each through a filter."""
    if (field := _attribute_of(node, None)) is not None:
        return attribute(element(base), field)
    first = node.args[0] if node.args else None
    if isinstance(first, nodes.Const) and isinstance(first.value, str):
        return filtered(base, first.value)
    return base


def _attribute_of(node: nodes.Filter, place: int | None) -> str | None:
    """The field that a filter is told to take, by name or at its place among the arguments."""
    told = next((k.value for k in node.kwargs if k.key == "attribute"), None)
    if told is None and place is not None and len(node.args) > place:
        told = node.args[place]
    return str(told.value) if isinstance(told, nodes.Const) and told.value is not None else None


def _call(node: nodes.Call, scope: Scope, call: Call) -> Value:
    known = call(node)
    if known is not None:
        return known
    given = arguments(node, scope, call)
    if isinstance(node.node, nodes.Name) and node.node.name not in scope:
        if node.node.name in _NUMBERS:
            return (Literal("0"),)
        if node.node.name in _BUILDERS:
            built = mapping(given)
            return (built, *(p for v in given.listed for p in v if p is not built))
    outside = given.outside
    if isinstance(node.node, nodes.Getattr):
        base = evaluate(node.node.node, scope, call)
        if _adds(node) and (done := _added(node.node, base, given, scope)) is not None:
            return done
        if node.node.attr in _SAME:
            if node.node.attr == "get" and node.args and isinstance(node.args[0], nodes.Const):
                return union(attribute(base, str(node.args[0].value)), outside)
            return union(everything(base), outside)
        made = attribute(base, node.node.attr)
    else:
        made = evaluate(node.node, scope, call)
    return union((_called(p) for p in everything(made)), outside)


def _added(target: nodes.Getattr, base: Value, given: Arguments, scope: Scope) -> Value | None:
    """What a call that adds to a list or a dictionary gives back, None where it was no such call."""
    done = add(base, target.attr, given)
    if done is None and isinstance(target.node, nodes.Name) and target.attr in ("append", "extend", "insert"):
        # A list of the caller's: from here on it holds what was added as well.
        kept = Items({})
        add((kept,), target.attr, given)
        scope[target.node.name] = union(base, (kept,))
        return ()
    return done


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


def filter_chain(node: nodes.Expr | None) -> tuple[nodes.Filter, ...]:
    """The filters of a filter block, first applied first."""
    chain: list[nodes.Filter] = []
    while isinstance(node, nodes.Filter):
        chain.append(node)
        node = node.node
    return tuple(reversed(chain))[-12:]
