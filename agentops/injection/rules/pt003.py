"""PT003: a user message that mixes orders and outside text."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import settled
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo


def _check(judged: Judged) -> Iterator[Hit]:
    for one in judged.holes:
        if one.untrusted and one.role == "user" and one.ordered and not settled(one):
            yield Hit.at(one, f"{one.hole.shown} stands in a user message that also gives orders: {one.trust.why}")


RULE = Rule(
    RuleInfo(
        id="PT003",
        title="Order and untrusted text in one user message",
        severity=Severity.HIGH,
        what="A user message gives orders and is also filled with a value that outsiders write.",
        why="Where the message itself gives orders, one more inside the value is as good as the others.",
        example="user:\nTranslate into French: {question}",
        remedy="Move the order to the system message and leave the value alone in the user message.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(1427,),
    ),
    _check,
)
