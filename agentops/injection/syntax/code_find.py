"""Finds the prompts of a source file: messages that belong together, calls of models, and texts that are prompts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agentops.injection.source import Source
from agentops.injection.syntax import code_names as names
from agentops.injection.syntax import code_prompts
from agentops.injection.syntax.code_emit import MAX_PROMPTS, Emitter, Found
from agentops.injection.syntax.code_lex import Chunk, Dialect, Lexer, Node
from agentops.injection.syntax.code_messages import Messages, Spoken
from agentops.injection.syntax.code_scope import Collector
from agentops.injection.syntax.code_tree import (
    MAX_DEPTH,
    Nodes,
    assignment,
    build,
    dotted,
    entries,
    fixed,
    inside,
    is_group,
    is_op,
    items,
    key,
)  # fmt: skip
from agentops.injection.syntax.code_values import Value, Values
from agentops.injection.template import Template, TemplateError, TemplateKind
from agentops.model.finding import Location


@dataclass(frozen=True, slots=True)
class Context:
    """What is around an expression: the names from the innermost out, and the call that it is an argument of."""

    names: tuple[str, ...] = ()
    call: str = ""
    function: str = ""


class Finder:
    """Finds the prompts of one file. Language modules add finds of their own before `templates`."""

    def __init__(self, source: Source, dialect: Dialect, *, verbs: bool, dollars: bool) -> None:
        self.source, self.dialect = source, dialect
        self.verbs, self.dollars = verbs, dollars
        self.tree = build(Lexer(source, dialect).run())
        collector = Collector(types_first=dialect.name == "java")
        scope = collector.run(self.tree, len(source.text))
        if dialect.name == "go":
            collector.go_range(self.tree)
        self.values = Values(source, scope)
        self.messages = Messages(source, self.values)
        self.found: list[Found] = []
        self.fills: dict[str, Nodes] = {}

    def templates(self) -> tuple[Template, ...]:
        """The templates of what has been found."""
        emitter = Emitter(self.source, self.dialect, self.fills, verbs=self.verbs, dollars=self.dollars)
        return emitter.templates(self.found)

    def add(self, one: Found) -> None:
        """Keep a find. Raises TemplateError for far too many."""
        if len(self.found) >= MAX_PROMPTS:
            line, column = self.source.lines.place(one.at)
            raise TemplateError(
                Location(self.source.path, line, column), f"more than {MAX_PROMPTS} texts that may be prompts",
                hint="add the file to prompts.exclude if it is generated or a list of data",
            )  # fmt: skip
        self.found.append(one)

    def walk(self) -> None:
        """Look at the whole file."""
        self._walk(self.tree, Context(), lines=True, depth=0)

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
            if self.dialect.name == "go" and item[0].text in ("var", "const") and len(target) > 1:
                target = target[1:2]
            context = replace(around, names=(target[-1], *around.names)[:5] if target else around.names, call="")
            expression = item[found[0] + 1 :]
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
        name = context.names[0] if context.names else ""
        scope = self.values.scope
        for one in scope.definitions.get(name, ())[:100]:
            if one.how == "=" and one.nodes[0] is nodes[0] and scope.changes(one, one.end):
                self._text(self.values.defined(one, one.end), nodes, context, inlined=True)
                return

    def _expression(self, nodes: Nodes, context: Context, depth: int) -> None:
        if any(n.kind == "str" for n in nodes) or any(n.kind == "group" for n in nodes):
            self._consider(nodes, context)
        self._chain_roles(nodes, context)
        for at, node in enumerate(nodes):
            if node.kind != "group":
                continue
            inner = context
            if node.text == "(" and at:
                path, begin = dotted(nodes, at)
                if path and path not in names.KEYWORDS:
                    new = "new " if begin and nodes[begin - 1].text == "new" else ""
                    inner = replace(context, call=new + path)
            elif node.text == "{":
                arrow = at and is_op(nodes[at - 1], "=>", "->")
                function = context.names[0] if arrow and context.names else context.function
                body = at and (arrow or is_group(nodes[at - 1], "("))
                inner = replace(context, call="" if body else context.call, function=function)
            self._group(node, inner, nodes[:at])
            self._walk(node.kids, inner, lines=node.text == "{", depth=depth + 1)

    # -- texts --------------------------------------------------------------------------------------------------

    def _consider(self, nodes: Nodes, context: Context) -> None:
        """The expression as a text that is a prompt by its name or by what it says."""
        if code_prompts.silent_call(context.call) or (nodes[0].kind == "name" and nodes[0].text in names.UNTOLD):
            return
        if not _may_be_text(nodes):
            return
        value = self.values.of(nodes)
        inlined = any(isinstance(p, Chunk) and not nodes[0].start <= p.start <= nodes[-1].end for p in value.parts)
        self._text(value, nodes, context, inlined=inlined)

    def _text(self, value: Value, nodes: Nodes, context: Context, *, inlined: bool) -> None:
        if not value.says:
            return
        # The last call's own name says something too: `renderPrompt("...")`.
        called = [*context.names]
        call = context.call.rsplit(".", 1)[-1].removeprefix("new ")
        called += [call] if call else []
        known = [n for p in value.parts if isinstance(p, Chunk) and (n := self.values.named.get(p.start))][:3]
        called = [*(n for n in known if code_prompts.is_strong(n)), *called, *known]
        text = "".join(p.text if isinstance(p, Chunk) else " x " for p in value.parts)
        if call in names.TOOL_CALLS and self._tool(nodes, value, context, text):
            return
        told = call in names.TEXT_CALLS and (len(text.split()) > 2 or "{" in text)
        if not told and not code_prompts.is_prompt(text, called, filled=bool(value.refs)):
            return
        rank = 4 if inlined or value.formatted else 5
        role = code_prompts.role_of_name(called)
        spoken = Spoken(role, value, "template" if told else "")
        self.add(Found([spoken], nodes[0].start, context.names[0] if context.names else "", rank if not told else 3))

    def _tool(self, nodes: Nodes, value: Value, context: Context, text: str) -> bool:
        if len(text.split()) >= 4:
            self.add(Found([Spoken(None, value)], nodes[0].start, context.call, 2, TemplateKind.TOOL))
        return True

    # -- groups -------------------------------------------------------------------------------------------------

    def _group(self, group: Node, context: Context, before: Nodes) -> None:
        """Messages that stand in one list, object or call."""
        if group.text == "{":
            self._options(group, context)
        listed = inside(group)
        self._fills(context.call.rsplit(".", 1)[-1], group, listed)
        if group.text == "{":
            self._builder(listed, group, context)
        if len(listed) > 400 or (group.text == "{" and not _is_list(before)):
            return
        call = context.call.rsplit(".", 1)[-1]
        if call in ("push", "append", "add") and group.text == "(" and len(listed) <= 2:
            spoken = self.messages.within(listed[-1:])
            rank = 3
        else:
            spoken = self.messages.within(listed)
            rank = 1
        if spoken and any(s.value.says for s in spoken):
            notation = "template" if call in names.TEMPLATE_CALLS or "MessagesPromptTemplate" in call else ""
            kept = [replace(s, notation=self._formatted(listed) or s.notation or notation) for s in spoken]
            self.add(Found(kept, group.start, context.names[0] if context.names else "", rank))

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
                self.fills.setdefault(name, nodes)

    def _builder(self, listed: list[list[Node]], group: Node, context: Context) -> None:
        """`prompt { system("...") user("...") }` of Kotlin: statements that are messages."""
        if self.dialect.name != "kotlin":
            return
        calls = [
            i for i in listed if len(i) == 2 and i[0].text in names.ROLE_CALLS and is_group(i[1], "(") and i[1].kids
        ]
        spoken = [self._lambda(names.ROLE_CALLS[i[0].text], i[1]) for i in calls]
        if any(s.value.says for s in spoken):
            self.add(Found(spoken, group.start, context.names[0] if context.names else "", 0))

    def _formatted(self, listed: Sequence[Nodes]) -> str:
        """The notation that eino's FromMessages is told first."""
        word = (
            listed[0][-1].text if listed and listed[0] and listed[0][0].text in ("schema", "prompts", "config") else ""
        )
        return {"FString": "template", "Jinja2": "jinja2", "GoTemplate": "go-template"}.get(word, "")

    def _options(self, group: Node, context: Context) -> None:
        """The options of a model's call: its system text, its messages and its prompt are one template."""
        found = entries(group)
        if not found:
            return
        if self._described(found, context):
            return
        call = context.call.rsplit(".", 1)[-1].removeprefix("new ")
        known = call in names.MODEL_CALLS or any(k in found for k in names.MODEL_KEYS)
        system = [k for k in names.SYSTEM_KEYS if k in found]
        listed = [k for k in names.LIST_KEYS if k in found]
        if not known or not (system or listed or any(k in found for k in names.USER_KEYS)):
            return
        spoken = [Spoken("system", self.messages.text_of(found[k])) for k in system if not _is_constant_key(found[k])]
        rest: list[Spoken] = []
        for name in listed:
            rest += self.messages.within([found[name]])
        if not rest:
            for name in names.USER_KEYS:
                if found.get(name):
                    rest.append(Spoken("user", self.messages.text_of(found[name])))
                    break
        if not rest and listed and found[listed[0]]:
            rest = self.messages.of([Node("op", "...", group.start, group.start), *found[listed[0]]])
        spoken = [s for s in (*spoken, *rest) if s.value.parts]
        if any(s.value.says for s in spoken):
            self.add(Found(spoken, group.start, context.names[0] if context.names else call, 0))

    def _described(self, found: dict[str, list[Node]], context: Context) -> bool:
        """A tool's description: `{ name, description, inputSchema }`."""
        text = found.get("description") or found.get("Description")
        call = context.call.rsplit(".", 1)[-1]
        if not text or not (any(k in found for k in names.SCHEMA_KEYS) or call in names.TOOL_CALLS):
            return False
        value = self.values.of(text)
        if value.says and sum(len(p.text.split()) for p in value.parts if isinstance(p, Chunk)) >= 4:
            name = fixed(found["name"][0]) if found.get("name") else None
            spoken = Spoken(None, value)
            self.add(
                Found(
                    [spoken], text[0].start, name or (context.names[0] if context.names else ""), 0, TemplateKind.TOOL
                )
            )
        return True

    def _chain_roles(self, nodes: Nodes, context: Context) -> None:
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
            self.add(Found(spoken, nodes[0].start, context.function or (context.names[0] if context.names else ""), 1))

    def _lambda(self, role: str, arguments: Node) -> Spoken:
        kids = arguments.kids
        arrow = next((i for i, n in enumerate(kids) if is_op(n, "->", "=>")), None)
        if arrow is None:
            args = inside(arguments)
            notation = "template" if self.dialect.name == "java" else ""
            return Spoken(role, self.messages.text_of(args[0]) if args else Value(), notation)
        for at in range(arrow, len(kids) - 1):
            if kids[at].text == "text" and is_group(kids[at + 1], "(") and kids[at + 1].kids:
                return Spoken(role, self.values.of(inside(kids[at + 1])[0]), "template")
        return Spoken(role, Value())


def _header(item: Nodes) -> str | None:
    """The name of the function that the item declares: a name, parentheses, and a block behind them."""
    arrow = any(is_op(n, "=>") for n in item)
    for at in range(1, len(item)):
        named = is_group(item[at], "(") and item[at - 1].kind == "name" and item[at - 1].text not in names.KEYWORDS
        if named and not arrow and any(is_group(n, "{") for n in item[at + 1 :]):
            return item[at - 1].text
        if is_group(item[at], "{") and item[0].text in ("class", "interface", "object", "enum", "struct"):
            return None
    return None


def _may_be_text(nodes: Nodes) -> bool:
    """Whether the expression can be a text: it holds one, is one name, or a chain that ends in a join."""
    if any(n.kind == "str" for n in nodes):
        return not any(
            is_group(n, "{") and not is_op(nodes[max(at - 1, 0)], "=>")
            for at, n in enumerate(nodes[:-1])
            if n.text == "{"
        )
    return any(
        n.kind == "name"
        and n.text
        in (
            "join",
            "Join",
            "Sprintf",
            "format",
            "toString",
            "String",
            "append",
            "formatted",
            "replace",
            "replaceAll",
            "ReplaceAll",
        )
        for n in nodes
    ) or (len(nodes) <= 3 and is_group(nodes[-1], "(") and bool(nodes[-1].kids))


def _is_list(before: Nodes) -> bool:
    """Whether braces behind these nodes are a list of Go (`[]T{...}`) and no block or object."""
    return any(is_group(n, "[") for n in before[-8:]) and not any(is_op(n, "=>", ":=", "=") for n in before[-2:])


def _is_constant_key(nodes: Iterable[Node]) -> bool:
    """GenAIScript's `system: ["system.x"]` names scripts and holds no text."""
    first = next(iter(nodes), None)
    if first is None:
        return True
    kids = inside(first) if first.kind == "group" and first.text == "[" else []
    return bool(kids) and all(len(k) == 1 and " " not in (fixed(k[0]) or " ") for k in kids)
