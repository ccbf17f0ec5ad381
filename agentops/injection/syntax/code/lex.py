"""Source text of JavaScript, Go, Java and Kotlin as tokens, with the value of every string and where it stands.

Excerpts are cut between statements: brackets may stay open, and a comment without an end ends with the file. A string
that the file ends in is an error, for what it says is not all there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agentops.injection.source import Source
from agentops.injection.syntax.code.escapes import decode, text_block
from agentops.injection.syntax.code.tokens import Chunk, Dialect, Embedded, Node
from agentops.injection.template import TemplateError
from agentops.model.finding import Location

MAX_TOKENS = 120_000
"""More than a source file that people write; keeps what follows linear in a bearable way."""

_LONGEST_REGEX = 1_000

_PLAIN = re.compile(
    r"(?P<space>\s++)"
    r"|(?P<comment>//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+)"
    r"|(?P<num>\d[\w.]*+)"
    r"|(?P<name>[A-Za-z_$\u0080-\uffff][\w$]*+)"
    r"|(?P<op>===|!==|\?\?=|\.\.\.|=>|==|!=|\+=|-=|:=|&&|\|\||\?\?|\?\.|\?:|->|<-|\+\+|--|<=|>=|::|.)",
    re.DOTALL,
)
_REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]++|\\.|\[(?:[^\]\\\n]++|\\.)*+\])++/[a-z]*+")
_BODY = {
    '"': re.compile(r'(?:[^"\\\n]++|\\[\s\S])*+'),
    "'": re.compile(r"(?:[^'\\\n]++|\\[\s\S])*+"),
    '"""': re.compile(r'(?:[^"\\]++|\\[\s\S]|"(?!""))*+'),
}
_RAW_TRIPLE = re.compile(r'(?:[^"]++|"(?!""))*+')
_RUNE = re.compile(r"'(?:[^'\\\n]|\\[^\n]{1,9}?)'")
_TEMPLATE = re.compile(r"(?:[^`\\$]++|\\[\s\S]|\$(?!\{))*+")
_DOLLAR = re.compile(r"\$(?:\{|([A-Za-z_]\w*))")
_VALUE_BEFORE = frozenset((")", "]", "}"))
_WORDS_BEFORE_REGEX = frozenset((
    "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "await", "yield",
))  # fmt: skip


@dataclass(slots=True)
class _Open:
    """A template literal that is being read: what encloses it, its parts so far, where its last `${` began."""

    outer: list[Node]
    depth: int
    start: int
    broken: bool
    parts: list[Chunk | Embedded] = field(default_factory=list)
    hole: int = 0


class Lexer:
    """Reads one file. `run` gives its tokens without comments; raises TemplateError for far too many."""

    def __init__(self, source: Source, dialect: Dialect) -> None:
        self.source, self.text, self.dialect = source, source.text, dialect
        self.count = 0

    def run(self) -> list[Node]:
        """All tokens of the file."""
        text, size = self.text, len(self.text)
        templates = self.dialect.backtick == "template"
        stack: list[_Open] = []
        nodes: list[Node] = []
        at, depth, broken = 0, 0, False
        while at < size:
            char = text[at]
            if templates and (char == "`" or (char == "}" and stack and depth == 0)):
                if char == "`":
                    self._count(at)
                    stack.append(_Open(nodes, depth, at, broken))
                else:
                    stack[-1].parts.append(Embedded(nodes, stack[-1].hole, at + 1))
                at, nodes, depth = self._template(at + 1, stack)
                broken = False
                continue
            end, node = self._token(at, nodes)
            if node is None:
                broken = broken or "\n" in text[at:end]
            else:
                if node.kind == "op":
                    depth += (node.text == "{") - (node.text == "}" and depth > 0)
                node.broken, broken = broken, False
                self._add(nodes, node)
            at = end
        if stack:
            raise self._unclosed(stack[-1].start)
        return nodes

    def _unclosed(self, at: int) -> TemplateError:
        line, column = self.source.lines.place(at)
        return TemplateError(
            Location(self.source.path, line, column), "the text that begins here has no end in this file",
            hint="the file may be cut off: restore it, or add it to prompts.exclude",
        )  # fmt: skip

    def _template(self, at: int, stack: list[_Open]) -> tuple[int, list[Node], int]:
        """Read on in the innermost template: to its end, or into its next `${`. Gives where, and the list to fill."""
        body = _TEMPLATE.match(self.text, at)
        end = body.end() if body else at
        if end > at:
            stack[-1].parts.append(decode(self.text, at, end))
        if self.text.startswith("${", end):
            stack[-1].hole = end
            return end + 2, [], 0
        if end >= len(self.text):
            raise self._unclosed(stack[-1].start)
        depth = stack[-1].depth
        end += 1
        return end, self._close(stack, end), depth

    def _close(self, stack: list[_Open], end: int) -> list[Node]:
        done = stack.pop()
        self._add(done.outer, Node("str", "`", done.start, end, done.broken, tuple(done.parts)))
        return done.outer

    def _add(self, nodes: list[Node], node: Node) -> None:
        self._count(node.start)
        nodes.append(node)

    def _count(self, at: int) -> None:
        self.count += 1
        if self.count > MAX_TOKENS:
            line, column = self.source.lines.place(at)
            raise TemplateError(
                Location(self.source.path, line, column), f"more than {MAX_TOKENS} tokens of source text",
                hint="add the file to prompts.exclude if it is generated or packed",
            )  # fmt: skip

    def _token(self, at: int, nodes: list[Node]) -> tuple[int, Node | None]:
        """The token at the offset and where it ends; None for white space and comments."""
        text, char = self.text, self.text[at]
        if char in "\"'`":
            return self._string(at, char)
        if char == "/" and self.dialect.regex and self._begins_value(nodes):
            found = _REGEX.match(text, at, at + _LONGEST_REGEX)
            if found is not None:
                return found.end(), Node("regex", found[0], at, found.end())
        plain = _PLAIN.match(text, at)
        if plain is None:
            return at + 1, None
        kind = plain.lastgroup or "op"
        if kind in ("space", "comment"):
            return plain.end(), None
        return plain.end(), Node(kind, plain[0], at, plain.end())

    def _begins_value(self, nodes: list[Node]) -> bool:
        """Whether a `/` here begins a regex: it divides only behind a value."""
        if not nodes:
            return True
        last = nodes[-1]
        if last.kind == "name":
            return last.text in _WORDS_BEFORE_REGEX
        return last.kind == "op" and last.text not in _VALUE_BEFORE

    def _string(self, at: int, quote: str) -> tuple[int, Node | None]:
        text = self.text
        if quote == "`":
            end = text.find("`", at + 1)
            if end < 0:
                raise self._unclosed(at)
            stop = end
            chunk = Chunk(text[at + 1 : stop], at + 1, stop, ((0, at + 1),))
            return min(stop + 1, len(text)), Node("str", "`", at, min(stop + 1, len(text)), parts=(chunk,))
        if quote not in self.dialect.quotes:
            rune = _RUNE.match(text, at)
            end = rune.end() if rune else at + 1
            return end, Node("num", text[at:end], at, end)
        if self.dialect.triple and text.startswith('"""', at):
            return self._triple(at)
        body = _BODY[quote].match(text, at + 1)
        stop = body.end() if body else at + 1
        if stop >= len(text):
            raise self._unclosed(at)
        end = stop + (text[stop] == quote)
        return end, self._dollars(Node("str", quote, at, end, parts=(decode(text, at + 1, stop),)))

    def _triple(self, at: int) -> tuple[int, Node]:
        pattern = _RAW_TRIPLE if self.dialect.dollar else _BODY['"""']
        body = pattern.match(self.text, at + 3)
        stop = body.end() if body else at + 3
        if not self.text.startswith('"""', stop):
            raise self._unclosed(at)
        end = stop + 3
        if self.dialect.dollar:
            # A raw string of Kotlin keeps its indentation; trimIndent takes it away and changes no hole.
            chunk = Chunk(self.text[at + 3 : stop], at + 3, stop, ((0, at + 3),))
        else:
            chunk = text_block(self.text, at + 3, stop)
        return end, self._dollars(Node("str", '"""', at, end, parts=(chunk,)))

    def _dollars(self, node: Node) -> Node:
        """Cut the `$x` and `${...}` of a Kotlin string out of its text. Expressions with strings of their own in them
        end at the string in Kotlin's lexer as well where they are this simple."""
        if not self.dialect.dollar or not node.parts or "$" not in self.text[node.start : node.end]:
            return node
        first = node.parts[0]
        start, stop = (first.start, first.end) if isinstance(first, Chunk) else (node.start, node.end)
        raw = node.text == '"""'
        parts: list[Chunk | Embedded] = []
        at = start
        while (hole := _DOLLAR.search(self.text, at, stop)) is not None:
            if not raw and self.text[hole.start() - 1] == "\\":
                break
            end = hole.end() if hole[1] else self.text.find("}", hole.end(), stop) + 1
            if end <= 0:
                break
            inner = (hole.start(1), end) if hole[1] else (hole.end(), end - 1)
            parts.append(self._fixed(at, hole.start(), raw=raw))
            parts.append(Embedded(self._inner(*inner), hole.start(), end))
            at = end
        parts.append(self._fixed(at, stop, raw=raw))
        node.parts = tuple(parts)
        return node

    def _fixed(self, start: int, end: int, *, raw: bool) -> Chunk:
        return Chunk(self.text[start:end], start, end, ((0, start),)) if raw else decode(self.text, start, end)

    def _inner(self, start: int, end: int) -> list[Node]:
        nodes: list[Node] = []
        at = start
        while at < end:
            plain = _PLAIN.match(self.text, at, end)
            if plain is None:
                break
            if plain.lastgroup not in ("space", "comment"):
                self._add(nodes, Node(plain.lastgroup or "op", plain[0], at, plain.end()))
            at = plain.end()
        return nodes
