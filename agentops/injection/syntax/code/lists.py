"""Lists of texts: what is pushed into them, mapped over them, and joined."""

from __future__ import annotations

from agentops.injection.syntax.code.expression import returned, stripped
from agentops.injection.syntax.code.local import Locals
from agentops.injection.syntax.code.reading import Reading
from agentops.injection.syntax.code.scope import Binding
from agentops.injection.syntax.code.state import State
from agentops.injection.syntax.code.tokens import Chunk, Node
from agentops.injection.syntax.code.tree import Nodes, fixed, inside, is_group, is_op
from agentops.injection.syntax.code.value import Value, looped


class Lists:
    """Reads lists with one file's values."""

    def __init__(self, values: Reading, local: Locals) -> None:
        self._values, self._locals = values, local

    def method(self, state: State, name: str, arguments: Node, nodes: Nodes) -> State:
        """A call of join, map and their like on what stands before it."""
        args = [arguments.kids] if arguments.text == "{" else inside(arguments)
        if state.elements is None and state.path:
            state = self.local(state, nodes)
        if name == "joinToString" and (last := arguments.kids[-1:]) and is_group(last[0], "{"):
            return self._mapped(state, last[0].kids, nodes)
        if name in ("join", "joinToString"):
            between = glue(args[0]) if args else None
            if state.elements is not None:
                return State(value=self._values.joined(state.elements, between))
            value = self._locals.of(state, nodes)
            return State(value=value if value.parts else self._values.opaque(nodes))
        if name in ("map", "flatMap", "mapIndexed") and args:
            if state.elements and not any(is_op(e[0], "...") for e in state.elements):
                return state
            return self._mapped(state, args[0], nodes)
        return state  # filter, slice, reverse, collect ... keep what they are given

    def local(self, state: State, nodes: Nodes) -> State:
        """A local list with what is pushed into it, if the path is the name of one."""
        scope, names = self._values.scope, self._locals
        definition = scope.definition(state.path, nodes[0].start)
        if definition is None or names.is_busy(definition):
            return state
        inner = stripped(definition.nodes)
        if not inner:
            return state
        alone = is_group(inner[0], "[") and len(inner) == 1
        is_list = is_group(inner[0], "[") or (inner[0].text == "new" and len(inner) < 6) or is_group(inner[-1], "{")
        pushed = [c.nodes for c in scope.changes(definition, nodes[-1].end) if c.how == "push"]
        if is_list and (pushed or alone):
            return State(elements=[*(inside(inner[0]) if alone else []), *pushed])
        value = names.defined(definition, nodes[-1].end)
        return state if not (value.refs or value.says) else State(value=value, path="" if value.says else state.path)

    def _mapped(self, state: State, function: Nodes, nodes: Nodes) -> State:
        """`docs.map(d => ...)`: the function's text with its parameter standing for an element."""
        arrow = next((i for i, n in enumerate(function) if is_op(n, "=>", "->")), None)
        base = state.path or (state.value.refs[0].name if state.value and state.value.refs else "")
        if arrow is None:
            # `Document::getText`
            name = function[-1].text if len(function) > 1 and is_op(function[-2], "::") else ""
            name = name[3:4].lower() + name[4:] if name.startswith("get") else name
            return State(value=Value([self._values.ref(f"{base}[]" + (f".{name}" if name else ""), nodes, loop=True)]))
        self._parameters(function, arrow, base, nodes)
        body = function[arrow + 1 :]
        if body and is_group(body[0], "{"):
            body = returned(body[0])
        return State(value=looped(self._values.of(body)))

    def _parameters(self, function: Nodes, arrow: int, base: str, nodes: Nodes) -> None:
        """Bind the function's parameters: the element (or its attributes), then the number of the round."""
        where = (function[0].start, function[-1].end)
        head = function[0] if arrow else None
        over = (Node("name", base, nodes[0].start, nodes[0].end),) if base else ()
        if head is not None and head.kids and is_group(head.kids[0], "{"):
            for item in inside(head.kids[0])[:100]:
                attribute = Node("name", f"{base}[].{item[0].text}", *where)
                self._values.scope.bind(item[-1].text, Binding(*where, over=(attribute,)))
            return
        given = head.kids if head is not None and head.kind == "group" else function[:arrow]
        for number, node in enumerate([n for n in given if n.kind == "name"][:2]):
            bound = Binding(*where, over=over) if number == 0 else Binding(*where, type="number")
            self._values.scope.bind(node.text, bound)


def glue(nodes: Nodes) -> Chunk | None:
    """The fixed text that a join puts between the elements, None for none."""
    word = fixed(nodes[0])
    return Chunk(word, nodes[0].start, nodes[0].end, ((0, nodes[0].start),)) if word else None
