"""The marks around holes: tags, brackets, BEGIN and END lines, fences, quotes, and marks that hold a random value."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from agentops.injection.defence.wording import gives_orders
from agentops.injection.template import Boundary, BoundaryKind, Hole

# What holds more text of the template's own than this is a layout of the prompt, not a mark around a hole.
_MOST_INSIDE = 2_000
# So many nested tags around a hole are looked at.
_MOST_AROUND = 6

_TAG = re.compile(r"[<\[](/?)([A-Za-z_\x00][\w.:\x00-]{0,63})((?:\s[^<>\[\]\n]{0,200})?)[>\]]")
_INLINE_HTML = frozenset((
    "a", "b", "i", "u", "em", "strong", "span", "br", "hr", "p", "div", "li", "ul", "ol", "img", "font",
    "small", "sub", "sup", "h1", "h2", "h3", "h4", "td", "tr", "th",
))  # fmt: skip
_FENCE = re.compile(
    r"^[ \t]{0,8}(`{3,20}|~{3,20}|\"{3}|'{3}|-{3,200}|={3,200}|\*{3,200}|#{3,200}|_{3,200})(\w{0,20})[ \t]{0,40}$", re.M
)
_MARK_LINE = re.compile(
    r"^[ \t]{0,8}[-=*#<>\[\]| ]{0,40}(?:the )?(begin|beginning|start|end)(?: of)?[ _](?:the )?"
    r"([\w\x00][\w '\u2019\x00]{0,40}?)[-=*#<>\[\]|: ]{0,40}$",
    re.M | re.I,
)
_TITLE_LINE = re.compile(
    r"^[ \t]{0,8}([-=*#~<\[])\1{2,40}[ \t]{0,4}([^\n]{2,160}?)[ \t]{0,4}[-=*#~>\]]{3,40}[ \t]{0,40}$", re.M
)
_TITLES_BACK = 4
_NO_WORD = re.compile(r"\W+")
_QUOTES = ('"""', "'''", "```", '"', "'", "`", "<<<", "\u201c", "\u00ab")
_CLOSING = {"<<<": ">>>", "\u201c": "\u201d", "\u00ab": "\u00bb"}
_RANDOM = re.compile(r"nonce|random|salt|uuid|guid|canary|secret_?(?:tag|token|marker)", re.I)
_DELIMITER = re.compile(r"delim|boundary|marker|fence|separator|sentinel", re.I)

ESCAPING = ("e", "escape", "forceescape", "xmlescape", "xml_escape", "html_escape")
"""Filters that take < and > from a value, so that it cannot close a tag."""
QUOTING = ("tojson", "to_json", "json", "json_dumps", "dump")
"""Filters that write a value as a quoted literal which it cannot leave."""
# Filters that undo no escape and no encoding before them.
_HARMLESS = frozenset(("safe", "trim", "indent", "lower", "wordwrap", "truncate", "string", "strip"))


@dataclass(frozen=True, slots=True)
class _Pair:
    start: int
    end: int
    boundary: Boundary


def boundaries(text: str, holes: tuple[tuple[int, Hole], ...]) -> tuple[Boundary | None, ...]:
    """For each hole the best marks around it, or None. `text` has one HOLE_MARK for each hole."""
    if not holes:
        return ()
    names = dict(holes)
    found: list[Boundary | None] = [None] * len(holes)
    for pairs in (_tags(text, names), _mark_lines(text, names), _fences(text)):
        data = {n: pair for n, pair in enumerate(pairs) if _only_data(text, pair)}
        for number, around in _around(data, [at for at, _ in holes]):
            outer = tuple(pair.boundary.name for pair in around[1:] if pair.boundary.kind is not BoundaryKind.GENERIC)
            found[number] = _better(found[number], replace(around[0].boundary, outer=outer))
    for number, (at, hole) in enumerate(holes):
        found[number] = _better(found[number], _beside(text, at, number, holes))
        found[number] = _better(found[number], _quoted(text, at))
        found[number] = _escaped(found[number], hole)
    return tuple(found)


def _better(one: Boundary | None, two: Boundary | None) -> Boundary | None:
    if one is None or two is None:
        return one or two
    order = list(BoundaryKind)
    return two if order.index(two.kind) > order.index(one.kind) else one


def _tags(text: str, names: dict[int, Hole]) -> list[_Pair]:
    open_at: dict[str, list[re.Match[str]]] = {}
    pairs: list[_Pair] = []
    for tag in _TAG.finditer(text):
        name = _spelled(tag[2], tag.start(2), names)
        if name.lower() in _INLINE_HTML:
            continue
        if not tag[1]:
            open_at.setdefault(name, []).append(tag)
        elif open_at.get(name):
            begun = open_at[name].pop()
            random = _is_random(tag, names)
            kind = BoundaryKind.UNFORGEABLE if random else BoundaryKind.NAMED
            pairs.append(_Pair(begun.end(), tag.start(), Boundary(kind, name)))
    return pairs


def _spelled(name: str, at: int, names: dict[int, Hole]) -> str:
    """The tag's name with its holes by name: `data-{nonce}`."""
    if "\x00" not in name:
        return name
    return "".join(f"{{{names[at + i].name}}}" if c == "\x00" else c for i, c in enumerate(name))


def _is_random(tag: re.Match[str], names: dict[int, Hole]) -> bool:
    """Whether the closing tag holds a random value, in its name or behind it."""
    inside = (names[i] for i in range(tag.start(), tag.end()) if i in names)
    return any(_RANDOM.search(hole.name) for hole in inside)


def _mark_lines(text: str, names: dict[int, Hole]) -> list[_Pair]:
    open_at: dict[str, list[int]] = {}
    pairs: list[_Pair] = []
    titles = [(t.start(), t.end(), f" {_NO_WORD.sub(' ', t[2].lower())} ") for t in _TITLE_LINE.finditer(text)]
    for line in _MARK_LINE.finditer(text):
        name = _spelled(line[2].strip(), line.start(2), names)
        if line[1].lower() != "end":
            open_at.setdefault(name.lower(), []).append(line.end())
        elif open_at.get(name.lower()):
            random = any(i in names and _RANDOM.search(names[i].name) for i in range(line.start(), line.end()))
            kind = BoundaryKind.UNFORGEABLE if random else BoundaryKind.NAMED
            pairs.append(_Pair(open_at[name.lower()].pop(), line.start(), Boundary(kind, name)))
        elif (begun := _titled(titles, name.lower(), line.start())) is not None:
            pairs.append(_Pair(begun, line.start(), Boundary(BoundaryKind.NAMED, name)))
    return pairs


def _titled(titles: list[tuple[int, int, str]], name: str, at: int) -> int | None:
    """Where the last title line before the end mark ends that holds its name: `=== CUSTOMER DATA ===`."""
    near = titles[max(bisect_left(titles, (at,)) - _TITLES_BACK, 0) : bisect_left(titles, (at,))]
    return next((end for _, end, words in reversed(near) if f" {name} " in words), None)


def _fences(text: str) -> list[_Pair]:
    open_at: dict[str, int] = {}
    pairs: list[_Pair] = []
    for line in _FENCE.finditer(text):
        mark = line[1][0]
        if mark in open_at and not line[2]:
            pairs.append(_Pair(open_at.pop(mark), line.start(), Boundary(BoundaryKind.GENERIC, "fence")))
        else:
            open_at[mark] = line.end()
    return pairs


def _around(pairs: dict[int, _Pair], holes: list[int]) -> Iterable[tuple[int, list[_Pair]]]:
    """For each hole that lies in pairs, the innermost few of them, innermost first."""
    pairs = {n: p for n, p in pairs.items() if p.start < p.end}
    events = sorted([(p.start, 1, n) for n, p in pairs.items()] + [(p.end, 0, n) for n, p in pairs.items()])
    around: dict[int, None] = {}
    at = 0
    for number, hole in enumerate(holes):
        while at < len(events) and events[at][0] <= hole:
            _, begins, pair = events[at]
            if begins:
                around[pair] = None
            else:
                around.pop(pair, None)
            at += 1
        if around:
            yield number, [pairs[n] for n in islice(reversed(around), _MOST_AROUND)]


def _only_data(text: str, pair: _Pair) -> bool:
    """Whether the marks hold little but holes. A tag around the whole prompt bounds nothing."""
    return pair.end - pair.start <= _MOST_INSIDE and not gives_orders(text[pair.start : pair.end])


def _beside(text: str, at: int, number: int, holes: tuple[tuple[int, Hole], ...]) -> Boundary | None:
    """A hole between two holes that are filled with marks: `{delimiter_start}` and `{delimiter_end}`."""
    if number == 0 or number + 1 == len(holes):
        return None
    (before, first), (after, last) = holes[number - 1], holes[number + 1]
    if text[before + 1 : at].strip(' \t\n-=#*<>[]"`') or text[at + 1 : after].strip(' \t\n-=#*<>[]/"`'):
        return None
    for pattern, kind in ((_RANDOM, BoundaryKind.UNFORGEABLE), (_DELIMITER, BoundaryKind.NAMED)):
        if pattern.search(first.name) and pattern.search(last.name):
            return Boundary(kind, last.name)
    return None


def _quoted(text: str, at: int) -> Boundary | None:
    for mark in _QUOTES:
        if text.startswith(mark, at - len(mark)) and text.startswith(_CLOSING.get(mark, mark), at + 1):
            return Boundary(BoundaryKind.GENERIC, "quotes")
    return None


def _escaped(boundary: Boundary | None, hole: Hole) -> Boundary | None:
    if last_of(hole, QUOTING):
        return Boundary(BoundaryKind.UNFORGEABLE, boundary.name if boundary else "quoted literal")
    if boundary and boundary.kind is BoundaryKind.NAMED and last_of(hole, ESCAPING):
        return replace(boundary, kind=BoundaryKind.UNFORGEABLE)
    return boundary


def last_of(hole: Hole, filters: Iterable[str]) -> bool:
    """Whether one of these filters shapes the value and no later one undoes it (`e | replace("&lt;", "<")`)."""
    left = [f for f in hole.filters if f not in _HARMLESS]
    return bool(left) and left[-1] in filters
