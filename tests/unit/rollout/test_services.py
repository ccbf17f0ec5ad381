"""The Services that lead to both versions."""

from __future__ import annotations

import copy

import pytest
from traffic_world import LABELS, PLACE, TEAM, LiveCluster, begin, team

from agentops.errors import ClusterError, Conflict, UsageError
from agentops.rollout import workload
from agentops.rollout.traffic import services

NAMES = workload.names_of(PLACE)


def stood(**service: object) -> LiveCluster:
    cluster = LiveCluster(*team(**service))
    cluster.settle()
    return cluster


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"type": "ExternalName"}, "ExternalName"),
        ({"selector": None}, "no selector"),
        ({"selector": {}}, "no selector"),
        ({"clusterIP": "None"}, "headless"),
    ],
)
def test_a_service_that_leads_nobody_is_refused(spec: dict[str, object], word: str) -> None:
    deployment, service = team(**spec)
    with pytest.raises(UsageError, match=word):
        services.refuse(workload.Workload(deployment, service, "agent"))


def test_a_plain_service_is_not_refused() -> None:
    services.refuse(workload.read(stood(), PLACE))


def test_the_selector_is_the_teams_own_while_the_rollout_holds_the_service() -> None:
    cluster = stood()
    hands = begin(cluster)
    hands.take("Service", "app", keep=services.keep)
    services.lead(hands, "app", {"other": "pods"})
    service = cluster.get("Service", "app")
    assert service is not None
    assert service["spec"]["selector"] == {"other": "pods"}
    assert services.own_selector(service) == TEAM


def test_what_an_object_that_nobody_holds_says_of_its_original_is_not_believed() -> None:
    service = team()[1]
    service["metadata"]["annotations"] = {"rollout.agentops/original": '{"selector": {"evil": "pods"}}'}
    assert services.own_selector(service) == TEAM


def test_stable_is_told_from_the_canary_by_what_the_deployment_selects_by() -> None:
    work = workload.read(stood(), PLACE)
    assert services.stable_selector(work, shared_entry=False) == TEAM
    assert services.stable_selector(work, shared_entry=True) == LABELS
    shared = workload.canary_labels(work, shared_entry=True)
    assert not LABELS.items() <= shared.items()
    assert TEAM.items() <= shared.items()


def test_a_backend_has_the_ports_of_the_way_in_and_no_port_on_nodes() -> None:
    ports = [{"name": "web", "port": 80, "targetPort": "http", "nodePort": 30080, "appProtocol": "http"}]
    work = workload.read(stood(ports=ports, type="LoadBalancer", ipFamilies=["IPv4"]), PLACE)
    doc = services.backend(work, NAMES, name="app-canary", selector={"a": "b"})
    assert doc["spec"]["ports"] == [{"name": "web", "port": 80, "targetPort": "http", "appProtocol": "http"}]
    assert doc["spec"]["type"] == "ClusterIP"
    assert doc["spec"]["ipFamilies"] == ["IPv4"]


def test_what_is_laid_already_is_not_written_again() -> None:
    cluster = stood()
    hands = begin(cluster)
    doc = services.backend(workload.read(cluster, PLACE), NAMES, name="app-canary", selector={"a": "b"})
    services.lay(hands, doc)
    # What the API server fills in.
    cluster.edit("Service", "app-canary", lambda d: d["spec"].update(clusterIP="10.96.0.9", sessionAffinity="None"))
    cluster.edit("Service", "app-canary", lambda d: d["spec"]["ports"][0].update(protocol="TCP"))
    cluster.writes.clear()
    services.lay(hands, doc)
    assert cluster.writes == []

    changed = copy.deepcopy(doc)
    changed["spec"]["ports"].append({"name": "more", "port": 81})
    services.lay(hands, changed)
    assert cluster.writes == [("replace", "Service", "app-canary")]
    found = cluster.get("Service", "app-canary")
    assert found is not None
    assert found["spec"]["clusterIP"] == "10.96.0.9"


def test_an_object_of_others_is_not_laid_over() -> None:
    cluster = stood()
    other = services.backend(workload.read(cluster, PLACE), NAMES, name="app-canary", selector={"a": "b"})
    cluster.create(other)
    with pytest.raises(Conflict):
        services.lay(begin(cluster), other)


def test_leading_is_one_guarded_write_and_none_where_it_is_so() -> None:
    cluster = stood()
    hands = begin(cluster)
    hands.take("Service", "app", keep=services.keep)
    cluster.writes.clear()
    services.lead(hands, "app", {"x": "y"})
    services.lead(hands, "app", {"x": "y"})
    assert cluster.writes == [("patch", "Service", "app")]

    def meanwhile(*_: str) -> None:
        cluster.before_write = lambda *_: None
        cluster.edit("Service", "app", lambda d: d["spec"].update(selector={"hand": "made"}))

    cluster.before_write = meanwhile
    with pytest.raises(Conflict):
        services.lead(hands, "app", TEAM)


def test_a_service_that_is_gone_is_told() -> None:
    cluster = stood()
    hands = begin(cluster)
    with pytest.raises(ClusterError, match="gone"):
        services.lead(hands, "missing", TEAM)


def test_the_way_in_is_given_back_in_one_write_without_a_mark() -> None:
    cluster = stood()
    hands = begin(cluster)
    before = cluster.get("Service", "app")
    hands.take("Service", "app", keep=services.keep)
    services.lead(hands, "app", {"x": "y"})
    cluster.writes.clear()
    services.give_back(hands, "app")
    services.give_back(hands, "app")
    assert cluster.writes == [("patch", "Service", "app")]
    after = cluster.get("Service", "app")
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert not after["metadata"].get("annotations")


def test_a_service_of_another_rollout_is_not_given_back() -> None:
    cluster = stood()
    begin(cluster, rollout="old").take("Service", "app", keep=services.keep)
    other = begin(cluster, rollout="new")
    cluster.writes.clear()
    services.give_back(other, "app")
    assert cluster.writes == []


def test_behind_tells_what_nodes_lead_to() -> None:
    cluster = stood()

    def leave(doc: dict[str, object]) -> None:
        endpoints = doc["endpoints"]
        assert isinstance(endpoints, list)
        endpoints[0]["conditions"] = {"ready": False, "serving": True, "terminating": True}
        endpoints[1]["conditions"] = {"ready": False, "serving": False}
        endpoints[2]["conditions"] = {}

    cluster.edit("EndpointSlice", "app", leave)
    found = services.behind(cluster, "app")
    assert [(one.ready, one.serving) for one in found] == [(False, True), (True, True)]
    names = frozenset(one.pod for one in found)
    assert services.led_to(cluster, "app", names) == frozenset({found[1].pod})
    assert services.led_to(cluster, "app", frozenset({"else"})) == frozenset()
    assert services.behind(cluster, "else") == ()


def managed(manager: str, fields: dict[str, object], time: str = "2026-01-01T00:00:00Z") -> dict[str, object]:
    return {"manager": manager, "time": time, "fieldsV1": fields}


def test_who_changed_a_field_is_the_last_writer_beside_us() -> None:
    selector: dict[str, object] = {"f:spec": {"f:selector": {}}}
    entries = [
        managed("kubectl", selector, "2026-01-01T00:00:00Z"),
        managed("eve\x1b[31m", selector, "2026-01-02T00:00:00Z"),
        managed("else", {"f:spec": {"f:ports": {}}}, "2026-01-03T00:00:00Z"),
        managed("agentops-rollout", selector, "2026-01-04T00:00:00Z"),
    ]
    assert services.changed_by({"metadata": {"managedFields": entries}}, "spec", "selector") == (
        "eve at 2026-01-02T00:00:00Z"
    )
    assert services.changed_by({"metadata": {}}, "spec", "selector") == "somebody"


def test_strayed_names_service_selector_and_writer() -> None:
    cluster = stood()
    assert services.strayed(cluster, "app", TEAM) == ""
    text = services.strayed(cluster, "app", {"a": "b"})
    assert "app=agent" in text
    assert "somebody" in text
    assert "deleted" in services.strayed(cluster, "missing", {})
