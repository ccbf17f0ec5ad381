"""A function of the same file that gives back a text: its text is put in where it is called."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from agentops.pysource.reading import Reading
from agentops.pysource.scopes import How, Scope, dotted
from agentops.pysource.texts import Frame, Literal, Part, Parts, Value, conditional

_MAX_RETURNS = 12
# Decorators that leave what a function gives back as it is.
_HARMLESS = frozenset(("staticmethod", "classmethod", "property", "cached_property", "cache", "lru_cache", "override"))


def called_scope(reader: Reading, func: ast.expr, frame: Frame) -> Scope | None:
    """The scope of the function that the expression names, where the file defines it once and nothing wraps it."""
    name = dotted(func)
    found = reader.bindings(name, frame) if name else None
    # A function is called after the file is read through, so one that stands further down counts as well.
    owner = found[0] if found else None
    bindings = owner.bindings.get(name.removeprefix("self."), []) if owner is not None else []
    if len(bindings) != 1 or bindings[0].how is not How.DEFINED or bindings[0].function is None:
        return None
    node = bindings[0].function
    if any(_decorator(d) not in _HARMLESS for d in node.decorator_list):
        return None
    return reader.scopes.by_node.get(node)


def inlined(reader: Reading, scope: Scope, call: ast.Call | None, frame: Frame) -> Parts | None:
    """The text that the function gives back for the call, None where it is not seen to give back a text."""
    parts = _returned(reader, scope, depth=frame.depth + 1)
    if parts is None or call is None:
        return parts
    given = _given(scope, call, frame)
    filled: list[Part] = []
    for part in parts:
        if isinstance(part, Literal) or part.expr is None:
            filled.append(part)
            continue
        sent = given.get(part.expr.id) if isinstance(part.expr, ast.Name) and part.frame.scope is scope else None
        text = reader.text(sent[0], frame) if sent is not None else None
        if text is not None:
            filled += text
        elif part.frame.scope is scope and given:
            filled.append(replace(part, frame=replace(part.frame, given=given)))
        else:
            filled.append(part)
    return tuple(filled)


def _returned(reader: Reading, scope: Scope, *, depth: int) -> Parts | None:
    """Everything that the function may give back, one after the other."""
    if len(scope.returned) > _MAX_RETURNS:
        return None
    parts: list[Part] = []
    texty = False
    for number, one in enumerate(scope.returned):
        found = reader.text(one.value, Frame(scope, one.at, one.branch, depth=depth))
        if found is None and isinstance(one.value, ast.Constant):
            continue
        texty = texty or found is not None
        span = reader.parsed.span(one.value)
        text = (Value(one.value, *span, Frame(scope, one.at, one.branch, depth=depth)),) if found is None else found
        parts += (conditional(p, f"return {number + 1}") for p in text) if len(scope.returned) > 1 else text
    return tuple(parts) if texty else None


def _given(scope: Scope, call: ast.Call, frame: Frame) -> Mapping[str, tuple[ast.expr, Frame]]:
    names = [n for n in scope.parameters if n not in ("self", "cls")]
    given: dict[str, tuple[ast.expr, Frame]] = {}
    for name, value in zip(names, call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        given[name] = (value, frame)
    given |= {k.arg: (k.value, frame) for k in call.keywords if k.arg in scope.parameters}
    if not any(isinstance(a, ast.Starred) for a in call.args) and all(k.arg for k in call.keywords):
        outer = Frame(scope.parent or scope)
        given |= {name: (value, outer) for name, value in scope.defaults.items() if name not in given}
    return given


def _decorator(node: ast.expr) -> str:
    func = node.func if isinstance(node, ast.Call) else node
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
