"""A rollout in the terminal: where it stands, what both versions do, what is awaited, and at the end what became of it.

Plain text with a little colour; right at any width from 30 columns up. Every state is a word or a sign, and what is not
fine is in capitals, so that nothing depends on colour.
"""

from __future__ import annotations

from agentops.model.rollout import Phase, Pod
from agentops.reports.layout import BLANK, Entry, Line, Span, Style, entries, flow, paint, paragraph
from agentops.reports.rollout import owner as owners
from agentops.reports.rollout import view as views
from agentops.reports.rollout.outcome import Kind, image_name, outcome, why
from agentops.reports.rollout.told import Row, brief, clock, day, length, rows
from agentops.reports.rollout.view import Mark, Stop, View
from agentops.text import said
from agentops.text import width as columns

NARROWEST = 30
_WIDE = 72
_ENTRIES = 8
_PODS = 6
# How many lines of journal and pods are shown on smaller and smaller screens.
_SMALLER = ((_ENTRIES, _PODS), (6, _PODS), (4, _PODS), (4, 3), (2, 3), (2, 1), (1, 1), (0, 1), (0, 0))
_SIGNS = {
    Mark.DONE: ("✓", Style.GOOD),
    Mark.CURRENT: ("▶", Style.STRONG),
    Mark.STOPPED: ("✗", Style.BAD),
    Mark.AHEAD: ("·", Style.FAINT),
    Mark.NOT_REACHED: ("-", Style.FAINT),
}
_STYLES = {Kind.DONE: Style.GOOD, Kind.INCONCLUSIVE: Style.DOUBT, Kind.ABORTED: Style.DOUBT}


def render(view: View, *, width: int = 80, colour: bool = False) -> str:
    """The live view of a rollout under way, or the report of one that ended; at most `width` columns wide (at least
    30), each line ended by a newline."""
    return paint(_lines(view, max(width, NARROWEST), _ENTRIES, _PODS), colour=colour)


def screen(view: View, *, width: int, height: int, colour: bool) -> str:
    """The same cut to a screen: a view that is redrawn in place must never be taller. Of journal and pods there is as
    much as there is room for; where even that is too little, the end is cut."""
    lines: list[Line] = []
    for journal, pods in _SMALLER:
        lines = _lines(view, max(width, NARROWEST), journal, pods)
        if len(lines) < height:
            break
    return paint(lines[: max(height - 1, 1)], colour=colour)


def redrawn(before: str, text: str) -> str:
    """What to write to a terminal where `before` was drawn last, so that `text` stands in its place."""
    up = before.count("\n")
    return (f"\x1b[{up}A\r\x1b[J" if up else "") + text


def _lines(view: View, width: int, journal: int, pods: int) -> list[Line]:
    sections = [
        _head(view, width),
        _path(view, width),
        _now(view, width),
        _owner(view, width),
        _versions(view, width),
        _pods(view, width, pods),
        _approvals(view, width),
        _journal(view, width, journal),
        _end(view, width),
    ]
    lines: list[Line] = []
    for section in sections:
        if section:
            lines += [*section, BLANK]
    return lines[:-1]


def _title(text: str, width: int, *, note: str = "") -> list[Line]:
    return flow([Span(text, Style.STRONG), *([Span(note, Style.FAINT)] if note else [])], width)


def _head(view: View, width: int) -> list[Line]:
    s = view.state
    facts = [
        Span(f"rollout {said(s.id, 60)}"),
        Span(f"environment {said(s.environment, 40)}"),
        Span(f"namespace {said(s.namespace, 63)}"),
        Span(f"traffic {said(s.plan.traffic, 40)}"),
        *([] if owners.owner(s) else [Span(f"strategy {said(s.plan.strategy, 40)}")]),
    ]
    lines = flow([Span(f"agentops {said(s.app, 80)}", Style.STRONG), *facts], width)
    lines += paragraph(image_name(s.image), width, label="image   ", style=Style.FAINT)
    lines += paragraph(image_name(s.before), width, label="before  ", style=Style.FAINT)
    if s.broke_glass:
        lines += paragraph(said(s.broke_glass, 300), width, label="WITHOUT A RECORD: ", style=Style.BAD)
    for warning in s.plan.warnings:
        lines += paragraph(said(warning, 300), width, label="warning: ", style=Style.DOUBT)
    return lines


def _path(view: View, width: int) -> list[Line]:
    """The stops side by side; a stop never breaks over two lines."""
    ended, began = views.ended_at(view.state), view.state.began_at
    ran = f"{length(max(ended - began, 0.0))} in all" if ended else f"{length(max(view.now - began, 0.0))} so far"
    note = f"began {day(began)} {clock(began)}, {ran}" if began else ""
    items = [_stop(stop) for stop in views.path(view)]
    return [*_title("Path", width, note=note), *(((Span("  "), *line)) for line in flow(items, width - 2))]


def _stop(stop: Stop) -> Span:
    sign, style = _SIGNS[stop.mark]
    name = said(stop.name, 60)
    return Span(f"{sign} {name.upper() if stop.mark is Mark.STOPPED else name}", style)


def _now(view: View, width: int) -> list[Line]:
    """What the present phase does and waits for."""
    s = view.state
    if s.phase.ended:
        return []
    limit = views.limit_s(view)
    time = f"for {length(views.age_s(view))}" + (f" of at most {length(limit)}" if limit else "")
    share = views.weight(view)
    lines = _title("Now", width, note=f"{s.phase.value}, {time}")
    facts = [("canary gets", f"{share} % of traffic")] if share is not None else []
    if s.phase in (Phase.CANARY, Phase.SHADOW) and owners.owner(s) is None:
        counted = views.seen(view)
        seen = "not told" if counted is None else str(counted)
        extended = f", extended {s.extended} x" if s.extended else ""
        facts.append(("samples", f"{seen} of {s.plan.needed}{extended}"))
    if s.awaiting:
        facts.append(("awaited", said(s.awaiting, 300)))
    if view.holder:
        facts.append(("runner", said(view.holder, 120)))
    size = max((len(label) for label, _ in facts), default=0)
    for label, text in facts:
        lines += paragraph(text, width, indent=2, label=f"{label:<{size}}  ", style=Style.FAINT)
    if s.desired == "abort" and s.phase is not Phase.ABORTING:
        by = said(s.asked_by, 80) or "somebody"
        lines += paragraph(f"{by}: {said(s.reason, 300)}", width, indent=2, label="ABORT ASKED FOR  ", style=Style.BAD)
    if view.trouble:
        lines += paragraph(said(view.trouble, 300), width, indent=2, label="TROUBLE  ", style=Style.BAD)
    if s.frozen:
        since = f" (for {length(max(view.now - s.frozen_at, 0.0))})" if s.frozen_at else ""
        lines += paragraph(said(s.frozen, 400) + since, width, indent=2, label="FROZEN  ", style=Style.DOUBT)
    if s.phase is Phase.ABORTING:
        told = said(s.reason, 400)
        lines += paragraph(f"{why(s)}: {told}" if why(s) else told, width, indent=2, label="because  ", style=Style.BAD)
    return lines


def _owner(view: View, width: int) -> list[Line]:
    """Who decided where agentops did not."""
    found = owners.owner(view.state)
    if found is None:
        return []
    told = owners.lines(found)
    size = max(len(label) for label, _ in told)
    lines = _title("Owner", width)
    for label, text in told:
        lines += paragraph(text, width, indent=2, label=f"{label:<{size}}  ", style=Style.FAINT)
    return lines


def _versions(view: View, width: int) -> list[Line]:
    """Canary beside stable, one measure a row; below each other where the terminal is too narrow."""
    found = rows(view)
    sample, _ = views.looks(view)
    if not found:
        because = f": {said(sample.why, 300)}" if sample and sample.why else ""
        if view.state.phase.ended or not sample:
            return []
        return [*_title("Versions", width), *paragraph(f"no metrics{because}", width, indent=2, style=Style.DOUBT)]
    lines = _title("Versions", width, note=_looked(view))
    lines += _table([Row("", "canary", "stable"), *found], width)
    if sample and sample.why:
        lines += paragraph(said(sample.why, 300), width, indent=2, label="note: ", style=Style.DOUBT)
    return lines


def _looked(view: View) -> str:
    sample, since = views.looks(view)
    if sample is None:
        return "counted in this step"
    ago = f"{length(max(view.now - sample.at, 0.0))} ago"
    told = f"looked at {clock(sample.at) if view.state.phase.ended else ago}"
    return told + (f", since {clock(since.at)}" if since else ", since they started")


def _table(found: list[Row], width: int) -> list[Line]:
    sizes = [max(map(columns, column)) for column in zip(*((r.name, r.canary, r.stable) for r in found), strict=True)]
    lines: list[Line] = []
    if 2 + sum(sizes) + 4 <= width:
        for row in found:
            style = Style.FAINT if not row.name else Style.PLAIN
            name = row.name + " " * (sizes[0] - columns(row.name))
            canary, stable = (
                " " * (n - columns(c)) + c for c, n in zip((row.canary, row.stable), sizes[1:], strict=True)
            )
            lines.append((Span(f"  {name}  ", Style.FAINT), Span(f"{canary}  {stable}", style)))
        return lines
    for row in found[1:]:
        lines += paragraph(f"{row.name}: canary {row.canary}, stable {row.stable}", width, indent=2)
    return lines


def _pods(view: View, width: int, most: int) -> list[Line]:
    canary, stable = views.pods(view)
    if view.state.phase.ended or not (canary or stable):
        return []
    note = ", ".join(
        f"{name} {sum(p.ready for p in arm)}/{len(arm)} ready" for name, arm in (("canary", canary), ("stable", stable))
    )
    pods = [("canary", pod) for pod in canary] + [("stable", pod) for pod in stable if _trouble(pod)]
    pods.sort(key=lambda item: not _trouble(item[1]))
    table = [_pod(arm, pod) for arm, pod in pods[:most]]
    lines = [*_title("Pods", width, note=note), *entries(table, width, most=2)]
    if len(pods) > most > 0:
        lines.append((Span(f"  and {len(pods) - most} more", Style.FAINT),))
    return lines


def _pod(arm: str, pod: Pod) -> Entry:
    trouble = _trouble(pod)
    word = Span("leaving", Style.FAINT) if pod.leaving else Span("ready", Style.GOOD)
    if trouble:
        word = Span("TROUBLE", Style.BAD)
    elif not pod.ready and not pod.leaving:
        word = Span("starting", Style.DOUBT)
    memory = f"{pod.memory_bytes / 2**20:.0f} MiB" if pod.memory_bytes is not None else ""
    return Entry((word, Span(arm), Span(said(pod.name, 80), Style.FAINT)), ", ".join(filter(None, (trouble, memory))))


def _trouble(pod: Pod) -> str:
    """What ails a pod, "" where nothing is known to."""
    waiting = "" if pod.waiting in ("", "ContainerCreating", "PodInitializing") else said(pod.waiting, 80)
    parts = [f"{waiting}: {said(pod.message, 200)}" if waiting and pod.message else waiting]
    parts += [f"{pod.restarts} restart" + ("s" if pod.restarts > 1 else "")] if pod.restarts else []
    return ", ".join(filter(None, parts))


def _approvals(view: View, width: int) -> list[Line]:
    lines: list[Line] = []
    for approval in view.state.approvals:
        told = f"{said(approval.who, 60)}: {said(approval.why, 300) or 'no reason given'}"
        lines += paragraph(told, width, indent=2, label=f"{clock(approval.at)}  ", style=Style.FAINT)
    return [*_title("Approvals", width), *lines] if lines else []


def _journal(view: View, width: int, most: int) -> list[Line]:
    last = view.state.entries[-most:] if most else ()
    if not last:
        return []
    # On a narrow terminal the text needs the room more: it mostly names the phase.
    cells = [(clock(e.at), e.phase.value)[: 2 if width >= _WIDE else 1] for e in last]
    heads = [tuple(Span(cell, Style.FAINT) for cell in row) for row in cells]
    table = [Entry(head, brief(e.text, 600) or "-") for head, e in zip(heads, last, strict=True)]
    more = len(view.state.entries) - len(last)
    note = f"{more} earlier" if more else ""
    return [*_title("Journal", width, note=note), *entries(table, width)]


def _end(view: View, width: int) -> list[Line]:
    """The outcome, which is the last thing that one sees; of a rollout under way, nothing."""
    found = outcome(view.state)
    if found.kind is Kind.UNDER_WAY:
        return []
    lines: list[Line] = [(Span("-" * width, Style.FAINT),)]
    if found.reason:
        kind = "" if found.kind is Kind.ROLLBACK_FAILED else why(view.state)
        lines += paragraph(f"{kind}: {found.reason}" if kind else found.reason, width)
    if found.kind is Kind.ROLLBACK_FAILED:
        named = ", ".join(f"{said(t.kind, 40)} {said(t.name, 80)}" for t in view.state.touched) or "none is known"
        lines += paragraph(named, width, label="objects: ", style=Style.FAINT)
    if found.hint:
        lines += paragraph(found.hint, width, label="hint: ", style=Style.FAINT)
    return [*lines, *paragraph(found.headline, width, style=_STYLES.get(found.kind, Style.BAD))]
