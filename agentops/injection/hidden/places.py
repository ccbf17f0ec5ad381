"""The texts that a model is given, with the way back to the file, for rules on content."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentops.injection import frontmatter
from agentops.injection.source import Source
from agentops.injection.template import HOLE_MARK, Hole, Span, Template, TemplateKind
from agentops.model.finding import Location

# The quotes around a value are YAML's, and no quotation.
_VALUE = re.compile(r"^([ \t]{0,40}(?:-[ \t]{1,4})?[\w-]{1,60}:[ \t]{1,8})\"([^\n]{0,5000})\"[ \t]{0,20}$", re.M)


@dataclass(frozen=True)
class Sent:
    """One text that goes to a model: a message, or the head of a skill. Holes are one HOLE_MARK each.

    `kind` is what the model takes it for, `number` which of the file's templates it belongs to.
    """

    source: Source
    kind: TemplateKind
    number: int
    text: str
    starts: tuple[int, ...]
    spans: tuple[Span, ...]

    def location(self, offset: int, length: int = 1) -> Location:
        """Where in its file the text at the offset stands.

        Where the file writes it otherwise (escapes, indentation) the piece of that length is looked for behind the
        begin of its span; where it is not found, that begin is the place.
        """
        if not self.spans:
            return Location(self.source.path, *self.source.lines.place(offset))
        at = max(bisect_right(self.starts, offset) - 1, 0)
        span = self.spans[at]
        if isinstance(span, Hole):
            return span.location
        inside = offset - self.starts[at]
        if self.source.text.startswith(span.text[: inside + 1], span.offset):
            return Location(self.source.path, *self.source.lines.place(span.offset + inside))
        piece = span.text[inside : inside + max(length, 1)].strip().split("\n", 1)[0]
        for sought in (piece[:60], piece[:20]):
            found = self.source.text.find(sought, span.offset) if sought else -1
            if found >= 0:
                return Location(self.source.path, *self.source.lines.place(found))
        return Location(self.source.path, span.line, span.column)


def sent(source: Source, templates: Sequence[Template]) -> Iterator[Sent]:
    """Every text of the file that goes to a model, in order. Comments that an engine drops are not among them."""
    for number, template in enumerate(templates):
        for message in template.messages:
            yield _message(source, template, number, message.spans)
    if source.text.startswith("---\n") and any(t.kind is TemplateKind.SKILL for t in templates):
        # A skill's head goes to the model as well: its name and description decide when it is used.
        head = frontmatter.read(source.text)
        if head.end:
            text = _VALUE.sub(r"\1 \2 ", source.text[: head.end])
            yield Sent(source, TemplateKind.SKILL, 0, text, (), ())


def _message(source: Source, template: Template, number: int, spans: tuple[Span, ...]) -> Sent:
    starts: list[int] = []
    parts: list[str] = []
    at = 0
    for span in spans:
        starts.append(at)
        part = HOLE_MARK if isinstance(span, Hole) else span.text.replace(HOLE_MARK, " ")
        parts.append(part)
        at += len(part)
    return Sent(source, template.kind, number, "".join(parts), tuple(starts), spans)
