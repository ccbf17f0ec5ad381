"""SARIF 2.1.0, as GitHub code scanning, Azure DevOps and editors read it. Findings of every stage go in."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from agentops.errors import ReportError
from agentops.model.finding import Finding, Location, Severity
from agentops.model.rule import RuleInfo
from agentops.model.run import RunResult
from agentops.model.verdict import Verdict
from agentops.reports import summary
from agentops.text import clean, one_line
from agentops.version import VERSION

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_FOUND_AT = re.compile(r":(\d{1,7})(?::(\d{1,7}))?: ")
_LEVELS = {
    Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note",
    Severity.INFO: "note",
}  # fmt: skip
# GitHub's bands: critical above 9.0, high from 7.0, medium from 4.0, low above 0.
_SECURITY = {
    Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0", Severity.INFO: "0.0",
}  # fmt: skip


def render(run: RunResult, verdict: Verdict) -> str:  # noqa: ARG001 - a Reporter is given both
    """The whole document. Raises ReportError for what JSON cannot hold."""
    from agentops.injection.rules import infos, pt090

    known = {info.id: info for info in (*infos(), pt090.RULE.info)}
    found = [(stage.name, f) for stage in run.stages for f in stage.findings]
    rules = _rules(known, found, prompts=any(stage.name == "prompts" for stage in run.stages))
    index = {rule["id"]: n for n, rule in enumerate(rules)}
    errors = summary.stage_errors(run)
    one = {
        "tool": {
            "driver": {
                "name": "agentops", "semanticVersion": VERSION, "version": run.agentops_version or VERSION,
                "rules": rules,
            }
        },
        "automationDetails": {"id": f"agentops/{_text(run.environment, 60)}/"},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The project's folder."}}},
        "invocations": [
            {
                "executionSuccessful": not errors,
                "toolExecutionNotifications": [_notification(name, e.message, e.hint) for name, e in errors],
                **_times(run),
            }
        ],
        "results": [_result(stage, f, index) for stage, f in found],
    }  # fmt: skip
    data = {"$schema": SCHEMA, "version": "2.1.0", "runs": [one]}
    try:
        # On one line: programs read it, and indenting a thousand findings takes a noticeable while.
        return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"
    except (TypeError, ValueError) as error:
        raise ReportError(
            f"results.sarif: cannot be written as JSON: {one_line(str(error))}", hint="run.json holds the results"
        ) from None


def _rules(known: dict[str, RuleInfo], found: Sequence[tuple[str, Finding]], *, prompts: bool) -> list[dict[str, Any]]:
    """All prompt rules where prompts were looked at, and each other rule that found something, by id."""
    rules = {info.id: _rule(info) for info in known.values()} if prompts else {}
    for stage, finding in found:
        if finding.rule in known:
            rules.setdefault(finding.rule, _rule(known[finding.rule]))
        else:
            worst = max(f.severity.rank for _, f in found if f.rule == finding.rule) if finding.rule not in rules else 0
            rules.setdefault(finding.rule, _foreign(stage, finding, list(Severity)[worst]))
    return [rules[name] for name in sorted(rules)]


def _rule(info: RuleInfo) -> dict[str, Any]:
    example = "\n".join("    " + line for line in info.example.splitlines())
    body = f"**What:** {info.what}\n\n**Why:** {info.why}\n\n**Example:**\n\n{example}\n\n**Mend:** {info.remedy}\n"
    plain = f"What: {info.what}\nWhy: {info.why}\nExample:\n{example}\nMend: {info.remedy}\n"
    return {
        "id": info.id,
        "name": "".join(w[:1].upper() + w[1:] for w in re.findall(r"[A-Za-z0-9]+", info.title)),
        "shortDescription": {"text": info.title},
        "fullDescription": {"text": f"{info.what} {info.why}"},
        "help": {"text": plain, "markdown": body},
        "defaultConfiguration": {"level": _LEVELS[info.severity]},
        "properties": {
            "tags": list(dict.fromkeys(("security", "prompt-injection", *info.tags))),
            "security-severity": _SECURITY[info.severity],
            "precision": "medium",
        },
    }


def _foreign(stage: str, finding: Finding, severity: Severity) -> dict[str, Any]:
    """A rule of another scanner, of which only its findings are known."""
    said = _text(finding.hint, 1000) or f"A finding of the stage {_text(stage, 60)}."
    return {
        "id": _text(finding.rule, 200) or "unnamed",
        "shortDescription": {"text": _text(finding.message, 200) or _text(finding.rule, 200) or "unnamed"},
        "help": {"text": said, "markdown": said},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["security", _text(stage, 60)], "security-severity": _SECURITY[severity]},
    }


def _result(stage: str, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    rule = _text(finding.rule, 200) or "unnamed"
    result: dict[str, Any] = {
        "ruleId": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": _text(finding.message, 1000) or summary.NO_REASON},
        "locations": [_location(finding.location, finding.excerpt)],
        "partialFingerprints": {"agentops/v1": _text(finding.fingerprint, 200) or "none"},
        "properties": {
            "stage": stage, "severity": finding.severity.value, "confidence": finding.confidence.value,
            **({"mend": _text(finding.hint, 1000)} if finding.hint else {}),
        },
    }  # fmt: skip
    if rule in index:
        result["ruleIndex"] = index[rule]
    if finding.waiver is not None:
        inline = finding.waiver.startswith("inline")
        reason = finding.waiver.removeprefix("inline:") if inline else finding.waiver
        result["suppressions"] = [
            {"kind": "inSource" if inline else "external", "status": "accepted", "justification": _text(reason, 400)}
        ]
    return result


def _location(where: Location, excerpt: str = "") -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(where.path)}
    if where.line is not None and where.line > 0:
        place["region"] = _region(where, excerpt)
    return {"physicalLocation": place}


def _artifact(path: str) -> dict[str, Any]:
    # Control characters and lone surrogates survive as the bytes that they stand for.
    uri = quote(path.encode("utf-8", "surrogatepass"), safe="/~!$&'()*+,;=:@-._")
    if path.startswith("/"):
        return {"uri": f"file://{uri}"}
    # A first segment with a colon would be taken for a scheme.
    uri = uri if ":" not in uri.split("/")[0] else f"./{uri}"
    return {"uri": uri or ".", "uriBaseId": "%SRCROOT%"}


def _region(where: Location, excerpt: str) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": where.line}
    if where.column is not None and where.column > 0:
        region["startColumn"] = _utf16(excerpt, where.column)
        if where.end_column is not None and where.end_column > where.column:
            region["endColumn"] = _utf16(excerpt, where.end_column)
    if excerpt.strip():
        region["snippet"] = {"text": clean(excerpt)}
    return region


def _utf16(line: str, column: int) -> int:
    """The column in UTF-16 units, from 1; the line tells how many characters before it take two."""
    return column + sum(ord(c) > 0xFFFF for c in line[: column - 1])


def _notification(stage: str, message: str, hint: str) -> dict[str, Any]:
    text = f"{_text(stage, 60)}: {_text(message, 1000) or summary.NO_REASON}"
    note: dict[str, Any] = {"level": "error", "message": {"text": f"{text}. {_text(hint, 1000)}" if hint else text}}
    # What begins with a place (`prompts/a.txt:3:7: ...`) is shown there.
    found = _FOUND_AT.search(message[:2000])
    if found is not None and stage == "prompts":
        column = int(found[2]) if found[2] else None
        note["locations"] = [_location(Location(message[: found.start()], int(found[1]), column))]
    return note


def _times(run: RunResult) -> dict[str, str]:
    times = {"startTimeUtc": run.started_at, "endTimeUtc": run.finished_at}
    return {
        name: f"{value.removesuffix('+00:00').removesuffix('Z')}Z"
        for name, value in times.items()
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)", value)
    }


def _text(text: str, limit: int) -> str:
    return one_line(text, limit)
