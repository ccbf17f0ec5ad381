"""Marks that no engine knows and a program replaces: `{web page}`, `{ web_page }`, `{web-page}`, `[[web_page]]`,
`__WEB_PAGE__`, `<web_page>`, `[WEBPAGE]`.

People write most of these for people too, as slots of an answer or as headings; so they are holes only where a value
would stand (places.py), and the single ones only in a text that has no holes of another notation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from agentops.injection.notations.code import Code, code_of
from agentops.injection.notations.covered import Mark
from agentops.injection.notations.places import empty_below, stands
from agentops.injection.notations.square import MARKS
from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import MAX_HOLES, Span

_WORDS = r"[^\W\d_]\w{0,40}(?:[ -][\w']{1,40}){0,5}"
_INSIDE = rf"[ \t]{{0,8}}({_WORDS})[ \t]{{0,8}}"
_BRACES = re.compile(rf"(?<![{{$\\\w#%@])(?:\{{{_INSIDE}\}}|\{{\{{{_INSIDE}\}}\}})(?!\}})")
_DOUBLE_SQUARE = re.compile(r"(?<![\w\[!])\[\[[ \t]{0,4}([A-Za-z]\w{0,99})[ \t]{0,4}\]\](?![\](])")
_DUNDER = re.compile(r"(?<![\w$])__([A-Z][A-Z\d]{0,40}(?:_[A-Z\d]{1,40}){0,8})__(?!\w)")
_TAG = re.compile(r"(?<![<\w])<([A-Za-z]\w{0,40}(?:[_ ][A-Za-z]\w{0,40}){1,4})>(?![>\w])")
_SQUARE = re.compile(r"(?<![\w\]!\[\\])\[([A-Z][A-Z\d]{3,40})\](?![(\[:\w])")
_CLOSED = re.compile(r"</([A-Za-z][\w ]{0,200})")
# Marks around a text, and headings.
_AROUND = re.compile(r"(?:END|START|BEGIN|STOP|CLOSE|OPEN)(?:_|$)|.{1,99}_(?:END|START|BEGIN|STOP)$", re.I)


def beside(text: str, code: Code) -> Iterator[Mark]:
    """The marks that are told from everything else even in a text of another notation; not in order."""
    yield from islice(_double_square(text, code), MAX_HOLES + 1)
    yield from islice(_dunder(text, code), MAX_HOLES + 1)


def holes(text: str, code: Code) -> Iterator[Mark]:
    """All marks of a text without other holes; not in order. What a file may not hold is not looked at to its end."""
    yield from beside(text, code)
    for found in (_braces, _tags, _square):
        yield from islice(found(text, code), MAX_HOLES + 1)


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError only for too many holes."""
    writer = Writer(source)
    text, at = source.text, 0
    for mark in sorted(holes(text, code_of(source)), key=lambda m: m.start):
        if mark.start < at:
            continue
        writer.text(text[at : mark.start], at)
        writer.hole(mark.name, mark.start, mark.end)
        at = mark.end
    writer.text(text[at:], at)
    return writer.done()


def _mark(found: re.Match[str], name: str) -> Mark:
    return Mark(*found.span(), re.sub(r"[^\w]+", "_", name.replace("'", "")).strip("_").lower())


def _braces(text: str, code: Code) -> Iterator[Mark]:
    return (
        _mark(m, m[1] or m[2])
        for m in _BRACES.finditer(text)
        if not code.fenced(m.start()) and not code.formula(m.start()) and stands(text, *m.span())
    )


def _double_square(text: str, code: Code) -> Iterator[Mark]:
    return (
        _mark(m, m[1])
        for m in (_DOUBLE_SQUARE.finditer(text) if "[[" in text else ())
        if not code.fenced(m.start()) and ("_" in m[1].strip("_") or stands(text, *m.span()))
        and not _AROUND.match(m[1]) and not _quoted(text, m)
    )  # fmt: skip


def _dunder(text: str, code: Code) -> Iterator[Mark]:
    return (
        _mark(m, m[1])
        for m in (_DUNDER.finditer(text) if "__" in text else ())
        if not code.fenced(m.start()) and m[1] not in MARKS and not _AROUND.match(m[1])
        and not _quoted(text, m) and empty_below(text, m.end()) and stands(text, *m.span())
    )  # fmt: skip


def _tags(text: str, code: Code) -> Iterator[Mark]:
    closed = {m[1].lower() for m in _CLOSED.finditer(text)}
    found = (m for m in _TAG.finditer(text) if m[1].lower() not in closed)
    return (_mark(m, m[1]) for m in found if not code.fenced(m.start()) and _alone(text, m))


def _square(text: str, code: Code) -> Iterator[Mark]:
    closed = {m[1] for m in re.finditer(r"\[/([A-Z][A-Z\d_]{1,40})\]", text)}
    return (
        _mark(m, m[1])
        for m in _SQUARE.finditer(text)
        if m[1] not in MARKS and m[1] not in closed and not code.fenced(m.start()) and _alone(text, m)
    )


def _alone(text: str, found: re.Match[str]) -> bool:
    return empty_below(text, found.end()) and not _quoted(text, found) and stands(text, *found.span())


def _quoted(text: str, found: re.Match[str]) -> bool:
    before, behind = text[max(found.start() - 1, 0) : found.start()], text[found.end() : found.end() + 1]
    return before != "" and before == behind and before in "\"'"
