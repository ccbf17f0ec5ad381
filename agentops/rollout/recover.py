"""When the journal is gone: the objects themselves tell whose they are and what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError, UsageError
from agentops.model.rollout import EPOCH, ID, Cause, Phase, Plan, State, Touched
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import notes, original
from agentops.rollout.names import Names


def from_objects(cluster: Cluster, place: Place, *, now: float) -> State:
    """The rollout as the objects of the namespace tell it, on its way back. Raises UsageError where nothing of the
    environment is in the hands of a rollout."""
    names = Names(place.deployment, place.entry)
    app = cluster.get("Deployment", names.app)
    mine = _holder(cluster, place, app)
    if not mine:
        raise UsageError(
            f"no rollout of {names.app} is under way in the namespace {cluster.namespace}: no journal, and no object "
            "that one would hold",
            hint="`agentops rollout start --image NAME@sha256:...`",
        )
    held = tuple(doc for doc in _known(cluster, place) if notes(doc).get(ID) == mine)
    kept = (original(app) if app is not None and notes(app).get(ID) == mine else None) or {}
    canary = cluster.get("Deployment", names.canary)
    now_runs = _image(app, str(kept.get("container") or place.container or ""))
    before = str(kept.get("image") or now_runs)
    image = _image(canary, str(kept.get("container") or place.container or "")) or now_runs
    plan = Plan(
        strategy=place.strategy,
        traffic=str(kept.get("traffic") or ("replicas" if place.traffic == "auto" else place.traffic)),
        why="as the objects tell",
        route=str(kept.get("route") or place.route or ""),
        weights=(),
        needed=0,
        detects="",
        stable_replicas=int(kept.get("replicas") or 1),
    )
    return State(
        id=mine, app=names.app, environment=place.name, namespace=cluster.namespace, image=image, before=before,
        plan=plan,
        phase=Phase.ABORTING, epoch=max(_epoch(doc) for doc in held), cause=Cause.BROKEN,
        reason="the journal was lost", desired="abort", served=True,
        committing=now_runs != before or plan.traffic == "delegate",
        began_at=now, phase_at=now,
        touched=tuple(Touched(doc["kind"], doc["metadata"]["name"]) for doc in held),
    )  # fmt: skip


def _holder(cluster: Cluster, place: Place, app: Doc | None) -> str:
    """The id of the rollout that holds the team's own objects."""
    if app is not None and ID in notes(app):
        return notes(app)[ID]
    team, ours = (place.deployment, place.entry, place.route), Names(place.deployment, place.entry).to_canary
    for doc in _known(cluster, place):
        # A route that was found by looking has a name of the team's own: it leads to our Service.
        if ID in notes(doc) and (doc["metadata"]["name"] in team or ours in json.dumps(doc.get("spec") or {})):
            return notes(doc)[ID]
    return ""


def _known(cluster: Cluster, place: Place) -> Iterator[Doc]:
    """Every object that a rollout of the environment can have touched, where it is there and may be read."""
    names = Names(place.deployment, place.entry)
    routes = [place.route] if place.route else []
    known = {
        "Deployment": [names.app, names.canary, names.splitter],
        "Service": [names.entry, names.to_canary, names.to_stable],
        "ConfigMap": [names.splitter],
        "PodDisruptionBudget": [names.canary, names.splitter],
        "NetworkPolicy": [f"{names.app}-shadow"],
        "HTTPRoute": routes,
        "VirtualService": routes,
    }
    for kind, each in known.items():
        for name in each:
            try:
                doc = cluster.get(kind, name)
            except ApiDown:
                raise
            except ClusterError:
                # The Role of this traffic mode has no use for it.
                continue
            if doc is not None:
                yield {"kind": kind, **doc}
    # Their names are the team's to choose.
    for kind in ("HorizontalPodAutoscaler", *(() if routes else ("HTTPRoute", "VirtualService"))):
        try:
            yield from cluster.list(kind)
        except ApiDown:
            raise
        except ClusterError:
            continue


def _image(deployment: Doc | None, container: str) -> str:
    if deployment is None:
        return ""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    names = [c["name"] for c in containers]
    name = container if container in names else names[0]
    return str(workload.container_of(deployment, name)["image"])


def _epoch(doc: Doc) -> int:
    told = notes(doc).get(EPOCH, "")
    return int(told) if told.isascii() and told.isdigit() else 1
