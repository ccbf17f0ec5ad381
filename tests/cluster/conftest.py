"""What tests on a real cluster share: a namespace of their own, the reference agent in it, and a client that counts."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Doc
from agentops.drivers.kubectl import Kubectl
from agentops.model.rollout import MANAGER, Plan, State
from agentops.model.rollout_settings import Place, Splitter, Timing
from agentops.rollout import workload
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal

AGENT = "support-agent"
PORT = 8080
LABELS = {"app": AGENT, "track": "stable"}
SCRIPT = [{"say": "How can I help?"}]
_LOAD = Path(__file__).with_name("load_client.py")
_READY_S = 120.0
_AT_ONCE = 4
_LONG = ("leak", "autoscaled", "staged_and_released", "a_zombie", "shadow_mirrored")


def kubectl(*words: str, stdin: str = "") -> str:
    """What kubectl prints; raises where it fails."""
    done = subprocess.run(["kubectl", *words], input=stdin, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
    return done.stdout


def eventually(what: Callable[[], str], *, within_s: float = _READY_S, every_s: float = 0.2) -> float:
    """Ask again until nothing is awaited any more; returns the seconds that it took."""
    started = time.monotonic()
    while awaited := what():
        assert time.monotonic() - started < within_s, f"still awaited after {within_s:g} s: {awaited}"
        time.sleep(every_s)
    return time.monotonic() - started


def image(name: str) -> str:
    """The image that a variable of the environment names; skips where it is not set."""
    value = os.environ.get(name, "")
    if not value:
        pytest.skip(f"{name} is not set: no image to run in the cluster")
    return value


@pytest.fixture(scope="session")
def api() -> None:
    """Skips where no cluster answers."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set: no cluster to test against")
    try:
        done = subprocess.run(
            ["kubectl", "get", "--raw", "/readyz"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"no Kubernetes API answers: {error}")
    if done.returncode != 0:
        pytest.skip(f"no Kubernetes API answers: {done.stderr.strip()[:200]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Attempts come before all else, so that no test that measures times runs beside them."""
    items.sort(key=lambda item: not _is_attempt(item))


def _is_attempt(item: pytest.Item) -> bool:
    return "attempted" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def attempts(
    api: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Any]]]:
    """Whole rollouts wait more than they work: several go on side by side, in namespaces of their own. Each is what a
    test's module calls `attempt(PARAMETER, FOLDER)`; the longest begin first."""
    folder = tmp_path_factory.mktemp("attempts")
    asked: list[Any] = [item for item in request.session.items if _is_attempt(item)]
    asked.sort(key=lambda item: item.callspec.id not in _LONG)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {
            item.nodeid: pool.submit(item.module.attempt, *item.callspec.params.values(), folder / str(number))
            for number, item in enumerate(asked)
        }


@pytest.fixture
def attempted(request: pytest.FixtureRequest, attempts: Mapping[str, Future[Any]]) -> Future[Any]:
    """The test's own attempt; its result raises what the attempt asserted in vain."""
    return attempts[request.node.nodeid]


@pytest.fixture
def namespace(api: None, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace that is gone after the test."""
    short = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:30].strip("-")
    name = f"t-{short}-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def cluster(namespace: str) -> Iterator[Kubectl]:
    """The product's own door to the namespace."""
    with Kubectl(namespace=namespace) as found:
        yield found


@dataclass(frozen=True)
class World:
    """The reference agent in a namespace, and a rollout of it that was just begun."""

    cluster: Kubectl
    place: Place
    image: str

    def apply(self, *docs: Doc) -> None:
        """Bring objects to the cluster as a team does."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": docs})
        kubectl("apply", f"--namespace={self.cluster.namespace}", "-f", "-", stdin=text)

    def hands(self, rollout: str = "r1") -> Hands:
        """Begin a rollout in the journal and give the hands of its runner."""
        names = workload.names_of(self.place)
        journal = Journal(self.cluster, names)
        journal.refresh()
        plan = Plan("canary", self.place.traffic, "", (5, 25, 50), 1, "", 3)
        state = State(
            id=rollout, app=names.app, environment=self.place.name, namespace=self.cluster.namespace,
            image=self.image, before=self.image, plan=plan,
        )  # fmt: skip
        journal.begin(state)
        return Hands(self.cluster, journal)

    def canary(self, hands: Hands, replicas: int, *, shared_entry: bool) -> None:
        """Bring up so many canary pods; returns when they are ready."""
        names, work = workload.names_of(self.place), workload.read(self.cluster, self.place)
        # The labels follow from the selectors as the team wrote them.
        labels = {**LABELS, **({"track": "canary"} if shared_entry else {"app": f"{AGENT}-canary"})}
        labels |= workload.canary_selector(names)
        hands.make(workload.canary(work, names, image=self.image, replicas=replicas, labels=labels))
        eventually(lambda: self._ready(names.canary))

    def scale(self, hands: Hands, replicas: int) -> None:
        """Set the number of canary pods; returns when they are ready."""
        hands.scale(workload.names_of(self.place).canary, replicas)
        eventually(lambda: self._ready(workload.names_of(self.place).canary))

    def _ready(self, deployment: str) -> str:
        doc = self.cluster.get("Deployment", deployment)
        return "" if doc is not None and workload.available(doc) else f"pods of {deployment}"


def agent_manifest(image: str, *, replicas: int = 3) -> list[dict[str, Any]]:
    """The reference agent as a team deploys it. A script plays its model; its pods tell stable from canary by the label
    that a rollout gives to the latter."""
    told = {"fieldRef": {"fieldPath": "metadata.labels['rollout.agentops/track']"}}
    container = {
        "name": "agent", "image": image, "ports": [{"name": "http", "containerPort": PORT}],
        "env": [
            {"name": "MODEL_SCRIPT", "value": "/script/script.json"}, {"name": "AGENT_VERSION", "valueFrom": told},
            # Nodes of a busy machine take seconds to forget a pod.
            {"name": "DRAIN_DELAY_S", "value": "8"},
        ],
        # A pod on a busy machine may take its time to answer.
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 3},
        "volumeMounts": [{"name": "script", "mountPath": "/script"}],
        "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}},
    }  # fmt: skip
    pod = {"containers": [container], "volumes": [{"name": "script", "configMap": {"name": f"{AGENT}-script"}}]}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{AGENT}-script"},
         "data": {"script.json": json.dumps(SCRIPT)}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": AGENT},
         "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS},
                  "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                  "template": {"metadata": {"labels": LABELS}, "spec": pod}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": AGENT},
         "spec": {"selector": {"app": AGENT}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}},
    ]  # fmt: skip


@pytest.fixture
def world(cluster: Kubectl) -> World:
    """The reference agent with three ready pods behind its Service."""
    agent = image("AGENTOPS_TEST_AGENT_IMAGE")
    place = Place(
        "test", AGENT, namespace=cluster.namespace, traffic="replicas", timing=Timing(drain_s=20.0),
        splitter=Splitter(image=os.environ.get("AGENTOPS_TEST_ENVOY_IMAGE", "")),
    )  # fmt: skip
    found = World(cluster, place, agent)
    found.apply(*agent_manifest(agent))
    eventually(lambda: found._ready(AGENT))
    return found


@dataclass(frozen=True)
class Tally:
    """What a client saw in a while. `moved` are sessions that a canary answered and stable after it."""

    requests: int
    failed: dict[str, int]
    versions: dict[str, int]
    moved: int

    @property
    def canary(self) -> float:
        """The percent of the answers that came from the canary."""
        return 100.0 * self.versions.get("canary", 0) / max(self.requests, 1)


class Load:
    """A pod that sends requests to a Service and counts what comes back."""

    def __init__(self, cluster: Kubectl, name: str) -> None:
        self._cluster = cluster
        self._name = name

    def now(self) -> float:
        """The client's clock: seconds since it began."""
        lines = self._lines()
        return float(lines[-1]["until"]) if lines else 0.0

    def tally(self, since: float = 0.0, until: float = float("inf")) -> Tally:
        """What came back between two times of the client's clock."""
        failed: Counter[str] = Counter()
        versions: Counter[str] = Counter()
        requests = moved = 0
        for line in self._lines():
            if since <= line["since"] and line["until"] <= until:
                requests += line["requests"]
                moved += line["moved"]
                failed.update(line["failed"])
                versions.update(line["versions"])
        return Tally(requests, dict(failed), dict(versions), moved)

    def next(self, requests: int) -> Tally:
        """Wait for so many more answers and tell of them: a busy machine sends them late."""
        # The line under way counts neither here nor there.
        start = self.now() + 0.25
        eventually(lambda: "" if self.tally(start).requests >= requests else f"{requests} answers")
        return self.tally(start)

    def _lines(self) -> list[dict[str, Any]]:
        text = self._cluster.logs(self._name, lines=100_000)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def load_manifest(
    name: str, agent: str, *, url: str, rate: int, sessions: int, connections: str = "new", host: str = ""
) -> list[dict[str, Any]]:
    """The pod of a Load and the script that it runs. `connections` are "new" for each request, or "kept"; `host` is
    the name that it asks for, that of the URL where it is empty."""
    args = ["python", "/load/load.py", url, str(rate), str(sessions), connections, host]
    container = {
        "name": "load", "image": agent, "command": args, "env": [{"name": "PYTHONUNBUFFERED", "value": "1"}],
        "volumeMounts": [{"name": "load", "mountPath": "/load"}],
        # A client that gets no processor would take its own standstill for an outage.
        "resources": {"requests": {"cpu": "250m", "memory": "48Mi"}},
    }  # fmt: skip
    spec = {
        "containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "load", "configMap": {"name": name}}],
    }  # fmt: skip
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
         "data": {"load.py": _LOAD.read_text(encoding="utf-8")}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec},
    ]  # fmt: skip


@pytest.fixture
def load(world: World) -> Load:
    """Forty requests a second of a hundred sessions to the agent's Service, running already."""
    return start_load(world, "load", rate=40)


def start_load(world: World, name: str, *, rate: int, connections: str = "new") -> Load:
    """Start a client of the agent's Service; returns when it sends."""
    url = f"http://{AGENT}.{world.cluster.namespace}/v1/chat/completions"
    world.apply(*load_manifest(name, world.image, url=url, rate=rate, sessions=100, connections=connections))
    found = Load(world.cluster, name)
    eventually(lambda: "" if found.now() > 0 else "the load client")
    return found


def others_unchanged(cluster: Kubectl, kind: str, name: str, before: Doc) -> None:
    """Assert that an object of the team's is as it was, without a mark of ours."""
    doc = cluster.get(kind, name)
    assert doc is not None
    assert doc["spec"] == before["spec"]
    assert not [key for key in (doc["metadata"].get("annotations") or {}) if key.startswith("rollout.agentops/")]
    assert MANAGER not in (doc["metadata"].get("labels") or {}).values()
