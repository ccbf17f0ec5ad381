"""Which traffic mode fits what is there, and who else has a hand in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agentops.contracts import Cluster, Doc, TrafficRouter
from agentops.errors import ApiDown, ClusterError, UsageError
from agentops.model.rollout_settings import Place
from agentops.rollout.hands import Hands

if TYPE_CHECKING:
    from agentops.rollout.delegate import Owner

IN_PROGRESS = "rollout.agentops/in-progress"
"""The label of a route as long as a rollout changes it; ignore rules of GitOps tools can select it."""

_ROUTES = {"gateway-api": ("HTTPRoute", "/spec/rules"), "istio": ("VirtualService", "/spec/http")}
"""The kind of a mode's route, and where in it the list of rules stands."""

Elsewhere = Callable[[str], AbstractContextManager[Cluster]]
"""Opens another namespace of the same cluster, to look at a Gateway's own pods."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The traffic mode, and in one line why. `owner` is who owns the workload where the mode is "delegate", `route` the
    object whose weights are changed. `warnings` are for the plan, `refusals` say why the mode cannot be used."""

    mode: str
    why: str
    owner: Owner | None = None
    route: str = ""
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def choose(cluster: Cluster, place: Place) -> Choice:
    """Look at what is there and choose; a mode that the configuration names is kept, unless somebody owns the workload:
    two controllers at one workload undo each other's work. Nothing is written. Raises ApiDown."""
    from agentops.rollout import delegate

    owner = delegate.owner_of(cluster, place)
    if owner is not None:
        return _delegated(place, owner)
    if place.traffic == "delegate":
        return Choice(
            "delegate", "rollout.traffic says so",
            refusals=(f"no Rollout of Argo and no Canary of Flagger owns the Deployment {place.deployment}",),
        )  # fmt: skip
    if place.traffic in ("replicas", "splitter"):
        missing = place.traffic == "splitter" and not place.splitter.image
        refusals = ("traffic: splitter needs rollout.splitter.image, an image of Envoy",) if missing else ()
        return Choice(place.traffic, "rollout.traffic says so", refusals=refusals)
    passed: list[str] = []
    for mode, look in (("gateway-api", _gateway_api), ("istio", _istio)):
        if place.traffic in ("auto", mode):
            found = look(cluster, place)
            if not found.refusals:
                named = place.traffic == mode
                return _watched(cluster, found, "rollout.traffic says so: " + found.why if named else found.why)
            if place.traffic == mode:
                return found
            passed += found.warnings
    if place.splitter.image:
        return Choice("splitter", "an image of Envoy is configured (rollout.splitter.image)", warnings=tuple(passed))
    why = "no route leads to the Service that could be weighted, and no image of Envoy is configured"
    return Choice("replicas", why, warnings=tuple(passed))


def router(
    mode: str, hands: Hands, place: Place, *, route: str = "", elsewhere: Elsewhere | None = None
) -> TrafficRouter:
    """The mode's TrafficRouter. `route` is the Choice's. Raises UsageError for a mode that has none."""
    if mode == "replicas":
        from agentops.rollout.traffic.replicas import Replicas

        return Replicas(hands, place)
    if mode == "splitter":
        from agentops.rollout.traffic.splitter import Splitter

        return Splitter(hands, place)
    if mode == "gateway-api":
        from agentops.rollout.traffic.gateway_api import GatewayApi
        from agentops.rollout.traffic.probe import forwarded

        probe = forwarded(hands.cluster, elsewhere)
        return GatewayApi(hands, place, route=route or place.route or place.entry, probe=probe)
    if mode == "istio":
        from agentops.rollout.traffic.istio import Istio

        return Istio(hands, place, route=route or place.route or place.entry)
    raise UsageError(
        f"there is no router for the traffic mode {mode}",
        hint="traffic: delegate leaves the traffic to Argo Rollouts or Flagger",
    )


def gitops(doc: Doc) -> str:
    """What applies the object from a repository, and may undo what we change: "Argo CD", "Flux", "" where nothing."""
    meta = doc.get("metadata") or {}
    marks = {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}
    writers = {str(entry.get("manager", "")) for entry in meta.get("managedFields") or ()}
    if any(key.startswith("argocd.argoproj.io/") for key in marks) or any(w.startswith("argocd") for w in writers):
        return "Argo CD"
    flux = any(".toolkit.fluxcd.io/" in key for key in marks)
    return "Flux" if flux or writers & {"kustomize-controller", "helm-controller"} else ""


def ignoring(doc: Doc, path: str) -> str:
    """What to tell the tool that `gitops` found, so that it leaves the field (a JSON pointer) alone while a rollout is
    under way; "" where there is none. (https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/,
    https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources)"""
    tool, kind, name = gitops(doc), doc["kind"], doc["metadata"]["name"]
    if tool == "Argo CD":
        group = str(doc.get("apiVersion", "")).partition("/")[0]
        dotted = path.replace("/", ".")
        return (
            f"Argo CD applies {kind} {name} and may undo the weights: give its Application ignoreDifferences: "
            f"[{{group: {group}, kind: {kind}, name: {name}, jqPathExpressions: "
            f'[\'select(.metadata.labels["{IN_PROGRESS}"] == "true") | {dotted}\']}}] and '
            "syncOptions: [RespectIgnoreDifferences=true]"
        )
    if tool == "Flux":
        return (
            f"Flux applies {kind} {name} and may undo the weights: for the rollout, annotate it with "
            f"kustomize.toolkit.fluxcd.io/reconcile: disabled, or with Helm set driftDetection.ignore: "
            f"[{{paths: [{path}], target: {{kind: {kind}, name: {name}}}}}]"
        )
    return ""


def _delegated(place: Place, owner: Owner) -> Choice:
    why = f"{owner.told} owns the workload"
    if place.traffic in ("auto", "delegate"):
        return Choice("delegate", why, owner=owner)
    refusal = f"traffic: {place.traffic} cannot be used: {why}, and would undo what a rollout changes"
    return Choice(place.traffic, "rollout.traffic says so", owner=owner, refusals=(refusal,))


def _gateway_api(cluster: Cluster, place: Place) -> Choice:
    from agentops.rollout.traffic import gateway_api

    choice = _by_route(cluster, place, "gateway-api", gateway_api.leads_to)
    unready = "" if choice.refusals else gateway_api.unready(cluster, choice.route)
    if unready:
        return replace(choice, refusals=(unready,), warnings=(unready,))
    return replace(choice, why=f"{choice.why} and its Gateway is programmed")


def _istio(cluster: Cluster, place: Place) -> Choice:
    from agentops.rollout.traffic import istio

    return _by_route(cluster, place, "istio", istio.leads_to)


def _by_route(
    cluster: Cluster, place: Place, mode: str, leads: Callable[[Mapping[str, Any], Place, str], bool]
) -> Choice:
    """The choice of the one route that leads to the way in, or the refusal; a warning too where there is more to it
    than that there is none."""
    kind = _ROUTES[mode][0]
    found = [doc["metadata"]["name"] for doc in _found(cluster, place, kind) if leads(doc, place, cluster.namespace)]
    if len(found) == 1:
        return Choice(mode, f"{kind} {found[0]} leads to the Service {place.entry}", route=found[0])
    if found:
        text = f"{len(found)} of kind {kind} lead to the Service {place.entry}: name one (rollout.route)"
        return Choice(mode, "", refusals=(text,), warnings=(text,))
    which = f"{kind} {place.route}" if place.route else kind
    return Choice(mode, "", refusals=(f"no {which} leads to the Service {place.entry}",))


def _found(cluster: Cluster, place: Place, kind: str) -> tuple[Doc, ...]:
    if place.route is not None:
        return _one(cluster, kind, place.route)
    try:
        return cluster.list(kind)
    except ApiDown:
        raise
    except ClusterError:
        # The Role that `rbac` prints allows no list of them: then the one that is called like the way in.
        return _one(cluster, kind, place.entry)


def _one(cluster: Cluster, kind: str, name: str) -> tuple[Doc, ...]:
    try:
        doc = cluster.get(kind, name)
    except ApiDown:
        raise
    except ClusterError:
        return ()
    return () if doc is None else (doc,)


def _watched(cluster: Cluster, choice: Choice, why: str) -> Choice:
    """The choice with what a GitOps tool would do to its route."""
    kind, path = _ROUTES[choice.mode]
    doc = cluster.get(kind, choice.route)
    told = ignoring(doc, path) if doc is not None else ""
    return Choice(choice.mode, why, route=choice.route, warnings=(told,) if told else ())
