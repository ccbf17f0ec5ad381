"""Traffic by the Gateway API: the weights of an HTTPRoute's backends, and RequestMirror.

Each rule that leads to the way in leads to `-stable` and `-canary` instead, with the weights between them. A sample
counts once every parent accepted the route as it is now and, where somebody can ask it, the data plane answered a
tagged request for exactly this split. (https://gateway-api.sigs.k8s.io/api-types/httproute/)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError, UsageError
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import Hands
from agentops.rollout.names import Names
from agentops.rollout.traffic import probe as probes
from agentops.rollout.traffic.routes import WHOLE, Routed, Rule, Split, shared
from agentops.text import said

_MAX_RULES = 16  # of one HTTPRoute, by its schema
_MIRROR = {"HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"}
_MIRRORS = "HTTPRouteRequestMultipleMirrors"


def leads_to(doc: Mapping[str, Any], place: Place, namespace: str) -> bool:
    """Whether an HTTPRoute leads to the way in, or to the versions behind it."""
    names = Names(place.deployment, place.entry)
    wanted = (names.entry, names.to_stable, names.to_canary)
    rules = (doc.get("spec") or {}).get("rules") or ()
    refs = (ref for rule in rules if not probes.mine(rule) for ref in rule.get("backendRefs") or ())
    return any(_is(ref, wanted, namespace) and _used(ref, names) for ref in refs)


def unready(cluster: Cluster, name: str) -> str:
    """Why an HTTPRoute cannot be used: a parent did not take it, or a Gateway of its parents is not programmed; ""
    where it can. A Gateway that the credentials must not read is judged by the route's status alone."""
    doc = cluster.get("HTTPRoute", name)
    if doc is None:
        return f"HTTPRoute {name} is not there"
    if waiting := accepted(doc):
        return f"HTTPRoute {name} waits for {waiting}"
    for gateway in gateways(cluster, doc):
        if not any(c["status"] == "True" for c in _conditions(gateway.get("status") or {}, "Programmed")):
            return f"Gateway {gateway['metadata']['name']} is not programmed"
    return ""


def accepted(doc: Doc) -> str:
    """What is awaited until every parent of an HTTPRoute took it as it is now: Accepted and ResolvedRefs, both of the
    present generation; "" once they did."""
    name, generation = doc["metadata"]["name"], int(doc["metadata"].get("generation") or 0)
    parents = (doc.get("spec") or {}).get("parentRefs") or ()
    if not parents:
        return f"a Gateway for HTTPRoute {name}: it has no parent"
    told = (doc.get("status") or {}).get("parents") or ()
    for parent in parents:
        who = f"Gateway {said(str(parent.get('name')), 80)}"
        states = [one for one in told if _same_parent(one.get("parentRef") or {}, parent)]
        for kind in ("Accepted", "ResolvedRefs"):
            found = [c for state in states for c in _conditions(state, kind)]
            if not any(int(c.get("observedGeneration") or 0) >= generation for c in found):
                return f"{who} to look at HTTPRoute {name}"
            for bad in (c for c in found if c.get("status") != "True"):
                reason = said(f"{bad.get('reason', '')}: {bad.get('message', '')}", 200)
                return f"{who} to take HTTPRoute {name} ({kind} is {said(str(bad.get('status')), 20)}, {reason})"
    return ""


def gateways(cluster: Cluster, doc: Doc) -> tuple[Doc, ...]:
    """The Gateways that are an HTTPRoute's parents, those that the credentials may read. Raises ApiDown."""
    found = []
    for parent in (doc.get("spec") or {}).get("parentRefs") or ():
        if parent.get("kind", "Gateway") == "Gateway":
            gateway = _allowed(cluster, "Gateway", parent["name"], namespace=parent.get("namespace"))
            found += [gateway] if gateway is not None else []
    return tuple(found)


class GatewayApi(Routed):
    """Leads traffic by an HTTPRoute. Without a `probe` the route's status is all that is observed; `unobserved` says
    why, and so it does once the data plane turns out not to be in reach."""

    kind, field = "HTTPRoute", "rules"

    def __init__(self, hands: Hands, place: Place, *, route: str, probe: probes.Probe | None = None) -> None:
        super().__init__(hands, place, route=route)
        self._probe = probe
        self._seen = ""
        self.unobserved = "" if probe else "only the status of the HTTPRoute is observed, not the data plane"

    @property
    def can_mirror(self) -> bool:
        """See contracts.TrafficRouter. To copy a share is an extended feature. A GatewayClass that tells its features
        must name it; where it tells none, or must not be read, it is tried: the route is refused then, or no copy
        arrives, and what the canary was not shown settles nothing."""
        return self._can_mirror

    @cached_property
    def _can_mirror(self) -> bool:
        doc = self._hands.cluster.get(self.kind, self._route)
        if doc is None:
            return False
        filters = [f for rule in self._rules(doc) for f in rule.get("filters") or () if f["type"] == "RequestMirror"]
        needed = _MIRROR | ({_MIRRORS} if any(not self._own_copy(f) for f in filters) else set())
        told = [_features(self._hands.cluster, one) for one in gateways(self._hands.cluster, doc)]
        return all(not features or needed <= features for features in told)

    @property
    def by_session(self) -> bool:
        """See contracts.TrafficRouter. Only where each rule has the session persistence of the Gateway API."""
        doc = self._hands.cluster.get(self.kind, self._route)
        rules = [r for r in self._rules(doc) if self.leads(r, self._names.entry, *self._own)] if doc else []
        return bool(rules) and all(rule.get("sessionPersistence") for rule in rules)

    def leads(self, rule: Mapping[str, Any], *names: str) -> bool:
        """See Routed."""
        refs = () if probes.mine(rule) else rule.get("backendRefs") or ()
        return any(self._is(ref, *names) and _used(ref, self._names) for ref in refs)

    def led(self, rule: Mapping[str, Any], split: Split) -> Rule:
        """See Routed. Backends of others keep their proportion to both of ours."""
        refs: list[dict[str, Any]] = [dict(ref) for ref in rule.get("backendRefs") or ()]
        mine = [ref for ref in refs if self._is(ref, self._names.entry, *self._own)]
        if not mine:
            return self._copying(dict(rule), {}, Split(0))
        others = [ref for ref in refs if ref not in mine]
        total, at = sum(map(_weight, mine)), refs.index(mine[0])
        if any(self._is(ref, self._names.entry) for ref in mine):
            total *= WHOLE
            others = [{**ref, "weight": _weight(ref) * WHOLE} for ref in others]
        both = zip(self._own, shared(total, split.weight), strict=True)
        ours = [{**mine[0], "name": name, "weight": weight} for name, weight in both]
        return self._copying({**rule, "backendRefs": [*others[:at], *ours, *others[at:]]}, mine[0], split)

    def back(self, rule: Mapping[str, Any], kept: Sequence[Rule]) -> Rule:
        """See Routed. A backend of others that has the weight which we gave it gets the one that it had."""
        done = self._copying(dict(rule), {}, Split(0))
        refs = [dict(ref) for ref in rule.get("backendRefs") or ()]
        mine = [ref for ref in refs if self._is(ref, *self._own)]
        if not mine or probes.mine(rule):
            return done
        before = next((one for one in kept if one.get("matches") == rule.get("matches")), {})
        was = {ref["name"]: ref for ref in before.get("backendRefs") or ()}
        scaled = {ref["name"]: {**ref, "weight": max(_weight(ref) // WHOLE, 1 if _weight(ref) else 0)} for ref in refs}
        total = sum(map(_weight, mine))
        entry = was.get(self._names.entry, {**mine[0], "name": self._names.entry, "weight": max(total // WHOLE, 1)})
        others = [
            was[ref["name"]]
            if ref["name"] in was and _weight(was[ref["name"]]) * WHOLE == _weight(ref)
            else scaled[ref["name"]]
            for ref in refs
            if ref not in mine
        ]
        at = refs.index(mine[0])
        return {**done, "backendRefs": [*others[:at], dict(entry), *others[at:]]}

    def told(self, rule: Mapping[str, Any]) -> str:
        """See Routed."""
        refs = rule.get("backendRefs") or ()
        whole = sum(map(_weight, refs)) or 1
        copies = " and copies to it" if self._copies(rule) else ""
        return ", ".join(f"{_weight(r) * 100 / whole:.0f} % to {said(str(r.get('name')), 63)}" for r in refs) + copies

    def is_tagged(self, rule: Mapping[str, Any]) -> bool:
        """See Routed."""
        return probes.mine(rule)

    def tagged(self, doc: Doc, split: Split) -> tuple[Rule, ...]:
        """See Routed."""
        rules = [rule for rule in self._rules(doc) if not probes.mine(rule)]
        if self.unobserved or len(rules) + probes.RULES > _MAX_RULES:
            return ()
        names = (self._names.entry, *self._own)
        ports = [ref["port"] for r in rules for ref in r.get("backendRefs") or () if self._is(ref, *names)]
        backends = dict.fromkeys(self._own, int(ports[0])) if ports else {}
        return probes.rules(self._stamp(doc, split), backends=backends, path=self._ready_path)

    def observed(self, doc: Doc, split: Split, /) -> str:
        """See Routed. The data plane is asked once a generation of the route."""
        waiting = accepted(doc)
        laid = [rule for rule in self._rules(doc) if probes.mine(rule)]
        seen = f"{doc['metadata'].get('uid')} {doc['metadata'].get('generation')}"
        if waiting or not laid or self._probe is None or seen == self._seen or self.unobserved:
            return waiting
        host = next(iter((doc["spec"].get("hostnames")) or ()), "").replace("*", "probe")
        names = [name for name, used in zip(self._own, (split.weight < WHOLE, split.weight > 0), strict=True) if used]
        asked = gateways(self._hands.cluster, doc)
        try:
            if not asked:
                raise probes.Unasked("no Gateway of the HTTPRoute may be read: only its status is observed")
            for gateway in asked:
                if waiting := probes.ask(self._probe, gateway, host=host, laid=laid, names=names):
                    return waiting
        except probes.Unasked as error:
            self.unobserved = error.message
        except ApiDown as error:
            return error.message
        self._seen = seen
        return ""

    def warnings(self) -> tuple[str, ...]:
        """See Routed."""
        return (*super().warnings(), *((self.unobserved,) if self.unobserved else ()))

    def _copies(self, rule: Mapping[str, Any]) -> bool:
        return any(self._own_copy(f) for f in rule.get("filters") or ())

    def _own_copy(self, one: Mapping[str, Any]) -> bool:
        return self._is((one.get("requestMirror") or {}).get("backendRef") or {}, self._names.to_canary)

    def _copying(self, rule: Rule, ref: Mapping[str, Any], split: Split) -> Rule:
        """The rule with our copies of so many percent, without them where it is 0."""
        filters = [f for f in rule.get("filters") or () if not self._own_copy(f)]
        if split.mirror:
            share: dict[str, Any] = {"percent": int(split.mirror)}
            if split.mirror != int(split.mirror):
                share = {"fraction": {"numerator": round(split.mirror * 100), "denominator": 10_000}}
            port = {"port": ref["port"]} if "port" in ref else {}
            to = {"group": "", "kind": "Service", "name": self._names.to_canary, **port}
            filters.append({"type": "RequestMirror", "requestMirror": {"backendRef": to, **share}})
        done = {key: value for key, value in rule.items() if key != "filters"}
        return {**done, "filters": filters} if filters else done

    def _is(self, ref: Mapping[str, Any], *names: str) -> bool:
        return _is(ref, names, self._hands.cluster.namespace)

    @cached_property
    def _ready_path(self) -> str:
        """Where the agent's pods tell that they are ready, "" where they do not by HTTP."""
        try:
            work = workload.read(self._hands.cluster, self._place)
        except ApiDown:
            raise
        except (ClusterError, UsageError):
            # Whoever only brings traffic back may read less, and must not fail for a path.
            return ""
        probe = workload.container_of(work.deployment, work.container).get("readinessProbe") or {}
        path = str((probe.get("httpGet") or {}).get("path") or "")
        return path.partition("?")[0] if path.startswith("/") else ""

    def _stamp(self, doc: Doc, split: Split) -> str:
        return probes.stamp(self._hands.state.id, doc["metadata"].get("uid"), split.weight, f"{split.mirror:g}")


def _is(ref: Mapping[str, Any], names: Sequence[str], namespace: str) -> bool:
    """Whether a reference is to one of these Services of the namespace."""
    kind = (ref.get("group") or "", ref.get("kind") or "Service")
    return kind == ("", "Service") and ref.get("name") in names and (ref.get("namespace") or namespace) == namespace


def _weight(ref: Mapping[str, Any]) -> int:
    return int(ref.get("weight", 1))


def _used(ref: Mapping[str, Any], names: Names) -> bool:
    """Whether a reference counts: one to the way in with weight 0 was set aside by the team."""
    return ref.get("name") != names.entry or _weight(ref) > 0


def _conditions(state: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [c for c in state.get("conditions") or () if c.get("type") == kind]


def _same_parent(told: Mapping[str, Any], parent: Mapping[str, Any]) -> bool:
    same = all(told.get(key) == parent.get(key) for key in ("name", "sectionName", "port"))
    kinds = {one.get("kind", "Gateway") for one in (told, parent)}
    return same and len(kinds) == 1 and parent.get("namespace") in (None, told.get("namespace"))


def _features(cluster: Cluster, gateway: Doc) -> set[str]:
    """What a Gateway's class claims to do. Nothing where the credentials must not read it."""
    found = _allowed(cluster, "GatewayClass", gateway["spec"]["gatewayClassName"])
    told = ((found or {}).get("status") or {}).get("supportedFeatures") or ()
    # Objects with a name since v1.3, plain names before.
    return {str(one.get("name")) if isinstance(one, Mapping) else str(one) for one in told}


def _allowed(cluster: Cluster, kind: str, name: str, *, namespace: str | None = None) -> Doc | None:
    try:
        return cluster.get(kind, name, namespace=namespace)
    except ApiDown:
        raise
    except ClusterError:
        return None
