"""Texts with `{name}` and `{{name}}` side by side: two stages, or a program that replaces both. Every one is a hole.

`{{name:4:end}}`, a name with arguments for the program that fills it, and `{{{{name}}}}` are holes as well.
"""

from __future__ import annotations

import re

from agentops.injection.notations.code import code_of
from agentops.injection.notations.strformat import FIELD
from agentops.injection.notations.writer import Writer, dotted
from agentops.injection.source import Source
from agentops.injection.template import Span

_PATH = r"[^\W\d]\w{0,99}(?:\.[^\W\d]\w{0,99}|\[[^\[\]{}\n]{1,99}\]){0,20}"
_ARGUMENT = r"(?::\w[\w.,/-]{0,59})"
DOUBLE = re.compile(rf"\{{\{{[ \t]{{0,20}}\$?({_PATH})[ \t]{{0,20}}\}}\}}")
"""A name between doubled braces."""
WITH_ARGUMENTS = re.compile(rf"\{{\{{([^\W\d]\w{{0,99}}){_ARGUMENT}{{1,6}}\}}\}}")
"""A name with arguments, without any space."""
# Beside single braces `{{id:1}}` may be an object whose braces were doubled; these two are none.
CERTAIN_ARGUMENTS = re.compile(
    rf"\{{\{{([A-Z][A-Z\d_]{{1,99}}(?={_ARGUMENT})|[^\W\d]\w{{0,99}}(?={_ARGUMENT}{{2}})){_ARGUMENT}{{1,6}}\}}\}}"
)
"""The same where the name is written large or has two arguments."""


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError only for too many holes."""
    text = source.text
    writer = Writer(source)
    writer.refuse_flood(tags=False)
    code = code_of(source)
    given = CERTAIN_ARGUMENTS if FIELD.search(text) else WITH_ARGUMENTS
    at = 0
    for brace in re.finditer(r"\{", text):
        start = brace.start()
        if start < at:
            continue
        found = DOUBLE.match(text, start) or given.match(text, start) or FIELD.match(text, start)
        if found is None or code.example(start, found.end()):
            continue
        writer.text(text[at:start], at)
        writer.hole(dotted(found[1]), start, found.end())
        at = found.end()
    writer.text(text[at:], at)
    return writer.done()
