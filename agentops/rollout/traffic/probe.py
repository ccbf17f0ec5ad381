"""Tagged requests: what shows that the data plane of a Gateway does what a route says, and not only that it was told.

A route carries up to three rules of our own behind the team's, as long as a rollout lasts. Requests that bear a header
nobody else sends are answered by the Gateway itself, with a redirect that names the split in force; and they are led to
each version at the path where its pods tell that they are ready. Redirects, exact paths and headers are core features
of every implementation. (https://gateway-api.sigs.k8s.io/api-types/httproute/#core)
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError
from agentops.rollout.traffic.choose import Elsewhere

HEADER = "x-agentops-probe"
RULES = 3
_PATH = "/.agentops/probe"
_DENIED = (401, 403)
_UNREACHED = (502, 503, 504)
_TIMEOUT_S = 3.0
_PODS = 3
_NAMED = "gateway.networking.k8s.io/gateway-name"
_ENVOY = "gateway.envoyproxy.io/owning-gateway"
_ENVOY_NAMESPACE = "envoy-gateway-system"

Tagged = tuple[str, str, str]
"""A request: host, path, and the value of the header."""
Answer = tuple[int, str]
"""A status, and the Location header."""


class Unasked(ClusterError):
    """The data plane cannot be asked: it is not in reach of these credentials, or wants some of its own."""


class Probe(Protocol):
    """Puts tagged requests to the data plane of a Gateway."""

    def __call__(self, gateway: Doc, requests: Sequence[Tagged]) -> tuple[tuple[Answer, ...], ...]:
        """The answers to the requests, from each part of the data plane that was asked. Raises Unasked where it cannot
        be asked, ApiDown where it did not answer."""


def stamp(*told: object) -> str:
    """A name for a split that nobody guesses who cannot read the route."""
    return "a" + hashlib.sha256(" ".join(map(str, told)).encode()).hexdigest()[:20]


def mine(rule: Mapping[str, Any]) -> bool:
    """Whether a rule is one for tagged requests."""
    headers = [h for match in rule.get("matches") or () for h in match.get("headers") or ()]
    return any(str(h.get("name", "")).lower() == HEADER for h in headers)


def rules(mark: str, *, backends: Mapping[str, int], path: str) -> tuple[dict[str, Any], ...]:
    """The rules for tagged requests with this stamp. `backends` are Services and ports that are reached at `path`."""
    redirect = {"type": "RequestRedirect", "requestRedirect": {"hostname": f"{mark}.invalid", "statusCode": 302}}
    found: list[dict[str, Any]] = [{"matches": [_match(_PATH, mark)], "filters": [redirect]}]
    for name, port in backends.items() if path else ():
        ref = {"group": "", "kind": "Service", "name": name, "port": port, "weight": 1}
        found.append({"matches": [_match(path, f"{mark}-{name}")], "backendRefs": [ref]})
    return tuple(found)


def ask(probe: Probe, gateway: Doc, *, host: str, laid: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Put the tagged requests of the rules that were laid to a data plane; of those that lead to a version only to
    `names`. Returns what is awaited. Raises Unasked."""
    first, *others = [_tag(rule) for rule in laid]
    wanted = [(host, *first), *((host, *tag) for tag in others if any(tag[1].endswith(f"-{name}") for name in names))]
    who = gateway["metadata"]["name"]
    answers = probe(gateway, wanted)
    if not answers:
        raise Unasked(f"Gateway {who}: no pod of its data plane was found")
    for one in answers:
        (status, location), *reached = one
        if status in _DENIED:
            raise Unasked(f"Gateway {who} asks for credentials: its data plane cannot be probed")
        if status != 302 or f"{first[1]}.invalid" not in location:
            return f"the data plane of Gateway {who} to take up the split"
        for tag, (code, _) in zip(wanted[1:], reached, strict=True):
            if code in _UNREACHED:
                return f"the data plane of Gateway {who} to reach {tag[2].partition('-')[2]} (it answered {code})"
    return ""


def get(port: int, request: Tagged, *, address: str = "127.0.0.1") -> Answer:
    """Put one tagged request to a port. Raises ApiDown where nothing answers."""
    host, path, mark = request
    connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Host": host or address, HEADER: mark, "Connection": "close"})
        answer = connection.getresponse()
        answer.read(1024)
        return answer.status, str(answer.getheader("Location") or "")
    except (OSError, http.client.HTTPException) as error:
        raise ApiDown(f"the data plane did not answer a tagged request: {type(error).__name__}") from None
    finally:
        connection.close()


def forwarded(cluster: Cluster, elsewhere: Elsewhere | None = None) -> Probe:
    """A probe by port-forward to the Gateway's own pods: those that bear its name in its namespace, or Envoy Gateway's
    in the namespace of that. `elsewhere` opens namespaces other than the rollout's; without it they are not asked."""

    def opened(namespace: str) -> AbstractContextManager[Cluster] | None:
        if namespace == cluster.namespace:
            return nullcontext(cluster)
        return elsewhere(namespace) if elsewhere is not None else None

    def probe(gateway: Doc, requests: Sequence[Tagged]) -> tuple[tuple[Answer, ...], ...]:
        meta = gateway["metadata"]
        home = str(meta.get("namespace") or cluster.namespace)
        envoys = {f"{_ENVOY}-name": meta["name"], f"{_ENVOY}-namespace": home}
        port = next((int(one["port"]) for one in gateway["spec"]["listeners"] if one.get("protocol") == "HTTP"), None)
        if port is None:
            raise Unasked(f"Gateway {meta['name']} has no listener for plain HTTP: its data plane is not probed")
        for namespace, labels in ((home, {_NAMED: meta["name"]}), (_ENVOY_NAMESPACE, envoys), (home, envoys)):
            way = opened(namespace)
            if way is None:
                continue
            with way as there:
                found = _pods(there, labels, port)
                if found:
                    return tuple(_through(there, pod, number, requests) for pod, number in found[:_PODS])
        raise Unasked(f"Gateway {meta['name']}: no pod of its data plane is in reach of these credentials")

    return probe


def _pods(cluster: Cluster, labels: Mapping[str, str], port: int) -> list[tuple[str, int]]:
    """The ready pods of a Gateway, and the port of theirs that a listener's port leads to."""
    try:
        if not cluster.may("create", "Pod", subresource="portforward"):
            return []
        services = [s for s in cluster.list("Service", labels=labels) if s["spec"].get("ports")]
        pods = cluster.list("Pod", labels=labels)
    except ApiDown:
        raise
    except ClusterError:
        return []
    ports = (p for s in services for p in s["spec"]["ports"] if p.get("port") == port)
    target = next((p.get("targetPort", port) for p in ports), port)
    found = []
    for pod in pods:
        conditions = (pod.get("status") or {}).get("conditions") or ()
        if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            found.append((str(pod["metadata"]["name"]), _number(pod, target)))
    return [(name, number) for name, number in found if number]


def _number(pod: Doc, port: int | str) -> int:
    """The number of a port; 0 where the pod has none of that name."""
    if isinstance(port, int):
        return port
    ports = (p for c in pod["spec"]["containers"] for p in c.get("ports") or ())
    return next((int(p["containerPort"]) for p in ports if p.get("name") == port), 0)


def _through(cluster: Cluster, pod: str, port: int, requests: Sequence[Tagged]) -> tuple[Answer, ...]:
    with cluster.forward(pod, port) as local:
        return tuple(get(local, request) for request in requests)


def _match(path: str, mark: str) -> dict[str, Any]:
    return {
        "path": {"type": "Exact", "value": path},
        "headers": [{"type": "Exact", "name": HEADER, "value": mark}],
    }


def _tag(rule: Mapping[str, Any]) -> tuple[str, str]:
    match = rule["matches"][0]
    return str(match["path"]["value"]), str(match["headers"][0]["value"])
