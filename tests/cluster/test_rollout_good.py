"""A good image in every traffic mode, with traffic flowing: no request fails, and all is as before."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from bad_agents.build import build
from conftest import AGENT, Load, World, eventually, image, load_manifest
from rollouts import Rollout, as_before, specs

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

RATE = 12


def by_gateway(world: World) -> dict[str, Any]:
    """The HTTPRoute of a team at the tests' Gateway."""
    gateway = os.environ.get("AGENTOPS_TEST_GATEWAY", "")
    if not gateway:
        pytest.skip("AGENTOPS_TEST_GATEWAY names no Gateway (NAMESPACE/NAME)")
    home, _, name = gateway.partition("/")
    host = f"{world.cluster.namespace}.test"
    return {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": AGENT},
        "spec": {
            "parentRefs": [{"name": name, "namespace": home}], "hostnames": [host],
            "rules": [{"backendRefs": [{"name": AGENT, "port": 80}]}],
        },
    }  # fmt: skip


def loading(world: World, mode: str) -> Load:
    """A client that sends requests the way that the mode leads them."""
    url, host = f"http://{AGENT}.{world.cluster.namespace}/v1/chat/completions", ""
    if mode == "gateway-api":
        service = os.environ.get("AGENTOPS_TEST_GATEWAY_ADDRESS", "")
        if not service:
            pytest.skip("AGENTOPS_TEST_GATEWAY_ADDRESS is not set: where the Gateway listens inside the cluster")
        url, host = f"http://{service}/v1/chat/completions", f"{world.cluster.namespace}.test"
    world.apply(*load_manifest("load", world.image, url=url, rate=RATE, sessions=100, host=host))
    found = Load(world.cluster, "load")
    eventually(lambda: "" if found.now() > 0 else "the load client")
    return found


@pytest.mark.parametrize(
    ("mode", "strategy"),
    [("replicas", "canary"), ("splitter", "canary"), ("gateway-api", "canary"), ("replicas", "blue-green")],
)
def test_a_good_image_serves_everybody_and_no_request_fails(
    world: World, tmp_path: Path, mode: str, strategy: str
) -> None:
    # A step lasts long enough for two looks at who answers.
    settings: dict[str, Any] = {"traffic": mode, "step": {"samples": 80}}
    if mode == "splitter":
        settings["splitter"] = {"image": image("AGENTOPS_TEST_ENVOY_IMAGE")}
    if mode == "gateway-api":
        world.apply(by_gateway(world))
    good = build("good")
    before = specs(world)
    load = loading(world, mode)
    began = load.now() + 0.25
    rollout = Rollout(world, tmp_path / "r", settings).start(good, "--strategy", strategy)
    seen = []
    if strategy == "canary":
        for step, weight in ((0, 25), (1, 50)):
            rollout.until("canary", flowing=True)
            eventually(
                lambda step=step: "" if rollout.state()["step"] >= step and rollout.state()["flowing_at"] else "it"
            )
            seen.append((weight, load.next(24).canary))
    assert rollout.end() == 0, rollout.told()
    as_before(world, before, image=good)
    time.sleep(2.0)
    tally = load.tally(began)
    assert tally.failed == {}
    assert tally.requests > 100
    assert tally.versions.get("canary", 0) > 20
    # The tests of each mode look at the weights more closely.
    for weight, share in seen:
        assert 0 < share < 100, f"{share:.0f} % at a weight of {weight}"
