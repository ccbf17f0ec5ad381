"""Waives what comments in the file suppress, and tells of comments that do nothing (PT090)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentops import suppress
from agentops.injection.analysis import TemplateResult
from agentops.injection.identified import settle
from agentops.injection.source import Source
from agentops.model.finding import Confidence, Finding, Location, fingerprint
from agentops.suppress import Comment
from agentops.text import one_line


def quiet(source: Source) -> Source:
    """The file without its suppressions, every offset as it was: a reason is no part of the prompt."""
    found = suppress.comments(source.text, source.path)
    if not found:
        return source
    return replace(source, text=suppress.blanked(source.text, found))


class _Comments:
    """The suppressions of some files, by what they cover."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.by_path = {path: got for path, text in texts.items() if (got := suppress.comments(text, path))}
        self._of_lines: dict[tuple[str, str, int], Comment] = {}
        self._of_files: dict[tuple[str, str], Comment] = {}
        for path, some in self.by_path.items():
            for one in some:
                for rule in () if one.problem else one.rules:
                    for line in one.lines:
                        self._of_lines.setdefault((path, rule, line), one)
                    if one.whole_file:
                        self._of_files.setdefault((path, rule), one)

    def at(self, rule: str, where: Location) -> Comment | None:
        """The one that covers a finding of the rule there; where several do, the first that names its line."""
        return self._of_lines.get((where.path, rule, where.line or 0)) or self._of_files.get((where.path, rule))

    def waiver(self, rule: str, where: Location) -> str | None:
        """Why a finding there does not count."""
        one = self.at(rule, where)
        return None if one is None else f"inline: {one.reason}"


def waive(
    results: Sequence[TemplateResult], source: Source, *, included: Mapping[str, str] | None = None
) -> tuple[TemplateResult, ...]:
    """The results of a file with what its comments suppress waived, and nothing left of what rules said. `included`
    are the texts of the files that it includes, by path: their comments cover the findings that lie in them."""
    found = _Comments({source.path: source.text, **(included or {})})
    if not found.by_path:
        return tuple(replace(r, heard=None) for r in results)
    told = [s.finding for r in results if r.heard is not None for s in r.heard.said]
    used = {(one.start, one.end, f.rule) for f in told if (one := found.at(f.rule, f.location)) is not None}
    done = [replace(r, heard=None) for r in settle(results, found.waiver)]
    inert = [f for one in found.by_path.get(source.path, ()) for f in _inert(one, source, used)]
    return tuple(_with(done, inert))


def _with(results: list[TemplateResult], inert: list[Finding]) -> list[TemplateResult]:
    """Each new finding at the last template that begins at or before its line."""
    for finding in inert:
        line = finding.location.line or 1
        at = max((n for n, r in enumerate(results) if r.line <= line), default=0)
        results[at] = replace(results[at], findings=(*results[at].findings, finding))
    return results


def _inert(one: Comment, source: Source, used: set[tuple[int, int, str]]) -> list[Finding]:
    from agentops.injection.rules import infos

    known = {info.id for info in infos()}
    if one.problem:
        return [_finding(one, source, one.problem)]
    problems = []
    if strange := [rule for rule in one.rules if rule not in known]:
        problems.append(f"there is no rule {', '.join(one_line(r, 40) for r in strange)}")
    if idle := [r for r in one.rules if r in known and (one.start, one.end, r) not in used]:
        where = "this file" if one.whole_file else "its line and the next"
        problems.append(f"nothing of {', '.join(idle)} in {where}")
    return [_finding(one, source, p) for p in problems]


def _finding(one: Comment, source: Source, problem: str) -> Finding:
    from agentops.injection.rules import pt090

    info = pt090.RULE.info
    return Finding(
        rule=info.id,
        severity=info.severity,
        confidence=Confidence.HIGH,
        message=f"this suppression does nothing: {problem}",
        location=Location(source.path, one.line, one.column, one.column + one.end - one.start),
        fingerprint=fingerprint(info.id, source.path, f"{source.text[one.start : one.end]} {problem}"),
        hint=info.remedy,
        excerpt=source.line(one.line)[:300],
    )
