"""Role, ServiceAccount and RoleBinding of the runner, and of the watchdog, from the table of rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from agentops.contracts import Doc
from agentops.drivers.kubectl import KINDS
from agentops.errors import UsageError
from agentops.model.rollout import MANAGER
from agentops.model.rollout_settings import Place
from agentops.rollout.delegate import Owner
from agentops.rollout.hands import MINE
from agentops.rollout.rights import Need, Rule, rules, watchdog_rules
from agentops.rollout.workload import names_of

__all__ = ["RUNNER", "Need", "Subject", "as_yaml", "needs", "role", "watchdog_needs"]

RUNNER = "agentops-runner"
"""The ServiceAccount of the runner, unless told otherwise."""

_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is given the rights. `kind` is ServiceAccount, User or Group, the latter two as the API server's OIDC issuer
    or cloud calls them."""

    kind: str = "ServiceAccount"
    name: str = RUNNER


def needs(
    place: Place, mode: str, *, hpa: str | None = None, route: str | None = None, owner: Owner | None = None
) -> tuple[Need, ...]:
    """Every single right of the runner, for preflight to ask for. Raises UsageError."""
    return _single(rules(place, mode, hpa=hpa, route=route, owner=owner))


def watchdog_needs(
    place: Place, mode: str, *, hpa: str | None = None, route: str | None = None, owner: Owner | None = None
) -> tuple[Need, ...]:
    """Every single right of the watchdog. Raises UsageError."""
    return _single(watchdog_rules(place, mode, hpa=hpa, route=route, owner=owner))


def role(
    place: Place,
    mode: str,
    *,
    namespace: str | None = None,
    hpa: str | None = None,
    route: str | None = None,
    owner: Owner | None = None,
    runner: Subject = Subject(),
    watchdog: bool = True,
) -> tuple[Doc, ...]:
    """ServiceAccount, Role and RoleBinding of the runner; with `watchdog` also the watchdog's own, smaller.

    A runner that is a User or a Group has no ServiceAccount. Raises UsageError.
    """
    home = namespace or place.namespace or "default"
    names = names_of(place)
    made = _identity(names.journal, runner, rules(place, mode, hpa=hpa, route=route, owner=owner), home=home)
    if watchdog:
        own = Subject(name=place.watchdog.service_account)
        if own == runner:
            raise UsageError(
                f"runner and watchdog would both be the ServiceAccount {own.name}",
                hint="give one of them another name: the watchdog needs less",
            )
        made += _identity(
            names.watchdog, own, watchdog_rules(place, mode, hpa=hpa, route=route, owner=owner), home=home
        )
    return tuple(made)


def as_yaml(docs: Iterable[Doc]) -> str:
    """The objects as a stream that `kubectl apply -f -` reads."""
    import yaml

    return yaml.safe_dump_all(
        [dict(doc) for doc in docs], sort_keys=False, explicit_start=True, width=120, default_flow_style=None
    )


def _single(found: Iterable[Rule]) -> tuple[Need, ...]:
    return tuple(
        dict.fromkeys(
            Need(verb, rule.kind, name, rule.subresource, rule.namespace)
            for rule in found
            for verb in rule.verbs
            for name in rule.names or ("",)
        )
    )


def _identity(name: str, subject: Subject, found: Iterable[Rule], *, home: str) -> list[Doc]:
    """ServiceAccount, Roles and RoleBindings: a Role in each namespace that the rules name."""
    made: list[Doc] = []
    if subject.kind == "ServiceAccount":
        made.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(subject.name, home)})
    homes: dict[str, list[Rule]] = {}
    for rule in found:
        homes.setdefault(rule.namespace or home, []).append(replace(rule, namespace=""))
    who: dict[str, Any] = {"kind": subject.kind, "name": subject.name}
    who |= {"namespace": home} if subject.kind == "ServiceAccount" else {"apiGroup": _RBAC}
    for where, its in homes.items():
        # In a namespace of others the name says whose Role it is.
        called = name if where == home else f"{home}-{name}"
        meta = _meta(called, where)
        made += [
            {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": meta, "rules": list(_merged(its))},
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": dict(meta),
                "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": called},
                "subjects": [who],
            },
        ]
    return made


def _meta(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": {MINE: MANAGER}}


def _merged(found: Iterable[Rule]) -> Iterator[dict[str, Any]]:
    """The rules as Kubernetes writes them, those with the same verbs and names in one."""
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for rule in found:
        version, plural = KINDS[rule.kind]
        resource = f"{plural}/{rule.subresource}" if rule.subresource else plural
        key = (version.rpartition("/")[0], rule.verbs, rule.names)
        kept = groups.setdefault(key, [])
        if resource not in kept:
            kept.append(resource)
    for (group, verbs, names), resources in groups.items():
        rule_doc: dict[str, Any] = {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
        yield {**rule_doc, "resourceNames": list(names)} if names else rule_doc
