"""PT017: a template that runs a command or reads a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import noted
from agentops.injection.template import Lines, NoteKind, Text
from agentops.model.finding import Confidence, Location, Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line

# Slash commands: !{shell}, @{file}, !`shell`.
_COMMAND = re.compile(
    r"(?<![\w!])!\{[^{}\n]{1,200}\}|(?<![\w@])@\{[^{}\n]{1,200}\}|(?:^|(?<=[\s(]))!`[^`\n]{1,200}`", re.M
)


def _check(judged: Judged) -> Iterator[Hit]:
    notes = [n for n in judged.template.notes if n.kind is NoteKind.COMMAND]
    for note in notes:
        yield noted(note, f"{note.kind.value}: {one_line(note.said, 100)}")
    if notes:
        return
    for message in judged.template.messages:
        for span in message.spans:
            if isinstance(span, Text):
                yield from _written(judged.template.path, span)


def _written(path: str, span: Text) -> Iterator[Hit]:
    lines: Lines | None = None
    for found in _COMMAND.finditer(span.text):
        lines = lines or Lines(span.text)
        line, column = lines.place(found.start())
        where = Location(path, span.line + line - 1, column if line > 1 else span.column + column - 1)
        said = one_line(found[0], 100)
        yield Hit(where, f"the template runs a command or reads a file: {said}", said, Confidence.MEDIUM)


RULE = Rule(
    RuleInfo(
        id="PT017",
        title="The template itself reads or runs",
        severity=Severity.CRITICAL,
        what="While the prompt is made, the template runs a shell command, reads a file or fetches an address.",
        why=(
            "Whoever can influence the argument, the file or what the command prints writes into the prompt; "
            "where a value is part of the command, it also runs on the machine that makes the prompt."
        ),
        example="Review this change.\n!{git diff $BRANCH}",
        remedy=(
            "Fetch the text in code, check it there, and hand it to the template as a value with a boundary and a"
            " declaration."
        ),
        owasp=("LLM01", "LLM06"),
        owasp_2026=("LLM01", "LLM03"),
        asi=("ASI05",),
        atlas=("T0051.001",),
        cwe=(77,),
    ),
    _check,
)
