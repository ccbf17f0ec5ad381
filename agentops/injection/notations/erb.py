"""ERB, EJS and lodash templates: `<%= name %>`, `<%- page.title %>`, `<% if (x) { %>`, `<%# remark %>`.

A tag that puts out a value is a hole by the path of the value; of an expression every path in it is one.
"""

from __future__ import annotations

import re

from agentops.injection.notations.code import Code, code_of
from agentops.injection.notations.covered import Mark
from agentops.injection.notations.writer import Writer, dotted
from agentops.injection.source import Source
from agentops.injection.template import Span

_PUTS = re.compile(r"[-=]=?")
_MAX_TAG = 2_000
_TEXT = re.compile(r"\"[^\"\n]{0,500}\"|'[^'\n]{0,500}'")
_PATH = re.compile(
    r"(?<![\w.@])@?([A-Za-z_]\w{0,99}(?:\??\.[A-Za-z_]\w{0,99}|\[[^\[\]\n]{1,60}\]){0,12})([ \t]{0,4}\()?"
)
_WORDS = frozenset((
    "if", "else", "unless", "and", "or", "not", "true", "false", "nil", "null", "undefined", "do", "end", "in", "new",
    "then", "return", "typeof",
))  # fmt: skip
_METHOD = re.compile(r"\??\.(\w+)$")


def found(text: str, code: Code) -> list[tuple[Mark, bool]]:
    """The tags in order, and whether each puts something out; the name of a mark is the expression's first path."""
    tags: list[tuple[Mark, bool]] = []
    start, close = text.find("<%"), -1
    while start >= 0:
        close = text.find("%>", start + 2) if close < start + 2 else close
        if close < 0:
            break
        puts = _PUTS.match(text, start + 2)
        # `<%%` and `<%@` are a sign of its own and a directive.
        if close - start > _MAX_TAG or text.startswith(("%", "@"), start + 2):
            start = text.find("<%", start + 3)
            continue
        if not code.fenced(start):
            names = _paths(text[puts.end() : close]) if puts else ()
            tags.append((Mark(start, close + 2, names[0] if names else ""), bool(names)))
        start = text.find("<%", close + 2)
    return tags


def beside(text: str, code: Code) -> list[Mark]:
    """The tags that put something out, in a text of another notation."""
    return [mark for mark, puts in found(text, code) if puts]


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError only for too many holes."""
    writer = Writer(source)
    text, at = source.text, 0
    for mark, puts in found(text, code_of(source)):
        writer.text(text[at : mark.start], at)
        for name in _paths(text[mark.start + 3 : mark.end - 2]) if puts else ():
            writer.hole(name, mark.start, mark.end)
        at = mark.end
    writer.text(text[at:], at)
    return writer.done()


def _paths(expression: str) -> tuple[str, ...]:
    names: list[str] = []
    for path in _PATH.finditer(_TEXT.sub('""', expression)):
        name = path[1].replace("?.", ".")
        if path[2]:  # a call: what it is called on, or its arguments, which follow
            name = name.rpartition(".")[0]
        if name and name not in _WORDS:
            names.append(dotted(name))
    return tuple(dict.fromkeys(names))
