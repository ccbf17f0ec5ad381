"""Traffic by the Gateway API for real: a Gateway with its data plane, two versions, and a client that counts."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Cluster
from agentops.drivers.kubectl import Kubectl
from agentops.model.rollout import ID, Plan, State
from agentops.model.rollout_settings import Place
from agentops.rollout import rbac, workload
from agentops.rollout.hands import Hands, notes
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names
from agentops.rollout.traffic import probe as probes
from agentops.rollout.traffic.choose import IN_PROGRESS, choose, router
from agentops.rollout.traffic.gateway_api import GatewayApi

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SERVER = """
import json, os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
seen = {"work": 0, "tagged": 0}
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/ask":
            seen["work"] += 1
        elif self.headers.get("x-agentops-probe"):
            seen["tagged"] += 1
        body = (json.dumps(seen) if self.path == "/seen" else os.environ["HOSTNAME"]).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    daemon_threads = True; request_queue_size = 128
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("", 8080), Handler).serve_forever()
"""

CLIENT = """
import http.client, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
kept, n = None, 0
while True:
    n += 1
    try:
        if kept is None or n % 2:
            kept = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
        kept.request("GET", "/ask", headers={"Host": sys.argv[3]})
        answer = kept.getresponse(); who = answer.read().decode("utf-8", "replace")[:60].replace(" ", "_")
        print(f"{time.time():.3f} {answer.status} {who}", flush=True)
    except Exception as error:
        kept = None
        print(f"{time.time():.3f} 0 {type(error).__name__}", flush=True)
    time.sleep(0.03)
"""


def kubectl(*words: str, given: str | None = None) -> str:
    done = subprocess.run(["kubectl", *words], input=given, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class World:
    """A namespace with an agent behind a Gateway."""

    cluster: Kubectl
    place: Place
    hands: Hands
    image: str

    @property
    def names(self) -> Names:
        return workload.names_of(self.place)

    def said(self, since: float = 0.0, until: float = 1e12) -> list[tuple[float, int, str]]:
        """What the client saw: when, status, which pod."""
        lines = self.cluster.logs("client", lines=20_000).splitlines()
        rows = [line.split(" ", 2) for line in lines if line.count(" ") >= 2]
        return [(float(t), int(code), who) for t, code, who in rows if since <= float(t) < until]

    def shares(self, since: float, until: float = 1e12) -> Counter[str]:
        return Counter("canary" if "-canary-" in who else "stable" for _, _, who in self.said(since, until))

    def work(self) -> int:
        """How many requests the canary's pods were asked, as copies or not."""
        total = 0
        for pod in workload.pods(self.cluster, workload.canary_selector(self.names)):
            with self.cluster.forward(pod.name, 8080) as port:
                total += json.loads(fetch(port, "/seen"))["work"]
        return total


def fetch(port: int, path: str) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def until_done(act: Callable[[], str], *, within_s: float = 40.0) -> float:
    """Tick as the machine does, until nothing is awaited; returns how long it took."""
    began, waiting = time.monotonic(), "nothing yet"
    while time.monotonic() - began < within_s:
        waiting = act()
        if not waiting:
            return time.monotonic() - began
        time.sleep(0.25)
    pytest.fail(f"still awaited after {within_s} s: {waiting}")


def pod(image: str, *argv: str, **more: Any) -> dict[str, Any]:
    container = {"name": "agent", "image": image, "command": ["python", "-u", "-c", *argv]}
    resources = {"requests": {"cpu": "10m", "memory": "32Mi"}}
    return {"terminationGracePeriodSeconds": 2, "containers": [{**container, "resources": resources, **more}]}


@pytest.fixture
def world(gateway: dict[str, Any]) -> Iterator[World]:
    image = os.environ.get("AGENTOPS_TEST_AGENT_IMAGE", "")
    if not image:
        pytest.skip("AGENTOPS_TEST_AGENT_IMAGE names no image")
    name = f"t-gateway-{uuid.uuid4().hex[:6]}"
    home = gateway["metadata"]["namespace"]
    host, labels = f"{name}.example.test", {"app": "agent", "tier": "api"}
    ready = {"readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod(image, SERVER, **ready)},
        },
    }  # fmt: skip
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "agent"},
        "spec": {"selector": {"app": "agent", "tier": "api"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }  # fmt: skip
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "agent"},
        "spec": {
            "parentRefs": [{"name": gateway["metadata"]["name"], "namespace": home}], "hostnames": [host],
            "rules": [{"backendRefs": [{"name": "agent", "port": 80}]}],
        },
    }  # fmt: skip
    kubectl("create", "ns", name)
    try:
        kubectl("apply", "-n", name, "-f", "-", given=json.dumps({
            "apiVersion": "v1", "kind": "List", "items": [deployment, service, route],
        }))  # fmt: skip
        kubectl("rollout", "status", "-n", name, "deploy/agent", "--timeout=90s")
        address, port = way_in(gateway)
        client = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client"}}
        spec = {**pod(image, CLIENT, address, str(port), host), "restartPolicy": "Never"}
        with Kubectl(namespace=name) as cluster:
            until_done(lambda: "" if choose(cluster, Place("test", "agent")).mode == "gateway-api" else "the Gateway")
            kubectl("apply", "-n", name, "-f", "-", given=json.dumps({**client, "spec": spec}))
            kubectl("wait", "-n", name, "--for=condition=Ready", "pod/client", "--timeout=60s")
            yield started(cluster, image)
    finally:
        kubectl("delete", "ns", name, "--wait=false")


def started(cluster: Kubectl, image: str) -> World:
    """A rollout in the journal, and the canary's pods ready."""
    place = Place("test", "agent")
    names = workload.names_of(place)
    plan = Plan("canary", "gateway-api", "", (25,), 1, "", 2)
    journal = Journal(cluster, names)
    journal.refresh()
    journal.begin(State("r1", "agent", "test", cluster.namespace, image, image, plan))
    hands = Hands(cluster, journal)
    work = workload.read(cluster, place)
    labels = workload.canary_labels(work, shared_entry=False)
    hands.make(workload.canary(work, names, image=image, replicas=1, labels=labels))
    kubectl("rollout", "status", "-n", cluster.namespace, "deploy/agent-canary", "--timeout=90s")
    return World(cluster, place, hands, image)


@pytest.fixture(scope="module")
def gateway() -> dict[str, Any]:
    if not os.environ.get("KUBECONFIG") or shutil.which("kubectl") is None:
        pytest.skip("no cluster: KUBECONFIG is not set, or there is no kubectl")
    argv = ["kubectl", "get", "gateways.gateway.networking.k8s.io", "-A", "-o", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        pytest.skip(f"no Gateway API in the cluster: {done.stderr.strip()[:200]}")
    for one in json.loads(done.stdout)["items"]:
        conditions = one.get("status", {}).get("conditions", [])
        if any(c["type"] == "Programmed" and c["status"] == "True" for c in conditions):
            found: dict[str, Any] = one
            return found
    pytest.skip("no Gateway in the cluster is programmed")


def way_in(gateway: dict[str, Any]) -> tuple[str, int]:
    """The Service of the data plane, for clients inside the cluster."""
    name = gateway["metadata"]["name"]
    for label in (
        f"gateway.envoyproxy.io/owning-gateway-name={name}",
        f"gateway.networking.k8s.io/gateway-name={name}",
    ):
        for one in json.loads(kubectl("get", "svc", "-A", "-l", label, "-o", "json"))["items"]:
            return f"{one['metadata']['name']}.{one['metadata']['namespace']}", one["spec"]["ports"][0]["port"]
    pytest.skip("the Gateway's data plane has no Service that is known")


def elsewhere(namespace: str) -> AbstractContextManager[Cluster]:
    return Kubectl(namespace=namespace)


def test_weights_copies_and_the_way_back_with_traffic_flowing(world: World) -> None:
    choice = choose(world.cluster, world.place)
    assert (choice.mode, choice.route) == ("gateway-api", "agent")
    before = world.cluster.get("HTTPRoute", "agent")
    assert before is not None
    traffic = router("gateway-api", world.hands, world.place, route=choice.route, elsewhere=elsewhere)
    assert isinstance(traffic, GatewayApi)
    began = time.time()

    until_done(traffic.prepare)
    assert traffic.unobserved == ""
    route = world.cluster.get("HTTPRoute", "agent")
    assert route is not None
    refs = [(ref["name"], ref["weight"]) for ref in route["spec"]["rules"][0]["backendRefs"]]
    assert refs == [("agent-stable", 100), ("agent-canary", 0)]
    assert route["metadata"]["labels"][IN_PROGRESS] == "true"

    assert traffic.can_mirror
    until_done(lambda: traffic.shift(0, mirror=50))
    copied, at = world.work(), time.time()
    time.sleep(6)
    until, copies = time.time(), world.work() - copied
    share = copies / len(world.said(at, until))
    print(f"copies: {copies}, {share:.0%} of the requests where 50 % were asked for")
    assert 0.3 < share < 0.7
    assert world.shares(began)["canary"] == 0

    shifted = time.time()
    until_done(lambda: traffic.shift(25))
    version = world.cluster.get("HTTPRoute", "agent")
    assert traffic.shift(25) == ""
    assert world.cluster.get("HTTPRoute", "agent") == version, "a shift that holds already writes nothing"
    at = time.time()
    time.sleep(8)
    seen = world.shares(at)
    print(f"answers where 25 % were asked for: {dict(seen)}")
    assert 0.13 < seen["canary"] / seen.total() < 0.39
    assert traffic.drift(25) == ""
    until_done(lambda: traffic.shift(100))
    at = time.time()
    time.sleep(2)
    assert world.shares(at)["stable"] == 0
    doubled = world.work() - copied - copies - world.shares(shifted)["canary"]
    assert doubled <= 10, "the copies ended with the shadow phase"
    at = time.time()
    took = until_done(traffic.clear)
    time.sleep(3)
    last = max((t for t, _, who in world.said(at) if "-canary-" in who), default=at)
    print(f"cleared: told after {took:.2f} s, last request of the canary after {last - at:.2f} s")
    assert last - at <= 5
    assert took <= 5
    until_done(traffic.restore)
    assert traffic.retire() == ""
    time.sleep(1)
    after = world.cluster.get("HTTPRoute", "agent")
    assert after is not None
    assert after["spec"] == before["spec"]
    assert ID not in notes(after)
    assert IN_PROGRESS not in (after["metadata"].get("labels") or {})
    everything = world.said()
    assert len(everything) > 300
    assert [row for row in everything if row[1] != 200] == []


def test_the_flip_alone_takes_traffic_off_the_canary(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = router("gateway-api", world.hands, world.place, elsewhere=elsewhere)
    until_done(traffic.prepare)
    until_done(lambda: traffic.shift(100))
    monkeypatch.setattr(traffic, "_quiet", lambda _doc: "")
    at = time.time()
    until_done(traffic.clear)
    time.sleep(3)
    last = max((t for t, _, who in world.said(at) if "-canary-" in who), default=at)
    assert last - at <= 5
    assert [row for row in world.said() if row[1] != 200] == []


def test_a_data_plane_that_lags_is_not_taken_for_one_that_follows(world: World) -> None:
    asked: list[str] = []

    def stale(_gateway: Any, requests: Any) -> tuple[tuple[probes.Answer, ...], ...]:
        asked.extend(mark for _, _, mark in requests)
        return (tuple((404, "") for _ in requests),)

    traffic = GatewayApi(world.hands, world.place, route="agent", probe=stale)
    began = time.monotonic()
    while not asked and time.monotonic() - began < 20:
        waiting = traffic.prepare()
        time.sleep(0.25)
    assert "to take up the split" in waiting


def test_what_somebody_changes_is_told_with_their_name(world: World) -> None:
    traffic = router("gateway-api", world.hands, world.place, elsewhere=elsewhere)
    until_done(traffic.prepare)
    until_done(lambda: traffic.shift(25))
    ops = [{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 90}]
    kubectl(
        "patch", "httproute", "agent", "-n", world.cluster.namespace, "--type=json", "-p", json.dumps(ops),
        "--field-manager=somebody-else",
    )  # fmt: skip
    told = traffic.drift(25)
    assert "somebody-else" in told
    assert "not 25 % to the canary" in told
    until_done(traffic.clear)
    until_done(traffic.restore)


def as_account(world: World, name: str, folder: Path) -> str:
    """A kubeconfig with the rights of a ServiceAccount alone."""
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    token = kubectl("create", "token", name, "-n", world.cluster.namespace, "--duration=10m").strip()
    config["users"] = [{"name": name, "user": {"token": token}}]
    config["contexts"][0]["context"] |= {"user": name, "namespace": world.cluster.namespace}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(config))
    return str(path)


def test_the_printed_rights_are_enough(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose(world.cluster, world.place)
    rights = rbac.role(world.place, choice.mode, namespace=world.cluster.namespace, route=choice.route)
    kubectl("apply", "-n", world.cluster.namespace, "-f", "-", given=rbac.as_yaml(rights))
    before = world.cluster.get("HTTPRoute", "agent")
    assert before is not None
    accounts = (rbac.RUNNER, world.place.watchdog.service_account)
    configs = {account: as_account(world, account, tmp_path) for account in accounts}
    for account, config in configs.items():
        monkeypatch.setenv("KUBECONFIG", config)
        with Kubectl(namespace=world.cluster.namespace) as cluster:
            journal = Journal(cluster, world.names)
            journal.refresh()
            traffic = router(choice.mode, Hands(cluster, journal), world.place, route=choice.route)
            assert isinstance(traffic, GatewayApi)
            if account == rbac.RUNNER:
                assert choose(cluster, world.place).route == "agent"
                until_done(traffic.prepare)
                until_done(partial(traffic.shift, 25))
                assert "only its status is observed" in traffic.unobserved, "the Gateway is in another namespace"
            else:
                until_done(traffic.clear)
                until_done(traffic.restore)
    after = world.cluster.get("HTTPRoute", "agent")
    assert after is not None
    assert after["spec"] == before["spec"]
