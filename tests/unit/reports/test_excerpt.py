"""A finding with its source line: the caret stands under what is meant, at any width and in any script."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich_run import rich_run, rich_verdict

from agentops.model.finding import Confidence, Finding, Location, Severity
from agentops.reports import console, excerpt
from agentops.reports.layout import paint
from agentops.text import width as columns_of


def finding(line: str, column: int, end: int | None, **more: object) -> Finding:
    where = Location("prompts/a.txt", 7, column, end)
    base = Finding("PT002", Severity.HIGH, Confidence.HIGH, "it shares one text", where, "f", "split it", line)
    return replace(base, **more)  # type: ignore[arg-type]


def shown(found: Finding, width: int = 80) -> list[str]:
    return paint(excerpt.shown(found, width), colour=False).splitlines()


def test_place_rule_severity_message_line_caret_mend() -> None:
    assert shown(finding("Reply to {question} now", 10, 20)) == [
        "  prompts/a.txt:7:10  PT002 HIGH  it shares one text",
        "    Reply to {question} now",
        "             ^^^^^^^^^^",
        "    mend: split it",
    ]


@pytest.mark.parametrize(
    ("line", "hole"),
    [
        ("返金について {x} です", "{x}"),
        ("a\tb\t{x}", "{x}"),
        ("\t\t{x}", "{x}"),
        ("   {名前}さん", "{名前}"),
        ("e\u0301e\u0301 {x}", "{x}"),
        ("x" * 300 + "{hole}" + "y" * 300, "{hole}"),
        ("語" * 300 + "{穴}" + "語" * 300, "{穴}"),
    ],
)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_caret_stands_under_the_hole(line: str, hole: str, width: int) -> None:
    at = line.index(hole)
    lines = shown(finding(line, at + 1, at + 1 + len(hole)), width)
    text, caret = lines[-3], lines[-2]
    assert set(caret.strip()) == {"^"}
    assert columns_of(caret.strip()) == columns_of(hole)
    start = columns_of(text[: text.index(hole)])
    assert start == len(caret) - len(caret.lstrip())
    assert all(columns_of(one) <= width for one in lines)


def test_without_a_column_only_the_line_is_shown_and_without_a_line_nothing() -> None:
    place = Location("a.txt", 3)
    assert shown(finding("  text", 1, None, location=place))[1] == "    text"
    assert len(shown(finding("", 1, None))) == 2


def test_a_waived_one_says_why_and_shows_no_source() -> None:
    lines = shown(finding("Reply to {q}", 10, 13, waiver="inline: we know"))
    assert lines[1:] == ["    waived: inline: we know"]


@given(st.text(max_size=120), st.integers(1, 130), st.integers(0, 140), st.integers(30, 100))
def test_no_line_is_wide_or_obeyed(line: str, column: int, length: int, width: int) -> None:
    line = line.replace("\n", " ")
    found = finding(line + "\x1b[2J\u202e##[error]x", column, column + length)
    for one in shown(found, width):
        assert columns_of(one) <= width
        assert "\x1b" not in one
        assert "\u202e" not in one
        assert "##[" not in one


def test_fifty_are_shown_and_the_rest_counted() -> None:
    run = rich_run()
    prompts = next(s for s in run.stages if s.name == "prompts")
    many = tuple(finding("a {x}", 3, 6, fingerprint=str(n)) for n in range(60))
    other = replace(run, stages=(replace(prompts, findings=many),))
    text = console.render(other, rich_verdict(), width=60)
    assert text.count("^^^") == 50
    assert "and 10 more in run.json" in text
    assert "\x1b" not in text
    assert "\x1b[" in console.render(other, rich_verdict(), width=60, colour=True)
