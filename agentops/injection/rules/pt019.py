"""PT019: text that the engine takes as it is, or as a template."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.defence.boundary import QUOTING
from agentops.injection.kinds import Kind
from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import noted
from agentops.injection.template import NoteKind
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line


def _check(judged: Judged) -> Iterator[Hit]:
    for note in judged.template.notes:
        if note.kind is NoteKind.USER_TEMPLATE:
            yield noted(note, f"{note.kind.value}: {one_line(note.said, 100)}")
    for one in judged.holes:
        open_ended = one.untrusted or one.trust.kind is Kind.UNKNOWN
        written = one.hole.written
        raw = "safe" in one.hole.filters or written.startswith(("{{{", "{{&", "{{ &"))
        if raw and open_ended and one.sink >= 0.5 and not any(f in QUOTING for f in one.hole.filters):
            yield Hit.at(one, f"{one.hole.shown} is put in without escaping")


RULE = Rule(
    RuleInfo(
        id="PT019",
        title="Unescaped hole, or template text from outside",
        severity=Severity.CRITICAL,
        what=(
            "The template switches escaping off for a value by special syntax (`{{{x}}}`, `| safe`), or its own "
            "text comes from outside, or its engine is not sandboxed."
        ),
        why=(
            "Without escaping, the value can close every mark of the template. Where the text of a template "
            "itself comes from outside, it runs in the engine, with the rights of the program."
        ),
        example="Sum up the page.\n<page>{{ web_page | safe }}</page>",
        remedy=(
            "Use the escaping form of the hole; render templates of others only in a sandboxed engine without "
            "access to objects."
        ),
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI05",),
        atlas=("T0051.000",),
        cwe=(94, 1427),
    ),
    _check,
)
