"""Which syntax a file is written in: by what it says itself, by its extension, else by what it holds."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection.syntax import SYNTAXES
from agentops.injection.template import Lines, TemplateError
from agentops.model.finding import Location

TEXT_EXTENSIONS = (".txt", ".md", ".prompt", ".tmpl")
"""Extensions whose files are told apart by content."""

_SAID = {
    "jinja2": "jinja2", "jinja": "jinja2",
    "str.format": "str.format", "strformat": "str.format", "f-string": "str.format", "fstring": "str.format",
}  # fmt: skip

# `{%` also begins nothing in str.format that could work, so it settles the question.
_BLOCK = re.compile(r"\{%[-+]?\s{0,40}[a-z]{2,20}\b")
_EXPRESSION = re.compile(r"\{\{([-+]?[ \t]{0,40})[A-Za-z_][\w.]{0,200}[ \t]{0,40}(?:\}\}|[-|(\[~+])")
_FIELD = re.compile(r"(?<!\{)\{[A-Za-z_][\w.]{0,200}\}(?!\})")


def extensions() -> tuple[str, ...]:
    """All extensions that can be analysed."""
    return tuple(e for s in SYNTAXES.values() for e in s.extensions) + TEXT_EXTENSIONS


def detect(path: str, text: str, *, said: str = "") -> str:
    """The name of the syntax. `said` is what the front matter names. Raises TemplateError where nothing is known."""
    if said:
        if said.lower() not in _SAID:
            raise TemplateError(
                Location(path, 1, 1), f"the front matter names the syntax {said[:40]!r}, which has no parser",
                hint=f"known are {', '.join(SYNTAXES)}; or add the file to prompts.exclude",
            )  # fmt: skip
        return _SAID[said.lower()]
    extension = PurePosixPath(path).suffix.lower()
    for syntax in SYNTAXES.values():
        if extension in syntax.extensions:
            return syntax.name
    return _by_content(path, text)


def _by_content(path: str, text: str) -> str:
    if _BLOCK.search(text):
        return "jinja2"
    doubled = list(_EXPRESSION.finditer(text))
    if any(m[1] or m[0][-1] != "}" for m in doubled):
        return "jinja2"
    single = _FIELD.search(text)
    if doubled and single:
        line, column = Lines(text).place(single.start())
        raise TemplateError(
            Location(path, line, column),
            f"the file holds both {doubled[0][0]} and {single[0]}, so it may be jinja2 or str.format",
            hint="name it .j2, or say `syntax: str.format` in front matter, or add it to prompts.exclude",
        )
    return "jinja2" if doubled else "str.format"
