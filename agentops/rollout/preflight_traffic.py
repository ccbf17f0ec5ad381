"""Whether traffic can be led in the mode that was chosen."""

from __future__ import annotations

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError
from agentops.model.rollout_settings import Place
from agentops.rollout.selectors import told
from agentops.rollout.workload import Workload, names_of
from agentops.text import one_line

_ROUTES = {"gateway-api": ("HTTPRoute", "Gateway API"), "istio": ("VirtualService", "Istio")}


def traffic(
    cluster: Cluster, place: Place, work: Workload, *, mode: str, route: str | None
) -> tuple[list[str], list[str]]:
    """Problems and warnings about the Service, the route, and what the mode needs."""
    problems, warnings = _service(cluster, place, work)
    if mode == "replicas":
        warnings.append(
            "traffic by replicas weighs connections, not requests or sessions: a session may meet both versions, and "
            "long connections stay where they are"
        )
        if place.shadow.mode == "mirror":
            problems.append("traffic by replicas cannot copy requests: set shadow.mode: replay, or another mode")
    if work.service["spec"].get("sessionAffinity") == "ClientIP":
        warnings.append(
            f"the Service {place.entry} keeps a client at one pod (sessionAffinity: ClientIP): shares are those of "
            "clients, and lag behind"
        )
    if mode == "splitter" and "@sha256:" not in place.splitter.image:
        problems.append("traffic by splitter needs splitter.image: an image of Envoy, by digest")
    if mode in _ROUTES:
        problems += _route(cluster, place, mode=mode, route=route)
    if place.shadow.mode != "off" and place.shadow.blocked:
        blocked = place.shadow.blocked.partition(":")[0]
        if cluster.get("Service", blocked) is None:
            problems.append(
                f"there is no Service {blocked} (shadow.blocked): a way to it that fails proves nothing; "
                "name one that is there"
            )
    return problems, warnings


def route_of(cluster: Cluster, place: Place, *, mode: str, route: str | None) -> tuple[Doc, ...]:
    """The route that the mode would lead traffic by, nothing where there is none or it cannot be read: `traffic` tells
    that."""
    name = route or place.route
    if mode not in _ROUTES or not name:
        return ()
    try:
        doc = cluster.get(_ROUTES[mode][0], name)
    except ApiDown:
        raise
    except ClusterError:
        return ()
    return () if doc is None else (doc,)


def _service(cluster: Cluster, place: Place, work: Workload) -> tuple[list[str], list[str]]:
    """The way in leads to stable's pods, and to no others."""
    spec, name = work.service["spec"], place.entry
    mend = "name another one (rollout.service)"
    if spec.get("type") == "ExternalName":
        return [f"the Service {name} is a name elsewhere (ExternalName): {mend}"], []
    if not work.entry_selector:
        return [f"the Service {name} has no selector, something else writes where it leads: {mend}"], []
    problems = []
    if spec.get("clusterIP") == "None":
        problems.append(f"the Service {name} is headless, clients keep addresses of pods: {mend}")
    if not work.entry_selector.items() <= work.pod_labels.items():
        problems.append(
            f"the Service {name} ({told(work.entry_selector)}) does not lead to the pods of {place.deployment} "
            f"({told(work.pod_labels)}): correct rollout.service or rollout.deployment"
        )
        return problems, []
    strangers = {
        _app(pod)
        for pod in cluster.list("Pod", labels=work.entry_selector)
        if not work.selector.items() <= (pod["metadata"].get("labels") or {}).items()
    }
    return problems, [
        f"the Service {name} leads to other pods as well ({pod}): their share of traffic stays theirs"
        for pod in sorted(strangers)
    ][:3]


def _app(pod: Doc) -> str:
    """Pods of one owner under one name."""
    refs = pod["metadata"].get("ownerReferences") or ()
    return one_line(str(refs[0].get("name")) if refs else str(pod["metadata"]["name"]), 80)


def _route(cluster: Cluster, place: Place, *, mode: str, route: str | None) -> list[str]:
    kind, api = _ROUTES[mode]
    name = route or place.route
    if not name:
        return [f"traffic by {mode} needs `route`: the {kind} that leads to {place.entry}"]
    doc = cluster.get(kind, name)
    if doc is None:
        return [f"there is no {kind} {name} in {cluster.namespace}, or the cluster has no {api}: correct rollout.route"]
    if mode == "istio":
        return []
    names = names_of(place)
    ways = (names.entry, names.to_stable, names.to_canary)
    if not any(_leads(rule, ways) for rule in (doc.get("spec") or {}).get("rules") or ()):
        return [f"no rule of the HTTPRoute {name} leads to the Service {place.entry}: correct rollout.route"]
    return _unaccepted(doc, name)


def _leads(rule: Doc, services: tuple[str, ...]) -> bool:
    refs = rule.get("backendRefs") or ()
    return any(ref.get("name") in services and ref.get("kind", "Service") == "Service" for ref in refs)


def _unaccepted(doc: Doc, name: str) -> list[str]:
    """The Gateway has taken the route as it is now. (https://gateway-api.sigs.k8s.io/reference/spec/#routestatus)"""
    generation = int(doc["metadata"].get("generation", 1))
    parents = (doc.get("status") or {}).get("parents") or ()
    for parent in parents:
        held = {
            c["type"]: c.get("status")
            for c in parent.get("conditions") or ()
            if int(c.get("observedGeneration", generation)) >= generation
        }
        if held.get("Accepted") == "True" and held.get("ResolvedRefs") == "True":
            return []
    return [
        f"no Gateway serves the HTTPRoute {name} (Accepted and ResolvedRefs): see `kubectl describe httproute {name}`"
    ]
