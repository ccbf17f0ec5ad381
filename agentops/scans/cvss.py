"""From what an advisory says about its severity to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops.model.finding import Severity

_WORDS = {
    "LOW": Severity.LOW,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH,
    "CRITICAL": Severity.CRITICAL,
}
# CVSS v3.1 specification, section 7.4, metric values.
_WEIGHTS: dict[str, dict[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def severity(record: Mapping[str, Any]) -> Severity | None:
    """The severity of an OSV record: its CVSS v3 vectors, the worst of them, or the word of its database.

    None when it gives none that is understood (CVSS v2 and v4 are not).
    """
    given = record.get("severity")
    vectors = [s.get("score") for s in given if isinstance(s, dict)] if isinstance(given, list) else []
    scores = [score for v in vectors if isinstance(v, str) and (score := base_score(v)) is not None]
    if scores:
        return rating(max(scores))
    specific = record.get("database_specific")
    word = specific.get("severity") if isinstance(specific, dict) else None
    return _WORDS.get(word.upper()) if isinstance(word, str) else None


def base_score(vector: str) -> float | None:
    """The base score, 0.0 to 10.0, of a CVSS 3.0 or 3.1 vector; None for anything else.

    CVSS v3.1 specification, section 7.1.
    """
    head, _, rest = vector.partition("/")
    if head not in ("CVSS:3.0", "CVSS:3.1"):
        return None
    metrics = dict(part.split(":", 1) for part in rest.split("/") if ":" in part)
    scope = metrics.get("S", "")
    try:
        w = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
        privileges = _PRIVILEGES[scope][metrics["PR"]]
    except KeyError:
        return None
    base = 1 - (1 - w["C"]) * (1 - w["I"]) * (1 - w["A"])
    if scope == "C":
        impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    else:
        impact = 6.42 * base
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * w["AV"] * w["AC"] * privileges * w["UI"]
    total = (impact + exploitability) * (1.08 if scope == "C" else 1.0)
    return _round_up(min(total, 10.0))


def rating(score: float) -> Severity:
    """The qualitative rating of a score: CVSS v3.1 specification, section 5."""
    if score == 0:
        return Severity.INFO
    if score < 4:
        return Severity.LOW
    if score < 7:
        return Severity.MEDIUM
    return Severity.HIGH if score < 9 else Severity.CRITICAL


def _round_up(value: float) -> float:
    """Up to one decimal, safe against floating point: CVSS v3.1 specification, appendix A."""
    scaled = round(value * 100_000)
    if scaled % 10_000 == 0:
        return scaled / 100_000
    return (scaled // 10_000 + 1) / 10.0
