"""The Services of both versions as a route leads to them: `-stable`, and `-canary`, which can lead to stable's pods."""

from __future__ import annotations

from agentops.errors import ClusterError
from agentops.model.rollout import ID
from agentops.model.rollout_settings import Place
from agentops.rollout import workload
from agentops.rollout.hands import Hands, notes
from agentops.rollout.traffic import services


class Pair:
    """Both Services of one rollout. Every method converges and may be called again at any time."""

    def __init__(self, hands: Hands, place: Place) -> None:
        self._hands = hands
        self._place = place
        self._names = workload.names_of(place)

    @property
    def names(self) -> tuple[str, str]:
        """The names of stable's and the canary's."""
        return self._names.to_stable, self._names.to_canary

    def lay(self) -> str:
        """See that both are there and lead where they should. Returns what is awaited before a route may lead to them:
        a Gateway answers 500 for a share that leads nowhere."""
        cluster, (stable, canary) = self._hands.cluster, self.names
        work = workload.read(cluster, self._place)
        new = [name for name in self.names if cluster.get("Service", name) is None]
        for name, selector in (
            (stable, services.stable_selector(work, shared_entry=False)),
            (canary, workload.canary_selector(self._names)),
        ):
            services.lay(self._hands, services.backend(work, self._names, name=name, selector=selector))
            services.lead(self._hands, name, selector)
        if new:
            return f"the Services {' and '.join(new)}"
        if not any(one.ready for one in services.behind(cluster, stable)):
            return f"a ready pod behind the Service {stable}"
        return ""

    def flip(self) -> None:
        """Lead the canary's Service to stable's pods, by one write."""
        cluster, (stable, canary) = self._hands.cluster, self.names
        service = cluster.get("Service", canary)
        if service is None or notes(service).get(ID) != self._hands.state.id:
            return  # Nothing leads there in this rollout; one that an earlier rollout left is not ours to write.
        team = cluster.get("Service", stable) or cluster.get("Service", self._names.entry)
        if team is None:
            raise ClusterError(
                f"neither the Service {stable} nor {self._names.entry} is there to tell stable's pods by",
                hint="apply the manifest of the Service again",
            )
        services.lead(self._hands, canary, services.own_selector(team))

    def reached(self) -> int:
        """How many pods of the canary new connections to its Service reach."""
        pods = workload.pods(self._hands.cluster, workload.canary_selector(self._names))
        return len(services.led_to(self._hands.cluster, self.names[1], frozenset(pod.name for pod in pods)))

    def strayed(self) -> str:
        """What somebody changed of where the canary's Service leads, and who; "" where nothing."""
        return services.strayed(self._hands.cluster, self.names[1], workload.canary_selector(self._names))
