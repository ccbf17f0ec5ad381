"""Reads the holes of a text that lies within a file, and puts them where they stand in the file.

A text in a YAML, JSON or source file is not what stands there: indentation and escapes are gone. Holes are written on
one line and hardly ever hold escapes, so each is found again by what is written, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentops.injection.notations import guess, scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, Span, TemplateError
from agentops.model.finding import Location


def spans(source: Source, text: str, *, start: int, end: int | None = None, notation: str = "") -> tuple[Span, ...]:
    """Text and holes of `text`, which the file holds between the offsets `start` and `end` (its end if None).

    Where `notation` is empty it is told by the text. Raises TemplateError with the place in the file.
    """
    try:
        found = scan(notation or guess.notation(source.part(text)), source.part(text))
    except TemplateError as error:
        if error.location.path != source.path or error.location.line is None:
            raise
        first, _ = source.lines.place(start)
        raise TemplateError(
            Location(source.path, first + error.location.line - 1), error.problem, hint=error.hint or ""
        ) from None
    return place(source, found, text, start=start, end=len(source.text) if end is None else end)


def place(source: Source, found: Sequence[Span], text: str, *, start: int, end: int) -> tuple[Span, ...]:
    """The spans of `text` with their offsets, lines and columns in the file. Linear in the text between the offsets."""
    if source.text.startswith(text, start):
        return tuple(s if _elsewhere(source, s) else _at(source, s, s.offset + start) for s in found)
    moved: list[Span] = []
    at = start
    for span in found:
        if _elsewhere(source, span):
            moved.append(span)
            continue
        sought = span.written if isinstance(span, Hole) else span.text.strip().split("\n", 1)[0][:40].strip()
        here = source.text.find(sought, at, end) if sought else at
        # What cannot be found again (it holds escapes) is put where the one before it ended.
        here, at = (here, here + len(sought)) if here >= 0 else (at, at)
        moved.append(_at(source, span, here))
    return tuple(moved)


def _elsewhere(source: Source, span: Span) -> bool:
    """Whether the span stands in an included file, which has places of its own."""
    return isinstance(span, Hole) and span.path != source.path


def _at(source: Source, span: Span, offset: int) -> Span:
    line, column = source.lines.place(offset)
    return replace(span, line=line, column=column, offset=offset)
