"""Puts tags around the holes that have none: inline, on lines of their own, outside fences and quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentops.injection.mend.edits import Edit, NoMend
from agentops.injection.mend.looked import At, Looked
from agentops.injection.mend.nesting import Nesting
from agentops.injection.mend.rooms import Room, Rooms, exact
from agentops.injection.names.labels import label
from agentops.injection.source import Source

_GAP = re.compile(r"[ \t,;:/|.-]{0,10}\n?[ \t]{0,40}")
_FENCE = re.compile(
    r"[ \t]{0,40}(`{3,20}|~{3,20}|\"{3}|'{3}|-{3,200}|={3,200}|\*{3,200}|#{3,200}|_{3,200})\w{0,20}[ \t]{0,40}"
)
_MOST_FENCED_LINES = 200
_QUOTES = (
    ('"""', '"""'), ("'''", "'''"), ("```", "```"), ('"', '"'), ("'", "'"), ("`", "`"),
    ("\u201c", "\u201d"), ("\u00ab", "\u00bb"),
)  # fmt: skip
_WHOLE_BLOCK = re.compile(
    r"\{%[-+]?[ \t\n]{0,40}(?:filter|call|macro|set[ \t]{1,40}[\w.]{1,99}[ \t]{0,40}(?:\||[-+]?%\}))"
)


Leave = Callable[[At, str], None]
"""Is told of a hole that stays as it is, and why."""


@dataclass(frozen=True, slots=True)
class Run:
    """Holes that get one pair of marks, and where in the file they begin and end."""

    holes: tuple[At, ...]
    start: int
    end: int


def runs(looked: Looked, targets: Sequence[At], rooms: Rooms, left: Leave) -> tuple[Run, ...]:
    """The targets, adjacent ones together; what cannot be marked is told to `left`."""
    source = looked.source
    found: list[Run] = []
    for at in sorted(targets, key=lambda t: (t.one.hole.path, t.one.hole.offset)):
        hole = at.one.hole
        try:
            _refuse(source, at)
            rooms.at(hole.offset)
        except NoMend as why:
            left(at, str(why))
            continue
        start, end = hole.offset, hole.offset + len(hole.written)
        last = found[-1] if found else None
        if last is not None and _belongs(looked, last, at, start):
            found[-1] = Run((*last.holes, at), last.start, max(last.end, end))
        else:
            found.append(Run((at,), start, end))
    return tuple(found)


def _refuse(source: Source, at: At) -> None:
    hole, text = at.one.hole, source.text
    if hole.path != source.path:
        raise NoMend("it stands in another file, which is mended itself where it is among the analysed ones")
    if not exact(source, hole):
        raise NoMend("it is not written in the file as a hole of its own")
    if hole.written.startswith("{%") and not hole.written.lstrip("{%-+ ").startswith("include"):
        raise NoMend("it is made by a statement")
    outer = [f for f in hole.filters if f not in hole.written]
    if outer and _WHOLE_BLOCK.search(text):
        raise NoMend("the text around it goes through a filter")
    before = text[max(hole.offset - 300, 0) : hole.offset].rsplit("\n", 1)[-1]
    if re.search(r"<[A-Za-z/{$%][^<>]*$|<$", before) or before.endswith("]("):
        raise NoMend("it stands inside a tag or a link")
    if "://" in before.rsplit(" ", 1)[-1]:
        raise NoMend("it is part of an address")


def _belongs(looked: Looked, last: Run, at: At, start: int) -> bool:
    """Whether one pair of marks may hold both. Text between two variables would be taken for a part of their values,
    unless one label announces both."""
    before, text = last.holes[-1], looked.source.text
    if before.message != at.message or before.one.mitigation.boundary != at.one.mitigation.boundary:
        return False
    if start < last.end:
        return True
    gap = text[last.end : start][:100]
    if gap.strip() and before.one.hole.name != at.one.hole.name:
        said = label(looked.seen[at.message].body, before.place)
        if not said or "\n" in gap or label(looked.seen[at.message].body, at.place) not in ("", said):
            return False
    return _GAP.fullmatch(gap) is not None


def wrap(looked: Looked, run: Run, tag: str, rooms: Rooms, nesting: Nesting) -> tuple[Edit, Edit, int]:
    """The two marks, and the end of what they hold. Raises NoMend."""
    text, hole = looked.source.text, run.holes[0].one.hole
    room = rooms.at(run.start)
    mark = run.holes[0].one.mitigation.boundary
    start, end = run.start, run.end
    if not nesting.covers(start, end) or not nesting.covers(end, start):
        raise NoMend("it begins and ends in different branches")
    if mark is not None and mark.name == "fence" and room.lines:
        start, end = _fenced(text, run, room, nesting)
    elif mark is not None and mark.name == "quotes":
        start, end = _quoted(text, run)
    opening, closing = f"<{tag}>", f"</{tag}>"
    trims = hole.written.startswith("{{") and (_trims(text, run.start, -1) or _trims(text, run.end, 1))
    if trims:
        if not looked.template.syntax.startswith("jinja") or (start, end) != (run.start, run.end):
            raise NoMend("it takes away the white space around it")
        return _trimmed(text, run, opening, closing)
    alone = _lines(text, start, end, room, code=rooms.code)
    if alone is None:
        return Edit(start, opening, opening), Edit(end, closing, closing), end
    first, last, indent = alone
    return Edit(first, f"{indent}{opening}\n", opening), Edit(last, f"\n{indent}{closing}", closing), last


def _trims(text: str, at: int, side: int) -> bool:
    """Whether the hole that begins or ends there takes the white space on that side."""
    return text[at + 2 : at + 3] in ("-", "~") if side < 0 else text[max(at - 3, 0) : at - 2] in ("-", "~")


def _trimmed(text: str, run: Run, opening: str, closing: str) -> tuple[Edit, Edit, int]:
    """Marks that do not keep the white space which the hole's own signs take away: a comment takes it instead."""
    before = "{#- #}" if text[run.start + 2] == "-" else ""
    after = "{# -#}" if text[run.end - 3] == "-" else ""
    return Edit(run.start, before + opening, opening), Edit(run.end, closing + after, closing), run.end


def _lines(text: str, start: int, end: int, room: Room, *, code: bool) -> tuple[int, int, str] | None:
    """Begin and end of the lines that hold nothing but this, and their indentation; None where they hold more."""
    if not room.lines and not code:
        return None
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    if code and (first == 0 or last < 0):
        return None
    last = room.end if last < 0 else last
    indent = text[first:start]
    if first < room.start or indent.strip() or text[end:last].strip():
        return None
    return first, last, indent


def _fenced(text: str, run: Run, room: Room, nesting: Nesting) -> tuple[int, int]:
    """Begin and end of the fence around the run."""
    above = _fence_line(text, run.start, room, up=True)
    below = _fence_line(text, run.end, room, up=False)
    if (
        above is None
        or below is None
        or not nesting.covers(above[0], below[1])
        or not nesting.covers(below[1], above[0])
    ):
        return run.start, run.end
    return above[0], below[1]


def _fence_line(text: str, at: int, room: Room, *, up: bool) -> tuple[int, int] | None:
    start = text.rfind("\n", 0, at) + 1
    for _ in range(_MOST_FENCED_LINES):
        if up:
            if start <= room.start:
                return None
            start = text.rfind("\n", 0, start - 1) + 1
        else:
            start = text.find("\n", start) + 1
            if start == 0:
                return None
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if _FENCE.fullmatch(text[start:end][:300]):
            indent = len(text[start:end]) - len(text[start:end].lstrip())
            return start + indent, len(text[start:end].rstrip()) + start
    return None


def _quoted(text: str, run: Run) -> tuple[int, int]:
    """The run with its quotes; without them where they belong to JSON or are escaped."""
    for opening, closing in _QUOTES:
        first = run.start - len(opening)
        if first >= 0 and text.startswith(opening, first) and text.startswith(closing, run.end):
            before = text[max(first - 40, 0) : first].rstrip()
            if before.endswith(('":', "\\", "[", '",', "':", "=")):
                return run.start, run.end
            return first, run.end + len(closing)
    return run.start, run.end
