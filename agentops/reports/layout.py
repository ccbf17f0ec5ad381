"""Lines for a terminal: safe text, wrapping by columns, aligned entries, colour.

Layout never depends on colour: lines are made of styled spans, and colour is put on last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from agentops.text import fit
from agentops.text import width as columns_of


class Style(Enum):
    """What a piece of text means; the value is its ANSI code."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    GOOD = "32"
    BAD = "1;31"
    DOUBT = "33"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line in one style."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]

BLANK: Line = ()
_INDENT = 2
_GAP = 2
# A text beside its head needs this many columns; with fewer it reads better below.
_BESIDE = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a list: cells that align with those of its neighbours, then a text that wraps."""

    head: tuple[Span, ...]
    body: str = ""


def wrap(text: str, columns: int) -> list[str]:
    """The text in lines of at most `columns` terminal columns; words longer than that are broken."""
    lines, line = [], ""
    for word in text.split():
        if line and columns_of(line) + 1 + columns_of(word) > columns:
            lines.append(line)
            line = ""
        while columns_of(word) > columns:
            head = _take(word, columns)
            lines.append(head)
            word = word[len(head) :]
        line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines


def _take(word: str, columns: int) -> str:
    """The longest start of the word that fits, at least one character."""
    used = 0
    for i, char in enumerate(word):
        used += columns_of(char)
        if used > columns and i:
            return word[:i]
    return word


def shorten(lines: list[str], most: int, columns: int) -> list[str]:
    """At most `most` lines; the last one shows that something is missing."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], fit(f"{lines[most - 1]} {lines[most]}", columns)]


def paragraph(text: str, width: int, *, indent: int = 0, label: str = "", style: Style = Style.PLAIN) -> list[Line]:
    """Wrapped text; further lines hang below the end of the label. The style is the label's where there is one."""
    hang = indent + columns_of(label)
    lines = wrap(text, max(width - hang, 1))
    if not label:
        return [(Span(" " * indent), Span(line, style)) for line in lines]
    starts = [Span(" " * indent + label, style)] + [Span(" " * hang)] * len(lines)
    return [(start, Span(line)) for start, line in zip(starts, lines, strict=False)]


def flow(items: Iterable[Span], width: int) -> list[Line]:
    """Items side by side, three columns apart, on as many lines as they need."""
    lines: list[list[Span]] = [[]]
    used = 0
    for item in items:
        item = Span(fit(item.text, width), item.style)
        needed = columns_of(item.text)
        if lines[-1] and used + 3 + needed > width:
            lines.append([])
            used = 0
        if lines[-1]:
            lines[-1].append(Span("   "))
            used += 3
        lines[-1].append(item)
        used += needed
    return [tuple(line) for line in lines if line]


def entries(rows: Sequence[Entry], width: int, *, most: int = 3) -> list[Line]:
    """Rows with aligned heads. The bodies stand beside the heads where all have room, else below; each takes at most
    `most` lines."""
    if not rows:
        return []
    widths = [max(columns_of(row.head[i].text) for row in rows) for i in range(len(rows[0].head))]
    head = _INDENT + sum(widths) + _GAP * (len(widths) - 1)
    beside = width - head - _GAP
    longest = max(columns_of(row.body) for row in rows)
    lines: list[Line] = []
    for row in rows:
        if longest and beside >= min(longest, _BESIDE):
            lines += _beside(row, widths, head + _GAP, width, most)
        else:
            lines += _below(row, widths, head, width, most)
    return lines


def _beside(row: Entry, widths: Sequence[int], start: int, width: int, most: int) -> list[Line]:
    room = width - start
    # What fits is shown as it stands, so that columns inside the body keep their alignment.
    body = [row.body] if columns_of(row.body) <= room else shorten(wrap(row.body, room), most, room)
    first = (*_cells(row, widths), Span(" " * _GAP + (body[0] if body else "")))
    return [first, *((Span(" " * start + line),) for line in body[1:])]


def _below(row: Entry, widths: Sequence[int], head: int, width: int, most: int) -> list[Line]:
    lines = [_cells(row, widths)] if head <= width else _narrow(row, width)
    room = width - 2 * _INDENT
    return lines + [(Span(" " * (2 * _INDENT) + line),) for line in shorten(wrap(row.body, room), most, room)]


def _narrow(row: Entry, width: int) -> list[Line]:
    """A head that is too wide: the first cell, a short word, then the others behind it, below each other if need be."""
    hang = _INDENT + columns_of(row.head[0].text) + _GAP
    cells = [s.text.strip() for s in row.head[1:] if s.text.strip()]
    if any(columns_of(word) > width - hang for cell in cells for word in cell.split()):
        hang = 2 * _INDENT
    lines: list[str] = []
    for cell in cells:
        if lines and hang + columns_of(lines[-1]) + _GAP + columns_of(cell) <= width:
            lines[-1] += " " * _GAP + cell
        else:
            lines += wrap(cell, width - hang)
    first = (
        Span(" " * (hang - _INDENT - columns_of(row.head[0].text)) + lines.pop(0)) if lines and hang > 4 else Span("")
    )
    return [(Span(" " * _INDENT), row.head[0], first), *((Span(" " * hang + line),) for line in lines)]


def _cells(row: Entry, widths: Sequence[int]) -> Line:
    spans = [Span(" " * _INDENT)]
    for i, (span, size) in enumerate(zip(row.head, widths, strict=True)):
        padding = " " * (size - columns_of(span.text))
        spans += [Span(" " * _GAP)] if i else []
        spans += [span, Span(padding)]
    return tuple(spans)


def paint(lines: Iterable[Line], *, colour: bool) -> str:
    """The lines as text, each ended by a newline and without trailing space."""
    return "".join(_paint(_defuse(_strip(line)), colour=colour) + "\n" for line in lines)


def _strip(line: Line) -> Line:
    spans = [s for s in line if s.text]
    while spans:
        last = Span(spans[-1].text.rstrip(), spans[-1].style)
        spans.pop()
        if last.text:
            return (*spans, last)
    return ()


def _defuse(line: Line) -> Line:
    """GitHub obeys a line that starts with two colons, however far it is indented. No such line is ours."""
    if not "".join(s.text for s in line).lstrip().startswith("::"):
        return line
    spans = list(line)
    first = next(i for i, s in enumerate(spans) if s.text.strip())
    spans[first] = Span(spans[first].text.replace(":", ".", 1), spans[first].style)
    return tuple(spans)


def _paint(line: Line, *, colour: bool) -> str:
    if not colour:
        return "".join(s.text for s in line)
    return "".join(f"\x1b[{s.style.value}m{s.text}\x1b[0m" if s.style.value else s.text for s in line)
