"""Messages in source code: objects with a role, message classes, pairs, placeholders, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentops.injection.source import Source
from agentops.injection.syntax.code import prompts, speakers
from agentops.injection.syntax.code.tokens import Chunk, Node
from agentops.injection.syntax.code.tree import Nodes, dotted, entries, fixed, inside, is_group, is_op
from agentops.injection.syntax.code.value import Value
from agentops.injection.syntax.code.values import Values
from agentops.injection.template import Note, NoteKind
from agentops.model.finding import Location


@dataclass(slots=True)
class Spoken:
    """A message: its role, its text, and the notation that its call tells ("" for none). `guessed`: nothing but the
    name of a function says that it is one."""

    role: str | None
    value: Value
    notation: str = ""
    note: Note | None = None
    guessed: bool = False


_CLASSES: dict[str, str] = {
    "SystemMessage": "system", "HumanMessage": "user", "UserMessage": "user", "AIMessage": "assistant",
    "AiMessage": "assistant", "AssistantMessage": "assistant", "DeveloperMessage": "developer", "ToolMessage": "tool",
    "systemMessage": "system", "userMessage": "user", "aiMessage": "assistant", "SystemChatMessage": "system",
    "HumanChatMessage": "user", "AIChatMessage": "assistant", "NewUserMessage": "user",
    "NewAssistantMessage": "assistant",
    "NewSystemMessage": "system", "NewUserContent": "user", "ToolResponseMessage": "tool",
}  # fmt: skip
_TEMPLATES: dict[str, str] = {
    "SystemMessagePromptTemplate": "system", "HumanMessagePromptTemplate": "user",
    "AIMessagePromptTemplate": "assistant",
    "SystemPromptTemplate": "system", "AssistantPromptTemplate": "assistant",
    "NewSystemMessagePromptTemplate": "system",
    "NewHumanMessagePromptTemplate": "user", "NewAIMessagePromptTemplate": "assistant",
}  # fmt: skip
_MAKERS = frozenset(("from", "of", "fromTemplate", "systemMessage", "userMessage", "aiMessage", "builder", "create"))
_PLACEHOLDERS = frozenset(("MessagesPlaceholder", "NewMessagesPlaceholder"))
_ROLE_KEYS = ("role", "Role", "type")
_TEXT_KEYS = (
    "content", "Content", "contents", "text", "Text", "parts", "Parts", "MultiContent", "OfString", "Value", "template",
)  # fmt: skip
_MOST = 400


class Messages:
    """Reads messages with one file's values. `notation` of a list's call goes for the messages in it."""

    def __init__(self, source: Source, values: Values) -> None:
        self.source, self.values = source, values
        self.busy: set[str] = set()

    def within(self, item_list: Sequence[Nodes]) -> list[Spoken]:
        """The messages among the items, in order. Variables that hold messages or lists of them are followed."""
        found: list[Spoken] = []
        for item in item_list[:_MOST]:
            found += self.of(item)
        alone = len(found) == 1 and not found[0].value.refs  # `show(userMessage("Saved"))`
        if any(s.value.says for s in found) and not alone:
            return found
        return [s for s in found if not s.guessed]

    def of(self, item: Nodes) -> list[Spoken]:
        """The messages that the expression stands for; none for another expression."""
        spread = bool(item) and is_op(item[0], "...")
        while item and (is_op(item[0], "...", "&", "*") or item[0].text in ("await", "new", "return")):
            item = item[1:]
        item = item[: next((i for i, n in enumerate(item) if i and n.text in ("as", "satisfies")), len(item))]
        if not item:
            return []
        first, last = item[0], item[-1]
        if is_group(first, "{") and len(item) <= 3:
            return self._object(first)
        if is_group(first, "["):
            return self._brackets(item)
        if first.kind != "name":
            return []
        if is_group(last, "{") and not any(is_op(n, "=>", "->", "=") for n in item):
            return self._object(last)
        path, _ = dotted(
            item, next((i for i, n in enumerate(item) if n.kind != "name" and not is_op(n, ".", "?.", "::")), len(item))
        )
        at = next((i for i, n in enumerate(item) if n.kind == "group"), None)
        if at is not None and is_group(item[at], "("):
            return self._called(path, item[at], item, spread=spread)
        if at is None or is_group(item[at], "["):
            return self._variable(item, spread=spread)
        return []

    def text_of(self, nodes: Nodes) -> Value:
        """The text of a content: a string, or a list of parts with `text`."""
        inner = list(nodes)
        group = inner[-1] if inner and inner[-1].kind == "group" else None
        if (
            group is not None
            and group.text in "[{"
            and not any(is_op(n, "=>", "+", "->") for n in inner)
            and (len(inner) == 1 or group.text == "{")
        ):
            if group.text == "{" and (found := entries(group)):
                for name in _TEXT_KEYS:
                    if name in found:
                        return self.text_of(found[name])
                if "type" in found or "Type" in found:
                    return Value()
            whole = Value()
            for item in inside(group)[:_MOST]:
                one = self.text_of(item)
                whole.parts += one.parts
                whole.formatted |= one.formatted
            return whole
        if inner and inner[0].kind == "name" and group is not None and group.text == "(":
            path, _ = dotted(inner, next((i for i, n in enumerate(inner) if n.kind == "group"), 0))
            if path.rsplit(".", 1)[-1] in (
                "Text",
                "TextPart",
                "NewTextBlock",
                "TextContent",
                "TextParts",
                "NewTextPart",
                "String",
                "F",
            ):
                args = inside(group)
                return self.values.of(args[-1]) if args else Value()
        return self.values.of(inner)

    def _object(self, group: Node) -> list[Spoken]:
        found = entries(group)
        role = next((found[k] for k in _ROLE_KEYS if k in found), None)
        name = next((k for k in _TEXT_KEYS if k in found), None)
        if role is None or name is None or not role or not found[name]:
            return []
        told, note = self._role(role)
        if told is None and note is None:
            return []
        return [Spoken(told, self.text_of(found[name]), note=note)]

    def _role(self, nodes: Nodes) -> tuple[str | None, Note | None]:
        word = fixed(nodes[0]) if len(nodes) == 1 or nodes[1].text == "as" else None
        if word is not None:
            return prompts.role_of(word), None
        path = ".".join(n.text for n in nodes if n.kind == "name")
        constant = path.rsplit(".", 1)[-1][:1].isupper() and prompts.role_of(path) is not None
        if constant or nodes[0].text[:1].isupper() or "Role" in path:
            return prompts.role_of(path), None
        value = self.values.of(nodes)
        text = "".join(p.text for p in value.parts if isinstance(p, Chunk))
        if not value.refs and prompts.role_of(text):
            return prompts.role_of(text), None
        if (
            not path
            or path in ("z.string", "string")
            or any(is_group(n, "(") for n in nodes)
            or any(is_op(n, "|") for n in nodes)
        ):
            return None, None
        if path in ("string", "number", "String", "Role", "any"):
            return None, None
        line, column = self.source.lines.place(nodes[0].start)
        said = self.source.text[nodes[0].start : nodes[-1].end][:120]
        return "user", Note(NoteKind.DYNAMIC_ROLE, said, Location(self.source.path, line, column), path)

    def _brackets(self, item: Nodes) -> list[Spoken]:
        group = item[0]
        if len(item) > 2 and is_group(item[-1], "{"):  # []*schema.Message{...} of Go
            return self.within(inside(item[-1]))
        found = inside(group)
        if len(found) == 2 and len(found[0]) == 1:
            word = fixed(found[0][0])
            if word in ("system", "human", "user", "ai", "assistant", "developer"):
                return [Spoken(prompts.role_of(word or ""), self.text_of(found[1]))]
            if word in ("placeholder", "messages_placeholder"):
                return self._placeholder(found[1])
        return self.within(found)

    def _placeholder(self, nodes: Nodes) -> list[Spoken]:
        name = fixed(nodes[0]) or ""
        if is_group(nodes[0], "{"):
            given = entries(nodes[0]).get("variableName", [])
            name = (fixed(given[0]) or "") if given else ""
        if not name:
            return []
        value = Value([self.values.ref(name.strip("{}"), nodes[:1], loop=True)])
        return [Spoken("user", value)]

    def _called(self, path: str, arguments: Node, item: Nodes, *, spread: bool) -> list[Spoken]:
        args = inside(arguments)
        names = path.split(".")
        last = names[-1]
        owner = names[-2] if len(names) > 1 and last in _MAKERS else last
        if last in _PLACEHOLDERS or last == "Placeholder":
            return self._placeholder(args[0]) if args else []
        if args and (owner in _TEMPLATES or last in _TEMPLATES):
            nodes = args[0]
            if is_group(nodes[0], "{"):
                nodes = entries(nodes[0]).get("template", nodes)
            return [Spoken(_TEMPLATES.get(owner) or _TEMPLATES[last], self.values.of(nodes), "template")]
        if args and (owner in _CLASSES or last in _CLASSES):
            nodes = args[0]
            role = _CLASSES.get(owner) or _CLASSES[last]
            return [Spoken(role, self.text_of(nodes))] if not _is_type(nodes) else []
        if last == "TextParts" and len(args) > 1:
            return [Spoken(prompts.role_of(args[0][-1].text), self.values.of(args[1]))]
        if last == "NewContentFromText" and len(args) > 1:
            return [Spoken(prompts.role_of(args[1][-1].text), self.values.of(args[0]))]
        if (helped := self._helped(path, args)) is not None:
            return [helped]
        if last in ("of", "asList", "listOf", "append", "concat"):
            return self.within(args)
        if spread and last in ("map", "slice", "filter", "flatMap"):
            base = self.values.of(item[: next((i for i, n in enumerate(item) if n.text == last), 1) - 1])
            return self._history(base)
        return []

    def _helped(self, path: str, args: list[list[Node]]) -> Spoken | None:
        """What a function of the program's own makes, by the role in its name or among its arguments."""
        if args and (role := speakers.role_of_helper(path)) and not _is_type(args[0]):
            return Spoken(role, self.text_of(args[0]), guessed=True)
        word = fixed(args[0][0]) if len(args) > 1 and len(args[0]) == 1 and speakers.takes_role(path) else None
        if word is not None and (role := prompts.role_of(word)) and " " not in word:
            return Spoken(role, self.text_of(args[1]), guessed=True)
        return None

    def _history(self, value: Value) -> list[Spoken]:
        refs = value.refs
        if not refs:
            return []
        name = refs[0].name
        name = name if "[]" in name else f"{name}[].content"
        return [Spoken("user", Value([replace(refs[0], name=name, in_loop=True)]))]

    def _variable(self, item: Nodes, *, spread: bool) -> list[Spoken]:
        """A local variable that holds a message or a list of them; a list of which nothing is known, if spread."""
        name = item[0].text
        if name in self.busy or len(self.busy) > 8:
            return []
        scope = self.values.scope
        definition = scope.definition(name, item[0].start)
        found: list[Spoken] = []
        at = item[0].start
        changes = scope.changes(definition, at) if definition is not None else scope.elements(name, at)
        self.busy.add(name)
        try:
            if definition is not None:
                found += self.of(definition.nodes)
            for change in list(changes)[:100]:
                if change.how in ("push", "+=") and change.at < item[0].start:
                    found += self.of(change.nodes)
        finally:
            self.busy.discard(name)
        if not found and spread:
            value = self.values.of(item)
            return self._history(value) if not value.says else []
        return found


def _is_type(nodes: Nodes) -> bool:
    """Whether the argument is a parameter's declaration (`String text`) and no value."""
    return len(nodes) == 2 and all(n.kind == "name" for n in nodes)
