"""Which notation a text is written in: by what somebody says, else by what it holds."""

from __future__ import annotations

import re

from agentops.injection.notations import NOTATIONS
from agentops.injection.source import Source
from agentops.injection.template import TemplateError
from agentops.model.finding import Location

_SAID = {
    "jinja2": "jinja2", "jinja": "jinja2",
    "str.format": "str.format", "strformat": "str.format", "f-string": "str.format", "fstring": "str.format",
}  # fmt: skip

# `{%` also begins nothing in str.format that could work, so it settles the question.
_BLOCK = re.compile(r"\{%[-+]?\s{0,40}[a-z]{2,20}\b")
_EXPRESSION = re.compile(r"\{\{([-+]?[ \t]{0,40})[A-Za-z_][\w.]{0,200}[ \t]{0,40}(?:\}\}|[-|(\[~+])")


def said(path: str, word: str) -> str:
    """The notation that front matter or a field of the file names; "" where it names none. Raises TemplateError."""
    if not word:
        return ""
    if word.lower() not in _SAID:
        raise TemplateError(
            Location(path, 1, 1), f"the front matter names the syntax {word[:40]!r}, which has no parser",
            hint=f"known are {', '.join(NOTATIONS)}; or add the file to prompts.exclude",
        )  # fmt: skip
    return _SAID[word.lower()]


def notation(source: Source) -> str:
    """The notation of the text by its content. Never fails: a text without any hole is one of str.format."""
    text = source.text
    if _BLOCK.search(text):
        return "jinja2"
    doubled = list(_EXPRESSION.finditer(text))
    if doubled:
        return "jinja2"
    return "str.format"
