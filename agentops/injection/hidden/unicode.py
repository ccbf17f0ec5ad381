"""Characters that a model reads and people do not see: where they stand in a text and what they spell.

Code points are those of Unicode 15: tags (E0000..E007F, UTS #51 allows them in flags of regions only), bidirectional
controls (UAX #9), default ignorable characters, variation selectors (one a base character, UTS #37).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

# More places than this in one file tell nothing new.
MOST = 50
_PAYLOAD = 8  # bits of one letter
_RUN = 3

_ODD = re.compile(
    "(?P<tags>[\U000e0000-\U000e007f]+)"
    "|(?P<bidi>[\u202a-\u202e\u2066-\u2069])"
    "|(?P<selectors>[\ufe00-\ufe0f\U000e0100-\U000e01ef]+)"
    "|(?P<zero>[\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0]+)"
)
_FLAG = re.compile("[\U000e0061-\U000e007a]{2}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,3}\U000e007f")
_BLACK_FLAG = "\U0001f3f4"
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_HANGUL = re.compile("[\u1100-\u115e\u1161-\u11ff\u3131-\u3163\u3165-\u318e\ua960-\ua97c\uac00-\ud7ff\uffa1-\uffdc]")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_MATHS = frozenset("\u2061\u2062\u2063\u2064")
_LATIN_ENDS = "\u0250"
_IDEOGRAPH = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


class Sort(Enum):
    """What kind of hidden characters it is."""

    TAGS = "tag characters"
    OVERRIDE = "direction overrides"
    DIRECTION = "direction controls"
    SELECTORS = "variation selectors"
    ZERO_WIDTH = "zero-width characters"
    FILLERS = "invisible fillers"


@dataclass(frozen=True, slots=True)
class Hidden:
    """Hidden characters of one sort in one line, from `start` on. `says` is what they spell, not made safe; `sure` is
    whether they carry a text and no mere nuisance."""

    sort: Sort
    start: int
    count: int
    says: str
    sure: bool


def find(text: str) -> Iterator[Hidden]:
    """Hidden characters line by line, at most MOST. Linear. Emoji, flags and the spelling of scripts are none."""
    if text.isascii():
        return
    given = 0
    at = 0
    for line in text.split("\n"):
        if not line.isascii():
            for one in _line(line, at):
                yield one
                given += 1
                if given == MOST:
                    return
        at += len(line) + 1


@dataclass(slots=True)
class _Line:
    """What was seen in one line so far: where each sort begins, how many there are, what they spell."""

    found: dict[Sort, tuple[int, list[str], bool]]

    def add(self, sort: Sort, start: int, run: str, *, sure: bool) -> None:
        first, runs, was_sure = self.found.setdefault(sort, (start, [], False))
        runs.append(run)
        self.found[sort] = (first, runs, was_sure or sure)


def _line(line: str, offset: int) -> Iterator[Hidden]:
    seen = _Line({})
    bidi: list[tuple[int, str]] = []
    split: list[tuple[int, str]] = []  # single ones between the letters of words
    for odd in _ODD.finditer(line):
        run, start = odd[0], odd.start()
        if odd["tags"]:
            if not _is_flag(line, start, run):
                seen.add(Sort.TAGS, start, run, sure=True)
        elif odd["bidi"]:
            bidi.append((start, run))
        elif odd["selectors"]:
            _selectors(seen, line, start, run)
        elif offset + start > 0 or run != "\ufeff":
            _zero(seen, line, start, run)
            if len(run) < _RUN and _within_word(line, start, odd.end()):
                split.append((start, run))
    _bidi(seen, line, bidi)
    if len(split) >= _RUN:
        seen.add(Sort.ZERO_WIDTH, split[0][0], "".join(run for _, run in split), sure=False)
    for sort, (start, runs, sure) in seen.found.items():
        together = "".join(runs)
        yield Hidden(sort, offset + start, len(together), _decoded(sort, together), sure or len(together) >= 20)


def _is_flag(line: str, start: int, run: str) -> bool:
    return line[start - 1 : start] == _BLACK_FLAG and _FLAG.fullmatch(run) is not None


def _selectors(seen: _Line, line: str, start: int, run: str) -> None:
    """One behind a character is normal; so are two of the emoji selector, which some keyboards write twice."""
    if len(run) >= _RUN or len(set(run)) > 1:
        if set(run) != {"\ufe0f"}:
            seen.add(Sort.SELECTORS, start, run, sure=len(run) >= _RUN)
    elif run[0] >= "\U000e0100" and _IDEOGRAPH.match(line[start - 1 : start]) is None:
        seen.add(Sort.SELECTORS, start, run, sure=False)


def _zero(seen: _Line, line: str, start: int, run: str) -> None:
    if not _FILLERS.isdisjoint(run):
        if _HANGUL.search(line) is None:
            seen.add(Sort.FILLERS, start, run, sure=False)
    elif len(run) >= _RUN or (len(run) > 1 and not _MATHS.isdisjoint(run)):
        seen.add(Sort.ZERO_WIDTH, start, run, sure=len(run) >= _PAYLOAD)


def _within_word(line: str, start: int, end: int) -> bool:
    """Whether Latin letters stand on both sides: scripts that need such characters are others."""
    before, after = line[start - 1 : start], line[end : end + 1]
    return before.isalpha() and after.isalpha() and max(before, after) < _LATIN_ENDS


def _bidi(seen: _Line, line: str, controls: list[tuple[int, str]]) -> None:
    """Overrides always; other controls where no right-to-left text needs them, or where they are not closed.

    First-strong isolates in pairs are what translation libraries put around each value, in any script.
    """
    if not controls:
        return
    rtl = _RTL.search(line) is not None
    isolates = embeddings = 0
    broken = False
    for _, c in controls:
        if c in "\u2066\u2067\u2068":
            isolates += 1
        elif c == "\u2069":
            isolates -= 1
        elif c in "\u202a\u202b\u202d\u202e":
            embeddings += 1
        else:
            embeddings -= 1
        broken = broken or isolates < 0 or embeddings < 0
    broken = broken or isolates != 0 or embeddings != 0
    overrides = [(at, c) for at, c in controls if c in "\u202d\u202e"]
    for at, c in overrides:
        seen.add(Sort.OVERRIDE, at, c, sure=not rtl)
    only_values = all(c in "\u2068\u2069" for _, c in controls)
    if not overrides and (broken or not (rtl or only_values)):
        for at, c in controls:
            seen.add(Sort.DIRECTION, at, c, sure=False)


def _decoded(sort: Sort, run: str) -> str:
    """The ASCII that the characters spell by the known ways of hiding it, or an empty text."""
    if sort is Sort.TAGS:
        return "".join(chr(ord(c) - 0xE0000) for c in run if 0xE0020 <= ord(c) < 0xE007F)
    if sort is Sort.SELECTORS:
        return _printable(ord(c) - 0xFE00 if ord(c) < 0xFF00 else ord(c) - 0xE0100 + 16 for c in run)
    if sort is Sort.ZERO_WIDTH and len(run) >= 2 * _PAYLOAD:
        # Two of the characters stand for 0 and 1, in either order; marks between the letters are left out.
        common = sorted(set(run), key=lambda c: -run.count(c))[:2]
        bits = "".join(str(int(c == common[-1])) for c in run if c in common)
        for table in (bits, bits.translate({48: 49, 49: 48})):
            said = _printable(int(table[i : i + 8], 2) for i in range(0, len(table) - 7, 8))
            if said:
                return said
    return ""


def _printable(codes: Iterator[int] | list[int]) -> str:
    said = "".join(map(chr, codes))
    return said if len(said) > 1 and all(" " <= c <= "~" or c in "\n\t" for c in said) else ""
