"""Traffic by Istio: the weights of a VirtualService's destinations, and its mirror.

The versions are Services of their own, so that no DestinationRule takes part: one that the team has for the way in does
not hold for them. Tried against Istio's resource definitions, without its data plane.
(https://istio.io/latest/docs/reference/config/networking/virtual-service/)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentops.contracts import Doc
from agentops.model.rollout_settings import Place
from agentops.rollout.names import Names
from agentops.rollout.traffic.routes import WHOLE, Routed, Rule, Split
from agentops.text import said

_MIRROR_KEYS = ("mirror", "mirrorPercentage")
_DOMAIN = "svc.cluster.local"


def leads_to(doc: Mapping[str, Any], place: Place, namespace: str) -> bool:
    """Whether a VirtualService leads to the way in, or to the versions behind it."""
    names = Names(place.deployment, place.entry)
    wanted = (names.entry, names.to_stable, names.to_canary)
    rules = (doc.get("spec") or {}).get("http") or ()
    return any(_name(one, namespace) in wanted for rule in rules for one in rule.get("route") or ())


class Istio(Routed):
    """Leads traffic by a VirtualService. Istio writes no status of one unless it was told to, so that what its data
    plane does shows in the canary's own counts alone."""

    kind, field = "VirtualService", "http"
    unobserved = "Istio tells nothing of its data plane: only what the VirtualService says is observed"

    @property
    def can_mirror(self) -> bool:
        """See contracts.TrafficRouter. Not where the team copies requests of its own: there is room for one mirror."""
        doc = self._hands.cluster.get(self.kind, self._route)
        rules = [r for r in self._rules(doc) if self.leads(r, self._names.entry, *self._own)] if doc else []
        return bool(rules) and not any(("mirror" in r or "mirrors" in r) and not self._copies(r) for r in rules)

    @property
    def by_session(self) -> bool:
        """See contracts.TrafficRouter. Weights are drawn for each request."""
        return False

    def leads(self, rule: Mapping[str, Any], *names: str) -> bool:
        """See Routed."""
        return any(self._is(one, *names) for one in rule.get("route") or ())

    def led(self, rule: Mapping[str, Any], split: Split) -> Rule:
        """See Routed. The weights of a rule add up to 100 as they did before, which older versions of Istio insist on;
        the canary's is rounded. A rule that gives the way in 1 % is not split before all of it goes to the canary."""
        route = [dict(one) for one in rule.get("route") or ()]
        mine = [one for one in route if self._is(one, self._names.entry, *self._own)]
        if not mine:
            return self._copying(dict(rule), {}, Split(0))
        at, others = route.index(mine[0]), [one for one in route if one not in mine]
        total, rest = sum(_weight(one, route) for one in mine), sum(_weight(one, route) for one in others)
        if (total + rest) % WHOLE or not total:
            if any(self._is(one, self._names.entry) for one in mine):
                # Relative weights: Istio took them before, it takes a hundredfold.
                total, others = total * WHOLE, [{**one, "weight": _weight(one, route) * WHOLE} for one in others]
            else:
                # Somebody changed a weight of ours.
                total = WHOLE - rest if rest < WHOLE else WHOLE
        canary = round(total * split.weight / WHOLE)
        if 0 < split.weight < WHOLE:
            canary = min(max(canary, 1), total - 1)
        both = zip(self._own, (total - canary, canary), strict=True)
        ours = [{**mine[0], "destination": self._to(mine[0], name), "weight": weight} for name, weight in both]
        return self._copying({**rule, "route": [*others[:at], *ours, *others[at:]]}, mine[0], split)

    def back(self, rule: Mapping[str, Any], kept: Sequence[Rule]) -> Rule:
        """See Routed."""
        done = self._copying(dict(rule), {}, Split(0))
        route = [dict(one) for one in rule.get("route") or ()]
        mine = [one for one in route if self._is(one, *self._own)]
        if not mine:
            return done
        same = [one for one in kept if (one.get("match"), one.get("name")) == (rule.get("match"), rule.get("name"))]
        before = [one for it in same[:1] for one in it.get("route") or ()]
        was = next((one for one in before if self._is(one, self._names.entry)), None)
        total = sum(_weight(one, route) for one in mine)
        entry = was or {**mine[0], "destination": self._to(mine[0], self._names.entry), "weight": total}
        others = []
        for one in (one for one in route if one not in mine):
            then = next((it for it in before if it.get("destination") == one.get("destination")), None)
            scaled = then is not None and _weight(then, before) * WHOLE == one.get("weight")
            others.append(dict(then) if then is not None and scaled else one)
        at = route.index(mine[0])
        return {**done, "route": [*others[:at], dict(entry), *others[at:]]}

    def told(self, rule: Mapping[str, Any]) -> str:
        """See Routed."""
        route = rule.get("route") or ()
        shares = (f"{_weight(one, route)} % to {said(str(one['destination'].get('host')), 80)}" for one in route)
        return ", ".join(shares) + (" and copies to it" if self._copies(rule) else "")

    def observed(self, doc: Doc, _split: Split, /) -> str:
        """See Routed. Where Istio was told to write a status, it must be of the present generation."""
        status = doc.get("status") or {}
        seen = status.get("observedGeneration")
        if seen is not None and int(seen) < int(doc["metadata"].get("generation") or 0):
            return f"Istio to look at VirtualService {self._route}"
        for found in status.get("validationMessages") or ():
            if found.get("level") == "ERROR":
                told = said(str((found.get("type") or {}).get("name") or found.get("documentationUrl") or ""), 120)
                return f"Istio to take VirtualService {self._route} ({told})"
        return ""

    def warnings(self) -> tuple[str, ...]:
        """See Routed."""
        doc = self._hands.cluster.get(self.kind, self._route)
        rules = [r for r in self._rules(doc) if self.leads(r, self._names.entry)] if doc else []
        subsets = {one["destination"].get("subset") for rule in rules for one in rule["route"]} - {None}
        named = f"subsets ({', '.join(sorted(map(str, subsets)))}) and " if subsets else ""
        policy = f"{named}traffic policies of a DestinationRule for {self._names.entry} do not hold during the rollout"
        return (*super().warnings(), self.unobserved, policy)

    def _copies(self, rule: Mapping[str, Any]) -> bool:
        return _name({"destination": rule.get("mirror") or {}}, self._hands.cluster.namespace) == self._names.to_canary

    def _copying(self, rule: Rule, one: Mapping[str, Any], split: Split) -> Rule:
        """The rule with our copies of so many percent, without them where it is 0."""
        if not split.mirror and not self._copies(rule):
            return rule
        done = {key: value for key, value in rule.items() if key not in _MIRROR_KEYS}
        if split.mirror:
            done["mirror"] = self._to(one, self._names.to_canary)
            done["mirrorPercentage"] = {"value": split.mirror}
        return done

    def _is(self, one: Mapping[str, Any], *names: str) -> bool:
        return _name(one, self._hands.cluster.namespace) in names

    def _to(self, one: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The destination with another Service's name, written as the team writes names."""
        destination = dict(one.get("destination") or {})
        _, dot, rest = str(destination.get("host", "")).partition(".")
        # A subset is one of the way in's DestinationRule; the versions' Services have none.
        return {**{k: v for k, v in destination.items() if k != "subset"}, "host": name + dot + rest}


def _name(one: Mapping[str, Any], namespace: str) -> str:
    """The Service of this namespace that a destination names, "" for any other."""
    name, _, rest = str((one.get("destination") or {}).get("host", "")).partition(".")
    return name if rest in ("", namespace, f"{namespace}.svc", f"{namespace}.{_DOMAIN}") else ""


def _weight(one: Mapping[str, Any], route: Sequence[Mapping[str, Any]]) -> int:
    """A destination's weight: the only one of a rule has all of it unless it says otherwise."""
    return int(one.get("weight", WHOLE if len(route) == 1 else 0))
