"""PT003: a user message that mixes orders and outside text."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, JudgedHole, Rule
from agentops.model.finding import Severity


def _check(holes: tuple[JudgedHole, ...]) -> Iterator[Hit]:
    for one in holes:
        if one.untrusted and one.role == "user" and one.ordered and not one.defended:
            yield Hit(one, f"{one.hole.shown} stands in a user message that also gives orders: {one.trust.why}")


RULE = Rule(
    id="PT003",
    title="Order and untrusted text in one user message",
    severity=Severity.HIGH,
    owasp=("LLM01",),
    owasp_2026=("LLM01",),
    owasp_agentic=("ASI01",),
    what="A user message gives orders and is also filled with a value that outsiders write.",
    why="Where the message itself gives orders, one more inside the value is as good as the others.",
    remedy="Move the order to the system message and leave the value alone in the user message.",
    check=_check,
)
