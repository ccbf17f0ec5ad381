"""PT001: outside text in a system message."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import SYSTEM, settled
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo


def _check(judged: Judged) -> Iterator[Hit]:
    for one in judged.holes:
        if one.untrusted and one.role in SYSTEM and not settled(one):
            yield Hit.at(one, f"{one.hole.shown} stands in {one.role} text: {one.trust.why}")


RULE = Rule(
    RuleInfo(
        id="PT001",
        title="Untrusted text in a system message",
        severity=Severity.CRITICAL,
        what="A value that outsiders write is filled into a system or developer message.",
        why=(
            "A model takes system text for its operator's orders, so whatever the value says has that weight. "
            "Models keep the system's side against a conflicting user message in only 10 to 46 of 100 cases; "
            "inside the system text there is not even that line."
        ),
        example="system:\nYou help {user_name} with orders.",
        remedy="Move the value to a user message of its own and leave the orders in the system message.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(1427,),
    ),
    _check,
)
