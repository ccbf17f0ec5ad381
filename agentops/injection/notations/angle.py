"""Angle brackets: `<<name>>`, and `!<INPUT 0>!` with a list of the inputs above a line that ends it."""

from __future__ import annotations

import re

from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span

HOLE = re.compile(r"(?<![<\w])<<[ \t]{0,8}([A-Za-z_][\w.-]{0,99})[ \t]{0,8}>>(?![>\w])|!<(INPUT[ _]?\d{0,3})>!")
_NO_NAMES = frozenset(("SYS", "EOF", "EOT", "HERE"))
# Marks come in pairs: `<<TEXT>>` and `<<END_TEXT>>`, `<<START>>` and `<<END>>`.
_CLOSED = re.compile(r"<<[ \t]{0,4}(?:/|END[_ -](?:OF[_ -])?)([A-Za-z_][\w.-]{0,99})[ \t]{0,4}>>", re.I)
_OPENS = re.compile(r"(?:START|BEGIN|OPEN)(?:$|[_ -](?:OF[_ -])?)|.{0,99}[_ -](?:START|BEGIN|OPEN)$", re.I)
_ENDS = re.compile(r"(?:END|STOP|CLOSE|FINISH)(?:$|[_ -](?:OF[_ -])?)|.{0,99}[_ -](?:END|STOP|CLOSE)$", re.I)
# The list is a note for people: the program that fills the template drops everything up to this line.
_END_OF_LIST = re.compile(r"<commentblockmarker>[^<\n]{0,20}</commentblockmarker>\n?")
_LISTED = re.compile(r"^[ \t]{0,8}!<(INPUT[ _]?\d{0,3})>![ \t]{0,4}(?:--|[-:=])[ \t]{0,4}([^\n]{1,120})$", re.M)


def holes(text: str, start: int = 0) -> list[re.Match[str]]:
    """What is filled in: no marks that stand around other text, in pairs or in three brackets and more."""
    closed = {m[1].lower() for m in _CLOSED.finditer(text, start)}
    found = [m for m in HOLE.finditer(text, start) if m[1] not in _NO_NAMES]
    opens = any(m[1] and _OPENS.match(m[1]) for m in found)
    ends = bool(closed) or any(m[1] and _ENDS.match(m[1]) for m in found)

    def marks(name: str) -> bool:
        begun = opens and ends and (_OPENS.match(name) or _ENDS.match(name)) is not None
        return begun or name.lower() in closed or (bool(closed) and _ENDS.match(name) is not None)

    return [m for m in found if not m[1] or not marks(m[1])]


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order; an input goes by the name that the list gives it. Raises TemplateError only for too
    many holes."""
    text = source.text
    writer = Writer(source)
    end = _END_OF_LIST.search(text)
    listed = {m[1]: _name(m[2]) for m in _LISTED.finditer(text, 0, end.start())} if end else {}
    at = end.end() if end else 0
    for hole in holes(text, at):
        writer.text(text[at : hole.start()], at)
        at = hole.end()
        name = hole[1] or listed.get(hole[2]) or hole[2].replace(" ", "_")
        writer.hole(name.replace("-", "_"), hole.start(), hole.end())
    writer.text(text[at:], at)
    return writer.done()


def _name(words: str) -> str:
    """`curr persona name` as `curr_persona_name`; a path of the program stays as it is."""
    plain = re.sub(r"\([^)]{0,100}\)|\[[^\]]{0,100}\]", "", words).strip()
    return re.sub(r"[^\w.]+", "_", plain).strip("_.")[:80]
