"""What is looked at before the first write."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from fake_cluster import FakeCluster
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ApiDown, ClusterError
from agentops.model.rollout import Phase, Plan, State
from agentops.model.rollout_settings import Place, Shadow, Splitter, Watchdog
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names
from agentops.rollout.preflight import Found, preflight
from agentops.rollout.preflight_room import quantity
from agentops.rollout.selectors import matches

OLD, NEW = (f"registry/agent@sha256:{c * 64}" for c in "ab")
ENVOY = f"envoy@sha256:{'e' * 64}"
PLACE = Place("production", "agent", splitter=Splitter(image=ENVOY))
LABELS = {"app": "agent", "track": "stable"}
Edit = Callable[[dict[str, Any]], None]


def a_deployment(name: str = "agent", labels: Mapping[str, str] = LABELS, **more: Any) -> dict[str, Any]:
    container = {
        "name": "agent", "image": OLD, "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    }  # fmt: skip
    pod = {"containers": [container], "terminationGracePeriodSeconds": 60}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": 4, "selector": {"matchLabels": dict(labels)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod}, **more,
        },
    }  # fmt: skip


def a_service(name: str = "agent", **more: Any) -> dict[str, Any]:
    spec = {"selector": {"app": "agent"}, "ports": [{"port": 80}], "clusterIP": "10.0.0.1", **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def doc(kind: str, name: str, spec: Any = None, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": name}, "spec": spec or {}, **more}


def an_hpa(name: str, target: str, **more: Any) -> dict[str, Any]:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": target}, "minReplicas": 2, "maxReplicas": 10}
    return doc("HorizontalPodAutoscaler", name, spec, **more)


@pytest.fixture
def cluster() -> FakeCluster:
    made = FakeCluster(a_deployment(), a_service())
    made.settle()
    return made


def look(cluster: FakeCluster, place: Place = PLACE, image: str = NEW, mode: str = "splitter", **more: Any) -> Found:
    found = preflight(cluster, place, image, mode=mode, **more)
    assert cluster.writes == [], "preflight writes nothing"
    assert all("\n" not in line and "\x1b" not in line for line in (*found.problems, *found.warnings))
    return found


def put(cluster: FakeCluster, *docs: dict[str, Any]) -> None:
    for one in docs:
        cluster.objects[(one["kind"], one["metadata"]["name"])] = copy.deepcopy(one)


def only(found: Found) -> str:
    assert len(found.problems) == 1, found.problems
    assert not found.ready
    return found.problems[0]


def test_nothing_is_wrong(cluster: FakeCluster) -> None:
    found = look(cluster)
    assert (found.problems, found.warnings, found.missing) == ((), (), ())
    assert found.ready
    assert found.work is not None
    assert found.work.image == OLD


@pytest.mark.parametrize("image", ["registry/agent:1.2", "registry/agent", f"@sha256:{'c' * 64}", NEW[:-1], f"{NEW} "])
def test_an_image_is_named_by_digest(cluster: FakeCluster, image: str) -> None:
    assert "is not named by digest" in only(look(cluster, image=image))


def test_the_image_that_runs_already_is_refused(cluster: FakeCluster) -> None:
    assert "runs sha256:aaaaaaaaaaaa already" in only(look(cluster, image=f"elsewhere/agent@sha256:{'a' * 64}"))


def test_a_tag_is_a_risk_on_the_way_back(cluster: FakeCluster) -> None:
    def tag(deployment: dict[str, Any]) -> None:
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry/agent:1"

    cluster.edit("Deployment", "agent", tag)
    cluster.settle()
    found = look(cluster)
    assert found.ready
    assert "names its image by a tag" in found.warnings[0]
    for pod in cluster.pods("agent"):
        pod["status"]["containerStatuses"][0]["imageID"] = NEW
    assert "already, by the name registry/agent:1" in only(look(cluster))


def test_every_right_that_is_missing_is_told_at_once(cluster: FakeCluster) -> None:
    cluster.forbidden = {("create", "Deployment"), ("patch", "Service"), ("list", "NetworkPolicy")}
    found = look(cluster)
    line = only(found)
    assert "create deployments; " in line
    assert "patch services agent; patch services agent-canary" in line
    assert "list networkpolicies" in line
    assert line.endswith("`agentops rollout rbac` prints it")
    assert {(n.verb, n.kind) for n in found.missing} == cluster.forbidden


def test_a_mode_that_is_not_settled_has_no_rights(cluster: FakeCluster) -> None:
    assert any("'auto' does not say how" in line for line in look(cluster, mode="auto").problems)


def test_objects_that_are_not_there() -> None:
    found = look(FakeCluster(a_service()))
    assert found.work is None
    assert "there is no Deployment agent" in only(found)
    assert "there is no Service agent" in only(look(FakeCluster(a_deployment())))


def test_a_container_that_is_not_named(cluster: FakeCluster) -> None:
    def sidecar(deployment: dict[str, Any]) -> None:
        deployment["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "p"})

    cluster.edit("Deployment", "agent", sidecar)
    cluster.settle()
    assert "set rollout.container" in only(look(cluster))
    assert look(cluster, replace(PLACE, container="agent")).ready


def unwell(status: dict[str, Any]) -> Edit:
    return lambda deployment: deployment["status"].update(status)


def spec(**more: Any) -> Edit:
    return lambda deployment: deployment["spec"].update(more)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (unwell({"availableReplicas": 3, "readyReplicas": 3}), "3 of 4 pods of agent are available"),
        (unwell({"updatedReplicas": 2}), "amid a rolling update (2 of 4 pods updated)"),
        (unwell({"replicas": 5}), "amid a rolling update"),
        (unwell({"observedGeneration": 0}), "amid a rolling update"),
        (
            unwell(
                {"updatedReplicas": 1, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}
            ),
            "did not succeed",
        ),
        (spec(paused=True), "is paused"),
        (spec(replicas=0), "scaled to nothing"),
    ],
)
def test_stable_must_be_whole_and_still(cluster: FakeCluster, edit: Edit, said: str) -> None:
    cluster.edit("Deployment", "agent", edit)
    assert said in only(look(cluster))


def pod(**more: Any) -> Edit:
    return lambda deployment: deployment["spec"]["template"]["spec"].update(more)


def unprobed(deployment: dict[str, Any]) -> None:
    del deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (unprobed, "has no readinessProbe"),
        (pod(terminationGracePeriodSeconds=30), "killed 30 s after"),
        (lambda d: d["spec"]["template"]["spec"].pop("terminationGracePeriodSeconds"), "killed 30 s after"),
        (pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "memory"}}]), "the claim memory"),
        (spec(strategy={"type": "Recreate"}), "Recreate"),
        (spec(strategy={"rollingUpdate": {"maxUnavailable": 2}}), "may take away 2 of 4 pods"),
        (spec(strategy={}), "may take away 1 of 4 pods (maxUnavailable 25%)"),
    ],
)
def test_what_is_only_warned_of(cluster: FakeCluster, edit: Edit, said: str) -> None:
    cluster.edit("Deployment", "agent", edit)
    cluster.settle()
    found = look(cluster)
    assert found.problems == ()
    assert len(found.warnings) == 1
    assert said in found.warnings[0]


def a_state(phase: Phase) -> State:
    return State(
        "r1", "agent", "production", "default", NEW, OLD, Plan("canary", "splitter", "", (5,), 1, "", 4), phase
    )


def test_a_rollout_under_way_is_not_disturbed(cluster: FakeCluster) -> None:
    journal = Journal(cluster, Names("agent", "agent"))
    journal.refresh()
    journal.begin(a_state(Phase.CANARY))
    cluster.writes.clear()
    line = only(look(cluster))
    assert "the rollout r1" in line
    assert "(canary)" in line
    assert "`agentops rollout resume`" in line
    journal.save(replace(a_state(Phase.DONE), epoch=1))
    cluster.writes.clear()
    assert look(cluster).ready


def test_a_journal_that_cannot_be_read_is_no_free_way(cluster: FakeCluster) -> None:
    put(cluster, doc("ConfigMap", "agent-rollout", data={"state": "{"}))
    assert "cannot be read" in look(cluster).problems[0]


def test_marks_without_a_journal(cluster: FakeCluster) -> None:
    cluster.edit("Service", "agent", lambda d: d["metadata"].update(annotations={"rollout.agentops/id": "r9"}))
    assert "Service agent is held by the rollout r9" in only(look(cluster))


@pytest.mark.parametrize(("mode", "kind"), [("gateway-api", "HTTPRoute"), ("istio", "VirtualService")])
@pytest.mark.parametrize("named", [True, False])
def test_a_route_that_another_rollout_holds(cluster: FakeCluster, mode: str, kind: str, named: bool) -> None:
    place, more = (replace(PLACE, route="r"), {}) if named else (PLACE, {"route": "r"})
    put(cluster, {**a_route(), "kind": kind})
    assert look(cluster, place, mode=mode, **more).ready
    cluster.edit(kind, "r", lambda d: d["metadata"].update(annotations={"rollout.agentops/id": "r9\x1b[2J"}))
    assert f"{kind} r is held by the rollout r9" in only(look(cluster, place, mode=mode, **more))
    assert look(cluster).ready, "the splitter leads by no route"


def test_a_canary_that_would_count_as_stables(cluster: FakeCluster) -> None:
    # The Service selects by everything that the Deployment does.
    cluster.edit("Service", "agent", lambda d: d["spec"].update(selector=dict(LABELS)))
    found = look(cluster, mode="replicas")
    assert "give the Deployment's selector one label more" in found.problems[0]
    assert look(cluster, mode="splitter").ready


def test_two_autoscalers_that_count_the_same_pods(cluster: FakeCluster) -> None:
    put(cluster, an_hpa("one", "agent"), an_hpa("two", "agent"))
    assert "2 autoscalers scale agent (one, two)" in only(look(cluster))


def test_an_autoscaler_of_another_deployment_that_counts_stables_pods(cluster: FakeCluster) -> None:
    put(cluster, a_deployment("wide", {"app": "agent"}), an_hpa("wide", "wide"))
    assert "AmbiguousSelector" in look(cluster).problems[0]


def test_an_autoscaler_that_would_count_the_canary(cluster: FakeCluster) -> None:
    # In the mode replicas the canary keeps `app` and changes `track`.
    other = a_deployment("other", {"app": "agent"})
    other["spec"]["selector"] = {"matchExpressions": [{"key": "track", "operator": "NotIn", "values": ["stable"]}]}
    put(cluster, other, an_hpa("other", "other"))
    assert "the autoscaler other of other would count the canary's pods" in only(look(cluster, mode="replicas"))


def test_an_autoscaler_at_its_end_or_blind_is_told(cluster: FakeCluster) -> None:
    status = {
        "currentReplicas": 10,
        "conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"}],
    }
    hpa = an_hpa("agent", "agent", status=status)
    hpa["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "keda-operator"}
    put(cluster, hpa)
    found = look(cluster)
    assert found.ready
    told = " ".join(found.warnings)
    assert "at its most (10 pods)" in told
    assert "FailedGetResourceMetric" in told
    assert "KEDA" in told


def test_a_budget_that_would_count_the_canary(cluster: FakeCluster) -> None:
    put(cluster, doc("PodDisruptionBudget", "all", {"selector": {}}))
    found = look(cluster)
    assert found.ready
    assert "the PodDisruptionBudget all counts the canary's pods too" in found.warnings[0]
    put(cluster, doc("PodDisruptionBudget", "all", {"selector": {"matchLabels": LABELS}}))
    assert look(cluster).warnings == ()


def test_names_that_others_have_taken(cluster: FakeCluster) -> None:
    put(cluster, doc("Deployment", "agent-canary", {"selector": {"matchLabels": {"x": "y"}}}))
    assert "a Deployment agent-canary that agentops did not make" in only(look(cluster))
    mine = doc("Deployment", "agent-canary", {"selector": {"matchLabels": {"x": "y"}}})
    mine["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "agentops-rollout"}
    put(cluster, mine)
    assert look(cluster).ready


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"selector": {"app": "other"}}, "does not lead to the pods of agent"),
        ({"selector": None}, "has no selector"),
        ({"type": "ExternalName"}, "ExternalName"),
        ({"clusterIP": "None"}, "is headless"),
    ],
)
def test_a_service_that_leads_elsewhere(cluster: FakeCluster, service: dict[str, Any], said: str) -> None:
    cluster.edit("Service", "agent", lambda d: d["spec"].update(service))
    assert any(said in line for line in look(cluster).problems)


def test_strangers_behind_the_service_and_clients_that_stick(cluster: FakeCluster) -> None:
    put(cluster, doc("Pod", "cron-1", metadata={"name": "cron-1", "labels": {"app": "agent", "track": "cron"}}))
    cluster.edit("Service", "agent", lambda d: d["spec"].update(sessionAffinity="ClientIP"))
    told = look(cluster).warnings
    assert "leads to other pods as well (cron-1)" in told[0]
    assert "ClientIP" in told[1]


@pytest.mark.parametrize(
    ("place", "mode", "said"),
    [
        (replace(PLACE, splitter=Splitter()), "splitter", "splitter.image"),
        (replace(PLACE, splitter=Splitter(image="envoy:1")), "splitter", "splitter.image"),
        (PLACE, "gateway-api", "needs `route`"),
        (
            replace(PLACE, route="r"),
            "gateway-api",
            "there is no HTTPRoute r in default, or the cluster has no Gateway API",
        ),
        (replace(PLACE, route="r"), "istio", "there is no VirtualService r"),
        (replace(PLACE, shadow=Shadow("mirror", blocked="pay:80")), "splitter", "there is no Service pay"),
        (replace(PLACE, shadow=Shadow("mirror")), "replicas", "cannot copy requests"),
        (PLACE, "delegate", "no Rollout of Argo and no Canary of Flagger"),
    ],
)
def test_what_a_mode_needs(cluster: FakeCluster, place: Place, mode: str, said: str) -> None:
    assert said in only(look(cluster, place, mode=mode))


def a_route(service: str = "agent", generation: int = 1, accepted: str = "True") -> dict[str, Any]:
    conditions = [{"type": t, "status": accepted, "observedGeneration": 1} for t in ("Accepted", "ResolvedRefs")]
    route = doc("HTTPRoute", "r", {"rules": [{"backendRefs": [{"name": service}]}]})
    route["metadata"]["generation"] = generation
    return {**route, "status": {"parents": [{"conditions": conditions}]}}


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (a_route("other"), "no rule of the HTTPRoute r leads to the Service agent"),
        (a_route(accepted="False"), "no Gateway serves the HTTPRoute r"),
        (a_route(generation=2), "no Gateway serves the HTTPRoute r"),
    ],
)
def test_a_route_has_to_lead_here(cluster: FakeCluster, route: dict[str, Any], said: str) -> None:
    put(cluster, a_route())
    assert look(cluster, mode="gateway-api", route="r").ready
    put(cluster, route)
    assert said in only(look(cluster, mode="gateway-api", route="r"))


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        (
            doc("Rollout", "agent", {"workloadRef": {"kind": "Deployment", "name": "agent"}}),
            "the Rollout agent of Argo Rollouts",
        ),
        (doc("Canary", "c", {"targetRef": {"kind": "Deployment", "name": "agent"}}), "the Canary c of Flagger"),
    ],
)
def test_owners_are_not_fought(cluster: FakeCluster, owner: dict[str, Any], said: str) -> None:
    put(cluster, owner)
    line = only(look(cluster))
    assert said in line
    assert line.endswith("set rollout.traffic: delegate")
    assert look(cluster, mode="delegate").ready
    cluster.remove(owner["kind"], owner["metadata"]["name"])
    key = "workloadRef" if owner["kind"] == "Rollout" else "targetRef"
    owner = copy.deepcopy(owner)
    owner["spec"][key]["name"] = owner["metadata"]["name"] = "another"
    put(cluster, owner)
    assert look(cluster).ready


def test_a_rollout_of_argo_may_have_no_deployment() -> None:
    """It bears the template itself then."""
    template = {"spec": {"containers": [{"name": "agent", "image": OLD}]}}
    made = FakeCluster(a_service(), doc("Rollout", "agent", {"selector": {}, "template": template}))
    found = look(made, mode="delegate")
    assert found.ready
    assert found.work is None
    assert not look(made).ready


def test_an_operator_that_controls_the_deployment(cluster: FakeCluster) -> None:
    refs = [{"kind": "AgentApp", "name": "shop", "controller": True}]
    cluster.edit("Deployment", "agent", lambda d: d["metadata"].update(ownerReferences=refs))
    assert "the AgentApp shop controls the Deployment agent" in only(look(cluster))


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"managedFields": [{"manager": "argocd-controller"}]}, "ignoreDifferences"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "reconcile: disabled"),
    ],
)
def test_what_a_repository_applies_is_told_with_the_rule(
    cluster: FakeCluster, marks: dict[str, Any], said: str
) -> None:
    cluster.edit("Deployment", "agent", lambda d: d["metadata"].update(marks))
    found = look(cluster)
    assert found.ready
    assert said in found.warnings[0]
    assert "/spec/template/spec/containers/0/image" in found.warnings[0]
    assert "write the new digest into the repository" in found.warnings[1]


def a_quota(hard: dict[str, str], used: dict[str, str], **more: Any) -> dict[str, Any]:
    return doc("ResourceQuota", "team", {"hard": hard, **more}, status={"hard": hard, "used": used})


@pytest.mark.parametrize(
    ("hard", "used", "fits"),
    [
        # Beside the canary's 5 pods: 1 of the commit's, and 2 of the splitter's which count as pods alone.
        ({"pods": "12"}, {"pods": "4"}, True),
        ({"pods": "11"}, {"pods": "4"}, False),
        ({"requests.cpu": "1"}, {"requests.cpu": "400m"}, True),
        ({"requests.cpu": "999m"}, {"requests.cpu": "400m"}, False),
        ({"cpu": "900m"}, {"cpu": "400m"}, False),
        ({"limits.memory": "1280Mi"}, {"limits.memory": "512Mi"}, True),
        ({"limits.memory": "1279Mi"}, {"limits.memory": "512Mi"}, False),
        ({"requests.nvidia.com/gpu": "0"}, {}, True),
        ({"secrets": "1"}, {"secrets": "1"}, True),
    ],
)
def test_quotas_hold_the_canary_at_full_size(
    cluster: FakeCluster, hard: dict[str, str], used: dict[str, str], fits: bool
) -> None:
    put(cluster, a_quota(hard, used))
    if fits:
        assert look(cluster).ready
    else:
        line = only(look(cluster))
        assert "the quota team leaves" in line
        assert "set rollout.low_capacity" in line


def test_low_capacity_needs_less_room(cluster: FakeCluster) -> None:
    put(cluster, a_quota({"requests.cpu": "600m"}, {"requests.cpu": "400m"}))
    small = replace(PLACE, low_capacity=True, canary=(5,))
    assert not look(cluster).ready
    assert look(cluster, small).ready


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        ({"scopes": ["BestEffort"]}, False),
        ({"scopes": ["NotBestEffort"]}, True),
        ({"scopes": ["Terminating"]}, False),
        ({"scopes": ["NotTerminating"]}, True),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["h"]}]
                }
            },
            False,
        ),
        ({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "DoesNotExist"}]}}, True),
    ],
)
def test_quotas_of_other_pods_do_not_count(cluster: FakeCluster, scope: dict[str, Any], counts: bool) -> None:
    put(cluster, a_quota({"pods": "0"}, {}, **scope))
    assert look(cluster).ready != counts


def a_policy(name: str, selector: dict[str, Any], **more: Any) -> dict[str, Any]:
    return doc("NetworkPolicy", name, {"podSelector": selector, **more})


STABLE = {"matchLabels": LABELS}
APP = {"matchLabels": {"app": "agent"}}
DENY = a_policy("deny", {}, policyTypes=["Ingress"])
OPEN = {"podSelector": {}}


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        # Everything is closed, stable's pods alone are opened.
        (
            [DENY, a_policy("open", STABLE, ingress=[{"from": [OPEN]}])],
            "by the NetworkPolicy open stable's pods are reached",
        ),
        # The tool server lets stable's pods in by their label.
        (
            [a_policy("tools", {"matchLabels": {"app": "tools"}}, ingress=[{"from": [{"podSelector": STABLE}]}])],
            "the NetworkPolicy tools lets stable's pods through by their labels, and not the canary's",
        ),
        (
            [
                a_policy("out", STABLE, policyTypes=["Egress"], egress=[{}]),
                a_policy("none", {}, policyTypes=["Egress"]),
            ],
            "by the NetworkPolicy out stable's pods are let out",
        ),
    ],
)
def test_policies_that_cut_the_canary_off(cluster: FakeCluster, policies: list[dict[str, Any]], said: str) -> None:
    put(cluster, *policies)
    assert any(said in line for line in look(cluster, mode="replicas").problems)


@pytest.mark.parametrize(
    "policies",
    [
        [],
        [a_policy("open", STABLE, ingress=[{"from": [OPEN]}])],  # nothing closes the canary
        [DENY, a_policy("open", APP, ingress=[{"from": [OPEN]}])],
        [a_policy("tools", {"matchLabels": {"app": "tools"}}, ingress=[{"from": [{"podSelector": APP}]}])],
        [
            a_policy(
                "tools", {"matchLabels": {"app": "tools"}}, ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]
            )
        ],
    ],
)
def test_policies_that_do_not(cluster: FakeCluster, policies: list[dict[str, Any]]) -> None:
    put(cluster, *policies)
    assert look(cluster, mode="replicas").problems == ()


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (
            [DENY, a_policy("open", {"matchLabels": {"app": "agent"}}, ingress=[{}])],
            "the splitter's pods are not reached at all",
        ),
        (
            [a_policy("in", APP, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}])],
            "does not let the splitter's pods in to stable's",
        ),
        (
            [
                a_policy(
                    "web",
                    {"matchLabels": {"app": "web"}},
                    policyTypes=["Egress"],
                    egress=[{"to": [{"podSelector": APP}]}],
                )
            ],
            "lets stable's pods through by their labels, and not the splitter's",
        ),
        ([a_policy("none", {}, policyTypes=["Egress"])], "the splitter's pods are not let out at all"),
    ],
)
def test_policies_that_cut_the_splitter_off(cluster: FakeCluster, policies: list[dict[str, Any]], said: str) -> None:
    put(cluster, *policies)
    assert any(said in line for line in look(cluster, mode="splitter").problems)
    assert not any("splitter" in line for line in look(cluster, mode="replicas").problems)


def test_policies_of_our_own_do_not_count(cluster: FakeCluster) -> None:
    mine = a_policy("agent-shadow", {}, policyTypes=["Egress", "Ingress"])
    mine["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "agentops-rollout"}
    put(cluster, mine)
    assert look(cluster).ready


def test_an_api_that_does_not_answer_is_let_through(cluster: FakeCluster) -> None:
    cluster.down = True
    with pytest.raises(ApiDown):
        preflight(cluster, PLACE, NEW, mode="splitter")


@pytest.mark.parametrize("kind", ["ResourceQuota", "NetworkPolicy", "PodDisruptionBudget", "Deployment"])
def test_what_could_not_be_looked_at_is_no_pass(
    cluster: FakeCluster, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = cluster.list

    def refused(asked: str, *, labels: Mapping[str, str] | None = None) -> Any:
        if asked == kind:
            raise ClusterError("the Kubernetes API refused GET", hint="`agentops rollout rbac`")
        return there(asked, labels=labels)

    monkeypatch.setattr(cluster, "list", refused)
    assert "could not be looked at" in only(look(cluster))


def test_a_long_name_leaves_no_room_for_ours() -> None:
    for length, watched, fits in ((56, False, True), (57, False, False), (37, True, True), (38, True, False)):
        name = "a" * length
        made = FakeCluster(a_deployment(name), a_service(name))
        made.settle()
        place = replace(PLACE, deployment=name, watchdog=Watchdog(image=ENVOY if watched else None))
        assert look(made, place).ready is fits
        assert fits or "is 1 too long" in only(look(made, place))


def test_a_role_of_another_namespace_is_not_asked_for_here(cluster: FakeCluster) -> None:
    from agentops.model.rollout_settings import Analysis, Prometheus

    place = replace(PLACE, analysis=Analysis(prometheus=Prometheus(service="mon/prom:9090")))
    assert "in the namespace mon was not asked" in look(cluster, place).warnings[0]


def test_the_watchdog_takes_a_pod_of_the_quota(cluster: FakeCluster) -> None:
    put(cluster, a_quota({"pods": "12"}, {"pods": "4"}))
    assert not look(cluster, replace(PLACE, watchdog=Watchdog(image=ENVOY))).ready


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_quantities(number: int, suffix: str) -> None:
    factor = {"": 1, "m": Fraction(1, 1000), "k": 10**3, "M": 10**6, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[suffix]
    assert quantity(f"{number}{suffix}") == number * factor


@pytest.mark.parametrize(("text", "value"), [("1.5", Fraction(3, 2)), ("12e6", 12_000_000), ("0.5Gi", 2**29), (3, 3)])
def test_quantities_in_other_forms(text: object, value: Fraction) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "x", "1Qi", "Mi", "1,5"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError):
        quantity(text)


def test_selectors() -> None:
    labels = {"app": "a", "track": "stable"}
    assert matches({}, labels)
    assert not matches(None, labels)
    assert matches({"matchLabels": {"app": "a"}}, labels)
    assert not matches({"matchLabels": {"app": "b"}}, labels)
    for operator, values, holds in (
        ("In", ["stable"], True), ("In", ["x"], False), ("NotIn", ["x"], True), ("NotIn", ["stable"], False),
        ("Exists", None, True), ("DoesNotExist", None, False), ("Gt", None, False),
    ):  # fmt: skip
        expression = {"key": "track", "operator": operator, "values": values}
        assert matches({"matchExpressions": [expression]}, labels) is holds
    assert matches({"matchExpressions": [{"key": "gone", "operator": "NotIn", "values": ["x"]}]}, labels)
