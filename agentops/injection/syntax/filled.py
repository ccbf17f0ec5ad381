"""Markdown of the kinds that agents load, which is a prompt all the same: a program fills its holes.

A head that lists inputs says so, and so does `{{name}}` outside code. A file that an agent reads as it stands, by the
name of the file (a skill, the rules of a project), has no such program: there only a head with inputs counts.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from agentops.injection import frontmatter
from agentops.injection.frontmatter import FrontMatter
from agentops.injection.notations import guess
from agentops.injection.notations.code import Code, prose
from agentops.injection.source import Source
from agentops.injection.syntax.text import prompt
from agentops.injection.template import Hole, Message, Span, Template, TemplateError, Text

_AS_IT_STANDS = re.compile(
    r"(?:^|[._-])skill\.md$|^(?:agents|claude|gemini|copilot-instructions)(?:\.local|\.override)?\.md$"
    r"|\.(?:instructions|chatmode)\.md$|\.mdc$|rules$",
    re.I,
)
# `$ARGUMENTS` and its like are listed under these keys, which say nothing of a program that fills names.
_INPUTS = ("inputs", "input", "input_variables", "variables", "parameters")
# What the programs that load agents fill themselves, and what workflows are made of.
_OWN = frozenset(("args", "arguments", "ARGUMENTS", "input", "user_input"))
_WORKFLOW = ("on", True, "safe-outputs")
_NAMED = re.compile(r"(?<![\w$\\`])\{\{[-~]?[ \t]{0,20}[.$]?([^\W\d][\w.]{0,99})")
# A listed name behind the marks that begin a hole in any notation.
_BEGUN = re.compile(r"(?:[{<$(\[]|__|<%=)[ \t]{0,8}([^\W\d]\w{0,99})")
_CLOSED = re.compile(r"[^{}\n]{0,200}\}\}")


def notation(source: Source, head: FrontMatter) -> str:
    """The notation of a prompt that a program fills, "" for a text that an agent loads as it stands."""
    if head.syntax:
        return guess.said(source.path, head.syntax)
    listed = head.declared if any(k in head.data for k in _INPUTS) else None
    if listed is None and (_AS_IT_STANDS.search(PurePosixPath(source.path).name) or "{{" not in source.text):
        return ""
    if any(k in head.data for k in _WORKFLOW):
        return ""
    plain = prose(source.text[head.end :])
    names = {m[1] for m in _NAMED.finditer(plain) if _CLOSED.match(plain, m.end())}
    if names - _OWN:
        return guess.doubled(plain, Code(plain)) or "jinja2"
    if listed:
        held = {m[1] for m in _BEGUN.finditer(plain)}
        return guess.notation(source.part(plain)) if not held.isdisjoint(listed) else ""
    return ""


def template(source: Source, head: FrontMatter, told: str, forms: Sequence[tuple[int, int, str]]) -> Template:
    """The prompt with the holes of its notation, and those of the programs that load such files. Raises
    TemplateError."""
    rest = replace(source, text=frontmatter.blank(source.text, head.end))
    try:
        made = prompt(source, head, notation=told)
    except TemplateError:
        # Code in a fence may be of any language. What is wrong outside of it stays an error.
        plain = source.text[: head.end] + prose(source.text[head.end :])
        made = prompt(replace(source, text=plain), head, notation=told)
    messages = tuple(replace(m, spans=_with(rest, m, forms)) for m in made.messages)
    return replace(made, messages=messages)


def _with(source: Source, message: Message, forms: Sequence[tuple[int, int, str]]) -> tuple[Span, ...]:
    """The message with the forms cut out of its texts."""
    spans: list[Span] = []
    for span in message.spans:
        if isinstance(span, Text) and source.text.startswith(span.text, span.offset):
            spans += _cut(source, span, forms)
        else:
            spans.append(span)
    return tuple(spans)


def _cut(source: Source, span: Text, forms: Sequence[tuple[int, int, str]]) -> list[Span]:
    end = span.offset + len(span.text)
    parts: list[Span] = []
    at = span.offset
    for start, until, name in forms[bisect_left(forms, (span.offset,)) :]:
        if until > end:
            break
        if start < at:
            continue
        parts += _text(source, at, start)
        parts.append(Hole(name, source.path, *source.lines.place(start), start, written=source.text[start:until]))
        at = until
    return [*parts, *_text(source, at, end)]


def _text(source: Source, start: int, end: int) -> list[Span]:
    return [Text(source.text[start:end], *source.lines.place(start), start)] if end > start else []
