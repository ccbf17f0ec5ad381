"""Traffic through our own splitter on a real cluster, with requests flowing all the time."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from conftest import (
    AGENT,
    PORT,
    Load,
    World,
    agent_manifest,
    eventually,
    image,
    kubectl,
    others_unchanged,
    start_load,
)

from agentops.model.rollout import TRACK
from agentops.rollout import workload
from agentops.rollout.traffic.fleet import Admin
from agentops.rollout.traffic.splitter import Splitter

OWN = {TRACK: "splitter", workload.APP: AGENT}

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def split_world(world: World) -> World:
    image("AGENTOPS_TEST_ENVOY_IMAGE")
    return replace(world, place=replace(world.place, traffic="splitter"))


def test_the_whole_way_there_and_back_loses_no_request(split_world: World, load: Load) -> None:
    world = split_world
    before = world.cluster.get("Service", AGENT)
    assert before is not None
    hands = world.hands()
    world.canary(hands, 1, shared_entry=False)
    with Splitter(hands, world.place) as router:
        print("prepare", eventually(router.prepare))
        assert load.next(80).versions.keys() == {"dev"}

        eventually(lambda: router.shift(0, mirror=50))
        shown = load.next(120)
        assert shown.versions.keys() == {"dev"}, "nobody is answered by the canary while it is shown requests"
        copies = _shadowed(world)
        print("mirrored", copies, "of", shown.requests)
        assert copies > 0

        for weight in (5, 25, 50):
            print(weight, eventually(lambda w=weight: router.shift(w)))
            seen = load.next(240)
            print(weight, seen)
            # A hundred sessions: their hashes do not fall out evenly.
            assert weight * 0.3 <= seen.canary <= weight * 1.7 + 3
            assert seen.moved == 0, "a session that was with the canary stays with it"
            assert router.drift(weight) == ""

        world.scale(hands, 4)
        eventually(lambda: router.shift(100))
        assert load.next(120).versions.keys() == {"canary"}
        canary, stable = router.counts()
        print(canary, stable)
        assert canary is not None
        assert stable is not None
        assert canary.requests > 100
        assert stable.requests > 100
        assert not canary.errors
        assert canary.latency[-1][1] > 100

        took_s = eventually(router.clear, every_s=0.05)
        print("clear", took_s)
        assert took_s < 5
        assert load.next(120).versions.keys() == {"dev"}
        print("restore", eventually(router.restore))
        assert load.next(40).versions.keys() == {"dev"}
        world.scale(hands, 0)
        print("retire", eventually(router.retire))
    assert load.next(80).versions.keys() == {"dev"}
    whole = load.tally()
    print(whole)
    assert whole.failed == {}
    others_unchanged(world.cluster, "Service", AGENT, before)


def test_clear_holds_for_a_splitter_that_cannot_be_told(split_world: World, load: Load) -> None:
    world = split_world
    hands = world.hands()
    world.canary(hands, 2, shared_entry=False)
    with Splitter(hands, world.place) as router:
        eventually(router.prepare)
        eventually(lambda: router.shift(50))
        assert load.next(80).versions["canary"] > 0

        router._fleet.each = lambda pods, ask: dict.fromkeys(pods)  # type: ignore[method-assign]
        began = time.monotonic()
        while "to take the weights" not in (awaited := router.clear()):
            assert time.monotonic() - began < 5, awaited
        time.sleep(1)
        assert load.next(80).versions.keys() == {"dev"}
    assert load.tally().failed == {}


def test_pods_come_and_go_without_a_lost_request(split_world: World, load: Load) -> None:
    world = split_world
    kept = start_load(world, "kept", rate=10, connections="kept")
    hands = world.hands()
    world.canary(hands, 2, shared_entry=False)
    with Splitter(hands, world.place) as router:
        eventually(router.prepare)
        eventually(lambda: router.shift(50))
        space = f"--namespace={world.cluster.namespace}"
        victims = [pod.name for pod in workload.pods(world.cluster, OWN)]
        # One of the splitter's, as when its node is emptied; then all of stable's, as when a new image comes.
        kubectl(space, "delete", "pod", victims[0], "--wait=false")
        kubectl(space, "rollout", "restart", f"deployment/{AGENT}")
        kubectl(space, "rollout", "status", f"deployment/{AGENT}", "--timeout=100s")
        assert router.drift(50) == ""
        eventually(router.clear)
        eventually(router.restore)
        world.scale(hands, 0)
        eventually(router.retire)
        # Until the last of the splitter's pods has ended.
        eventually(lambda: "splitter pods to end" if workload.pods(world.cluster, OWN) else "")
        time.sleep(1)
    assert load.tally().failed == {}
    assert kept.tally().failed == {}
    assert kept.tally().versions["canary"] > 0


def test_copies_are_marked_streams_flow_and_nobody_forges_the_mark(split_world: World) -> None:
    """With an echo in the agent's place: it tells the headers that it saw, and streams a line each half second."""
    world = split_world
    docs = agent_manifest(world.image)
    docs[0]["data"]["echo.py"] = Path(__file__).with_name("echo_agent.py").read_text(encoding="utf-8")
    docs[1]["spec"]["template"]["spec"]["containers"][0]["command"] = ["python", "-u", "/script/echo.py"]
    world.apply(*docs)
    kubectl(f"--namespace={world.cluster.namespace}", "rollout", "status", f"deployment/{AGENT}", "--timeout=100s")
    hands = world.hands()
    world.canary(hands, 1, shared_entry=False)
    with Splitter(hands, world.place) as router:
        eventually(router.prepare)
        splitter = workload.pods(world.cluster, OWN)[0].name
        canary = workload.pods(world.cluster, workload.canary_selector(workload.names_of(world.place)))[0].name
        with world.cluster.forward(splitter, PORT) as port, world.cluster.forward(canary, PORT) as inside:
            eventually(lambda: router.shift(0, mirror=100))
            forged = {"X-Agentops-Shadow": "1", "X-Session-Id": "s-1", "X-Request-Id": "given", "Host": "agent.example"}
            lived = json.loads(get(port, "/echo", forged))
            assert "x-agentops-shadow" not in lived
            assert (lived["host"], lived["x-request-id"]) == ("agent.example", "given")
            time.sleep(0.5)
            (copy,) = json.loads(get(inside, "/seen", {}))
            assert copy["x-agentops-shadow"] == "1"
            assert copy["x-request-id"] == "given", "by which both answers can be compared"
            assert copy["host"] == "agent.example-shadow"

            # A stream of the canary goes on to its end while traffic leaves it.
            eventually(lambda: router.shift(100))
            began = time.monotonic()
            with urlopen(Request(f"http://127.0.0.1:{port}/stream")) as stream:
                assert stream.headers["X-Agent-Version"] == "canary"
                assert stream.readline() == b"data: 0\n"
                assert time.monotonic() - began < 2, "the first line comes before the last is written"
                eventually(router.clear)
                rest = stream.read()
            assert rest.endswith(b"data: 9\n")
            assert time.monotonic() - began > 4


def get(port: int, path: str, headers: dict[str, str]) -> bytes:
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers=headers)) as answer:
        body: bytes = answer.read()
    return body


def test_a_pod_that_begins_anew_is_told_the_split_again(split_world: World, load: Load) -> None:
    world = split_world
    hands = world.hands()
    world.canary(hands, 1, shared_entry=False)
    with Splitter(hands, world.place) as router:
        eventually(router.prepare)
        eventually(lambda: router.shift(100))
        victim = workload.pods(world.cluster, OWN)[0].name
        with world.cluster.forward(victim, 19000) as port:
            Admin(port).ask("POST", "/quitquitquit")

        def back() -> str:
            found = workload.pods(world.cluster, OWN)
            told = router.drift(100)
            assert told == ""
            return "" if all(p.ready for p in found) and sum(p.restarts for p in found) else "the pod to begin anew"

        eventually(back)
        assert router.drift(100) == ""
        assert load.next(120).versions.keys() == {"canary"}


def test_a_change_by_hand_is_told_with_who(split_world: World) -> None:
    world = split_world
    hands = world.hands()
    world.canary(hands, 1, shared_entry=False)
    with Splitter(hands, world.place) as router:
        eventually(router.prepare)
        eventually(lambda: router.shift(25))
        assert router.drift(25) == ""
        selector = {"app": AGENT, TRACK: None, workload.APP: None}
        patch = json.dumps({"spec": {"selector": selector}})
        kubectl("-n", world.cluster.namespace, "patch", "service", AGENT, "-p", patch, "--field-manager=eve")
        assert "eve" in router.drift(25)
        assert AGENT in router.drift(25)


def _shadowed(world: World) -> int:
    """How many turns the canary's pods answered, by their own count."""
    names = workload.names_of(world.place)
    total = 0
    for pod in workload.pods(world.cluster, workload.canary_selector(names)):
        with world.cluster.forward(pod.name, PORT) as port, urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
        total += sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith("agent_requests_total"))
    return total
