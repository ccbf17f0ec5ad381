"""One look at both versions: pods from the API server, counts from the first source that is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from agentops.contracts import Cluster, TrafficRouter
from agentops.errors import ConfigError
from agentops.model.rollout import Pod, Sample
from agentops.model.rollout_settings import Analysis, Place
from agentops.rollout import workload
from agentops.rollout.sources import counters, prometheus
from agentops.rollout.sources.arms import Arms, Found, Source
from agentops.rollout.sources.memory import Memory, limit_of
from agentops.rollout.sources.objectives import Objectives, Values
from agentops.rollout.sources.poll import Poll
from agentops.rollout.sources.scrape import Scraped
from agentops.rollout.workload import Workload

_STALE_S = 15.0
_NOWHERE = "no source of metrics: set rollout.analysis.scrape or rollout.analysis.prometheus"


class Watch:
    """Samples both versions, and keeps what it takes to do so until `close`. A context manager.

    Counts begin with zero at the first sample: a runner that goes on with a rollout begins a new Watch, and the
    analysis sees from counters that fell that they began anew. `router` tells counts where neither Prometheus nor
    Scrape is configured. `memory_limit` is that of a pod, in bytes, None where there is none. Raises ConfigError for
    sources that cannot be asked.
    """

    def __init__(self, cluster: Cluster, place: Place, work: Workload, *, router: TrafficRouter | None = None) -> None:
        self._cluster, self._router = cluster, router
        names = workload.names_of(place)
        self._labels = {"canary": workload.canary_selector(names), "stable": dict(work.selector)}
        self._began: float | None = None
        self._passed = {"canary": counters.Odometer(), "stable": counters.Odometer()}
        self._container = work.container
        self._memory = Memory(cluster, work.container)
        self.memory_limit = limit_of(workload.container_of(work.deployment, work.container))
        analysis = place.analysis
        client = _client(cluster, analysis)
        self._every_s = analysis.interval_s
        self._source: Source | None = None
        self._poll: Poll[Arms, Found] | None = None
        if analysis.prometheus is not None and client is not None:
            self._source = prometheus.Queried(client, analysis.prometheus)
            self._poll = Poll(self._source.read, every_s=max(analysis.interval_s, 1.0))
        elif analysis.scrape is not None:
            self._source = Scraped(cluster, analysis.scrape, every_s=max(analysis.interval_s, 0.5))
        self._objectives: Poll[Arms, tuple[Values, str]] | None = None
        if analysis.slos:
            self._objectives = Poll(Objectives(analysis.slos, client).read, every_s=max(analysis.interval_s, 5.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def sample(self, now: float) -> Sample:
        """A look at Unix time `now`. Raises ApiDown and ClusterError where the pods cannot be listed; what else is not
        to be had is None in the sample, and `why` says why."""
        if self._began is None:
            self._began = now
        canary, stable = (self._pods(labels) for labels in self._labels.values())
        used = self._memory.used(self._labels["canary"])
        canary = tuple(replace(pod, memory_bytes=used.get(pod.name)) for pod in canary)
        arms = Arms(canary=canary, stable=stable, now=now, began=self._began)
        found = self._found(arms)
        values, lacking = self._values(arms)
        return Sample(
            at=now, canary=found.canary, stable=found.stable, canary_pods=canary, stable_pods=stable, slos=values,
            why=found.why or lacking,
        )  # fmt: skip

    def close(self) -> None:
        """End the threads and ports that were opened."""
        for poll in (self._poll, self._objectives):
            if poll is not None:
                poll.close()
        if self._source is not None:
            self._source.close()

    def _pods(self, labels: Mapping[str, str]) -> tuple[Pod, ...]:
        return workload.pods(self._cluster, labels)

    def _found(self, arms: Arms) -> Found:
        if self._poll is not None:
            answer = self._poll.latest(arms)
            if answer is None:
                return Found(None, None, "Prometheus was not heard yet")
            age, found = answer
            return found if age <= _STALE_S else Found(None, None, f"Prometheus has not answered for {age:.0f} s")
        if self._source is not None:
            return self._source.read(arms)
        return self._routed()

    def _routed(self) -> Found:
        """What the way of the traffic tells, from the first look on."""
        canary, stable = self._router.counts() if self._router is not None else (None, None)
        if canary is None and stable is None:
            return Found(None, None, _NOWHERE)
        known = []
        for total, now in zip(self._passed.values(), (canary, stable), strict=True):
            if now is not None:
                total.add("", counters.told(now), from_zero=False)
            known.append(total.counts() if now is not None else None)
        return Found(known[0], known[1], "" if None not in known else "the way in tells of one version alone")

    def _values(self, arms: Arms) -> tuple[Values, str]:
        """The objectives' values, each answer once."""
        answer = self._objectives.latest(arms) if self._objectives is not None else None
        if answer is None:
            return {}, ""
        age, (values, why) = answer
        return (values, why) if age <= 2.0 * max(self._every_s, 5.0) else ({}, why)


def _client(cluster: Cluster, analysis: Analysis) -> prometheus.Client | None:
    settings = analysis.prometheus
    if settings is None:
        return None
    try:
        fetch = (
            prometheus.by_url(settings.url) if settings.url else prometheus.by_service(cluster, settings.service or "")
        )
    except prometheus.QueryError as error:
        raise ConfigError(str(error), hint="correct rollout.analysis.prometheus") from None
    return prometheus.Client(fetch, namespace=cluster.namespace, window_s=max(settings.stale_s, 60.0))
