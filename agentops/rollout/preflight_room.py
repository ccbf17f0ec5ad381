"""Whether the namespace's quotas have room for what a rollout adds.
(https://kubernetes.io/docs/concepts/policy/resource-quotas/)"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.model.rollout_settings import Place
from agentops.rollout.plan_sizes import full_size, share_of_pods
from agentops.rollout.workload import Workload
from agentops.text import one_line

_SUFFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(10**3),
    "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15), "E": Fraction(10**18),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40), "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}  # fmt: skip
_SURGE = 0.25
"""The share of stable's pods that its rolling update adds, beside the canary at full size."""

Amounts = dict[str, Fraction]


def quantity(text: object) -> Fraction:
    """A resource quantity as a number. Raises ValueError.
    (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)"""
    said = str(text).strip()
    number = said.rstrip("".join(sorted({c for suffix in _SUFFIXES for c in suffix})))
    suffix = said[len(number) :]
    if suffix in _SUFFIXES:
        return Fraction(number) * _SUFFIXES[suffix]
    return Fraction(said)  # 12e6 and the like


def room(cluster: Cluster, place: Place, work: Workload, *, mode: str) -> list[str]:
    """What does not fit, one line a quota and resource."""
    quotas = cluster.list("ResourceQuota")
    if not quotas:
        return []
    spec = _pod_spec(cluster, work)
    canary, surge, others = _added(place, work, mode=mode)
    one, told = _amounts(spec), []
    for quota in quotas:
        if not _counts(quota, spec, one):
            continue
        status = quota.get("status") or {}
        hard = status.get("hard") or (quota.get("spec") or {}).get("hard") or {}
        used = status.get("used") or {}
        for name, limit in sorted(hard.items()):
            extra = one.get(name, Fraction(0)) * (canary + surge)
            if name in ("pods", "count/pods"):
                extra = Fraction(canary + surge + others)
            left = quantity(limit) - quantity(used.get(name, 0))
            if extra > left:
                mend = "raise it" if place.low_capacity else "raise it, or set rollout.low_capacity"
                told.append(
                    f"the quota {quota['metadata']['name']} leaves {_amount(max(left, Fraction(0)))} of {name}; "
                    f"{canary} canary pods and {surge} of the commit need {_amount(extra)}: {mend}"
                )
    return [one_line(line, 300) for line in told]


def _added(place: Place, work: Workload, *, mode: str) -> tuple[int, int, int]:
    """The pods of the canary, those of stable's rolling update, and our own others, at the height of it."""
    canary = full_size(work.replicas)
    if place.low_capacity and place.canary:
        canary = share_of_pods(place.canary[-1], work.replicas)[0]
    others = (place.splitter.replicas if mode == "splitter" else 0) + (place.watchdog.image is not None)
    return canary, max(math.ceil(work.replicas * _SURGE), 1), others


def _pod_spec(cluster: Cluster, work: Workload) -> Mapping[str, Any]:
    """The spec of a pod of stable's: a LimitRange may have filled in what the template leaves open."""
    pods = cluster.list("Pod", labels=work.selector)
    spec: Mapping[str, Any] = (pods[0] if pods else work.deployment["spec"]["template"])["spec"]
    return spec


def _amounts(spec: Mapping[str, Any]) -> Amounts:
    """What a pod counts for in quotas, by their names."""
    found: Amounts = {}
    for which in ("requests", "limits"):
        for name, amount in _effective(spec, which).items():
            found[f"{which}.{name}"] = amount
            if which == "requests":
                found[name] = amount
    return found


def _effective(spec: Mapping[str, Any], which: str) -> Amounts:
    """Containers and sidecars together, or the largest init container, and the overhead."""
    inits = list(spec.get("initContainers") or ())
    sidecars = [c for c in inits if c.get("restartPolicy") == "Always"]
    total = _sum(_of(c, which) for c in [*(spec.get("containers") or ()), *sidecars])
    for init in inits:
        for name, amount in _of(init, which).items():
            total[name] = max(total.get(name, Fraction(0)), amount)
    overhead = {name: quantity(amount) for name, amount in (spec.get("overhead") or {}).items()}
    return _sum([total, overhead])


def _of(container: Doc, which: str) -> Amounts:
    resources = container.get("resources") or {}
    named = resources.get(which) or {}
    if which == "requests":
        named = {**(resources.get("limits") or {}), **named}
    return {name: quantity(amount) for name, amount in named.items()}


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, Fraction(0)) + amount
    return total


def _counts(quota: Doc, spec: Mapping[str, Any], one: Amounts) -> bool:
    """Whether the quota counts such pods. A scope that we do not know is taken to."""
    rules = quota.get("spec") or {}
    best_effort = not one
    for scope in rules.get("scopes") or ():
        if scope == "Terminating" or scope == ("NotBestEffort" if best_effort else "BestEffort"):
            return False
    mine = spec.get("priorityClassName")
    for expression in (rules.get("scopeSelector") or {}).get("matchExpressions") or ():
        if expression.get("scopeName") != "PriorityClass":
            continue
        operator, values = expression.get("operator"), expression.get("values") or ()
        holds = {
            "In": mine in values, "NotIn": mine not in values, "Exists": bool(mine), "DoesNotExist": not mine,
        }.get(str(operator), True)  # fmt: skip
        if not holds:
            return False
    return True


def _amount(value: Fraction) -> str:
    return f"{float(value):.10g}"
