"""Where a value in Python source comes from: its name as every format writes it, and what it went through."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from itertools import islice

from agentops.injection.kinds import Kind
from agentops.injection.syntax.python import sources
from agentops.injection.template import Assigned
from agentops.pysource.joining import looped
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import Binding, How, dotted
from agentops.pysource.texts import Frame

_DEPTH = 20
_MOST = 40
_NUMBERS = {"len": "length", "int": "int", "float": "float", "round": "round", "abs": "abs", "sum": "sum"}
_ENCODERS = {
    "dumps": "tojson", "to_json": "tojson", "model_dump_json": "tojson", "tojson": "tojson", "json": "tojson",
    "escape": "escape", "quoteattr": "escape", "escape_html": "escape", "xml_escape": "escape", "html_escape": "escape",
    "escape_xml": "escape", "b64encode": "b64encode", "quote": "urlencode", "quote_plus": "urlencode",
}  # fmt: skip
_PASSING = frozenset((
    "str", "repr", "list", "tuple", "set", "sorted", "reversed", "dict", "loads", "pformat", "pprint", "iter", "cast",
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "encode", "decode", "split", "splitlines",
    "replace", "items", "values", "keys", "copy", "model_dump", "asdict", "to_dict", "dict", "next", "deepcopy",
    "dedent", "indent", "shorten", "wrap", "format", "join", "removeprefix", "removesuffix", "tolist", "get_text",
))  # fmt: skip
_FORMATTERS = re.compile(
    r"(?:^|_)(?:format|fmt|formatted|as|to|render|stringify|truncate|trim|clean|sanitize|sanitise|normalize|neutralize|"
    r"shorten|strip|pretty|dump|serialize|serialise|join|wrap|number|concat|flatten|dedupe|limit|crop|prettify|"
    r"stuff|map|label|merge|combine|convert|str|string|markdown|xml|json|text)(?:_|$)"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from, as a hole says it."""

    name: str
    filters: tuple[str, ...] = ()
    in_loop: bool = False
    assigned: Assigned | None = None
    type: str = ""


_CONSTANT = Assigned(Kind.CONSTANT, "it is written down in the program")


class Origins:
    """Reads the origins of one file's values."""

    def __init__(self, reader: Reader, enums: frozenset[str]) -> None:
        self._reader, self._enums = reader, enums
        self._known: dict[int, tuple[int, list[Origin]]] = {}

    def of(self, expr: ast.expr, frame: Frame, depth: int = 0) -> list[Origin]:
        """The sources of the expression, at least one; several where several go into it."""
        if depth > _DEPTH:
            return [Origin("value")]
        match expr:
            case ast.Constant() | ast.Compare() | ast.Lambda():
                return [Origin("constant", assigned=_CONSTANT)]
            case ast.Await() | ast.NamedExpr() | ast.Starred() | ast.FormattedValue() | ast.UnaryOp():
                inner = expr.operand if isinstance(expr, ast.UnaryOp) else expr.value
                return self.of(inner, frame, depth + 1)
            case ast.Name():
                return self._variable(expr.id, frame, depth)
            case ast.Attribute():
                return self._attribute(expr, frame, depth)
            case ast.Subscript():
                return self._element(expr, frame, depth)
            case ast.Call():
                return self._call(expr, frame, depth)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                within = looped(frame, expr.generators)
                return [replace(o, in_loop=True) for o in self.of(expr.elt, within, depth + 1)]
            case ast.DictComp():
                return self.of(expr.value, looped(frame, expr.generators), depth + 1)
            case ast.BinOp(left=left, op=op, right=right):
                found = self._all([left, right], frame, depth)
                if not isinstance(op, ast.Add | ast.Mod) or any(_is_number(e) for e in (left, right)):
                    return [replace(o, filters=(*o.filters, "int")) for o in found[:1]]
                return found
            case ast.IfExp(body=body, orelse=other):
                return self._all([body, other], frame, depth)
            case ast.BoolOp():
                return self._all(expr.values, frame, depth)
            case ast.List() | ast.Tuple() | ast.Set() | ast.JoinedStr():
                inside = expr.values if isinstance(expr, ast.JoinedStr) else expr.elts
                return self._all(inside[:_MOST], frame, depth)
            case ast.Dict():
                return self._all(expr.values[:_MOST], frame, depth)
            case _:
                return [Origin(self._reader.parsed.segment(expr, 60) or "value")]

    def _all(self, parts: list[ast.expr], frame: Frame, depth: int) -> list[Origin]:
        """What goes into the value, its constants left out where there is more."""
        every = {o.name: o for p in parts for o in self.of(p, frame, depth + 1)[:_MOST]}
        varying = [o for o in every.values() if o.assigned is not _CONSTANT]
        return varying[:_MOST] or [Origin("constant", assigned=_CONSTANT)]

    def _variable(self, name: str, frame: Frame, depth: int) -> list[Origin]:
        if name in frame.loops:
            iterated, number = frame.loops[name]
            outer = replace(frame, loops={k: v for k, v in frame.loops.items() if k != name})
            return self._each(iterated, number, outer, depth)
        if name in frame.given:
            value, outer = frame.given[name]
            return self.of(value, outer, depth + 1)
        found = self._reader.bindings(name, frame)
        if found is None:
            return [Origin(name, assigned=sources.of_path(name))]
        owner, bindings = found
        varying = (b for b in reversed(bindings) if not (b.value is not None and sources.fixed(b.value)))
        useful = list(islice(varying, 2))[::-1]
        if name in owner.parameters and len(useful) < 2:
            parameter = Origin(name, type=sources.type_of(owner.parameters[name].annotation, self._enums))
            # `text = text.strip()` says no more than the parameter; `query = find(query)` does.
            followed = self._bound(useful[0], Frame(owner, useful[0].at), depth) if useful else []
            return followed if followed and followed[0].name != name else [parameter]
        if not useful:
            return [Origin(name, assigned=_CONSTANT)]
        last = useful[-1]
        return self._bound(last, Frame(owner, last.at, last.branch), depth)

    def _bound(self, binding: Binding, frame: Frame, depth: int) -> list[Origin]:
        depth_then, found = self._known.get(id(binding), (_DEPTH + 1, []))
        # What was found with no less room to follow names holds still.
        if depth_then > depth:
            found = self._followed(binding, frame, depth)
            self._known[id(binding)] = (depth, found)
        return found

    def _followed(self, binding: Binding, frame: Frame, depth: int) -> list[Origin]:
        name, value = binding.name, binding.value
        if binding.how is How.IMPORTED:
            return [Origin(name, assigned=sources.of_path(name))]
        if value is None or binding.how is How.DEFINED:
            return [Origin(name)]
        if binding.how is How.LOOP:
            return self._each(value, binding.element, frame, depth)
        followed = self.of(value, frame, depth + 1)
        one = followed[0]
        if binding.how in (How.WITH, How.UNPACKED) or (len(followed) == 1 and "()" in one.name):
            return [replace(one, name=name)]
        return followed

    def _each(self, iterated: ast.expr, number: int, frame: Frame, depth: int) -> list[Origin]:
        """The origin of an element of what a loop runs over; `number` is the place in a tuple of them."""
        match iterated:
            case ast.Call(func=ast.Name(id="range")):
                return [Origin("number", assigned=_CONSTANT, in_loop=True)]
            case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
                if number == 0:
                    return [Origin("index", assigned=_CONSTANT, in_loop=True)]
                return self._each(inner, -1, frame, depth + 1)
            case ast.Call(func=ast.Name(id="zip"), args=arguments) if 0 <= number < len(arguments):
                return self._each(arguments[number], -1, frame, depth + 1)
            case ast.Call(func=ast.Attribute(value=inner, attr="items" | "values" | "keys")):
                iterated = inner
        if depth > _DEPTH:
            return [Origin("value", in_loop=True)]
        found = self.of(iterated, frame, depth + 1)
        return [replace(o, name=f"{o.name.removesuffix('()')}[]", in_loop=True) for o in found]

    def _attribute(self, expr: ast.Attribute, frame: Frame, depth: int) -> list[Origin]:
        base = self.of(expr.value, frame, depth + 1)[0]
        name = f"{base.name}.{expr.attr}"
        own = dotted(expr)
        if own and (found := self._reader.bindings(own, frame)) and found[1] and all(
            sources.fixed(b.value) for b in found[1]
        ):  # fmt: skip
            return [Origin(name, assigned=_CONSTANT)]
        first = base.name.split(".")[0]
        if expr.attr in ("value", "name") and first in self._enums:
            return [Origin(name, assigned=Assigned(Kind.CONSTANT, f"{first} is an enumeration"))]
        assigned = sources.of_path(name) or base.assigned
        return [Origin(name, base.filters, base.in_loop, assigned, base.type)]

    def _element(self, expr: ast.Subscript, frame: Frame, depth: int) -> list[Origin]:
        base = self.of(expr.value, frame, depth + 1)[0]
        match expr.slice:
            case ast.Constant(value=str() as key):
                name = f"{base.name}.{key}"
            case ast.Slice():
                return [base]
            case _:
                name = f"{base.name}[]"
        return [Origin(name, base.filters, base.in_loop, sources.of_path(name) or base.assigned)]

    def _call(self, expr: ast.Call, frame: Frame, depth: int) -> list[Origin]:
        func = expr.func
        called = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        method = isinstance(func, ast.Attribute) and not _is_module(func.value)
        if called in _NUMBERS and expr.args and not method:
            return self._through(expr.args[0], _NUMBERS[called], frame, depth)
        if called in ("read", "readlines") and isinstance(func, ast.Attribute):
            expr = self._opened(expr, func, frame)
            func = expr.func
        path = called_path(func)
        source = sources.of_call(path, expr)
        if called == "get" and method and source is None and expr.args:
            key = expr.args[0]
            made = ast.Subscript(func.value, key, ast.Load())  # type: ignore[attr-defined]
            return self._element(ast.copy_location(made, expr), frame, depth)
        if source is not None and source.kind is not Kind.THIRD_PARTY and called not in ("get",):
            return [Origin(f"{path}()", assigned=source)]
        if called in _ENCODERS and (expr.args or method):
            inner = expr.args[0] if expr.args else func.value  # type: ignore[attr-defined]
            return self._through(inner, _ENCODERS[called], frame, depth)
        if called == "map" and len(expr.args) > 1:
            return self._each(expr.args[1], -1, frame, depth)
        if called == "join" and expr.args:
            return [replace(o, in_loop=True) for o in self.of(expr.args[0], frame, depth + 1)]
        if source is not None:
            return [Origin(f"{path}()", assigned=source)]
        if called in _PASSING:
            inner = func.value if method else expr.args[0] if expr.args else None  # type: ignore[attr-defined]
            if inner is not None:
                return self.of(inner, frame, depth + 1)
        if expr.args and _FORMATTERS.search(called):
            return self.of(expr.args[0], frame, depth + 1)
        return [Origin(f"{path}()")]

    def _opened(self, call: ast.Call, func: ast.Attribute, frame: Frame) -> ast.Call:
        """`open(name).read()` for `f.read()` where the code has `with open(name) as f`."""
        name = dotted(func.value)
        found = self._reader.bindings(name, frame, most=1) if name else None
        value = found[1][-1].value if found is not None and found[1] else None
        if not isinstance(value, ast.Call) or called_path(value.func).rsplit(".", 1)[-1] != "open":
            return call
        made = ast.Attribute(value, func.attr, ast.Load())
        return ast.copy_location(ast.Call(ast.copy_location(made, func), call.args, call.keywords), call)

    def _through(self, inner: ast.expr, name: str, frame: Frame, depth: int) -> list[Origin]:
        return [replace(o, filters=(*o.filters, name)) for o in self.of(inner, frame, depth + 1)]


def called_path(func: ast.expr) -> str:
    """`client.chat.create` as it is called; `open.read` for `open(name).read`."""
    parts: list[str] = []
    node = func
    for _ in range(_DEPTH):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript | ast.Await):
            node = node.value
        else:
            break
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts)) or "call"


_MODULES = frozenset(
    ("json", "html", "base64", "textwrap", "urllib", "parse", "yaml", "orjson", "saxutils", "pprint", "copy")
)


def _is_module(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in _MODULES


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)
