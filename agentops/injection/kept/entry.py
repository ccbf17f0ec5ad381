"""One template as it stands in the JSON document of `agentops prompts --format json`."""

from __future__ import annotations

from typing import Any

from agentops.injection.accepted import gate_risk
from agentops.injection.analysis import TemplateResult
from agentops.injection.rules.base import JudgedHole
from agentops.model.finding import Finding
from agentops.text import clean


def entry(result: TemplateResult, *, strict: bool = False) -> dict[str, Any]:
    """The template as JSON data, safe to show; prompts.schema.json says what the fields mean. Numbers are unrounded.
    `strict` is whether the gate takes the high end."""
    held = gate_risk(result)
    return {
        "path": result.path,
        "gated": float(held.high if strict else held.low),
        "line": result.line,
        "name": clean(result.name),
        "syntax": result.syntax,
        "risk": result.risk_low,
        "risk_low": result.risk_low,
        "risk_high": result.risk_high,
        "content": float(result.content),
        "total": float(result.total),
        "holes": [_hole(one) for one in result.holes],
        "findings": [finding(f) for f in result.findings],
    }


def finding(found: Finding) -> dict[str, Any]:
    """A finding as JSON data. `suppressed` is why it does not count, null where it does."""
    return {
        "rule": found.rule,
        "severity": found.severity.value,
        "confidence": found.confidence.value,
        "line": found.location.line,
        "column": found.location.column,
        "message": clean(found.message),
        "hint": clean(found.hint),
        "fingerprint": found.fingerprint,
        "suppressed": None if found.waiver is None else clean(found.waiver),
    }


def _hole(one: JudgedHole) -> dict[str, Any]:
    mark = one.mitigation.boundary
    return {
        "name": clean(one.hole.name),
        "line": one.hole.line,
        "column": one.hole.column,
        "role": one.role,
        "trust": one.trust.kind.value,
        "trust_why": clean(one.trust.why),
        "risk_low": one.risk.low,
        "risk_high": one.risk.high,
        "boundary": None if mark is None else f"{mark.kind.value} {clean(mark.name)}",
        "declared": one.mitigation.declared.value,
        "sink": one.sink,
        "factors": [clean(str(f)) for f in one.risk.factors],
    }
