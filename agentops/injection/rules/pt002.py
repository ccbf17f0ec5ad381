"""PT002: outside text in a template without roles."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import directs, placed, settled
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo


def _check(judged: Judged) -> Iterator[Hit]:
    for place in placed(judged):
        one = place.one
        if one.untrusted and one.role is None and not settled(one):
            # Also a text that gives no orders has its full risk: what is put around it is not known here.
            shares = (
                "shares one text with the instructions" if directs(place.seen) else "stands in a text without roles"
            )
            yield Hit.at(one, f"{one.hole.shown} {shares}: {one.trust.why}")


RULE = Rule(
    RuleInfo(
        id="PT002",
        title="Untrusted text in a template without roles",
        severity=Severity.HIGH,
        what="Instructions and a value that outsiders write are one text; no role tells them apart.",
        why="The model sees a single speaker, so an order inside the value reads like one of yours.",
        example="Summarise this page: {document}",
        remedy="Split the template with `system:` and `user:` lines and put the value alone into the user message.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(1427,),
    ),
    _check,
)
