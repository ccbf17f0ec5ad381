"""Traffic by our own splitter, against the API in memory and splitters that answer as Envoy does."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from traffic_world import PLACE, TEAM, LiveCluster, begin, raise_canary, team, until_done

from agentops.errors import ApiDown, Conflict, UsageError
from agentops.model.rollout import Counts
from agentops.model.rollout_settings import Splitter as Settings
from agentops.rollout.hands import Hands
from agentops.rollout.traffic import splitter_objects
from agentops.rollout.traffic.fleet import Fleet
from agentops.rollout.traffic.splitter import Splitter

OWN = {"rollout.agentops/track": "splitter", "rollout.agentops/app": "app"}
CANARY = {"rollout.agentops/track": "canary", "rollout.agentops/app": "app"}


@pytest.fixture
def cluster() -> Iterator[LiveCluster]:
    found = LiveCluster(*team())
    found.settle()
    yield found
    found.close()


@pytest.fixture
def hands(cluster: LiveCluster) -> Hands:
    return begin(cluster)


@pytest.fixture
def router(hands: Hands) -> Iterator[Splitter]:
    with Splitter(hands, PLACE) as found:
        yield found


@pytest.fixture
def ready(cluster: LiveCluster, hands: Hands, router: Splitter) -> Splitter:
    """Prepared, with a canary pod that serves nobody yet."""
    until_done(cluster, router.prepare)
    raise_canary(cluster, hands, 1, shared_entry=False)
    return router


def selector(cluster: LiveCluster, name: str) -> dict[str, str]:
    found: dict[str, str] = cluster.objects["Service", name]["spec"]["selector"]
    return found


def written(cluster: LiveCluster) -> Any:
    return splitter_objects.split_in(cluster.objects["ConfigMap", "app-splitter"])


def weights(cluster: LiveCluster) -> set[int]:
    return {envoy.weight() for envoy in cluster.envoys.values()}


def test_the_way_in_flips_once_every_splitter_reaches_stable(cluster: LiveCluster, router: Splitter) -> None:
    awaited = []
    for _ in range(10):
        told = router.prepare()
        cluster.settle()
        for envoy in cluster.__dict__.get("envoys", {}).values():
            envoy.reach["stable"] = 0
        awaited.append(told)
    assert "to reach stable" in awaited[-1]
    assert "NetworkPolicy" in awaited[-1]
    assert selector(cluster, "app") == TEAM
    next(iter(cluster.envoys.values())).reach["stable"] = 1
    assert "to reach stable" in router.prepare(), "the other one does not"
    for envoy in cluster.envoys.values():
        envoy.reach["stable"] = 1
    until_done(cluster, router.prepare)
    assert selector(cluster, "app") == OWN
    assert cluster.led("app") == {"app-splitter"}
    assert selector(cluster, "app-stable") == TEAM
    assert selector(cluster, "app-canary") == CANARY
    assert weights(cluster) == {0}


def test_pods_that_do_not_come_up_are_told_with_why(cluster: LiveCluster, router: Splitter) -> None:
    cluster.sick["envoy@sha256:1"] = "ImagePullBackOff"
    for _ in range(5):
        told = router.prepare()
        cluster.settle()
    assert told.startswith("0 of 2 splitter pods ready (ImagePullBackOff")
    assert selector(cluster, "app") == TEAM


def test_prepare_again_writes_nothing_and_keeps_the_split(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(25))
    cluster.writes.clear()
    assert ready.prepare() == ""
    assert cluster.writes == []
    assert weights(cluster) == {25}


def test_what_an_earlier_rollout_left_starts_from_nothing(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(25))
    until_done(cluster, ready.clear)
    until_done(cluster, ready.restore)
    # As if the runner had died before it took the split back.
    cluster.edit("ConfigMap", "app-splitter", lambda d: d["data"].update({"envoy.json": d["data"]["envoy.json"].replace(
        '"agentops.split.canary-80": 0', '"agentops.split.canary-80": 25').replace(
        '"agentops.split.stable-80": 100', '"agentops.split.stable-80": 75')}))  # fmt: skip
    assert written(cluster).weight == 25
    with Splitter(begin(cluster, rollout="r2"), PLACE) as other:
        until_done(cluster, other.prepare)
    assert written(cluster).weight == 0
    assert weights(cluster) == {0}


def test_weights_are_written_and_pushed_to_every_pod(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(25, mirror=12.5))
    assert weights(cluster) == {25}
    assert {e.mirror() for e in cluster.envoys.values()} == {'{"numerator":125000,"denominator":"MILLION"}'}
    assert (written(cluster).weight, written(cluster).mirror) == (25, 12.5)
    for envoy in cluster.envoys.values():
        envoy.asked.clear()
    assert ready.shift(25, mirror=12.5) == ""
    assert not [a for e in cluster.envoys.values() for a in e.asked if "modify" in a], "nothing to push twice"


def test_a_pod_that_does_not_answer_is_awaited(cluster: LiveCluster, ready: Splitter) -> None:
    silent = sorted(cluster.envoys)[0]
    until_done(cluster, lambda: ready.shift(5))
    cluster.envoys[silent].stop()
    port = cluster.ports.pop((silent, 19000))
    assert silent in ready.shift(5)
    ready.clear()
    cluster.settle()
    assert ready.clear() == f"{silent} to take the weights"
    cluster.ports[silent, 19000] = port


def test_no_weight_before_every_splitter_reaches_the_canary(cluster: LiveCluster, ready: Splitter) -> None:
    for envoy in cluster.envoys.values():
        envoy.reach["canary"] = 0
    assert "to reach canary" in ready.shift(5)
    assert weights(cluster) == {0}
    assert written(cluster).weight == 0


def test_no_weight_while_nodes_lead_to_stable_instead(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, ready.clear)
    assert cluster.led("app-canary") == {"app"}
    assert "ready canary pods behind" in ready.shift(5), "the selector is flipped, but nodes do not know yet"
    assert weights(cluster) == {0}
    cluster.settle()
    assert ready.shift(5) == ""


def test_clear_flips_the_service_before_anything_else(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(50))
    cluster.writes.clear()
    until_done(cluster, ready.clear)
    assert cluster.writes[0] == ("patch", "Service", "app-canary")
    assert selector(cluster, "app-canary") == TEAM
    assert cluster.led("app-canary") == {"app"}
    assert weights(cluster) == {0}
    assert written(cluster).weight == 0


def test_clear_is_not_done_before_nodes_know(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(50))
    assert "nodes to forget" in ready.clear()
    cluster.settle()
    assert ready.clear() == ""


def test_clear_does_not_wait_for_a_splitter_on_a_lost_node(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(50))
    lost = sorted(cluster.envoys)[0]
    cluster.ports.pop((lost, 19000))
    cluster.envoys[lost].stop()
    cluster.edit("Pod", lost, lambda d: d["status"]["conditions"][0].update(status="False"))
    ready.clear()
    assert selector(cluster, "app-canary") == TEAM
    cluster._slice("app-canary", TEAM)
    assert ready.clear() == ""


def test_the_whole_way_back_leaves_the_teams_service_as_it_was(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(100))
    until_done(cluster, ready.clear)
    until_done(cluster, ready.restore)
    service = cluster.get("Service", "app")
    assert service is not None
    assert service["spec"]["selector"] == TEAM
    assert not service["metadata"].get("annotations")
    assert cluster.led("app") == {"app"}
    until_done(cluster, ready.retire)
    assert cluster.pods("app-splitter") == []
    assert not [w for w in cluster.writes if w[0] == "delete"]


def test_restore_is_not_done_before_nodes_know(cluster: LiveCluster, ready: Splitter) -> None:
    assert "nodes to forget the splitter" in ready.restore()
    cluster.settle()
    assert ready.restore() == ""


def test_retire_waits_for_requests_in_flight_but_not_for_ever(cluster: LiveCluster, ready: Splitter) -> None:
    busy = next(iter(cluster.envoys.values()))
    busy.active = 3
    assert ready.retire() == "3 requests in flight in the splitter"
    assert all(envoy.draining for envoy in cluster.envoys.values())
    assert cluster.objects["Deployment", "app-splitter"]["spec"]["replicas"] == 2
    busy.active = 0
    assert ready.retire() == "the splitter's pods to end"
    cluster.settle()
    assert ready.retire() == ""


def test_retire_goes_on_after_the_drain_time(cluster: LiveCluster, ready: Splitter) -> None:
    next(iter(cluster.envoys.values())).active = 1
    assert "in flight" in ready.retire()
    time.sleep(PLACE.timing.drain_s)
    assert "pods to end" in ready.retire()


def test_before_anything_was_made_there_is_nothing_to_undo(cluster: LiveCluster, router: Splitter) -> None:
    cluster.writes.clear()
    assert (router.clear(), router.restore(), router.retire()) == ("", "", "")
    assert cluster.writes == []
    assert router.counts() == (None, None)


def test_drift_is_nothing_where_nobody_changed_anything(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(25))
    cluster.writes.clear()
    assert ready.drift(25) == ""
    assert cluster.writes == []


@pytest.mark.parametrize("name", ["app", "app-stable", "app-canary"])
def test_drift_tells_of_selectors(cluster: LiveCluster, ready: Splitter, name: str) -> None:
    until_done(cluster, lambda: ready.shift(25))
    cluster.edit("Service", name, lambda d: d["spec"].update(selector={"a": "b"}))
    assert f"Service {name} was changed to a=b by somebody" in ready.drift(25)


def test_drift_tells_of_weights(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(25))
    assert "sends 25 percent" in ready.drift(50)
    cluster.edit("ConfigMap", "app-splitter", lambda d: d["data"].update({"envoy.json": "{"}))
    assert "cannot be read" in ready.drift(25)
    cluster.remove("ConfigMap", "app-splitter")
    assert "deleted" in ready.drift(25)


def test_drift_tells_a_pod_that_began_anew_the_split_again(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(25))
    anew = next(iter(cluster.envoys.values()))
    anew.runtime.update({"agentops.split.canary-80": "5", "agentops.split.stable-80": "95"})
    assert ready.drift(25) == ""
    assert weights(cluster) == {25}


def test_a_runner_that_was_taken_over_pushes_nothing_into_objects(cluster: LiveCluster, ready: Splitter) -> None:
    until_done(cluster, lambda: ready.shift(5))
    for name in ("app-canary", "app"):
        cluster.edit("Service", name, lambda d: d["metadata"]["annotations"].update({"rollout.agentops/epoch": "2"}))
    with pytest.raises(Exception, match="another runner"):
        ready.clear()


@pytest.mark.parametrize(("weight", "pods"), [(0, 1), (1, 1), (25, 1), (50, 2), (100, 4)])
def test_the_canary_is_as_large_as_its_share_and_a_quarter_more(router: Splitter, weight: int, pods: int) -> None:
    assert router.replicas(weight, stable=3) == pods
    assert router.can_mirror
    assert router.by_session


# What both versions served.


def counted(arm: str, **codes: int) -> dict[str, int]:
    return {f"cluster.{arm}-80.external.upstream_rq_{code.removeprefix('c_')}": n for code, n in codes.items()}


def bucket(arm: str, le: str, count: int) -> str:
    return f'envoy_cluster_external_upstream_rq_time_bucket{{envoy_cluster_name="{arm}-80",le="{le}"}} {count}\n'


def test_counts_are_the_sum_over_pods_by_code(cluster: LiveCluster, ready: Splitter) -> None:
    for envoy in cluster.envoys.values():
        envoy.numbers = {
            **counted("canary", completed=10, c_200=7, c_503=2, c_429=1, c_2xx=7, c_5xx=2),
            **counted("stable", completed=90),
            "cluster.canary-80.internal.upstream_rq_completed": 1000, "cluster.canary-80.upstream_rq_completed": 1010,
        }  # fmt: skip
        envoy.histogram = bucket("canary", "100", 4) + bucket("canary", "250", 9) + bucket("canary", "+Inf", 10)
    canary, stable = ready.counts()
    assert canary == Counts(20, {"429": 2, "503": 4}, ((0.1, 8), (0.25, 18), (float("inf"), 20)))
    assert stable == Counts(180)


def test_counts_never_fall_when_a_pod_begins_anew_or_goes(cluster: LiveCluster, ready: Splitter) -> None:
    one, other = cluster.envoys.values()
    one.numbers = counted("canary", completed=10, c_500=4)
    other.numbers = counted("canary", completed=5)
    first = ready.counts()[0]
    one.numbers = counted("canary", completed=2, c_500=1)
    second = ready.counts()[0]
    assert first is not None
    assert second is not None
    assert (first.requests, second.requests, dict(second.errors)) == (15, 17, {"500": 5})
    cluster.edit("Pod", sorted(cluster.envoys)[0], lambda d: d["status"]["conditions"][0].update(status="False"))
    third = ready.counts()[0]
    assert third is not None
    assert third.requests == 17


def test_counts_are_none_where_no_pod_answers(cluster: LiveCluster, ready: Splitter) -> None:
    cluster.ports.clear()
    assert Fleet(cluster).counts(sorted(cluster.envoys)) == (None, None)


def test_what_is_no_json_counts_as_no_answer(cluster: LiveCluster, ready: Splitter) -> None:
    names = sorted(cluster.envoys)
    assert Fleet(cluster).each(names, lambda admin: admin.numbers("[")) == dict.fromkeys(names)


def test_a_pod_that_hangs_holds_nobody_up(
    cluster: LiveCluster, ready: Splitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    hung, fine = sorted(cluster.envoys)
    open_way, tried = cluster.forward, []

    @contextlib.contextmanager
    def forward(pod: str, port: int) -> Iterator[int]:
        tried.append(pod)
        if pod == hung:
            free.wait(20)
            raise ApiDown("the node is lost")
        with open_way(pod, port) as found:
            yield found

    monkeypatch.setattr(cluster, "forward", forward)
    monkeypatch.setattr("agentops.rollout.traffic.fleet._ALL_S", 0.3)
    fleet = Fleet(cluster)
    began = time.monotonic()
    told = fleet.each([hung, fine], lambda admin: admin.active())
    assert told == {hung: None, fine: 0}
    assert time.monotonic() - began < 2
    fleet.each([hung, fine], lambda admin: admin.active())
    assert tried.count(hung) == 1, "it is not asked again while it hangs"
    free.set()
    fleet.close()


def test_ways_are_kept_and_renewed_when_they_die(cluster: LiveCluster, ready: Splitter) -> None:
    opened = []
    open_way = cluster.forward

    @contextlib.contextmanager
    def forward(pod: str, port: int) -> Iterator[int]:
        opened.append(pod)
        with open_way(pod, port) as found:
            yield found
        opened.append(f"closed {pod}")

    cluster.forward = forward  # type: ignore[method-assign]
    fleet, pod = Fleet(cluster), sorted(cluster.envoys)[0]
    for _ in range(3):
        assert fleet.each([pod], lambda admin: admin.active()) == {pod: 0}
    assert opened == [pod]
    alive = cluster.ports[pod, 19000]
    fleet._ways[pod] = (fleet._ways[pod][0], type(fleet._ways[pod][1])(1))
    assert fleet.each([pod], lambda admin: admin.active()) == {pod: 0}
    assert opened == [pod, f"closed {pod}", pod]
    assert cluster.ports[pod, 19000] == alive
    fleet.close()
    assert opened[-1] == f"closed {pod}"


# What is refused before anything is written, and the objects.


@pytest.mark.parametrize(
    ("service", "word"),
    [
        ({"ports": [{"port": 53, "protocol": "UDP"}]}, "UDP"),
        ({"ports": [{"port": 443, "name": "https"}]}, "TLS"),
        ({"ports": [{"port": 8443, "name": "web", "appProtocol": "https"}]}, "TLS"),
        ({"ports": [{"port": 80, "targetPort": "web"}]}, "named web"),
        ({"ports": [{"port": 80, "targetPort": 19000}]}, "19000"),
        ({"externalTrafficPolicy": "Local"}, "externalTrafficPolicy"),
        ({"internalTrafficPolicy": "Local"}, "internalTrafficPolicy"),
        ({"clusterIP": "None"}, "headless"),
    ],
)
def test_a_service_that_would_lose_requests_is_refused(service: dict[str, Any], word: str) -> None:
    cluster = LiveCluster(*team(**service))
    hands = begin(cluster)
    cluster.writes.clear()
    with pytest.raises(UsageError, match=word):
        Splitter(hands, PLACE).prepare()
    assert cluster.writes == []


def test_a_splitter_without_an_image_is_refused(cluster: LiveCluster, hands: Hands) -> None:
    cluster.writes.clear()
    with pytest.raises(UsageError, match="image"):
        Splitter(hands, replace(PLACE, splitter=Settings())).prepare()
    assert cluster.writes == []


def test_ports_of_the_pods_are_listened_on_once_each(cluster: LiveCluster, hands: Hands) -> None:
    ports = [
        {"port": 80, "targetPort": "http", "name": "a"}, {"port": 8080, "targetPort": 8080, "name": "b"},
        {"port": 81, "name": "c"},
    ]  # fmt: skip
    cluster.edit("Service", "app", lambda d: d["spec"].update(ports=ports))
    with Splitter(hands, PLACE) as router:
        for _ in range(3):
            router.prepare()
            cluster.settle()
    doc = cluster.objects["Deployment", "app-splitter"]["spec"]["template"]
    (container,) = doc["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 8080, "name": "http"}, {"containerPort": 81}]
    assert doc["spec"]["securityContext"]["sysctls"][0]["value"] == "0", "port 81 is bound without privileges"


def test_pods_are_unprivileged_ready_by_envoy_and_go_on_while_they_drain(cluster: LiveCluster, ready: Splitter) -> None:
    doc = cluster.objects["Deployment", "app-splitter"]
    spec = doc["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 19001}
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > sleep >= 5
    assert doc["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert cluster.objects["PodDisruptionBudget", "app-splitter"]["spec"]["selector"] == {"matchLabels": OWN}
    assert not TEAM.items() <= doc["spec"]["template"]["metadata"]["labels"].items()


def test_pods_are_renewed_when_more_than_weights_change(cluster: LiveCluster, ready: Splitter, hands: Hands) -> None:
    def stamp() -> str:
        template = cluster.objects["Deployment", "app-splitter"]["spec"]["template"]
        return str(template["metadata"]["annotations"][splitter_objects.CONFIG_SUM])

    before = stamp()
    until_done(cluster, lambda: ready.shift(25))
    until_done(cluster, ready.prepare)
    assert stamp() == before
    other = replace(PLACE, splitter=replace(PLACE.splitter, session="x-user"))
    with Splitter(hands, other) as router:
        until_done(cluster, router.prepare)
    assert stamp() != before
    assert json.loads(cluster.objects["ConfigMap", "app-splitter"]["data"]["envoy.json"])


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("at", range(14))
def test_a_runner_killed_at_any_write_is_followed_by_one_that_ends_it(at: int, lost: str) -> None:
    cluster = LiveCluster(*team())
    cluster.settle()
    before = cluster.get("Service", "app")
    hands = begin(cluster)
    count = iter(range(1000))

    def kill(*_: str) -> None:
        if next(count) == at:
            raise ApiDown("killed")

    setattr(cluster, f"{lost}_write", kill)

    def call(name: str, *given: int) -> str:
        with Splitter(hands, PLACE) as router:
            return str(getattr(router, name)(*given))

    phases = [
        lambda: call("prepare"),
        lambda: raise_canary(cluster, hands, 1, shared_entry=False) or "",
        lambda: call("shift", 25),
        lambda: call("clear"),
        lambda: call("restore"),
        lambda: call("retire"),
    ]
    for act in phases:
        for _ in range(12):
            try:
                done = not act()
            except (ApiDown, Conflict):
                hands.journal.refresh()
                done = False
            cluster.settle()
            if done:
                break
        else:
            pytest.fail("did not converge")
    after = cluster.get("Service", "app")
    cluster.close()
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert not after["metadata"].get("annotations")
    assert next(count) > at, "so many writes there were"
