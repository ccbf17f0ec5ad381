"""Calls of functions: formats that are filled, joins, wrappers, and functions of the file that give back a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentops.injection.kinds import Kind
from agentops.injection.syntax.code import printf
from agentops.injection.syntax.code.expression import is_written_text, only_return, passes
from agentops.injection.syntax.code.known_calls import CONSTANT_CALLS, FORMATS, WRAPPERS, filter_of
from agentops.injection.syntax.code.lists import Lists, glue
from agentops.injection.syntax.code.local import Locals
from agentops.injection.syntax.code.reading import Reading
from agentops.injection.syntax.code.state import State, begun
from agentops.injection.syntax.code.tokens import Chunk, Node, cut
from agentops.injection.syntax.code.tree import Nodes, fixed, inside
from agentops.injection.syntax.code.value import Part, Ref, Value, filtered
from agentops.injection.template import Assigned

_DEEPEST = 8
_PROSE = 3  # words that no key or file name has
_BUILDERS = frozenset(("new StringBuilder", "new StringBuffer", "new ArrayList", "new StringJoiner"))


class Calls:
    """Reads calls with one file's values."""

    def __init__(self, values: Reading, lists: Lists, local: Locals) -> None:
        self._values, self._lists, self._locals = values, lists, local
        self._busy: set[int] = set()
        self._memo: dict[int, Value] = {}

    def of(self, path: str, arguments: Node, nodes: Nodes) -> State:
        """The call of `path`; `nodes` are the expression up to its arguments."""
        args = inside(arguments)
        last = path.rsplit(".", 1)[-1]
        if path in CONSTANT_CALLS or path.startswith("new Date"):
            own = Assigned(Kind.CONSTANT, "it is the program's own value")
            return _of(Ref(f"{last.removeprefix('new ')}()", nodes[0].start, nodes[-1].end, assigned=own))
        if path in FORMATS and args:
            first = 1 if path in ("fmt.Fprintf", "fmt.Fprint", "fmt.Fprintln") else 0
            if last in ("Sprint", "Sprintln", "Fprint", "Fprintln"):
                return State(value=self._values.joined(args[first:]))
            if not args[first:]:
                return State(value=Value())
            return State(value=self.printed(self._values.of(args[first]), args[first + 1 :]))
        if path in WRAPPERS and args:
            return self._wrapped(path, args)
        if path in _BUILDERS:
            return State(value=self._values.joined(args))
        if args and (found := filter_of(last)):
            return State(value=filtered(self._values.of(args[0]), found))
        if (given := self._inlined(path, args, nodes)) is not None:
            return State(value=given)
        if args and not path.startswith("new "):
            value = self._values.of(args[0])
            # `dedent("You are ...")` is its text, `request.param("q")` is not.
            kept = is_written_text(args[0]) and value.words >= _PROSE and len(value.parts) < 400
            if kept or (passes(last) and value.refs):
                return State(value=value)
        return _of(self._values.ref(f"{path.removeprefix('new ')}()", nodes))

    def _inlined(self, path: str, args: list[list[Node]], nodes: Nodes) -> Value | None:
        """The text that a function of this file gives back, None for any other.

        A parameter takes the name of what the only call gives it. Where several calls give different values, it
        keeps its own: nothing is known of it.
        """
        name = path.removeprefix("this.").removeprefix("self.")
        known = self._values.scope.functions.get(name, ())
        if len(known) != 1 or id(known[0]) in self._busy or len(self._busy) > _DEEPEST:
            return None
        expression = only_return(known[0])
        if not expression or expression[0].start <= nodes[0].start <= expression[-1].end:
            return None
        if id(known[0]) not in self._memo:
            self._busy.add(id(known[0]))
            try:
                self._memo[id(known[0])] = self._values.of(expression)
            finally:
                self._busy.discard(id(known[0]))
        value = self._memo[id(known[0])]
        if not value.says:
            return None
        self._values.check(value)
        self._name_parts(value, name)
        given = dict(zip(known[0].parameters, args, strict=False)) if self._values.scope.called[name] == 1 else {}
        return Value([self._given(p, given) if isinstance(p, Ref) else p for p in value.parts], value.formatted)

    def _name_parts(self, value: Value, name: str) -> None:
        for part in value.parts:
            if isinstance(part, Chunk):
                self._locals.named.setdefault(part.start, name)

    def _given(self, ref: Ref, arguments: Mapping[str, Nodes]) -> Ref:
        """The value as the caller knows it, where it gives one value for the parameter."""
        root, dot, rest = ref.name.partition(".")
        bare = root.removesuffix("[]")
        parts = self._values.of(arguments[bare]).parts if bare in arguments else []
        if len(parts) != 1 or not isinstance(parts[0], Ref):
            return ref
        one = parts[0]
        name = f"{one.name}{root[len(bare) :]}{dot}{rest}"
        return replace(
            ref, name=name, filters=(*one.filters, *ref.filters), type=ref.type or one.type,
            assigned=one.assigned or ref.assigned,
        )  # fmt: skip

    def _wrapped(self, path: str, args: list[list[Node]]) -> State:
        how = WRAPPERS[path]
        if how == "join" and len(args) >= 2:
            return State(value=self._join(path, args))
        if how == "replace" and len(args) >= 3 and (mark := fixed(args[1][0])):
            return State(value=self.replaced(self._values.of(args[0]), mark, args[2]))
        if how == "list":
            return State(elements=list(args))
        value = self._values.of(args[0])
        return State(value=filtered(value, how) if how else value)

    def _join(self, path: str, args: list[list[Node]]) -> Value:
        """`strings.Join(list, between)` of Go, `String.join(between, list)` of Java."""
        first = path == "strings.Join"
        listed, between = (args[0], glue(args[1])) if first else (args[1], glue(args[0]))
        if len(args) > 2 and not first:
            return self._values.joined(args[1:], between)
        state, _ = begun(self._values, listed)
        if state.elements is None and state.path and len(listed) == 1:
            state = self._lists.local(state, listed)
        if state.elements is not None:
            return self._values.joined(state.elements, between)
        return self._values.of(listed)

    def printed(self, value: Value, args: Sequence[Nodes]) -> Value:
        """The format with its verbs filled by the arguments."""
        self._values.read_through(value)
        values = [list(self._values.one(arg)) for arg in args[:400]]
        done: list[Part] = []
        for part in printf.fill(value.parts, values):
            if isinstance(part, printf.Verb):
                done.append(Ref(part.name, part.start, part.end, part.filters))
            elif isinstance(part, list):
                done += part
            else:
                done.append(part)
        out = Value(done, value.formatted | {"printf"})
        self._values.check(out)
        return out

    def replaced(self, value: Value, mark: str, by: Nodes) -> Value:
        """The text with every `mark` in its fixed texts as the value of `by`."""
        new = self._values.one(by)
        self._values.read_through(value)
        if not any(c.isalnum() for c in mark) or len(mark) < 2:
            return value  # escapes or tidies, fills nothing
        if not any(isinstance(p, Chunk) and mark in p.text for p in value.parts):
            return value
        parts: list[Part] = []
        for part in value.parts:
            if isinstance(part, Ref) or mark not in part.text:
                parts.append(part)
                continue
            at = 0
            while (found := part.text.find(mark, at)) >= 0:
                parts.append(cut(part, at, found))
                place = part.place(found)
                parts += [replace(n, start=place, end=place + len(mark)) if isinstance(n, Ref) else n for n in new]
                at = found + len(mark)
            parts.append(cut(part, at, len(part.text)))
            self._values.check(Value(parts))
        return Value([p for p in parts if isinstance(p, Ref) or p.text], value.formatted | {"replace"})


def _of(ref: Ref) -> State:
    return State(value=Value([ref]))
