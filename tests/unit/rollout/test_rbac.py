"""The least Role: one table for what is printed and what is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from agentops.contracts import Doc
from agentops.drivers.kubectl import KINDS
from agentops.errors import UsageError
from agentops.model.rollout_settings import MODES, Analysis, Place, Prometheus, Shadow, Watchdog
from agentops.rollout.delegate import Owner
from agentops.rollout.rbac import Need, Subject, as_yaml, needs, role, watchdog_needs

PLACE = Place("production", "agent", namespace="shop", service="front")
FULL = replace(
    PLACE,
    shadow=Shadow("mirror", blocked="payments:80"),
    watchdog=Watchdog(image="w@sha256:" + "a" * 64),
    analysis=Analysis(prometheus=Prometheus(service="monitoring/prometheus:9090")),
)
SETTLED = MODES[1:]


def of_kind(docs: Iterable[Doc], kind: str) -> list[Any]:
    return [doc for doc in docs if doc["kind"] == kind]


def allowed(rules: Iterable[Any], need: Need) -> bool:
    """As the API server decides. (https://kubernetes.io/docs/reference/access-authn-authz/rbac/)"""
    version, plural = KINDS[need.kind]
    resource = f"{plural}/{need.subresource}" if need.subresource else plural
    return any(
        version.rpartition("/")[0] in rule["apiGroups"]
        and resource in rule["resources"]
        and need.verb in rule["verbs"]
        and ("resourceNames" not in rule or need.name in rule["resourceNames"])
        for rule in rules
    )


@pytest.mark.parametrize("mode", SETTLED)
@pytest.mark.parametrize("place", [PLACE, FULL], ids=["plain", "full"])
def test_the_role_allows_every_need(place: Place, mode: str) -> None:
    docs = role(place, mode)
    rules = {doc["metadata"]["name"]: doc["rules"] for doc in of_kind(docs, "Role")}
    for need in needs(place, mode):
        name = "shop-agent-rollout" if need.namespace else "agent-rollout"
        assert allowed(rules[name], need), need
    for need in watchdog_needs(place, mode):
        assert allowed(rules["agent-rollout-watchdog"], need), need


@pytest.mark.parametrize("mode", SETTLED)
def test_what_no_role_ever_allows(mode: str) -> None:
    for doc in of_kind(role(FULL, mode), "Role"):
        for rule in doc["rules"]:
            assert not {"delete", "deletecollection", "*", "bind", "escalate", "impersonate"} & set(rule["verbs"])
            assert not {"secrets", "pods/exec", "pods/attach", "pods", "*"} & set(rule["resources"]) or set(
                rule["verbs"]
            ) <= {"get", "list"}
            assert not any("secrets" in r or "exec" in r or "*" in r for r in (*rule["resources"], *rule["apiGroups"]))
    assert {doc["kind"] for doc in role(FULL, mode)} == {"ServiceAccount", "Role", "RoleBinding"}


@pytest.mark.parametrize("mode", SETTLED)
def test_what_agents_say_and_what_others_configure_is_not_for_a_rollout_to_read(mode: str) -> None:
    for found in (needs(FULL, mode), watchdog_needs(FULL, mode)):
        assert not any(n.subresource == "log" for n in found)
        assert not any(n.kind in ("ConfigMap", "Service") and n.verb == "list" for n in found)
        assert all(n.name for n in found if n.kind in ("ConfigMap", "Service") and n.verb != "create")


@pytest.mark.parametrize("mode", SETTLED)
def test_writes_to_objects_that_are_there_are_limited_to_names(mode: str) -> None:
    unlimited = {(n.kind, n.verb) for n in needs(FULL, mode) if not n.name and n.verb in ("patch", "update")}
    # Jobs that try the way out bear a digest in their name.
    assert unlimited <= {("Job", "patch")}
    plain = {(n.kind, n.verb) for n in needs(PLACE, mode) if not n.name and n.verb in ("patch", "update")}
    assert plain == set()


def test_the_names_are_those_of_the_objects() -> None:
    found = needs(PLACE, "splitter", hpa="scaler")
    assert {n.name for n in found if n.kind == "Deployment" and n.verb == "patch"} == {
        "agent", "agent-canary", "agent-splitter",
    }  # fmt: skip
    assert {n.name for n in found if n.kind == "Service" and n.verb == "patch"} == {
        "front", "front-canary", "front-stable",
    }  # fmt: skip
    assert {n.name for n in found if n.kind == "ConfigMap" and n.verb == "update"} == {
        "agent-rollout",
        "agent-splitter",
    }
    assert {n.name for n in found if n.kind == "HorizontalPodAutoscaler" and n.verb == "patch"} == {"scaler"}
    # Stable's own objects are never written over whole.
    assert not {n.name for n in found if n.verb == "update"} & {"agent", "front", "scaler"}


@pytest.mark.parametrize(
    ("mode", "kind"), [("gateway-api", "HTTPRoute"), ("istio", "VirtualService"), ("delegate", "Rollout")]
)
def test_a_mode_may_write_its_own_kind_and_no_other_may(mode: str, kind: str) -> None:
    for other in SETTLED:
        writes = any(n.kind == kind and n.verb == "patch" for n in needs(PLACE, other))
        assert writes == (other == mode)


def test_the_route_is_that_of_the_settings_or_the_one_that_was_found() -> None:
    def names(place: Place, route: str | None) -> set[str]:
        return {n.name for n in needs(place, "gateway-api", route=route) if n.kind == "HTTPRoute" and n.verb == "patch"}

    assert names(replace(PLACE, route="mine"), "found") == {"mine"}
    assert names(PLACE, "found") == {"found"}
    assert names(PLACE, None) == {"front"}


def test_the_owner_is_the_one_that_was_found() -> None:
    canary = Owner("Canary", "shop", ("Deployment", "agent"))
    found = needs(PLACE, "delegate", owner=canary)
    assert Need("patch", "Canary", "shop") in found
    assert not any(n.kind == "Rollout" and n.verb != "list" for n in found)
    rollout = needs(PLACE, "delegate", owner=Owner("Rollout", "shop", ("Rollout", "shop")))
    assert Need("patch", "Rollout", "shop", "status") in rollout
    assert not any(n.kind == "Canary" and n.verb != "list" for n in rollout)


def test_prometheus_of_the_same_namespace() -> None:
    near = replace(PLACE, analysis=Analysis(prometheus=Prometheus(service="prometheus:9090")))
    assert Need("get", "Service", "prometheus:9090", "proxy") in needs(near, "replicas")
    assert {doc["metadata"]["namespace"] for doc in role(near, "replicas", watchdog=False)} == {"shop"}


def test_features_that_are_off_need_nothing() -> None:
    kinds = {n.kind for n in needs(PLACE, "replicas") if n.verb != "list"}
    assert not {"Job", "NetworkPolicy", "HTTPRoute", "VirtualService"} & kinds
    assert not any(n.subresource == "proxy" for n in needs(PLACE, "replicas"))
    assert {"Job", "NetworkPolicy"} <= {n.kind for n in needs(FULL, "replicas") if n.verb == "create"}


@pytest.mark.parametrize("mode", SETTLED)
def test_the_watchdog_needs_less(mode: str) -> None:
    mine = set(watchdog_needs(FULL, mode))
    starts = {n.kind for n in mine if n.verb == "create"}
    assert not starts & {"Deployment", "Job", "Service", "NetworkPolicy", "PodDisruptionBudget"}
    assert {n.name for n in mine if n.kind == "Deployment" and n.verb == "update"} == set()
    # What it may, the runner may as well.
    rules = next(d["rules"] for d in of_kind(role(FULL, mode), "Role") if d["metadata"]["name"] == "agent-rollout")
    assert all(allowed(rules, need) for need in mine)
    assert len(mine) < len(needs(FULL, mode))


def test_who_is_bound() -> None:
    docs = role(FULL, "replicas")
    accounts = [doc["metadata"]["name"] for doc in of_kind(docs, "ServiceAccount")]
    assert accounts == ["agentops-runner", "agentops-rollout"]
    for binding in of_kind(docs, "RoleBinding"):
        (subject,) = binding["subjects"]
        assert subject["namespace"] == "shop"
        assert subject["name"] == (
            "agentops-rollout" if binding["roleRef"]["name"].endswith("watchdog") else "agentops-runner"
        )
    people = role(PLACE, "replicas", runner=Subject("Group", "oidc:releases"), watchdog=False)
    assert of_kind(people, "ServiceAccount") == []
    (binding,) = of_kind(people, "RoleBinding")
    assert binding["subjects"] == [
        {"kind": "Group", "name": "oidc:releases", "apiGroup": "rbac.authorization.k8s.io"}
    ]  # fmt: skip


def test_prometheus_of_another_namespace_is_asked_by_a_role_there() -> None:
    there = [doc for doc in role(FULL, "replicas") if doc["metadata"]["namespace"] == "monitoring"]
    assert [doc["kind"] for doc in there] == ["Role", "RoleBinding"]
    (rule,) = there[0]["rules"]
    assert rule["resources"] == ["services/proxy"]
    assert rule["resourceNames"] == ["prometheus:9090", "http:prometheus:9090"]
    assert there[1]["subjects"][0]["namespace"] == "shop"


def test_yaml_is_what_kubectl_reads() -> None:
    docs = role(FULL, "splitter")
    assert list(yaml.safe_load_all(as_yaml(docs))) == [dict(doc) for doc in docs]


@pytest.mark.parametrize("mode", ["auto", "carrier-pigeon"])
def test_an_unsettled_mode_has_no_role(mode: str) -> None:
    with pytest.raises(UsageError, match="how traffic is led") as caught:
        role(PLACE, mode)
    assert "splitter" in caught.value.hint


def test_runner_and_watchdog_are_two() -> None:
    with pytest.raises(UsageError, match="would both be the ServiceAccount agentops-rollout"):
        role(PLACE, "replicas", runner=Subject(name="agentops-rollout"))


def test_a_need_reads_like_kubectl() -> None:
    assert str(Need("patch", "Deployment", "agent")) == "patch deployments agent"
    assert str(Need("create", "Pod", subresource="portforward")) == "create pods/portforward"
