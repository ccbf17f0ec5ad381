"""PT030: text of a CI event in a step that asks a model."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.kinds import Kind
from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import noted
from agentops.injection.template import NoteKind
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line

_EVENT = re.compile(
    r"\bgithub\.(?:event\.(?:\w{1,40}(?:\[\])?\.){0,4}(?:title|body|message|name|description|label|ref|head_ref|login)\b|head_ref\b)"
)


def _check(judged: Judged) -> Iterator[Hit]:
    seen = False
    numbers = {one.hole.name for one in judged.holes if one.trust.kind is Kind.CONSTANT}
    for note in judged.template.notes:
        if note.kind is NoteKind.EVENT_TEXT and note.hole not in numbers:
            seen = True
            yield noted(note, f"{note.kind.value}: {one_line(note.hole or note.said, 100)}")
    if seen:
        return
    for one in judged.holes:
        if _EVENT.search(one.hole.name) is not None and one.trust.kind is not Kind.CONSTANT:
            yield Hit.at(one, f"{one.hole.shown} is what anybody may write in the project's tracker")


RULE = Rule(
    RuleInfo(
        id="PT030",
        title="CI event text in an AI step",
        severity=Severity.CRITICAL,
        what=(
            "The text of an issue, a comment, a pull request or a branch name reaches a step that asks a model in"
            " a CI job."
        ),
        why=(
            "Anybody can open an issue. The step holds the job's token and often may write to the repository, so "
            "an order in the title is carried out with these rights."
        ),
        example="prompt: Sort this issue. ${{ github.event.issue.body }}",
        remedy=(
            "Give the text by an environment variable as data, run the step with a read-only token, and let a "
            "person start it for strangers."
        ),
        owasp=("LLM01", "LLM06"),
        owasp_2026=("LLM01", "LLM03"),
        asi=("ASI02",),
        atlas=("T0093",),
        cwe=(1427, 77),
    ),
    _check,
)
