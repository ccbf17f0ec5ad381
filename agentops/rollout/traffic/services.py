"""The Services that lead to both versions, in every traffic mode: the way in, `-stable` and `-canary`.

The way in is the team's: only its selector is ever written, and what it was is kept on the object. The others are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.errors import ClusterError, UsageError
from agentops.model.rollout import EPOCH, ID, MANAGER
from agentops.rollout.hands import Hands, notes, original
from agentops.rollout.names import Names
from agentops.rollout.workload import APP, Workload
from agentops.text import one_line

SELECTOR = "selector"
"""The key of the kept original under which the Service's selector stands."""

_OF_SERVICE = "kubernetes.io/service-name"
_PORT_KEYS = ("name", "protocol", "port", "targetPort", "appProtocol")
_FAMILY_KEYS = ("ipFamilies", "ipFamilyPolicy")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod behind a Service, as the EndpointSlices tell the nodes. `serving` also holds for one that is leaving."""

    pod: str
    ip: str
    ready: bool
    serving: bool


def refuse(work: Workload) -> None:
    """Raise UsageError for a Service whose selector leads nobody: without one, headless, or a name elsewhere."""
    service, name = work.service, work.service["metadata"]["name"]
    spec = service["spec"]
    why = ""
    if spec.get("type") == "ExternalName":
        why = "is a name elsewhere (ExternalName)"
    elif not spec.get(SELECTOR):
        why = "has no selector: something else writes its endpoints"
    elif spec.get("clusterIP") == "None":
        why = "is headless: clients keep addresses of pods as long as they like, so that no way back is quick"
    if why:
        raise UsageError(
            f"the Service {name} {why}", hint="name a Service with a selector and an address (rollout.service)"
        )


def keep(service: Doc) -> dict[str, Any]:
    """What of the way in is to be put back one day; give it to Hands.take."""
    return {SELECTOR: dict(service["spec"].get(SELECTOR) or {})}


def own_selector(service: Doc) -> dict[str, str]:
    """The way in's selector as the team wrote it, whether a rollout holds the Service or not."""
    kept = original(service) if ID in notes(service) else None
    if isinstance(kept, dict) and isinstance(kept.get(SELECTOR), dict):
        return {str(k): str(v) for k, v in kept[SELECTOR].items()}
    return dict(service["spec"].get(SELECTOR) or {})


def stable_selector(work: Workload, *, shared_entry: bool) -> dict[str, str]:
    """The labels of stable's pods and not of the canary's.

    Where the team's selector does not match the canary's pods it serves as it is; with `shared_entry` it does, and what
    the Deployment knows its pods by is added.
    """
    team = own_selector(work.service)
    return {**team, **work.selector} if shared_entry else team


def backend(work: Workload, names: Names, *, name: str, selector: Mapping[str, str]) -> dict[str, Any]:
    """A Service inside the cluster with the ports of the way in."""
    spec = work.service["spec"]
    ports = [{key: port[key] for key in _PORT_KEYS if key in port} for port in spec.get("ports") or ()]
    families = {key: spec[key] for key in _FAMILY_KEYS if key in spec}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {APP: names.app}},
        "spec": {"type": "ClusterIP", SELECTOR: dict(selector), "ports": ports, **families},
    }


def lay(hands: Hands, doc: Doc) -> Doc:
    """Make an object of ours, or bring it to this shape; writes nothing where it is so already, and ours. What the API
    server adds does not count. Raises Conflict for an object of others."""
    there = hands.cluster.get(doc["kind"], doc["metadata"]["name"])
    if there is not None and ours(hands, there) and _holds(there, doc):
        return there
    return hands.make(doc)


def ours(hands: Hands, doc: Doc) -> bool:
    """Whether the object carries the marks of this rollout and this runner."""
    told = notes(doc)
    return told.get(ID) == hands.state.id and told.get(EPOCH) == str(hands.state.epoch)


def lead(hands: Hands, name: str, selector: Mapping[str, str]) -> Doc:
    """Let a Service that was taken or made lead to the pods with these labels: one guarded write, none where it does so
    already. Raises Conflict where somebody changed it meanwhile, ClusterError where it is gone."""
    service = hands.cluster.get("Service", name)
    if service is None:
        raise ClusterError(f"the Service {name} is gone", hint="apply the manifest of the Service again")
    if ours(hands, service) and service["spec"].get(SELECTOR) == dict(selector):
        return service
    return hands.change("Service", name, flip(service, selector))


def flip(service: Doc, selector: Mapping[str, str]) -> list[Doc]:
    """The JSON Patch that changes a selector, if it is still what was read."""
    path = f"/spec/{SELECTOR}"
    present = service["spec"].get(SELECTOR)
    if present is None:
        return [{"op": "add", "path": path, "value": dict(selector)}]
    return [
        {"op": "test", "path": path, "value": dict(present)},
        {"op": "replace", "path": path, "value": dict(selector)},
    ]


def give_back(hands: Hands, name: str) -> None:
    """Put the way in's own selector back and take our marks off, in one write. Nothing where it is not ours."""
    service = hands.cluster.get("Service", name)
    if service is None or notes(service).get(ID) != hands.state.id:
        return
    team = own_selector(service)
    same = service["spec"].get(SELECTOR) == team
    hands.let_go("Service", name, [] if same or not team else flip(service, team))


def behind(cluster: Cluster, service: str) -> tuple[Endpoint, ...]:
    """The pods that the nodes lead the Service's traffic to, by name. Those that are neither ready nor serving are left
    out."""
    found: dict[str, Endpoint] = {}
    for part in cluster.list("EndpointSlice", labels={_OF_SERVICE: service}):
        for item in part.get("endpoints") or ():
            told = item.get("conditions") or {}
            # Nothing said means ready: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
            ready = told.get("ready") is not False
            serving = told.get("serving", ready) is not False
            pod = str((item.get("targetRef") or {}).get("name", ""))
            if ready or serving:
                for ip in item.get("addresses") or ():
                    found[str(ip)] = Endpoint(pod or str(ip), str(ip), ready, serving)
    return tuple(sorted(found.values(), key=lambda one: (one.pod, one.ip)))


def led_to(cluster: Cluster, service: str, pods: frozenset[str]) -> frozenset[str]:
    """Which of these pods (by name) new connections to the Service reach."""
    return pods & {one.pod for one in behind(cluster, service) if one.ready}


def changed_by(doc: Doc, *path: str) -> str:
    """Who wrote the field last beside us, as the API server noted it: the name of a field manager and when; "somebody"
    where it does not tell. (https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management)"""
    entries = [
        entry
        for entry in (doc.get("metadata") or {}).get("managedFields") or ()
        if entry.get("manager") != MANAGER and _owns(entry.get("fieldsV1") or {}, path)
    ]
    if not entries:
        return "somebody"
    last = max(entries, key=lambda entry: str(entry.get("time", "")))
    when = f" at {last['time']}" if last.get("time") else ""
    return one_line(f"{last.get('manager', 'somebody')}{when}", 120)


def strayed(cluster: Cluster, name: str, selector: Mapping[str, str]) -> str:
    """What somebody changed of a Service's selector, and who; "" where it is as it should be."""
    service = cluster.get("Service", name)
    if service is None:
        return f"the Service {name} was deleted"
    present = service["spec"].get(SELECTOR) or {}
    if dict(present) == dict(selector):
        return ""
    who = changed_by(service, "spec", SELECTOR)
    return f"the selector of the Service {name} was changed to {told(present)} by {who}"


def told(labels: Mapping[str, str]) -> str:
    """Labels for people."""
    return one_line(",".join(f"{k}={v}" for k, v in sorted(labels.items())) or "nothing", 160)


def _owns(fields: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether the field, something in it, or all that it is in belongs to the manager."""
    here = fields
    for step in path:
        if f"f:{step}" not in here:
            return False
        here = here[f"f:{step}"]
        if not here:
            return True
    return True


def _holds(there: Any, wanted: Any) -> bool:
    """Whether everything wanted is there; objects may hold more, lists may not."""
    if isinstance(wanted, Mapping):
        if not isinstance(there, Mapping):
            return False
        return all(key in there and _holds(there[key], value) for key, value in wanted.items())
    if isinstance(wanted, list | tuple):
        if not isinstance(there, list | tuple) or len(there) != len(wanted):
            return False
        return all(_holds(a, b) for a, b in zip(there, wanted, strict=True))
    return bool(there == wanted)
