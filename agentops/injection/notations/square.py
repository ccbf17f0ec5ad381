"""Upper-case names in square brackets, `[BASE_SHA]`, as Markdown prompts have them for a person or an agent to fill.

A pair of tags, a word that the model shall say and a link are no holes.
"""

from __future__ import annotations

import re

from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span

HOLE = re.compile(r"(?<![\w\]!\[\\])\[([A-Z][A-Z0-9]{1,40}(?:_[A-Z0-9]{1,40}){0,8})\](?![(\[:])")
_CLOSED = re.compile(r"\[(?:/|END[_ ]OF[_ ]|END[_ ])([A-Z][A-Z0-9_]{1,99})\]")
_SAID = re.compile(
    r"\b(?:say|output|respond|reply|return|print|emit|write|answer|append|add|token|marker|tag|start|end|begin)\w{0,4}"
    r"(?: (?:with|only|exactly|the|token|marker|tag|word|by|using|in|it)){0,4}:? ?[\"'`]?$",
    re.I,
)
MARKS = frozenset((
    "INST", "SYS", "SEP", "CLS", "MASK", "PAD", "UNK", "BOS", "EOS", "DONE", "TODO", "END", "START", "BEGIN",
    "IMPORTANT",
    "NOTE", "WARNING", "CRITICAL", "SYSTEM", "USER", "ASSISTANT", "OK", "YES", "NO", "PASS", "FAIL", "TRUE", "FALSE",
    "NEW",
    "INFO", "ERROR", "DEBUG", "REQUIRED", "OPTIONAL", "HIGH", "MEDIUM", "LOW", "RULES", "TASK", "OUTPUT", "EXAMPLE",
    "EXAMPLES", "INSTRUCTIONS", "ROLE", "FORMAT", "TOOL_CALLS", "TOOL_RESULTS", "AVAILABLE_TOOLS",
))  # fmt: skip
"""Words that are headings, tokens of models, or what a model shall say."""


def holes(text: str) -> list[re.Match[str]]:
    """The names that are filled in. None at all where no name of two words or more shows that brackets are meant so."""
    written = list(HOLE.finditer(text))
    if not any("_" in m[1] for m in written):
        return []
    closed = {m[1] for m in _CLOSED.finditer(text)}
    found = [
        m for m in written
        if m[1] not in closed and m[1] not in MARKS and not m[1].startswith(("END_", "START_", "BEGIN_"))
        and not _quoted(text, m) and not _SAID.search(text, max(m.start() - 80, 0), m.start())
    ]  # fmt: skip
    return found if any("_" in m[1] for m in found) else []


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError only for too many holes."""
    text = source.text
    writer = Writer(source)
    at = 0
    for hole in holes(text):
        writer.text(text[at : hole.start()], at)
        writer.hole(hole[1].lower(), hole.start(), hole.end())
        at = hole.end()
    writer.text(text[at:], at)
    return writer.done()


def _quoted(text: str, hole: re.Match[str]) -> bool:
    before, after = text[max(hole.start() - 1, 0) : hole.start()], text[hole.end() : hole.end() + 1]
    return before != "" and before == after and before in "\"'"
