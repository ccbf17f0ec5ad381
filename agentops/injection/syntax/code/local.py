"""What a name stands for: a local text with all that was added to it, an element of a container, else itself."""

from __future__ import annotations

import re
from dataclasses import replace

from agentops.injection.syntax.code.expression import name_of, stripped
from agentops.injection.syntax.code.reading import Reading
from agentops.injection.syntax.code.scope import Binding, Definition
from agentops.injection.syntax.code.state import State
from agentops.injection.syntax.code.tokens import Chunk
from agentops.injection.syntax.code.tree import Nodes
from agentops.injection.syntax.code.value import Value, conditional, looped

_NOTHING = frozenset(("nil", "null", "undefined", "None", "true", "false", ""))
_OWNERS = frozenset(("this", "self", "s", "c"))
_EMPTY = re.compile(r"\b(?:Builder|Buffer|StringJoiner|ArrayList|LinkedList|mutableListOf|make)\b")
_DEEPEST = 16


class Locals:
    """Resolves names with one file's values. `named` tells by the place of a text the name it was defined under."""

    def __init__(self, values: Reading) -> None:
        self._values = values
        self.named: dict[int, str] = {}
        self._busy: set[int] = set()
        self._memo: dict[tuple[int, int], Value] = {}

    def is_busy(self, definition: Definition) -> bool:
        """Whether the definition is being read: it refers to itself."""
        return id(definition) in self._busy

    def of(self, state: State, nodes: Nodes) -> Value:
        """The state as a value; a path of names stands for what the file knows of it."""
        return state.value or self.resolved(state.path, nodes)

    def says(self, path: str, nodes: Nodes) -> bool:
        """Whether the path is the name of a local text."""
        definition = self._values.scope.definition(path, nodes[0].start)
        return definition is not None and self.defined(definition, nodes[0].start).says

    def resolved(self, path: str, nodes: Nodes) -> Value:
        """What the path of names stands for."""
        if path in _NOTHING:
            return Value()
        at, scope = nodes[0].start, self._values.scope
        bare, rest = self._owned(path, at)
        definition, binding = scope.definition(bare, at), scope.binding(bare, at)
        if definition is not None and (binding is None or max(definition.start, definition.at) >= binding.start):
            known = self._by_definition(definition, rest, nodes)
            if known is not None:
                return known
        if binding is not None and binding.over:
            base = self._base(binding)
            name = base + ("" if base.endswith("]") or "[]." in base else "[]") + (f".{rest}" if rest else "")
            return Value([self._values.ref(name, nodes, loop=True)])
        found = Value([self._values.ref(path, nodes)])
        if binding is not None:
            # A parameter that text is added to.
            for change in scope.additions(bare, binding.start, at):
                self._values.extend(found, self._values.of(change.nodes))
        return found

    def _owned(self, path: str, at: int) -> tuple[str, str]:
        """The name to look up and the attributes behind it: `this.prompt` and `Prompts.MAIN` are names of the file."""
        root, _, rest = path.partition(".")
        if root in _OWNERS and rest:
            bare, _, rest = rest.partition(".")
            return bare, rest
        if root[:1].isupper() and rest and "." not in rest and self._values.scope.definition(rest, at) is not None:
            return rest, ""
        return root.rstrip("[]"), rest

    def _by_definition(self, definition: Definition, rest: str, nodes: Nodes) -> Value | None:
        """What a definition makes of the name: its text, or its value under the value's own name."""
        value = self.defined(definition, nodes[0].start)
        says = any(isinstance(p, Chunk) for p in value.parts)
        if not rest and (says or (not value.refs and not self.is_busy(definition))):
            return value
        if value.refs and not value.says and all("()" not in r.name for r in value.refs):
            tail = f".{rest}" if rest else ""
            start, end = nodes[0].start, nodes[-1].end
            return Value([replace(r, name=r.name + tail, start=start, end=end) for r in value.refs[:50]])
        return None

    def _base(self, binding: Binding) -> str:
        nodes = stripped(binding.over)
        if len(nodes) == 1 and nodes[0].kind == "name" and "[" in nodes[0].text:
            return nodes[0].text
        refs = self._values.of(nodes).refs
        return refs[0].name if refs and "()" not in refs[0].name else name_of(nodes)

    def defined(self, definition: Definition, at: int) -> Value:
        """What a local is at the offset: its definition with all that was added to it before."""
        changes = self._values.scope.changes(definition, at)
        key = (id(definition), len(changes))
        if key in self._memo:
            return self._memo[key]
        if self.is_busy(definition) or len(self._busy) > _DEEPEST:
            return Value()
        self._busy.add(id(definition))
        try:
            whole = self._grown(definition, changes)
        finally:
            self._busy.discard(id(definition))
        for part in whole.parts:
            if isinstance(part, Chunk):
                self.named.setdefault(part.start, definition.name)
        self._memo[key] = whole
        return whole

    def _grown(self, definition: Definition, changes: list[Definition]) -> Value:
        values = self._values
        value = values.of(definition.nodes)
        whole = Value(list(value.parts), value.formatted)
        if changes and not value.says and _EMPTY.search(values.written(definition.nodes)[:80]):
            whole.parts = []
        for change in changes:
            one = values.of(change.nodes)
            if change.how == "set" and not one.refs and value.parts:
                continue
            if change.how != "set":
                one = conditional(one, _inner(change.condition, definition.condition))
            values.extend(whole, looped(one) if values.scope.looped(change.at) else one)
        return whole


def _inner(condition: str, outer: str) -> str:
    """The condition of a change without those that its definition stands under as well."""
    return condition.removeprefix(outer).removeprefix(" and ") if condition != outer else ""
