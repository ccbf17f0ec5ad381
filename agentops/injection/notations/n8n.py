"""Expressions of n8n: `{{ $json.a.b }}`, `{{ $('Node').item.json.x }}`, `{{ $input.first().json.y }}`.

An expression is JavaScript; its holes are the values that it takes from the workflow's items, by their path. The node
that handed an item on is left out of the name, because fields are known by what they hold.
"""

from __future__ import annotations

import re

from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span

_NODE = r"\$(?:\(|node\[|items\()[ \t]{0,4}(?:\"[^\"\n]{1,200}\"|'[^'\n]{1,200}')[^()\[\]\n]{0,40}[\])]"
_ROOT = r"\$(?:json|binary|input|item|vars|env|parameter|workflow|execution|prevNode|fromAI)\b"
SIGN = re.compile(
    r"\{\{[^{}\n]{0,200}?(?:\$(?:\(|node\[|items\()[ \t]{0,4}[\"']|\$(?:json|binary)(?:\??\.|\[|[ \t]{0,4}[),])"
    r"|\$input\.(?:first|last|all|item|params|context)\b|\$(?:now|today)\.[a-z]|\$fromAI\()"
)
"""What no other notation writes."""
_PART = re.compile(
    r"\??\.(?!\d)(\w{1,100})(\()?|\??\.?\[[ \t]{0,4}(?:\d{1,9}|\"([^\"\n]{1,100})\"|'([^'\n]{1,100})')[ \t]{0,4}\]"
)
_VALUE = re.compile(rf"({_NODE})|({_ROOT})")
_OUTSIDE = re.compile(r"\"(?:[^\"\\\n]|\\.){0,500}\"|'(?:[^'\\\n]|\\.){0,500}'")
_BARE = re.compile(r"[A-Za-z_][\w.]{0,200}")
_DECLARED = re.compile(r"\$(?:json|node|items|now|today)[ \t]{0,8}(?::=|,)")
# Steps on the way to the data, and what hands on what it was called on.
_STEPS = frozenset(("item", "first", "last", "all", "itemMatching", "pairedItem"))
_FILTERS = {"length": "length", "toJsonString": "tojson"}
_AROUND = re.compile(r"(JSON\.stringify|Number|parseInt|parseFloat|encodeURIComponent)\([ \t]{0,8}$")
_CALLED = {"JSON.stringify": "tojson", "Number": "int", "parseInt": "int", "parseFloat": "int",
           "encodeURIComponent": "urlencode"}  # fmt: skip
# The workflow's own facts; the date among them.
_OWN = frozenset(("$workflow", "$execution", "$prevNode"))
_MAX_EXPRESSION = 4_000
_MAX_PARTS = 12


def signs(text: str) -> bool:
    """Whether the text holds such an expression. In Go a variable of the same name is declared before it is used."""
    return SIGN.search(text) is not None and _DECLARED.search(text) is None


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError for an expression that is not closed."""
    text = source.text
    writer = Writer(source)
    writer.refuse_flood()
    at = 0
    while (start := text.find("{{", at)) >= 0:
        writer.text(text[at:start], at)
        # An object within an expression ends with a brace of its own: the last two of a row close the expression.
        end = text.find("}}", start, start + _MAX_EXPRESSION)
        if end < 0:
            raise writer.error("the expression is not closed", start)
        while text.startswith("}", end + 2):
            end += 1
        _write(writer, text, start, end + 2)
        at = end + 2
    writer.text(text[at:], at)
    return writer.done()


def _write(writer: Writer, text: str, start: int, end: int) -> None:
    expression = text[start + 2 : end - 2]
    found = [_named(expression, m) for m in _VALUE.finditer(expression)]
    if not found and not expression.strip().startswith("$"):
        plain = _BARE.fullmatch(_OUTSIDE.sub("", expression).strip())
        if plain is None:
            writer.text(text[start:end], start)
            return
        found = [(plain[0], ())]
    for name, filters in dict.fromkeys(f for f in found if f[0]):
        writer.hole(name, start, end, filters=filters)


def _named(expression: str, value: re.Match[str]) -> tuple[str, tuple[str, ...]]:
    """The path of a value and what it goes through; no path for what the workflow itself knows."""
    root = (value[2] or "").lstrip("$")
    if value[0] in _OWN:
        return "", ()
    parts = [] if root in ("", "input", "item") else [root]
    filters: list[str] = []
    at = value.end()
    while (part := _PART.match(expression, at)) is not None and len(parts) < _MAX_PARTS:
        word = part[1] or part[3] or part[4]
        if word in _FILTERS:
            filters.append(_FILTERS[word])
        if part[2] and word not in _STEPS:
            break
        at = part.end()
        if part[2]:
            close = expression.find(")", at, at + 200)
            if close < 0:
                break
            at = close + 1
        if word in _FILTERS:
            break
        if word is None or word in ("all",):
            parts[-1:] = [parts[-1].removesuffix("[]") + "[]"] if parts else []
        elif word not in _STEPS:
            parts.append(word)
    around = _AROUND.search(expression, max(value.start() - 40, 0), value.start())
    if around:
        filters.append(_CALLED[around[1]])
    return ".".join(parts) or "input", tuple(filters)
