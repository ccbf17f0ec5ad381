"""What a rollout does to Deployments: stable's own, the canary beside it, and what guards their number of pods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agentops.contracts import Doc
from agentops.model.rollout import ID, TRACK, Pod
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import Hands, notes, original, pointer
from agentops.rollout.names import Names
from agentops.text import one_line

_DEPLOYMENT, _HPA, _PDB = "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"
_SPARE = 1.25
"""How much larger than stable the canary is while it serves everybody: load may have grown meanwhile."""
_FLOOR = "rollout.agentops/floor"
"""The annotation of an autoscaler with the least number of pods that we gave it."""
_UPDATE = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}


class Deployments:
    """Stable and canary of one rollout. Every method converges and may be called again at any time."""

    def __init__(self, hands: Hands, place: Place, *, labels: Mapping[str, str]) -> None:
        self._hands = hands
        self._place = place
        self._names = Names(place.deployment, place.entry)
        self._labels = dict(labels)

    def take(self) -> None:
        """Make stable ours to write, and see that no autoscaler takes pods from it while traffic leaves."""
        container, plan = self._work().container, self._hands.state.plan

        def keep(doc: Doc) -> dict[str, Any]:
            spec = doc["spec"]
            image = workload.container_of(doc, container)["image"]
            kept = {"image": image, "container": container, "replicas": spec.get("replicas", 1)}
            return {**kept, "traffic": plan.traffic, "route": plan.route, "strategy": spec.get("strategy") or {}}

        self._hands.take(_DEPLOYMENT, self._names.app, keep=keep)
        self._hold_floor()

    def _hold_floor(self) -> None:
        """No autoscaler takes pods from stable while traffic leaves: what it has now is the least it keeps."""
        work = self._work()
        if work.hpa is None:
            return
        name = work.hpa["metadata"]["name"]
        doc = self._hands.take(_HPA, name, keep=lambda d: {"minReplicas": d["spec"].get("minReplicas")})
        most = int(doc["spec"]["maxReplicas"])
        floor = min(max(self._hands.state.plan.stable_replicas, work.replicas), most)
        if int(doc["spec"].get("minReplicas") or 1) < floor:
            ops: list[Doc] = [
                {"op": "add", "path": "/spec/minReplicas", "value": floor},
                {"op": "add", "path": f"/metadata/annotations/{pointer(_FLOOR)}", "value": str(floor)},
            ]
            self._hands.change(_HPA, name, ops)

    def raise_canary(self, replicas: int, *, shadowed: bool) -> str:
        """See that so many pods of the canary run the new image, in shadow mode or not. Returns what is awaited."""
        state = self._hands.state
        shadow = self._place.shadow if shadowed else None
        made = workload.canary(
            self._work(), self._names, image=state.image, replicas=replicas, labels=self._labels, shadow=shadow
        )
        if self._hands.cluster.get(_DEPLOYMENT, self._names.canary) is None:
            # Nothing fences the making of an object: one that comes too late, of a runner that is none any more, must
            # have no pods.
            self._hands.make({**made, "spec": {**made["spec"], "replicas": 0}})
        self._hands.make(made)
        self._hands.make(_budget(self._names))
        doc = self._hands.cluster.get(_DEPLOYMENT, self._names.canary)
        if doc is None:
            return "the canary's Deployment"
        if workload.available(doc) and doc["spec"].get("replicas") == replicas:
            return ""
        ready = int((doc.get("status") or {}).get("availableReplicas") or 0)
        return f"{ready} of {replicas} canary pods ready"

    def full(self) -> int:
        """How many pods the canary needs to serve everybody: a quarter more than stable has now."""
        doc = self._work().deployment
        now = max(int(doc["spec"].get("replicas", 1)), self._hands.state.plan.stable_replicas)
        return math.ceil(now * _SPARE)

    def commit(self) -> str:
        """Bring the new image to stable, never with a pod less than before. Returns what is awaited."""
        return self._to(self._hands.state.image, instead_of=self._hands.state.before)

    def revert(self) -> str:
        """Bring the former image back to stable, where it is our image that runs there; one that somebody else put
        there stays. Returns what is awaited."""
        self.take()  # an abort at the very end finds stable given back already
        work = self._work()
        if work.image not in (self._hands.state.image, self._hands.state.before):
            return "" if workload.available(work.deployment) else f"pods of {self._names.app}, with the image of others"
        return self._to(self._hands.state.before, instead_of=self._hands.state.image)

    def lower_canary(self) -> str:
        """Scale the canary to nothing. Returns what is awaited."""
        doc = self._hands.cluster.get(_DEPLOYMENT, self._names.canary)
        if doc is None or notes(doc).get(ID) != self._hands.state.id:
            return ""
        self._hands.scale(self._names.canary, 0)
        return ""

    def let_go(self) -> None:
        """Give stable and its autoscaler back, as they were but for the image that was committed."""
        hpa = self._work().hpa
        if hpa is not None and notes(hpa).get(ID) == self._hands.state.id:
            self._hands.let_go(_HPA, hpa["metadata"]["name"], _floor_back(hpa))
        doc = self._hands.cluster.get(_DEPLOYMENT, self._names.app)
        if doc is not None and notes(doc).get(ID) == self._hands.state.id:
            strategy = (original(doc) or {}).get("strategy")
            ours = (doc["spec"].get("strategy") or {}) == _UPDATE
            ops = [{"op": "add", "path": "/spec/strategy", "value": strategy}] if strategy and ours else []
            self._hands.let_go(_DEPLOYMENT, self._names.app, ops)

    def drift(self) -> str:
        """What somebody else changed of the images, and who; "" where nothing."""
        state = self._hands.state
        told = []
        for name, allowed in (
            (self._names.app, {state.before, *([state.image] if state.committing else [])}),
            (self._names.canary, {state.image}),
        ):
            doc = self._hands.cluster.get(_DEPLOYMENT, name)
            if doc is None:
                if name == self._names.app or name in {t.name for t in state.touched}:
                    told.append(f"the Deployment {name} is gone")
                continue
            if name == self._names.canary and notes(doc).get(ID) != state.id:
                continue
            there = [c["image"] for c in doc["spec"]["template"]["spec"]["containers"]]
            if not allowed & set(there):
                told.append(f"the image of {name} was changed to {one_line(' '.join(there), 120)} by {writer(doc)}")
        return "; ".join(told)

    def canary_pods(self) -> tuple[Pod, ...]:
        """The canary's pods."""
        container = self._work().container
        return workload.pods(self._hands.cluster, workload.canary_selector(self._names), container=container)

    def lost(self) -> bool:
        """Whether all that the canary lacks are pods whose node does not answer: no doing of its image, and Kubernetes
        brings up others once it gives the node up (after five minutes, unless the pods say otherwise)."""
        missing = [pod for pod in self.canary_pods() if not pod.ready and not pod.leaving]
        return bool(missing) and all(pod.lost for pod in missing)

    def stable_pods(self) -> tuple[Pod, ...]:
        """Stable's pods."""
        return workload.pods(self._hands.cluster, self._work().selector)

    def _work(self) -> workload.Workload:
        return workload.read(self._hands.cluster, self._place)

    def _to(self, image: str, *, instead_of: str) -> str:
        work = self._work()
        containers = work.deployment["spec"]["template"]["spec"]["containers"]
        at = next(i for i, c in enumerate(containers) if c["name"] == work.container)
        path = f"/spec/template/spec/containers/{at}"
        if work.image == instead_of:
            ops: list[Doc] = [
                {"op": "test", "path": f"{path}/name", "value": work.container},
                {"op": "test", "path": f"{path}/image", "value": instead_of},
                {"op": "replace", "path": f"{path}/image", "value": image},
                {"op": "add", "path": "/spec/strategy", "value": _UPDATE},
            ]
            self._hands.change(_DEPLOYMENT, self._names.app, ops)
            return f"the rolling update of {self._names.app}"
        if work.image != image:
            return f"{self._names.app} to name {image}: {writer(work.deployment)} made it {one_line(work.image, 120)}"
        if workload.available(work.deployment):
            return ""
        status = work.deployment.get("status") or {}
        return (
            f"{int(status.get('updatedReplicas') or 0)} of {work.replicas} pods of {self._names.app} updated, "
            f"{int(status.get('availableReplicas') or 0)} available"
        )


def writer(doc: Doc) -> str:
    """Who last wrote to an object, as its managed fields tell, other than us."""
    fields = (doc.get("metadata") or {}).get("managedFields") or ()
    others = [f for f in fields if not str(f.get("manager", "")).startswith("agentops") and not f.get("subresource")]
    last = max(others, key=lambda f: str(f.get("time", "")), default=None)
    return one_line(str(last["manager"]), 60) if last else "somebody"


def _floor_back(hpa: Doc) -> list[Doc]:
    """What gives an autoscaler its own least number of pods back, where it is still ours that stands there."""
    told = notes(hpa).get(_FLOOR)
    if told is None:
        return []
    off: list[Doc] = [{"op": "remove", "path": f"/metadata/annotations/{pointer(_FLOOR)}"}]
    if told != str(hpa["spec"].get("minReplicas")):
        return off
    kept = (original(hpa) or {}).get("minReplicas")
    if kept is None:
        return [*off, {"op": "remove", "path": "/spec/minReplicas"}]
    return [*off, {"op": "replace", "path": "/spec/minReplicas", "value": kept}]


def _budget(names: Names) -> dict[str, Any]:
    """A drain of a node leaves the canary a pod."""
    return {
        "apiVersion": "policy/v1",
        "kind": _PDB,
        "metadata": {"name": names.canary, "labels": {TRACK: "canary"}},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": workload.canary_selector(names)}},
    }
