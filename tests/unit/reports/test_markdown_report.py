"""The Markdown report: the verdict first, nothing of others takes effect, cut where it must be cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from rich_run import case, finding, rich_run, rich_verdict, runs
from unsafe_run import run_saying, texts, verdict_saying

from agentops.model.finding import Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Check, Counts, StageResult
from agentops.reports.markdown import LIMIT, render


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("report.md", render(rich_run(), rich_verdict()))


def test_the_verdict_is_first_and_weaknesses_follow() -> None:
    lines = render(rich_run(), rich_verdict()).splitlines()
    assert lines[0].startswith("## FAIL: 2 of 7 criteria failed")
    assert "**containerised: no**" in lines[2]
    assert lines[4].startswith("> **Note:** the model is played from a script")


def test_nothing_that_was_said_takes_effect() -> None:
    text = render(run_saying("<b>x</b> [a](http://x) @all www.x.example |"), verdict_saying("`x` &lt; ![i](u) # h"))
    assert "<b>" not in text
    assert "](" not in text.replace("\\](", "").replace("\\]\\(", "")
    assert "@all" not in text
    assert "http://" not in text
    assert "www." not in text
    assert "&lt;" not in text


def test_a_report_that_is_too_long_is_cut_by_rows_and_keeps_every_kind_of_failure() -> None:
    reason = "x" * 300
    cases = tuple(case(f"case-{i}", Outcome.FAIL, runs("c", "F", reason)) for i in range(500))
    findings = tuple(finding(f"R{i}", Severity.HIGH, "f.py", reason) for i in range(500))
    checks = tuple(Check(f"t{i}", Outcome.FAIL, reason) for i in range(500))
    stage = StageResult("evals", Outcome.PASS, Counts(1, 1), findings=findings, cases=cases, checks=checks)
    text = render(replace(rich_run(), stages=(stage,)), rich_verdict())
    assert LIMIT - 1000 < len(text) <= LIMIT
    for title in ("Gate", "Stages", "Failed cases", "Findings", "Failed checks"):
        (section,) = re.findall(rf"### {title}\n(.*?)(?=\n### |\Z)", text, re.DOTALL)
        rows = [row for row in section.strip().splitlines()[2:] if row and not row.startswith("*and")]
        assert rows, f"{title} was cut to nothing"
        assert all(row.startswith("| ") and row.endswith(" |") for row in rows)
    (told,) = re.findall(r"and (\d+) more", re.findall(r"### Failed cases.*?(?=\n### )", text, re.DOTALL)[0])
    assert int(told) + text.count("case\\-") == 500


@settings(max_examples=60, deadline=None)
@given(texts)
def test_any_text_anywhere_keeps_tables_and_limit(value: str) -> None:
    text = render(run_saying(value * 40), verdict_saying(value * 40))
    assert len(text) <= LIMIT
    text.encode()
    columns = 0
    for line in text.split("\n"):
        cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        columns = columns or cells if line.startswith("| ") else 0
        assert cells == columns, line
