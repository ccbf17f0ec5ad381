"""What the modes share that lead traffic by a route object of the team's: an HTTPRoute or a VirtualService.

The lists in which such an object says where requests go are atomic: whoever applied one would own it whole. So they
are changed by JSON Patch that tests the epoch and the list as it was read before it replaces it, and only our own
destinations in it are: other people's rules, matches and filters stay as they are, even those that change meanwhile.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from agentops.contracts import Doc
from agentops.errors import ClusterError, UsageError
from agentops.model.rollout import ID, Counts
from agentops.model.rollout_settings import Place
from agentops.rollout.hands import Hands, notes, original, pointer
from agentops.rollout.names import Names
from agentops.rollout.traffic import services
from agentops.rollout.traffic.choose import IN_PROGRESS, gitops, ignoring
from agentops.rollout.traffic.pair import Pair

WROTE = "rollout.agentops/wrote"
"""The annotation of a route that says what we asked of it last, in percent, and whether requests were copied before:
{"weight": 25, "mirror": 0, "copied": false}."""
WHOLE = 100

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Split:
    """What a route is asked for: `weight` percent to the canary, and it copies of `mirror` percent of all requests."""

    weight: int
    mirror: float = 0.0


def shared(total: int, weight: int) -> tuple[int, int]:
    """The weights of stable and canary that add up to `total`, the canary's being `weight` percent of it."""
    if total <= 0 or (total * weight) % WHOLE:
        total = WHOLE
    canary = total * weight // WHOLE
    return total - canary, canary


class Routed(ABC):
    """A TrafficRouter over one route object: see contracts.TrafficRouter. A subclass knows one kind of route."""

    kind: ClassVar[str]
    field: ClassVar[str]
    """The key of `spec` under which the list of rules stands."""

    def __init__(self, hands: Hands, place: Place, *, route: str) -> None:
        self._hands = hands
        self._place = place
        self._names = Names(place.deployment, place.entry)
        self._route = route
        self._pair = Pair(hands, place)
        self._calm: object = None

    # What a subclass tells of its kind of route. Rules are never changed in place.

    @abstractmethod
    def leads(self, rule: Mapping[str, Any], *names: str) -> bool:
        """Whether a rule sends requests to one of these Services."""

    @abstractmethod
    def led(self, rule: Mapping[str, Any], split: Split) -> Rule:
        """A rule that leads to the way in, or to both versions, as it leads to both versions in this proportion."""

    @abstractmethod
    def back(self, rule: Mapping[str, Any], kept: Sequence[Rule]) -> Rule:
        """A rule that leads to both versions, as it led to the way in; `kept` are the rules as they were before."""

    @abstractmethod
    def told(self, rule: Mapping[str, Any]) -> str:
        """Which shares a rule gives to whom, for people."""

    @abstractmethod
    def observed(self, doc: Doc, split: Split, /) -> str:
        """What is awaited until the data plane does what the object says, "" once it does."""

    def tagged(self, _doc: Doc, _split: Split) -> tuple[Rule, ...]:
        """Rules of our own, laid after the others as long as the rollout lasts."""
        return ()

    def is_tagged(self, _rule: Mapping[str, Any]) -> bool:
        """Whether a rule is one of those that `tagged` laid."""
        return False

    # contracts.TrafficRouter

    @property
    @abstractmethod
    def can_mirror(self) -> bool:
        """See contracts.TrafficRouter."""

    @property
    @abstractmethod
    def by_session(self) -> bool:
        """See contracts.TrafficRouter."""

    def replicas(self, weight: int, *, stable: int) -> int:
        """See contracts.TrafficRouter. In proportion to the traffic, one at least, whatever the weight."""
        return max(1, math.ceil(stable * weight / WHOLE))

    def prepare(self) -> str:
        """See contracts.TrafficRouter. The Services must have pods before a route leads to them: a Gateway answers 500
        for a share that leads nowhere. The route is ours before they are touched: one that another rollout holds may
        lead to them. A route that leads to both versions already keeps its weights."""
        doc = self._taken()
        if waiting := self._pair.lay():
            return waiting
        rules = self._rules(doc)
        if not any(self._in_hand(rule) for rule in rules) or self._at_the_way_in(rules):
            doc = self._write(doc, Split(0), self._wanted(doc, Split(0)))
        return self.observed(doc, self._asked(doc) or Split(0))

    def shift(self, weight: int, *, mirror: float = 0.0) -> str:
        """See contracts.TrafficRouter. `mirror` is a share of all requests: with a weight of 0 they are stable's."""
        if mirror and not self.can_mirror:
            raise UsageError(
                f"{self.kind} {self._route}: nothing says that its data plane can copy a share of the requests",
                hint="set rollout.shadow.mode: replay, or rollout.traffic: splitter",
            )
        doc = self._taken()
        if waiting := self._pair.lay():
            return waiting
        split = Split(weight, mirror)
        if (weight or mirror) and not self._pair.reached():
            return f"a ready pod of the canary behind the Service {self._names.to_canary}"
        wanted = self._wanted(doc, split)
        if self._asked(doc) != split or wanted != self._rules(doc):
            doc = self._write(doc, split, wanted)
        waiting = self.observed(doc, split)
        if not waiting and not mirror:
            self._calm = _version(doc)
        return waiting

    def clear(self) -> str:
        """See contracts.TrafficRouter. The Service of the canary is led to stable's pods by one write, whatever the
        route says by then, and the route follows. Only where requests are copied the route comes first: the copies must
        not reach stable, which would carry them out a second time."""
        doc = self._found()
        copies = doc is not None and self._copying_still(doc)
        if not copies:
            self._pair.flip()
        waiting = self._quiet(doc)
        if copies and not waiting:
            self._pair.flip()
        left = self._pair.reached()
        if waiting or not left:
            return waiting
        return f"{left} pods of the canary to leave the Service {self._names.to_canary}"

    def restore(self) -> str:
        """See contracts.TrafficRouter. Only what leads to our Services is changed."""
        doc = self._found()
        if doc is None:
            return ""
        if not self._ours(doc) and any(self._in_hand(rule) for rule in self._rules(doc)):
            doc = self._hands.take(self.kind, self._route, keep=self._keep)
        if self._ours(doc):
            self._hands.let_go(self.kind, self._route, self._home(doc))
            doc = self._hands.cluster.get(self.kind, self._route) or doc
        return self.observed(doc, Split(0))

    def retire(self) -> str:
        """See contracts.TrafficRouter. There is nothing to scale: Services are kept, and nobody is led to them."""
        return ""

    def drift(self, weight: int) -> str:
        """See contracts.TrafficRouter. What was asked for last is on the route itself; `weight` is for people."""
        doc = self._hands.cluster.get(self.kind, self._route)
        touched = any((t.kind, t.name) == (self.kind, self._route) for t in self._hands.state.touched)
        if doc is None:
            return f"{self.kind} {self._route} was deleted" if touched else ""
        asked = self._asked(doc)
        if not self._ours(doc) or asked is None:
            lost = touched and notes(doc).get(ID) != self._hands.state.id
            return f"{self.kind} {self._route} lost the marks of this rollout: {self._who(doc)}" if lost else ""
        rules = self._rules(doc)
        mine = [rule for rule in rules if self.leads(rule, *self._own)]
        if len(mine) < len(self._kept(doc)) or self._at_the_way_in(rules):
            return f"{self.kind} {self._route} leads past the rollout ({weight} % were asked for): {self._who(doc)}"
        for rule in mine:
            if self.led(rule, asked) != rule:
                return f"{self.kind} {self._route} says {self.told(rule)}, not {self._said(asked)}: {self._who(doc)}"
        return self._pair.strayed() if asked.weight or asked.mirror else ""

    def counts(self) -> tuple[Counts | None, Counts | None]:
        """See contracts.TrafficRouter. A route object tells nothing of requests."""
        return None, None

    def warnings(self) -> tuple[str, ...]:
        """What people should know before a rollout, one line each."""
        doc = self._hands.cluster.get(self.kind, self._route)
        told = ignoring(doc, f"/spec/{self.field}") if doc else ""
        return (told,) if told else ()

    # How it is done.

    @property
    def _own(self) -> tuple[str, str]:
        return self._pair.names

    def _rules(self, doc: Doc) -> list[Rule]:
        return [dict(rule) for rule in (doc.get("spec") or {}).get(self.field) or ()]

    def _in_hand(self, rule: Mapping[str, Any]) -> bool:
        return self.leads(rule, *self._own) or self.is_tagged(rule) or self._copies(rule)

    def _at_the_way_in(self, rules: Sequence[Rule]) -> bool:
        return any(self.leads(rule, self._names.entry) for rule in rules)

    @abstractmethod
    def _copies(self, rule: Mapping[str, Any]) -> bool:
        """Whether a rule copies requests to our canary."""

    def _ours(self, doc: Doc) -> bool:
        return notes(doc).get(ID) == self._hands.state.id

    def _asked(self, doc: Doc) -> Split | None:
        try:
            told = json.loads(notes(doc).get(WROTE, "null"))
            return Split(int(told["weight"]), float(told["mirror"])) if isinstance(told, dict) else None
        except (ValueError, KeyError, TypeError):
            return None

    def _found(self) -> Doc | None:
        """The route that the way back is about. Whoever lost the journal, or reads another configuration than the one
        that began, may know it by a wrong name: what the plan or the list of what was touched names, and is in our
        hands or leads to our Services, is the route."""
        doc, state = self._hands.cluster.get(self.kind, self._route), self._hands.state
        if doc is not None and self._ours(doc):
            return doc
        touched = (item.name for item in state.touched if item.kind == self.kind)
        for name in dict.fromkeys((state.plan.route, *touched)):
            other = self._hands.cluster.get(self.kind, name) if name not in ("", self._route) else None
            if other is not None and (self._ours(other) or any(self._in_hand(rule) for rule in self._rules(other))):
                self._route = name
                return other
        return doc

    def _kept(self, doc: Doc) -> list[Rule]:
        kept = original(doc) if self._ours(doc) else None
        rules = kept.get(self.field) if isinstance(kept, dict) else None
        return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []

    def _keep(self, doc: Doc) -> dict[str, Any]:
        """The rules that we are going to change, as they were before any rollout."""
        rules = [r for r in self._rules(doc) if self.leads(r, self._names.entry, *self._own) and not self.is_tagged(r)]
        return {self.field: [self.back(rule, ()) if self._in_hand(rule) else rule for rule in rules]}

    def _taken(self) -> Doc:
        doc = self._hands.take(self.kind, self._route, keep=self._keep)
        if not any(self.leads(rule, self._names.entry, *self._own) for rule in self._rules(doc)):
            raise ClusterError(
                f"{self.kind} {self._route} does not lead to the Service {self._names.entry}",
                hint="correct rollout.route or rollout.service",
            )
        return doc

    def _wanted(self, doc: Doc, split: Split) -> list[Rule]:
        rules = [rule for rule in self._rules(doc) if not self.is_tagged(rule)]
        entry = (self._names.entry, *self._own)
        return [*(self.led(r, split) if self.leads(r, *entry) else r for r in rules), *self.tagged(doc, split)]

    def _copying_still(self, doc: Doc) -> bool:
        """Whether the data plane may copy requests: the route says so, or did before a change that was not observed."""
        if any(self._copies(rule) for rule in self._rules(doc)):
            return True
        return '"copied":true' in notes(doc).get(WROTE, "") and self._calm != _version(doc)

    def _write(self, doc: Doc, split: Split, rules: Sequence[Rule]) -> Doc:
        told = {"weight": split.weight, "mirror": split.mirror, "copied": self._copying_still(doc)}
        mark = json.dumps(told, separators=(",", ":"))
        ops = [
            *self._swap(doc, rules),
            {"op": "add", "path": f"/metadata/annotations/{pointer(WROTE)}", "value": mark},
        ]
        labels = (doc["metadata"].get("labels")) or {}
        if not labels:
            # Adding the whole object would wipe what somebody adds meanwhile.
            version = doc["metadata"]["resourceVersion"]
            ops.insert(0, {"op": "test", "path": "/metadata/resourceVersion", "value": version})
            ops.append({"op": "add", "path": "/metadata/labels", "value": {IN_PROGRESS: "true"}})
        elif IN_PROGRESS not in labels:
            ops.append({"op": "add", "path": f"/metadata/labels/{pointer(IN_PROGRESS)}", "value": "true"})
        return self._hands.change(self.kind, self._route, ops)

    def _swap(self, doc: Doc, rules: Sequence[Rule]) -> list[Doc]:
        if self._rules(doc) == list(rules):
            return []
        path = f"/spec/{self.field}"
        return [
            {"op": "test", "path": path, "value": doc["spec"][self.field]},
            {"op": "replace", "path": path, "value": list(rules)},
        ]

    def _home(self, doc: Doc) -> list[Doc]:
        """The changes that put back what was there before."""
        kept = self._kept(doc)
        rules = [rule for rule in self._rules(doc) if not self.is_tagged(rule)]
        ops = self._swap(doc, [self.back(rule, kept) if self._in_hand(rule) else rule for rule in rules])
        if WROTE in notes(doc):
            ops.append({"op": "remove", "path": f"/metadata/annotations/{pointer(WROTE)}"})
        if IN_PROGRESS in (doc["metadata"].get("labels") or {}):
            ops.append({"op": "remove", "path": f"/metadata/labels/{pointer(IN_PROGRESS)}"})
        return ops

    def _quiet(self, doc: Doc | None) -> str:
        """Weight 0 and no copies, where the route leads to both versions."""
        if doc is None or not any(self._in_hand(rule) for rule in self._rules(doc)):
            return ""
        doc = self._hands.take(self.kind, self._route, keep=self._keep)
        team = [rule for rule in self._rules(doc) if not self.is_tagged(rule)]
        rules = [self.led(r, Split(0)) if self._in_hand(r) else r for r in team]
        if rules != team or self._asked(doc) != Split(0):
            doc = self._write(doc, Split(0), [*rules, *self.tagged(doc, Split(0))])
        return self.observed(doc, Split(0))

    def _who(self, doc: Doc) -> str:
        tool = gitops(doc)
        return f"changed by {services.changed_by(doc, 'spec', self.field)}" + (f" ({tool} applies it)" if tool else "")

    @staticmethod
    def _said(split: Split) -> str:
        return f"{split.weight} % to the canary" + (f" and copies of {split.mirror:g} %" if split.mirror else "")


def _version(doc: Doc) -> tuple[Any, Any]:
    return doc["metadata"].get("uid"), doc["metadata"].get("generation")
