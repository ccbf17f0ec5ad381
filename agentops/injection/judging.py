"""From a file's templates to results: the trust, the place and the risk of every hole, and what the rules say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agentops.injection.analysis import Heard, Said, TemplateResult
from agentops.injection.defence.mitigation import Seen, look
from agentops.injection.identified import around, beside, nothing, settle
from agentops.injection.risk import EFFECT, Risk, content, hole_risk, of_variables, sink
from agentops.injection.rules import CONTENT_RULES, RULES
from agentops.injection.rules.base import FileText, Hit, Judged, JudgedHole
from agentops.injection.source import Source
from agentops.injection.template import Template
from agentops.injection.trust import Judge
from agentops.model.finding import Finding, Location
from agentops.model.rule import RuleInfo
from agentops.secrets.detector import mask

_MAX_EXPLAINED = 200
_MAX_EXCERPT = 300


def judge_file(source: Source, templates: Sequence[Template], judge: Judge) -> tuple[TemplateResult, ...]:
    """A result for each template; for a file without one, a result that says so."""
    if not templates:
        templates = (Template(source.path, "static", ()),)
    file = FileText(source, tuple(templates))
    hits: list[list[tuple[RuleInfo, Hit]]] = [[] for _ in templates]
    for rule in CONTENT_RULES:
        for hit in rule.check(file):
            hits[_owner(templates, hit)].append((rule.info, hit))
    results = [_result(source, t, judge, found) for t, found in zip(templates, hits, strict=True)]
    return settle(results, nothing)


def _owner(templates: Sequence[Template], hit: Hit) -> int:
    """The last template that begins at or before the line."""
    line = hit.location.line or 1
    return max((n for n, t in enumerate(templates) if t.line <= line), default=0)


def _result(
    source: Source, template: Template, judge: Judge, content_hits: list[tuple[RuleInfo, Hit]]
) -> TemplateResult:
    seen = look(template)
    holes = tuple(_judged_hole(s, n, judge, template) for s in seen for n in range(len(s.holes)))
    judged = Judged(template, seen, holes)
    spoken = [(rule, hit) for rule in RULES for hit in rule.check(judged)]
    hits = [(rule.info, hit) for rule, hit in spoken] + content_hits
    effect = next((rule.info for rule, _ in spoken if rule.effect), None)
    weight = EFFECT if effect else 1.0
    low = of_variables(((h.hole.name, h.risk.low) for h in holes), weight=weight)
    high = of_variables(((h.hole.name, h.risk.high) for h in holes), weight=weight)
    near, digest = around(seen, [h.role for h in holes], named=bool(template.name))
    said = _said(source, holes, hits)
    # As the findings will hold it: what a rule says alike of several places is one piece of evidence.
    worst: dict[tuple[str, str], float] = {}
    for one in said:
        worst[one.finding.rule, one.what] = max(worst.get((one.finding.rule, one.what), 0.0), one.evidence)
    hidden = content(worst.values())
    return TemplateResult(
        path=template.path,
        line=template.line,
        name=template.name,
        syntax=template.syntax if holes else "static",
        risk_low=low,
        risk_high=high,
        content=hidden,
        weight=weight,
        evidence={},
        holes=holes,
        findings=(),
        explanation=_explanation(holes, low=low, high=high, hidden=hidden, effect=effect),
        heard=Heard(said, near, digest),
    )


def _judged_hole(seen: Seen, number: int, judge: Judge, template: Template) -> JudgedHole:
    role, ordered = seen.message.role, seen.ordered
    hole, mitigation = seen.holes[number]
    trust = judge.trust(hole, template, body=seen.body, at=seen.places[number])
    return JudgedHole(
        hole=hole,
        role=role,
        trust=trust,
        mitigation=mitigation,
        risk=hole_risk(trust, role=role, ordered=ordered, mitigation=mitigation),
        sink=sink(trust, role=role, ordered=ordered).high,
        ordered=ordered,
    )


def _said(source: Source, holes: Sequence[JudgedHole], hits: Iterable[tuple[RuleInfo, Hit]]) -> tuple[Said, ...]:
    """What the rules said, place by place."""
    numbers: dict[int, int] = {}
    by_place: dict[tuple[str, int, str], int] = {}
    for n, one in enumerate(holes):
        numbers.setdefault(id(one.hole), n)
        by_place.setdefault((one.hole.path, one.hole.offset, one.hole.name), n)
    found = []
    for info, hit in hits:
        hole, where = hit.hole, hit.location
        number: int | None = None
        if hole is not None:
            number = numbers.get(id(hole), by_place.get((hole.path, hole.offset, hole.name)))
        near = ""
        if number is None and where.path == source.path and where.line is not None and where.column is not None:
            near = beside(source.line(where.line), where.column)
        finding = Finding(
            rule=info.id,
            severity=info.severity,
            confidence=hit.confidence,
            message=hit.message,
            location=_wide(hit),
            fingerprint="",
            hint=info.remedy,
            excerpt=_excerpt(source, where),
        )
        found.append(Said(finding, hit.what, number, near, hit.evidence))
    return tuple(found)


def _wide(hit: Hit) -> Location:
    """The place with its end, where the hit is about a hole written on one line."""
    where = hit.location
    if hit.hole is None or not hit.hole.written or "\n" in hit.hole.written or where.column is None:
        return where
    return replace(where, end_column=where.column + len(hit.hole.written))


def _excerpt(source: Source, location: Location) -> str:
    if location.path != source.path or location.line is None:
        return ""
    return mask(source.line(location.line)[:_MAX_EXCERPT])


def _explanation(
    holes: tuple[JudgedHole, ...], *, low: float, high: float, hidden: float, effect: RuleInfo | None
) -> tuple[str, ...]:
    lines = []
    for one in sorted(holes, key=lambda h: (-h.risk.low, -h.risk.high))[:_MAX_EXPLAINED]:
        factors = " x ".join(str(f) for f in one.risk.factors)
        place = f"{one.hole.line}:{one.hole.column}"
        lines.append(f"{place} {one.hole.shown} is {one.trust.kind.verdict}: {factors} = {_span(one.risk)}")
    if len(holes) > _MAX_EXPLAINED:
        lines.append(f"and {len(holes) - _MAX_EXPLAINED} more holes, none of them worse")
    names = len({h.hole.name for h in holes})
    every = f"damped noisy-OR over {names} variables, each at its worst; those below 0.5 do not add up"
    if not holes:
        lines.append("no hole: the text is always the same, risk 0.00")
    else:
        lines.append(f"template: {_ends(low, high)}, {'the risk of its only variable' if names == 1 else every}")
    if effect and holes:
        lines.append(f"the answer has an effect of its own ({effect.id} {effect.title}): weight {EFFECT} from 0.5 on")
    if hidden:
        lines.append(f"content: {hidden:.2f}, what hidden or poisoned text adds")
    return tuple(lines)


def _span(risk: Risk) -> str:
    return _ends(risk.low, risk.high)


def _ends(low: float, high: float) -> str:
    return f"{low:.2f}" if low == high else f"{low:.2f}..{high:.2f}"
