"""Who else has a hand in the workload, and would undo what a rollout changes."""

from __future__ import annotations

from agentops.contracts import Doc
from agentops.model.rollout_settings import Place
from agentops.rollout.delegate import Owner
from agentops.rollout.traffic.choose import gitops
from agentops.rollout.workload import Workload
from agentops.text import one_line


def owners(place: Place, work: Workload, *, owner: Owner | None) -> tuple[list[str], list[str]]:
    """Problems and warnings for a rollout of our own. `owner` is the Rollout or Canary, if there is one."""
    problems = _owned(work.deployment)
    if owner is not None:
        problems.append(
            f"the {owner.told} owns the Deployment {place.deployment} and would undo a rollout: "
            "set rollout.traffic: delegate"
        )
    warnings = applied(work)
    if work.hpa is not None:
        warnings += _keda(work.hpa)
    return problems, warnings


def _owned(deployment: Doc) -> list[str]:
    """An operator that made the Deployment makes it again as it was."""
    return [
        f"the {one_line(str(owner.get('kind')), 60)} {one_line(str(owner.get('name')), 80)} controls the Deployment "
        f"{deployment['metadata']['name']} and would put its image back: change the image there"
        for owner in deployment["metadata"].get("ownerReferences") or ()
        if owner.get("controller")
    ]


def applied(work: Workload) -> list[str]:
    """What a GitOps tool would put back while a rollout is under way, with the rule that keeps it from doing so."""
    told = []
    containers = work.deployment["spec"]["template"]["spec"]["containers"]
    at = next(i for i, container in enumerate(containers) if container["name"] == work.container)
    fields = (
        (work.deployment, "Deployment", "apps", "image", f"/spec/template/spec/containers/{at}/image"),
        (work.service, "Service", '""', "selector", "/spec/selector"),
    )
    for doc, kind, group, field, path in fields:
        tool, name = gitops(doc), doc["metadata"]["name"]
        if tool == "Argo CD":
            told.append(
                f"Argo CD applies {kind} {name} and may put its {field} back: give its Application ignoreDifferences: "
                f"[{{group: {group}, kind: {kind}, name: {name}, jsonPointers: [{path}]}}] and "
                "syncOptions: [RespectIgnoreDifferences=true]"
            )
        elif tool:
            told.append(
                f"{tool} applies {kind} {name} and may put its {field} back: for the rollout, annotate it with "
                "kustomize.toolkit.fluxcd.io/reconcile: disabled, or with Helm set driftDetection.ignore: "
                f"[{{paths: [{path}], target: {{kind: {kind}, name: {name}}}}}]"
            )
        if tool and kind == "Deployment":
            told.append(
                f"write the new digest into the repository of {tool} afterwards: else it brings the old one back"
            )
    return told


def _keda(hpa: Doc) -> list[str]:
    marks = hpa["metadata"].get("labels") or {}
    if marks.get("app.kubernetes.io/managed-by") != "keda-operator":
        return []
    return [
        f"KEDA writes the HorizontalPodAutoscaler {hpa['metadata']['name']} and may undo the floor of the rollout: set "
        "minReplicaCount of its ScaledObject to the present number of pods meanwhile"
    ]
