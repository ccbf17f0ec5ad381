"""Messages that stand together: in one list, in one call, or in a chain that says one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentops.injection.syntax.code import names, prompts
from agentops.injection.syntax.code.context import Context
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.gathered import Gathered
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import Nodes, fixed, inside, is_group, is_op, key
from agentops.injection.syntax.code.value import Value

_TALK = frozenset((
    "messages", "message", "msgs", "history", "contents", "input", "prompt", "prompts", "conversation", "chat", "turns",
    "llm", "invoke", "stream", "generate", "complete",
))  # fmt: skip


class Chat:
    """Looks at the groups and chains of one file."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    def group(self, group: Node, context: Context, before: Nodes) -> None:
        """Messages that stand in one list, object or call."""
        listed = inside(group)
        self._fills(context.called, group, listed)
        if group.text == "{":
            self._builder(listed, group, context)
        if len(listed) > 400 or (group.text == "{" and not _is_list(before)):
            return
        call = context.called
        if call in ("push", "append", "add") and group.text == "(" and len(listed) <= 2:
            spoken = self._gathered.messages.within(listed[-1:])
            rank = 3
        else:
            spoken = self._gathered.messages.within(listed)
            rank = 1
        if any(s.value.says or (s.role is not None and s.value.refs and not _is_spread(s, context)) for s in spoken):
            notation = "template" if call in names.TEMPLATE_CALLS or "MessagesPromptTemplate" in call else ""
            kept = [replace(s, notation=self._formatted(listed) or s.notation or notation) for s in spoken]
            self._gathered.add(Found(kept, group.start, context.name, rank))

    def _fills(self, call: str, group: Node, listed: list[list[Node]]) -> None:
        """What a call gives to a template's variables: `invoke({topic: x})`, `param("topic", x)`, `Map.of(...)`."""
        if call not in names.FILLING or len(listed) > 60:
            return
        if group.text == "{":
            pairs = [(key(item), item[2:]) for item in listed]
        else:
            pairs = [(fixed(a[0]) if len(a) == 1 else None, b) for a, b in zip(listed[::2], listed[1::2], strict=False)]
        for name, nodes in pairs:
            if name and nodes:
                self._gathered.fills.setdefault(name, nodes)

    def _builder(self, listed: list[list[Node]], group: Node, context: Context) -> None:
        """`prompt { system("...") user("...") }` of Kotlin: statements that are messages."""
        if self._gathered.dialect.name != "kotlin":
            return
        calls = [
            i for i in listed if len(i) == 2 and i[0].text in names.ROLE_CALLS and is_group(i[1], "(") and i[1].kids
        ]
        spoken = [self._lambda(names.ROLE_CALLS[i[0].text], i[1]) for i in calls]
        if any(s.value.says for s in spoken):
            self._gathered.add(Found(spoken, group.start, context.name, 0))

    def _formatted(self, listed: Sequence[Nodes]) -> str:
        """The notation that eino's FromMessages is told first."""
        word = (
            listed[0][-1].text if listed and listed[0] and listed[0][0].text in ("schema", "prompts", "config") else ""
        )
        return {"FString": "template", "Jinja2": "jinja2", "GoTemplate": "go-template"}.get(word, "")

    def chain(self, nodes: Nodes, context: Context) -> None:
        """`client.prompt().system("...").user(u -> u.text("...").param("name", value))` and its like."""
        spoken: list[Spoken] = []
        for at in range(len(nodes) - 1):
            role = names.ROLE_CALLS.get(nodes[at].text) if nodes[at].kind == "name" else None
            if (
                role is None
                or not is_group(nodes[at + 1], "(")
                or (at == 0 and len(nodes) > 2)
                or not nodes[at + 1].kids
            ):
                continue
            if at and not is_op(nodes[at - 1], "."):
                continue
            spoken.append(self._lambda(role, nodes[at + 1]))
        spoken = [s for s in spoken if s.value.parts]
        if any(s.value.says for s in spoken):
            self._gathered.add(Found(spoken, nodes[0].start, context.function or context.name, 1))

    def _lambda(self, role: str, arguments: Node) -> Spoken:
        kids = arguments.kids
        arrow = next((i for i, n in enumerate(kids) if is_op(n, "->", "=>")), None)
        if arrow is None:
            args = inside(arguments)
            notation = "template" if self._gathered.dialect.name == "java" else ""
            return Spoken(role, self._gathered.messages.text_of(args[0]) if args else Value(), notation)
        for at in range(arrow, len(kids) - 1):
            if kids[at].text == "text" and is_group(kids[at + 1], "(") and kids[at + 1].kids:
                return Spoken(role, self._gathered.values.of(inside(kids[at + 1])[0]), "template")
        return Spoken(role, Value())


def _is_spread(spoken: Spoken, context: Context) -> bool:
    """Whether it is a list that is spread (`...options`) where no name says that messages are listed."""
    if not all(r.in_loop for r in spoken.value.refs):
        return False
    return _TALK.isdisjoint(w for n in (*context.names[:2], context.called) for w in prompts.words(n)[-1:])


def _is_list(before: Nodes) -> bool:
    """Whether braces behind these nodes are a list of Go (`[]T{...}`) and no block or object."""
    return any(is_group(n, "[") for n in before[-8:]) and not any(is_op(n, "=>", ":=", "=") for n in before[-2:])
