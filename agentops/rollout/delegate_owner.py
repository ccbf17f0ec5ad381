"""Who else owns a workload: a Rollout of Argo Rollouts or a Canary of Flagger, and where the image stands then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError
from agentops.model.rollout import State
from agentops.model.rollout_settings import Place

ROLLOUT, CANARY, DEPLOYMENT = "Rollout", "Canary", "Deployment"
_TOOLS = {ROLLOUT: "Argo Rollouts", CANARY: "Flagger"}
_BY_ARGO = "argo-rollouts.argoproj.io/managed-by-rollouts"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a workload: the object of `kind` and `name`, "" where nobody knows any more; the image stands in the
    template of `target`, a kind and a name."""

    kind: str
    name: str
    target: tuple[str, str]

    @property
    def tool(self) -> str:
        """Whose kind it is."""
        return _TOOLS.get(self.kind, "")

    @property
    def told(self) -> str:
        """The owner for people."""
        return f"{self.kind} {self.name} of {self.tool}" if self.kind else "the controller of the workload"


def owner_of(cluster: Cluster, place: Place) -> Owner | None:
    """Who owns the workload of the environment, None where nobody does. Where the credentials must not list the kinds,
    what the tools leave on the objects tells. Raises ApiDown."""
    for kind, matches in ((ROLLOUT, _rollout), (CANARY, _canary)):
        for doc in _listed(cluster, kind):
            target = matches(doc, cluster, place)
            if target is not None:
                return Owner(kind, doc["metadata"]["name"], target)
    return _by_marks(cluster, place)


def owner_told(cluster: Cluster, place: Place, state: State) -> Owner:
    """Who owns the workload of a rollout that is under way, by what the journal says that it touched: the owner may be
    gone by now. Where the journal names none, who owns it now; where nobody does, an owner without a kind, whose target
    is the team's Deployment. Raises ApiDown."""
    touched = {(item.kind, item.name) for item in state.touched}
    deployment = (DEPLOYMENT, place.deployment)
    for kind, name in sorted(touched):
        if kind not in _TOOLS:
            continue
        doc = _there(cluster, kind, name)
        target = None if doc is None else (_rollout if kind == ROLLOUT else _canary)(doc, cluster, place)
        by_journal = (ROLLOUT, name) if kind == ROLLOUT and deployment not in touched else deployment
        return Owner(kind, name, target or by_journal)
    return owner_of(cluster, place) or Owner("", "", deployment)


def _rollout(doc: Doc, cluster: Cluster, place: Place) -> tuple[str, str] | None:
    """Where the image of a Rollout stands, if it is of this workload."""
    spec, name = doc.get("spec") or {}, doc["metadata"]["name"]
    ref = spec.get("workloadRef") or {}
    if ref:
        target = (str(ref.get("kind")), str(ref.get("name")))
        return target if target == (DEPLOYMENT, place.deployment) else None
    if name == place.deployment:
        return ROLLOUT, name
    strategy = spec.get("strategy") or {}
    own = {
        (strategy.get(key) or {}).get(field)
        for key, field in (("canary", "stableService"), ("canary", "canaryService"), ("blueGreen", "activeService"))
    }
    if place.entry in own:
        return ROLLOUT, name
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    deployment = cluster.get(DEPLOYMENT, place.deployment) or {}
    labels = (((deployment.get("spec") or {}).get("template") or {}).get("metadata") or {}).get("labels") or {}
    return (ROLLOUT, name) if wanted and wanted.items() <= labels.items() else None


def _canary(doc: Doc, _cluster: Cluster, place: Place) -> tuple[str, str] | None:
    """The target of a Canary, if it is this workload."""
    ref = (doc.get("spec") or {}).get("targetRef") or {}
    target = (str(ref.get("kind")), str(ref.get("name")))
    return target if target == (DEPLOYMENT, place.deployment) else None


def _by_marks(cluster: Cluster, place: Place) -> Owner | None:
    """The owner by what the tools leave on the way in: Flagger owns the Service, Argo writes its name on it."""
    service = cluster.get("Service", place.entry) or {}
    meta: Mapping[str, Any] = service.get("metadata") or {}
    for ref in meta.get("ownerReferences") or ():
        if ref.get("kind") == CANARY and str(ref.get("apiVersion", "")).startswith("flagger.app/"):
            return Owner(CANARY, str(ref["name"]), (DEPLOYMENT, place.deployment))
    name = (meta.get("annotations") or {}).get(_BY_ARGO)
    if not name:
        return None
    by_reference = cluster.get(DEPLOYMENT, place.deployment) is not None
    return Owner(ROLLOUT, str(name), (DEPLOYMENT, place.deployment) if by_reference else (ROLLOUT, str(name)))


def _listed(cluster: Cluster, kind: str) -> tuple[Doc, ...]:
    try:
        return cluster.list(kind)
    except ApiDown:
        raise
    except ClusterError:
        return ()


def _there(cluster: Cluster, kind: str, name: str) -> Doc | None:
    try:
        return cluster.get(kind, name)
    except ApiDown:
        raise
    except ClusterError:
        return None


def container_of(doc: Doc, place: Place) -> tuple[int, Mapping[str, Any]]:
    """Where in a template the container of the environment stands, and what it says. Raises ClusterError."""
    found = (((doc.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ()
    for at, one in enumerate(found):
        if one.get("name") == place.container or (place.container is None and len(found) == 1):
            return at, one
    raise ClusterError(
        f"{doc['kind']} {doc['metadata']['name']} has no container {place.container or 'that is the only one'}",
        hint="set rollout.container",
    )


def image_of(doc: Doc, place: Place) -> str:
    """The image of the environment's container. Raises ClusterError where the template has no such container."""
    return str(container_of(doc, place)[1].get("image", ""))
