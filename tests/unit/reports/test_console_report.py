"""The report in the terminal: complete, readable at every width, safe whatever the texts are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich_run import case, finding, rich_run, rich_verdict, runs
from unsafe_run import run_saying, texts, verdict_saying

from agentops.model.finding import Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, StageResult
from agentops.model.verdict import CriterionResult, Verdict
from agentops.reports import markdown
from agentops.reports.console import render
from agentops.reports.layout import wrap
from agentops.text import said
from agentops.text import width as columns_of

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("width", [40, 80, 140])
def test_golden(width: int, golden: Callable[[str, str], None]) -> None:
    golden(f"console-{width}.txt", render(rich_run(), rich_verdict(), width=width))


def test_golden_in_colour(golden: Callable[[str, str], None]) -> None:
    golden("console-80-colour.txt", render(rich_run(), rich_verdict(), colour=True))


@pytest.mark.parametrize("width", [30, 40, 79, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    report = render(rich_run(), rich_verdict(), width=width)
    assert max(columns_of(line) for line in report.splitlines()) <= width


def test_colour_changes_nothing_but_colour() -> None:
    coloured = render(rich_run(), rich_verdict(), colour=True)
    assert "\x1b[1;31mFAIL\x1b[0m" in coloured
    assert ANSI.sub("", coloured) == render(rich_run(), rich_verdict())


def test_the_verdict_is_the_last_thing_one_sees() -> None:
    report = render(rich_run(), rich_verdict(), width=200)
    assert report.splitlines()[-1] == rich_verdict().line


def test_a_verdict_line_without_the_word_gets_it() -> None:
    report = render(rich_run(), replace(rich_verdict(), line="two criteria failed"))
    assert report.endswith("\nFAIL: two criteria failed\n")


def test_the_head_tells_in_plain_sight_what_weakens_the_run() -> None:
    head = render(rich_run(), rich_verdict()).split("\n\n")[0]
    assert "containerised: no" in head
    assert "note: the model is played from a script" in head
    assert "partial run" not in head
    partial = replace(rich_run(), scope=replace(rich_run().scope, full=False))
    assert "partial run" in render(partial, rich_verdict()).split("\n\n")[0]


def test_a_stage_says_measured_and_never_pass() -> None:
    stages = _section(render(rich_run(), rich_verdict()), "Stages")
    assert "measured  code" in stages
    assert "1 critical" in stages
    assert "pass" not in stages


def test_a_stage_without_a_result_is_an_error() -> None:
    report = render(rich_run(), rich_verdict())
    assert re.search(r"ERROR +load +no result", _section(report, "Stages"))
    assert "the stage was in scope and left no result" in _section(report, "Not measured")


def test_failed_criteria_stand_first_and_those_let_through_last() -> None:
    section = _section(render(rich_run(), rich_verdict()), "Criteria that did not pass")
    words = [line.split()[0] for line in section.splitlines()[1:] if re.match(r"  \w", line)]
    # An ERROR would only repeat the stages' errors, which stand in a section of their own.
    assert words == ["FAIL", "FAIL", "INCONCLUSIVE", "inconclusive"]
    assert "hint: raise evals.runs to 12" in section


def test_a_fail_is_never_shown_as_let_through() -> None:
    result = CriterionResult("x <= 0", "x", Outcome.FAIL, "too many", 1.0, bound=0.0, warned=True)
    report = render(rich_run(), replace(rich_verdict(), results=(result,)))
    assert "FAIL  x <= 0" in report
    assert "warned" not in _section(report, "Gate")


def test_a_gate_without_criteria_says_so() -> None:
    assert "no criterion was judged" in render(rich_run(), replace(rich_verdict(), results=()))


def test_at_most_ten_findings_are_shown_worst_first_without_waived_and_mild_ones() -> None:
    many = tuple(finding(f"R{i:02}", Severity.MEDIUM, f"f{i}.py", "m") for i in range(12))
    worst = finding("R99", Severity.CRITICAL, "z.py", "m")
    extra = (finding("LOW1", Severity.LOW, "a.py", "m"), finding("WAIVED1", Severity.HIGH, "a.py", "m", waiver="ops"))
    stage = StageResult("code", Outcome.PASS, Counts(1, 1), findings=(*many, worst, *extra))
    section = _section(render(replace(rich_run(), stages=(stage,)), rich_verdict()), "Findings")
    assert section.splitlines()[1].split()[:2] == ["CRITICAL", "R99"]
    assert "and 3 more in run.json" in section
    assert "LOW1" not in section
    assert "WAIVED1" not in section


def test_what_is_cut_is_looked_for_in_the_readable_report_where_that_holds_it() -> None:
    many = tuple(finding(f"R{i:02}", Severity.MEDIUM, f"f{i}.py", "m") for i in range(12))
    run = replace(rich_run(), stages=(StageResult("code", Outcome.PASS, Counts(1, 1), findings=many),))
    whole = markdown.whole(run, rich_verdict())
    assert "and 2 more in report.md" in _section(render(run, rich_verdict(), whole=whole), "Findings")
    wide = tuple(replace(f, message="m" * 400) for _ in range(40) for f in many)
    run = replace(run, stages=(StageResult("code", Outcome.PASS, Counts(1, 1), findings=wide),))
    whole = markdown.whole(run, rich_verdict())
    assert "Findings" not in whole
    assert "more in run.json" in _section(render(run, rich_verdict(), whole=whole), "Findings")


def test_a_failed_case_shows_three_lines_of_its_reason() -> None:
    attempts = runs("refund", "FFF", " ".join(f"word{i}" for i in range(60)))
    stage = StageResult("evals", Outcome.PASS, cases=(case("refund", Outcome.FAIL, attempts, needed=2),))
    section = _section(render(replace(rich_run(), stages=(stage,)), rich_verdict()), "Failed cases   1 of 1 case")
    assert len([line for line in section.splitlines() if "word" in line]) == 3
    assert section.rstrip().endswith("…")


def test_a_failed_case_tells_runs_and_the_first_failed_assertion() -> None:
    attempts = runs("refund", "PFF", "'shipped' is missing")
    stage = StageResult("evals", Outcome.PASS, cases=(case("refund", Outcome.FAIL, attempts, needed=2),))
    section = _section(render(replace(rich_run(), stages=(stage,)), rich_verdict()), "Failed cases   1 of 1 case")
    assert "refund  1/3 passed, 2 needed" in section
    assert "contains: 'shipped' is missing" in section


def test_nothing_failed_shows_no_failure_sections() -> None:
    stage = StageResult("evals", Outcome.PASS, Counts(5, 5), cases=(case("a", Outcome.PASS, runs("a", "PPPPP", "")),))
    run = replace(rich_run(), stages=(stage,), scope=replace(rich_run().scope, stages=("evals",)), notices=())
    result = CriterionResult("pass_rate >= 0.85", "pass_rate", Outcome.PASS, "fine", 1.0, 0.9, None, 0.85)
    report = render(run, Verdict("r", Outcome.PASS, "PASS: all of it", (result,), "ci"))
    assert re.findall(r"^[A-Z]\w+", report, re.MULTILINE) == ["Stages", "Gate", "PASS"]


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(30, 150), st.booleans())
def test_any_text_anywhere_keeps_the_terminal_safe(value: str, width: int, colour: bool) -> None:
    report = render(run_saying(value), verdict_saying(value), width=width, colour=colour)
    plain = ANSI.sub("", report) if colour else report
    assert not [c for c in plain if c != "\n" and unicodedata.category(c) in ("Cc", "Cs")]
    for line in plain.split("\n"):
        assert columns_of(line) <= width
        assert not line.lstrip().startswith("::"), "GitHub would obey this line"
        assert not re.search(r"##\w*\[", line), "Azure would obey this line"


@given(st.text(max_size=200), st.integers(2, 60))
def test_wrapping_loses_nothing(value: str, columns: int) -> None:
    lines = wrap(said(value), columns)
    assert "".join("".join(lines).split()) == "".join(said(value).split())
    assert all(columns_of(line) <= columns for line in lines)


def _section(report: str, title: str) -> str:
    found = [s for s in report.split("\n\n") if s.startswith(title)]
    assert len(found) == 1, f"{title}: {len(found)} sections"
    return found[0]
