"""The risk of a hole and of a template.

For each hole: r = T * K * max(floor, m1 * m2 ...). T is how little the source is trusted, K how much the model takes
the place for orders, m what is left after each mitigation. T and K encode an order, not a measurement. The residuals
lie within the range of published attack rates with and without each defence: marks alone 0.94, a declaration alone
0.84, both together 0.65 down to 0.45; wording alone never goes below the floor, because adaptive attacks break it
("The Attacker Moves Second", 2025). Risks are put together with a damped noisy-OR. The result is a relative index,
1 = the undefended worst place, and no probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from agentops.injection.defence.mitigation import Declared, Mitigation
from agentops.injection.kinds import Kind
from agentops.injection.template import BoundaryKind
from agentops.injection.trust import Trust

FLOOR = 0.2
"""What in-band mitigations leave at least."""
DAMPING = 0.25
"""0 would take the worst hole alone, 1 treat holes as independent; they share the model and the defence."""
EFFECT = 1.5
"""The weight of an answer that is run, stored as memory, or decides a gate."""
WARN_AT = 0.5
FAIL_ABOVE = 0.8

_PAIR = {BoundaryKind.GENERIC: 0.65, BoundaryKind.NAMED: 0.5, BoundaryKind.UNFORGEABLE: 0.45}
# A declaration that names the tag is the recommended mend and ends below the warning band even in the worst place.
_PAIR_BY_NAME = {BoundaryKind.GENERIC: 0.65, BoundaryKind.NAMED: 0.49, BoundaryKind.UNFORGEABLE: 0.45}
_BOUNDARY_ONLY = 0.94
_DECLARATION_ONLY = 0.84
_REMINDER = 0.8
# A reminder behind a text that nothing marks and nothing declares.
_REMINDER_ALONE = 0.9
_ENCODED = 0.2


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a hole's risk, by name. `high` differs from `low` where something is not known."""

    name: str
    low: float
    high: float
    why: str

    def __str__(self) -> str:
        value = f"{self.low:.2f}" if self.low == self.high else f"{self.low:.2f}..{self.high:.2f}"
        return f"{self.name} {value} ({self.why})"


@dataclass(frozen=True, slots=True)
class Risk:
    """A band in 0..1 and what it was made of."""

    low: float
    high: float
    factors: tuple[Factor, ...] = ()


def hole_risk(trust: Trust, *, role: str | None, ordered: bool, mitigation: Mitigation) -> Risk:
    """The risk of one hole. `ordered`: its message also gives orders, whatever mitigation text says left out."""
    source = Factor("source T", trust.low, trust.high, trust.why)
    place = sink(trust, role=role, ordered=ordered)
    parts = residuals(mitigation)
    product = math.prod(p.low for p in parts)
    left = max(FLOOR, product)
    if product < FLOOR:
        parts = (*parts, Factor("floor f", FLOOR, FLOOR, "in-band mitigations leave at least this"))
    return Risk(source.low * place.low * left, source.high * place.high * left, (source, place, *parts))


def sink(trust: Trust, *, role: str | None, ordered: bool) -> Factor:
    """K: how much the model takes what stands in this place for orders."""
    if role is None:
        return Factor("sink K", 1.0, 1.0, "one text without roles")
    if role in ("system", "developer"):
        return Factor("sink K", 1.0, 1.0, f"{role} text")
    if role == "tool":
        return Factor("sink K", 0.3, 0.3, "tool message")
    if role == "assistant":
        if ordered:
            return Factor("sink K", 1.0, 1.0, "assistant text that also gives orders")
        return Factor("sink K", 0.3, 0.3, "assistant turn of its own")
    if ordered:
        return Factor("sink K", 0.9, 0.9, "user turn that also gives orders")
    if trust.kind in (Kind.THIRD_PARTY, Kind.MODEL):
        return Factor("sink K", 0.5, 0.5, "a third party's text alone in a user turn")
    if trust.kind is Kind.UNKNOWN:
        return Factor("sink K", 0.15, 0.5, "alone in a user turn, the user's or a third party's")
    return Factor("sink K", 0.15, 0.15, "alone in a user turn")


def residuals(mitigation: Mitigation) -> tuple[Factor, ...]:
    """What each mitigation leaves. Marks and declaration are one group: they work together, hardly alone."""
    mark, declared = mitigation.boundary, mitigation.declared
    parts: list[Factor] = []
    if mark is not None and declared is not Declared.NO:
        by_name = declared is Declared.BY_NAME
        value = (_PAIR_BY_NAME if by_name else _PAIR)[mark.kind]
        naming = " that names it" if by_name else ""
        parts.append(_factor(value, f"{mark.kind.value} boundary and a declaration{naming}"))
    elif mark is not None:
        parts.append(_factor(_BOUNDARY_ONLY, f"{mark.kind.value} boundary without a declaration"))
    elif declared is not Declared.NO:
        parts.append(_factor(_DECLARATION_ONLY, "declaration without a boundary"))
    else:
        parts.append(_factor(1.0, "no boundary, no declaration"))
    if mitigation.reminder:
        alone = mark is None and declared is Declared.NO
        parts.append(_factor(_REMINDER_ALONE if alone else _REMINDER, "reminder after it"))
    if mitigation.encoded:
        parts.append(_factor(_ENCODED, "encoded"))
    return tuple(parts)


def _factor(value: float, why: str) -> Factor:
    return Factor("residual m", value, value, why)


def combine(risks: Iterable[float]) -> float:
    """Damped noisy-OR over the risks of WARN_AT or more: 1 - (1 - r1) * prod(1 - ri) ** 0.25, the worst first.

    Where none is that high, the worst: places that are settled each do not add up to a warning. 0 of nothing.
    """
    ordered = sorted(risks, reverse=True)
    if not ordered or ordered[0] < WARN_AT:
        return ordered[0] if ordered else 0.0
    rest = math.prod(1 - r for r in ordered[1:] if r >= WARN_AT)
    return 1 - (1 - ordered[0]) * rest**DAMPING


def of_variables(risks: Iterable[tuple[str, float]], *, weight: float = 1.0) -> float:
    """A template's risk from its holes' names and risks: each variable once, at its worst place, because the same text
    in two places is one way in; combined and weighed."""
    worst: dict[str, float] = {}
    for name, risk in risks:
        worst[name] = max(worst.get(name, 0.0), risk)
    return weigh(combine(worst.values()), weight)


def weigh(risk: float, weight: float) -> float:
    """What the risk comes to where the answer has an effect of its own: 1 - (1 - r) ** weight, from WARN_AT on.

    `weight` is 1, or EFFECT where the answer is run, is stored, or decides about something.
    """
    return 1 - (1 - risk) ** weight if risk >= WARN_AT else risk


def content(evidences: Iterable[float]) -> float:
    """What hidden or poisoned text comes to: 1 - prod(1 - e). 0 of nothing."""
    return 1 - math.prod(1 - e for e in evidences)


def band(risk: float) -> str:
    """ "fail" above 0.8, "warn" from 0.5, else "note"; of the unrounded value."""
    if risk > FAIL_ABOVE:
        return "fail"
    return "warn" if risk >= WARN_AT else "note"
