"""Go text/template: `{{.Name}}`, `{{range .Items}}`, `{{with .X}}`, `{{template "x" .}}`, pipelines and variables.

Both branches of a condition are written down, a loop's body once. A variable is no hole: what it was made from is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agentops.injection.notations.gotemplate_parse import Node, parse
from agentops.injection.notations.gotemplate_values import From, Sources, tokens, value
from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span
from agentops.text import one_line

_EXTENSIONS = ("", ".tmpl", ".gotmpl", ".tpl", ".txt", ".md")
_MAX_EXPANSIONS = 500
_MAX_FILES_DEEP = 20
_INDEX = frozenset(("i", "j", "n", "_", "idx", "index", "num", "pos"))


@dataclass(slots=True)
class _Place:
    dot: Sources
    variables: dict[str, Sources]
    loops: int = 0
    conditions: tuple[str, ...] = ()


@dataclass(slots=True)
class _Shared:
    """What included files have in common."""

    defined: dict[str, tuple[Source, list[Node]]] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    open: list[str] = field(default_factory=list)
    expansions: int = 0


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order, included files followed. Raises TemplateError for what Go would refuse to parse."""
    shared = _Shared()
    root = (From(""),)
    walk = _Walk(source, Writer(source), shared)
    walk.writer.refuse_flood()
    place = _Place(root, {"$": root})
    walk.nodes(parse(source), place)
    # A file of nothing but definitions is a library: each of its texts counts.
    for name in [n for n, (where, _) in shared.defined.items() if n not in shared.called and where is source]:
        walk.call(name, _Place(root, {"$": root}), shared.defined[name])
    return walk.writer.done()


class _Walk:
    def __init__(self, source: Source, writer: Writer, shared: _Shared) -> None:
        self.source, self.writer, self.shared = source, writer, shared

    def nodes(self, nodes: list[Node], at: _Place) -> None:
        """Write down the pieces. What they define comes first: it may be called before it stands."""
        for node in nodes:
            if node.kind == "define":
                self.shared.defined[_name(node)] = (self.source, node.body)
        for node in nodes:
            self._node(node, at)

    def _node(self, node: Node, at: _Place) -> None:
        if node.kind == "text":
            self.writer.text(node.content, node.start)
        elif node.kind == "value":
            self._value(node, at)
        elif node.kind == "if":
            said = f"if {one_line(node.content, 80)}"
            self._value(replace(node, kind="test"), at)
            self._inside(node.body, at, condition=said)
            self._inside(node.otherwise, at, condition=f"not {one_line(node.content, 80)}")
        elif node.kind in ("range", "with"):
            self._block(node, at)
        elif node.kind in ("template", "block"):
            self._template(node, at)

    def _inside(self, nodes: list[Node], at: _Place, *, condition: str = "", dot: Sources | None = None, loop: int = 0,
                own: dict[str, Sources] | None = None) -> None:  # fmt: skip
        """Write down a branch. What it assigns to outer variables stays, beside what they held."""
        if not nodes:
            return
        conditions = (*at.conditions, condition) if condition else at.conditions
        inner = _Place(at.dot if dot is None else dot, {**at.variables, **(own or {})}, at.loops + loop, conditions)
        self.nodes(nodes, inner)
        for name in at.variables.keys() - (own or {}).keys():
            held = at.variables[name]
            if inner.variables[name] is not held:
                at.variables[name] = tuple(dict.fromkeys(held + inner.variables[name]))

    def _block(self, node: Node, at: _Place) -> None:
        names, found = self._pipeline(node.content, at)
        if node.kind == "with":
            said = f"if {one_line(node.content, 80)}"
            self._inside(node.body, at, condition=said, dot=found, own=dict.fromkeys(names, found))
        else:
            each = tuple(s.each() for s in found)
            own = dict.fromkeys(names[-1:], each)
            if len(names) > 1:
                index = names[0].lstrip("$").lower() in _INDEX
                own[names[0]] = () if index else tuple(s.below("key") for s in each)
            self._inside(node.body, at, dot=each, own=own, loop=1)
        self._inside(node.otherwise, at, condition=f"not {one_line(node.content, 80)}")

    def _pipeline(self, content: str, at: _Place) -> tuple[list[str], Sources]:
        """The variables that the action sets, and where its value comes from."""
        found = tokens(content)
        for sign in (":=", "="):
            if sign in found[:4]:
                cut = found.index(sign)
                names = [n for n in found[:cut] if n.startswith("$")]
                return names, value(found[cut + 1 :], dot=at.dot, variables=at.variables)
        return [], value(found, dot=at.dot, variables=at.variables)

    def _value(self, node: Node, at: _Place) -> None:
        names, found = self._pipeline(node.content, at)
        for name in names:
            at.variables[name] = found
        if names or node.kind == "test":
            return
        for source in found:
            self._hole(source.path or ".", node, at, source.filters)

    def _template(self, node: Node, at: _Place) -> None:
        name = _name(node)
        _, dot = self._pipeline(" ".join(_rest(node)), at)
        inner = _Place(dot, {"$": dot}, at.loops, at.conditions)
        if node.kind == "block":
            self.shared.defined.setdefault(name, (self.source, node.body))
        if not self.call(name, inner, self.shared.defined.get(name)):
            self._hole(f"include({one_line(name, 80)})", node, at, ())

    def call(self, name: str, at: _Place, known: tuple[Source, list[Node]] | None) -> bool:
        """Write down what the name stands for; False where nobody knows. Raises TemplateError for what never ends."""
        shared = self.shared
        shared.called.add(name)
        shared.expansions += 1
        if shared.expansions > _MAX_EXPANSIONS or len(shared.open) > _MAX_FILES_DEEP:
            raise self.writer.error("templates call each other too often", 0)
        if name in shared.open:
            raise self.writer.error(f"{one_line(name, 80)} calls itself", 0)
        where = known[0] if known else self._file(name)
        if where is None:
            return False
        shared.open.append(name)
        if where is self.source and known:
            self.nodes(known[1], at)
        else:
            inside = _Walk(where, Writer(where), shared)
            inside.writer.refuse_flood()
            inside.nodes(known[1] if known else parse(where), at)
            for span in inside.writer.done():
                self.writer.add(span)
        shared.open.pop()
        return True

    def _file(self, name: str) -> Source | None:
        for extension in _EXTENSIONS if name else ():
            found = self.source.include(name + extension, self.source.path)
            if found is not None and found.path != self.source.path:
                return found
        return None

    def _hole(self, name: str, node: Node, at: _Place, filters: tuple[str, ...]) -> None:
        self.writer.hole(
            name, node.start, node.end, filters=filters, in_loop=at.loops > 0, condition=" and ".join(at.conditions)
        )


def _name(node: Node) -> str:
    words = tokens(node.content)
    return words[0][1:-1] if words and words[0][:1] in ('"', "`") else ""


def _rest(node: Node) -> list[str]:
    return tokens(node.content)[1:]
