"""Dollar signs: `${name}`, `${a.b}`, `${name:-or this}`, `${:name}`, `$name`, and `$$` for the sign itself
(string.Template, shells, editors).

Prices, formulas, shell prompts, JSON Schema keys and code in fences have such signs too and are no holes.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from agentops.injection.notations.code import Code, code_of
from agentops.injection.notations.writer import Writer, dotted
from agentops.injection.source import Source
from agentops.injection.template import Span

_PATH = r"[A-Za-z_]\w{0,99}(?:(?:\??\.[A-Za-z_]\w{0,99})|\[[^\[\]{}\n]{1,99}\]){0,20}"
SIGN = re.compile(
    rf"\$\$|\$\{{[ \t]{{0,4}}(?:input:|env:|file:|:)?({_PATH})[ \t]{{0,4}}"
    r"(?::?[-=?+][^{}\n]{0,200}|:[^{}\n]{0,200})?\}"
    r"|\$([A-Za-z_]\w{0,99})"
)
# What others write behind a dollar sign: JSON Schema, query languages, the surroundings of a shell.
_KEYWORDS = frozenset((
    "ref", "schema", "defs", "id", "comment", "anchor", "match", "group", "project", "sort", "limit", "lookup",
    "unwind",
    "set", "push", "in", "nin", "gt", "gte", "lt", "lte", "eq", "ne", "and", "or", "not", "exists", "regex", "sum",
    "HOME", "PATH", "PWD", "USER", "SHELL", "TMPDIR", "EDITOR", "LANG", "PYTHONPATH", "this", "type", "value",
))  # fmt: skip
_PAIR = re.compile(r"(?<![\w$\\])\$(?![\s$\d{])[^$\n]{1,300}(?<![\s\\])\$(?![\w$])")
_MATHEMATICS = re.compile(r"[\\^=+*/<>]|_\{")
_BESIDE = re.compile(r"[\w$\\]")


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError only for too many holes."""
    text = source.text
    writer = Writer(source)
    code = code_of(source)
    formulas = _formulas(text)
    at = 0
    for sign in SIGN.finditer(text):
        if sign.start() < at:
            continue
        writer.text(text[at : sign.start()], at)
        at = sign.end()
        if sign[0] == "$$":
            writer.text("$", sign.start())
        elif is_hole(text, sign, code) and not (
            sign[2] and (_in_formula(formulas, sign.start()) or _is_mathematics(sign, formulas))
        ):
            writer.hole(dotted((sign[1] or sign[2]).replace("?.", ".")), sign.start(), sign.end())
        else:
            writer.text(sign[0], sign.start())
    writer.text(text[at:], at)
    return writer.done()


def is_hole(text: str, sign: re.Match[str], code: Code) -> bool:
    """Whether what was found is filled in: not code, not a key, not part of a word."""
    start, end = sign.span()
    if start and text[start - 1] == "\\":
        return False
    if code.fenced(start) and not code.alone(start, end):
        return False
    if sign[1]:
        return True
    if start and _BESIDE.match(text[start - 1]):
        return False
    quoted = start > 0 and text[start - 1] in "\"'`" and text[end : end + 1] == text[start - 1]
    if sign[2] in _KEYWORDS and (quoted or sign[2].isupper() or text[end : end + 1] == ":"):
        return False
    return text[end : end + 1] not in ("$", "(", "=")


def _formulas(text: str) -> tuple[list[int], list[int]]:
    """Starts and ends of the `$…$` pairs. A formula holds a sign of mathematics; two names are no formula."""
    found = [m.span() for m in _PAIR.finditer(text) if _MATHEMATICS.search(m[0])]
    return [a for a, _ in found], [b for _, b in found]


def _in_formula(formulas: tuple[list[int], list[int]], offset: int) -> bool:
    starts, ends = formulas
    number = bisect_right(starts, offset) - 1
    return number >= 0 and offset < ends[number]


def _is_mathematics(sign: re.Match[str], formulas: tuple[list[int], list[int]]) -> bool:
    """A single letter in a text that has formulas elsewhere."""
    return len(sign[2]) == 1 and bool(formulas[0])
