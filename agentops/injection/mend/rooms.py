"""Where in a file text may be put in: the whole of a prompt file, a block scalar of YAML, a literal in source code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentops.injection import frontmatter
from agentops.injection.mend.edits import NoMend
from agentops.injection.source import Source
from agentops.injection.syntax.detect import detect
from agentops.injection.template import Hole, Span
from agentops.injection.waived import quiet

_CODE = ("python", "javascript")
_BY_HAND = ("json", "toml", "workflow", "rail", "baml", "go", "java")
_MOST_LINES = 5_000
_HEADER = re.compile(r"(?:^|[:\-][ \t]+|[ \t])([|>])[-+0-9]{0,2}[ \t]{0,40}(?:#.{0,400})?$")
_ESCAPES = {"n": "\n", "t": "\t", "\n": ""}


@dataclass(frozen=True, slots=True)
class Room:
    """A piece of the file, `start` to `end`, in which text is the prompt's text. `lines`: line breaks there are line
    breaks of the prompt."""

    start: int
    end: int
    lines: bool


class Rooms:
    """The rooms of one file. Raises NoMend for a format that is not mended.

    `raw` is the file as its parser reads it, without front matter and suppressions, every offset as it was; `code`
    is whether it is source code.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._format = detect(source).name
        if self._format in _BY_HAND:
            raise NoMend(f"{self._format} files are mended by hand")
        self.code = self._format in _CODE
        self._head = 0 if self.code or self._format == "yaml" else frontmatter.read(source.text).end
        self.raw = frontmatter.blank(quiet(source).text, self._head)

    def at(self, offset: int) -> Room:
        """The room of that place. Raises NoMend where none is known to be safe."""
        if self._format == "yaml":
            return self._block_scalar(offset)
        if self.code:
            # Next to a hole and within a text that was found letter by letter one is inside the literal; line breaks
            # are decided by the line itself.
            return Room(0, len(self._text), lines=False)
        return Room(self._head, len(self._text), lines=True)

    def _block_scalar(self, offset: int) -> Room:
        text = self._text
        start = text.rfind("\n", 0, offset) + 1
        least = _indent(text, start)
        for _ in range(_MOST_LINES):
            if start == 0:
                break
            above = text.rfind("\n", 0, start - 1) + 1
            line = text[above : start - 1]
            indent = len(line) - len(line.lstrip(" "))
            if line.strip() and indent < least:
                if header := _HEADER.search(line):
                    return Room(start, len(text), lines=header[1] == "|")
                least = indent
            start = above
        raise NoMend("only block scalars (|, >) are mended in YAML")


def _indent(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] == " ":
        end += 1
    return end - start


def exact(source: Source, hole: Hole) -> bool:
    """Whether the file holds the hole as it is written, in marks of its own, at its place."""
    return (
        hole.path == source.path
        and hole.written[:1] in ("{", "$", "%", "<", "[")
        and len(hole.written) > 1
        and source.text.startswith(hole.written, hole.offset)
    )


def spots(raw: str, spans: Sequence[Span], index: int, *, braces: bool) -> list[int]:
    """For each character of that text, and for its end, where in the file it stands; -1 where that cannot be told.

    `braces`: doubled ones stand for one. A text whose place is not told letter by letter (an f-string's) is found from
    the hole before or behind it.
    """
    span = spans[index]
    if isinstance(span, Hole):
        return [span.offset, span.offset + len(span.written)]
    text = span.text
    found = _aligned(raw, text, span.offset, braces=braces)
    before = spans[index - 1] if index else None
    if len(found) <= len(text) and isinstance(before, Hole) and _stands(raw, before):
        found = _aligned(raw, text, before.offset + len(before.written), braces=braces)
    behind = spans[index + 1] if index + 1 < len(spans) else None
    if len(found) <= len(text) and isinstance(behind, Hole) and _stands(raw, behind):
        return _from_behind(raw, text, behind.offset, braces=braces)
    return found + [-1] * (len(text) + 1 - len(found))


def _stands(raw: str, hole: Hole) -> bool:
    return bool(hole.written) and raw.startswith(hole.written, hole.offset)


def _aligned(raw: str, text: str, at: int, *, braces: bool) -> list[int]:
    """The places from the beginning on, as far as they can be told, through indentation, folding and escapes."""
    if raw.startswith(text, at):
        return list(range(at, at + len(text) + 1))
    places: list[int] = []
    if raw[at : at + 1] != text[:1]:
        # The place is that of the first letter where the beginning could not be found again.
        places = [at] * (len(text) - len(text.lstrip()))
    while len(places) < len(text):
        wanted = text[len(places)]
        here = raw[at : at + 1]
        if here and (here == wanted or (here == "\n" and wanted == " ")):
            places.append(at)
            at += 1
        elif here and here in " \t\n" and raw[at - 1] in "\n \t":
            at += 1
        elif here == "\\" and (escape := raw[at + 1 : at + 2]):
            meant = _ESCAPES.get(escape, escape)
            if meant and meant != wanted:
                return places
            places += [at] if meant else []
            at += 2
        elif here and braces and here in "{}" and raw[at - 1] == here:
            at += 1
        else:
            return places
    if braces and raw[at - 1] in "{}" and raw[at : at + 1] == raw[at - 1]:
        at += 1
    return [*places, at]


def _from_behind(raw: str, text: str, end: int, *, braces: bool) -> list[int]:
    """The places from the end backwards, -1 from where they cannot be told."""
    places = [-1] * len(text) + [end]
    at, number = end, len(text)
    while number and at:
        here = raw[at - 1]
        if here == text[number - 1]:
            at, number = at - 1, number - 1
            places[number] = at
        elif (here in " \t" and raw[at : at + 1] in " \t\n{") or (braces and here in "{}" and raw[at : at + 1] == here):
            at -= 1
        else:
            break
    return places


def joined(raw: str, spans: Sequence[Span], first: tuple[int, int], last: int) -> bool:
    """Whether the file holds the spans up to `last` without anything between them, from `first` on: the number of a
    span and a place in it."""
    at = None
    for number in range(first[0], last + 1):
        span = spans[number]
        if isinstance(span, Hole) and not _stands(raw, span):
            return False
        places = spots(raw, spans, number, braces=True)[first[1] if number == first[0] else 0 :]
        if -1 in places or (at is not None and places[0] != at):
            return False
        at = places[-1]
    return True
