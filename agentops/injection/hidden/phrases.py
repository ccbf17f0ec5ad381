"""Clauses of a text, and phrases that are looked for in them: a few groups of words in their order, near each other.

A clause counts as said, and not as spoken about, unless it stands in a fence, a table, quotes or backticks, warns of
an attack, or lies below a heading that does. English only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_LONGEST = 500
_TRIES = 6

# A line that goes on in the next one; same length, so that offsets stay true.
_WRAPPED = re.compile(r"(?<!\n)\n(?![ \t]{0,20}(?:\n|[-*+#>|<`~]|\d{1,3}[.)]|\Z))")
_CLAUSE = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)[\s\"'*)]{1,4}|\n")
_FENCE = re.compile(r"^[ \t>]{0,8}(```|~~~)", re.M)
_HEADING = re.compile(r"^#{1,6} (.{1,200})$", re.M)
_TARGET = re.compile(r"https?://\S{1,200}|[\w.+-]{1,60}@[\w.-]{1,100}")
_SPOKEN_ABOUT = re.compile(
    r"\b(?:e\.g|i\.e|such as|for example|for instance|examples?:|attacks?|attackers?|attacker's|malicious|injections?"
    r"|injected|jailbreaks?|phishing|detect\w{0,4}|patterns?|suspicious|red flags?|phrases?|adversar\w{1,5}|"
    r"exploit\w{0,6}"
    r"|vulnerab\w{1,7}|payloads?|poison\w{0,4}|flag (?:any|if|it|text|content)|look for|watch for|scans? for|untrusted"
    r"|refuse|(?:tells|asks|instructs|wants|urges) (?:you|it|the (?:model|agent|assistant|ai|llm)) to"
    r"|(?:tries|trying|attempts|attempting) to"
    r"|claim(?:s|ing)?|tricks?|manipulat\w{1,5}|social engineering)\b"
)
_ABOUT_HEADING = re.compile(
    r"attack|threat|inject|red flag|detect|malicious|suspicious|adversar|vulnerab|anti-?pattern|examples? of|test case"
    r"|signs of|indicators"
)
_NEGATION = re.compile(
    r"(?:\b(?:not|never|without|avoid|cannot|nor|neither|refuse to|rather than|instead of|no need to|nobody)|n't)\b"
)
_STOPS = re.compile(r"[,;]|:(?!/)")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a text in small letters, on one line, from `start` on in it. `about` is whether its place shows that
    it does not mean what it says; `before` and `after` are what else stands in its line."""

    start: int
    text: str
    about: bool
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Groups of words, each at most `gaps` characters behind the one before it.

    One of the plain words of `gate` is in every match: texts without any are not looked at. A negation up to `negated`
    characters before the phrase, in the same part of the sentence, takes it back.
    """

    gate: tuple[str, ...]
    steps: tuple[re.Pattern[str], ...]
    gaps: tuple[int, ...] = ()
    negated: int = 24

    def find(self, said: Clause) -> int | None:
        """Where it begins in the clause. Looks at the first few beginnings only, which keeps it linear."""
        clause = said.text
        if not any(word in clause for word in self.gate):
            return None
        for first in islice(self.steps[0].finditer(clause), _TRIES):
            at, end = first.start(), first.end()
            for step, gap in zip(self.steps[1:], self.gaps, strict=True):
                # The word may be longer than the gap; its begin must be within it.
                found = step.search(clause, end, end + gap + 40)
                if found is None or found.start() - end > gap:
                    break
                end = found.end()
            else:
                if not _quoted(said, at) and not _denied(clause, at, self.negated):
                    return at
        return None


def phrase(gate: str, *steps: str, gaps: tuple[int, ...] = (), negated: int = 24) -> Phrase:
    """A phrase of patterns; `gate` are words apart by a comma. Patterns see small letters and plain apostrophes."""
    return Phrase(tuple(gate.split(",")), tuple(re.compile(s) for s in steps), gaps, negated)


def folded(text: str) -> str:
    """The text in small letters with wrapped lines joined and plain apostrophes, as long as it was."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return _WRAPPED.sub(" ", low.replace("\u2019", "'"))


def clauses(low: str, *, mind_headings: bool = True) -> Iterator[Clause]:
    """The clauses of a folded text. Linear."""
    fences = [m.start() for m in _FENCE.finditer(low)]
    headings = [(m.start(), _ABOUT_HEADING.search(m[1]) is not None) for m in _HEADING.finditer(low)]
    fence = heading = 0
    below = False
    start = line = 0
    for end, after in _bounds(low):
        if low.rfind("\n", max(start - 2, 0), start) >= 0:
            line = start
        while fence < len(fences) and fences[fence] <= start:
            fence += 1
        while heading < len(headings) and headings[heading][0] <= start:
            below = headings[heading][1]
            heading += 1
        for at in range(start, end, _LONGEST):
            text = low[at : min(at + _LONGEST, end)]
            if len(text) >= 12:
                about = fence % 2 == 1 or (below and mind_headings) or text.lstrip().startswith("|")
                stop = low.find("\n", at + len(text), at + len(text) + _LONGEST)
                rest = low[at + len(text) : stop if stop >= 0 else at + len(text) + _LONGEST]
                yield Clause(at, text, about, low[max(line, at - _LONGEST) : at], rest)
        start = after


def speaks_about(clause: Clause) -> bool:
    """Whether the clause tells of such texts. Asked only where a phrase was found."""
    return clause.about or _SPOKEN_ABOUT.search(_TARGET.sub(" ", clause.text)) is not None


def _bounds(low: str) -> Iterator[tuple[int, int]]:
    for found in _CLAUSE.finditer(low):
        yield found.start(), found.end()
    yield len(low), len(low)


def _denied(clause: str, at: int, reach: int) -> bool:
    """Whether a negation stands before the place, no further away than `reach`, with no comma between."""
    if reach == 0:
        return False
    found = list(_NEGATION.finditer(clause, max(at - reach - 12, 0), at))
    last = found[-1] if found else None
    return last is not None and at - last.end() <= reach and _STOPS.search(clause, last.end(), at) is None


def _quoted(clause: Clause, at: int) -> bool:
    """Whether a quotation that closes later is open at the place."""
    before, after = clause.before + clause.text[:at], clause.text[at:] + clause.after
    if any(before.count(mark) % 2 and mark in after for mark in ('"', "`")):
        return True
    return before.count("\u201c") > before.count("\u201d") or before.count("\u00ab") > before.count("\u00bb")
