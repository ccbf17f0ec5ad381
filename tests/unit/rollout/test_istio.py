"""The Istio mode against an API in memory."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fake_cluster import FakeCluster
from hypothesis import given
from hypothesis import strategies as st

from agentops.model.rollout import TRACK, Plan, State
from agentops.model.rollout_settings import Place
from agentops.rollout.hands import Hands, notes
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names
from agentops.rollout.traffic.choose import IN_PROGRESS
from agentops.rollout.traffic.istio import Istio, leads_to
from agentops.rollout.traffic.routes import Split

PLACE = Place("test", "agent")
LABELS = {"app": "agent", "tier": "api"}
CANARY = {TRACK: "canary", "rollout.agentops/app": "agent"}
RULE = {
    "match": [{"uri": {"prefix": "/"}}],
    "route": [{"destination": {"host": "agent.default.svc.cluster.local", "subset": "v1", "port": {"number": 80}}}],
    "retries": {"attempts": 0},
}
OTHER = {"route": [{"destination": {"host": "docs"}}]}


def world(*rules: dict[str, Any]) -> tuple[FakeCluster, Istio]:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "agent", "image": "a"}]}}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    cluster = FakeCluster(
        {
            "kind": "Deployment", "metadata": {"name": "agent"},
            "spec": {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template},
        },
        {"kind": "Service", "metadata": {"name": "agent"}, "spec": {"selector": LABELS, "ports": [{"port": 80}]}},
        {"kind": "Pod", "metadata": {"name": "agent-1", "labels": LABELS}, "spec": {}, "status": ready},
        {"kind": "Pod", "metadata": {"name": "agent-canary-1", "labels": CANARY}, "spec": {}, "status": ready},
        {
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "agent"},
            "spec": {"hosts": ["agent.test"], "http": list(rules or (RULE, OTHER))},
        },
    )  # fmt: skip
    journal = Journal(cluster, Names("agent", "agent"))
    journal.begin(State("r1", "agent", "test", "default", "new", "old", Plan("canary", "istio", "", (), 1, "", 2)))
    return cluster, Istio(Hands(cluster, journal), PLACE, route="agent")


def settle(cluster: FakeCluster) -> None:
    """The controller of endpoints."""
    services = [(name, doc["spec"]["selector"]) for (kind, name), doc in cluster.objects.items() if kind == "Service"]
    pods = [doc["metadata"] for (kind, _), doc in cluster.objects.items() if kind == "Pod"]
    for name, selector in services:
        found = [meta["name"] for meta in pods if selector.items() <= meta["labels"].items()]
        cluster.objects[("EndpointSlice", name)] = {
            "kind": "EndpointSlice", "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": [one], "targetRef": {"name": one}} for one in found],
        }  # fmt: skip


def done(cluster: FakeCluster, act: Any) -> None:
    for _ in range(6):
        settle(cluster)
        if not act():
            return
    pytest.fail("it does not converge")


def http(cluster: FakeCluster, rule: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = cluster.objects[("VirtualService", "agent")]["spec"]["http"][rule]
    return found


def shares(rule: dict[str, Any]) -> list[tuple[str, int]]:
    return [(one["destination"]["host"], one["weight"]) for one in rule["route"]]


def test_a_rollout_from_the_first_write_to_the_last() -> None:
    cluster, router = world()
    before = copy.deepcopy(cluster.objects[("VirtualService", "agent")]["spec"])
    done(cluster, router.prepare)
    stable, canary = "agent-stable.default.svc.cluster.local", "agent-canary.default.svc.cluster.local"
    assert shares(http(cluster)) == [(stable, 100), (canary, 0)]
    assert "subset" not in http(cluster)["route"][0]["destination"], "no DestinationRule knows these Services"
    assert http(cluster)["retries"] == {"attempts": 0}
    assert http(cluster, 1) == OTHER
    assert cluster.objects[("VirtualService", "agent")]["metadata"]["labels"] == {IN_PROGRESS: "true"}
    done(cluster, lambda: router.shift(0, mirror=10))
    assert http(cluster)["mirror"] == {"host": canary, "port": {"number": 80}}
    assert http(cluster)["mirrorPercentage"] == {"value": 10}
    assert router.drift(0) == ""
    done(cluster, lambda: router.shift(25))
    assert shares(http(cluster)) == [(stable, 75), (canary, 25)]
    assert "mirror" not in http(cluster)
    assert "mirrorPercentage" not in http(cluster)
    assert router.drift(25) == ""
    cluster.writes.clear()
    router.clear()
    assert [kind for _, kind, _ in cluster.writes] == ["Service", "VirtualService"]
    done(cluster, router.clear)
    assert shares(http(cluster)) == [(stable, 100), (canary, 0)]
    done(cluster, router.restore)
    assert cluster.objects[("VirtualService", "agent")]["spec"] == before
    assert notes(cluster.objects[("VirtualService", "agent")]) == {}
    assert router.restore() == ""


def test_a_runner_killed_between_any_two_writes_is_followed_by_one_that_gets_there() -> None:
    cluster, router = world()
    before = copy.deepcopy(cluster.objects[("VirtualService", "agent")]["spec"])
    for act in (router.prepare, lambda: router.shift(50), router.clear, router.restore):
        settle(cluster)
        act()
        router._calm = None
    for act in (router.clear, router.restore):
        done(cluster, act)
    assert cluster.objects[("VirtualService", "agent")]["spec"] == before


def test_drift_is_told_and_names_what_it_says() -> None:
    cluster, router = world()
    done(cluster, router.prepare)
    done(cluster, lambda: router.shift(25))
    cluster.edit("VirtualService", "agent", lambda d: d["spec"]["http"][0]["route"][1].update(weight=60))
    assert "60 % to agent-canary.default.svc.cluster.local, not 25 %" in router.drift(25)


def test_a_mirror_of_the_teams_own_is_left_alone() -> None:
    cluster, router = world({**RULE, "mirror": {"host": "audit"}, "mirrorPercentage": {"value": 5}})
    assert router.can_mirror is False
    done(cluster, router.prepare)
    done(cluster, lambda: router.shift(50))
    assert http(cluster)["mirror"] == {"host": "audit"}
    done(cluster, router.clear)
    done(cluster, router.restore)
    assert http(cluster)["mirrorPercentage"] == {"value": 5}


def test_what_is_said_of_it() -> None:
    _, router = world()
    assert router.can_mirror is True
    assert router.by_session is False
    assert any("subsets (v1)" in line for line in router.warnings())
    assert any("tells nothing of its data plane" in line for line in router.warnings())


def test_a_status_of_istios_is_read_where_there_is_one() -> None:
    _, router = world()
    doc: dict[str, Any] = {"metadata": {"generation": 3}, "status": {"observedGeneration": 2}}
    assert "Istio to look at" in router.observed(doc, Split(0))
    doc["status"] = {
        "observedGeneration": 3,
        "validationMessages": [{"level": "ERROR", "type": {"name": "Bad\x1b[2J"}}],
    }
    assert "to take VirtualService agent (Bad" in router.observed(doc, Split(0))
    assert "\x1b" not in router.observed(doc, Split(0))


@pytest.mark.parametrize(
    ("host", "leads"),
    [
        ("agent", True), ("agent.default", True), ("agent.default.svc", True), ("agent-canary", True), ("x", False),
        ("agent.default.svc.cluster.local", True), ("agent.elsewhere", False), ("agent.example.com", False),
    ],
)  # fmt: skip
def test_names_of_services_are_read_as_istio_reads_them(host: str, leads: bool) -> None:
    doc = {"spec": {"http": [{"route": [{"destination": {"host": host}}]}]}}
    assert leads_to(doc, PLACE, "default") is leads


@given(st.integers(1, 100), st.integers(0, 100), st.integers(0, 100))
def test_the_weights_of_a_rule_keep_their_sum(own: int, first: int, second: int) -> None:
    others = [{"destination": {"host": "other"}, "weight": 100 - own}] if own < 100 else []
    rule = {"route": [{"destination": {"host": "agent"}, "weight": own}, *others]}
    led = ROUTER.led(ROUTER.led(rule, Split(first)), Split(second))
    assert sum(one["weight"] for one in led["route"]) == 100
    canary = next(one["weight"] for one in led["route"] if one["destination"]["host"] == "agent-canary")
    assert abs(canary - own * second / 100) <= 1
    assert (canary == 0) == (second == 0 or (own == 1 and second < 100))
    assert (canary == own) == (second == 100)
    assert ROUTER.back(led, [rule]) == rule


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 100), st.integers(0, 100))
def test_relative_weights_keep_their_proportion(own: int, other: int, first: int, second: int) -> None:
    rule = {
        "route": [
            {"destination": {"host": "other"}, "weight": other},
            {"destination": {"host": "agent"}, "weight": own},
        ]
    }
    led = ROUTER.led(ROUTER.led(rule, Split(first)), Split(second))
    weights = {one["destination"]["host"]: one["weight"] for one in led["route"]}
    assert weights["agent-canary"] * 100 == (weights["agent-canary"] + weights["agent-stable"]) * second
    assert weights["other"] * (own + other) == other * sum(weights.values())
    assert ROUTER.back(led, [rule]) == rule


def test_a_weight_that_somebody_broke_is_made_whole_again() -> None:
    rule = {
        "route": [
            {"destination": {"host": "agent-stable"}, "weight": 75},
            {"destination": {"host": "agent-canary"}, "weight": 99},
        ]
    }
    assert shares(ROUTER.led(rule, Split(0))) == [("agent-stable", 100), ("agent-canary", 0)]


ROUTER = world()[1]
