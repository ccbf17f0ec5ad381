"""PT002: outside text in a template without roles."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, JudgedHole, Rule
from agentops.model.finding import Severity


def _check(holes: tuple[JudgedHole, ...]) -> Iterator[Hit]:
    for one in holes:
        if one.untrusted and one.role is None and not one.defended:
            yield Hit(one, f"{one.hole.shown} shares one text with the instructions: {one.trust.why}")


RULE = Rule(
    id="PT002",
    title="Untrusted text in a template without roles",
    severity=Severity.HIGH,
    owasp=("LLM01",),
    owasp_2026=("LLM01",),
    owasp_agentic=("ASI01",),
    what="Instructions and a value that outsiders write are one text; no role tells them apart.",
    why="The model sees a single speaker, so an order inside the value reads like one of yours.",
    remedy="Split the template with `system:` and `user:` lines and put the value alone into the user message.",
    check=_check,
)
