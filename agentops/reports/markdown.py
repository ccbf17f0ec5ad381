"""The report as Markdown: a CI step summary, a comment, report.md.

The verdict stands first. What does not fit below the limit is cut by whole rows, section by section; sections on
failures are filled first. Everything that others said is escaped: no markup, link, mention or HTML of theirs works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentops import text
from agentops.model.finding import Severity
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult
from agentops.model.verdict import CriterionResult, Verdict
from agentops.reports import summary
from agentops.text import markdown as _md

# A comment on GitHub or GitLab may hold about 65,000 characters; the caller adds a line or two of its own.
LIMIT = 60_000
# Room for the line that says how much was left out.
_NOTE = 60


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (or none), the lines above its rows, and the rows, which may be cut from the end. `rank` tells which
    section is filled first."""

    rank: int
    title: str
    top: tuple[str, ...]
    rows: tuple[str, ...]

    def frame(self) -> int:
        """Characters that the section takes with no row at all."""
        return len(self.title) + sum(len(line) + 1 for line in self.top) + 8 + _NOTE


def render(run: RunResult, verdict: Verdict) -> str:
    """The whole report, at most LIMIT characters."""
    head = _head(run, verdict)
    return head + "".join(_write(section, rows) for section, rows in _fitted(run, verdict, LIMIT - len(head)))


def whole(run: RunResult, verdict: Verdict) -> frozenset[str]:
    """The titles of the sections of which the report leaves no row out."""
    fitted = _fitted(run, verdict, LIMIT - len(_head(run, verdict)))
    return frozenset(section.title for section, shown in fitted if shown == len(section.rows))


def _fitted(run: RunResult, verdict: Verdict, room: int) -> list[tuple[Section, int]]:
    """Each section with how many of its rows are shown."""
    sections = [s for s in _sections(run, verdict) if s.rows]
    return list(zip(sections, _share(sections, room), strict=True))


def _head(run: RunResult, verdict: Verdict) -> str:
    word = verdict.outcome.value.upper()
    line = verdict.line if verdict.line.upper().startswith(word) else f"{word}: {verdict.line}"
    facts = [
        f"agent {_md(text.one_line(run.agent, 80))}",
        f"image {_md(text.one_line(summary.image_name(run), 80))}",
        f"commit {_md(text.one_line(summary.commit_name(run), 80))}",
        f"environment {_md(text.one_line(run.environment, 80))}",
        "**containerised: no**" if run.containerised is False else f"containerised: {summary.containerised(run)}",
    ]
    facts += [] if run.scope.full else ["**partial run**"]
    notices = [f"> **Note:** {_md(notice)}\n>\n" for notice in run.notices[:10]]
    return f"## {_md(line)}\n\n" + ", ".join(facts) + "\n" + ("\n" + "".join(notices) if notices else "")


def _sections(run: RunResult, verdict: Verdict) -> list[Section]:
    """In reading order."""
    gate = summary.failed_criteria(verdict)
    gate += [r for r in verdict.results if r not in gate]
    errors = [
        _item(f"**{_md(n)}**: {_md(e.message or summary.NO_REASON)}", e.hint) for n, e in summary.stage_errors(run)
    ]
    return [
        _table(1, "Gate", ("outcome", "criterion", "observed", "interval", "bound"), (_criterion(r) for r in gate)),
        _table(7, "Stages", ("outcome", "stage", "measured", "time"), _stages(run)),
        Section(2, "Criteria that did not pass", (), tuple(_reason(r) for r in summary.failed_criteria(verdict))),
        Section(3, "Not measured", (), tuple(errors)),
        _table(4, "Failed cases", ("outcome", "case", "runs", "first reason"), _cases(run)),
        _table(5, "Findings", ("severity", "rule", "place", "message"), _findings(run)),
        _table(6, "Failed checks", ("outcome", "stage", "check", "message"), _checks(run)),
        Section(8, "Also", (), tuple(_aside(run, verdict))),
    ]


def _table(rank: int, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Section:
    top = (f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}")
    return Section(rank, title, top, tuple(f"| {' | '.join(row)} |" for row in rows))


def _item(line: str, hint: str = "") -> str:
    return f"- {line}" + (f" *Hint:* {_md(hint)}" if hint.strip() else "")


def _word(outcome: Outcome) -> str:
    word = summary.outcome_word(outcome)
    return word if word.islower() else f"**{word}**"


def _judged(result: CriterionResult) -> str:
    if result.warned and result.outcome not in (Outcome.PASS, Outcome.FAIL):
        return f"{result.outcome.value} (warned)"
    return _word(result.outcome)


def _criterion(result: CriterionResult) -> tuple[str, ...]:
    values = (summary.observed(result), summary.interval(result), summary.bound(result))
    return (_judged(result), _md(result.name), *map(_md, values))


def _reason(result: CriterionResult) -> str:
    return _item(
        f"{_judged(result)} {_md(result.name)}: {_md(result.reason or summary.NO_REASON)}",
        result.hint,
    )


def _stages(run: RunResult) -> Iterable[tuple[str, ...]]:
    for stage in run.stages:
        word = summary.stage_word(stage)
        shown = word if word.islower() else f"**{word}**"
        yield (
            shown,
            _md(stage.name),
            _md(summary.measured(stage)),
            summary.duration(stage.duration_s),
        )
    for name in summary.missing_stages(run):
        yield "**ERROR**", _md(name), "no result", ""


def _cases(run: RunResult) -> Iterable[tuple[str, ...]]:
    for case in summary.failed_cases(run):
        yield (
            _word(case.outcome),
            _md(case.case_id),
            summary.passed_of(case),
            _md(summary.first_reason(case)),
        )


def _findings(run: RunResult) -> Iterable[tuple[str, ...]]:
    for finding in summary.open_findings(run, Severity.MEDIUM):
        severe = finding.severity.rank >= Severity.HIGH.rank
        word = f"**{finding.severity.value.upper()}**" if severe else finding.severity.value
        yield (
            word,
            _md(finding.rule),
            _md(str(finding.location)),
            _md(finding.message or summary.NO_REASON),
        )


def _checks(run: RunResult) -> Iterable[tuple[str, ...]]:
    for stage, check in summary.failed_checks(run):
        name = f"{check.group}: {check.name}" if check.group else check.name
        yield (
            _word(check.outcome),
            _md(stage),
            _md(name),
            _md(check.message or summary.NO_REASON),
        )


def _aside(run: RunResult, verdict: Verdict) -> Iterable[str]:
    yield from (f"- **warning:** {_md(w)}" for w in verdict.warnings)
    yield from (f"- **no record:** {_md(w)}" for w in verdict.not_recordable)
    if verdict.not_gated:
        yield f"- not gated: {_md(', '.join(verdict.not_gated))}"
    if verdict.out_of_scope:
        yield f"- out of scope: {_md(', '.join(verdict.out_of_scope))}"
    for stage in run.stages:
        yield from (f"- left out: {_md(f'{stage.name}: {what}')}" for what in stage.counts.skipped)
    yield from (f"- note: {_md(notice)}" for notice in summary.other_notices(run))


def _share(sections: Sequence[Section], room: int) -> list[int]:
    """How many rows of each section are shown. In a first round no section takes more than half of what is left, so
    that a thousand failed cases do not push out the findings; in a second what is still free is given away."""
    left = room - sum(s.frame() for s in sections)
    taken = [0] * len(sections)
    for half in (2, 1):
        for i in sorted(range(len(sections)), key=lambda i: sections[i].rank):
            quota = left // half
            for row in sections[i].rows[taken[i] :]:
                if len(row) + 1 > quota:
                    break
                quota -= len(row) + 1
                left -= len(row) + 1
                taken[i] += 1
    return taken


def _write(section: Section, shown: int) -> str:
    lines = ["", f"### {section.title}", "", *section.top, *section.rows[:shown]]
    if shown < len(section.rows):
        lines += ["", f"*and {len(section.rows) - shown} more in run.json*"]
    return "\n".join(lines) + "\n"
