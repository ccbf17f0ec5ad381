"""PT001: outside text in a system message."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, JudgedHole, Rule
from agentops.model.finding import Severity


def _check(holes: tuple[JudgedHole, ...]) -> Iterator[Hit]:
    for one in holes:
        if one.untrusted and one.role in ("system", "developer") and not one.defended:
            yield Hit(one, f"{one.hole.shown} stands in {one.role} text: {one.trust.why}")


RULE = Rule(
    id="PT001",
    title="Untrusted text in a system message",
    severity=Severity.CRITICAL,
    owasp=("LLM01",),
    owasp_2026=("LLM01",),
    owasp_agentic=("ASI01",),
    what="A value that outsiders write is filled into a system or developer message.",
    why="A model takes system text for its operator's orders, so whatever the value says has that weight.",
    remedy="Move the value to a user message of its own and leave the orders in the system message.",
    check=_check,
)
