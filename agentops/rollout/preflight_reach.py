"""Whether network policies would cut off the pods that a rollout adds.

They have labels of their own, so that a policy written for stable's pods may not let them through.
(https://kubernetes.io/docs/concepts/services-networking/network-policies/)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.model.rollout import MANAGER, TRACK
from agentops.rollout.hands import MINE
from agentops.rollout.selectors import matches, told
from agentops.rollout.workload import APP, Workload

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_WAYS = {"Ingress": ("ingress", "from", "reached"), "Egress": ("egress", "to", "let out")}

Labels = Mapping[str, str]


def reach(cluster: Cluster, work: Workload, *, canary: Labels | None, splitter: bool) -> list[str]:
    """What would not get through, one line a policy. `canary` are the labels of the canary's pods, where there can be
    any; with `splitter` the pods of our own splitter stand before both versions."""
    policies = [p for p in cluster.list("NetworkPolicy") if not _ours(p)]
    home = cluster.namespace
    found: list[str] = []
    if canary is not None:
        found += _like_stable(policies, work.pod_labels, canary, "the canary's", home=home)
    if splitter:
        labels = {TRACK: "splitter", APP: str(work.deployment["metadata"]["name"])}
        found += _opened(policies, labels)
        found += _named(policies, work.pod_labels, labels, "the splitter's", home=home, ways=("Egress",))
        found += _let_in(policies, work.pod_labels, labels, home=home)
    return list(dict.fromkeys(found))


def _ours(policy: Doc) -> bool:
    return bool((policy["metadata"].get("labels") or {}).get(MINE) == MANAGER)


def _like_stable(policies: Sequence[Doc], stable: Labels, new: Labels, whose: str, *, home: str) -> list[str]:
    """Where pods would get less than stable's."""
    found = []
    for way, (_, _, gets) in _WAYS.items():
        closing = next((p for p in _selecting(policies, new, way)), None)
        for policy in _selecting(policies, stable, way):
            if closing is not None and not matches(policy["spec"].get("podSelector"), new):
                found.append(
                    f"by the NetworkPolicy {_name(policy)} stable's pods are {gets}, {whose} are not, and "
                    f"{_name(closing)} closes them: let its podSelector match {told(new)}"
                )
    return found + _named(policies, stable, new, whose, home=home, ways=tuple(_WAYS))


def _named(
    policies: Sequence[Doc], stable: Labels, new: Labels, whose: str, *, home: str, ways: Iterable[str]
) -> list[str]:
    """Policies of other pods that let stable's through by their labels, and not the new ones."""
    found = []
    for way in ways:
        rules_key, peers_key, _ = _WAYS[way]
        for policy in policies:
            rules = policy["spec"].get(rules_key) or () if way in _types(policy) else ()
            named = any(_by_label(rule.get(peers_key) or (), stable, home=home) for rule in rules)
            if named and not any(_admits(rule.get(peers_key), new, home=home) for rule in rules):
                found.append(
                    f"the NetworkPolicy {_name(policy)} lets stable's pods through by their labels, and not {whose}: "
                    f"add {told(new)} to `{peers_key}`"
                )
    return found


def _opened(policies: Sequence[Doc], labels: Labels) -> list[str]:
    """Ways of the splitter that are closed and that nothing opens."""
    found = []
    for way, (rules_key, _, gets) in _WAYS.items():
        closing = list(_selecting(policies, labels, way))
        if closing and not any(policy["spec"].get(rules_key) for policy in closing):
            found.append(
                f"by the NetworkPolicy {_name(closing[0])} the splitter's pods are not {gets} at all: add a policy "
                f"that opens {way.lower()} for {told(labels)}"
            )
    return found


def _let_in(policies: Sequence[Doc], stable: Labels, labels: Labels, *, home: str) -> list[str]:
    """Whether the splitter may come in to stable's pods."""
    closing = list(_selecting(policies, stable, "Ingress"))
    rules = [rule for policy in closing for rule in policy["spec"].get("ingress") or ()]
    if not closing or any(_admits(rule.get("from"), labels, home=home) for rule in rules):
        return []
    return [
        f"the NetworkPolicy {_name(closing[0])} does not let the splitter's pods in to stable's: add {told(labels)} to "
        "`from`"
    ]


def _selecting(policies: Iterable[Doc], labels: Labels, way: str) -> Iterable[Doc]:
    return (p for p in policies if way in _types(p) and matches(p["spec"].get("podSelector"), labels))


def _types(policy: Doc) -> Sequence[str]:
    """In which directions it holds; where it does not say so, by what is in it."""
    spec = policy["spec"]
    stated: Sequence[str] | None = spec.get("policyTypes")
    return stated or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _admits(peers: Sequence[Mapping[str, Any]] | None, labels: Labels, *, home: str) -> bool:
    """Whether one of the peers may be such a pod of our namespace. Address blocks may hold it, for all we know."""
    if not peers:
        return True
    return any("ipBlock" in peer for peer in peers) or _by_label(peers, labels, home=home)


def _by_label(peers: Iterable[Mapping[str, Any]], labels: Labels, *, home: str) -> bool:
    return any(
        _here(peer.get("namespaceSelector"), home) and matches(peer.get("podSelector", {}), labels)
        for peer in peers
        if "ipBlock" not in peer
    )


def _here(selector: Mapping[str, Any] | None, home: str) -> bool:
    """Whether a namespaceSelector may select our namespace; of its labels we know the name alone."""
    if selector is None:
        return True
    keys = {*(selector.get("matchLabels") or {}), *(str(e.get("key")) for e in selector.get("matchExpressions") or ())}
    return not keys <= {_NAMESPACE_NAME} or matches(selector, {_NAMESPACE_NAME: home})


def _name(policy: Doc) -> str:
    return str(policy["metadata"]["name"])
