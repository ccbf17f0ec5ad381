"""A rollout as Markdown: the outcome first, nothing that was said takes effect, never too long."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from some_rollouts import T0, all_kinds, saying, state, under_way
from unsafe_run import texts

from agentops.model.rollout import Entry, Phase, Sample, Touched
from agentops.reports.rollout.markdown import LIMIT, render
from agentops.reports.rollout.view import View


@pytest.mark.parametrize("name", ["harm", "under-way"])
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"rollout-{name}.md", render(all_kinds()[name]))


@pytest.mark.parametrize(
    ("name", "start"),
    [("done", "## DONE: "), ("harm", "## ROLLED BACK: "), ("stuck", "## ROLLBACK FAILED: "),
     ("inconclusive", "## INCONCLUSIVE: "), ("asked", "## ABORTED by jo")],
)  # fmt: skip
def test_the_outcome_is_first(name: str, start: str) -> None:
    assert render(all_kinds()[name]).startswith(start)


def test_nothing_that_was_said_takes_effect() -> None:
    text = render(saying("<b>x</b> [a](http://x) @all www.x.example | `c` ## h"))
    assert not re.search(r"(?<!\\)<b>|@all|http://|www\.|(?<!\\)`", text)
    assert "](" not in text.replace("\\](", "").replace("\\]\\(", "")


@settings(max_examples=40, deadline=None)
@given(texts)
def test_any_text_keeps_tables_and_limit(value: str) -> None:
    text = render(saying(value * 40))
    assert len(text) <= LIMIT
    text.encode()
    columns = 0
    for line in text.split("\n"):
        cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        columns = columns or cells if line.startswith("| ") else 0
        assert not line.startswith("| ") or cells == columns, line


def test_a_long_journal_keeps_its_last_lines() -> None:
    entries = tuple(Entry(T0 + i, Phase.CANARY, f"line {i} " + "x" * 390) for i in range(300))
    text = render(View(state(entries=entries), T0 + 400))
    assert "line 299 " in text
    assert "line 200 " in text
    assert "line 199 " not in text
    assert "*and 200 earlier*" in text
    assert text.endswith("</details>\n")


def test_no_rollout_is_too_long() -> None:
    loud = "&" * 600
    entries = tuple(Entry(T0 + i, Phase.CANARY, f"line {i} {loud}") for i in range(300))
    plan = replace(state().plan, warnings=(loud,) * 60)
    many = state(entries=entries, plan=plan, approvals=state().approvals * 90, frozen=loud, reason=loud, image=loud,
                 touched=(Touched(loud, loud),) * 90, rollback_failed=loud, broke_glass=loud)  # fmt: skip
    look = Sample(T0, None, None, slos={f"{i}{loud}": (0.1, 0.2) for i in range(200)})
    text = render(View(many, T0 + 400, None, look))
    assert len(text) <= LIMIT
    assert "and more in the JSON document" in text
    assert "line 299 " in text


def test_where_it_stands_is_told_while_it_is_under_way() -> None:
    text = render(under_way())
    assert "in canary for 2 min 14 s of at most 20 min 0 s, 87 of 149 samples; awaited: 87 of 149 requests" in text
    assert "**FROZEN:**" in render(replace(under_way(), state=state(frozen="no metrics")))
