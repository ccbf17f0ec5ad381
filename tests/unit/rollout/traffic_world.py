"""A team's agent in the API in memory, with nodes that follow Services and splitters that answer as Envoy does."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fake_cluster import FakeCluster

from agentops.model.rollout import Plan, State
from agentops.model.rollout_settings import Place, Splitter, Timing
from agentops.rollout import workload
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal

IMAGE = "agent@sha256:" + "a" * 64
PLACE = Place(
    "test", "app", "default", traffic="splitter", timing=Timing(drain_s=0.2), splitter=Splitter(image="envoy@sha256:1")
)
TEAM = {"app": "agent"}
LABELS = {"app": "agent", "track": "stable"}


class Envoy(ThreadingHTTPServer):
    """Envoy's admin interface, as far as the product asks it. `reach` says which versions it reaches."""

    daemon_threads = True

    def __init__(self, config: dict[str, Any]) -> None:
        self.runtime: dict[str, str] = {}
        for key, value in config["layered_runtime"]["layers"][0]["static_layer"].items():
            self.runtime[key] = "fields {}" if isinstance(value, dict) else str(value)
        self.reach = {"stable": 1, "canary": 1}
        self.numbers: dict[str, int] = {}
        self.histogram = ""
        self.active = 0
        self.draining = False
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def weight(self) -> int:
        return next(int(v) for k, v in self.runtime.items() if ".canary-" in k)

    def mirror(self) -> str:
        return self.runtime["agentops.mirror"]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Envoy

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        envoy, parts = self.server, urlsplit(self.path)
        envoy.asked.append(f"{self.command} {parts.path}")
        if parts.path == "/runtime":
            body = json.dumps({"entries": {k: {"final_value": v} for k, v in envoy.runtime.items()}})
        elif parts.path == "/runtime_modify":
            # As Envoy does: a plus sign is no blank.
            envoy.runtime.update({unquote(k): unquote(v) for k, v in (p.split("=") for p in parts.query.split("&"))})
            body = "OK\n"
        elif parts.path == "/healthcheck/fail":
            envoy.draining, body = True, "OK\n"
        elif parts.path == "/stats/prometheus":
            body = envoy.histogram
        else:
            wanted = re.compile(dict(parse_qsl(parts.query))["filter"])
            told = {f"cluster.reach-{arm}-80.health_check.healthy": n for arm, n in envoy.reach.items()}
            told |= {"http.agentops.downstream_rq_active": envoy.active, **envoy.numbers}
            stats = [{"name": k, "value": v} for k, v in told.items() if wanted.search(k)]
            body = json.dumps({"stats": [*stats, {"histograms": {}}]})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


class LiveCluster(FakeCluster):
    """The API in memory where Services get addresses and endpoints, and splitter pods an Envoy each."""

    envoys: dict[str, Envoy]

    def settle(self) -> None:
        super().settle()
        for number, ((kind, name), doc) in enumerate(sorted(self.objects.items())):
            if kind == "Service":
                doc["spec"].setdefault("clusterIP", f"10.96.0.{number + 1}")
                self._slice(name, doc["spec"]["selector"])
        found = self.__dict__.setdefault("envoys", {})
        present = {p["metadata"]["name"] for p in self.pods("app-splitter")}
        for pod in present - set(found):
            config = self.objects[("ConfigMap", "app-splitter")]["data"]["envoy.json"]
            found[pod] = Envoy(json.loads(config))
            self.ports[pod, 19000] = found[pod].server_address[1]
        for pod in set(found) - present:
            self.ports.pop((pod, 19000), None)
            found.pop(pod).stop()

    def close(self) -> None:
        for envoy in self.__dict__.get("envoys", {}).values():
            envoy.stop()

    def led(self, service: str) -> set[str]:
        """Which Deployments' pods a Service leads to."""
        doc = self.objects.get(("EndpointSlice", service)) or {"endpoints": []}
        owners = {name: self.objects["Pod", name]["metadata"]["annotations"]["owner"] for name in self._names()}
        return {owners[e["targetRef"]["name"]] for e in doc["endpoints"] if e["targetRef"]["name"] in owners}

    def _names(self) -> list[str]:
        return [name for kind, name in self.objects if kind == "Pod"]

    def _slice(self, service: str, selector: dict[str, str]) -> None:
        found = []
        for name in self._names():
            pod = self.objects["Pod", name]
            if selector.items() <= pod["metadata"]["labels"].items():
                ready = pod["status"]["conditions"][0]["status"] == "True"
                found.append({
                    "addresses": [pod["status"]["podIP"]], "targetRef": {"name": name},
                    "conditions": {"ready": ready, "serving": ready, "terminating": False},
                })  # fmt: skip
        doc = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "endpoints": found,
               "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}}}  # fmt: skip
        if self.objects.get(("EndpointSlice", service), {}).get("endpoints") != found:
            self._store(doc)


def team(**service: Any) -> list[dict[str, Any]]:
    """The team's Deployment and Service; `service` are keys of the Service's spec."""
    container = {"name": "agent", "image": IMAGE, "ports": [{"name": "http", "containerPort": 8080}]}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    spec = {"selector": TEAM, "ports": [{"port": 80, "targetPort": "http"}], **service}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
         "spec": {"replicas": 3, "selector": {"matchLabels": LABELS}, "template": template}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": spec},
    ]  # fmt: skip


def begin(cluster: FakeCluster, *, place: Place = PLACE, rollout: str = "r1") -> Hands:
    """Begin a rollout and give its hands."""
    journal = Journal(cluster, workload.names_of(place))
    journal.refresh()
    plan = Plan("canary", place.traffic, "", (5, 25), 1, "", 3)
    journal.begin(
        State(id=rollout, app="app", environment="test", namespace="default", image=IMAGE, before=IMAGE, plan=plan)
    )
    return Hands(cluster, journal)


def raise_canary(cluster: FakeCluster, hands: Hands, replicas: int, *, shared_entry: bool) -> None:
    """Bring up or scale the canary."""
    names = workload.names_of(PLACE)
    if cluster.get("Deployment", names.canary) is None:
        work = workload.read(cluster, PLACE)
        labels = {**LABELS, **({"track": "canary"} if shared_entry else {"app": "agent-canary"})}
        labels |= workload.canary_selector(names)
        hands.make(workload.canary(work, names, image=IMAGE, replicas=replicas, labels=labels))
    hands.scale(names.canary, replicas)
    cluster.settle()


def until_done(cluster: FakeCluster, act: Callable[[], str], *, ticks: int = 30) -> list[str]:
    """Call again as the machine does, controllers working in between; returns what was awaited."""
    awaited = []
    for _ in range(ticks):
        told = act()
        cluster.settle()
        if not told:
            return awaited
        awaited.append(told)
    raise AssertionError(f"still awaited: {awaited[-1]}")
