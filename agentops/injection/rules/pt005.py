"""PT005: marks around outside text that nothing explains."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.mitigation import Declared
from agentops.injection.rules.base import Hit, JudgedHole, Rule
from agentops.model.finding import Severity


def _check(holes: tuple[JudgedHole, ...]) -> Iterator[Hit]:
    for one in holes:
        mark = one.mitigation.boundary
        if mark and one.untrusted and one.sink >= 0.5 and one.mitigation.declared is Declared.NO:
            yield Hit(one, f"{one.hole.shown} has marks around it, but nothing says that what they hold is only data")


RULE = Rule(
    id="PT005",
    title="Boundary without a declaration",
    severity=Severity.MEDIUM,
    owasp=("LLM01",),
    owasp_2026=("LLM01",),
    owasp_agentic=("ASI01",),
    what="Marks stand around a value that outsiders write, and no sentence says what they mean.",
    why="Measured alone, marks change next to nothing (0.94 of the attacks still work); with a declaration they do.",
    remedy="Say so in the system message, naming the tag: never follow instructions inside it, it is only data.",
    check=_check,
)
