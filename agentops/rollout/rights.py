"""The rights that a rollout needs, as one table: the Role that is printed and what preflight asks for come from it.

Rights are limited to names wherever Kubernetes can: not for `create`, whose name the API server does not know when it
decides, and not for `list`. (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources)
There is none to secrets, to exec, to delete, and none beyond the namespace.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentops.drivers.kubectl import KINDS
from agentops.errors import UsageError
from agentops.model.rollout_settings import MODES, Place
from agentops.rollout.delegate import Owner
from agentops.rollout.workload import names_of


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done with a kind of object, and why. No `names` is every name."""

    kind: str
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()
    subresource: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """One right: what `kubectl auth can-i` is asked. `name` "" is every name; `namespace` "" is the rollout's own."""

    verb: str
    kind: str
    name: str = ""
    subresource: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        plural = KINDS[self.kind][1] + (f"/{self.subresource}" if self.subresource else "")
        return f"{self.verb} {plural}" + (f" {self.name}" if self.name else "")


def rules(
    place: Place, mode: str, *, hpa: str | None = None, route: str | None = None, owner: Owner | None = None
) -> tuple[Rule, ...]:
    """What the runner does in the mode in force. `hpa` is the name of stable's autoscaler, that of the Deployment where
    it is not known; `route` the route that was chosen where the configuration names none; `owner` the Rollout or
    Canary that the mode delegate sets the image of. Raises UsageError for a mode that is not settled yet."""
    _settled(mode)
    names = names_of(place)
    found = [*_records(place), *_found(), *_looks(place)]
    if mode == "delegate":
        return (*found, *_delegated(place, owner))
    ours = _ours(place, mode)
    services = (names.to_canary, names.to_stable)
    found += [
        Rule("Deployment", ("get", "patch"), "mark stable as taken, change its image at the end", (names.app,)),
        Rule("Deployment", ("get", "patch", "update"), "lay out, scale and drain our own pods", ours),
        Rule("Deployment", ("create",), "make them"),
        Rule("Service", ("get", "patch"), "lead the way in, and back", (names.entry,)),
        Rule("Service", ("get", "patch", "update"), "the ways to one version alone", services),
        Rule("Service", ("create",), "make them"),
        Rule("HorizontalPodAutoscaler", ("get", "patch"), "hold the floor while traffic leaves", (hpa or names.app,)),
        Rule("PodDisruptionBudget", ("get", "patch", "update"), "budgets of our own pods", ours),
        Rule("PodDisruptionBudget", ("create",), "make them"),
        Rule("Pod", ("create",), "put evals and probes to single pods", subresource="portforward"),
        *_route(place, mode, route=route),
    ]
    if mode == "splitter":
        found.append(Rule("ConfigMap", ("get", "update", "patch"), "the weights", (names.splitter,)))
    if place.shadow.mode != "off":
        found += _shadow(place)
    if place.watchdog.image is not None:
        found.append(Rule("Job", ("create", "get"), "the watchdog, of which each rollout has one of its own name"))
    return tuple(found)


def watchdog_rules(
    place: Place, mode: str, *, hpa: str | None = None, route: str | None = None, owner: Owner | None = None
) -> tuple[Rule, ...]:
    """What the watchdog does: take over, bring traffic back. It makes nothing that could start a pod. Raises
    UsageError."""
    _settled(mode)
    names = names_of(place)
    found = [*_records(place), *_found(), Rule("Pod", ("get", "list"), "see what serves")]
    if mode == "delegate":
        return (*found, *_delegated(place, owner))
    ours = _ours(place, mode)
    found += [
        Rule("Deployment", ("get", "patch"), "put back stable, drain the canary", (names.app, *ours)),
        Rule("Service", ("get", "patch"), "lead everything to stable", (names.entry,)),
        Rule(
            "Service", ("get", "patch", "update"), "the ways to one version alone", (names.to_canary, names.to_stable)
        ),
        Rule("HorizontalPodAutoscaler", ("get", "patch"), "put back the floor", (hpa or names.app,)),
        Rule("PodDisruptionBudget", ("get", "patch"), "take over budgets of our own pods", ours),
        Rule("EndpointSlice", ("list",), "see where a Service leads"),
        *_route(place, mode, route=route),
    ]
    if mode == "splitter":
        found.append(Rule("ConfigMap", ("get", "update", "patch"), "the weights", (names.splitter,)))
        found.append(Rule("Pod", ("create",), "ask the splitter where it leads", subresource="portforward"))
    if place.shadow.mode != "off":
        found.append(Rule("NetworkPolicy", ("get", "patch"), "take over that of the shadow pods", (_fence(place),)))
        found.append(Rule("Job", ("get", "patch"), "take over those that tried the way out; their names change"))
    return tuple(found)


def _ours(place: Place, mode: str) -> tuple[str, ...]:
    """The Deployments, and the budgets of their pods, that a rollout makes."""
    names = names_of(place)
    return (names.canary, *((names.splitter,) if mode == "splitter" else ()))


def _fence(place: Place) -> str:
    """The NetworkPolicy of pods in shadow mode."""
    return f"{place.deployment}-shadow"


def _settled(mode: str) -> None:
    if mode == "auto" or mode not in MODES:
        raise UsageError(
            f"the rights depend on how traffic is led, and {mode!r} does not say how",
            hint=f"name one of {', '.join(MODES[1:])} (rollout.traffic)",
        )


def _records(place: Place) -> list[Rule]:
    """Journal and lock; the same for the runner and the watchdog."""
    journal = names_of(place).journal
    return [
        Rule("ConfigMap", ("get", "update", "patch"), "the journal", (journal,)),
        Rule("ConfigMap", ("create",), "the first journal, or one that was lost"),
        Rule("Lease", ("get", "update"), "the lock", (journal,)),
        Rule("Lease", ("create",), "the first lock"),
        Rule("Event", ("create",), "tell what happened where operators look"),
    ]


def _found() -> list[Rule]:
    """What is found by looking, for its name is not known: autoscalers, routes, and what another controller owns."""
    return [
        Rule(kind, ("list",), "find what belongs to the workload")
        for kind in ("HorizontalPodAutoscaler", "HTTPRoute", "VirtualService", "Rollout", "Canary")
    ]  # fmt: skip


def _looks(place: Place) -> list[Rule]:
    """What is only looked at."""
    found = [
        Rule("Pod", ("get", "list"), "readiness, restarts, what image runs"),
        Rule("PodMetrics", ("list",), "the slope of memory"),
        Rule("EndpointSlice", ("list",), "where a Service leads"),
        Rule("ResourceQuota", ("list",), "whether there is room"),
        Rule("Deployment", ("list",), "whose selector would match the canary's pods"),
        Rule("PodDisruptionBudget", ("list",), "which budget counts stable's pods"),
        Rule("NetworkPolicy", ("list",), "what would cut the canary off"),
    ]
    service = place.analysis.prometheus.service if place.analysis.prometheus else None
    if service:
        home, _, at = service.rpartition("/")
        asked = (at, f"http:{at}")
        found.append(Rule("Service", ("get",), "ask Prometheus", asked, subresource="proxy", namespace=home))
    return found


def _route(place: Place, mode: str, *, route: str | None) -> list[Rule]:
    kind = {"gateway-api": "HTTPRoute", "istio": "VirtualService"}.get(mode)
    if kind is None:
        return []
    found = [Rule(kind, ("get", "patch"), "the weights", (place.route or route or place.entry,))]
    if mode == "gateway-api":
        found.append(Rule("Gateway", ("get",), "whether it serves what the route says"))
    return found


def _shadow(place: Place) -> list[Rule]:
    found = [
        Rule("NetworkPolicy", ("get", "patch", "update"), "close the way out of shadow pods", (_fence(place),)),
        Rule("NetworkPolicy", ("create",), "make it"),
        Rule("Job", ("create", "get", "patch"), "try whether it is closed; their names change"),
    ]
    if place.shadow.blocked:
        blocked = place.shadow.blocked.partition(":")[0]
        found.append(Rule("Service", ("get",), "what shadow pods must not reach", (blocked,)))
    return found


def _delegated(place: Place, owner: Owner | None) -> list[Rule]:
    """Argo Rollouts or Flagger do the work: the image is set, their state is read, and they are told to abort."""
    app = place.deployment
    found = [
        Rule("Deployment", ("get", "patch"), "set the image that Flagger, or a Rollout by reference, takes", (app,)),
        Rule("Deployment", ("get",), "what Flagger's primary runs", (f"{app}-primary",)),
        Rule("Service", ("get",), "the way in", (place.entry,)),
    ]
    if owner is None or owner.kind == "Rollout":
        name = owner.name if owner else app
        found.append(Rule("Rollout", ("get", "patch"), "mark it as taken, set the image", (name,)))
        found.append(Rule("Rollout", ("patch",), "abort", (name,), subresource="status"))
    if owner is None or owner.kind == "Canary":
        name = owner.name if owner else app
        found.append(Rule("Canary", ("get", "patch"), "mark it as taken, abort", (name,)))
    return found
