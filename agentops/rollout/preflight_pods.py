"""Whether the Deployment is fit for a rollout, and whose pods a canary would be counted among."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.model.rollout import MANAGER
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import MINE
from agentops.rollout.selectors import matches, told
from agentops.rollout.workload import Workload
from agentops.text import one_line

_HPA = "HorizontalPodAutoscaler"
_NAME_CHARS = 63
_ID_CHARS = 8
_GRACE_S = 30


def deployment(place: Place, work: Workload) -> tuple[list[str], list[str]]:
    """Stable is whole, still, and can be drained."""
    problems, warnings = [], []
    spec, name = work.deployment["spec"], place.deployment
    if work.replicas < 1:
        problems.append(f"the Deployment {name} is scaled to nothing: there is no stable version to go back to")
    elif spec.get("paused"):
        problems.append(f"the Deployment {name} is paused: `kubectl rollout resume deployment/{name}`")
    elif not workload.available(work.deployment):
        problems.append(_unwell(work.deployment))
    problems += _too_long(place)
    warnings += _update(spec, work.replicas, name=name)
    container = workload.container_of(work.deployment, work.container)
    if "readinessProbe" not in container:
        warnings.append(
            f"the container {work.container} has no readinessProbe: a canary that does not work yet counts as ready; "
            "give it one"
        )
    pod = spec["template"]["spec"]
    grace = pod.get("terminationGracePeriodSeconds", _GRACE_S)
    if grace < place.timing.drain_s:
        warnings.append(
            f"pods of {name} are killed {grace} s after they were asked to end, and timing.drain_s is "
            f"{place.timing.drain_s:g}: raise terminationGracePeriodSeconds"
        )
    for volume in pod.get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            claim = one_line(str(volume["persistentVolumeClaim"].get("claimName")), 80)
            warnings.append(
                f"the canary mounts the claim {claim} beside stable: it has to allow that (ReadWriteMany), and both "
                "versions write to it"
            )
    return problems, warnings


def sharing(cluster: Cluster, place: Place, work: Workload, *, mode: str) -> tuple[list[str], list[str]]:
    """Nothing that counts stable's pods counts the canary's. Raises UsageError where labels leave no room."""
    labels = workload.canary_labels(work, shared_entry=mode == "replicas")
    problems = _names_taken(cluster, place, mode=mode)
    if matches(work.deployment["spec"]["selector"], labels):
        problems.append(
            f"the Deployment {place.deployment} would take the canary's pods for its own ({told(labels)}): give its "
            "selector a label by which they differ"
        )
    others, selectors = _autoscalers(cluster, place)
    problems += others
    for name, (target, selector) in selectors.items():
        if target != place.deployment and matches(selector, work.pod_labels):
            problems.append(
                f"the autoscaler {name} of {target} counts pods of {place.deployment} as well, so that neither scales "
                "(AmbiguousSelector): give the two Deployments selectors that differ"
            )
        elif target != place.deployment and matches(selector, labels):
            problems.append(
                f"the autoscaler {name} of {target} would count the canary's pods: narrow the selector of {target}"
            )
    warnings = _limits(work.hpa) if work.hpa is not None else []
    for budget in cluster.list("PodDisruptionBudget"):
        if _ours(budget) or not matches((budget.get("spec") or {}).get("selector"), labels):
            continue
        warnings.append(
            f"the PodDisruptionBudget {budget['metadata']['name']} counts the canary's pods too: with the canary's own "
            "there are two, and no node can be drained meanwhile; let it select a label that the canary lacks"
        )
    return problems, warnings


def _too_long(place: Place) -> list[str]:
    """Names of Services and Jobs, and values of labels, have 63 characters at most."""
    names = workload.names_of(place)
    made = [place.deployment, names.to_canary, names.to_stable]
    made += [f"{names.watchdog}-{'0' * _ID_CHARS}"] if place.watchdog.image is not None else []
    over = max(map(len, made)) - _NAME_CHARS
    if over <= 0:
        return []
    return [f"the name {max(made, key=len)}, which a rollout makes, is {over} too long: shorten {place.deployment}"]


def _unwell(doc: Doc) -> str:
    """Why the Deployment is not as it was told to be."""
    name, status, wanted = doc["metadata"]["name"], doc.get("status") or {}, int(doc["spec"].get("replicas", 1))
    updated, available = (int(status.get(key) or 0) for key in ("updatedReplicas", "availableReplicas"))
    failed = next((c for c in status.get("conditions") or () if c.get("reason") == "ProgressDeadlineExceeded"), None)
    if failed is not None:
        return (
            f"the last rolling update of {name} did not succeed ({updated} of {wanted} pods updated): mend or undo it"
        )
    seen = int(status.get("observedGeneration", 0)) >= int(doc["metadata"].get("generation", 1))
    if not seen or updated < wanted or int(status.get("replicas") or 0) > wanted:
        return (
            f"{name} is amid a rolling update ({updated} of {wanted} pods updated): wait for "
            f"`kubectl rollout status deployment/{name}`"
        )
    return f"stable is not healthy: {available} of {wanted} pods of {name} are available; mend it first"


def _update(spec: Mapping[str, Any], replicas: int, *, name: str) -> list[str]:
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return [
            f"the strategy of {name} is Recreate, which says that two versions must not run at once: a rollout runs "
            "them beside each other"
        ]
    lacking = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", "25%")
    gone = _of(lacking, replicas)
    if gone < 1:
        return []
    return [
        f"updates of {name} may take away {gone} of {replicas} pods (maxUnavailable {lacking}): the commit takes none, "
        "other updates still do"
    ]


def _of(value: object, replicas: int) -> int:
    """maxUnavailable in pods; of a percentage, rounded down."""
    said = str(value)
    try:
        return math.floor(int(said[:-1]) * replicas / 100) if said.endswith("%") else int(said)
    except ValueError:
        return 0


def _autoscalers(cluster: Cluster, place: Place) -> tuple[list[str], dict[str, tuple[str, Any]]]:
    """More than one at the Deployment; and of each: what it scales and by what it counts pods."""
    selectors = {doc["metadata"]["name"]: doc["spec"].get("selector") for doc in cluster.list("Deployment")}
    found: dict[str, tuple[str, Any]] = {}
    for hpa in cluster.list(_HPA):
        target = (hpa.get("spec") or {}).get("scaleTargetRef") or {}
        if target.get("kind") == "Deployment" and target.get("name") in selectors:
            found[hpa["metadata"]["name"]] = (target["name"], selectors[target["name"]])
    mine = sorted(name for name, (target, _) in found.items() if target == place.deployment)
    if len(mine) < 2:
        return [], found
    return [f"{len(mine)} autoscalers scale {place.deployment} ({', '.join(mine)}), so that none does: keep one"], found


def _limits(hpa: Doc) -> list[str]:
    """Where the autoscaler stands at its end, or does not work."""
    name, spec, status = hpa["metadata"]["name"], hpa["spec"], hpa.get("status") or {}
    warnings = []
    now, most = int(status.get("currentReplicas") or 0), int(spec.get("maxReplicas") or 0)
    if now and now >= most:
        warnings.append(
            f"the autoscaler {name} is at its most ({most} pods): stable has nothing left to grow; raise maxReplicas"
        )
    for condition in status.get("conditions") or ():
        if condition.get("type") == "ScalingActive" and condition.get("status") == "False":
            said = one_line(str(condition.get("reason")), 60)
            warnings.append(f"the autoscaler {name} does not scale at present ({said}): stable does not grow with load")
    return warnings


def _names_taken(cluster: Cluster, place: Place, *, mode: str) -> list[str]:
    """Objects of others where ours will stand."""
    names = workload.names_of(place)
    wanted = [("Deployment", names.canary), ("PodDisruptionBudget", names.canary)]
    wanted += [("Service", names.to_canary), ("Service", names.to_stable), ("ConfigMap", names.journal)]
    if mode == "splitter":
        wanted += [("Deployment", names.splitter), ("ConfigMap", names.splitter)]
    found = []
    for kind, name in wanted:
        doc = cluster.get(kind, name)
        if doc is not None and not _ours(doc):
            found.append(
                f"there is a {kind} {name} that agentops did not make, where its own would stand: rename that one"
            )
    return found


def _ours(doc: Doc) -> bool:
    return bool((doc["metadata"].get("labels") or {}).get(MINE) == MANAGER)
