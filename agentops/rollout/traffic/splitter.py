"""Traffic by our own splitter: a small Envoy between the Service and both versions.

The way in leads to the splitter's pods, they lead to the Services `-stable` and `-canary`. Weights are changed in two
places: in the ConfigMap, from which a pod starts, and at once in every pod that runs. The quickest way back needs
none of them to answer: the Service `-canary` is led to stable's pods.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Self

from agentops.contracts import Doc
from agentops.errors import ClusterError, UsageError
from agentops.model.rollout import ID, TRACK, Counts, Pod
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import Hands, notes
from agentops.rollout.traffic import services, splitter_objects
from agentops.rollout.traffic.envoy import Split
from agentops.rollout.traffic.fleet import Admin, Fleet
from agentops.rollout.traffic.splitter_objects import Lines
from agentops.rollout.workload import APP, Workload

_DEPLOYMENT, _CONFIG, _PDB = "Deployment", "ConfigMap", "PodDisruptionBudget"
_SPARE = 1.25
_ALL = 100


class Splitter:
    """Traffic by our own splitter. See contracts.TrafficRouter. A context manager: leaving it, or `close`, ends the
    port forwards to its pods."""

    can_mirror = True
    by_session = True

    def __init__(self, hands: Hands, place: Place) -> None:
        self._hands = hands
        self._place = place
        self._names = workload.names_of(place)
        self._fleet = Fleet(hands.cluster)
        self._draining_since: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the port forwards to the splitter's pods."""
        self._fleet.close()

    def replicas(self, weight: int, *, stable: int) -> int:
        """As many pods as the share asks for and a quarter more, at least one."""
        return max(math.ceil(stable * weight / _ALL * _SPARE), 1)

    def prepare(self) -> str:
        """Lay Services, configuration and splitter, and lead the way in to it once every pod reaches stable. A split
        that this rollout brought into force stays. Raises UsageError for a Service that cannot be led through it."""
        work = self._work()
        lines = splitter_objects.lines_of(work)
        if not self._place.splitter.image:
            raise UsageError(
                "the splitter has no image", hint="set rollout.splitter.image to an Envoy, NAME@sha256:..."
            )
        self._take(work)
        names, stable = self._names, self._stable(work)
        leads = {names.to_stable: stable, names.to_canary: workload.canary_selector(names)}
        laid = [services.lay(self._hands, services.backend(work, names, name=n, selector=s)) for n, s in leads.items()]
        if not all(doc["spec"].get("clusterIP") for doc in laid):
            return "addresses of the Services to both versions"
        self._configure(lines, self._split() or Split())
        services.lay(self._hands, splitter_objects.budget(names))
        services.lay(
            self._hands, splitter_objects.deployment(self._hands.cluster, work, place=self._place, lines=lines)
        )
        awaited = self._standing() or self._pushed(self._split() or Split(), lines) or self._reached("stable", lines)
        if awaited:
            return awaited
        services.lead(self._hands, names.entry, self._own())
        return self._way_in()

    def shift(self, weight: int, *, mirror: float = 0.0) -> str:
        """Bring the split into force in every pod, once each of them reaches the canary."""
        lines, split = splitter_objects.lines_of(self._work()), Split(weight, mirror)
        strayed = services.strayed(self._hands.cluster, self._names.entry, self._own())
        if strayed:
            return strayed
        if weight or mirror:
            services.lead(self._hands, self._names.to_canary, workload.canary_selector(self._names))
            awaited = self._standing() or self._canary_behind() or self._reached("canary", lines)
            if awaited:
                return awaited
        self._configure(lines, split)
        return self._pushed(split, lines)

    def clear(self) -> str:
        """Lead the Service `-canary` to stable's pods, which holds whatever the splitter's pods do, then take the
        canary out of the split. A pod of the splitter that is not ready is not waited for."""
        cluster, names = self._hands.cluster, self._names
        work = self._work()
        service = cluster.get("Service", names.to_canary)
        if service is None or not self._mine(service):
            return ""
        services.lead(self._hands, names.to_canary, self._stable(work))
        lines = splitter_objects.lines_of(work)
        if (config := cluster.get(_CONFIG, names.splitter)) is not None and self._mine(config):
            self._configure(lines, Split())
        awaited = self._pushed(Split(), lines)
        canary = frozenset(pod.name for pod in workload.pods(cluster, workload.canary_selector(names)))
        if services.led_to(cluster, names.to_canary, canary):
            return f"nodes to forget the canary's pods behind {names.to_canary}"
        return awaited

    def restore(self) -> str:
        """Give the way in back."""
        services.give_back(self._hands, self._names.entry)
        found = services.behind(self._hands.cluster, self._names.entry)
        ours = {pod.name for pod in self._pods()}
        if any(one.pod in ours and one.ready for one in found):
            return f"nodes to forget the splitter behind {self._names.entry}"
        if not any(one.ready for one in found):
            return f"a ready pod behind {self._names.entry}"
        return ""

    def retire(self) -> str:
        """Ask clients to leave, wait for requests in flight (`drain_s` at most, and as long again while the pods end),
        then scale the splitter to nothing."""
        doc = self._hands.cluster.get(_DEPLOYMENT, self._names.splitter)
        if doc is None or not self._mine(doc):
            return ""
        if doc["spec"].get("replicas"):
            pods = [pod.name for pod in self._pods() if pod.ready or pod.leaving]
            if self._draining_since is None:
                self._draining_since = time.monotonic()
                self._fleet.each(pods, Admin.drain)
            flying = sum(n or 0 for n in self._fleet.each(pods, Admin.active).values())
            if flying and time.monotonic() - self._draining_since < self._place.timing.drain_s:
                return f"{flying} requests in flight in the splitter"
            self._hands.scale(self._names.splitter, 0)
            return "the splitter's pods to end"
        self._draining_since = None
        self._fleet.close()
        return "the splitter's pods to end" if (doc.get("status") or {}).get("replicas") else ""

    def drift(self, weight: int) -> str:
        """Selectors and configuration as `shift` left them. A pod that began anew is told the split again here: what
        it started from may be a minute old."""
        cluster, names, work = self._hands.cluster, self._names, self._work()
        lines = splitter_objects.lines_of(work)
        expected = {
            names.entry: self._own(),
            names.to_stable: self._stable(work),
            names.to_canary: workload.canary_selector(names),
        }
        found = [services.strayed(cluster, name, selector) for name, selector in expected.items()]
        config = cluster.get(_CONFIG, names.splitter)
        split = splitter_objects.split_in(config) if config is not None else None
        if config is None:
            found.append(f"the ConfigMap {names.splitter} was deleted")
        elif split is None or split.weight != weight:
            what = "cannot be read" if split is None else f"sends {split.weight} percent to the canary"
            who = services.changed_by(config, "data", splitter_objects.CONFIG_KEY)
            found.append(f"the ConfigMap {names.splitter} {what}, changed by {who}")
        elif not (told := [text for text in found if text]):
            self._pushed(split, lines)
            return ""
        else:
            found = told
        return "; ".join(text for text in found if text)

    def counts(self) -> tuple[Counts | None, Counts | None]:
        """What both versions served, as the splitter's pods counted."""
        return self._fleet.counts([pod.name for pod in self._pods() if pod.ready or pod.leaving])

    def _work(self) -> Workload:
        return workload.read(self._hands.cluster, self._place)

    def _own(self) -> dict[str, str]:
        return {TRACK: "splitter", APP: self._names.app}

    def _stable(self, work: Workload) -> dict[str, str]:
        return services.stable_selector(work, shared_entry=False)

    def _mine(self, doc: Doc) -> bool:
        return notes(doc).get(ID) == self._hands.state.id

    def _take(self, work: Workload) -> None:
        services.refuse(work)
        splitter_objects.refuse(work)
        self._hands.take("Service", self._names.entry, keep=services.keep)

    def _split(self) -> Split | None:
        """The split that this rollout wrote down, None before it did."""
        doc = self._hands.cluster.get(_CONFIG, self._names.splitter)
        return splitter_objects.split_in(doc) if doc is not None and self._mine(doc) else None

    def _configure(self, lines: Lines, split: Split) -> None:
        services.lay(self._hands, splitter_objects.config(self._hands.cluster, lines, place=self._place, split=split))

    def _pods(self) -> tuple[Pod, ...]:
        return workload.pods(self._hands.cluster, self._own())

    def _standing(self) -> str:
        """What is awaited until the splitter stands."""
        doc = self._hands.cluster.get(_DEPLOYMENT, self._names.splitter)
        if doc is None:
            raise ClusterError(f"the Deployment {self._names.splitter} is gone")
        if workload.available(doc):
            return ""
        wanted, pods = int(doc["spec"].get("replicas", 1)), self._pods()
        why = next((f" ({pod.waiting}: {pod.message})" for pod in pods if pod.waiting), "")
        return f"{sum(pod.ready for pod in pods)} of {wanted} splitter pods ready{why}"

    def _pushed(self, split: Split, lines: Lines) -> str:
        """What is awaited until the split is in force wherever requests pass."""
        pods = self._pods()
        # One that is leaving still serves the connections that it has; one that is not ready may come back.
        told = self._fleet.each(
            [pod.name for pod in pods if pod.ip], partial(Admin.push, split=split, ports=lines.ports)
        )
        late = [pod.name for pod in pods if pod.ready and not told.get(pod.name)]
        return f"{', '.join(late)} to take the weights" if late else ""

    def _reached(self, arm: str, lines: Lines) -> str:
        ready = [pod.name for pod in self._pods() if pod.ready]
        told = self._fleet.each(ready, partial(Admin.reaches, arm=arm, ports=lines.ports))
        late = sorted(name for name, reached in told.items() if not reached)
        return f"{', '.join(late)} to reach {arm} (does a NetworkPolicy keep it out?)" if late else ""

    def _canary_behind(self) -> str:
        canary = frozenset(p.name for p in workload.pods(self._hands.cluster, workload.canary_selector(self._names)))
        found = {one.pod for one in services.behind(self._hands.cluster, self._names.to_canary) if one.ready}
        return "" if found and found <= canary else f"ready canary pods behind {self._names.to_canary}"

    def _way_in(self) -> str:
        """What is awaited until the way in leads to the splitter alone."""
        ours = {pod.name for pod in self._pods()}
        found: Sequence[str] = [one.pod for one in services.behind(self._hands.cluster, self._names.entry) if one.ready]
        return "" if found and set(found) <= ours else f"nodes to lead {self._names.entry} to the splitter"
