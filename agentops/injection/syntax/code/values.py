"""What an expression makes. `Values` reads operators and strings; chains, calls, lists and locals stand below and are
handed it as a `Reading`, which they ask for every expression within."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.code.chains import Chains
from agentops.injection.syntax.code.expression import MOST_NAME, name_of, stripped
from agentops.injection.syntax.code.local import Locals
from agentops.injection.syntax.code.origin import is_literal, read_from
from agentops.injection.syntax.code.scope import Scope
from agentops.injection.syntax.code.tokens import Chunk, Node
from agentops.injection.syntax.code.tree import Nodes, is_group, is_op
from agentops.injection.syntax.code.value import Part, Ref, Value, conditional
from agentops.injection.template import Assigned, TemplateError
from agentops.model.finding import Location

DEEPEST = 16
_MOST_PARTS = 4_000
_MOST_WORK = 400_000
_CHARACTERS = 100  # searched in about the time that one part takes


class Values:
    """Evaluates the expressions of one file without running anything."""

    def __init__(self, source: Source, scope: Scope) -> None:
        self.source, self.scope = source, scope
        self.locals = Locals(self)
        self._chains = Chains(self, self.locals)
        self._depth = 0
        self._work = 0

    def of(self, nodes: Nodes) -> Value:
        """The value of the expression. Raises TemplateError for one that grows beyond all measure."""
        nodes = stripped(nodes)
        if not nodes or self._depth >= DEEPEST:
            return self.opaque(nodes)
        self._depth += 1
        try:
            return self._operators(nodes)
        finally:
            self._depth -= 1

    def _operators(self, nodes: Nodes) -> Value:
        seen: dict[str, int] = {}
        pluses: list[int] = []
        for at, node in enumerate(nodes):
            if node.kind == "op":
                seen.setdefault(node.text, at)
                if node.text == "+":
                    pluses.append(at)
        if not seen:
            return self._chains.of(nodes)
        self.spend(len(nodes), nodes[0].start)
        for arrow in ("=>", "->"):
            if arrow in seen:
                body = nodes[seen[arrow] + 1 :]
                return Value() if body and is_group(body[0], "{") else self.of(body)
        if "?" in seen and ":" in seen and seen["?"] < seen[":"]:
            return self._branches(nodes, seen["?"], seen[":"])
        for either in ("??", "||", "?:"):
            if either in seen:
                first = self.of(nodes[: seen[either]])
                return first if first.refs or first.says else self.of(nodes[seen[either] + 1 :])
        if "&&" in seen:
            last = max(at for at, n in enumerate(nodes) if is_op(n, "&&"))
            return conditional(self.of(nodes[last + 1 :]), self.condition(nodes[:last]))
        if any(c in seen for c in ("==", "===", "!=", "!==", ">=", "<=")):
            return Value()
        if pluses:
            cuts = [-1, *pluses, len(nodes)]
            return self.joined([nodes[a + 1 : b] for a, b in pairwise(cuts)])
        if any(c in seen for c in ("-", "*", "/", "%")) and nodes[0].kind != "op":
            return Value([self.ref(name_of(nodes), nodes, filters=("int",))])
        return self._chains.of(nodes)

    def _branches(self, nodes: Nodes, question: int, colon: int) -> Value:
        """Both branches, one after the other: each may be what the model gets."""
        test = self.condition(nodes[:question])
        then, other = self.of(nodes[question + 1 : colon]), self.of(nodes[colon + 1 :])
        whole = Value()
        self.extend(whole, conditional(then, test))
        self.extend(whole, conditional(other, f"not ({test})" if test else ""))
        return whole

    def condition(self, nodes: Nodes) -> str:
        """A condition as it is written, folded to one line and cut."""
        return " ".join(self.written(nodes)[:120].split())

    def joined(self, pieces: Iterable[Nodes], between: Chunk | None = None) -> Value:
        """The expressions one after the other."""
        whole = Value()
        for number, piece in enumerate(pieces):
            if between is not None and number:
                whole.parts.append(between)
            self.extend(whole, self.of(piece))
        return whole

    def extend(self, whole: Value, by: Value) -> None:
        """Add a value to the end of another."""
        whole.parts += by.parts
        whole.formatted |= by.formatted
        self.check(whole, new=len(by.parts))

    def check(self, value: Value, *, new: int | None = None) -> None:
        """Count what was made: `new` parts, all of them if None. Raises TemplateError for too many."""
        if not value.parts:
            return
        start = value.parts[0].start
        if len(value.parts) > _MOST_PARTS:
            raise self._refused(f"a text of more than {_MOST_PARTS} parts", start)
        self.spend(len(value.parts) if new is None else new, start)

    def read_through(self, value: Value) -> None:
        """Count a search through all of the value's text."""
        if value.parts:
            size = sum(len(p.text) for p in value.parts if isinstance(p, Chunk))
            self.spend(len(value.parts) + size // _CHARACTERS, value.parts[0].start)

    def spend(self, work: int, at: int) -> None:
        """Count steps, so that no file takes more than its size warrants. Raises TemplateError for far too many."""
        self._work += work
        if self._work > _MOST_WORK:
            raise self._refused("texts that are made of one another too many times", at)

    def _refused(self, problem: str, at: int) -> TemplateError:
        line, column = self.source.lines.place(at)
        hint = "add the file to prompts.exclude if it is no prompt"
        return TemplateError(Location(self.source.path, line, column), problem, hint=hint)

    def string(self, node: Node) -> Value:
        """The value of a string, its embedded expressions evaluated."""
        value = Value()
        for part in node.parts:
            if isinstance(part, Chunk):
                if part.text:
                    value.parts.append(part)
                continue
            inner = self.of(part.nodes)
            if len(inner.parts) == 1 and isinstance(inner.parts[0], Ref):
                inner = Value([replace(inner.parts[0], start=part.start, end=part.end)], inner.formatted)
            self.extend(value, inner)
        return value

    def opaque(self, nodes: Nodes) -> Value:
        """The expression as one value that is not looked into."""
        return Value([self.ref(name_of(nodes), nodes)]) if nodes else Value()

    def one(self, nodes: Nodes) -> Sequence[Part]:
        """The parts of an argument; an expression that makes no text is a value all the same."""
        return self.of(nodes).parts or [self.ref(name_of(nodes), nodes)]

    def ref(self, name: str, nodes: Nodes, *, filters: tuple[str, ...] = (), loop: bool = False) -> Ref:
        """A value of that name, with its type and source as far as the file tells them."""
        name = name.strip(".")[:MOST_NAME] or "value"
        at = nodes[0].start
        ref = Ref(name, at, nodes[-1].end, filters, loop)
        root = re.split(r"[.\[]", name, maxsplit=1)[0]
        binding = self.scope.binding(root, at)
        if binding is not None and binding.type:
            ref = replace(ref, type=binding.type)
        definition = self.scope.definition(root, at)
        text = ""
        if definition is not None:
            if is_literal(definition.nodes) and not self.scope.changes(definition, at):
                return replace(ref, assigned=Assigned(Kind.CONSTANT, "the code sets it to a fixed value"))
            text = self.written(definition.nodes)
        return replace(ref, assigned=read_from(text) or read_from(self.written(nodes)))

    def written(self, nodes: Nodes) -> str:
        """The expression as it stands in the file, its first 400 characters."""
        return self.source.text[nodes[0].start : min(nodes[-1].end, nodes[0].start + 400)] if nodes else ""
