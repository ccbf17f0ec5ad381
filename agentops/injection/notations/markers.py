"""The pairs of marks that the configuration names, beside the notation that the text has otherwise.

Each marked name is covered by private characters of the same length while the other notation reads the text; where
they come out again, the hole is put.
"""

from __future__ import annotations

import re
from dataclasses import replace

from agentops.injection.notations import guess
from agentops.injection.notations import scan as read
from agentops.injection.notations.writer import Writer, dotted
from agentops.injection.source import Source
from agentops.injection.template import Span, Text

_COVER = "\ue000"


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError as the other notation does."""
    marks = source.marks
    found = list(marks.finditer(source.text)) if marks else []
    parts: list[str] = []
    at = 0
    for mark in found:
        parts += [source.text[at : mark.start()], _COVER * (mark.end() - mark.start())]
        at = mark.end()
    covered = "".join((*parts, source.text[at:]))
    other = replace(source, text=covered, markers=())
    writer = Writer(source)
    following = 0
    for span in read(guess.notation(other), other):
        if not isinstance(span, Text) or (_COVER not in span.text):
            writer.add(span)
            continue
        following = _uncover(writer, span, found, following)
    # A name inside another hole or a statement comes out nowhere; it is filled in all the same.
    for mark in found[following:]:
        _write(writer, mark)
    return writer.done()


def _uncover(writer: Writer, span: Text, found: list[re.Match[str]], following: int) -> int:
    text, at = span.text, 0
    while (here := text.find(_COVER, at)) >= 0 and following < len(found):
        # Escapes only make a text shorter, so a mark before this text's own place was swallowed by a statement.
        while following < len(found) - 1 and found[following].end() <= span.offset:
            _write(writer, found[following])
            following += 1
        mark = found[following]
        writer.text(text[at:here], span.offset + at)
        _write(writer, mark)
        following += 1
        at = here + mark.end() - mark.start()
    writer.text(text[at:].replace(_COVER, ""), span.offset + at)
    return following


def _write(writer: Writer, mark: re.Match[str]) -> None:
    name = next(g for g in mark.groups() if g is not None)
    writer.hole(dotted(name.strip().replace(" ", "_")), mark.start(), mark.end())
