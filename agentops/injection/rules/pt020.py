"""PT020: a hole that only a second stage fills."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import noted
from agentops.injection.template import NoteKind, Text
from agentops.model.finding import Confidence, Location, Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line

# What is left of `{{{{x}}}}` or of `{% raw %}`: a hole of the notation with double braces.
_LATER = re.compile(r"\{\{ ?([A-Za-z_][\w.]{0,60}) ?\}\}")
_ESCAPED = ("str.format", "jinja2")


def _check(judged: Judged) -> Iterator[Hit]:
    hidden = [n for n in judged.template.notes if n.kind is NoteKind.HIDDEN_HOLE]
    for note in hidden:
        yield noted(note, f"{note.kind.value}: {one_line(note.said, 100)}")
    if hidden or judged.template.syntax not in _ESCAPED or not judged.holes:
        return
    for message in judged.template.messages:
        for span in message.spans:
            found = _LATER.search(span.text) if isinstance(span, Text) else None
            if found is not None and isinstance(span, Text):
                line = span.line + span.text.count("\n", 0, found.start())
                name = one_line(found[1], 60)
                yield Hit(
                    Location(judged.template.path, line),
                    f"after the first stage the text holds a hole of its own: {name}",
                    name,
                    Confidence.MEDIUM,
                )


RULE = Rule(
    RuleInfo(
        id="PT020",
        title="Two stages hide a hole",
        severity=Severity.MEDIUM,
        what="The text is filled twice: a first stage writes a hole that a second one fills.",
        why=(
            "Whoever reads the template sees no hole there, so nobody asks who fills it. And a value of the first"
            " stage can hold a hole of the second."
        ),
        example="Sum up for {audience}.\n{{{{document}}}}",
        remedy="Fill the template in one stage, with all values at once.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(1427,),
    ),
    _check,
)
