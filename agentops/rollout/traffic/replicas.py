"""Traffic by the number of pods: the way in leads to both versions, each pod gets its part.

Works with Services alone. The smallest step is one pod; connections are shared out, not requests; nothing can be
mirrored, and sessions do not stay with a version. All traffic leaves the canary by one write: the way in's selector is
narrowed to what only stable's pods carry.
"""

from __future__ import annotations

import time

from agentops.contracts import Doc
from agentops.errors import UsageError
from agentops.model.rollout import ID, Counts
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import Hands, notes
from agentops.rollout.traffic import services
from agentops.rollout.workload import Workload

_ALL = 100
_SPARE_PERCENT = 125
_NODES_S = 1.5
"""So long after the API server knows it every node leads new connections where it should; kube-proxy writes its rules
at most once a second. (https://kubernetes.io/docs/reference/networking/virtual-ips/#optimizing-iptables-mode-performance)"""


class Replicas:
    """Traffic by the number of pods. See contracts.TrafficRouter. Nodes get `nodes_s` to do as the API server says."""

    can_mirror = False
    by_session = False

    def __init__(self, hands: Hands, place: Place, *, nodes_s: float = _NODES_S) -> None:
        self._hands = hands
        self._place = place
        self._names = workload.names_of(place)
        self._nodes_s = nodes_s
        self._stands: tuple[tuple[bool, bool], float] | None = None

    def replicas(self, weight: int, *, stable: int) -> int:
        """The number of pods that makes the share come nearest to the weight, at least one; for all traffic, stable's
        number and a quarter more. See `share` for what comes of it."""
        if weight >= _ALL:
            return max(-(-stable * _SPARE_PERCENT // _ALL), 1)
        # Half a pod or more makes a whole one.
        return max((2 * stable * weight + (_ALL - weight)) // (2 * (_ALL - weight)), 1)

    def share(self, weight: int, *, stable: int) -> float:
        """The percent of connections that go to the canary in truth when `weight` is asked for beside so many pods."""
        if weight <= 0 or weight >= _ALL:
            return float(min(max(weight, 0), _ALL))
        pods = self.replicas(weight, stable=stable)
        return _ALL * pods / (pods + stable)

    def prepare(self) -> str:
        """Narrow the way in to stable, so that canary pods that come up take nothing. Raises UsageError where labels
        cannot tell the versions apart."""
        work = self._work()
        services.refuse(work)
        # Raises where no selector matches both versions and another one stable alone.
        workload.canary_labels(self._as_it_was(work), shared_entry=True)
        self._hands.take("Service", self._names.entry, keep=services.keep)
        return self._stable_alone(work)

    def shift(self, weight: int, *, mirror: float = 0.0) -> str:
        """Let the way in lead to both versions, or to the canary alone once all of it is ready. How many pods the
        canary has is the rollout's to say."""
        if mirror:
            raise UsageError(
                "Services cannot copy requests", hint="set rollout.traffic: splitter, or shadow.mode: replay"
            )
        work = self._work()
        if weight <= 0:
            return self._stable_alone(work)
        canary = self._hands.cluster.get("Deployment", self._names.canary)
        if canary is None or not workload.available(canary) or not canary["spec"].get("replicas"):
            return "every canary pod to be ready"
        services.lead(self._hands, self._names.entry, self._selector(work, weight))
        return self._behind(canary=True, stable=weight < _ALL)

    def clear(self) -> str:
        """Narrow the way in to stable: one write."""
        work = self._work()
        if notes(work.service).get(ID) != self._hands.state.id:
            return ""
        return self._stable_alone(work)

    def restore(self) -> str:
        """Nothing to be put back as long as canary pods are there: the team's own selector matches them. It is given
        back by `retire`, when they are gone; until then the way in leads to stable alone."""
        return self.clear()

    def retire(self) -> str:
        """Give the way in back once the canary has no pods."""
        if any(not pod.leaving for pod in workload.pods(self._hands.cluster, self._canary())):
            return "canary pods to end"
        services.give_back(self._hands, self._names.entry)
        return ""

    def drift(self, weight: int) -> str:
        """The selector of the way in, if it is not as `shift` left it."""
        return services.strayed(self._hands.cluster, self._names.entry, self._selector(self._work(), weight))

    def counts(self) -> tuple[Counts | None, Counts | None]:
        """Services count nothing."""
        return None, None

    def _work(self) -> Workload:
        return workload.read(self._hands.cluster, self._place)

    def _as_it_was(self, work: Workload) -> Workload:
        """The team's objects with the way in as the team wrote it."""
        service: Doc = {
            **work.service,
            "spec": {**work.service["spec"], services.SELECTOR: services.own_selector(work.service)},
        }
        return Workload(work.deployment, service, work.container, work.hpa)

    def _canary(self) -> dict[str, str]:
        return workload.canary_selector(self._names)

    def _selector(self, work: Workload, weight: int) -> dict[str, str]:
        if weight <= 0:
            return services.stable_selector(work, shared_entry=True)
        return self._canary() if weight >= _ALL else services.own_selector(work.service)

    def _stable_alone(self, work: Workload) -> str:
        services.lead(self._hands, self._names.entry, self._selector(work, 0))
        return self._behind(canary=False, stable=True)

    def _behind(self, *, canary: bool, stable: bool) -> str:
        """What is awaited until new connections reach exactly these versions, each by a ready pod at least."""
        ours = {pod.name for pod in workload.pods(self._hands.cluster, self._canary())}
        found = {one.pod for one in services.behind(self._hands.cluster, self._names.entry) if one.ready}
        awaited = []
        for name, present, wanted in (("canary", bool(found & ours), canary), ("stable", bool(found - ours), stable)):
            if present != wanted:
                awaited.append(f"nodes to {'lead' if wanted else 'stop leading'} {self._names.entry} to {name}")
        now = time.monotonic()
        if awaited or self._stands is None or self._stands[0] != (canary, stable):
            self._stands = None if awaited else ((canary, stable), now)
        if self._stands is not None and now - self._stands[1] < self._nodes_s:
            awaited.append(f"nodes to lead {self._names.entry} by what the API server says")
        return "; ".join(awaited)
