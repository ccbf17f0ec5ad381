"""PT090: a suppression that does nothing. Its hits are made where findings are waived (injection/waived.py), because
only there it is known what a suppression matched."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import ContentRule, FileText, Hit
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo


def _check(_file: FileText) -> Iterator[Hit]:
    return iter(())


RULE = ContentRule(
    RuleInfo(
        id="PT090",
        title="Suppression that does nothing",
        severity=Severity.MEDIUM,
        what="A comment means to suppress findings and cannot: it gives no reason, names no rule that there is, stands "
        "in no comment of the file's kind, or matches no finding.",
        why="Whoever reads it takes something for accepted that nobody accepted, and a stale one hides the next fault.",
        example="{# agentops: ignore[PT002] #}\nSummarise this page: {{ document }}",
        remedy="Write `agentops: ignore[RULE] reason` in a comment on the finding's line or the line before it, "
        "or delete the comment.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
    ),
    _check,
)
