"""Traffic by the number of pods on a real cluster, with requests flowing all the time."""

from __future__ import annotations

import json

import pytest
from conftest import AGENT, Load, World, eventually, kubectl, others_unchanged

from agentops.rollout.traffic.replicas import Replicas

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_the_whole_way_there_and_back_loses_no_request(world: World, load: Load) -> None:
    before = world.cluster.get("Service", AGENT)
    assert before is not None
    hands = world.hands()
    router = Replicas(hands, world.place)
    eventually(router.prepare)
    world.canary(hands, 1, shared_entry=True)
    assert load.next(80).versions.keys() == {"dev"}, "a canary that comes up takes nothing"

    for weight in (25, 50):
        world.scale(hands, router.replicas(weight, stable=3))
        eventually(lambda w=weight: router.shift(w))
        seen = load.next(200)
        asked = router.share(weight, stable=3)
        assert asked == {25: 25.0, 50: 50.0}[weight]
        assert abs(seen.canary - asked) < 12
        assert router.drift(weight) == ""

    world.scale(hands, router.replicas(100, stable=3))
    eventually(lambda: router.shift(100))
    assert load.next(80).versions.keys() == {"canary"}

    assert eventually(router.clear, every_s=0.05) < 5
    assert load.next(80).versions.keys() == {"dev"}
    eventually(router.restore)
    assert load.next(40).versions.keys() == {"dev"}, "the way in stays narrow while canary pods are there"
    world.scale(hands, 0)
    eventually(router.retire)
    assert load.next(40).versions.keys() == {"dev"}
    assert load.tally().failed == {}
    others_unchanged(world.cluster, "Service", AGENT, before)


def test_a_change_by_hand_is_told_with_who(world: World) -> None:
    hands = world.hands()
    router = Replicas(hands, world.place)
    eventually(router.prepare)
    patch = json.dumps({"spec": {"selector": {"track": "canary"}}})
    kubectl("-n", world.cluster.namespace, "patch", "service", AGENT, "-p", patch, "--field-manager=eve")
    assert "eve" in router.drift(0)
