"""The objects that our own splitter is made of: Deployment, ConfigMap, PodDisruptionBudget."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.errors import ClusterError, UsageError
from agentops.model.rollout import TRACK
from agentops.model.rollout_settings import Place
from agentops.rollout.names import Names
from agentops.rollout.traffic import envoy
from agentops.rollout.traffic.envoy import Split, Way
from agentops.rollout.workload import APP, Workload, names_of

CONFIG_KEY = "envoy.json"
CONFIG_SUM = "rollout.agentops/config"
"""The annotation of the pods by which they are renewed when more than the weights changed."""

_FOLDER = "/etc/agentops"
_RESERVED = (envoy.ADMIN_PORT, envoy.READY_PORT)
_UNPRIVILEGED = 1024
_ENDING_S = 15
_USER = 65532
# Where stable may run and pull from, so may the splitter.
_LIKE_STABLE = ("imagePullSecrets", "nodeSelector", "tolerations", "priorityClassName")


@dataclass(frozen=True, slots=True)
class Line:
    """A port of the Service and the port on which the splitter's pods take its traffic, by the name that the Service
    gives it, if it does."""

    port: int
    listen: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """Every port that leads through the splitter, and the address families of the Service."""

    lines: tuple[Line, ...]
    families: tuple[str, ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of the Services."""
        return tuple(line.port for line in self.lines)


def refuse(work: Workload) -> None:
    """Raise UsageError for a Service that would lose requests behind the splitter."""
    spec, name = work.service["spec"], work.service["metadata"]["name"]
    for key in ("externalTrafficPolicy", "internalTrafficPolicy"):
        if spec.get(key) == "Local":
            raise UsageError(
                f"the Service {name} has {key}: Local: nodes without a pod of the splitter would drop its requests",
                hint=f"set {key}: Cluster, or rollout.traffic: gateway-api",
            )
    lines_of(work)


def lines_of(work: Workload) -> Lines:
    """The ports of the Service. Raises UsageError for one that Envoy cannot speak for."""
    spec = work.service["spec"]
    found: dict[int, Line] = {}
    for port in spec.get("ports") or ():
        _refuse_port(work, port)
        target = port.get("targetPort") or port["port"]
        listen = target if isinstance(target, int) else _named(work, str(target))
        if listen in _RESERVED:
            raise UsageError(
                f"the Service {work.service['metadata']['name']} leads to port {listen}, which the splitter needs",
                hint="use another port in the container, or another traffic mode",
            )
        # Several ports may lead to the same one of the pods: it makes no difference to them by which a request came.
        found.setdefault(listen, Line(int(port["port"]), listen, "" if isinstance(target, int) else str(target)))
    return Lines(tuple(found.values()), tuple(spec.get("ipFamilies") or ("IPv4",)))


def config(cluster: Cluster, lines: Lines, *, place: Place, split: Split) -> dict[str, Any]:
    """The ConfigMap with Envoy's configuration, which starts with the split. Raises ClusterError where the Services to
    both versions are not there."""
    names = names_of(place)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names.splitter, "labels": {APP: names.app}},
        "data": {CONFIG_KEY: _text(cluster, lines, place=place, split=split)},
    }


def split_in(doc: Doc) -> Split | None:
    """The split that a ConfigMap of the splitter says; None where somebody wrote something else into it."""
    try:
        data = json.loads((doc.get("data") or {})[CONFIG_KEY])
    except (KeyError, ValueError):
        return None
    return envoy.split_of(data) if isinstance(data, dict) else None


def budget(names: Names) -> dict[str, Any]:
    """While nodes are emptied one pod of the splitter stays."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": names.splitter, "labels": {APP: names.app}},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels(names)}},
    }


def deployment(cluster: Cluster, work: Workload, *, place: Place, lines: Lines) -> dict[str, Any]:
    """The splitter's pods: unprivileged, ready once they take traffic, and going on for `drain_s` after they were told
    to end."""
    names = names_of(place)
    text = _text(cluster, lines, place=place, split=Split())
    labels = _labels(names)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": names.splitter, "labels": {APP: names.app}},
        "spec": {
            "replicas": place.splitter.replicas,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {CONFIG_SUM: hashlib.sha256(text.encode()).hexdigest()[:16]},
                },
                "spec": _pod(work, place=place, lines=lines),
            },
        },
    }


def _pod(work: Workload, *, place: Place, lines: Lines) -> dict[str, Any]:
    stable = work.deployment["spec"]["template"]["spec"]
    drain = max(round(place.timing.drain_s), 5)
    low = any(line.listen < _UNPRIVILEGED for line in lines.lines)
    sysctls = {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]} if low else {}
    return {
        **{key: stable[key] for key in _LIKE_STABLE if stable.get(key)},
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": drain + _ENDING_S,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"}, **sysctls,
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _labels(names_of(place))},
        }],
        "containers": [_container(place, lines, drain_s=drain)],
        "volumes": [{"name": "config", "configMap": {"name": names_of(place).splitter}}],
    }  # fmt: skip


def _container(place: Place, lines: Lines, *, drain_s: int) -> dict[str, Any]:
    ready = {"httpGet": {"path": "/ready", "port": envoy.READY_PORT}, "periodSeconds": 1, "failureThreshold": 2}
    return {
        "name": "envoy",
        "image": place.splitter.image,
        "command": ["envoy", "-c", f"{_FOLDER}/{CONFIG_KEY}"],
        "args": ["--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"],
        "ports": [_port(line) for line in lines.lines],
        "readinessProbe": ready,
        # The endpoint goes away while this lasts; connections that clients hold end meanwhile.
        "lifecycle": {"preStop": {"sleep": {"seconds": drain_s}}},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "config", "mountPath": _FOLDER, "readOnly": True}],
    }  # fmt: skip


def _port(line: Line) -> dict[str, Any]:
    return {"containerPort": line.listen, **({"name": line.name} if line.name else {})}


def _text(cluster: Cluster, lines: Lines, *, place: Place, split: Split) -> str:
    names = names_of(place)
    stable, canary = (_address(cluster, name) for name in (names.to_stable, names.to_canary))
    ways = [Way(line.port, line.listen, stable, canary) for line in lines.lines]
    made = envoy.bootstrap(
        ways, session=place.splitter.session, split=split, drain_s=place.timing.drain_s, families=lines.families
    )
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


def _address(cluster: Cluster, name: str) -> str:
    service = cluster.get("Service", name)
    address = str(((service or {}).get("spec") or {}).get("clusterIP") or "")
    if not address:
        raise ClusterError(f"the Service {name} is gone, or has no address")
    return address


def _labels(names: Names) -> dict[str, str]:
    return {TRACK: "splitter", APP: names.app}


def _refuse_port(work: Workload, port: Mapping[str, Any]) -> None:
    what = f"port {port['port']} of the Service {work.service['metadata']['name']}"
    if port.get("protocol", "TCP") != "TCP":
        raise UsageError(
            f"{what} is {port['protocol']}, which the splitter cannot lead", hint="use a Service of TCP ports"
        )
    told = f"{port.get('appProtocol', '')} {port.get('name', '')}".split()
    if any(word.startswith(("https", "tls")) or word == "kubernetes.io/wss" for word in told):
        raise UsageError(
            f"{what} speaks TLS, in which the splitter sees no requests",
            hint="use rollout.traffic: replicas, or end TLS before the Service",
        )


def _named(work: Workload, name: str) -> int:
    for container in work.deployment["spec"]["template"]["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name:
                return int(port["containerPort"])
    raise UsageError(
        f"the Service {work.service['metadata']['name']} leads to a port named {name}, "
        f"which no container of {work.deployment['metadata']['name']} has",
        hint="name the port in the Deployment's container",
    )
