"""Reads a text in one notation while names that another one wrote are covered, and puts the holes where these stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentops.injection.notations import scan as read
from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span, Text

COVER = "\ue000"


@dataclass(frozen=True, slots=True)
class Mark:
    """A hole between two offsets that the text's own notation does not know."""

    start: int
    end: int
    name: str


def cover(text: str, marks: Sequence[Mark]) -> str:
    """The text with the marks covered by private characters, so that offsets stay true."""
    parts: list[str] = []
    at = 0
    for mark in marks:
        parts += [text[at : mark.start], COVER * (mark.end - mark.start)]
        at = mark.end
    return "".join((*parts, text[at:]))


def scan(source: Source, marks: Sequence[Mark], notation: str, *, lost: bool) -> tuple[Span, ...]:
    """The spans of the notation with the marks, which stand in order. A mark inside another hole, a statement or a
    comment comes out nowhere; `lost` says whether it is a hole all the same. Raises TemplateError."""
    found = list(marks)
    writer = Writer(source)
    following = 0
    for span in read(notation, replace(source, text=cover(source.text, found), markers=())):
        if not isinstance(span, Text) or COVER not in span.text:
            writer.add(span)
            continue
        following = _uncover(writer, span, found, following, lost=lost)
    for mark in found[following:] if lost else ():
        _write(writer, mark)
    return writer.done()


def _uncover(writer: Writer, span: Text, found: list[Mark], following: int, *, lost: bool) -> int:
    text, at = span.text, 0
    while (here := text.find(COVER, at)) >= 0 and following < len(found):
        # Escapes only make a text shorter, so a mark before this text's own place was swallowed by a statement.
        while following < len(found) - 1 and found[following].end <= span.offset:
            if lost:
                _write(writer, found[following])
            following += 1
        mark = found[following]
        writer.text(text[at:here], span.offset + at)
        _write(writer, mark)
        following += 1
        at = here + mark.end - mark.start
    writer.text(text[at:].replace(COVER, ""), span.offset + at)
    return following


def _write(writer: Writer, mark: Mark) -> None:
    writer.hole(mark.name, mark.start, mark.end)
