"""Texts with `{name}` and `{{name}}` side by side: two stages, or a program that replaces both. Every one is a hole."""

from __future__ import annotations

import re

from agentops.injection.notations.code import Code
from agentops.injection.notations.strformat import FIELD
from agentops.injection.notations.writer import Writer, dotted
from agentops.injection.source import Source
from agentops.injection.template import Span

_PATH = r"[^\W\d]\w{0,99}(?:\.[^\W\d]\w{0,99}|\[[^\[\]{}\n]{1,99}\]){0,20}"
DOUBLE = re.compile(rf"\{{\{{[ \t]{{0,20}}\$?({_PATH})[ \t]{{0,20}}\}}\}}")
"""A name between doubled braces."""


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError only for too many holes."""
    text = source.text
    writer = Writer(source)
    writer.refuse_flood(tags=False)
    code = Code(text)
    at = 0
    for brace in re.finditer(r"\{", text):
        start = brace.start()
        if start < at:
            continue
        found = DOUBLE.match(text, start) or FIELD.match(text, start)
        if found is None or code.example(start, found.end()):
            continue
        writer.text(text[at:start], at)
        writer.hole(dotted(found[1]), start, found.end())
        at = found.end()
    writer.text(text[at:], at)
    return writer.done()
