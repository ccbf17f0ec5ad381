"""A rollout that Argo Rollouts or Flagger carried out: its own steps and words are shown, and no limit of ours."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from some_rollouts import PLACE, PLAN, T0, state

from agentops.model.rollout import Cause, Entry, Phase, Plan
from agentops.model.rollout_settings import Analysis, Step
from agentops.reports.rollout import console, document, junit, markdown
from agentops.reports.rollout.owner import kept, owner
from agentops.reports.rollout.view import View, limit_s, path, seen, weight

THEIRS: Plan = replace(PLAN, traffic="delegate", weights=(), needed=0, detects="what the controller analyses")
PLACE_OF_OURS = replace(
    PLACE, approval=False, step=Step(samples=4711, minutes=7), bake_minutes=8, analysis=Analysis(margin=0.0123)
)
WORD = "Flagger: Progressing, 1 failed checks"
UNDER_WAY = {
    "plan": THEIRS, "step": 0, "extended": 0, "committing": True, "awaiting": WORD,
    "entries": (Entry(T0, Phase.CANARY_UP, "begins"), Entry(T0 + 9, Phase.CANARY, "canary begins")),
    "evidence": kept("Canary support-agent of Flagger", word=WORD, weight=20),
}  # fmt: skip
WAYS = {
    "under way": UNDER_WAY,
    "done": {**UNDER_WAY, "phase": Phase.DONE, "phase_at": T0 + 600, "awaiting": ""},
    "harm": {**UNDER_WAY, "phase": Phase.ABORTED, "cause": Cause.HARM, "reason": WORD, "phase_at": T0 + 600},
    "not begun": {**UNDER_WAY, "phase": Phase.CANARY_UP, "flowing_at": 0.0, "awaiting": "", "evidence": {}},
}


def looked(name: str) -> View:
    made: Any = state(**WAYS[name])
    return View(made, T0 + 700, PLACE_OF_OURS)


@pytest.mark.parametrize("name", WAYS)
def test_every_report_names_the_owner_and_none_a_limit_of_ours(name: str) -> None:
    view = looked(name)
    told = "Canary support-agent of Flagger" if name != "not begun" else "the controller of the workload"
    facts = markdown.render(view).replace("\\", "")
    for text in (console.render(view, width=400), facts, junit.render(view).replace("&#x27;", "'")):
        assert told in text
        assert "the owner's: it takes the steps and judges them" in text
        assert (WORD in text) is (name != "not begun")
        for limit in (
            "samples ",
            "samples  ",
            "4711",
            "bake ",
            "· bake",
            "commit",
            "restore",
            "of at most 7",
            "strategy",
        ):
            assert limit not in text.replace("samples, margin", ""), limit
    data = json.loads(document.render(view))
    assert data["owner"]["name"] == told
    assert (data["seen"], data["needed"]) == (None, 0)


def test_the_way_is_the_owners() -> None:
    stops = path(looked("done"))
    assert [stop.phase for stop in stops] == [Phase.CANARY_UP, Phase.CANARY, Phase.DONE]
    assert {stop.mark.value for stop in stops} == {"done"}
    stopped = path(looked("harm"))
    assert [stop.mark.value for stop in stopped] == ["done", "stopped", "not-reached"]
    tests = [case.get("name") for case in ET.fromstring(junit.render(looked("harm"))).iter("testcase")]
    assert tests == ["rollout", "canary-up", "canary", "done", "way back"]


def test_the_share_is_what_the_owner_says_and_its_time_has_no_limit_of_ours() -> None:
    view = looked("under way")
    assert (weight(view), seen(view), limit_s(view)) == (20, None, None)
    assert "canary gets  20 % of traffic" in console.render(view, width=200)
    waits = replace(view, state=replace(view.state, flowing_at=0.0))
    assert limit_s(waits) == PLACE.timing.ready_s
    back = replace(view, state=replace(view.state, phase=Phase.ABORTING))
    assert limit_s(back) == PLACE.timing.progress_s
    unknown = replace(view, state=replace(view.state, evidence=kept("x", word="y", weight=None)))
    assert weight(unknown) is None


def test_a_lost_journal_and_what_somebody_wrote_there_break_nothing() -> None:
    view = looked("harm")
    lost = replace(view.state, entries=(), committing=True)
    assert [stop.mark.value for stop in path(replace(view, state=lost))] == ["done", "stopped", "not-reached"]
    for held in (None, 7, [], {"name": None, "said": {"a": 1}, "weight": "20"}, {"weight": True}, {"name": "\x1b[2J"}):
        odd = replace(view, state=replace(view.state, evidence={"owner": held}))
        found = owner(odd.state)
        assert found is not None
        assert found.weight is None
        assert "\x1b" not in console.render(odd)


def test_a_rollout_of_our_own_has_no_owner() -> None:
    view = View(state(evidence=kept("x", word="y", weight=1)), T0 + 700, PLACE_OF_OURS)
    assert owner(view.state) is None
    assert json.loads(document.render(view))["owner"] is None
    assert "Owner" not in console.render(view)
