"""A second notation in a text: `{{tone}}` that one program fills, and `${page}` that another one does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from agentops.injection.notations import angle, covered, erb, loose, printf, scan
from agentops.injection.notations.code import Code, code_of
from agentops.injection.notations.covered import Mark
from agentops.injection.notations.dollar import SIGN, is_hole
from agentops.injection.notations.places import stands
from agentops.injection.notations.strformat import FIELD
from agentops.injection.notations.writer import MAX_TAGS, dotted
from agentops.injection.source import Source
from agentops.injection.template import MAX_HOLES, Span

_DOUBLED = frozenset(("jinja2", "mustache", "go-template", "liquid", "semantic-kernel"))
_OTHERS = frozenset((*_DOUBLED, "str.format", "braces", "dollar", "angle", "erb"))
_FIELD = re.compile(r"(?<![{$\\\w#%@])" + FIELD.pattern + r"(?!\})")
# What is written so within the tags of the text's own notation belongs to that.
_TAGS = re.compile(r"\{\{[^\n]{0,500}?\}\}|\{[%#][^\n]{0,500}?[%#]\}")


def read(source: Source, notation: str) -> tuple[Span, ...]:
    """Text and holes of the notation that was told by the text, and of a second one where that is as plain. Raises
    TemplateError."""
    # A flood of braces is refused by the notation itself.
    calm = notation in _OTHERS and source.text.count("{{") <= MAX_TAGS
    marks = _marks(source.text, code_of(source), notation) if calm else []
    if not marks:
        return scan(notation, source)
    return covered.scan(source, marks, notation, lost=False)


def _marks(text: str, code: Code, notation: str) -> list[Mark]:
    found: list[Mark] = []
    if "<%" in text and notation != "erb":
        found += erb.beside(text, code)
    if "[[" in text or "__" in text:
        found += loose.beside(text, code)
    if "<<" in text and notation != "angle":
        found += [Mark(*m.span(), m[1].replace("-", "_")) for m in angle.holes(text) if m[1]]
    if "%" in text:
        found += islice(_verbs(text, code), MAX_HOLES + 1)
    if notation in _DOUBLED:
        found += islice(_dollars(text, code), MAX_HOLES + 1)
        found += islice(_fields(text, code), MAX_HOLES + 1)
    if not found:
        return []
    own = [m.span() for m in _TAGS.finditer(text)] if notation in _DOUBLED or notation == "braces" else []
    kept: list[Mark] = []
    number = 0
    for mark in sorted(found, key=lambda m: m.start):
        while number < len(own) and own[number][1] <= mark.start:
            number += 1
        inside = number < len(own) and own[number][0] < mark.end
        if not inside and (not kept or mark.start >= kept[-1].end):
            kept.append(mark)
    return kept


def _verbs(text: str, code: Code) -> Iterator[Mark]:
    return (
        Mark(*m.span(), m[1] or printf.label(text[max(m.start() - 120, 0) : m.start()]) or "0")
        for m in printf.VERB.finditer(text)
        if (m[4] == "s" or m[1]) and not code.fenced(m.start()) and stands(text, *m.span())
    )


def _dollars(text: str, code: Code) -> Iterator[Mark]:
    return (Mark(*m.span(), dotted(m[1])) for m in SIGN.finditer(text) if m[1] and is_hole(text, m, code))


def _fields(text: str, code: Code) -> Iterator[Mark]:
    return (
        Mark(*m.span(), dotted(m[1]))
        for m in _FIELD.finditer(text)
        if not code.fenced(m.start()) and not code.formula(m.start()) and stands(text, *m.span())
    )
