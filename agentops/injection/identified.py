"""From what rules said of places to findings: what they say alike is one finding, known again by its fingerprint.

A fingerprint speaks of the rule, the file, the template's name, the variable and the fixed text around each place that
the finding speaks for, which is how SARIF's partial fingerprints work. Moved lines and edits elsewhere leave it as it
is; another template, or one more place, has another one. Where two different templates of a file would share one, all
of their text counts.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from agentops.injection.analysis import Said, TemplateResult
from agentops.injection.defence.mitigation import Seen
from agentops.injection.template import HOLE_MARK
from agentops.model.finding import Finding, Location, fingerprint

Waiver = Callable[[str, Location], "str | None"]
"""Why a finding of that rule at that place does not count, None where it does."""

# So many letters on each side of a place tell it from others: a sentence, not the paragraph.
_NEAR = 80
_PARAGRAPHS = re.compile(r"\n[ \t]*+\n")


def nothing(rule: str, location: Location) -> str | None:  # noqa: ARG001 - a Waiver
    """Waives nothing."""
    return None


def around(seen: Sequence[Seen], roles: Sequence[str | None], *, named: bool) -> tuple[tuple[str, ...], str]:
    """For each hole the text around it without white space, and a digest of all the text with the holes' names.

    Files may hold many templates of one name, so that text of other paragraphs counts in a `named` one where it is
    near; one without a name is told by its file.
    """
    whole = "".join(f"\n{one.message.role or ''}:\n{_compact(one.body)}" for one in seen)
    names = [hole.name for one in seen for hole, _ in one.holes]
    near = []
    at = -1
    for _ in names:
        at = whole.index(HOLE_MARK, at + 1)
        before, behind = whole[max(at - _NEAR, 0) : at], whole[at + 1 : at + 1 + _NEAR]
        near.append(_near(before, behind) if named else _near(before.rpartition("\n")[2], behind.partition("\n")[0]))
    counted = _numbered(f"{role} {name} {text}" for role, name, text in zip(roles, names, near, strict=True))
    text = "\0".join((whole, *names))
    return tuple(counted), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _compact(body: str) -> str:
    """The paragraphs, a line each, without white space."""
    return "\n".join("".join(part.split()) for part in _PARAGRAPHS.split(body))


def beside(line: str, column: int) -> str:
    """The text of the line around the column, without white space."""
    at = max(column - 1, 0)
    before, behind = line[max(at - 4 * _NEAR, 0) : at], line[at : at + 4 * _NEAR]
    return _near("".join(before.split())[-_NEAR:], "".join(behind.split())[:_NEAR])


def _near(before: str, behind: str) -> str:
    return f"{before}|{behind}"


def _numbered(texts: Iterable[str]) -> list[str]:
    """The texts, those that were there before with their number."""
    seen: Counter[str] = Counter()
    found = []
    for text in texts:
        seen[text] += 1
        found.append(text if seen[text] == 1 else f"{text} #{seen[text]}")
    return found


@dataclass(slots=True)
class _Group:
    """What is said alike of some places, and waived alike."""

    finding: Finding
    what: str
    places: tuple[int, ...]
    evidence: float


def settle(results: Sequence[TemplateResult], waiver: Waiver) -> tuple[TemplateResult, ...]:
    """The results of one file with their findings: one for what a rule says alike of a variable in a role, wherever it
    stands, but another one for the places where it is waived. A result that was not heard stays as it is."""
    groups = [_groups(one, waiver) for one in results]
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for one, found in zip(results, groups, strict=True):
        for group in found:
            owners[group.finding.fingerprint].add(one.heard.digest if one.heard else "")
    shared = {mark for mark, digests in owners.items() if len(digests) > 1}
    return tuple(_settled(one, found, shared) for one, found in zip(results, groups, strict=True))


def _groups(result: TemplateResult, waiver: Waiver) -> list[_Group]:
    heard = result.heard
    if heard is None:
        return []
    holes = result.holes
    same: defaultdict[tuple[str | None, str], list[int]] = defaultdict(list)
    for number, one in enumerate(holes):
        same[one.role, one.hole.name].append(number)
    by_key: dict[tuple[str, str, str | None], list[Said]] = {}
    for said in heard.said:
        why = waiver(said.finding.rule, said.finding.location)
        by_key.setdefault((said.finding.rule, said.what, why), []).append(said)
    texts = _numbered(f"{s.finding.rule} {s.what} {s.around}" for s in heard.said if s.hole is None)
    beside_of = dict(zip((id(s) for s in heard.said if s.hole is None), texts, strict=True))
    groups = []
    for (rule, what, why), said_alike in by_key.items():
        numbers = [s.hole for s in said_alike if s.hole is not None]
        variables = dict.fromkeys((holes[n].role, holes[n].hole.name) for n in numbers)
        places = tuple(n for key in variables for n in same[key] if waiver(rule, holes[n].hole.location) == why)
        near = [heard.around[n] for n in places] + [beside_of[id(s)] for s in said_alike if s.hole is None]
        mark = fingerprint(rule, result.path, "\0".join((result.name, what, *near)))
        finding = replace(said_alike[0].finding, fingerprint=mark, waiver=why)
        groups.append(_Group(finding, what, places, max(s.evidence for s in said_alike)))
    return groups


def _settled(result: TemplateResult, groups: Sequence[_Group], shared: set[str]) -> TemplateResult:
    if result.heard is None:
        return result
    findings: list[Finding] = []
    places: dict[str, tuple[int, ...]] = {}
    evidence: dict[str, float] = {}
    seen: Counter[str] = Counter()
    for group in groups:
        finding = group.finding
        mark = finding.fingerprint
        seen[mark] += 1
        more = [result.heard.digest] if mark in shared else []
        more += [str(seen[mark])] if seen[mark] > 1 else []
        if more:
            finding = replace(finding, fingerprint=fingerprint(finding.rule, result.path, " ".join((mark, *more))))
        findings.append(finding)
        if group.places:
            places[finding.fingerprint] = group.places
        if group.evidence:
            evidence[finding.fingerprint] = group.evidence
    findings.sort(key=lambda f: (f.rule, f.location.line or 0, f.location.column or 0))
    return replace(result, findings=tuple(findings), places=places, evidence=evidence)
