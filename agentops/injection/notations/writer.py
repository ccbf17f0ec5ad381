"""Writes text and holes down in order, as every notation needs it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agentops.injection.source import Source
from agentops.injection.template import MAX_HOLES, Hole, Span, TemplateError, Text
from agentops.model.finding import Location

HINT = "correct the template, or add the file to prompts.exclude"
# As many pieces as any prompt could have; more come from a template that multiplies itself.
_MAX_SPANS = 20_000
# Far more than any prompt has; reading on takes long before the holes could be counted.
MAX_TAGS = 20_000
_MAX_BRACES = 100_000
_KEY = re.compile(r"\[([^\[\]]{0,200})\]")


class Writer:
    """Spans of one source. Text that is written piece by piece becomes one span."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._spans: list[Span] = []
        self._pending: list[str] = []
        self._from = 0
        self._holes = 0

    def text(self, text: str, offset: int) -> None:
        """Literal text that stands at the offset, escapes undone."""
        if text:
            if not self._pending:
                self._from = offset
            self._pending.append(text)

    def hole(
        self,
        name: str,
        start: int,
        end: int,
        *,
        filters: Iterable[str] = (),
        in_loop: bool = False,
        condition: str = "",
    ) -> None:
        """A hole that is written between the two offsets. Raises TemplateError where there are too many."""
        line, column = self.source.lines.place(start)
        self.add(
            Hole(
                name, self.source.path, line, column, start, filters=tuple(filters), in_loop=in_loop,
                condition=condition, written=self.source.text[start:end],
            )
        )  # fmt: skip

    def add(self, span: Span) -> None:
        """A span that is there already. Raises TemplateError where there are too many."""
        self._flush()
        self._spans.append(span)
        self._holes += isinstance(span, Hole)
        if self._holes > MAX_HOLES or len(self._spans) > _MAX_SPANS:
            problem = f"more than {MAX_HOLES} holes or {_MAX_SPANS} pieces of text"
            raise TemplateError(Location(self.source.path, span.line), problem, hint="add it to prompts.exclude")

    def done(self) -> tuple[Span, ...]:
        """Everything in order."""
        self._flush()
        return tuple(self._spans)

    def refuse_flood(self, *, tags: bool = True) -> None:
        """Raises TemplateError for a text with more braces than any prompt has."""
        if self.source.text.count("{") > _MAX_BRACES:
            raise self.error(f"more than {_MAX_BRACES} braces", 0, hint="add it to prompts.exclude")
        if tags and self.source.text.count("{{") > MAX_TAGS:
            raise self.error(f"more than {MAX_TAGS} tags", 0, hint="add it to prompts.exclude")

    def error(self, problem: str, offset: int, *, hint: str = HINT) -> TemplateError:
        """The error for the place."""
        return TemplateError(
            Location(self.source.path, *self.source.lines.place(min(offset, len(self.source.text)))), problem, hint=hint
        )

    def _flush(self) -> None:
        if self._pending:
            line, column = self.source.lines.place(self._from)
            self._spans.append(Text("".join(self._pending), line, column, self._from))
            self._pending.clear()


def dotted(name: str) -> str:
    """`a[key].b[0]` as `a.key.b[]`, the way every notation names its holes."""
    return _KEY.sub(lambda m: "[]" if m[1].isdigit() else f".{m[1].strip(chr(34) + chr(39))}", name)
