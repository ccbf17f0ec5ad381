"""What an expression of source code makes: fixed texts and the values between them, in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax import code_printf
from agentops.injection.syntax.code_calls import CONSTANT_CALLS, FORMATS, JOINS, PASSING, WRAPPERS, filter_of
from agentops.injection.syntax.code_lex import Chunk, Node, cut
from agentops.injection.syntax.code_scope import Binding, Definition, Scope, is_literal, read_from
from agentops.injection.syntax.code_tree import Nodes, fixed, inside, is_group, is_op
from agentops.injection.template import Assigned, TemplateError
from agentops.model.finding import Location

_MOST_PARTS = 4_000
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that is put in. `start` and `end` are where it is written, its marks (`${` and `}`) taken in."""

    name: str
    start: int
    end: int
    filters: tuple[str, ...] = ()
    in_loop: bool = False
    type: str = ""
    assigned: Assigned | None = None


Part = Chunk | Ref


@dataclass(slots=True)
class Value:
    """The parts of a text. `formatted` names what has filled holes already (printf, replace)."""

    parts: list[Part] = field(default_factory=list)
    formatted: frozenset[str] = frozenset()

    @property
    def says(self) -> bool:
        """Whether it has fixed text with a letter in it."""
        return any(isinstance(p, Chunk) and any(c.isalpha() for c in p.text) for p in self.parts)

    @property
    def refs(self) -> list[Ref]:
        """The values in it."""
        return [p for p in self.parts if isinstance(p, Ref)]


@dataclass(slots=True)
class _State:
    """A chain of accesses and calls on the way: either a value, or a path of names, or a list of expressions."""

    value: Value | None = None
    path: str = ""
    elements: list[Nodes] | None = None
    filters: tuple[str, ...] = ()
    loop: bool = False


class Values:
    """Evaluates the expressions of one file without running anything."""

    def __init__(self, source: Source, scope: Scope) -> None:
        self.source, self.scope = source, scope
        self.depth = 0
        self.busy: set[int] = set()
        self.memo: dict[tuple[int, int], Value] = {}
        self.named: dict[int, str] = {}
        self.extra: dict[str, Nodes] = {}

    def of(self, nodes: Nodes) -> Value:
        """The value of the expression. Raises TemplateError for one that grows beyond all measure."""
        nodes = _stripped(nodes)
        if not nodes or self.depth >= _DEEPEST:
            return self._opaque(nodes)
        self.depth += 1
        try:
            return self._operators(nodes)
        finally:
            self.depth -= 1

    def _operators(self, nodes: Nodes) -> Value:
        seen: dict[str, int] = {}
        pluses = []
        for at, node in enumerate(nodes):
            if node.kind == "op":
                seen.setdefault(node.text, at)
                if node.text == "+":
                    pluses.append(at)
        for arrow in ("=>", "->"):
            if arrow in seen:
                body = nodes[seen[arrow] + 1 :]
                return Value() if body and is_group(body[0], "{") else self.of(body)
        if "?" in seen and ":" in seen and seen["?"] < seen[":"]:
            # Both branches, one after the other: each may be what the model gets.
            return self._joined([nodes[seen["?"] + 1 : seen[":"]], nodes[seen[":"] + 1 :]])
        for either in ("??", "||", "?:"):
            if either in seen:
                first = self.of(nodes[: seen[either]])
                return first if first.refs or first.says else self.of(nodes[seen[either] + 1 :])
        if "&&" in seen:
            last = max(at for at, n in enumerate(nodes) if is_op(n, "&&"))
            return self.of(nodes[last + 1 :])
        if any(c in seen for c in ("==", "===", "!=", "!==", ">=", "<=")):
            return Value()
        if pluses:
            cuts = [-1, *pluses, len(nodes)]
            return self._joined([nodes[a + 1 : b] for a, b in pairwise(cuts)])
        if any(c in seen for c in ("-", "*", "/", "%")) and nodes[0].kind != "op":
            return Value([self.ref(_name_of(nodes), nodes, filters=("int",))])
        return self._chain(nodes)

    def _joined(self, pieces: Iterable[Nodes], between: Chunk | None = None) -> Value:
        whole = Value()
        for number, piece in enumerate(pieces):
            one = self.of(piece)
            if between is not None and number:
                whole.parts.append(between)
            whole.parts += one.parts
            whole.formatted |= one.formatted
            self._check(whole)
        return whole

    def _check(self, value: Value) -> None:
        if len(value.parts) > _MOST_PARTS:
            first = value.parts[0]
            line, column = self.source.lines.place(first.start)
            raise TemplateError(
                Location(self.source.path, line, column), f"a text of more than {_MOST_PARTS} parts",
                hint="add the file to prompts.exclude if it is no prompt",
            )  # fmt: skip

    def string(self, node: Node) -> Value:
        """The value of a string, its embedded expressions evaluated."""
        value = Value()
        for part in node.parts:
            if isinstance(part, Chunk):
                if part.text:
                    value.parts.append(part)
                continue
            inner = self.of(part.nodes)
            plain = len(inner.parts) == 1 and isinstance(inner.parts[0], Ref)
            for one in inner.parts:
                if isinstance(one, Ref) and plain:
                    one = replace(one, start=part.start, end=part.end)
                value.parts.append(one)
            value.formatted |= inner.formatted
            self._check(value)
        return value

    def _opaque(self, nodes: Nodes) -> Value:
        return Value([self.ref(_name_of(nodes), nodes)]) if nodes else Value()

    def ref(self, name: str, nodes: Nodes, *, filters: tuple[str, ...] = (), loop: bool = False) -> Ref:
        """A value of that name, with its type and source as far as the file tells them."""
        name = name.strip(".") or "value"
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
            text = self._written(definition.nodes)
        return replace(ref, assigned=read_from(text) or read_from(self._written(nodes)))

    def _written(self, nodes: Nodes) -> str:
        return self.source.text[nodes[0].start : min(nodes[-1].end, nodes[0].start + 400)] if nodes else ""

    # -- chains -------------------------------------------------------------------------------------------------

    def _chain(self, nodes: Nodes) -> Value:
        state, at = self._primary(nodes)
        while at < len(nodes):
            node = nodes[at]
            following = nodes[at + 1] if at + 1 < len(nodes) else None
            if is_op(node, ".", "?.", "::", "!") and following is not None and following.kind == "name":
                arguments = nodes[at + 2] if at + 2 < len(nodes) else None
                if (arguments is not None and is_group(arguments, "(")) or (
                    arguments is not None and is_group(arguments, "{") and following.text in JOINS
                ):
                    state = self._method(state, following.text, arguments, nodes[: at + 3])
                    at += 3
                else:
                    state = self._attribute(state, following.text, nodes[: at + 2])
                    at += 2
            elif is_group(node, "["):
                word = fixed(node.kids[0]) if len(node.kids) == 1 else None
                state.path = state.path + (f".{word}" if word else "[]") if state.path else state.path
                at += 1
            elif is_group(node, "(") and state.path:
                state = self._call(state.path, node, nodes[: at + 1])
                at += 1
            elif node.kind == "str" and node.text == "`" and state.path:
                state = _State(value=self.string(node))  # dedent`...`
                at += 1
            elif is_group(node, "{") and state.elements is None and state.path in ("[]", ""):
                state = _State(elements=list(inside(node)))
                at += 1
            else:
                at += 1
        return self._finish(state, nodes)

    def _primary(self, nodes: Nodes) -> tuple[_State, int]:
        first = nodes[0]
        if first.kind == "str":
            return _State(value=self.string(first)), 1
        if first.kind == "num":
            return _State(value=Value([Chunk(first.text, first.start, first.end, ((0, first.start),))])), 1
        if is_group(first, "("):
            if len(nodes) > 1 and nodes[1].kind in ("name", "str") and len(first.kids) == 1:
                return self._primary(nodes[1:])[0], 2  # a cast
            return _State(value=self.of(first.kids)), 1
        if is_group(first, "["):
            if not first.kids and len(nodes) > 2:  # a slice of Go: []string{...}
                brace = next((i for i, n in enumerate(nodes) if is_group(n, "{")), None)
                if brace is not None:
                    return _State(elements=list(inside(nodes[brace]))), brace + 1
            return _State(elements=list(inside(first))), 1
        if first.text == "new" and len(nodes) > 1:
            return _State(path="new " + nodes[1].text), 2
        if first.kind == "name":
            return _State(path=first.text), 1
        return _State(path=_name_of(nodes)), len(nodes)

    def _attribute(self, state: _State, name: str, nodes: Nodes) -> _State:
        if filter_of(name) == "length" and (state.path or state.elements is not None or state.value):
            return _State(value=Value([self.ref(state.path or _name_of(nodes), nodes, filters=("length",))]))
        if state.path:
            return replace(state, path=f"{state.path}.{name}")
        refs = state.value.refs if state.value is not None else []
        if len(refs) == 1 and state.value is not None and not state.value.says:
            return _State(value=Value([replace(refs[0], name=f"{refs[0].name}.{name}")]))
        return _State(path=_name_of(nodes))

    def _method(self, state: _State, name: str, arguments: Node, nodes: Nodes) -> _State:
        """A call of a method on what stands before it."""
        if state.path and (full := f"{state.path}.{name}") in FORMATS | WRAPPERS.keys() | CONSTANT_CALLS:
            return self._call(full, arguments, nodes)
        args = inside(arguments)
        if name in JOINS:
            return self._list_method(state, name, arguments, nodes)
        if name in ("replace", "replaceAll", "replaceFirst") and len(args) >= 2:
            value = state.value or self._resolved(state, nodes)
            if value.says and (mark := fixed(args[0][0])):
                return _State(value=self._replaced(value, mark, args[1]))
            return _State(value=value)
        if name in ("formatted", "format") and (state.value or self._local(state.path, nodes)):
            value = state.value or self._resolved(state, nodes)
            return _State(value=self._printed(value, args))
        if name in ("concat", "plus"):
            head = state.value or self._resolved(state, nodes)
            tail = self._joined(args)
            return _State(value=Value([*head.parts, *tail.parts], head.formatted | tail.formatted))
        if found := filter_of(name):
            value = state.value or self._resolved(state, nodes)
            return _State(value=_filtered(value, found))
        if name in PASSING or (state.value is not None and state.value.says):
            return state
        if name in ("append", "WriteString", "push"):
            return state
        if len(name) > 3 and name.startswith("get") and name[3].isupper() and not args and state.path:
            return replace(state, path=f"{state.path}.{name[3].lower()}{name[4:]}")
        if name == "get" and len(args) == 1 and (word := fixed(args[0][0])) and state.path:
            return replace(state, path=f"{state.path}.{word}")
        if not args and state.path and name.islower():
            return replace(state, path=f"{state.path}.{name}")  # a record's accessor
        return self._call(f"{state.path}.{name}" if state.path else name, arguments, nodes)

    def _list_method(self, state: _State, name: str, arguments: Node, nodes: Nodes) -> _State:
        args = [arguments.kids] if arguments.text == "{" else inside(arguments)
        if state.elements is None and state.path:
            state = self._as_list(state, nodes)
        if name in ("join", "joinToString"):
            between = None
            if args and (word := fixed(args[0][0])):
                between = Chunk(word, args[0][0].start, args[0][0].end, ((0, args[0][0].start),))
            if name == "joinToString" and (last := arguments.kids[-1:]) and is_group(last[0], "{"):
                return self._mapped(state, last[0].kids, nodes)
            if state.elements is not None:
                return _State(value=self._joined(state.elements, between))
            value = state.value or self._resolved(state, nodes)
            return _State(value=value if value.parts else self._opaque(nodes))
        if name in ("map", "flatMap", "mapIndexed") and args:
            if state.elements and not any(is_op(e[0], "...") for e in state.elements):
                return state
            return self._mapped(state, args[0], nodes)
        return state  # filter, slice, reverse, collect ... keep what they are given

    def _as_list(self, state: _State, nodes: Nodes) -> _State:
        """A local list with what is pushed into it, if the path is the name of one."""
        definition = self.scope.definition(state.path, nodes[0].start)
        if definition is None or id(definition) in self.busy:
            return state
        inner = _stripped(definition.nodes)
        is_list = is_group(inner[0], "[") or (inner[0].text == "new" and len(inner) < 6) or is_group(inner[-1], "{")
        pushed = [c.nodes for c in self.scope.changes(definition, nodes[-1].end) if c.how == "push"]
        if is_list and (pushed or (is_group(inner[0], "[") and len(inner) == 1)):
            first = inside(inner[0]) if is_group(inner[0], "[") and len(inner) == 1 else []
            return _State(elements=[*first, *pushed])
        value = self.defined(definition, nodes[-1].end)
        return state if not (value.refs or value.says) else _State(value=value, path="" if value.says else state.path)

    def _mapped(self, state: _State, function: Nodes, nodes: Nodes) -> _State:
        """`docs.map(d => ...)`: the function's text with its parameter standing for an element."""
        arrow = next((i for i, n in enumerate(function) if is_op(n, "=>", "->")), None)
        base = state.path or (state.value.refs[0].name if state.value and state.value.refs else "")
        if arrow is None:
            # `Document::getText`
            name = function[-1].text if len(function) > 1 and is_op(function[-2], "::") else ""
            name = name[3:4].lower() + name[4:] if name.startswith("get") else name
            return _State(value=Value([self.ref(f"{base}[]" + (f".{name}" if name else ""), nodes, loop=True)]))
        where = (function[0].start, function[-1].end)
        head = function[:arrow]
        names = [n for n in (head[0].kids if head and head[0].kind == "group" else head) if n.kind == "name"]
        over = (Node("name", base, nodes[0].start, nodes[0].end),) if base else ()
        fields = head[0].kids[0] if head and head[0].kids and is_group(head[0].kids[0], "{") else None
        if fields is not None:
            names = []
            for item in inside(fields):
                attribute = f"{base}[].{item[0].text}"
                self._bind(item[-1].text, Binding(*where, over=(Node("name", attribute, *where),)))
        for number, node in enumerate(names[:2]):
            bound = Binding(*where, over=over) if number == 0 else Binding(*where, type="number", number=True)
            self._bind(node.text, bound)
        body = function[arrow + 1 :]
        if body and is_group(body[0], "{"):
            body = _returned(body[0])
        value = self.of(body)
        parts: list[Part] = [replace(p, in_loop=True) if isinstance(p, Ref) else p for p in value.parts]
        return _State(value=Value(parts, value.formatted))

    def _bind(self, name: str, binding: Binding) -> None:
        known = self.scope.bindings.setdefault(name, [])
        if binding not in known[:20]:
            known.insert(0, binding)

    # -- calls --------------------------------------------------------------------------------------------------

    def _call(self, path: str, arguments: Node, nodes: Nodes) -> _State:
        args = inside(arguments)
        last = path.rsplit(".", 1)[-1]
        if path in CONSTANT_CALLS or path.startswith("new Date"):
            fixed_value = Assigned(Kind.CONSTANT, "it is the program's own value")
            return _State(
                value=Value(
                    [Ref(f"{last.removeprefix('new ')}()", nodes[0].start, nodes[-1].end, assigned=fixed_value)]
                )
            )
        if path in FORMATS and args:
            first = 1 if path in ("fmt.Fprintf", "fmt.Fprint", "fmt.Fprintln") else 0
            if last in ("Sprint", "Sprintln", "Fprint", "Fprintln"):
                return _State(value=self._joined(args[first:]))
            return _State(value=self._printed(self.of(args[first]), args[first + 1 :]) if args[first:] else Value())
        if path in WRAPPERS and args:
            return self._wrapped(path, args)
        if path.startswith("new ") and last in (
            "new StringBuilder",
            "new StringBuffer",
            "new ArrayList",
            "new StringJoiner",
        ):
            return _State(value=self._joined(args))
        if args and (found := filter_of(last)):
            return _State(value=_filtered(self.of(args[0]), found))
        if args and not path.startswith("new "):
            value = self.of(args[0])
            if (value.says and len(value.parts) < 400 and _is_text(args[0])) or (
                PASSING_CALL.match(last) and value.refs
            ):
                return _State(value=value)
        returned = self.scope.definition(path, nodes[0].start) if not args else None
        if (
            returned is not None
            and any(is_op(n, "=>") for n in returned.nodes)
            and (v := self.defined(returned, nodes[0].start)).says
        ):
            return _State(value=v)
        return _State(value=Value([self.ref(f"{path.removeprefix('new ')}()", nodes)]))

    def _wrapped(self, path: str, args: list[list[Node]]) -> _State:
        how = WRAPPERS[path]
        if how == "join" and len(args) >= 2:
            reverse = path != "strings.Join"
            listed, separator = (args[1], args[0]) if reverse else (args[0], args[1])
            word = fixed(separator[0]) or ""
            between = Chunk(word, separator[0].start, separator[0].end, ((0, separator[0].start),)) if word else None
            if len(args) > 2 and reverse:
                return _State(value=self._joined(args[1:], between))
            state, _ = self._primary(listed)
            if state.elements is None and state.path and len(listed) == 1:
                state = self._as_list(state, listed)
            if state.elements is not None:
                return _State(value=self._joined(state.elements, between))
            return _State(value=self.of(listed))
        if how == "replace" and len(args) >= 3 and (mark := fixed(args[1][0])):
            return _State(value=self._replaced(self.of(args[0]), mark, args[2]))
        if how == "list":
            return _State(elements=list(args))
        value = self.of(args[0])
        return _State(value=_filtered(value, how) if how else value)

    def _printed(self, value: Value, args: list[list[Node]]) -> Value:
        values = [self._one(arg) for arg in args[:400]]
        done: list[Part] = []
        for part in code_printf.fill(value.parts, values):
            if isinstance(part, code_printf.Verb):
                done.append(Ref(part.name, part.start, part.end, part.filters))
            elif isinstance(part, list):
                done += part
            else:
                done.append(part)
        out = Value(done, value.formatted | {"printf"})
        self._check(out)
        return out

    def _one(self, nodes: Nodes) -> list[Part]:
        return list(self.of(nodes).parts) or [self.ref(_name_of(nodes), nodes)]

    def _replaced(self, value: Value, mark: str, by: Nodes) -> Value:
        new = self._one(by)
        if not any(c.isalnum() for c in mark) or len(mark) < 2:
            return value  # escapes or tidies, fills nothing
        parts: list[Part] = []
        hit = False
        for part in value.parts:
            if isinstance(part, Ref) or mark not in part.text:
                parts.append(part)
                continue
            hit = True
            at = 0
            while (found := part.text.find(mark, at)) >= 0:
                parts.append(cut(part, at, found))
                place = part.place(found)
                parts += [replace(n, start=place, end=place + len(mark)) if isinstance(n, Ref) else n for n in new]
                at = found + len(mark)
            parts.append(cut(part, at, len(part.text)))
        out = Value(
            [p for p in parts if isinstance(p, Ref) or p.text], value.formatted | ({"replace"} if hit else set())
        )
        self._check(out)
        return out

    # -- names --------------------------------------------------------------------------------------------------

    def _finish(self, state: _State, nodes: Nodes) -> Value:
        if state.value is not None:
            return state.value
        if state.elements is not None:
            return self._joined(state.elements)
        return self._resolved(state, nodes)

    def _local(self, path: str, nodes: Nodes) -> bool:
        definition = self.scope.definition(path, nodes[0].start)
        return definition is not None and self.defined(definition, nodes[0].start).says

    def _resolved(self, state: _State, nodes: Nodes) -> Value:
        """What a path of names stands for: a local text, an element of a container, else a value of that name."""
        path, at = state.path, nodes[0].start
        if path in ("nil", "null", "undefined", "None", "true", "false", ""):
            return Value()
        root, _, rest = path.partition(".")
        bare = root.rstrip("[]")
        if root in ("this", "self", "s", "c") and rest:
            bare, rest = rest.partition(".")[0], rest.partition(".")[2]
        elif root[:1].isupper() and "." not in rest and rest:
            # `ChatDescriber.prompt`: a constant of a class of this file
            named = self.scope.definition(rest, at)
            if named is not None:
                bare, rest = rest, ""
        definition, binding = self.scope.definition(bare, at), self.scope.binding(bare, at)
        if definition is not None and (
            binding is None or definition.start >= binding.start or definition.at >= binding.start
        ):
            value = self.defined(definition, at)
            if not rest and (
                any(isinstance(p, Chunk) for p in value.parts) or (not value.refs and id(definition) not in self.busy)
            ):
                return value
            if value.refs and not value.says and all("()" not in r.name for r in value.refs):
                tail = f".{rest}" if rest else ""
                return Value(
                    [replace(r, name=r.name + tail, start=nodes[0].start, end=nodes[-1].end) for r in value.refs[:50]]
                )
        if binding is not None and binding.over:
            base = self._base(binding)
            name = base + ("" if base.endswith("]") or "[]." in base else "[]") + (f".{rest}" if rest else "")
            return Value([self.ref(name, nodes, loop=True)])
        changed = [
            c for c in self.scope.definitions.get(bare, ())[:40]
            if c.how == "+=" and binding is not None and binding.start <= c.at < at
        ]  # fmt: skip
        found = Value([self.ref(path, nodes, loop=state.loop)])
        for change in changed:
            found.parts += self.of(change.nodes).parts
        return found

    def _base(self, binding: Binding) -> str:
        nodes = _stripped(binding.over)
        if len(nodes) == 1 and nodes[0].kind == "name" and "[" in nodes[0].text:
            return nodes[0].text
        refs = self.of(nodes).refs
        return refs[0].name if refs and "()" not in refs[0].name else _name_of(nodes)

    def defined(self, definition: Definition, at: int) -> Value:
        """What a local is at the offset: its definition with all that was added to it before."""
        changes = self.scope.changes(definition, at)
        key = (id(definition), len(changes))
        if key in self.memo:
            return self.memo[key]
        if id(definition) in self.busy or len(self.busy) > _DEEPEST:
            return Value()
        self.busy.add(id(definition))
        try:
            value = self.of(definition.nodes)
            whole = Value(list(value.parts), value.formatted)
            if changes and not value.says and _EMPTY.search(self._written(definition.nodes)[:80]):
                whole.parts = []
            for change in changes:
                one = self.of(change.nodes)
                if change.how == "set" and not one.refs and value.parts:
                    continue
                loop = self.scope.looped(change.at)
                whole.parts += [replace(p, in_loop=p.in_loop or loop) if isinstance(p, Ref) else p for p in one.parts]
                whole.formatted |= one.formatted
                self._check(whole)
        finally:
            self.busy.discard(id(definition))
        for part in whole.parts:
            if isinstance(part, Chunk):
                self.named.setdefault(part.start, definition.name)
        self.memo[key] = whole
        return whole


_EMPTY = re.compile(r"\b(?:Builder|Buffer|StringJoiner|ArrayList|LinkedList|mutableListOf|make)\b")
PASSING_CALL = re.compile(
    r"(?i)(?:\w{0,30}(?:trim|clean|strip|truncate|saniti[sz]e|normali[sz]e|escape|remove|compact"
    r"|dedent|shorten|quote)\w{0,40}"
    r"|format\w{0,30}|render\w{0,30}|stringify\w{0,10}|string|str|valueOf|text|to_?string)$"
)


def _filtered(value: Value, name: str) -> Value:
    if name == "length":
        refs = value.refs or [Ref("text", p.start, p.end) for p in value.parts[:1]]
        return Value([replace(r, filters=(*r.filters, "length")) for r in refs[:1]])
    parts: list[Part] = [replace(p, filters=(*p.filters, name)) if isinstance(p, Ref) else p for p in value.parts]
    return Value(parts, value.formatted)


def _is_text(nodes: Nodes) -> bool:
    """Whether the expression itself is written as a text."""
    return any(n.kind == "str" for n in nodes)


_LEADING = frozenset(("await", "return", "const", "typeof", "yield", "async"))


def _stripped(nodes: Nodes) -> Nodes:
    """Without `await`, casts, and marks that change no text."""
    start, end = 0, len(nodes)
    while start < end and (nodes[start].text in _LEADING or is_op(nodes[start], "&", "*", "!", "...", "<-")):
        start += 1
    for at in range(start + 1, end):
        if nodes[at].kind == "name" and nodes[at].text in ("as", "satisfies"):
            end = at
            break
    while end > start and is_op(nodes[end - 1], "!", "...", ")", ".", "?"):
        end -= 1
    return nodes[start:end]


def _returned(block: Node) -> Nodes:
    for item in inside(block):
        if item[0].text == "return":
            return item[1:]
    return inside(block)[-1] if block.kids else ()


def _name_of(nodes: Nodes) -> str:
    """A name for an expression that is not understood: the first one in it."""
    parts: list[str] = []
    for node in nodes:
        if node.kind == "name" and (not parts or parts[-1] == "."):
            parts.append(node.text)
        elif is_op(node, ".", "?.") and parts:
            parts.append(".")
        elif parts:
            break
    return "".join(parts).strip(".") or "value"
