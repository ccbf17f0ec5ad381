"""What becomes of a model's answer in the function that asks for it (is it run, is it stored?), and templates whose
own text is a value."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from agentops.injection.kinds import Kind
from agentops.injection.syntax.code import names, prompts
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.gathered import Gathered
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.tokens import Embedded, Node
from agentops.injection.syntax.code.tree import MAX_DEPTH, Nodes, dotted, inside, is_group, is_op
from agentops.injection.template import Note, NoteKind
from agentops.model.finding import Location

_ASKS = re.compile(
    r"\b(?:generate(?:Text|Object|Content)|streamText|runPrompt|CreateChatCompletion|GenerateFromSinglePrompt)\b"
    r"|\bchat\.completions\b|\b(?:messages|responses)\.create\(|\.chat\(\)\.completions\(\)"
    r"|(?i:\b(?:llm|model|chatModel|chatClient|assistant|aiService|chain)\.(?:chat|generate\w{0,20}|invoke|call|complete"
    r"|ask|run|prompt)\()"
)
_RUNS = re.compile(
    r"^(?:eval|exec|execSync|execAsync|execFile|execFileSync|spawn|spawnSync|execa|execaCommand|new Function)$"
    r"|^(?:child_process|childProcess|cp|shell|shelljs)\.(?:exec|spawn|fork)\w{0,10}$|^vm\.(?:run|compile)\w{0,20}$"
    r"|^exec\.Command(?:Context)?$|^syscall\.Exec$|^new (?:vm\.Script|ProcessBuilder)$|^ProcessBuilder$"
    r"|(?:^|\.)(?:db|DB|database|conn|connection|pool|sql|knex|prisma|sequelize|stmt|statement|cursor|tx|session"
    r"|jdbcTemplate|jdbcClient|entityManager)\."
    r"(?:query|Query|queryRow|QueryRow|exec|Exec|execute|raw|Raw|run|all|update|createNativeQuery|createQuery"
    r"|queryFor\w{1,10}|\$queryRawUnsafe|\$executeRawUnsafe|(?:Query|QueryRow|Exec)Context|execute(?:Query|Update))$"
)
_STORES = re.compile(
    r"(?i)(?:^|\.)(?:memory|memories|memory_?store|vector_?store|knowledge(?:base)?|chatMemory)\."
    r"(?:add\w{0,20}|save\w{0,20}|put|upsert\w{0,20}|insert\w{0,20}|append|push|set|update\w{0,20}|store\w{0,20})$"
    r"|(?:^|\.)(?:saveContext|saveMemory|storeMemory|updateMemory|addMemory|savePrompt|updatePrompt|setSystemPrompt)$"
)
_COMPILES = re.compile(
    r"^(?:Handlebars|handlebars|hbs|Hogan|pug|ejs|_|lodash|nunjucks|Mustache|mustache|dot|doT|Eta|eta|Liquid|liquid)\."
    r"(?:compile|render|renderString|template|parse|parseAndRender)$|(?:^|\.)Parse$|^Mustache\.compiler$"
)
_GO_ENGINE = re.compile(r"\btemplate\.(?:New|Must)\(")
_CONTROL = names.KEYWORDS - {"function", "func", "fun"}
_MOST_NODES = 400
_MOST_NOTES = 50


@dataclass(frozen=True, slots=True)
class _Call:
    path: str
    arguments: Node
    at: int
    function: int


class Flows:
    """Looks at the calls of one file, and gives its notes to the finds of the same function."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._functions: list[tuple[int, int]] = []
        self._calls: list[_Call] = []

    def run(self) -> None:
        """Add the notes, and a find for each template whose text comes from outside."""
        self._walk(self._gathered.tree, 0, 0)
        self._functions.sort()
        self._templates()
        answers = self._answers()
        if not answers:
            return
        for call, kind in self._telling():
            used = _names(call.arguments.kids)
            name = next((n for n in used if (call.function, n) in answers), "")
            if name:
                self._note(kind, call, name)

    def _walk(self, nodes: Nodes, function: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        for at, node in enumerate(nodes):
            if node.kind != "group":
                continue
            inner = function
            if node.text == "(" and at:
                path, begin = dotted(nodes, at)
                if path and path not in names.KEYWORDS:
                    new = "new " if begin and nodes[begin - 1].text == "new" else ""
                    self._calls.append(_Call(new + path, node, node.start, function))
            elif node.text == "{" and at and _is_body(nodes, at):
                inner = node.start
                self._functions.append((node.start, node.end))
            self._walk(node.kids, inner, depth + 1)

    def _telling(self) -> Iterator[tuple[_Call, NoteKind]]:
        for call in self._calls:
            if _RUNS.search(call.path) or (call.path == ".exec" and self._before(call, "getRuntime()")):
                yield call, NoteKind.OUTPUT_RUNS
            elif _STORES.search(call.path):
                yield call, NoteKind.OUTPUT_STORED

    def _before(self, call: _Call, word: str) -> bool:
        return word in self._gathered.source.text[max(call.at - 40, 0) : call.at]

    def _answers(self) -> set[tuple[int, str]]:
        """The names that hold what a model answered or are made of it, each with the function it is set in."""
        found: set[tuple[int, str]] = set()
        for one in sorted(self._gathered.values.scope.all(), key=lambda d: d.at):
            function = self._function(one.at)
            asked = _ASKS.search(self._gathered.values.written(one.nodes)[:200]) is not None
            if asked or any((function, n) in found for n in _names(one.nodes)):
                found.add((function, one.name))
        return found

    def _function(self, at: int) -> int:
        """The start of the innermost function around the offset, 0 outside of all."""
        number = bisect_right(self._functions, (at, 1 << 60))
        near = self._functions[max(number - MAX_DEPTH, 0) : number]
        return max((start for start, end in near if at <= end), default=0)

    def _note(self, kind: NoteKind, call: _Call, name: str) -> None:
        note = self._noted(kind, call, name)
        own = [f for f in self._gathered.found if self._function(f.at) == call.function]
        for one in own or self._gathered.found:
            if len(one.notes) < _MOST_NOTES:
                one.notes.append(note)

    def _noted(self, kind: NoteKind, call: _Call, name: str) -> Note:
        line, column = self._gathered.source.lines.place(call.at)
        said = f"{call.path[:60]}({name[:60]})"
        return Note(kind, said, Location(self._gathered.source.path, line, column), name)

    def _templates(self) -> None:
        """`Handlebars.compile(req.body.prompt)`: the whole text of the template is a value from outside."""
        prompted = bool(self._gathered.found)
        for call in self._calls:
            if not _COMPILES.search(call.path) or not call.arguments.kids:
                continue
            go = call.path.endswith("Parse")
            if go and not _GO_ENGINE.search(self._gathered.source.text[max(call.at - 200, 0) : call.at]):
                continue
            value = self._gathered.values.of(inside(call.arguments)[0])
            refs = value.refs
            if len(refs) != 1 or value.says or refs[0].assigned is None or not refs[0].assigned.kind.untrusted:
                continue
            if refs[0].assigned.kind is Kind.MODEL or not (prompted or prompts.is_strong(refs[0].name)):
                continue
            note = self._noted(NoteKind.USER_TEMPLATE, call, refs[0].name)
            self._gathered.add(Found([Spoken(None, value)], call.at, refs[0].name, 2, notes=[note], whole=True))


def _is_body(nodes: Nodes, at: int) -> bool:
    """Whether the braces are a function's body: behind an arrow, or parameters that no `if` or loop has."""
    for before in range(at - 1, max(at - 12, -1), -1):
        node = nodes[before]
        if is_op(node, "=>", "->"):
            return True
        if is_op(node, "=", ":=", ";", ",") or is_group(node, "{"):
            return False
        if is_group(node, "("):
            return before > 0 and nodes[before - 1].kind == "name" and nodes[before - 1].text not in _CONTROL
    return False


def _names(nodes: Nodes) -> set[str]:
    """The names in an expression, those in its strings too."""
    found: set[str] = set()
    stack: list[Nodes] = [nodes]
    looked = 0
    while stack and looked < _MOST_NODES:
        for node in stack.pop()[:_MOST_NODES]:
            looked += 1
            if node.kind == "name":
                found.add(node.text)
            elif node.kind == "group":
                stack.append(node.kids)
            stack += (p.nodes for p in node.parts if isinstance(p, Embedded))
    return found
