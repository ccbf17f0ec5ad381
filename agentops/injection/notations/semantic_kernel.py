"""Semantic Kernel prompts: `{{$name}}`, and `{{plugin.function $name}}`, which calls code while the prompt is made.

A call is a hole of its own name with the variable that goes in as its source: what a function does to a text is not
known, so `{{web.search $input}}` is `input` with the filter `web.search`.
"""

from __future__ import annotations

import re

from agentops.injection.notations import n8n
from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span

_STRING = r"\"[^\"\n{}]{0,300}\"|'[^'\n{}]{0,300}'"
_VALUE = rf"(?:\$\w{{1,100}}|{_STRING})"
_TAG = re.compile(
    rf"\{{\{{[-~]?[ \t]{{0,20}}(?:(\$\w{{1,100}})|({_STRING})|"
    rf"([A-Za-z_]\w{{0,99}}(?:[.-][A-Za-z_]\w{{0,99}}){{0,3}})"
    rf"((?:[ \t]{{1,20}}(?:\w{{1,60}}[ \t]{{0,4}}=[ \t]{{0,4}})?{_VALUE}){{0,12}}))"
    r"[ \t]{0,20}[-~]?\}\}"
)
_VARIABLE = re.compile(r"\$(\w{1,100})")
CALL = re.compile(
    r"\{\{[ \t]{0,20}[A-Za-z_]\w{0,99}(?:(?:[.-]\w{1,99}){1,3}[ \t]{1,20}(?:\w{1,60}=)?[$\"']"
    r"|[ \t]{1,20}(?:\w{1,60}=)?\$)[^{}\n]{0,400}\}\}"
)
"""A call of a function in a prompt."""


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError for too many holes, and for an expression of n8n
    that is not closed."""
    text = source.text
    if n8n.signs(text):
        # Formats that know no expressions take `{{ $json.a }}` for a variable; its path would be lost as text.
        return n8n.scan(source)
    writer = Writer(source)
    at = 0
    for tag in _TAG.finditer(text):
        writer.text(text[at : tag.start()], at)
        at = tag.end()
        variable, literal, function, values = tag.groups()
        if variable:
            writer.hole(variable[1:], tag.start(), tag.end())
        elif literal:
            writer.text(literal[1:-1], tag.start())
        else:
            names = _VARIABLE.findall(values or "")
            for name in names or (f"{function}()",):
                writer.hole(name, tag.start(), tag.end(), filters=(function,) if names else ())
    writer.text(text[at:], at)
    return writer.done()
