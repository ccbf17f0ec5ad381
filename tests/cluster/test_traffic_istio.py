"""Traffic by Istio against its resource definitions: a real API server takes, checks and keeps what we write. There is
no data plane here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentops.drivers.kubectl import Kubectl
from agentops.errors import Conflict
from agentops.model.rollout import TRACK, Plan, State
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Fenced, Journal
from agentops.rollout.traffic.choose import choose, router

pytestmark = pytest.mark.cluster

LABELS = {"app": "agent", "tier": "api"}
PLACE = Place("test", "agent")


def kubectl(*words: str, given: str | None = None) -> str:
    done = subprocess.run(["kubectl", *words], input=given, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def cluster() -> Iterator[Kubectl]:
    if not os.environ.get("KUBECONFIG") or shutil.which("kubectl") is None:
        pytest.skip("no cluster: KUBECONFIG is not set, or there is no kubectl")
    definition = ["kubectl", "get", "crd", "virtualservices.networking.istio.io"]
    if subprocess.run(definition, capture_output=True, check=False, timeout=30).returncode != 0:
        pytest.skip("no cluster answers, or it does not know Istio's resources")
    name = f"t-istio-{uuid.uuid4().hex[:6]}"
    kubectl("create", "ns", name)
    try:
        kubectl("apply", "-n", name, "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": docs()}))
        with Kubectl(namespace=name) as found:
            yield found
    finally:
        kubectl("delete", "ns", name, "--wait=false")


def docs() -> list[dict[str, Any]]:
    """A workload without running pods: its endpoints are written by hand."""
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "agent", "image": "localhost/none"}]}}
    http = [
        {"match": [{"uri": {"prefix": "/v2"}}], "route": [{"destination": {"host": "other"}}]},
        {"route": [{"destination": {"host": "agent", "port": {"number": 80}}}], "timeout": "60s"},
    ]
    return [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"},
            "spec": {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": template},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "agent"},
            "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "agent"},
            "spec": {"hosts": ["agent.example.test"], "http": http},
        },
        *(endpoints(service) for service in ("agent-stable", "agent-canary")),
        pod("agent-1", LABELS), pod("agent-canary-1", {TRACK: "canary", "rollout.agentops/app": "agent"}),
    ]  # fmt: skip


def endpoints(service: str) -> dict[str, Any]:
    target = "agent-1" if service == "agent-stable" else "agent-canary-1"
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": f"{service}-by-hand", "labels": {"kubernetes.io/service-name": service}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": {"name": target}}],
        "ports": [{"port": 8080}],
    }  # fmt: skip


def pod(name: str, labels: dict[str, str]) -> dict[str, Any]:
    spec = {"nodeName": "nowhere", "containers": [{"name": "agent", "image": "localhost/none"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def until_done(act: Callable[[], str], *, within_s: float = 15.0) -> None:
    began, waiting = time.monotonic(), "nothing yet"
    while time.monotonic() - began < within_s:
        waiting = act()
        if not waiting:
            return
        time.sleep(0.1)
    pytest.fail(f"still awaited: {waiting}")


def begun(cluster: Kubectl) -> Hands:
    journal = Journal(cluster, workload.names_of(PLACE))
    journal.refresh()
    plan = Plan("canary", "istio", "", (25,), 1, "", 2)
    journal.begin(State("r1", "agent", "test", cluster.namespace, "new", "old", plan))
    return Hands(cluster, journal)


def test_weights_mirror_and_the_way_back(cluster: Kubectl) -> None:
    choice = choose(cluster, PLACE)
    assert (choice.mode, choice.route) == ("istio", "agent")
    hands = begun(cluster)
    traffic = router(choice.mode, hands, PLACE, route=choice.route)
    before = cluster.get("VirtualService", "agent")
    assert before is not None

    def rule() -> Any:
        doc = cluster.get("VirtualService", "agent")
        assert doc is not None
        assert doc["spec"]["http"][0] == before["spec"]["http"][0]
        return doc["spec"]["http"][1]

    until_done(traffic.prepare)
    assert [(one["destination"]["host"], one["weight"]) for one in rule()["route"]] == [
        ("agent-stable", 100), ("agent-canary", 0)
    ]  # fmt: skip
    until_done(lambda: traffic.shift(0, mirror=12.5))
    assert rule()["mirror"] == {"host": "agent-canary", "port": {"number": 80}}
    assert rule()["mirrorPercentage"] == {"value": 12.5}
    assert traffic.drift(0) == ""
    until_done(lambda: traffic.shift(25))
    assert [one["weight"] for one in rule()["route"]] == [75, 25]
    assert "mirror" not in rule()
    kubectl(
        "patch", "virtualservice", "agent", "-n", cluster.namespace, "--type=json", "--field-manager=somebody-else",
        "-p", json.dumps([{"op": "replace", "path": "/spec/http/1/route/1/weight", "value": 99}]),
    )  # fmt: skip
    assert "somebody-else" in traffic.drift(25)
    traffic.clear()
    assert [one["weight"] for one in rule()["route"]] == [100, 0]
    flipped = cluster.get("Service", "agent-canary")
    assert flipped is not None
    assert flipped["spec"]["selector"] == LABELS
    until_done(traffic.restore)
    after = cluster.get("VirtualService", "agent")
    assert after is not None
    assert after["spec"] == before["spec"]


def test_a_stale_runner_is_refused_by_the_api_server(cluster: Kubectl) -> None:
    hands = begun(cluster)
    traffic = router("istio", hands, PLACE, route="agent")
    until_done(traffic.prepare)
    mark = "rollout.agentops/epoch=2"
    for kind, name in (("virtualservice", "agent"), ("service", "agent-stable"), ("service", "agent-canary")):
        kubectl("annotate", "--overwrite", "-n", cluster.namespace, kind, name, mark)
    with pytest.raises((Fenced, Conflict)):
        traffic.shift(50)
    doc = cluster.get("VirtualService", "agent")
    assert doc is not None
    assert [one["weight"] for one in doc["spec"]["http"][1]["route"]] == [100, 0]
