"""The risk that a gate is held against: without what was accepted, which is a hole or content whose findings were
waived. The reported risk stays as it is."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from agentops.injection.analysis import TemplateResult
from agentops.injection.risk import WARN_AT, combine
from agentops.injection.rules import pt090
from agentops.injection.rules.base import JudgedHole
from agentops.model.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class GateRisk:
    """The risk without what was accepted, 0..1, `high` with every unknown hole at its worst. `holes` are what is left
    of the template's."""

    low: float
    high: float
    holes: tuple[JudgedHole, ...]


def gate_risk(template: TemplateResult, *, content_rules: Collection[str]) -> GateRisk:
    """The template's gate risk.

    A hole is accepted when it has findings of severity high or critical and all of them are waived. One finding
    speaks for a variable in a role, wherever it stands there, so that acceptance does too. The content channel is taken
    out where every finding of `content_rules` is waived: a part of it cannot be told from the rest.
    """
    if not any(f.waiver is not None for f in template.findings):
        return GateRisk(template.total, template.total_high, template.holes)
    accepted = _accepted(template)
    left = tuple(h for h in template.holes if _key(h) not in accepted)
    hidden = _content(template, content_rules)
    if len(left) == len(template.holes):
        low, high = template.risk_low, template.risk_high
    else:
        low = _without(template, left, high=False)
        high = _without(template, left, high=True)
    return GateRisk(1 - (1 - low) * (1 - hidden), 1 - (1 - high) * (1 - hidden), left)


def _key(one: JudgedHole) -> tuple[str | None, str]:
    return one.role, one.hole.name


def _accepted(template: TemplateResult) -> set[tuple[str | None, str]]:
    places = {(h.hole.path, h.hole.line, h.hole.column): _key(h) for h in template.holes}
    waived: set[tuple[str | None, str]] = set()
    open_ones: set[tuple[str | None, str]] = set()
    for finding in template.findings:
        key = _hole_of(finding, places)
        if key is not None and finding.severity.rank >= Severity.HIGH.rank:
            (open_ones if finding.waiver is None else waived).add(key)
    return waived - open_ones


def _hole_of(
    finding: Finding, places: dict[tuple[str, int, int], tuple[str | None, str]]
) -> tuple[str | None, str] | None:
    where = finding.location
    return places.get((where.path, where.line or 0, where.column or 0))


def _without(template: TemplateResult, left: tuple[JudgedHole, ...], *, high: bool) -> float:
    """What the holes that are left come to, weighed as the whole template was."""
    whole = combine(_by_name(template.holes, high=high))
    rest = combine(_by_name(left, high=high))
    was = template.risk_high if high else template.risk_low
    if WARN_AT <= whole < 1 and rest >= WARN_AT and was < 1:
        # The result does not keep its weight w, but 1 - (1 - whole) ** w is what the template's risk is.
        weight = max(math.log1p(-was) / math.log1p(-whole), 1.0)
        rest = 1 - (1 - rest) ** weight if weight > 1 + 1e-9 else rest
    return min(rest, was)


def _by_name(holes: tuple[JudgedHole, ...], *, high: bool) -> list[float]:
    """Each variable once, at its worst place."""
    worst: dict[str, float] = {}
    for one in holes:
        risk = one.risk.high if high else one.risk.low
        worst[one.hole.name] = max(worst.get(one.hole.name, 0.0), risk)
    return list(worst.values())


def _content(template: TemplateResult, rules: Collection[str]) -> float:
    # A suppression that does nothing adds no risk, so it holds none back.
    found = [f for f in template.findings if f.rule in rules and f.rule != pt090.RULE.info.id]
    return 0.0 if found and all(f.waiver is not None for f in found) else template.content
