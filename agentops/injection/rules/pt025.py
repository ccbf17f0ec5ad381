"""PT025: outside text that code puts behind a fixed prompt."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import noted, settled
from agentops.injection.template import NoteKind
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line


def _check(judged: Judged) -> Iterator[Hit]:
    by_name = {one.hole.name: one for one in judged.holes}
    for note in judged.template.notes:
        if note.kind is not NoteKind.APPENDED:
            continue
        one = by_name.get(note.hole)
        if one is None or (one.trust.kind.untrusted and one.sink >= 0.5 and not settled(one)):
            yield noted(note, f"{note.kind.value}: {one_line(note.hole or note.said, 100)}")


RULE = Rule(
    RuleInfo(
        id="PT025",
        title="Code appends text to a fixed prompt",
        severity=Severity.HIGH,
        what="The prompt is a fixed text, and the code adds outside text behind it.",
        why=(
            "The prompt's file looks safe because it holds no hole; the text that is added has no mark, no role "
            "and no declaration."
        ),
        example='prompt = open("rules.txt").read() + user_message',
        remedy="Send the added text as a message of its own, with its role.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(1427,),
    ),
    _check,
)
