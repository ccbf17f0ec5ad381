"""What became of a rollout, and the way that it took."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_rollouts import NEW, OLD, PLACE, T0, all_kinds, ended, sample, since, state, under_way

from agentops.errors import ExitCode
from agentops.model.codec import decode, encode
from agentops.model.rollout import Cause, Counts, Phase, Sample, State
from agentops.reports.rollout import view as views
from agentops.reports.rollout.console import render
from agentops.reports.rollout.outcome import Kind, image_name, outcome
from agentops.reports.rollout.view import SEEN, Mark, View

ENDS = [
    ("done", Kind.DONE, ExitCode.PASS, "DONE: support-agent in production serves "),
    ("harm", Kind.ROLLED_BACK, ExitCode.ROLLED_BACK, "ROLLED BACK: support-agent in production is back on "),
    ("broken", Kind.ROLLED_BACK, ExitCode.ROLLED_BACK, "ROLLED BACK: "),
    ("orphaned", Kind.ROLLED_BACK, ExitCode.ROLLED_BACK, "ROLLED BACK: "),
    ("inconclusive", Kind.INCONCLUSIVE, ExitCode.INCONCLUSIVE, "INCONCLUSIVE: "),
    ("asked", Kind.ABORTED, ExitCode.ROLLED_BACK, "ABORTED by jo@example.org: "),
    ("stuck", Kind.ROLLBACK_FAILED, ExitCode.ROLLBACK_FAILED, "ROLLBACK FAILED: "),
]


@pytest.mark.parametrize(("name", "kind", "code", "start"), ENDS)
def test_an_end_has_its_code_and_its_words(name: str, kind: Kind, code: ExitCode, start: str) -> None:
    found = outcome(all_kinds()[name].state)
    assert (found.kind, found.exit_code) == (kind, code)
    assert found.headline.startswith(start)
    assert image_name(NEW if name in ("done", "stuck") else OLD) in found.headline
    assert bool(found.reason) == (name != "done")


@pytest.mark.parametrize("phase", [p for p in Phase if not p.ended])
def test_what_is_under_way_has_no_exit_code(phase: Phase) -> None:
    assert outcome(state(phase=phase)).exit_code is None
    assert outcome(state(phase=phase)).kind is Kind.UNDER_WAY


@given(
    st.sampled_from(Phase), st.sampled_from([None, *Cause]), st.sampled_from(["", "x"]), st.sampled_from(["", "stuck"])
)
def test_nothing_but_a_rollout_that_is_done_passes(phase: Phase, cause: Cause | None, reason: str, stuck: str) -> None:
    found = outcome(state(phase=phase, cause=cause, reason=reason, rollback_failed=stuck))
    assert (found.exit_code == ExitCode.PASS) == (phase is Phase.DONE and not stuck)
    if found.exit_code not in (None, ExitCode.PASS):
        assert found.reason


def test_a_rollout_without_a_record_says_so_at_the_end() -> None:
    found = outcome(replace(ended(Phase.DONE).state, broke_glass="outage 4711"))
    assert found.headline.endswith("let in without a record: outage 4711")


def test_a_way_back_that_failed_says_both_reasons() -> None:
    assert outcome(all_kinds()["stuck"].state).reason == (
        "Service support-agent: refused (403) (it went back because: errors of the canary (21.4 %) are above stable's "
        "(1.1 %): p < 0.01 after 87 requests)"
    )


def marks(view: View) -> str:
    signs = {Mark.DONE: "d", Mark.CURRENT: "c", Mark.STOPPED: "s", Mark.AHEAD: "a", Mark.NOT_REACHED: "n"}
    return "".join(signs[stop.mark] for stop in views.path(view))


def test_the_path_tells_what_is_behind_and_what_lies_ahead() -> None:
    stops = [stop.name for stop in views.path(under_way())]
    assert stops == ["canary-up", "shadow", "wait", "canary 5 %", "canary 25 %", "canary 50 %", "bake", "commit",
                     "restore", "done"]  # fmt: skip
    assert marks(under_way()) == "ddddcaaaaa"
    assert marks(ended(Phase.DONE)) == "dddddddddd"
    assert marks(all_kinds()["harm"]) == "ddddsnnnnn"
    assert marks(all_kinds()["going-back"]) == "ddddsnnnnn"
    assert marks(all_kinds()["begun"]) == "caaaaaaa", "without a place the phases that only some have are not known"


def test_a_journal_that_lost_its_first_lines_still_has_a_path() -> None:
    bare = replace(all_kinds()["harm"], state=replace(all_kinds()["harm"].state, entries=()), place=None)
    assert marks(bare) == "ddsnnnnn"
    committed = replace(bare, state=replace(bare.state, committing=True))
    assert next(s.name for s in views.path(committed) if s.mark is Mark.STOPPED) == "commit"


@given(st.sampled_from(Phase), st.integers(-3, 9), st.sampled_from([(), (5,), (5, 25, 50)]))
def test_any_state_has_a_path_with_one_place_to_stand(phase: Phase, step: int, weights: tuple[int, ...]) -> None:
    made = state(phase=phase, step=step)
    view = View(replace(made, plan=replace(made.plan, weights=weights)), T0)
    assert sum(s.mark in (Mark.CURRENT, Mark.STOPPED) for s in views.path(view)) == (phase is not Phase.DONE)
    views.weight(view)


def test_what_is_counted_is_what_came_since() -> None:
    canary, stable = views.arms(under_way())
    assert canary is not None
    assert stable is not None
    assert (canary.requests, canary.failed, dict(canary.errors)) == (87, 2, {"500": 1, "timeout": 1})
    assert canary.error_share == pytest.approx(2 / 87)
    assert canary.cost_usd_per_request == pytest.approx(0.212 / 87)
    assert (stable.requests, stable.failed) == (261, 2)


def test_counters_that_began_anew_are_taken_as_they_are() -> None:
    then = Sample(T0, Counts(900, {"500": 9}), None)
    canary, stable = views.arms(replace(under_way(), since=then))
    assert canary is not None
    assert canary.requests == 187
    assert stable is not None, "one that was not known before counts from nothing"


@pytest.mark.parametrize(
    ("buckets", "p95", "over"),
    [
        (((0.1, 0), (1.0, 100)), 0.1 + 0.9 * 0.95, False),
        (((0.1, 94), (1.0, 100)), 0.1 + 0.9 / 6, False),
        (((0.1, 50), (float("inf"), 100)), 0.1, True),
        (((0.1, 0), (1.0, 0)), None, False),
        ((), None, False),
    ],
)
def test_the_percentile_is_that_of_prometheus(buckets: tuple[tuple[float, int], ...], p95: float, over: bool) -> None:
    canary, _ = views.arms(View(state(), T0, None, Sample(T0, Counts(100, latency=buckets), None)))
    assert canary is not None
    assert canary.p95_s == (None if p95 is None else pytest.approx(p95))
    assert canary.p95_over is over


def test_the_journal_keeps_a_look_for_others() -> None:
    """It is written down as JSON and read by another process."""
    noted = state(evidence={SEEN: views.kept(sample(), since()), "analysis": {}})
    read = decode(State, json.loads(json.dumps(encode(noted))))
    elsewhere = View(read, T0 + 600, PLACE)
    assert views.arms(elsewhere) == views.arms(under_way())
    assert views.pods(elsewhere) == views.pods(under_way())
    assert views.looks(elsewhere)[0] == sample()


def test_without_a_look_the_analysis_counts_are_shown() -> None:
    evidence = {"analysis": {"version": 1, "step": {"c": [80, 4], "s": [800, 8], "raw": [80, 800]}}}
    view = View(state(evidence=evidence), T0 + 600)
    assert views.seen(view) == 80
    canary, stable = views.arms(view)
    assert canary is not None
    assert stable is not None
    assert (canary.error_share, stable.error_share, canary.p95_s) == (0.05, 0.01, None)
    assert "errors    5.00 %  1.00 %" in render(view)


@pytest.mark.parametrize(
    "kept", [None, {}, {"step": {}}, {"step": {"c": [1], "s": [1, 2]}}, {"step": {"c": "ab", "s": 1}}]
)
def test_counts_that_cannot_be_read_are_not_shown(kept: object) -> None:
    view = View(state(evidence={"analysis": kept}), T0)
    assert views.seen(view) is None
    assert views.arms(view) == (None, None)


@pytest.mark.parametrize("kept", [None, 7, {}, {"sample": 3}, {"sample": {"at": "x"}}, {"sample": {"neu": 1}}])
def test_a_look_that_cannot_be_read_is_no_look(kept: object) -> None:
    assert views.looks(View(state(evidence={SEEN: kept}), T0)) == (None, None)


def test_limits_are_those_of_the_phase() -> None:
    assert views.limit_s(under_way()) == 1200, "ten minutes, extended once"
    assert views.limit_s(under_way(flowing_at=0.0)) == 300, "until traffic flows, what pods may take"
    assert views.limit_s(under_way(phase=Phase.WAIT)) is None
    assert views.limit_s(replace(under_way(), place=None)) is None
    assert views.age_s(under_way()) == 134
    assert views.age_s(under_way(frozen="x", frozen_at=T0 + 500)) == 34, "its clock stands still"
