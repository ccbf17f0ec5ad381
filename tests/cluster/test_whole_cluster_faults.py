"""What goes wrong with the cluster itself: its API server, a node, the controller of its Gateway. Everything in it
feels that, so these run one after the other, and after all the others."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bad_agents.build import build
from conftest import AGENT, Load, World, agent_manifest, eventually, kubectl, load_manifest
from rollouts import Rollout, a_world, as_before, specs
from test_rollout_good import by_gateway, loading

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

_CONTROLLER = ("deployment/envoy-gateway", "--namespace=envoy-gateway-system")
_HOST = "kubernetes.io/hostname"
Break = Callable[..., None]


@pytest.fixture
def broken(api: None) -> Iterator[Break]:
    """Breaks a part of the cluster by the command that AGENTOPS_TEST_CLUSTER_FAULTS names: `stop NAME`, `start NAME`,
    `node2`, `lose node2`. What was stopped is started at the end."""
    command = os.environ.get("AGENTOPS_TEST_CLUSTER_FAULTS")
    if not command:
        pytest.skip("AGENTOPS_TEST_CLUSTER_FAULTS names no command that breaks parts of the cluster")
    stopped: list[str] = []

    def carry_out(*words: str) -> None:
        done = subprocess.run([*shlex.split(command), *words], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        if words[0] == "stop":
            stopped.append(words[1])
        if words[0] == "start":
            stopped.remove(words[1])

    yield carry_out
    for name in list(stopped):
        carry_out("start", name)


def nodes() -> dict[str, str]:
    """The cluster's nodes and whether each is ready: "True", "False", "Unknown"."""
    told = kubectl(
        "get", "nodes", "-o",
        'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}',
    )  # fmt: skip
    return dict(pair.split("=", 1) for pair in told.split())


@pytest.fixture
def second_node(broken: Break) -> Iterator[tuple[str, Callable[[], None]]]:
    """A second node for the length of a test: its name, and what cuts it off."""
    first = set(nodes())
    broken("node2")
    eventually(lambda: "" if len([n for n in nodes().values() if n == "True"]) > len(first) else "a second node")
    (name,) = set(nodes()) - first
    yield name, lambda: broken("lose", "node2")
    broken("lose", "node2")
    kubectl("delete", "node", name)


def test_a_node_is_lost_with_pods_of_both_versions(second_node: tuple[str, Callable[[], None]], tmp_path: Path) -> None:
    """16: what is left serves, neither version is blamed, and the rollout goes on."""
    node, lose = second_node
    (first,) = set(nodes()) - {node}
    with a_world("no-node", replicas=4) as world:
        *_, deployment, _ = docs = agent_manifest(world.image, replicas=4)
        # The cluster gives a pod up five minutes after its node, unless it is told otherwise.
        deployment["spec"]["template"]["spec"]["tolerations"] = [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}
            for key in ("unreachable", "not-ready")
        ]
        deployment["spec"]["template"]["spec"]["topologySpreadConstraints"] = [{
            "maxSkew": 1, "topologyKey": _HOST, "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": AGENT}}, "matchLabelKeys": ["pod-template-hash"],
        }]  # fmt: skip
        world.apply(*docs)
        kubectl("rollout", "status", f"deployment/{AGENT}", f"-n={world.cluster.namespace}", "--timeout=110s")
        url = f"http://{AGENT}.{world.cluster.namespace}/v1/chat/completions"
        script, client = load_manifest("load", world.image, url=url, rate=6, sessions=100)
        client["spec"]["nodeSelector"] = {_HOST: first}
        world.apply(script, client)
        load = Load(world.cluster, "load")
        eventually(lambda: "" if load.now() > 0 else "the load client")
        before, good = specs(world), build("good")
        rollout = Rollout(
            world, tmp_path / "r", {"canary": [50], "step": {"samples": 120, "minutes": 4}, "timing": {"ready_s": 45}}
        ).start(good)
        rollout.until("canary", flowing=True)
        there = {track: on_node(world, node, track) for track in ("stable", "canary")}
        assert all(there.values()), f"pods on the second node: {there}"
        lose()
        eventually(lambda: "" if nodes()[node] != "True" else "the loss to be seen", within_s=90)
        assert rollout.end(within_s=400) == 0, rollout.told()
        as_before(world, before, image=good)


def on_node(world: World, node: str, track: str) -> int:
    """How many pods of a version run on a node."""
    found = 0
    for pod in world.cluster.list("Pod", labels={"app": AGENT}):
        ours = pod["metadata"]["labels"].get("rollout.agentops/track") == "canary"
        found += pod["spec"].get("nodeName") == node and ours == (track == "canary")
    return found


def test_a_gateway_that_lags_is_waited_for(api: None, tmp_path: Path) -> None:
    """20: the route is accepted by the API and the data plane does not follow: no samples are counted, no pod goes."""
    with a_world("no-controller", replicas=2) as world:
        world.apply(by_gateway(world))
        load = loading(world, "gateway-api")
        began = load.now() + 0.25
        before, good = specs(world), build("good")
        rollout = Rollout(world, tmp_path / "r", {"traffic": "gateway-api"}).start(good)
        rollout.until("canary", flowing=True)
        kubectl("scale", *_CONTROLLER, "--replicas=0")
        try:
            eventually(lambda: "" if rollout.state()["step"] == 1 else "the second step")
            until = time.monotonic() + 15.0
            while time.monotonic() < until:
                state: dict[str, Any] = rollout.state()
                assert (state["phase"], state["step"], bool(state.get("flowing_at"))) == ("canary", 1, False), state
                time.sleep(0.5)
            stable = world.cluster.get("Deployment", AGENT)
            assert stable is not None
            assert stable["status"]["readyReplicas"] == 2
        finally:
            kubectl("scale", *_CONTROLLER, "--replicas=1")
        assert rollout.end(within_s=400) == 0, rollout.told()
        as_before(world, before, image=good)
        assert load.tally(began).failed == {}


def test_the_api_server_is_away_for_less_than_the_lock_lasts(broken: Break, tmp_path: Path) -> None:
    with a_world("no-api", replicas=2, rate=6) as world:
        before, good, load = specs(world), build("good"), Load(world.cluster, "load")
        eventually(lambda: "" if load.now() > 0 else "the load client")
        began = load.now() + 0.25
        settings = {"canary": [50], "step": {"samples": 120, "minutes": 4}, "timing": {"lease_s": 60}}
        rollout = Rollout(world, tmp_path / "r", settings).start(good)
        rollout.until("canary", flowing=True)
        epoch = rollout.state()["epoch"]
        broken("stop", "apiserver")
        time.sleep(15.0)
        broken("start", "apiserver")
        assert rollout.end(within_s=400) == 0, rollout.told()
        assert rollout.state()["epoch"] == epoch
        assert load.tally(began).failed == {}
        as_before(world, before, image=good)
