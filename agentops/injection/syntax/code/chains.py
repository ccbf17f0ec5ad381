"""Chains of attributes, indices and calls: `docs.map(d => d.text).join("\\n").trim()`."""

from __future__ import annotations

from dataclasses import replace

from agentops.injection.syntax.code.calls import Calls
from agentops.injection.syntax.code.expression import MOST_NAME, Head, name_of
from agentops.injection.syntax.code.known_calls import CONSTANT_CALLS, FORMATS, JOINS, PASSING, WRAPPERS, filter_of
from agentops.injection.syntax.code.lists import Lists
from agentops.injection.syntax.code.local import Locals
from agentops.injection.syntax.code.reading import Reading
from agentops.injection.syntax.code.state import State, begun
from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import Nodes, fixed, inside, is_group, is_op
from agentops.injection.syntax.code.value import Value, filtered


class Chains:
    """Reads chains with one file's values."""

    def __init__(self, values: Reading, local: Locals) -> None:
        self._values, self._locals = values, local
        self._lists = Lists(values, local)
        self._calls = Calls(values, self._lists, local)

    def of(self, nodes: Nodes) -> Value:
        """The value of a chain."""
        state, at = begun(self._values, nodes)
        while at < len(nodes):
            node = nodes[at]
            if is_op(node, ".", "?.", "::", "!") and at + 1 < len(nodes) and nodes[at + 1].kind == "name":
                state, at = self._member(state, nodes, at)
                continue
            if is_group(node, "["):
                word = fixed(node.kids[0]) if len(node.kids) == 1 else None
                state.path = _longer(state.path, f".{word}" if word else "[]") if state.path else state.path
            elif is_group(node, "(") and state.path:
                state = self._calls.of(state.path, node, Head(nodes, at + 1))
            elif node.kind == "str" and node.text == "`" and state.path:
                state = State(value=self._values.string(node))  # dedent`...`
            elif is_group(node, "{") and state.elements is None and state.path in ("[]", ""):
                state = State(elements=list(inside(node)))
            at += 1
        return self._finish(state, nodes)

    def _finish(self, state: State, nodes: Nodes) -> Value:
        if state.value is not None:
            return state.value
        if state.elements is not None:
            return self._values.joined(state.elements)
        return self._locals.resolved(state.path, nodes)

    def _member(self, state: State, nodes: Nodes, at: int) -> tuple[State, int]:
        """The attribute or method behind the dot at `at`."""
        name = nodes[at + 1].text
        after = nodes[at + 2] if at + 2 < len(nodes) else None
        if after is not None and (is_group(after, "(") or (is_group(after, "{") and name in JOINS)):
            return self._method(state, name, after, Head(nodes, at + 3)), at + 3
        return self._attribute(state, name, Head(nodes, at + 2)), at + 2

    def _attribute(self, state: State, name: str, nodes: Nodes) -> State:
        if filter_of(name) == "length" and (state.path or state.elements is not None or state.value):
            value = self._values.ref(state.path or name_of(nodes), nodes, filters=("length",))
            return State(value=Value([value]))
        if state.path:
            return replace(state, path=_longer(state.path, f".{name}"))
        refs = state.value.refs if state.value is not None else []
        if len(refs) == 1 and state.value is not None and not state.value.says:
            return State(value=Value([replace(refs[0], name=_longer(refs[0].name, f".{name}"))]))
        return State(path=name_of(nodes))

    def _method(self, state: State, name: str, arguments: Node, nodes: Nodes) -> State:
        """A call of a method on what stands before it."""
        full = f"{state.path}.{name}"
        if state.path and (full in FORMATS or full in WRAPPERS or full in CONSTANT_CALLS):
            return self._calls.of(full, arguments, nodes)
        if name in JOINS:
            return self._lists.method(state, name, arguments, nodes)
        args = inside(arguments)
        if (found := self._changed(state, name, args, nodes)) is not None:
            return State(value=found)
        if name in PASSING or name in ("append", "WriteString", "push"):
            return state
        if state.value is not None and state.value.says:
            return state
        if (path := _accessed(state.path, name, args)) is not None:
            return replace(state, path=path)
        return self._calls.of(full if state.path else name, arguments, nodes)

    def _changed(self, state: State, name: str, args: list[list[Node]], nodes: Nodes) -> Value | None:
        """The text after a method that changes it, None for other methods."""
        if name in ("replace", "replaceAll", "replaceFirst") and len(args) >= 2:
            value = self._locals.of(state, nodes)
            mark = fixed(args[0][0])
            return self._calls.replaced(value, mark, args[1]) if mark and value.says else value
        if name in ("formatted", "format") and (state.value or self._locals.says(state.path, nodes)):
            return self._calls.printed(self._locals.of(state, nodes), args)
        if name in ("concat", "plus"):
            whole = Value()
            self._values.extend(whole, self._locals.of(state, nodes))
            self._values.extend(whole, self._values.joined(args))
            return whole
        if found := filter_of(name):
            value = self._locals.of(state, nodes)
            self._values.check(value)
            return filtered(value, found)
        return None


def _accessed(path: str, name: str, args: list[list[Node]]) -> str | None:
    """The path of what a getter gives: `doc.getTitle()`, `map.get("x")`, the accessor of a record."""
    if not path:
        return None
    if len(name) > 3 and name.startswith("get") and name[3].isupper() and not args:
        return _longer(path, f".{name[3].lower()}{name[4:]}")
    if name == "get" and len(args) == 1 and (word := fixed(args[0][0])):
        return _longer(path, f".{word}")
    return _longer(path, f".{name}") if not args and name.islower() else None


def _longer(path: str, by: str) -> str:
    return path if len(path) > MOST_NAME else path + by
