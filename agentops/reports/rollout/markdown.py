"""A rollout as Markdown: a job's summary, a comment. What others said is escaped: no markup, link or mention works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentops.model.rollout import Phase
from agentops.reports.rollout import owner as owners
from agentops.reports.rollout import view as views
from agentops.reports.rollout.outcome import Kind, image_name, outcome, why
from agentops.reports.rollout.told import brief, clock, day, length, rows
from agentops.reports.rollout.view import Mark, View
from agentops.text import markdown as _md

LIMIT = 60_000
"""A comment on GitHub or GitLab may hold about 65,000 characters; the caller adds a line or two of its own."""

_ENTRIES = 100
_NAMED = 40
_ASIDES = 15_000
_ROWS = 40
_SIGNS = {Mark.DONE: "✓ ", Mark.CURRENT: "▶ ", Mark.STOPPED: "✗ ", Mark.AHEAD: "", Mark.NOT_REACHED: ""}


def render(view: View) -> str:
    """The whole report, at most LIMIT characters; of a long journal the first lines are left out."""
    state, found = view.state, outcome(view.state)
    head = [f"## {_md(found.headline)}", "", _facts(view), ""]
    if found.reason:
        kind = "" if found.kind is Kind.ROLLBACK_FAILED else why(state)
        head += [f"**{_md(kind or 'reason')}:** {_md(found.reason)}", ""]
    if state.frozen:
        head += [f"**FROZEN:** {_md(state.frozen)}", ""]
    if state.broke_glass:
        head += [f"> **Without a record:** {_md(state.broke_glass)}", ""]
    if found.hint:
        head += [f"*Hint:* {_md(found.hint)}", ""]
    parts = [*head, *_path(view), *_owner(view), *_versions(view), *_asides(view)]
    text = "\n".join(parts)
    return text + _journal(view, LIMIT - len(text))


def _facts(view: View) -> str:
    s = view.state
    end = views.ended_at(s)
    began = f"began {day(s.began_at)} {clock(s.began_at)}" if s.began_at else ""
    ran = length(max((end or view.now) - s.began_at, 0.0)) + (" in all" if end else " so far")
    facts = [
        f"image {_md(image_name(s.image))}",
        f"before {_md(image_name(s.before))}",
        f"environment {_md(s.environment)}",
        f"namespace {_md(s.namespace)}",
        f"traffic {_md(s.plan.traffic)}",
        "" if owners.owner(s) else f"strategy {_md(s.plan.strategy)}",
        f"rollout {_md(s.id)}",
        f"{began}, {ran}" if began else "",
    ]
    return ", ".join(filter(None, facts))


def _path(view: View) -> list[str]:
    stops = views.path(view)
    shown = [_SIGNS[s.mark] + (f"**{_md(s.name)}**" if s.mark in _LOUD else _md(s.name)) for s in stops]
    lines = ["### Path", "", " → ".join(shown), ""]
    if not view.state.phase.ended:
        limit = views.limit_s(view)
        at_most = f" of at most {length(limit)}" if limit else ""
        told = f"in {view.state.phase.value} for {length(views.age_s(view))}{at_most}"
        counted = views.seen(view)
        seen = f", {counted} of {view.state.plan.needed} samples" if counted is not None else ""
        awaited = f"; awaited: {_md(brief(view.state.awaiting))}" if view.state.awaiting else ""
        lines += [told + seen + awaited, ""]
    return lines


def _owner(view: View) -> list[str]:
    """Who decided where agentops did not."""
    found = owners.owner(view.state)
    if found is None:
        return []
    return ["### Owner", "", *(f"- {label}: {_md(text)}" for label, text in owners.lines(found)), ""]


_LOUD = (Mark.CURRENT, Mark.STOPPED)


def _versions(view: View) -> list[str]:
    found = rows(view)
    if not found:
        return []
    cells = [(_md(row.name), _md(row.canary), _md(row.stable)) for row in found[:_ROWS]]
    return ["### Versions", "", *_table(("", "canary", "stable"), cells), ""]


def _asides(view: View) -> list[str]:
    s = view.state
    lines = [f"- approved by {_md(a.who)}: {_md(a.why or 'no reason given')} ({clock(a.at)})" for a in s.approvals]
    lines += [f"- **warning:** {_md(warning)}" for warning in s.plan.warnings[:_NAMED]]
    if s.record:
        lines.append(f"- record {_md(s.record[:12])}")
    if outcome(s).kind is Kind.ROLLBACK_FAILED:
        named = [f"{touched.kind} {touched.name}" for touched in s.touched[:_NAMED]]
        lines.append(f"- objects that it touched: {_md(', '.join(named) or 'none is known')}")
    shown, room = [], _ASIDES
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            shown.append("- *and more in the JSON document*")
            break
        shown.append(line)
    return ["### Also", "", *shown, ""] if shown else []


def _journal(view: View, room: int) -> str:
    """The journal, in a part that unfolds; its last lines where there is no room for all."""
    head = ["", "<details><summary>Journal</summary>", "", *_table(("time", "phase", "what"), ())]
    tail = "\n\n</details>\n"
    kept: list[str] = []
    left = room - len("\n".join(head)) - len(tail) - _NAMED
    entries = view.state.entries[-_ENTRIES:]
    for entry in reversed(entries):
        row = f"| {clock(entry.at)} | {_phase(entry.phase)} | {_md(brief(entry.text, 400))} |"
        left -= len(row) + 1
        if left < 0:
            break
        kept.append(row)
    if not kept:
        return ""
    more = len(view.state.entries) - len(kept)
    note = f"\n\n*and {more} earlier*" if more else ""
    return "\n".join([*head, *reversed(kept)]) + note + tail


def _phase(phase: Phase) -> str:
    return f"**{phase.value}**" if phase in (Phase.ABORTING, Phase.ABORTED) else phase.value


def _table(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *(f"| {' | '.join(row)} |" for row in cells)]
