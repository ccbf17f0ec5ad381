"""Kubernetes events: on the team's Deployment, each once, and silence where they are not allowed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fake_cluster import FakeCluster
from hypothesis import given, settings
from hypothesis import strategies as st
from told_rollout import APPROVED, BACK, T0, state

from agentops.errors import ApiDown, ClusterError
from agentops.model.rollout import Phase
from agentops.rollout.events import NOTE_BYTES, Events

NOW = T0 + 100
APP = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "support-agent", "uid": "uid-7"},
    "spec": {"template": {"spec": {"containers": []}}},
}  # fmt: skip


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(APP, namespace="shop")


def told(cluster: FakeCluster) -> dict[str, dict]:
    return {doc["reason"]: doc for (kind, _), doc in cluster.objects.items() if kind == "Event"}


def test_an_event_stands_on_the_deployment(cluster: FakeCluster) -> None:
    assert Events(cluster, "support-agent").tell(state(phase=Phase.CANARY_UP), now=NOW) == ""
    event = told(cluster)["RolloutStarted"]
    about = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "support-agent", "namespace": "shop"}
    assert event["involvedObject"] == {**about, "uid": "uid-7"}
    assert event["type"] == "Normal"
    assert event["source"] == {"component": "agentops-rollout"}
    assert event["firstTimestamp"] == "2026-09-21T14:15:00Z"
    assert event["metadata"]["annotations"] == {"rollout.agentops/id": "r-1"}
    assert "is to replace" in event["message"]


def test_every_phase_and_step_has_one(cluster: FakeCluster) -> None:
    events = Events(cluster, "support-agent")
    for phase, step in ((Phase.CANARY_UP, 0), (Phase.CANARY, 0), (Phase.CANARY, 1), (Phase.BAKE, 1)):
        for _ in range(3):
            events.tell(state(phase=phase, step=step), now=NOW)
    reasons = [d["reason"] for (kind, _), d in cluster.objects.items() if kind == "Event"]
    assert sorted(reasons) == ["BakeBegan", "CanaryBegan", "CanaryBegan", "CanaryUpBegan", "RolloutStarted"]
    notes = [d["message"] for (k, _), d in cluster.objects.items() if k == "Event" and d["reason"] == "CanaryBegan"]
    assert any("step 2 of 2, 25 % of traffic" in note for note in notes)
    assert len([w for w in cluster.writes if w[0] == "create"]) == 5, "told once each"


def test_a_controller_that_takes_the_steps_is_told_of_and_no_step_is_counted(cluster: FakeCluster) -> None:
    theirs = replace(state().plan, traffic="delegate", weights=())
    Events(cluster, "support-agent").tell(state(plan=theirs), now=NOW)
    assert "the controller in the cluster, which takes the steps" in told(cluster)["CanaryBegan"]["message"]


@pytest.mark.parametrize(
    ("changes", "reason", "kind", "says"),
    [
        ({"phase": Phase.WAIT}, "RolloutWaiting", "Normal", "agentops rollout promote"),
        (APPROVED, "RolloutPromoted", "Normal", "maria: the evals look good"),
        ({"phase": Phase.DONE}, "RolloutDone", "Normal", "DONE: "),
        (BACK, "RolloutRolledBack", "Warning", "ROLLED BACK: "),
        ({"phase": Phase.ABORTING, "rollback_failed": "refused"}, "RolloutRollbackFailed", "Warning", "refused"),
        ({"frozen": "no metrics"}, "RolloutFrozen", "Warning", "no metrics"),
        ({"phase": Phase.ABORTING, "reason": "harm"}, "AbortingBegan", "Warning", "goes back to registry.example"),
    ],
)
def test_each_event_has_a_reason_and_a_note(
    cluster: FakeCluster, changes: dict, reason: str, kind: str, says: str
) -> None:
    Events(cluster, "support-agent").tell(state(**changes), now=NOW)
    event = told(cluster)[reason]
    assert event["type"] == kind
    assert says in event["message"]


def test_a_second_runner_tells_nothing_again(cluster: FakeCluster) -> None:
    Events(cluster, "support-agent").tell(state(), now=NOW)
    before = len(told(cluster))
    assert Events(cluster, "support-agent").tell(state(), now=NOW + 60) == ""
    assert len(told(cluster)) == before


def test_another_rollout_is_told_anew(cluster: FakeCluster) -> None:
    events = Events(cluster, "support-agent")
    events.tell(state(), now=NOW)
    events.tell(state(id="r-2"), now=NOW)
    assert sum(kind == "Event" for kind, _ in cluster.objects) == 4


def test_where_events_are_not_allowed_that_is_told_once(cluster: FakeCluster) -> None:
    def refuse(verb: str, kind: str, name: str) -> None:
        raise ClusterError("the Kubernetes API refused POST /events: forbidden \x1b[31m")

    cluster.before_write = refuse
    events = Events(cluster, "support-agent")
    said = events.tell(state(), now=NOW)
    assert said.startswith("Kubernetes events are not told: the Kubernetes API refused")
    assert "\x1b" not in said
    assert events.tell(state(phase=Phase.BAKE), now=NOW) == ""


def test_an_api_that_is_away_is_told_later(cluster: FakeCluster) -> None:
    events = Events(cluster, "support-agent")
    cluster.down = True
    assert events.tell(state(), now=NOW) == ""
    cluster.down = False
    events.tell(state(), now=NOW + 5)
    assert set(told(cluster)) == {"RolloutStarted", "CanaryBegan"}


def test_a_lost_answer_leads_to_no_second_event(cluster: FakeCluster) -> None:
    def lose(verb: str, kind: str, name: str) -> None:
        cluster.after_write = lambda *_: None
        raise ApiDown("lost")

    cluster.after_write = lose
    events = Events(cluster, "support-agent")
    events.tell(state(), now=NOW)
    events.tell(state(), now=NOW)
    assert sum(kind == "Event" for kind, _ in cluster.objects) == 2


def test_a_deployment_that_is_gone_is_still_named(cluster: FakeCluster) -> None:
    cluster.remove("Deployment", "support-agent")
    Events(cluster, "support-agent").tell(state(), now=NOW)
    assert "uid" not in told(cluster)["RolloutStarted"]["involvedObject"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None, categories=None), max_size=400), st.sampled_from(Phase))
def test_any_text_makes_events_that_the_api_takes(text: str, phase: Phase) -> None:
    cluster = FakeCluster(namespace="shop")
    app = "a" * 253
    made = state(phase=phase, reason=text * 20, frozen=text * 20, image=text * 9, asked_by=text, app=text)
    Events(cluster, app).tell(made, now=NOW)
    for (kind, name), doc in cluster.objects.items():
        assert kind == "Event"
        assert len(doc["message"].encode()) <= NOTE_BYTES
        assert doc["message"]
        assert re.fullmatch(r"[A-Z][A-Za-z]+", doc["reason"])
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name)
        assert len(name) <= 253
