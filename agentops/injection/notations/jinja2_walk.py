"""Walks a Jinja2 syntax tree and writes down text and holes, following includes, parents, macros and assignments.

Both branches of a condition are written down, a loop's body once. Locals are not holes: what they were made from is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from jinja2 import nodes

from agentops.injection.notations.jinja2_expr import arguments, bind, callee, constants, effects, evaluate, filter_chain
from agentops.injection.notations.jinja2_place import Macro, Place, Unit, hand_over, written
from agentops.injection.notations.jinja2_values import (
    Literal,
    Outside,
    Record,
    Rendered,
    Value,
    element,
    everything,
    union,
)
from agentops.injection.source import Source
from agentops.injection.template import MAX_HOLES, Hole, Span, TemplateError, Text
from agentops.model.finding import Location
from agentops.text import one_line

_MAX_SPANS = 20_000
_MAX_EXPANSIONS = 1_000
_MAX_FILES_DEEP = 20
_LOOP = ("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "cycle", "changed")


class Walk:
    """One template's walk. `load` parses a file that is included."""

    def __init__(self, *, load: Callable[[Source], Unit]) -> None:
        self.load = load
        self.out: list[Span] = []
        self.written = 0
        self.holes = 0
        self.expansions = 0
        self.files: list[str] = []
        self.blocks: dict[str, list[tuple[nodes.Block, Unit]]] = {}
        self.above: list[tuple[str, int]] = []
        self.called: set[str] = set()

    def run(self, unit: Unit) -> tuple[Span, ...]:
        """Text and holes in order. Raises TemplateError."""
        self._file(unit, Place(unit))
        return tuple(self.out)

    def part(self, unit: Unit, macros: Mapping[str, Macro]) -> tuple[tuple[Span, ...], frozenset[str]]:
        """Text and holes of one of several texts that share macros, and the macros that were called."""
        self.out, self.files, self.called = [], [], set()
        self.written = self.holes = 0
        self._file(unit, Place(unit, macros=dict(macros)))
        return tuple(self.out), frozenset(self.called)

    # Files

    def _file(self, unit: Unit, at: Place) -> None:
        self.files.append(unit.source.path)
        if len(self.files) > _MAX_FILES_DEEP:
            raise self._error(at, 0, "includes are nested too deeply")
        parent = None
        if "extends" in unit.source.text:
            for block in unit.tree.find_all(nodes.Block):
                self.blocks.setdefault(block.name, []).append((block, unit))
            parent = next(iter(unit.tree.find_all(nodes.Extends)), None)
        elif self.blocks:
            for block in unit.tree.find_all(nodes.Block):
                self.blocks.setdefault(block.name, []).append((block, unit))
        if parent is None:
            self._statements(unit.tree.body, at)
        else:
            # A child writes nothing of its own outside its blocks, but what it sets and defines is seen in them.
            kept = [n for n in unit.tree.body if not isinstance(n, (nodes.Output, nodes.Block, nodes.Extends))]
            self._statements(kept, at)
            if not self._follow(parent.template, parent.lineno, at):
                self._loose_blocks(at)
        self.files.pop()

    def _loose_blocks(self, at: Place) -> None:
        """Write down the blocks whose parent cannot be seen, each once: it will put them somewhere."""
        inner = {n.name for chain in self.blocks.values() for n in chain[0][0].find_all(nodes.Block)}
        for name in [n for n in self.blocks if n not in inner] or list(self.blocks):
            block, unit = self.blocks[name][0]
            self._block(block, unit, at, depth=0)

    def _follow(self, name: nodes.Expr, offset: int, at: Place, *, optional: bool = False) -> bool:
        """Write down the file that an include or a parent names, and say whether it could be read."""
        self._count_expansion(at, offset)
        names = constants(name)
        if names is None:
            # What is included is decided when the prompt is made: a hole like any other.
            self._hole(Outside(("include()",)), offset, at)
            return False
        found = self._find(names, at)
        if found is None:
            if optional:
                return False
            # What it would say cannot be seen: a hole of unknown trust, which a strict gate does not let through.
            self._hole(Outside((f"include({one_line(names[0], 80)})",)), offset, at)
            return False
        outer, at.unit = at.unit, found
        self._file(found, at)
        at.unit = outer
        return True

    def _find(self, names: tuple[str, ...], at: Place) -> Unit | None:
        for name in names:
            source = at.unit.source.include(name, at.unit.source.path)
            if source is not None:
                if source.path in self.files:
                    raise self._error(at, 0, f"{one_line(source.path, 80)} includes itself")
                return self.load(source)
        return None

    def _import(self, node: nodes.Import | nodes.FromImport, at: Place) -> None:
        self._count_expansion(at, node.lineno)
        names = constants(node.template)
        found = self._find(names, at) if names is not None else None
        if found is None:
            raise self._error(
                at, node.lineno, "an import that is not in the analysed folders",
                hint="add the folder of the imported file to prompts.paths",
            )  # fmt: skip
        inner = Place(found)
        self.files.append(found.source.path)
        with self._captured():
            self._statements(found.tree.body, inner)
        self.files.pop()
        if isinstance(node, nodes.Import):
            at.scope[node.target] = (Record(inner.scope),)
            at.macros.update({f"{node.target}.{name}": macro for name, macro in inner.macros.items()})
            return
        for wanted in node.names:
            name, alias = wanted if isinstance(wanted, tuple) else (wanted, wanted)
            if name in inner.macros:
                at.macros[alias] = inner.macros[name]
            else:
                at.scope[alias] = inner.scope.get(name, ())

    # Statements

    def _statements(self, body: Iterable[nodes.Node], at: Place) -> None:
        for node in body:
            self._statement(node, at)

    def _statement(self, node: nodes.Node, at: Place) -> None:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                self._write(self._value(child, at), child.lineno, at)
        elif isinstance(node, nodes.If):
            self._if(node, at)
        elif isinstance(node, nodes.For):
            self._for(node, at)
        elif isinstance(node, (nodes.Assign, nodes.AssignBlock)):
            self._assign(node, at)
        elif isinstance(node, nodes.Include):
            self._follow(node.template, node.lineno, at, optional=node.ignore_missing)
        elif isinstance(node, (nodes.Import, nodes.FromImport)):
            self._import(node, at)
        elif isinstance(node, nodes.Macro):
            at.macros[node.name] = self._macro(node, at)
        elif isinstance(node, nodes.CallBlock):
            caller = self._macro(node, at)
            inner = Place(at.unit, dict(at.scope), {**at.macros, "caller": caller}, at.loops, at.conditions)
            self._write(self._value(node.call, inner), node.lineno, at)
            if callee(node.call.node) not in at.macros:
                self._statements(node.body, inner)  # whatever is called there may put it
        elif isinstance(node, nodes.Block):
            chain = self.blocks.get(node.name, [])
            block, unit = chain[0] if chain else (node, at.unit)
            self._block(block, unit, at, depth=0)
        elif isinstance(node, nodes.With):
            values = [self._value(v, at) for v in node.values]
            inner = Place(at.unit, dict(at.scope), dict(at.macros), at.loops, at.conditions)
            for target, value in zip(node.targets, values, strict=True):
                bind(target, value, inner.scope)
            self._statements(node.body, inner)
        elif isinstance(node, nodes.ExprStmt):
            self._value(node.node, at)
        elif isinstance(node, nodes.FilterBlock):
            self._filter_block(node, at)
        elif isinstance(node, (nodes.Scope, nodes.ScopedEvalContextModifier)):
            self._statements(node.body, at)
        elif not isinstance(node, (nodes.Break, nodes.Continue, nodes.EvalContextModifier)):
            raise self._error(at, node.lineno, f"the statement {type(node).__name__} is not known")

    def _if(self, node: nodes.If, at: Place) -> None:
        outer = at.conditions
        for branch in (node, *node.elif_):
            effects(branch.test, at.scope)
        at.conditions = (*outer, f"if {self._words(node, at)}")
        self._statements(node.body, at)
        for branch in node.elif_:
            at.conditions = (*outer, f"if {self._words(branch, at)}")
            self._statements(branch.body, at)
        at.conditions = (*outer, f"not {self._words(node, at)}")
        self._statements(node.else_, at)
        at.conditions = outer

    def _for(self, node: nodes.For, at: Place) -> None:
        each = element(self._value(node.iter, at))
        inner = Place(at.unit, dict(at.scope), dict(at.macros), at.loops + 1, at.conditions)
        inner.scope["loop"] = (Record(dict.fromkeys(_LOOP, (Literal("0"),)) | {"previtem": each, "nextitem": each}),)
        bind(node.target, each, inner.scope)
        if node.test is not None:
            effects(node.test, inner.scope)
        own = {n.name for n in (node.target, *node.target.find_all(nodes.Name)) if isinstance(n, nodes.Name)}
        self._statements(node.body, inner)
        # A namespace or a list that was added to in the loop keeps what it got.
        for name in at.scope.keys() - own - {"loop"}:
            at.scope[name] = union(at.scope[name], inner.scope[name])
        self._statements(node.else_, at)

    def _assign(self, node: nodes.Assign | nodes.AssignBlock, at: Place) -> None:
        if isinstance(node, nodes.AssignBlock):
            value: Value = (Rendered(self._captured_spans(node.body, at)),)
        else:
            value = self._value(node.node, at)
        bind(node.target, value, at.scope, keep=at.loops > 0 or bool(at.conditions))

    def _filter_block(self, node: nodes.FilterBlock, at: Place) -> None:
        chain = filter_chain(node.filter)
        names = tuple(f.name for f in chain)
        for span in self._captured_spans(node.body, at):
            self._add(replace(span, filters=span.filters + names) if isinstance(span, Hole) else span, at)
        for one in chain:
            given = arguments(one, at.scope, lambda call: self._call(call, at))
            self._write(given.outside, node.lineno, at)

    def _block(self, node: nodes.Block, unit: Unit, at: Place, *, depth: int) -> None:
        self._count_expansion(at, node.lineno)
        outer, at.unit = at.unit, unit
        self.above.append((node.name, depth))
        self._statements(node.body, at)
        self.above.pop()
        at.unit = outer

    # Macros

    def _macro(self, node: nodes.Macro | nodes.CallBlock, at: Place) -> Macro:
        names = tuple(a.name for a in node.args)
        return Macro(names, tuple(node.defaults), node.body, at.unit, at.scope, at.macros)

    def _call(self, node: nodes.Call, at: Place) -> Value | None:
        name = callee(node.node)
        if name == "super" and self.above:
            return self._super(at)
        if name not in at.macros:
            return None
        self._count_expansion(at, node.lineno)
        self.called.add(name)
        macro = at.macros[name]
        given = arguments(node, at.scope, lambda call: self._call(call, at))
        inside = {**macro.macros}
        if "caller" in at.macros:
            inside["caller"] = at.macros["caller"]
        inner = Place(macro.unit, dict(macro.scope), inside, at.loops, at.conditions)
        hand_over(macro, given, inner.scope, lambda default: self._value(default, inner))
        return (Rendered(self._captured_spans(macro.body, inner)),)

    def _super(self, at: Place) -> Value:
        name, depth = self.above[-1]
        chain = self.blocks.get(name, [])
        if depth + 1 >= len(chain):
            return ()
        block, unit = chain[depth + 1]
        with self._captured() as spans:
            self._block(block, unit, at, depth=depth + 1)
        return (Rendered(tuple(spans)),)

    # Writing

    def _value(self, node: nodes.Node, at: Place) -> Value:
        return evaluate(node, at.scope, lambda call: self._call(call, at))

    def _write(self, value: Value, offset: int, at: Place) -> None:
        for piece in everything(value):
            if isinstance(piece, Literal):
                self._add(Text(piece.text, *at.unit.lines.place(offset), offset), at)
            elif isinstance(piece, Outside):
                self._hole(piece, offset, at)
            elif isinstance(piece, Rendered):
                for span in piece.spans:
                    self._add(span, at)

    def _hole(self, piece: Outside, offset: int, at: Place) -> None:
        # The place is that of the braces: the expression's first token stands shortly after them.
        start = at.unit.source.text.rfind("{", max(offset - 200, 0), offset)
        start = start - 1 if start > 0 and at.unit.source.text[start - 1] == "{" else start
        start = offset if start < 0 else start
        line, column = at.unit.lines.place(start)
        hole = Hole(
            piece.name, at.unit.source.path, line, column, start, filters=piece.filters,
            in_loop=at.loops > 0, condition=" and ".join(at.conditions), written=written(at.unit.source.text, start),
        )  # fmt: skip
        self._add(hole, at)

    def _add(self, span: Span, at: Place) -> None:
        self.written += 1
        self.holes += isinstance(span, Hole)
        if self.written > _MAX_SPANS or self.holes > MAX_HOLES:
            raise self._error(at, span.offset, f"more than {MAX_HOLES} holes or {_MAX_SPANS} pieces of text")
        self.out.append(span)

    @contextmanager
    def _captured(self) -> Iterator[list[Span]]:
        outer, self.out = self.out, []
        try:
            yield self.out
        finally:
            self.out = outer

    def _captured_spans(self, body: list[nodes.Node], at: Place) -> tuple[Span, ...]:
        with self._captured() as spans:
            self._statements(body, at)
        return tuple(spans)

    def _words(self, node: nodes.If, at: Place) -> str:
        # An If begins at its word, an elif behind it.
        text, start = at.unit.source.text, node.lineno
        end = text.find("%}", start, start + 200)
        return one_line(text[start : end if end >= 0 else start + 60].removeprefix("if ").strip("-+ "), 80)

    def _count_expansion(self, at: Place, offset: int) -> None:
        self.expansions += 1
        if self.expansions > _MAX_EXPANSIONS:
            raise self._error(at, offset, f"more than {_MAX_EXPANSIONS} macro calls and includes")

    def _error(self, at: Place, offset: int, problem: str, *, hint: str = "") -> TemplateError:
        location = Location(at.unit.source.path, *at.unit.lines.place(offset))
        return TemplateError(location, problem, hint=hint or "simplify the template, or add it to prompts.exclude")
