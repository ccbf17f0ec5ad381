"""str.format templates: `{name}`, `{name.attribute}`, `{name[key]}`, `{name!r:>10}`, and `{{` `}}` for braces.

Prompts are full of JSON and code whose braces nobody doubled, so a brace that cannot open a field is text here, where
str.format itself would raise. A field that was begun and not ended is an error: it would be lost otherwise.
"""

from __future__ import annotations

import re

from agentops.injection.source import Source
from agentops.injection.template import MAX_HOLES, Hole, Lines, Span, TemplateError, Text
from agentops.model.finding import Location

# The grammar of format strings in the library reference ("Format String Syntax"), held to one line; bounded
# repetitions keep a hostile file linear.
_SPEC = r"(?:(?:.?[<>=^])?[-+ ]?z?#?0?\d{0,9}[,_]?(?:\.\d{1,9})?[bcdeEfFgGnosxX%]?|%[^{}\n]{1,40}|\{\w{0,40}\})"
_ACCESS = r"(?:\.[A-Za-z_]\w{0,99}|\[[^\[\]{}\n]{1,99}\]){0,20}"
_FIELD = re.compile(rf"\{{([A-Za-z_]\w{{0,199}}{_ACCESS})(![rsa])?(?::{_SPEC})?\}}")
_NUMBERED = re.compile(rf"\{{(\d{{0,4}})({_ACCESS})(![rsa])?(?::{_SPEC})?\}}")
_BEGUN = re.compile(r"\{[A-Za-z_]\w{0,199}[ \t]{0,40}")
_KEY = re.compile(r"\[([^\]]*)\]")
# After these an empty pair of braces is an empty object or body, not a positional field.
_EMPTY_OBJECT = ('":', "':", "=", ")", "[", "`", "=>")


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError for a field that is begun and not ended."""
    return _Scan(source).run()


class _Scan:
    def __init__(self, source: Source) -> None:
        self.path, self.text = source.path, source.text
        self.lines = Lines(source.text)
        self.last_close = source.text.rfind("}")
        self.spans: list[Span] = []
        self.pending: list[str] = []
        self.pending_from = 0
        self.depth = 0
        self.numbered = 0
        self.holes = 0

    def run(self) -> tuple[Span, ...]:
        text, at = self.text, 0
        for brace in re.finditer(r"[{}]", text):
            start = brace.start()
            if start < at:
                continue
            self._literal(text[at:start], at)
            at = self._brace(start)
        self._literal(text[at:], at)
        self._flush()
        return tuple(self.spans)

    def _brace(self, at: int) -> int:
        """Deal with the brace and say where to go on."""
        text = self.text
        if text.startswith(("{{", "}}"), at):
            # Two ends of nested bare objects look like one doubled brace; as text it makes no difference.
            self._literal(text[at], at)
            self.depth = max(self.depth - 2, 0) if text[at] == "}" and self.depth else self.depth
            return at + 2
        if text[at] == "}":
            self.depth = max(self.depth - 1, 0)
            self._literal("}", at)
            return at + 1
        if field := _FIELD.match(text, at):
            self._hole(_dotted(field[1]), field)
            return field.end()
        if (field := _NUMBERED.match(text, at)) and not self._is_empty_object(at, field):
            number = field[1] or str(self.numbered)
            self.numbered += 1
            self._hole(_dotted(number + field[2]), field)
            return field.end()
        self._refuse_begun(at)
        self.depth += 1
        self._literal("{", at)
        return at + 1

    def _is_empty_object(self, at: int, field: re.Match[str]) -> bool:
        before = self.text[max(at - 20, 0) : at].rstrip()
        return self.depth > 0 or (field[0] == "{}" and before.endswith(_EMPTY_OBJECT))

    def _refuse_begun(self, at: int) -> None:
        begun = _BEGUN.match(self.text, at)
        if begun is None:
            return
        next_one = self.text[begun.end() : begun.end() + 1]
        if self.last_close > at and next_one not in ("", "\n", ")", "]", ">"):
            return
        line, column = self.lines.place(at)
        raise TemplateError(
            Location(self.path, line, column),
            f"the hole {begun[0].strip()[:60]} is not closed",
            hint="close it with }, or double the brace ({{) where it is meant as text",
        )

    def _literal(self, text: str, at: int) -> None:
        if text:
            if not self.pending:
                self.pending_from = at
            self.pending.append(text)

    def _flush(self) -> None:
        if self.pending:
            line, column = self.lines.place(self.pending_from)
            self.spans.append(Text("".join(self.pending), line, column, self.pending_from))
            self.pending.clear()

    def _hole(self, name: str, field: re.Match[str]) -> None:
        self._flush()
        line, column = self.lines.place(field.start())
        self.holes += 1
        if self.holes > MAX_HOLES:
            raise TemplateError(
                Location(self.path, line, column), f"more than {MAX_HOLES} holes", hint="add it to prompts.exclude"
            )
        self.spans.append(Hole(name, self.path, line, column, field.start(), written=field[0]))


def _dotted(name: str) -> str:
    """`a[key].b[0]` as `a.key.b[]`, the way every syntax names its holes."""
    return _KEY.sub(lambda m: "[]" if m[1].isdigit() else f".{m[1]}", name)
