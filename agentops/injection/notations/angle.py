"""Angle brackets: `<<name>>`, and `!<INPUT 0>!` with a list of the inputs above a line that ends it."""

from __future__ import annotations

import re

from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span

HOLE = re.compile(r"<<[ \t]{0,8}([A-Za-z_][\w.-]{0,99})[ \t]{0,8}>>|!<(INPUT[ _]?\d{0,3})>!")
_NO_NAMES = frozenset(("SYS", "EOF", "EOT", "HERE"))
# The list is a note for people: the program that fills the template drops everything up to this line.
_END_OF_LIST = re.compile(r"<commentblockmarker>[^<\n]{0,20}</commentblockmarker>\n?")
_LISTED = re.compile(r"^[ \t]{0,8}!<(INPUT[ _]?\d{0,3})>![ \t]{0,4}(?:--|[-:=])[ \t]{0,4}([^\n]{1,120})$", re.M)


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order; an input goes by the name that the list gives it. Raises TemplateError only for too
    many holes."""
    text = source.text
    writer = Writer(source)
    end = _END_OF_LIST.search(text)
    listed = {m[1]: _name(m[2]) for m in _LISTED.finditer(text, 0, end.start())} if end else {}
    at = end.end() if end else 0
    for hole in HOLE.finditer(text, at):
        if hole[1] in _NO_NAMES:
            continue
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
