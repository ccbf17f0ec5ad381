"""The risk that a gate is held against: without what was accepted, which is a hole or content whose findings were
waived. The reported risk stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

from agentops.injection.analysis import TemplateResult
from agentops.injection.risk import content, of_variables
from agentops.injection.rules.base import JudgedHole
from agentops.model.finding import Finding, Severity

_Key = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class GateRisk:
    """The risk without what was accepted, 0..1, `high` with every unknown hole at its worst. `holes` are what is left
    of the template's."""

    low: float
    high: float
    holes: tuple[JudgedHole, ...]


def gate_risk(template: TemplateResult) -> GateRisk:
    """The template's gate risk.

    A hole is accepted when it has findings of severity high or critical and all of them are waived. One finding
    speaks for a variable in a role, wherever it stands there, so that acceptance does too. A waived finding on content
    takes its own evidence with it.
    """
    if not any(f.waiver is not None for f in template.findings):
        return GateRisk(template.total, template.total_high, template.holes)
    accepted = _accepted(template)
    left = tuple(h for h in template.holes if _key(h) not in accepted)
    low = of_variables(((h.hole.name, h.risk.low) for h in left), weight=template.weight)
    high = of_variables(((h.hole.name, h.risk.high) for h in left), weight=template.weight)
    waived = {f.fingerprint for f in template.findings if f.waiver is not None}
    hidden = content(e for mark, e in template.evidence.items() if mark not in waived)
    return GateRisk(1 - (1 - low) * (1 - hidden), 1 - (1 - high) * (1 - hidden), left)


def _key(one: JudgedHole) -> _Key:
    return one.role, one.hole.name


def _accepted(template: TemplateResult) -> set[_Key]:
    places = {(h.hole.path, h.hole.line, h.hole.column): _key(h) for h in template.holes}
    waived: set[_Key] = set()
    open_ones: set[_Key] = set()
    for finding in template.findings:
        key = _hole_of(finding, places)
        if key is not None and finding.severity.rank >= Severity.HIGH.rank:
            (open_ones if finding.waiver is None else waived).add(key)
    return waived - open_ones


def _hole_of(finding: Finding, places: dict[tuple[str, int, int], _Key]) -> _Key | None:
    where = finding.location
    return places.get((where.path, where.line or 0, where.column or 0))
