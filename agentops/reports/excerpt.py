"""A finding with its place: the source line, a caret under what is meant, and the mend. Safe text at any width."""

from __future__ import annotations

from agentops.model.finding import Finding, Severity
from agentops.reports.layout import Line, Span, Style, flow, paragraph
from agentops.text import clean, fit, said
from agentops.text import width as columns_of

_INDENT = 4
_TAB = 4
# So much of the line is shown before the place where the line is too long.
_BEFORE = 20


def shown(finding: Finding, width: int) -> list[Line]:
    """The finding in a few lines of at most `width` columns: what it is, where it is, how to mend it."""
    severity = finding.severity
    style = Style.BAD if severity.rank >= Severity.HIGH.rank else Style.DOUBT
    word = severity.value.upper() if style is Style.BAD else severity.value
    place = said(str(finding.location), 120)
    head = [Span(f"  {place}", Style.STRONG), Span(f"{said(finding.rule, 60)} {word}", style)]
    message = said(finding.message) or "no reason was recorded"
    used = sum(columns_of(s.text) for s in head) + 4
    if used + columns_of(message) <= width:
        lines: list[Line] = [(head[0], Span("  "), head[1], Span("  "), Span(message))]
    else:
        lines = [*flow(head, width), *paragraph(message, width, indent=_INDENT)]
    if finding.waiver is not None:
        return [*lines, *paragraph(said(finding.waiver), width, indent=_INDENT, label="waived: ", style=Style.FAINT)]
    for text, text_style in _excerpt(finding, width - _INDENT):
        lines.append((Span(" " * _INDENT), Span(text, text_style)))
    if finding.hint.strip():
        lines += paragraph(said(finding.hint), width, indent=_INDENT, label="mend: ", style=Style.FAINT)
    return lines


def _excerpt(finding: Finding, room: int) -> list[tuple[str, Style]]:
    """The line and the caret below it; the line alone where no column is known."""
    if not finding.excerpt.strip():
        return []
    column = finding.location.column
    if column is None or column > len(finding.excerpt):
        return [(_defused(fit(_safe(finding.excerpt.strip()), room)), Style.PLAIN)]
    before, meant, after = _parts(finding.excerpt, column - 1, finding.location.end_column)
    indent = len(before) - len(before.lstrip(" "))
    before = before[indent:]
    if columns_of(before + meant + after) > room and columns_of(before) > _BEFORE:
        before = "…" + _end(before, _BEFORE - 1)
    line = fit(before + meant + after, room)
    start = columns_of(before)
    length = max(min(columns_of(meant), room - start), 1)
    return [(_defused(line), Style.PLAIN), (" " * start + "^" * length, Style.DOUBT)]


def _parts(line: str, start: int, end: int | None) -> tuple[str, str, str]:
    stop = min(max(end if end is not None else start + 2, start + 2) - 1, len(line))
    before = _safe(line[:start])
    meant = _safe(line[start:stop], at=columns_of(before))
    return before, meant, _safe(line[stop:], at=columns_of(before + meant))


def _safe(text: str, *, at: int = 0) -> str:
    """One line without control characters; tabs become spaces up to the next stop, counted from column `at`."""
    parts: list[str] = []
    used = at
    for n, part in enumerate(clean(text).replace("\n", " ").split("\t")):
        if n:
            gap = _TAB - used % _TAB
            parts.append(" " * gap)
            used += gap
        parts.append(part)
        used += columns_of(part)
    return "".join(parts)


def _end(text: str, columns: int) -> str:
    """The longest end of the text that fits."""
    used = 0
    for n in range(len(text) - 1, -1, -1):
        used += columns_of(text[n])
        if used > columns:
            return text[n + 1 :]
    return text


def _defused(text: str) -> str:
    """No command to a CI system that reads the log, at the same width."""
    return text.replace("##", "#.") if "##" in text and "[" in text else text
