"""A rollout in the terminal: whole at every width, safe whatever was said, and never repeated in a log."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some_rollouts import HARM, T0, all_kinds, ended, saying, state, under_way
from unsafe_run import texts

from agentops.model.rollout import Entry, Phase, Sample
from agentops.reports.rollout.console import redrawn, render, screen
from agentops.reports.rollout.outcome import outcome
from agentops.reports.rollout.told import Lines
from agentops.text import width as columns_of

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("width", [60, 110])
def test_golden_under_way(width: int, golden: Callable[[str, str], None]) -> None:
    golden(f"rollout-{width}.txt", render(all_kinds()["frozen"], width=width))


def test_golden_in_colour(golden: Callable[[str, str], None]) -> None:
    golden("rollout-80-colour.txt", render(under_way(), colour=True))


@pytest.mark.parametrize("name", ["done", "harm", "stuck"])
def test_golden_at_the_end(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"rollout-{name}.txt", render(all_kinds()[name]))


@pytest.mark.parametrize("name", all_kinds())
@pytest.mark.parametrize("width", [30, 60, 72, 80, 200])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    text = render(all_kinds()[name], width=width)
    assert max(map(columns_of, text.splitlines())) <= width
    assert ANSI.sub("", render(all_kinds()[name], width=width, colour=True)) == text


def test_it_shows_what_an_operator_looks_for() -> None:
    text = render(under_way(), width=110)
    for told in (
        "▶ canary 25 %", "✓ canary 5 %", "· canary 50 %", "for 2 min 14 s of at most 20 min 0 s", "25 % of traffic",
        "87 of 149, extended 1 x", "2.30 %", "0.77 %", "1.375 s", "0.00244 USD", "ImagePullBackOff", "2 restarts",
        "CrashLoopBackOff", "maria: the evals look good", "goes on after 30 s", "canary 1/2 ready", "task completion",
    ):  # fmt: skip
        assert told in text


def test_frozen_going_back_and_asked_to_go_back_stand_out() -> None:
    assert "FROZEN  no metrics for 30 s" in render(all_kinds()["frozen"])
    assert f"because  harm was seen: {HARM}" in render(all_kinds()["going-back"], width=200)
    asked = render(under_way(desired="abort", asked_by="jo", reason="customers complain"))
    assert "ABORT ASKED FOR  jo: customers complain" in asked
    assert "TROUBLE  the API is down" in render(replace(under_way(), trouble="the API is down"))


def test_no_metrics_are_told_and_why() -> None:
    blind = replace(under_way(), sample=Sample(T0 + 599, None, None, why="the splitter does not answer"))
    assert "no metrics: the splitter does not answer" in render(blind)


@pytest.mark.parametrize("name", [n for n in all_kinds() if n not in ("under-way", "frozen", "begun", "going-back")])
def test_the_outcome_is_the_last_thing_one_sees(name: str) -> None:
    view = all_kinds()[name]
    assert render(view, width=300).splitlines()[-1] == outcome(view.state).headline


def test_a_rollout_under_way_ends_with_no_verdict() -> None:
    for word in ("DONE", "ROLLED BACK", "ABORTED", "INCONCLUSIVE"):
        assert word not in render(under_way())


@settings(max_examples=60, deadline=None)
@given(texts, st.sampled_from([30, 60, 120]), st.sampled_from([Phase.CANARY, Phase.ABORTING, Phase.ABORTED]))
def test_whatever_was_said_stays_text(text: str, width: int, phase: Phase) -> None:
    shown = render(saying(text, phase), width=width)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", shown)
    assert max(map(columns_of, shown.splitlines())) <= width
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())
    assert "##vso[" not in shown
    lines = Lines()(saying(text))
    assert all(line.startswith("[") and "\n" not in line for line in lines)


@pytest.mark.parametrize("height", [3, 10, 24, 40, 200])
@pytest.mark.parametrize("width", [60, 110])
def test_a_screen_is_never_taller_than_the_terminal(height: int, width: int) -> None:
    text = screen(all_kinds()["frozen"], width=width, height=height, colour=False)
    assert text.count("\n") < height
    assert text.startswith("agentops support-agent")


def test_a_smaller_screen_gives_up_the_journal_first() -> None:
    text = screen(under_way(), width=110, height=40, colour=False)
    assert "goes on after 30 s" in text
    assert "canary 1 begins" not in text
    small = screen(under_way(), width=110, height=30, colour=False)
    assert "25 % of traffic" in small
    assert "Journal" not in small


def test_a_view_is_drawn_over_the_one_before() -> None:
    assert redrawn("", "a\nb\n") == "a\nb\n"
    assert redrawn("a\nb\n", "c\n") == "\x1b[2A\r\x1b[Jc\n"


def test_a_log_repeats_nothing() -> None:
    lines = Lines()
    first = lines(under_way())
    assert sum("begins" in line for line in first) == 4
    assert first[-1].endswith(
        "87 of 149 samples, errors canary 2.30 %, stable 0.77 %; 87 of 149 requests of the canary"
    )
    assert lines(under_way()) == []
    more = under_way(entries=(*state().entries, Entry(T0 + 601, Phase.CANARY, "what is new")))
    assert lines(replace(more, now=T0 + 602)) == ["[14:23:21Z] canary: what is new"]


def test_a_log_tells_how_it_stands_now_and_then() -> None:
    lines = Lines()
    lines(under_way())
    told = [lines(replace(under_way(), now=T0 + 600 + s, seen=87 + s)) for s in range(1, 31)]
    assert [i for i, found in enumerate(told, 1) if found] == [10, 20, 30]
    frozen = lines(replace(under_way(frozen="no metrics"), now=T0 + 631, seen=117))
    assert frozen == ["[14:23:51Z] canary: FROZEN: no metrics"]
    assert lines(replace(under_way(), now=T0 + 632, seen=117)) == ["[14:23:52Z] canary: no longer frozen"]


def test_of_a_journal_that_was_cut_no_line_comes_twice() -> None:
    lines = Lines()
    lines(under_way())
    cut = under_way(entries=state().entries[3:])
    assert lines(cut) == []


def test_an_ended_rollout_says_when_it_was_looked_at() -> None:
    assert "looked at 14:23:19Z" in render(ended(Phase.DONE))
