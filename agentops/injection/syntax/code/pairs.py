"""A system text and what is said with it, where only their places tell that they belong together: arguments of one
call (`ask(SYSTEM, text)`), a model that was given its system text before, and names of one block."""

from __future__ import annotations

import re

from agentops.injection.syntax.code import names, prompts
from agentops.injection.syntax.code.context import Context
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.expression import is_written_text, stripped
from agentops.injection.syntax.code.gathered import Gathered
from agentops.injection.syntax.code.known_calls import CONSTANT_CALLS, FORMATS, WRAPPERS
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import Nodes, assignment, entries, inside, is_group, is_op
from agentops.injection.syntax.code.value import Value

_MOST_ARGUMENTS = 8
_MOST_STATEMENTS = 400
_MOST_SYSTEMS = 200
# A call whose name begins with one of these does something to texts, and asks nobody.
_NO_QUESTION = frozenset((
    "replace", "format", "sprintf", "fprintf", "join", "concat", "append", "push", "contains", "includes", "starts",
    "ends", "equal", "equals", "assert", "expect", "log", "write", "set", "add", "param", "of", "render", "print",
    "split", "index", "trim", "len", "length", "hash", "count", "encode", "register", "define", "export", "save",
    "store", "insert", "update", "test", "it", "describe", "use", "merge", "put", "get", "with", "override", "compare",
    "diff", "measure", "estimate", "match", "has", "is", "throw", "error", "warn", "info", "debug", "if", "switch",
    "for", "while", "catch", "return", "func", "function", "fun", "cache", "load", "read", "parse", "tokenize",
))  # fmt: skip
_ASKING = frozenset((
    "ask", "chat", "complete", "completion", "generate", "llm", "gpt", "prompt", "query", "invoke", "claude", "gemini",
    "openai", "anthropic", "ollama", "mistral", "ai", "infer", "predict",
))  # fmt: skip
_MODEL = re.compile(
    r"(?i)(?:^|\.)(?:\w{0,40}llm|(?:chat|language|gemini|ai)_?model|gemini|claude|gpt\w{0,6}|openai|anthropic|ollama|mistral)"
    r"\.(?:invoke|complete|completion|generate\w{0,20}|ask|chat|prompt|predict|stream|query)$"
    r"|(?:^|\.)(?:ask|call|query|prompt|invoke|run)_?(?:llm|gpt\w{0,4}|claude|gemini|openai|anthropic|ollama|ai|model)$"
)
_GENERATES = re.compile(r"(?:generateContent|sendMessage)(?:Stream|Async)?$", re.IGNORECASE)
# What the text beside a system text is called.
_SAID = frozenset((
    "user", "content", "message", "msg", "input", "query", "question", "text", "body", "prompt", "payload", "request",
    "context", "data", "task",
))  # fmt: skip
_SYSTEM_ENDS = frozenset((
    "prompt", "message", "msg", "text", "content", "instruction", "instructions", "template", "system", "sys",
))  # fmt: skip
_NO_TEXT = frozenset(("ctx", "context", "model", "options", "config", "opts", "cancel", "signal"))


class Pairs:
    """Looks at the calls and blocks of one file."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._systems: dict[str, Spoken] = {}
        self._waiting: dict[str, Found] = {}

    def given(self, name: str, found: Found) -> None:
        """Remember the system text that a model of that name was made with, until it is known what it is asked."""
        if len(self._systems) < _MOST_SYSTEMS:
            self._systems[name] = found.messages[0]
            self._waiting.setdefault(name, found)
        else:
            self._gathered.add(found)

    def rest(self) -> None:
        """Keep the system texts of models that nothing in the file asks."""
        for found in self._waiting.values():
            self._gathered.add(found)
        self._waiting.clear()

    def session(self, path: str, at: int) -> Spoken | None:
        """The system text of the model that a method is called on; where the file has one model only, that one's."""
        scope = self._gathered.values.scope
        owners = [p for p in path.split(".")[:-1] if p not in ("this", "self", "await")]
        for owner in reversed(owners[-3:]):
            seen = owner
            for _ in range(3):
                if seen in self._systems:
                    return self._use(seen)
                definition = scope.definition(seen, at)
                first = next((n.text for n in stripped(definition.nodes) if n.kind == "name"), "") if definition else ""
                if not first or first == seen:
                    break
                seen = first
        return self._use(next(iter(self._systems))) if len(self._systems) == 1 and owners else None

    def _use(self, name: str) -> Spoken:
        self._waiting.pop(name, None)
        return self._systems[name]

    def assigned(self, target: list[str], nodes: Nodes, context: Context) -> None:
        """`model.SystemInstruction = genai.NewUserContent(genai.Text("..."))`."""
        if len(target) < 2 or target[-1] not in ("SystemInstruction", "systemInstruction"):
            return
        group = next((n for n in reversed(nodes) if n.kind == "group" and n.kids), None)
        value = self._gathered.messages.text_of(nodes)
        if group is not None and not value.says:
            value = self._gathered.messages.text_of(inside(group)[-1])
        if value.says:
            self.given(target[0], Found([Spoken("system", value)], nodes[0].start, context.function or target[0], 0))

    def call(self, path: str, arguments: Node, context: Context) -> None:
        """A call with a system text and another text among its arguments, or with one text for a model."""
        last = path.rsplit(".", 1)[-1]
        told = prompts.words(last)
        if not told or told[0] in _NO_QUESTION or path in FORMATS or path in WRAPPERS or path in CONSTANT_CALLS:
            return
        if prompts.silent_call(path) or not arguments.kids:
            return
        args = inside(arguments)
        if len(args) > _MOST_ARGUMENTS:
            return
        if _GENERATES.search(last) and self._generates(path, args, context):
            return
        asks = _MODEL.search(path) is not None
        system = next((a for a in args if _is_system(a)), None)
        if system is None and (asks or not _ASKING.isdisjoint(told)):
            system = next((a for a in args[:-1] if self._orders(a)), None)
        if system is not None:
            said = self._said([a for a in args if a is not system], known=asks or not _ASKING.isdisjoint(told))
            if said is not None:
                spoken = [Spoken("system", self._gathered.values.of(system)), Spoken("user", said)]
                self._gathered.add(Found(spoken, system[0].start, context.function or context.name or last, 1))
        elif asks and len(args[0]) and is_written_text(args[0]):
            value = self._gathered.values.of(args[0])
            if value.says and value.refs:
                spoken = [Spoken("user", value)]
                self._gathered.add(Found(spoken, args[0][0].start, context.function or context.name or last, 4))

    def _generates(self, path: str, args: list[list[Node]], context: Context) -> bool:
        """`model.generateContent(text)`; or with the system text among its options, as in Go."""
        texts: list[Value] = []
        system: Spoken | None = None
        for arg in args:
            group = arg[-1]
            if is_group(group, "{") and not any(is_op(n, "=>", "->") for n in arg):
                found = entries(group)
                key = next((k for k in names.SYSTEM_KEYS if k in found), None)
                if key is None:
                    if any(k in found for k in names.LIST_KEYS):
                        return False  # the options of a call, which are read as such
                    continue
                value = self._deep(found[key])
                system = Spoken("system", value) if value.parts else system
            elif not (len(arg) == 1 and (arg[0].kind != "str" and arg[0].text in _NO_TEXT)):
                value = self._gathered.messages.text_of(arg)
                if value.parts and (value.refs or value.words > 1):
                    texts.append(value)
        at = args[0][0].start
        spoken = system or self.session(path, at)
        if spoken is None or not texts:
            return False
        messages = [spoken, Spoken("user", texts[-1])]
        if any(m.value.says for m in messages):
            self._gathered.add(Found(messages, at, context.function or context.name, 0))
        return True

    def _deep(self, nodes: Nodes) -> Value:
        """The text of a content that a constructor makes."""
        value = self._gathered.messages.text_of(nodes)
        if not value.says and nodes and is_group(nodes[-1], "(") and nodes[-1].kids:
            value = self._gathered.messages.text_of(inside(nodes[-1])[0])
        return value

    def _orders(self, nodes: Nodes) -> bool:
        """Whether the argument is written as a text that tells a model what it is."""
        return is_written_text(nodes) and prompts.tells_a_model(self._gathered.head(nodes))

    def _said(self, args: list[list[Node]], *, known: bool) -> Value | None:
        """The argument that stands beside a system text: a text with values in it, else a value by its name."""
        plain: Value | None = None
        for arg in args:
            if is_group(arg[0], "{") or any(is_op(n, "=>", "->") for n in arg):
                continue
            value = self._gathered.messages.text_of(arg)
            if value.says and value.refs:
                return value
            path = _path(arg)
            if plain is None and known and path and value.refs and not value.says:
                parts = prompts.words(path.rsplit(".", 1)[-1])
                if parts and parts[-1] in _SAID and path not in _NO_TEXT:
                    plain = value
        return plain

    def block(self, group: Node, context: Context) -> None:
        """`systemPrompt := "..."` and `userContent := ...` of one block, where the call that takes both is not seen."""
        systems: list[tuple[Nodes, int]] = []
        said: list[tuple[Nodes, str]] = []
        for item in inside(group)[:_MOST_STATEMENTS]:
            found = assignment(item)
            if found is None or found[1] not in ("=", ":="):
                continue
            target = next((n.text for n in item[: found[0]] if n.kind == "name" and n.text not in _DECLARING), "")
            nodes = item[found[0] + 1 :]
            if not nodes or not any(n.kind in ("str", "group") for n in nodes):
                continue
            if is_system_name(target):
                systems.append((nodes, item[0].start))
            elif _is_said(target):
                said.append((nodes, target))
        if not systems or not said:
            return
        first = self._gathered.values.of(systems[0][0])
        if not first.says:
            return
        for text, name in said[:20]:
            value = self._gathered.values.of(text)
            if value.says and value.refs:
                spoken = [Spoken("system", first), Spoken("user", value)]
                self._gathered.add(Found(spoken, systems[0][1], context.function or name, 3, alone=True))


_DECLARING = frozenset(("const", "let", "var", "val", "final", "String", "string"))


def is_system_name(name: str) -> bool:
    """Whether a text of this name is a model's system text: `systemPrompt`, `SYSTEM`, `REVIEW_SYSTEM_PROMPT`."""
    found = prompts.words(name)
    if not found or found[-1] not in _SYSTEM_ENDS:
        return False
    return "system" in found or "sys" in found


def _is_said(name: str) -> bool:
    found = prompts.words(name)
    return bool(found) and (found[0] == "user" or found[-1] in ("content", "message", "prompt", "input", "query"))


def _path(nodes: Nodes) -> str:
    """The dotted name that the whole expression is, "" for any other."""
    bare = stripped(nodes)
    if len(bare) > 9 or len(bare) % 2 == 0:
        return ""
    if any((n.kind == "name") != (at % 2 == 0) or (at % 2 and not is_op(n, ".", "?.")) for at, n in enumerate(bare)):
        return ""
    return ".".join(n.text for n in bare[::2])


def _is_system(nodes: Nodes) -> bool:
    """Whether the argument is a name, or a call of a function, that says it is a system text."""
    bare = stripped(nodes)
    called = len(bare) > 1 and is_group(bare[-1], "(")
    return is_system_name(_path(bare[:-1] if called else bare).rsplit(".", 1)[-1])
