"""Which traffic mode is chosen, and why."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from fake_cluster import FakeCluster

from agentops.contracts import Doc, TrafficRouter
from agentops.errors import ApiDown, ClusterError, UsageError
from agentops.model.rollout import Plan, State
from agentops.model.rollout_settings import Place, Splitter
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names
from agentops.rollout.traffic.choose import IN_PROGRESS, choose, gitops, ignoring, router

PLACE = Place("test", "agent")
LABELS = {"app": "agent"}
ENVOY = replace(PLACE, splitter=Splitter(image="envoy@sha256:1"))


def base() -> list[dict[str, Any]]:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "agent", "image": "a"}]}}
    return [
        {"kind": "Deployment", "metadata": {"name": "agent"}, "spec": {"template": template}},
        {"kind": "Service", "metadata": {"name": "agent"}, "spec": {"selector": LABELS}},
    ]


def route(name: str = "agent", *, to: str = "agent", took: str = "True", **meta: Any) -> dict[str, Any]:
    conditions = [{"type": t, "status": took, "observedGeneration": 1} for t in ("Accepted", "ResolvedRefs")]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name, **meta},
        "spec": {"parentRefs": [{"name": "front"}], "rules": [{"backendRefs": [{"name": to, "port": 80}]}]},
        "status": {"parents": [{"parentRef": {"name": "front"}, "conditions": conditions}]},
    }  # fmt: skip


def gateway(programmed: str = "True") -> dict[str, Any]:
    status = {"conditions": [{"type": "Programmed", "status": programmed}]}
    return {"kind": "Gateway", "metadata": {"name": "front"}, "spec": {}, "status": status}


def virtual_service(name: str = "agent", to: str = "agent") -> dict[str, Any]:
    http = [{"route": [{"destination": {"host": to}}]}]
    return {"kind": "VirtualService", "metadata": {"name": name}, "spec": {"http": http}}


def argo(name: str = "agent-rollout", **spec: Any) -> dict[str, Any]:
    return {"kind": "Rollout", "metadata": {"name": name}, "spec": spec}


def flagger(target: str = "agent") -> dict[str, Any]:
    spec = {"targetRef": {"kind": "Deployment", "name": target}}
    return {"kind": "Canary", "metadata": {"name": "agent"}, "spec": spec}


@pytest.mark.parametrize(
    ("place", "docs", "mode", "why"),
    [
        (PLACE, [], "replicas", "no image of Envoy is configured"),
        (ENVOY, [], "splitter", "image of Envoy is configured"),
        (ENVOY, [route(), gateway()], "gateway-api", "HTTPRoute agent leads to the Service agent and its Gateway"),
        (PLACE, [route("x"), gateway()], "gateway-api", "HTTPRoute x leads"),
        (PLACE, [route(to="agent-stable"), gateway()], "gateway-api", "HTTPRoute agent leads"),
        (PLACE, [route(to="other"), gateway()], "replicas", "no route leads"),
        (ENVOY, [virtual_service()], "istio", "VirtualService agent leads to the Service agent"),
        (PLACE, [virtual_service(), route(), gateway()], "gateway-api", "HTTPRoute"),
        (PLACE, [virtual_service(), route(), gateway("False")], "istio", "VirtualService"),
        (PLACE, [argo(workloadRef={"kind": "Deployment", "name": "agent"}), route(), gateway()], "delegate",
         "Rollout agent-rollout of Argo Rollouts owns the workload"),
        (PLACE, [argo(selector={"matchLabels": LABELS})], "delegate", "Argo Rollouts"),
        (PLACE, [argo("agent")], "delegate", "Argo Rollouts"),
        (PLACE, [argo(strategy={"canary": {"stableService": "agent"}})], "delegate", "Argo Rollouts"),
        (PLACE, [argo(workloadRef={"kind": "Deployment", "name": "other"})], "replicas", ""),
        (PLACE, [argo(selector={"matchLabels": {"app": "other"}})], "replicas", ""),
        (ENVOY, [flagger()], "delegate", "Canary agent of Flagger owns the workload"),
        (PLACE, [flagger("other")], "replicas", ""),
        (replace(PLACE, traffic="replicas"), [route(), gateway()], "replicas", "rollout.traffic says so"),
    ],
)  # fmt: skip
def test_what_is_there_decides(place: Place, docs: list[dict[str, Any]], mode: str, why: str) -> None:
    cluster = FakeCluster(*base(), *docs)
    choice = choose(cluster, place)
    assert choice.mode == mode
    assert why in choice.why
    assert "\n" not in choice.why
    assert choice.refusals == ()
    assert cluster.writes == []


@pytest.mark.parametrize(
    ("place", "docs", "said"),
    [
        (replace(PLACE, traffic="gateway-api"), [], "no HTTPRoute leads to the Service agent"),
        (replace(PLACE, traffic="gateway-api", route="web"), [route(), gateway()], "no HTTPRoute web leads"),
        (replace(PLACE, traffic="gateway-api"), [route(), gateway("False")], "Gateway front is not programmed"),
        (replace(PLACE, traffic="gateway-api"), [route(took="False"), gateway()], "waits for Gateway front"),
        (replace(PLACE, traffic="gateway-api"), [route(), route("b"), gateway()], "2 of kind HTTPRoute lead"),
        (replace(PLACE, traffic="istio"), [route(), gateway()], "no VirtualService leads"),
        (replace(PLACE, traffic="splitter"), [], "needs rollout.splitter.image"),
        (replace(PLACE, traffic="delegate"), [], "no Rollout of Argo and no Canary of Flagger"),
        (replace(ENVOY, traffic="splitter"), [flagger()], "Canary agent of Flagger owns the workload"),
        (replace(PLACE, traffic="replicas"), [argo("agent")], "Rollout agent of Argo Rollouts owns the workload"),
    ],
)  # fmt: skip
def test_a_mode_that_cannot_be_used_is_refused_and_not_replaced(
    place: Place, docs: list[dict[str, Any]], said: str
) -> None:
    choice = choose(FakeCluster(*base(), *docs), place)
    assert choice.mode == place.traffic
    assert any(said in line for line in choice.refusals)


def test_more_than_one_route_is_told_and_a_name_settles_it() -> None:
    cluster = FakeCluster(*base(), route(), route("b"), gateway())
    choice = choose(cluster, ENVOY)
    assert choice.mode == "splitter"
    assert choice.warnings == ("2 of kind HTTPRoute lead to the Service agent: name one (rollout.route)",)
    assert choose(cluster, replace(ENVOY, route="b")).route == "b"


class Guarded(FakeCluster):
    """Credentials that must not list, nor read what is not in their Role."""

    unreadable: frozenset[str] = frozenset()

    def list(self, kind: str, *, labels: Mapping[str, str] | None = None) -> tuple[Doc, ...]:
        if kind in ("HTTPRoute", "VirtualService", "Rollout", "Canary"):
            raise ClusterError(f"must not list {kind}")
        return super().list(kind, labels=labels)

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Doc | None:
        if kind in self.unreadable:
            raise ClusterError(f"must not read {kind}")
        return super().get(kind, name, namespace=namespace)


def test_without_the_right_to_list_the_route_with_the_services_name_is_taken() -> None:
    cluster = Guarded(*base(), route(), route("b"), gateway())
    cluster.unreadable = frozenset({"Gateway"})
    choice = choose(cluster, PLACE)
    assert (choice.mode, choice.route) == ("gateway-api", "agent")


@pytest.mark.parametrize(
    ("meta", "owner"),
    [
        ({"ownerReferences": [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "c"}]}, "Canary c"),
        ({"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "r"}}, "Rollout r"),
    ],
)
def test_an_owner_that_must_not_be_listed_shows_by_its_marks(meta: dict[str, Any], owner: str) -> None:
    deployment, service = base()
    service["metadata"] |= meta
    choice = choose(Guarded(deployment, service), PLACE)
    assert choice.mode == "delegate"
    assert owner in choice.why


def test_an_api_that_is_down_is_no_answer() -> None:
    cluster = FakeCluster(*base(), route(), gateway())
    cluster.down = True
    with pytest.raises(ApiDown):
        choose(cluster, PLACE)


@pytest.mark.parametrize(
    ("meta", "tool"),
    [
        ({}, ""),
        ({"labels": {"app.kubernetes.io/instance": "x"}}, ""),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux"),
        ({"managedFields": [{"manager": "helm-controller"}]}, "Flux"),
    ],
)
def test_who_applies_an_object_is_seen_and_told(meta: dict[str, Any], tool: str) -> None:
    doc = route(**meta)
    assert gitops(doc) == tool
    told = ignoring(doc, "/spec/rules")
    assert bool(told) == bool(tool)
    assert tool in told
    if tool == "Argo CD":
        assert f'select(.metadata.labels["{IN_PROGRESS}"] == "true") | .spec.rules' in told
        assert "group: gateway.networking.k8s.io" in told
    choice = choose(FakeCluster(*base(), doc, gateway()), PLACE)
    assert choice.warnings == ((told,) if told else ())


@pytest.mark.parametrize("mode", ["replicas", "splitter", "gateway-api", "istio"])
def test_every_mode_has_its_router(mode: str) -> None:
    cluster = FakeCluster(*base())
    journal = Journal(cluster, Names("agent", "agent"))
    journal.begin(State("r", "agent", "t", "default", "n", "o", Plan("canary", mode, "", (), 1, "", 1)))
    found: TrafficRouter = router(mode, Hands(cluster, journal), ENVOY, route="agent")
    for name in ("prepare", "shift", "clear", "restore", "retire", "drift", "counts", "replicas"):
        assert callable(getattr(found, name))
    with pytest.raises(UsageError, match="no router"):
        router("delegate", Hands(cluster, journal), PLACE)


def test_modes_are_imported_when_they_are_used() -> None:
    program = (
        "import sys, agentops.rollout.traffic.choose;"
        "print([m for m in sys.modules if m.startswith('agentops.rollout.traffic.') and not m.endswith('.choose')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
