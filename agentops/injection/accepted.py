"""The risk that a gate is held against: without what was accepted, which is a hole or content whose findings were
waived. The reported risk stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

from agentops.injection.analysis import TemplateResult
from agentops.injection.risk import content, of_variables
from agentops.injection.rules.base import JudgedHole
from agentops.model.finding import Severity


@dataclass(frozen=True, slots=True)
class GateRisk:
    """The risk without what was accepted, 0..1, `high` with every unknown hole at its worst. `holes` are what is left
    of the template's."""

    low: float
    high: float
    holes: tuple[JudgedHole, ...]


def gate_risk(template: TemplateResult) -> GateRisk:
    """The template's gate risk.

    A hole is accepted when findings of severity high or critical speak for its place and all of them are waived. The
    same variable in another place is another hole. A waived finding on content takes its own evidence with it.
    """
    if not any(f.waiver is not None for f in template.findings):
        return GateRisk(template.total, template.total_high, template.holes)
    out = accepted(template)
    left = tuple(h for n, h in enumerate(template.holes) if n not in out)
    low = of_variables(((h.hole.name, h.risk.low) for h in left), weight=template.weight)
    high = of_variables(((h.hole.name, h.risk.high) for h in left), weight=template.weight)
    waived = {f.fingerprint for f in template.findings if f.waiver is not None}
    hidden = content(e for mark, e in template.evidence.items() if mark not in waived)
    return GateRisk(1 - (1 - low) * (1 - hidden), 1 - (1 - high) * (1 - hidden), left)


def accepted(template: TemplateResult) -> frozenset[int]:
    """The numbers of the template's accepted holes."""
    at = {(h.hole.path, h.hole.line, h.hole.column): n for n, h in enumerate(template.holes)}
    waived: set[int] = set()
    open_ones: set[int] = set()
    for finding in template.findings:
        if finding.severity.rank < Severity.HIGH.rank:
            continue
        where = finding.location
        here = at.get((where.path, where.line or 0, where.column or 0))
        places = template.places.get(finding.fingerprint, () if here is None else (here,))
        (open_ones if finding.waiver is None else waived).update(places)
    return frozenset(waived - open_ones)
