"""A string expression as the sequence of what it is put together from: fixed text and values.

Names that hold text are followed to where they get it, so a prompt that is built over several statements reads as one
sequence. What each operation does to a text is that of the library reference (str.format, printf-style formatting,
string.Template, str.replace, str.join, textwrap.dedent).
"""

from __future__ import annotations

import ast
from bisect import bisect_left

from agentops.pysource import calling, filling, joining
from agentops.pysource.fstrings import fields
from agentops.pysource.parse import Parsed, SourceError
from agentops.pysource.reading import MOST_BINDINGS
from agentops.pysource.scopes import LAST, Binding, Branch, FunctionNode, How, Scope, Scopes, dotted
from agentops.pysource.texts import Frame, Literal, Part, Parts, Value, conditional

# Bounds for what one file may come to when its constants are put where they are used.
_DEPTH = 24
_MAX_PARTS = 300_000
_MAX_LOOKED = 200_000
_FEW = 8
_MAX_CHARACTERS = 4_000_000

_SAME_TEXT = frozenset((
    "strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "expandtabs", "lower", "upper", "title", "capitalize",
    "partial", "translate", "encode",
))  # fmt: skip
_SAME_TEXT_CALLS = frozenset(("dedent", "cleandoc", "str", "indent", "fill", "Markup", "unescape"))


class Reader:
    """Reads the string expressions of one file. What it puts together in all is bounded far above what programs hold;
    past that it raises SourceError. Raises RecursionError only for nesting that the parser let pass."""

    def __init__(self, parsed: Parsed, scopes: Scopes) -> None:
        self.parsed, self.scopes = parsed, scopes
        self._parts = 0
        self._characters = 0
        self._looked = 0
        self._bound: dict[int, Parts | None] = {}
        self._running: set[Scope] = set()

    def text(self, expr: ast.expr, frame: Frame) -> Parts | None:
        """The parts of the expression, None where it is not seen to be a text."""
        if frame.depth > _DEPTH:
            return None
        if self._parts > _MAX_PARTS or self._characters > _MAX_CHARACTERS:
            line, column = expr.lineno, expr.col_offset + 1
            raise SourceError(f"more than {_MAX_PARTS} pieces go into its texts up to here", line=line, column=column)
        match expr:
            case ast.Constant(value=str() as value):
                self._characters += len(value)
                return self._counted((Literal(value, *self.parsed.span(expr), expr),))
            case ast.JoinedStr():
                return self._counted(self._joined(expr, frame))
            case ast.BinOp(op=ast.Add()):
                return self._sum(expr, frame)
            case ast.BinOp(op=ast.Mod()):
                base = self.text(expr.left, frame)
                return None if base is None else self._counted(filling.percent(self, base, expr.right, frame))
            case ast.Call():
                return self._call(expr, frame)
            case ast.Name() | ast.Attribute():
                return self._name(expr, frame)
            case ast.IfExp():
                return self._either(expr, frame)
            case ast.BoolOp(op=ast.Or()):
                return self._any(expr.values, frame)
            case ast.Await() | ast.NamedExpr() | ast.Starred():
                return self.text(expr.value, frame)
            case _:
                return None

    def pieces(self, expr: ast.expr, frame: Frame) -> Parts:
        """The parts of the expression; what is no text is one value."""
        if isinstance(expr, ast.Constant) and not isinstance(expr.value, str | bytes):
            return (
                Literal("" if expr.value is None else str(expr.value), *self.parsed.span(expr), expr, settled=True),
            )
        found = self.text(expr, frame)
        return self._counted((Value(expr, *self.parsed.span(expr), frame),)) if found is None else found

    def bindings(self, name: str, frame: Frame, *, most: int = MOST_BINDINGS) -> tuple[Scope, list[Binding]] | None:
        """The scope that binds the name, and the last `most` of its bindings that come before the frame's place."""
        owner = frame.scope.owner(name)
        if owner is None and name.startswith("self."):
            # An attribute that no method sets is what the body of the class says.
            name = name.removeprefix("self.")
            owner = _class_of(frame.scope)
            owner = owner if owner is not None and name in owner.bindings else None
        if owner is None or name in frame.loops:
            return None
        every = owner.bindings.get(name, [])
        here = owner is frame.scope and frame.at != LAST
        end = bisect_left(every, frame.at, key=lambda b: b.at) if here else len(every)
        self._looked += min(end, most)
        first = max(end - (most if self._looked <= _MAX_LOOKED else _FEW), 0)
        found = every[first:end]
        if here and frame.branch:
            found = [b for b in found if not (b.branch and _excludes(b.branch, frame.branch))]
        return owner, found

    def _counted(self, parts: Parts) -> Parts:
        self._parts += len(parts)
        return parts

    def _joined(self, expr: ast.JoinedStr, frame: Frame) -> Parts:
        start, end = self.parsed.span(expr)
        holes = [v for v in expr.values if isinstance(v, ast.FormattedValue)]
        places = [(start + s, start + e) for s, e in fields(self.parsed.text[start:end])]
        if len(places) != len(holes):
            places = [(start, start)] * len(holes)
        parts: list[Part] = []
        at, number = start, 0
        for value in expr.values:
            if isinstance(value, ast.FormattedValue):
                here = places[number]
                parts += self._field(value, frame, here)
                at, number = here[1], number + 1
            elif isinstance(value, ast.Constant):
                until = places[number][0] if number < len(places) else end
                self._characters += len(str(value.value))
                parts.append(Literal(str(value.value), at, max(until, at), expr, settled=True))
        return tuple(parts)

    def _field(self, value: ast.FormattedValue, frame: Frame, here: tuple[int, int]) -> Parts:
        spec = "".join(
            str(s.value) if isinstance(s, ast.Constant) else "{}" for s in getattr(value.format_spec, "values", ())
        )
        return self.fill(value.value, frame, here, spec=spec)

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
        if isinstance(expr, ast.Constant) and not isinstance(expr.value, str | bytes):
            return (Literal(str(expr.value), *here, expr, settled=True),)
        number = self._number(expr, frame)
        if number is not None:
            return (Literal(str(number.value), *here, number, settled=True),)
        found = self.text(expr, frame)
        if found is None:
            return (Value(expr, *here, frame, name=name, spec=spec, hidden=hidden),)
        return found

    def _number(self, expr: ast.expr, frame: Frame) -> ast.Constant | None:
        found = self.bindings(dotted(expr), frame) if dotted(expr) else None
        if found is None or len(found[1]) != 1 or found[1][0].how is not How.ASSIGNED:
            return None
        if dotted(expr) in found[0].parameters:
            return None
        value = found[1][0].value
        return value if isinstance(value, ast.Constant) and isinstance(value.value, int | float) else None

    def _sum(self, expr: ast.BinOp, frame: Frame) -> Parts | None:
        operands: list[ast.expr] = []
        left: ast.expr = expr
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
            operands.append(left.right)
            left = left.left
        operands.append(left)
        return self._any(operands[::-1], frame)

    def _any(self, operands: list[ast.expr], frame: Frame) -> Parts | None:
        """All operands in order, where one of them at least is a text."""
        texts = [self.text(o, frame) for o in operands]
        if all(t is None for t in texts):
            return None
        parts: list[Part] = []
        for operand, text in zip(operands, texts, strict=True):
            parts += self.pieces(operand, frame) if text is None else text
        return self._counted(tuple(parts))

    def _either(self, expr: ast.IfExp, frame: Frame) -> Parts | None:
        body, other = self.text(expr.body, frame), self.text(expr.orelse, frame)
        if body is None and other is None:
            return None
        test = self.parsed.segment(expr.test)
        parts = self.pieces(expr.body, frame) if body is None else body
        rest = self.pieces(expr.orelse, frame) if other is None else other
        return (*(conditional(p, test) for p in parts), *(conditional(p, f"not ({test})") for p in rest))

    def _call(self, expr: ast.Call, frame: Frame) -> Parts | None:
        func = expr.func
        called = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if called in _SAME_TEXT_CALLS and expr.args:
            return self.text(expr.args[0], frame)
        if called == "Template" and expr.args:
            return self.text(expr.args[0], frame)
        if called == "from_string" and expr.args:
            return filling.for_engine(self.text(expr.args[0], frame), "jinja2")
        if (scope := calling.called_scope(self, func, frame)) is not None:
            return self._inlined(scope, expr, frame)
        if not isinstance(func, ast.Attribute):
            return None
        if called == "join" and len(expr.args) == 1:
            return joining.join(self, func.value, expr.args[0], frame)
        if called in _SAME_TEXT:
            return self.text(func.value, frame)
        if called not in filling.METHODS:
            return None
        base = self.text(func.value, frame)
        if base is None:
            return None
        return self._counted(filling.METHODS[called](self, base, expr, frame))

    def _inlined(self, scope: Scope, call: ast.Call | None, frame: Frame) -> Parts | None:
        if scope in self._running:
            return None  # a function that calls itself stays a value
        self._running.add(scope)
        try:
            found = calling.inlined(self, scope, call, frame)
        finally:
            self._running.discard(scope)
        return None if found is None else self._counted(found)

    def _name(self, expr: ast.Name | ast.Attribute, frame: Frame) -> Parts | None:
        name = dotted(expr)
        found = self.bindings(name, frame, most=_MAX_PARTS) if name else None
        if found is None:
            return None
        owner, bindings = found
        if len(bindings) == 1 and _is_property(bindings[0].function):
            scope = calling.called_scope(self, expr, frame)
            return None if scope is None else self._inlined(scope, None, frame)
        if name in owner.parameters and not any(b.how is not How.ADDED for b in bindings):
            # A parameter that is only added to: its own text comes first.
            return self._fold(expr, name, [*bindings], owner, frame) if bindings else None
        return self._fold(expr, name, bindings, owner, frame)

    def _fold(self, expr: ast.expr, name: str, bindings: list[Binding], owner: Scope, frame: Frame) -> Parts | None:
        parts: list[Part] = []
        texty = False
        if name in owner.parameters and bindings and (bindings[0].how is How.ADDED or bindings[0].branch):
            parts.append(Value(ast.Name(name, ast.Load()), *self.parsed.span(expr), Frame(owner, (0, 0)), name=name))
        for one in _since(bindings, frame, owner):
            if one.value is None or one.how not in (How.ASSIGNED, How.ADDED):
                if not one.branch:
                    parts, texty = [], False
                if one.how in (How.LOOP, How.WITH, How.UNPACKED) and not texty:
                    return None
                continue
            inner = Frame(owner, one.at, one.branch, depth=frame.depth + 1)
            if id(one) not in self._bound:
                self._bound[id(one)] = None
                self._bound[id(one)] = self.text(one.value, inner)
            new = self._bound[id(one)]
            if one.how is How.ASSIGNED and (begins(one.branch, frame, owner) or _mentions(one.value, name)):
                parts, texty = [], False
            texty = texty or new is not None
            if new is None:
                span = self.parsed.span(one.value)
                parts.append(Value(one.value, *span, inner, name=name))
            else:
                parts += new
            if self._parts + len(parts) > 2 * _MAX_PARTS:
                break  # refused when the next text is read
        return self._counted(tuple(parts)) if texty else None


def _since(bindings: list[Binding], frame: Frame, owner: Scope) -> list[Binding]:
    """The bindings from the last one on that surely made all earlier ones forgotten."""
    for number in range(len(bindings) - 1, 0, -1):
        if bindings[number].how is How.ASSIGNED and begins(bindings[number].branch, frame, owner):
            return bindings[number:]
    return bindings


def _is_property(node: FunctionNode | None) -> bool:
    return node is not None and any(dotted(d) in ("property", "cached_property") for d in node.decorator_list)


def _class_of(scope: Scope) -> Scope | None:
    while scope.parent is not None and not isinstance(scope.node, ast.ClassDef):
        scope = scope.parent
    return scope if isinstance(scope.node, ast.ClassDef) else None


def begins(branch: Branch, frame: Frame, owner: Scope) -> bool:
    """Whether a binding in the branch surely happened before the frame: what was bound earlier is gone."""
    if owner is not frame.scope:
        return not branch
    return frame.branch[: len(branch)] == branch


def _excludes(one: Branch, other: Branch) -> bool:
    """Whether the two stand in different arms of the same statement."""
    return any(a[0] == b[0] and a[1] != b[1] for a, b in zip(one, other, strict=False))


def _mentions(expr: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name | ast.Attribute) and dotted(n) == name for n in ast.walk(expr))
