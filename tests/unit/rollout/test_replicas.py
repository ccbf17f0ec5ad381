"""Traffic by the number of pods, against the API in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_world import LABELS, PLACE, TEAM, LiveCluster, begin, raise_canary, team, until_done

from agentops.errors import ApiDown, Conflict, UsageError
from agentops.rollout.hands import Hands
from agentops.rollout.traffic.replicas import Replicas

HERE = replace(PLACE, traffic="replicas")
ONLY_CANARY = {"rollout.agentops/track": "canary", "rollout.agentops/app": "app"}


@pytest.fixture
def cluster() -> Iterator[LiveCluster]:
    found = LiveCluster(*team())
    found.settle()
    yield found
    found.close()


def router(hands: Hands) -> Replicas:
    return Replicas(hands, HERE, nodes_s=0)


def selector(cluster: LiveCluster) -> dict[str, str]:
    found: dict[str, str] = cluster.objects["Service", "app"]["spec"]["selector"]
    return found


@given(weight=st.integers(1, 99), stable=st.integers(1, 200))
def test_no_other_number_of_pods_comes_nearer_to_the_share(weight: int, stable: int) -> None:
    found = Replicas(None, HERE).replicas(weight, stable=stable)  # type: ignore[arg-type]
    assert found >= 1

    def ideal(pods: int) -> float:
        return abs(pods - stable * weight / (100 - weight))

    for other in (found - 1, found + 1):
        if other >= 1:
            assert ideal(found) <= ideal(other)


@pytest.mark.parametrize(
    ("weight", "stable", "pods", "share"),
    [(5, 3, 1, 25.0), (25, 3, 1, 25.0), (50, 3, 3, 50.0), (5, 40, 2, 200 / 42), (100, 3, 4, 100.0), (0, 3, 1, 0.0)],
)
def test_the_step_is_one_pod(weight: int, stable: int, pods: int, share: float) -> None:
    found = Replicas(None, HERE)  # type: ignore[arg-type]
    assert found.replicas(weight, stable=stable) == pods
    assert found.share(weight, stable=stable) == pytest.approx(share)


def test_a_canary_that_comes_up_takes_nothing(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    until_done(cluster, router(hands).prepare)
    raise_canary(cluster, hands, 1, shared_entry=True)
    assert selector(cluster) == LABELS
    assert cluster.led("app") == {"app"}


def test_traffic_goes_to_both_then_to_the_canary_alone_and_back(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    way = router(hands)
    before = cluster.get("Service", "app")
    until_done(cluster, way.prepare)
    raise_canary(cluster, hands, 1, shared_entry=True)
    until_done(cluster, lambda: way.shift(25))
    assert selector(cluster) == TEAM
    assert cluster.led("app") == {"app", "app-canary"}
    assert way.drift(25) == ""

    raise_canary(cluster, hands, 4, shared_entry=True)
    until_done(cluster, lambda: way.shift(100))
    assert selector(cluster) == ONLY_CANARY
    assert cluster.led("app") == {"app-canary"}

    cluster.writes.clear()
    until_done(cluster, way.clear)
    assert cluster.writes == [("patch", "Service", "app")], "one write brings everything back"
    assert cluster.led("app") == {"app"}
    until_done(cluster, way.restore)
    assert cluster.led("app") == {"app"}, "the team's selector would lead to canary pods that are still there"

    raise_canary(cluster, hands, 0, shared_entry=True)
    until_done(cluster, way.retire)
    after = cluster.get("Service", "app")
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert not after["metadata"].get("annotations")


def test_no_traffic_before_every_canary_pod_is_ready(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    way = router(hands)
    until_done(cluster, way.prepare)
    assert way.shift(25) == "every canary pod to be ready"
    raise_canary(cluster, hands, 1, shared_entry=True)
    hands.scale("app-canary", 4)
    assert way.shift(100) == "every canary pod to be ready"
    assert selector(cluster) == LABELS
    hands.scale("app-canary", 0)
    cluster.settle()
    assert way.shift(100) == "every canary pod to be ready"


def test_what_was_said_is_done_once_nodes_do_it(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    way = router(hands)
    until_done(cluster, way.prepare)
    raise_canary(cluster, hands, 1, shared_entry=True)
    assert way.shift(25) == "nodes to lead app to canary"
    cluster.settle()
    assert way.shift(25) == ""
    assert way.clear() == "nodes to stop leading app to canary"
    cluster.settle()
    assert way.clear() == ""


def test_nodes_get_their_time(cluster: LiveCluster) -> None:
    way = Replicas(begin(cluster), HERE, nodes_s=0.2)
    assert "by what the API server says" in way.prepare()
    assert way.prepare() != ""
    time.sleep(0.2)
    assert way.prepare() == ""
    assert way.clear() == "", "nothing changed for the nodes"
    cluster.edit("EndpointSlice", "app", lambda d: d.update(endpoints=[]))
    assert way.clear() == "nodes to lead app to stable"
    cluster.settle()
    assert way.clear() != "", "and again"


def test_clear_before_anything_was_touched_writes_nothing(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    cluster.writes.clear()
    assert router(hands).clear() == ""
    assert router(hands).restore() == ""
    assert router(hands).retire() == ""
    assert cluster.writes == []


def test_the_way_in_is_not_given_back_while_canary_pods_are_there(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    until_done(cluster, router(hands).prepare)
    raise_canary(cluster, hands, 1, shared_entry=True)
    assert router(hands).retire() == "canary pods to end"
    assert selector(cluster) == LABELS


def test_copies_are_refused(cluster: LiveCluster) -> None:
    way = router(begin(cluster))
    assert not way.can_mirror
    assert not way.by_session
    assert way.counts() == (None, None)
    with pytest.raises(UsageError, match="copy"):
        way.shift(0, mirror=10)


def test_labels_that_leave_no_room_are_refused_before_any_write() -> None:
    cluster = LiveCluster(*team(selector=LABELS))
    cluster.settle()
    hands = begin(cluster)
    cluster.writes.clear()
    with pytest.raises(UsageError, match="counted as stable"):
        router(hands).prepare()
    assert cluster.writes == []


def test_prepare_again_after_it_narrowed_the_way_in(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    until_done(cluster, router(hands).prepare)
    cluster.writes.clear()
    assert router(hands).prepare() == ""
    assert cluster.writes == []


def test_drift_tells_of_a_hand_made_change(cluster: LiveCluster) -> None:
    hands = begin(cluster)
    until_done(cluster, router(hands).prepare)
    assert router(hands).drift(0) == ""
    cluster.edit("Service", "app", lambda d: d["spec"].update(selector={"a": "b"}))
    assert "a=b" in router(hands).drift(0)


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("at", range(8))
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
    phases = [
        lambda: router(hands).prepare(),
        lambda: raise_canary(cluster, hands, 1, shared_entry=True) or "",
        lambda: router(hands).shift(25),
        lambda: router(hands).clear(),
        lambda: router(hands).restore(),
        lambda: raise_canary(cluster, hands, 0, shared_entry=True) or "",
        lambda: router(hands).retire(),
    ]
    for act in phases:
        for _ in range(10):
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
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert not after["metadata"].get("annotations")
