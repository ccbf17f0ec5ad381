"""str.format templates: `{name}`, `{name.attribute}`, `{name[key]}`, `{name!r:>10}`, and `{{` `}}` for braces.

Prompts are full of JSON and code whose braces nobody doubled, so a brace that cannot open a field is text here, where
str.format itself would raise. A field that was begun and not ended is an error: it would be lost otherwise.
"""

from __future__ import annotations

import re
from functools import cached_property

from agentops.injection.notations.code import code_of
from agentops.injection.notations.writer import Writer, dotted
from agentops.injection.source import Source
from agentops.injection.template import Span

# The grammar of format strings in the library reference ("Format String Syntax"), held to one line; bounded
# repetitions keep a hostile file linear.
_SPEC = r"(?:(?:.?[<>=^])?[-+ ]?z?#?0?\d{0,9}[,_]?(?:\.\d{1,9})?[bcdeEfFgGnosxX%]?|%[^{}\n]{1,40}|\{\w{0,40}\})"
_ACCESS = r"(?:\.[A-Za-z_]\w{0,99}|\[[^\[\]{}\n]{1,99}\]){0,20}"
FIELD = re.compile(rf"\{{([^\W\d]\w{{0,199}}{_ACCESS})(![rsa])?(?::{_SPEC})?\}}")
_NUMBERED = re.compile(rf"\{{(\d{{0,4}})({_ACCESS})(![rsa])?(?::{_SPEC})?\}}")
FOURFOLD = re.compile(rf"\{{\{{\{{\{{[ \t]{{0,20}}([^\W\d]\w{{0,199}}{_ACCESS})[ \t]{{0,20}}\}}\}}\}}\}}")
"""A name between braces that were doubled twice: a first stage makes `{{name}}` of it."""
_BEGUN = re.compile(r"\{[A-Za-z_]\w{0,199}[ \t]{0,40}")
# After these an empty pair of braces is an empty object or body, not a positional field.
_EMPTY_OBJECT = ('":', "':", "=", ")", "[", "`", "=>", "or", "object")


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError for a field that is begun and not ended."""
    return _Scan(source).run()


class _Scan:
    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.writer = Writer(source)
        self.code = code_of(source)
        self.last_close = source.text.rfind("}")
        self.depth = 0
        self.numbered = 0

    def run(self) -> tuple[Span, ...]:
        self.writer.refuse_flood(tags=False)
        text, at = self.text, 0
        for brace in re.finditer(r"[{}]", text):
            start = brace.start()
            if start < at:
                continue
            self.writer.text(text[at:start], at)
            at = self._brace(start)
        self.writer.text(text[at:], at)
        return self.writer.done()

    def _brace(self, at: int) -> int:
        """Deal with the brace and say where to go on."""
        text = self.text
        if (late := FOURFOLD.match(text, at)) is not None:
            # What str.format leaves is `{{name}}`, which a second stage fills.
            self.writer.text("{{", at)
            self.writer.hole(dotted(late[1]), at + 2, late.end() - 2)
            self.writer.text("}}", late.end() - 2)
            return late.end()
        if text.startswith(("{{", "}}"), at):
            # Two ends of nested bare objects look like one doubled brace; as text it makes no difference.
            self.writer.text(text[at], at)
            self.depth = max(self.depth - 2, 0) if text[at] == "}" and self.depth else self.depth
            return at + 2
        if text[at] == "}":
            self.depth = max(self.depth - 1, 0)
            self.writer.text("}", at)
            return at + 1
        if (field := FIELD.match(text, at)) and (self.doubled or not self.code.example(at, field.end())):
            self.writer.hole(dotted(field[1]), at, field.end())
            return field.end()
        if (field := _NUMBERED.match(text, at)) and not self._is_empty_object(at, field):
            number = field[1] or str(self.numbered)
            self.numbered += 1
            self.writer.hole(dotted(number + field[2]), at, field.end())
            return field.end()
        self._refuse_begun(at)
        self.depth += 1
        self.writer.text("{", at)
        return at + 1

    @cached_property
    def doubled(self) -> bool:
        """Whether the author doubles the braces of examples, so that a single pair is meant."""
        return re.search(r"\{\{\s{0,80}[\"'\[{\w\\]", self.text) is not None

    def _is_empty_object(self, at: int, field: re.Match[str]) -> bool:
        before = self.text[max(at - 20, 0) : at].rstrip()
        shown = self.code.formula(at) or (self.code.fenced(at) and not self.doubled)
        return self.depth > 0 or shown or (field[0] == "{}" and before.endswith(_EMPTY_OBJECT))

    @cached_property
    def clear(self) -> bool:
        """Whether the text is one of str.format for certain: it has fields, or no other brace speaks against it."""
        return FIELD.search(self.text) is not None or (self.text.count("{") == 1 and self.last_close < 0)

    def _refuse_begun(self, at: int) -> None:
        begun = _BEGUN.match(self.text, at)
        if begun is None or self.depth or not self.clear or self.code.fenced(at) or self.code.formula(at):
            return
        next_one = self.text[begun.end() : begun.end() + 1]
        if self.last_close > at and next_one not in ("", "\n", ")", "]", ">"):
            return
        raise self.writer.error(
            f"the hole {begun[0].strip()[:60]} is not closed",
            at,
            hint="close it with }, or double the brace ({{) where it is meant as text",
        )
