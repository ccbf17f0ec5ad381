"""Finds the prompts of a source file: messages that belong together, calls of models, and texts that are prompts."""

from __future__ import annotations

from dataclasses import replace

from agentops.injection.syntax.code import names, prompts
from agentops.injection.syntax.code.chat import Chat
from agentops.injection.syntax.code.context import Context
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.gathered import Gathered, head
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.options import Options
from agentops.injection.syntax.code.pairs import Pairs
from agentops.injection.syntax.code.tokens import Chunk, Node
from agentops.injection.syntax.code.tree import (
    MAX_DEPTH,
    Nodes,
    assignment,
    dotted,
    is_group,
    is_op,
    items,
    key,
)  # fmt: skip
from agentops.injection.syntax.code.value import Value
from agentops.injection.template import TemplateKind


class Finder:
    """Looks through one file, and adds what it finds to what has been gathered."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._values = gathered.values
        self._covered: set[int] = set()
        self._pairs = Pairs(gathered)
        self._chat, self._options = Chat(gathered), Options(gathered, self._pairs)

    def walk(self) -> None:
        """Look at the whole file."""
        self._walk(self._gathered.tree, Context(), lines=True, depth=0)
        self._pairs.block(Node("group", "{", 0, len(self._gathered.source.text), kids=self._gathered.tree), Context())
        self._pairs.rest()

    def _walk(self, nodes: Nodes, around: Context, *, lines: bool, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        for item in items(nodes, lines=lines):
            self._item(item, around, depth)

    def _item(self, item: list[Node], around: Context, depth: int) -> None:
        expression: Nodes = item
        context = around
        name = key(item)
        found: tuple[int, str] | None = None
        if item[0].text in ("import", "package", "throw", "assert") or (
            item[0].text == "export" and "from" in [n.text for n in item]
        ):
            return
        if name is not None and len(item) > 2:
            context = replace(around, names=(name, *around.names)[:5])
            expression = item[2:]
        elif (found := assignment(item)) is not None:
            target = [n.text for n in item[: found[0]] if n.kind == "name" and n.text not in ("const", "let")]
            colon = next((i for i, n in enumerate(item[: found[0]]) if is_op(n, ":")), None)
            if colon:
                target = [n.text for n in item[:colon] if n.kind == "name"]
            if found[1] == ":=":
                target = target[:1]
            elif self._gathered.dialect.name == "go" and item[0].text in ("var", "const") and len(target) > 1:
                target = target[1:2]
            context = replace(around, names=(target[-1], *around.names)[:5] if target else around.names, call="")
            expression = item[found[0] + 1 :]
            self._pairs.assigned(target, expression, context)
        elif item[0].text == "return":
            context = replace(around, names=(around.function, *around.names)[:5])
            expression = item[1:]
        elif (header := _header(item)) is not None:
            context = Context((header,), "", header)
        if expression:
            self._expression(expression, context, depth)
            if found is not None or item[0].text == "return":
                self._grown(expression, context)

    def _grown(self, nodes: Nodes, context: Context) -> None:
        """A text that is put together piece by piece: the local that is added to, as it is in the end."""
        one = self._values.scope.defined_by(context.name, nodes)
        if one is not None and self._values.scope.changes(one, one.end):
            self._text(self._values.locals.defined(one, one.end), nodes, context, inlined=True)

    def _expression(self, nodes: Nodes, context: Context, depth: int) -> None:
        if any(n.kind == "str" for n in nodes) or any(n.kind == "group" for n in nodes):
            self._consider(nodes, context)
        self._chat.chain(nodes, context)
        for at, node in enumerate(nodes):
            if node.kind != "group":
                continue
            inner = context
            if node.text == "(" and at:
                path, begin = dotted(nodes, at)
                if path and path not in names.KEYWORDS:
                    new = "new " if begin and nodes[begin - 1].text == "new" else ""
                    inner = replace(context, call=new + path)
                    self._pairs.call(path, node, context)
            elif node.text == "{":
                arrow = at and is_op(nodes[at - 1], "=>", "->")
                function = (context.name if arrow else "") or context.function
                body = at and (arrow or is_group(nodes[at - 1], "("))
                inner = replace(context, call="" if body else context.call, function=function)
                if body:
                    self._pairs.block(node, inner)
                self._options.of(node, inner)
            self._chat.group(node, inner, nodes[max(at - 8, 0) : at])
            self._walk(node.kids, inner, lines=node.text == "{", depth=depth + 1)

    def _consider(self, nodes: Nodes, context: Context) -> None:
        """The expression as a text that is a prompt by its name or by what it says."""
        if prompts.silent_call(context.call) or (nodes[0].kind == "name" and nodes[0].text in names.UNTOLD):
            return
        if not _may_be_text(nodes):
            return
        value = self._values.of(nodes)
        inlined = any(isinstance(p, Chunk) and not nodes[0].start <= p.start <= nodes[-1].end for p in value.parts)
        self._text(value, nodes, context, inlined=inlined)

    def _text(self, value: Value, nodes: Nodes, context: Context, *, inlined: bool) -> None:
        if not value.says:
            return
        # The last call's own name says something too: `renderPrompt("...")`.
        call = context.called
        called = [*context.names, call] if call else [*context.names]
        known = [n for p in value.parts if isinstance(p, Chunk) and (n := self._values.locals.named.get(p.start))][:3]
        called = [*(n for n in known if prompts.is_strong(n)), *called, *known]
        text = head(value)
        if call in names.TOOL_CALLS and self._tool(nodes, value, context, text):
            return
        told = (call in names.TEXT_CALLS or context.call in names.TEXT_CALLS) and (len(text.split()) > 2 or "{" in text)
        if not told and not prompts.is_prompt(text, called, filled=bool(value.refs)):
            return
        starts = {p.start for p in value.parts if isinstance(p, Chunk)}
        rank = 4 if inlined or value.formatted else 5
        if rank == 5 and not told:
            if starts <= self._covered:
                return  # a piece of an expression that has been kept
            self._covered |= starts
        role = prompts.role_of_name(called)
        spoken = Spoken(role, value, "template" if told else "")
        self._gathered.add(Found([spoken], nodes[0].start, context.name, rank if not told else 3))

    def _tool(self, nodes: Nodes, value: Value, context: Context, text: str) -> bool:
        if len(text.split()) >= 4:
            self._gathered.add(Found([Spoken(None, value)], nodes[0].start, context.call, 2, TemplateKind.TOOL))
        return True


_MAKES_TEXT = frozenset((
    "join", "Join", "Sprintf", "format", "toString", "String", "append", "formatted", "replace", "replaceAll",
    "ReplaceAll",
))  # fmt: skip
_TYPES = frozenset(("class", "interface", "object", "enum", "struct"))


def _header(item: Nodes) -> str | None:
    """The name of the function that the item declares: a name, parentheses, and a block behind them."""
    if any(is_op(n, "=>") for n in item):
        return None
    last = next((at for at in range(len(item) - 1, -1, -1) if is_group(item[at], "{")), -1)
    for at in range(1, last):
        if is_group(item[at], "(") and item[at - 1].kind == "name" and item[at - 1].text not in names.KEYWORDS:
            return item[at - 1].text
        if is_group(item[at], "{") and item[0].text in _TYPES:
            return None
    return None


def _may_be_text(nodes: Nodes) -> bool:
    """Whether the expression can be a text: it holds one, or is a call of what makes one."""
    if any(n.kind == "str" for n in nodes):
        return not any(is_group(n, "{") and not is_op(nodes[max(at - 1, 0)], "=>") for at, n in enumerate(nodes[:-1]))
    if any(n.kind == "name" and n.text in _MAKES_TEXT for n in nodes):
        return True
    return len(nodes) <= 3 and is_group(nodes[-1], "(") and bool(nodes[-1].kids)
