"""A comparison of two runs for people: in a terminal, and as Markdown. Every text of others is made safe here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from agentops.reports import summary
from agentops.reports.compare import CONFIDENCE, TEST, Comparison, Percentile, Side, Spent
from agentops.reports.layout import BLANK, Entry, Line, Span, Style, entries, flow, paint, paragraph
from agentops.stats.compare import CaseChange, Change
from agentops.text import markdown as _md
from agentops.text import said

NARROWEST = 30
MOST = 15
# What a comment on a pull request takes is about 65,000 characters; a row here takes some 500 at most.
_MOST_ROWS = 60
_NAMED = 8
_UNCLEAR = "unclear"
# Half of all pairs of runs without a change differ as much, or more.
_RULE = 0.5
_STYLES = {
    Change.NEWLY_FAILING: Style.BAD,
    Change.SUSPECT: Style.DOUBT,
    Change.FIXED: Style.GOOD,
    Change.PERHAPS_FIXED: Style.PLAIN,
    Change.NOISE: Style.FAINT,
}
_WORSE = (Change.NEWLY_FAILING, Change.SUSPECT)
_USAGE = {"input_tokens": "tokens in", "output_tokens": "tokens out", "cost_usd": "cost in USD"}
_COLUMNS = ("", "before", "after")


def render(found: Comparison, *, width: int = 80, colour: bool = False) -> str:
    """The comparison for a terminal, at most `width` columns wide (at least 30), each line ended by a newline."""
    width = max(width, NARROWEST)
    sections = [_head(found, width), _cases(found, width), _measures(found, width), _aside(found, width)]
    lines: list[Line] = []
    for section in sections:
        lines += [*section, BLANK] if section else []
    style = Style.BAD if found.of(Change.NEWLY_FAILING) or found.has_lost else Style.STRONG
    lines += [(Span("-" * width, Style.FAINT),), *paragraph(summed_up(found), width, style=style)]
    return paint(lines, colour=colour)


def markdown(found: Comparison) -> str:
    """The comparison as Markdown: the sum of it first, then the cases that differ, then times and use."""
    shown = _differing(found)
    parts = [f"## {_md(summed_up(found))}\n"]
    parts += [f"{name}: {_md(_side(side))}  " for name, side in (("before", found.before), ("after", found.after))]
    parts += ["", *(f"> **Note:** {_md(notice)}\n>" for notice in found.notices[:MOST]), ""]
    if shown:
        rows = ((_word(c), _md(c.case_id), *_told(c), _md(_reason(found, c))) for c in shown[:_MOST_ROWS])
        parts += ["### Cases", "", *_table(("change", "case", "runs passed", "p", "first reason"), rows), ""]
        parts += [f"*and {len(shown) - _MOST_ROWS} more*\n"] if len(shown) > _MOST_ROWS else []
        parts += [f"{TEST}.\n"]
    parts += [f"- {_md(label)}: {_md(', '.join(ids[:MOST]))}{_rest(ids, MOST)}" for label, ids in _named(found)]
    rows_of = ((_md(name), _md(old), _md(now)) for name, old, now in _rows(found))
    parts += ["", "### Times and use", "", *_table(("a run", "before", "after"), rows_of)]
    return "\n".join(parts).rstrip() + "\n"


def summed_up(found: Comparison) -> str:
    """One line: how many cases became what, and the loss on the whole."""
    words = Counter(word(case) for case in found.cases)
    always = (Change.NEWLY_FAILING.value, Change.FIXED.value)
    counts = [f"{words[w]} {w}" for w in _words() if words[w] or w in always]
    what = "; ".join([f"{summary.count(len(found.cases), 'case')} compared: {', '.join(counts)}", _loss(found)])
    return f"{what}; {summary.count(len(found.changed), 'case')} not compared, changed" if found.changed else what


def _loss(found: Comparison) -> str:
    loss = found.loss
    if loss.loss is None:
        return "too few runs to tell the loss of pass rate"
    low, high = 100 * loss.low, 100 * loss.high
    told = f"{100 * loss.loss:+.1f} points of pass rate lost ({low:+.1f} to {high:+.1f}, 95 % each side)"
    if found.has_lost and not found.of(Change.NEWLY_FAILING):
        return f"{told}: a loss, though the runs are too few to say of which cases"
    return told


def _head(found: Comparison, width: int) -> list[Line]:
    lines = flow([Span(f"agentops compare {said(found.after.agent, 80)}", Style.STRONG)], width)
    for label, side in (("before: ", found.before), ("after:  ", found.after)):
        lines += paragraph(said(_side(side), 600), width, label=label)
    for notice in found.notices[:MOST]:
        lines += paragraph(said(notice), width, label="note: ", style=Style.DOUBT)
    return lines


def _side(side: Side) -> str:
    facts = [side.id, side.started_at[:19], f"image {side.image}", f"commit {side.commit}"]
    facts += [f"model {', '.join(side.models[:3])}"] if side.models else []
    rate = "not measured" if side.rate is None else f"{100 * side.rate:.1f} % passed"
    return ", ".join([*facts, f"{rate} ({summary.count(side.attempts, 'run')} of {summary.count(side.cases, 'case')})"])


def _differing(found: Comparison) -> list[CaseChange]:
    return [c for c in found.cases if c.change is not Change.SAME]


def _cases(found: Comparison, width: int) -> list[Line]:
    shown = _differing(found)
    same = len(found.cases) - len(shown)
    title = [Span("Cases that differ", Style.STRONG), Span(f"{len(shown)} of {len(found.cases)}", Style.FAINT)]
    if not shown:
        return flow([Span(f"No case differs: {same} of {same} passed as often as before", Style.STRONG)], width)
    rows = []
    for case in shown[:MOST]:
        word = Span(_word(case), _STYLES.get(case.change, Style.PLAIN))
        runs, p = _told(case)
        head = (word, Span(said(case.case_id, 110)), Span(runs), Span(p, Style.FAINT))
        rows.append(Entry(head, said(_reason(found, case))))
    lines = [*flow(title, width), *entries(rows, width, most=1)]
    if len(shown) > MOST:
        lines.append((Span(f"  and {len(shown) - MOST} more; --format json tells all", Style.FAINT),))
    return [*lines, *paragraph(f"{TEST}; the second p is the corrected one.", width, indent=2, style=Style.FAINT)]


def word(case: CaseChange) -> str:
    """What became of a case, in a word. A difference that is not shown is called noise only where one as large is the
    rule without any change; else nobody knows."""
    return _UNCLEAR if case.change is Change.NOISE and case.p < _RULE else str(case.change.value)


def _words() -> Iterator[str]:
    for change in Change:
        if change is Change.NOISE:
            yield _UNCLEAR
        yield change.value


def _word(case: CaseChange) -> str:
    told = word(case)
    return told.upper() if case.change is Change.NEWLY_FAILING else told


def _told(case: CaseChange) -> tuple[str, str]:
    """How often it passed, and the p-values."""
    runs = " -> ".join(f"{c.passed}/{c.measured}" for c in (case.before, case.after))
    return runs, f"p {case.p:.2g}, {case.adjusted:.2g}"


def _reason(found: Comparison, case: CaseChange) -> str:
    return found.reasons.get(case.case_id, "") if case.change in (*_WORSE, Change.NOISE) else ""


def _measures(found: Comparison, width: int) -> list[Line]:
    """A table where it fits, a line a value where it does not."""
    rows = [_COLUMNS, *_rows(found)]
    sizes = [max(len(row[i]) for row in rows) for i in range(3)]
    title = flow([Span("Times and use of a run", Style.STRONG)], width)
    if 2 + sum(sizes) + 4 <= width:
        lines = ["  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)) for row in rows]
        return [*title, *((Span("  " + line),) for line in lines)]
    for name, old, now in rows[1:]:
        title += paragraph(name, width, indent=2)
        title += [line for t in (f"before {old}", f"after {now}") for line in paragraph(t, width, indent=4)]
    return title


def _rows(found: Comparison) -> list[tuple[str, str, str]]:
    rows = [(f"p{round(100 * q)} in s", _seconds(old), _seconds(now)) for q, old, now in found.latency]
    told = [str(side[0].values) for side in zip(*(pair[1:] for pair in found.latency), strict=True)]
    rows.append(("timed", told[0], told[1]))
    return rows + [(_USAGE[name], _spent(old), _spent(now)) for name, old, now in found.usage]


def _seconds(found: Percentile) -> str:
    if found.value is None:
        return "not told"
    low = f"{found.low:.3g}" if found.low else "no bound"
    high = f"{found.high:.3g}" if math.isfinite(found.high) else "no bound"
    return f"{found.value:.3g} ({low} to {high})"


def _spent(spent: Spent) -> str:
    if spent.mean is None:
        return "not told"
    return f"{spent.mean:.4g} (total {spent.total:.6g}, {spent.told} told)"


def _named(found: Comparison) -> list[tuple[str, Sequence[str]]]:
    """Cases that are not in the comparison, by why."""
    every = (
        ("changed, not compared", found.changed),
        ("not measured on a side", found.unmeasured),
        ("only in the first run", found.gone),
        ("only in the second run", found.new),
        ("too few runs for the loss", found.loss.short),
    )
    return [(label, ids) for label, ids in every if ids]


def _aside(found: Comparison, width: int) -> list[Line]:
    lines: list[Line] = []
    for label, ids in _named(found):
        shown = said(", ".join(ids[:_NAMED]), 900) + _rest(ids, _NAMED)
        lines += paragraph(shown, width, label=f"{label}: ", style=Style.DOUBT)
    if found.blind:
        text = f"{summary.count(found.blind, 'case')} could not show a change: too few runs, even from all to none"
        lines += paragraph(text, width, label="note: ", style=Style.DOUBT)
    bounds = f"The bounds of a percentile hold with {100 * CONFIDENCE:g} % each, by order statistics."
    return [*lines, *paragraph(bounds, width, style=Style.FAINT)]


def _rest(ids: Sequence[str], most: int) -> str:
    return f" and {len(ids) - most} more" if len(ids) > most else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    head = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return head + [f"| {' | '.join(row)} |" for row in rows]
