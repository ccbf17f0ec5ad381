"""What the prompts stage tells people: a check for each template, and notices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from agentops.injection.accepted import GateRisk
from agentops.injection.analysis import FileError, TemplateResult
from agentops.injection.kinds import Kind
from agentops.injection.rules.base import JudgedHole
from agentops.model.finding import Finding, Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Check
from agentops.suppress import Known
from agentops.text import one_line

_MAX_NOTICES = 20
_MAX_NAMED = 10
_DOCUMENT = re.compile(r"(?:readme|changelog|changes|contributing|history)(?:[._-]\w{1,20})?\.(?:md|rst|txt)", re.I)

Pair = tuple[TemplateResult, GateRisk]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a template's risk is held against: above `value` it fails, in strict mode with its high end."""

    value: float
    strict: bool = False

    def failed(self, risk: GateRisk) -> bool:
        """Whether the template is above the limit."""
        return (risk.high if self.strict else risk.low) > self.value


def checks(pairs: Sequence[Pair], limit: Limit) -> list[Check]:
    """One check a template, named by its file, and by line and name where the file holds several."""
    in_file = Counter(t.path for t, _ in pairs)
    return [_check(t, risk, limit, alone=in_file[t.path] == 1) for t, risk in pairs]


def lost(error: FileError) -> Check:
    """The check of a file that was not measured."""
    return Check(
        name=one_line(error.path),
        outcome=Outcome.ERROR,
        message=error.message,
        detail=error.hint,
        group=_group(error.path),
        location=error.location,
    )


def unknown(pairs: Sequence[Pair], limit: Limit) -> tuple[str, ...]:
    """Where the answer hangs on variables whose trust nobody settled."""
    holes = [sum(h.trust.kind is Kind.UNKNOWN for h in risk.holes) for _, risk in pairs]
    total, places = sum(holes), sum(n > 0 for n in holes)
    if not total:
        return ()
    low, high = max(r.low for _, r in pairs), max(r.high for _, r in pairs)
    held = "the high end is held against the threshold" if limit.strict else "strict mode gates on the high end"
    lines = [
        f"the risk rests on {_count(total, 'unknown hole')} in {_count(places, 'template')}: "
        f"{low:.2f} at the low end, {high:.2f} at the high end ({held})"
    ]
    open_ones = [(t, r) for t, r in pairs if r.low <= limit.value < r.high]
    for template, risk in open_ones[:_MAX_NOTICES]:
        names = dict.fromkeys(h.hole.shown for h in risk.holes if h.trust.kind is Kind.UNKNOWN)
        shown = ", ".join(list(names)[:5]) + (" ..." if len(names) > 5 else "")
        lines.append(
            f"{one_line(template.path)}: risk {_figure(risk)} because nothing tells where {shown} "
            f"{'comes' if len(names) == 1 else 'come'} from; settle it under prompts.trust"
        )
    if len(open_ones) > _MAX_NOTICES:
        lines.append(f"{len(open_ones) - _MAX_NOTICES} more templates hang on unknown variables")
    return tuple(lines)


def documents(pairs: Sequence[Pair], limit: Limit) -> tuple[str, ...]:
    """Files above the limit that are most often written for people."""
    above = dict.fromkeys(t.path for t, risk in pairs if limit.failed(risk))
    return tuple(
        f"{one_line(path)} is analysed as a prompt; if no model reads it, name it under prompts.exclude"
        for path in [p for p in above if _DOCUMENT.fullmatch(PurePosixPath(p).name)][:_MAX_NOTICES]
    )


def suppressed(findings: Iterable[Finding]) -> tuple[str, ...]:
    """How many findings do not count, and why."""
    by_kind = Counter((f.waiver or "").split(":")[0] for f in findings if f.waiver is not None)
    if not by_kind:
        return ()
    parts = ", ".join(f"{by_kind[kind]} {kind}" for kind in sorted(by_kind))
    return (f"{_count(by_kind.total(), 'finding')} suppressed and not counted ({parts})",)


def gone(entries: Sequence[Known]) -> tuple[str, ...]:
    """Entries of the baseline that match nothing any more."""
    lines = [
        f"the baseline's {one_line(e.rule, 20)} in {one_line(e.path, 120)} ({e.fingerprint}) matches nothing any more"
        for e in entries[:_MAX_NOTICES]
    ]
    if len(entries) > _MAX_NOTICES:
        lines.append(f"{len(entries) - _MAX_NOTICES} more entries of the baseline match nothing any more")
    return tuple(lines)


def _check(template: TemplateResult, risk: GateRisk, limit: Limit, *, alone: bool) -> Check:
    failed = limit.failed(risk)
    worst = max(risk.holes, key=lambda h: _of(h, limit), default=None)
    label = "" if alone else f":{template.line} {template.name}".rstrip()
    figure = f"risk {_figure(risk)}{_accepted(template, risk)}"
    return Check(
        name=one_line(template.path) + one_line(label),
        outcome=Outcome.FAIL if failed else Outcome.PASS,
        message=_failure(template, risk, limit) if failed else figure + _severe(template),
        detail="\n".join(template.explanation),
        group=_group(template.path),
        location=worst.hole.location if failed and worst else None,
    )


def _failure(template: TemplateResult, risk: GateRisk, limit: Limit) -> str:
    head = f"risk {_figure(risk)} (above {limit.value:.2f}{', strict' if limit.strict else ''})"
    by_name: dict[str, JudgedHole] = {}
    for one in sorted(risk.holes, key=lambda h: -_of(h, limit)):
        by_name.setdefault(one.hole.shown, one)
    worst = next(iter(by_name.values()), None)
    if worst is None or _of(worst, limit) < template.content:
        rules = ", ".join(sorted({f.rule for f in template.findings if f.waiver is None}))
        return f"{head}: hidden or poisoned text ({rules or 'content'})"
    more = f", and {len(by_name) - 1} more" if len(by_name) > 1 else ""
    place = "in one text without roles" if worst.role is None else f"in {worst.role} text"
    return f"{head}: {worst.hole.shown} is {worst.trust.kind.verdict} ({worst.trust.why}) and stands {place}{more}"


def _of(one: JudgedHole, limit: Limit) -> float:
    return one.risk.high if limit.strict else one.risk.low


def _figure(risk: GateRisk) -> str:
    low, high = f"{risk.low:.2f}", f"{risk.high:.2f}"
    return low if low == high else f"{low} to {high}"


def _accepted(template: TemplateResult, risk: GateRisk) -> str:
    """What the figure would be, had nothing been accepted."""
    if risk.low == template.total and risk.high == template.total_high:
        return ""
    return f" (without what was accepted; {template.total:.2f} with it)"


def _severe(template: TemplateResult) -> str:
    """The findings that weigh much though the risk is below the limit."""
    some = [f for f in template.findings if f.waiver is None and f.severity.rank >= Severity.HIGH.rank]
    lines = [
        f"{f.severity.value}: {f.rule} in line {f.location.line or 1}: {one_line(f.message, 300)}"
        for f in some[:_MAX_NAMED]
    ]
    lines += [f"and {len(some) - _MAX_NAMED} more"] if len(some) > _MAX_NAMED else []
    return "".join(f"\n{line}" for line in lines)


def _count(amount: int, noun: str) -> str:
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def _group(path: str) -> str:
    return one_line(PurePosixPath(path).parent.as_posix())
