"""What is there before a rollout: the Deployment and Service of the team's. And the canary beside it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.errors import UsageError
from agentops.model.rollout import TRACK, Pod
from agentops.model.rollout_settings import Place, Shadow
from agentops.rollout.names import Names
from agentops.text import one_line

APP = "rollout.agentops/app"
"""The label with the name of the Deployment, on pods that a rollout made."""
MODE = "rollout.agentops/mode"
"""The label of pods in shadow mode; network policies select it."""
MODE_ENV = "AGENTOPS_MODE"
_LABEL_CHARS = 63


@dataclass(frozen=True, slots=True)
class Workload:
    """The team's own objects as they are now. `hpa` is the autoscaler of the Deployment, if there is one."""

    deployment: Doc
    service: Doc
    container: str
    hpa: Doc | None = None

    @property
    def image(self) -> str:
        """The image that stable's template names."""
        return str(container_of(self.deployment, self.container)["image"])

    @property
    def replicas(self) -> int:
        """How many pods stable has been told to have."""
        return int(self.deployment["spec"].get("replicas", 1))

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels by which the Deployment knows its pods."""
        return dict(self.deployment["spec"]["selector"].get("matchLabels") or {})

    @property
    def pod_labels(self) -> Mapping[str, str]:
        """The labels of stable's pods."""
        return dict(self.deployment["spec"]["template"]["metadata"].get("labels") or {})

    @property
    def entry_selector(self) -> Mapping[str, str]:
        """The labels by which the Service finds its pods. Where a rollout is under way it may lead elsewhere."""
        return dict(self.service["spec"].get("selector") or {})


def names_of(place: Place) -> Names:
    """What the objects of the environment are called."""
    return Names(place.deployment, place.entry)


def read(cluster: Cluster, place: Place) -> Workload:
    """The team's objects. Raises UsageError naming what is not there."""
    deployment = cluster.get("Deployment", place.deployment)
    service = cluster.get("Service", place.entry)
    for doc, kind, name, key in (
        (deployment, "Deployment", place.deployment, "deployment"),
        (service, "Service", place.entry, "service"),
    ):
        if doc is None:
            raise UsageError(
                f"there is no {kind} {name} in the namespace {cluster.namespace}",
                hint=f"correct rollout.{key}, rollout.namespace or rollout.context",
            )
    assert deployment is not None  # noqa: S101  refused above
    assert service is not None  # noqa: S101
    return Workload(deployment, service, _container(deployment, place), autoscaler(cluster, place.deployment))


def autoscaler(cluster: Cluster, deployment: str) -> Doc | None:
    """The HorizontalPodAutoscaler of a Deployment."""
    return next((h for h in cluster.list("HorizontalPodAutoscaler") if _scales(h, deployment)), None)


def container_of(deployment: Doc, name: str) -> Doc:
    """The container of that name in a Deployment's template."""
    return next(c for c in deployment["spec"]["template"]["spec"]["containers"] if c["name"] == name)


def canary_labels(work: Workload, *, shared_entry: bool) -> dict[str, str]:
    """The labels of the canary's pods: stable's, but for one or two.

    Stable's Deployment must never match them: an autoscaler counts every pod that its target's selector matches. With
    `shared_entry` the Service's own selector matches them, else it does not. Raises UsageError where labels leave no
    room for both.
    """
    labels = dict(work.pod_labels)
    entry = set(work.entry_selector)
    own = set(work.selector)
    if shared_entry:
        change = sorted(own - entry)[:1]
        if not change:
            name = work.deployment["metadata"]["name"]
            raise UsageError(
                f"every label by which the Deployment {name} selects its pods is one that the Service selects by as "
                "well: a canary behind the same Service would be counted as stable's",
                hint="give the Deployment's selector one label more than the Service has (track: stable), "
                "or set rollout.traffic: splitter",
            )
    else:
        both = sorted(own & entry)[:1]
        change = both or [*sorted(own)[:1], *sorted(entry)[:1]]
    for key in change:
        labels[key] = f"{labels.get(key, '')[: _LABEL_CHARS - 7]}-canary".lstrip("-")
    return {**labels, TRACK: "canary", APP: work.deployment["metadata"]["name"]}


def canary_selector(names: Names) -> dict[str, str]:
    """The labels by which the canary's Deployment knows its pods: the same in every mode, for they can never change."""
    return {TRACK: "canary", APP: names.app}


def canary(
    work: Workload, names: Names, *, image: str, replicas: int, labels: Mapping[str, str], shadow: Shadow | None = None
) -> dict[str, Any]:
    """The canary's Deployment: stable's template with the image, the labels, and where `shadow` is given the variable
    that tells the agent not to act."""
    template = copy.deepcopy(dict(work.deployment["spec"]["template"]))
    template["metadata"] = {
        "labels": {**labels, **({MODE: "shadow"} if shadow else {})},
        "annotations": dict((template.get("metadata") or {}).get("annotations") or {}),
    }
    template["spec"] = spec = dict(template["spec"])
    spec["containers"] = [
        _changed(dict(c), image, shadow) if c["name"] == work.container else c for c in spec["containers"]
    ]
    if shadow is not None and shadow.service_account:
        spec["serviceAccountName"] = shadow.service_account
        spec.pop("serviceAccount", None)
    kept = ("progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit")
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": names.canary, "labels": {APP: names.app}},
        "spec": {
            **{key: work.deployment["spec"][key] for key in kept if key in work.deployment["spec"]},
            "replicas": replicas,
            "selector": {"matchLabels": canary_selector(names)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "100%"}},
            "template": template,
        },
    }


def pods(cluster: Cluster, labels: Mapping[str, str], *, container: str = "") -> tuple[Pod, ...]:
    """The pods with all these labels, oldest first. What runs is that of `container`, where it is named."""
    found = (pod_of(doc, container=container) for doc in cluster.list("Pod", labels=labels))
    return tuple(sorted(found, key=lambda pod: (pod.created_at, pod.name)))


def pod_of(doc: Doc, *, container: str = "") -> Pod:
    """What the API server says of a pod. What runs is that of `container`, else of the last one."""
    meta, status = doc["metadata"], doc.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waiting: Mapping[str, Any] = next((w for c in containers if (w := (c.get("state") or {}).get("waiting"))), {})
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    scheduled: Mapping[str, Any] = conditions.get("PodScheduled", {})
    if not waiting and scheduled.get("status") == "False":
        waiting = {"reason": scheduled.get("reason", "Unschedulable"), "message": scheduled.get("message", "")}
    named = [c for c in containers if c.get("name") == container]
    ready, running = (conditions.get(kind, {}).get("status") for kind in ("Ready", "ContainersReady"))
    # The controller of nodes takes back the first and leaves the second, which is the kubelet's to tell.
    lost = ready != "True" and running == "True" and not (doc.get("spec") or {}).get("readinessGates")
    return Pod(
        name=meta["name"],
        ip=status.get("podIP", ""),
        ready=ready == "True" and "deletionTimestamp" not in meta,
        restarts=sum(int(c.get("restartCount", 0)) for c in containers),
        node=(doc.get("spec") or {}).get("nodeName", ""),
        waiting=str(waiting.get("reason", "")),
        message=one_line(str(waiting.get("message", "")), 300),
        image_id=str((named or containers[-1:] or [{}])[0].get("imageID", "")),
        created_at=_seconds(meta.get("creationTimestamp")),
        leaving="deletionTimestamp" in meta,
        lost=lost,
    )


def available(deployment: Doc) -> bool:
    """Whether every pod that the Deployment was told to have runs its present template and is available."""
    status, wanted = deployment.get("status") or {}, int(deployment["spec"].get("replicas", 1))
    seen = int(status.get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 1))
    counts = [int(status.get(key) or 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return seen and counts == [wanted] * 3


def _changed(container: dict[str, Any], image: str, shadow: Shadow | None) -> dict[str, Any]:
    container["image"] = image
    more = {MODE_ENV: "shadow", **shadow.env} if shadow is not None else {}
    kept = [item for item in container.get("env") or () if item["name"] not in {MODE_ENV, *more}]
    env = [*kept, *({"name": name, "value": value} for name, value in more.items())]
    return {**{k: v for k, v in container.items() if k != "env"}, **({"env": env} if env else {})}


def _container(deployment: Doc, place: Place) -> str:
    present = [c["name"] for c in deployment["spec"]["template"]["spec"]["containers"]]
    if place.container is None and len(present) == 1:
        return str(present[0])
    if place.container in present:
        return str(place.container)
    raise UsageError(
        f"the Deployment {place.deployment} has the containers {', '.join(present)}: "
        + ("which one is rolled out is not said" if place.container is None else f"no {place.container}"),
        hint="set rollout.container",
    )


def _scales(hpa: Doc, deployment: str) -> bool:
    target = (hpa.get("spec") or {}).get("scaleTargetRef") or {}
    return (target.get("kind"), target.get("name")) == ("Deployment", deployment)


def _seconds(stamp: str | None) -> float:
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0
