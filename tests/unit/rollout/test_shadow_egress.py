"""The fence around pods in shadow mode, and what counts as a proof of it."""

from __future__ import annotations

import ipaddress
import socket
import sys
import time
from typing import Any

import pytest
from fake_cluster import FakeCluster

from agentops.errors import UsageError
from agentops.model.rollout import TRACK, Plan, State
from agentops.model.rollout_settings import Place, Shadow
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names
from agentops.rollout.shadow import egress as egress_module
from agentops.rollout.shadow.egress import PROBE, Egress, Proof, Shut, policy, target
from agentops.rollout.shadow.trials import Fence
from agentops.rollout.workload import APP, MODE

NAMES = Names("app", "app")
PLAN = Plan("canary", "splitter", "", (5,), 1, "", 1)
LABELS = {"app": "app-canary", APP: "app", TRACK: "canary", MODE: "shadow", "team": "shop"}
TEMPLATE: dict[str, Any] = {"metadata": {"labels": LABELS}, "spec": {"nodeSelector": {"pool": "a"}}}
BLOCKED, REACHED, UNRESOLVED = 0, 3, 4


def place(blocked: str | None = "payments:8080", **more: Any) -> Place:
    return Place("t", "app", shadow=Shadow(mode="replay", blocked=blocked), **more)


def ready(*docs: dict[str, Any]) -> tuple[FakeCluster, Hands]:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "payments"}, "spec": {}}
    cluster = FakeCluster(service, *docs, namespace="shop")
    journal = Journal(cluster, NAMES)
    journal.refresh()
    journal.begin(State(id="r1", app="app", environment="t", namespace="shop", image="i", before="", plan=PLAN))
    return cluster, Hands(cluster, journal)


def end(cluster: FakeCluster, role: str, code: int, *, at: str = "10:00", reason: str = "Error") -> None:
    """Play the pod of the Job of that role to its end."""
    name = next(n for (k, n), doc in cluster.objects.items() if k == "Job" and doc["metadata"]["labels"][PROBE] == role)
    state = {
        "exitCode": code, "reason": reason,
        "startedAt": f"2026-01-01T{at}:00Z", "finishedAt": f"2026-01-01T{at}:12Z",
    }  # fmt: skip
    cluster.create({
        "kind": "Pod", "metadata": {"name": f"{name}-pod", "labels": {"job-name": name}},
        "status": {"containerStatuses": [{"state": {"terminated": state}}]},
    })  # fmt: skip


def a_pod(**labels: str) -> dict[str, Any]:
    """A pod of the canary, with what controllers add to the labels of its template."""
    return {"kind": "Pod", "metadata": {"name": "app-canary-1", "labels": {**LABELS, **labels}}}


def prove(shadow: int, control: int, **more: Any) -> Proof:
    cluster, hands = ready(a_pod())
    egress = Egress(hands, NAMES, place(), image="i")
    assert egress.prove(TEMPLATE).shut is Shut.AWAITED
    end(cluster, "shadow", shadow, **more)
    end(cluster, "control", control)
    return egress.prove(TEMPLATE)


def test_only_a_way_that_is_open_to_others_and_shut_to_shadow_pods_is_proof() -> None:
    assert prove(BLOCKED, REACHED).shut is Shut.PROVEN
    assert prove(REACHED, REACHED).shut is Shut.OPEN
    assert prove(BLOCKED, BLOCKED).shut is Shut.VOID
    assert prove(UNRESOLVED, REACHED).shut is Shut.VOID
    assert prove(BLOCKED, UNRESOLVED).shut is Shut.VOID
    assert prove(1, REACHED).shut is Shut.VOID
    assert prove(REACHED, BLOCKED).shut is Shut.OPEN


def test_a_pod_that_was_killed_proves_nothing() -> None:
    proof = prove(BLOCKED, REACHED, reason="StartError")
    assert proof.shut is Shut.VOID
    assert "python3" in proof.told


def test_attempts_at_different_times_prove_nothing() -> None:
    assert prove(BLOCKED, REACHED, at="11:30").shut is Shut.VOID


def test_the_probe_looks_like_a_shadow_pod_and_is_counted_as_none() -> None:
    cluster, hands = ready()
    Egress(hands, NAMES, place(), image="probe@sha256:1").prove(TEMPLATE)
    jobs = {d["metadata"]["labels"][PROBE]: d for (k, _), d in cluster.objects.items() if k == "Job"}
    shadow, control = (jobs[role]["spec"]["template"] for role in ("shadow", "control"))
    assert shadow["metadata"]["labels"] == {**{k: v for k, v in LABELS.items() if k != TRACK}, PROBE: "shadow"}
    assert control["metadata"]["labels"] == {PROBE: "control"}
    for pod in (shadow["spec"], control["spec"]):
        # Never ready, so that no Service leads to it; nothing to act with; where the canary's pods are.
        assert pod["readinessGates"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["nodeSelector"] == {"pool": "a"}
        command = pod["containers"][0]["command"]
        assert command[-2:] == ["payments.shop.svc", "8080"]
    assert all(job["spec"]["ttlSecondsAfterFinished"] for job in jobs.values())
    assert all(job["spec"]["backoffLimit"] == 0 for job in jobs.values())


def test_the_policy_shuts_everything_but_cluster_dns_and_what_is_named() -> None:
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "gateway"}}}]}
    spec = policy(NAMES, place(egress=(rule,)))["spec"]
    assert spec["policyTypes"] == ["Egress"]
    assert spec["podSelector"] == {"matchLabels": {APP: "app", MODE: "shadow"}}
    dns, own = spec["egress"]
    assert {p["port"] for p in dns["ports"]} == {53}
    assert all("0.0.0.0/0" not in str(peer) for peer in dns["to"])
    assert own == rule
    assert len(policy(NAMES, place())["spec"]["egress"]) == 1


def test_it_converges_without_further_writes_and_mends_a_policy_that_was_changed() -> None:
    cluster, hands = ready()
    egress = Egress(hands, NAMES, place(), image="i")
    egress.prove(TEMPLATE)
    writes = len(cluster.writes)
    egress.prove(TEMPLATE)
    assert len(cluster.writes) == writes
    cluster.edit("NetworkPolicy", "app-shadow", lambda doc: doc["spec"].update(egress=[{}]))
    egress.prove(TEMPLATE)
    assert cluster.objects[("NetworkPolicy", "app-shadow")]["spec"]["egress"] != [{}]


def test_what_the_api_server_fills_in_is_no_change() -> None:
    rule = {"to": [{"podSelector": {}}], "ports": [{"port": 80}]}
    cluster, hands = ready()
    egress = Egress(hands, NAMES, place(egress=(rule,)), image="i")
    egress.shut()
    cluster.edit("NetworkPolicy", "app-shadow", lambda d: d["spec"]["egress"][1]["ports"][0].update(protocol="TCP"))
    writes = len(cluster.writes)
    egress.shut()
    assert len(cluster.writes) == writes


@pytest.mark.parametrize(
    "blocked",
    [
        "example.com:443",
        "10.0.0.1:80",
        "payments",
        "payments:0",
        "payments:99999",
        "pay ments:80",
        "ns/payments:80",
        ":1",
    ],
)
def test_nothing_but_a_service_of_the_namespace_is_aimed_at(blocked: str) -> None:
    with pytest.raises(UsageError, match="no NAME:PORT"):
        target(place(blocked))


def test_without_anything_to_try_shadow_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be tried"):
        target(place(None))
    cluster, hands = ready()
    cluster.remove("Service", "payments")
    assert Egress(hands, NAMES, place(), image="i").prove(TEMPLATE).shut is Shut.VOID


def test_pods_on_the_network_of_the_node_are_fenced_by_nothing() -> None:
    _, hands = ready()
    template = {**TEMPLATE, "spec": {"hostNetwork": True}}
    assert Egress(hands, NAMES, place(), image="i").prove(template).shut is Shut.OPEN


def a_policy(selector: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "kind": "NetworkPolicy", "metadata": {"name": "theirs"},
        "spec": {"podSelector": selector, **(spec or {"egress": [{}]})},
    }  # fmt: skip


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {TRACK: "canary"}},
        {"matchExpressions": [{"key": TRACK, "operator": "Exists"}]},
        {"matchExpressions": [{"key": PROBE, "operator": "DoesNotExist"}]},
    ],
)
def test_a_policy_that_the_probe_would_not_feel_proves_nothing(selector: dict[str, Any]) -> None:
    for spec in ({"egress": [{}]}, {"policyTypes": ["Egress"]}):
        cluster, hands = ready(a_policy(selector, **spec))
        proof = Egress(hands, NAMES, place(), image="i").prove(TEMPLATE)
        assert proof.shut is Shut.OPEN
        assert "theirs" in proof.told
        assert not [name for kind, name in cluster.objects if kind == "Job"]


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"pod-template-hash": "7d9f"}},
        {"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]},
        {"matchLabels": {"team": "shop"}, "matchExpressions": [{"key": "mesh", "operator": "In", "values": ["a"]}]},
        {"matchExpressions": [{"key": "job-name", "operator": "DoesNotExist"}]},
        {"matchExpressions": [{"key": "batch.kubernetes.io/controller-uid", "operator": "DoesNotExist"}]},
    ],
)
def test_labels_that_pods_get_when_they_are_made_count_too(selector: dict[str, Any]) -> None:
    cluster, hands = ready(a_policy(selector), a_pod(**{"pod-template-hash": "7d9f", "mesh": "a"}))
    proof = Egress(hands, NAMES, place(), image="i").prove(TEMPLATE)
    assert proof.shut is Shut.OPEN
    assert "theirs" in proof.told
    assert proof.told.partition("by ")[2].startswith(("pod-template-hash", "mesh, team", "job-name", "batch."))
    assert not [name for kind, name in cluster.objects if kind == "Job"]


def test_a_pod_that_comes_late_is_looked_at_before_anything_is_proven() -> None:
    cluster, hands = ready(a_policy({"matchLabels": {"pod-template-hash": "7d9f"}}))
    egress = Egress(hands, NAMES, place(), image="i")
    egress.prove(TEMPLATE)
    end(cluster, "shadow", BLOCKED)
    end(cluster, "control", REACHED)
    assert egress.prove(TEMPLATE).shut is Shut.AWAITED
    cluster.create(a_pod(**{"pod-template-hash": "7d9f"}))
    assert egress.prove(TEMPLATE).shut is Shut.OPEN


def test_pods_that_serve_or_are_of_others_are_none_of_it() -> None:
    live = {"kind": "Pod", "metadata": {"name": "live", "labels": {**LABELS, MODE: "live", "pod-template-hash": "x"}}}
    other = {"kind": "Pod", "metadata": {"name": "other", "labels": {**LABELS, APP: "b", "pod-template-hash": "x"}}}
    _, hands = ready(a_policy({"matchLabels": {"pod-template-hash": "x"}}), live, other, a_pod())
    assert Egress(hands, NAMES, place(), image="i").prove(TEMPLATE).shut is Shut.AWAITED


@pytest.mark.parametrize("address", ["10.96.0.10", "169.254.20.10", "fd00:10:96::a", "fd12:3456::10", "fe80::a"])
def test_dns_is_reached_in_both_families(address: str) -> None:
    assert _lets_through(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "2606:4700::1111", "ff02::1", "::1"])
def test_public_resolvers_stay_shut_in_both_families(address: str) -> None:
    assert not _lets_through(address)


def _lets_through(address: str) -> bool:
    (rule,) = policy(NAMES, place(), families=("IPv4", "IPv6"))["spec"]["egress"]
    blocks = [ipaddress.ip_network(peer["ipBlock"]["cidr"]) for peer in rule["to"] if "ipBlock" in peer]
    return any(ipaddress.ip_address(address) in block for block in blocks)


@pytest.mark.parametrize(
    ("families", "kinds"),
    [(None, {4}), (["IPv4"], {4}), (["IPv6"], {6}), (["IPv6", "IPv4"], {4, 6}), (["IPv9"], {4})],
)
def test_no_block_is_of_a_family_that_the_cluster_does_not_have(families: Any, kinds: set[int]) -> None:
    cluster, hands = ready()
    if families:
        cluster.edit(
            "Service", place().shadow.blocked.partition(":")[0], lambda d: d["spec"].update(ipFamilies=families)
        )
    Egress(hands, NAMES, place(), image="i").shut()
    (doc,) = cluster.list("NetworkPolicy")
    peers = doc["spec"]["egress"][0]["to"]
    assert {ipaddress.ip_network(peer["ipBlock"]["cidr"]).version for peer in peers if "ipBlock" in peer} == kinds


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"10.0.0.1": "blocked", "fd00::1": "reached"}, REACHED),
        ({"10.0.0.1": "reached", "fd00::1": "blocked"}, REACHED),
        ({"10.0.0.1": "blocked", "fd00::1": "blocked"}, BLOCKED),
        ({"10.0.0.1": "refused", "fd00::1": "blocked"}, BLOCKED),
        ({"fd00::1": "reached"}, REACHED),
        ({}, UNRESOLVED),
    ],
)
def test_the_probe_tries_every_address_of_the_service(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], code: int
) -> None:
    def found(_host: str, port: int, **_: Any) -> list[Any]:
        if not answers:
            raise OSError("no such name")
        # An address of IPv6 comes with two more numbers.
        return [(0, 0, 0, "", (a, port, 0, 0) if ":" in a else (a, port)) for a in answers]

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        came = answers[address[0]]
        if came != "reached":
            raise ConnectionRefusedError if came == "refused" else TimeoutError
        return socket.socket()

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["-c", "payments.shop.svc", "8080"])
    with pytest.raises(SystemExit) as ended:
        exec(egress_module._SCRIPT, {})
    assert ended.value.code == code


@pytest.mark.parametrize(
    "doc",
    [
        a_policy({"matchLabels": {"team": "shop"}}),
        a_policy({}),
        a_policy({"matchLabels": {TRACK: "stable"}}),
        a_policy({"matchLabels": {TRACK: "canary"}}, policyTypes=["Ingress"], ingress=[{}]),
    ],
)
def test_a_policy_that_the_probe_feels_too_is_tried(doc: dict[str, Any]) -> None:
    _, hands = ready(doc)
    assert Egress(hands, NAMES, place(), image="i").prove(TEMPLATE).shut is Shut.AWAITED


def canary() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app-canary"},
        "spec": {"template": TEMPLATE},
    }  # fmt: skip


def test_the_fence_waits_for_the_canary_then_for_the_proof() -> None:
    cluster, hands = ready()
    fence = Fence(hands, NAMES, place(), image="i")
    assert fence() == "the canary in shadow mode"
    # The policy is there before the first pod.
    assert ("NetworkPolicy", "app-shadow") in cluster.objects
    cluster.create(canary())
    assert "is being tried" in fence()
    end(cluster, "shadow", BLOCKED)
    end(cluster, "control", REACHED)
    # Nobody saw the labels of a pod of the canary yet.
    assert fence() == "a pod of the canary, to look at its labels"
    cluster.create(a_pod())
    assert fence() == ""
    assert "could not reach payments:8080" in fence.told


def test_an_open_fence_is_refused() -> None:
    cluster, hands = ready(canary())
    fence = Fence(hands, NAMES, place(), image="i")
    fence()
    end(cluster, "shadow", REACHED)
    with pytest.raises(UsageError, match="no shadow traffic"):
        fence()


def test_a_void_attempt_is_made_once_more_and_then_refused() -> None:
    cluster, hands = ready(canary())
    fence = Fence(hands, NAMES, place(), image="i")
    fence()
    end(cluster, "shadow", BLOCKED)
    end(cluster, "control", BLOCKED)
    assert "nothing is proven" in fence()
    assert "is being tried" in fence()
    for (kind, name), doc in list(cluster.objects.items()):
        if kind == "Job" and ("Pod", f"{name}-pod") not in cluster.objects:
            cluster.create({
                "kind": "Pod", "metadata": {"name": f"{name}-pod", "labels": {"job-name": name}},
                "status": {"containerStatuses": [{"state": {"terminated": {
                    "exitCode": BLOCKED, "reason": "Completed", "startedAt": "a", "finishedAt": "b"}}}]},
            })  # fmt: skip
            assert doc["spec"]["backoffLimit"] == 0
    with pytest.raises(UsageError, match="nothing is proven"):
        fence()
