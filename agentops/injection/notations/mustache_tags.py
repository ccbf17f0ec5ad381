"""Cuts a Mustache or Handlebars text into tags and the text between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentops.injection.source import Source
from agentops.injection.template import TemplateError
from agentops.model.finding import Location

_MAX_TAG = 2_000
_DELIMITERS = re.compile(r"=[ \t]{0,8}([^\s=]{1,10})[ \t]{1,8}([^\s=]{1,10})[ \t]{0,8}=")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag by its sign (`#`, `^`, `/`, `>`, `!`, `&`; "=" for a plain value) or "text". `content` has no sign."""

    kind: str
    content: str
    start: int
    end: int


def tags(source: Source) -> Iterator[Tag]:
    """Tags and texts in order. Raises TemplateError for a tag that is not closed."""
    text, at, opening, closing = source.text, 0, "{{", "}}"
    while (start := text.find(opening, at)) >= 0:
        if start > at and text[start - 1] == "\\":
            doubled = start - 1 > at and text[start - 2] == "\\"
            yield Tag("text", text[at : start - 1], at, start - 1)
            if not doubled:
                yield Tag("text", opening, start, start + len(opening))
                at = start + len(opening)
                continue
        else:
            yield Tag("text", text[at:start], at, start)
        tag, at = _tag(source, start, opening, closing)
        if tag.kind == "=" and (changed := _DELIMITERS.fullmatch(tag.content.strip())):
            opening, closing = changed[1], changed[2]
        else:
            yield tag
    yield Tag("text", text[at:], at, len(text))


def _tag(source: Source, start: int, opening: str, closing: str) -> tuple[Tag, int]:
    text = source.text
    inside = start + len(opening)
    plain = opening == "{{"
    if plain and re.compile(r"~?!--").match(text, inside):
        end, size = text.find("--", text.find("!--", inside) + 3), 0
        end, size = (text.find(closing, end), 2) if end >= 0 else (-1, 0)
        return _cut(source, "!", inside, end, start, size)
    if plain and text.startswith("{", inside):
        if text[inside + 1 : inside + 2] in ("{", '"', "'", "\n", " ", "") and not _three(text, inside):
            return Tag("text", "{", start, start + 1), start + 1  # braces of an object, not of a tag
        return _cut(source, "&", inside + 1, text.find("}}}", inside, inside + _MAX_TAG), start, 3)
    end = text.find(closing, inside, inside + _MAX_TAG)
    if plain and re.compile(r"\s{0,80}[\"'\[]").match(text, inside):
        # An object in an example: no tag begins with a quote or a list.
        return Tag("text", "{{", start, inside), inside
    content = inside + 1 if text.startswith("~", inside) else inside
    sign = text[content : content + 1]
    while sign == " " and re.compile(r" {1,8}[#^/>!&]").match(text, content):
        content += 1
        sign = text[content : content + 1]
    kind = sign if sign in ("#", "^", "/", ">", "!", "&") and sign else "="
    return _cut(source, kind, content + (kind != "="), end, start, len(closing))


def _three(text: str, inside: int) -> bool:
    return re.compile(r"\{\s{0,20}[\w@.$/-]{1,200}[^{}\n]{0,200}\}\}\}").match(text, inside) is not None


def _cut(source: Source, kind: str, begin: int, end: int, start: int, size: int) -> tuple[Tag, int]:
    if end < 0:
        location = Location(source.path, *source.lines.place(start))
        raise TemplateError(
            location, f"the tag {source.text[start : start + 20].splitlines()[0]!r} is not closed",
            hint="close it, or write \\{{ where it is meant as text",
        )  # fmt: skip
    content = source.text[begin:end].rstrip("~")
    if kind in "#^" and content[:1] in ("*", ">", "#", "^"):
        content = content[1:]  # decorators, block partials, whitespace forms of older versions
    return Tag(kind, content.strip() if kind in "#^/>&=" else content, start, end + size), end + size
