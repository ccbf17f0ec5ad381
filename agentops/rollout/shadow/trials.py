"""Shadow traffic as the machine of a rollout sees it: the fence that comes before it, and the two ways to try a canary.

See `rollout.parts`: `Fence` is its `fence`, `ReplayTrial` and `MirrorTrial` are trials of the phase SHADOW.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agentops.contracts import Cluster, TrafficRouter
from agentops.errors import AgentopsError, UsageError
from agentops.model.rollout import Phase, State
from agentops.model.rollout_settings import Place
from agentops.model.settings import Agent, Price
from agentops.rollout import workload
from agentops.rollout.hands import Hands
from agentops.rollout.names import Names
from agentops.rollout.shadow import verdict
from agentops.rollout.shadow.egress import Egress, Shut
from agentops.rollout.shadow.mirror import Mirror
from agentops.rollout.shadow.replay import Asking, Replay
from agentops.rollout.shadow.sessions import Recorded
from agentops.rollout.shadow.verdict import Shadowed

_TRIES = 2
_STARTS = 3
"""So often is a replay begun anew where the pod, or the way to it, went away."""
_MINUTE_S = 60.0


class Fence:
    """Lays the egress policy of shadow pods, and proves it once there is a canary to take the pods' labels from. Raises
    UsageError where there is nothing to prove it with."""

    def __init__(self, hands: Hands, names: Names, place: Place, *, image: str) -> None:
        self._hands, self._names = hands, names
        self._egress = Egress(hands, names, place, image=image)
        self._attempt = 1
        self.told = ""

    def keep(self) -> None:
        """See that the policy is still what it was, as long as there are pods in shadow mode."""
        self._egress.shut()

    def __call__(self) -> str:
        """Returns what is awaited, "" once it is proven; `told` then says what was shown. Raises UsageError where the
        way out is open, or could not be tried."""
        self._egress.shut()
        canary = self._hands.cluster.get("Deployment", self._names.canary)
        template = ((canary or {}).get("spec") or {}).get("template") or {}
        if ((template.get("metadata") or {}).get("labels") or {}).get(workload.MODE) != "shadow":
            return "the canary in shadow mode"
        proof = self._egress.prove(template, attempt=self._attempt)
        self.told = proof.told
        if proof.shut is Shut.PROVEN:
            return ""
        if proof.shut is Shut.VOID and self._attempt < _TRIES:
            self._attempt += 1
        elif proof.shut is not Shut.AWAITED:
            raise UsageError(
                f"no shadow traffic: {proof.told}",
                hint="see docs/shadow.md: the network must enforce NetworkPolicy, and the Service must be in reach of "
                "other pods",
            )
        return proof.told


@dataclass(frozen=True, slots=True)
class Stand:
    """Where shadow traffic takes place. `prices` are those of models by name, "*" for any other; `keep` sees that the
    fence stands, before anything is asked."""

    cluster: Cluster
    names: Names
    place: Place
    agent: Agent
    prices: Mapping[str, Price] = field(default_factory=dict)
    keep: Callable[[], None] = lambda: None

    def canary(self) -> tuple[str, ...]:
        """The pods of the canary that are in shadow mode and ready. No other one is ever asked."""
        labels = {**workload.canary_selector(self.names), workload.MODE: "shadow"}
        return tuple(pod.name for pod in workload.pods(self.cluster, labels) if pod.ready)

    def stable(self) -> tuple[str, ...]:
        """Stable's pods that are ready."""
        selector = workload.read(self.cluster, self.place).selector
        return tuple(pod.name for pod in workload.pods(self.cluster, selector) if pod.ready)

    def judge(self, evidence: verdict.Evidence) -> Shadowed:
        """What the evidence says by the settings of the environment."""
        return verdict.judge(evidence, self.place.shadow, self.place.analysis)


class ReplayTrial:
    """Recorded sessions, put to the canary."""

    def __init__(self, stand: Stand, recorded: Recorded) -> None:
        self._stand, self._recorded = stand, recorded
        self._replay: Replay | None = None
        self._starts = 0

    def look(self, state: State) -> Shadowed:
        """Begin it if it did not, and tell how far it is. Returns at once."""
        self._stand.keep()
        if self._replay is None:
            return self._start(state.id, _kept(state))
        running = self._replay.running
        evidence = self._replay.poll()
        if not running and not evidence["ended"]:
            why, self._replay = self._replay.trouble, None
            if self._starts < _STARTS:
                return replace(self._start(state.id, evidence), told=why)
            evidence = {**evidence, "ended": verdict.SILENT}
            judged = self._stand.judge(evidence)
            return replace(judged, missing=f"{judged.missing}: {why}", told=f"{judged.missing}: {why}")
        return self._stand.judge(evidence)

    def stop(self) -> None:
        """Ask no further turn."""
        if self._replay is not None:
            self._replay.stop()

    def _start(self, rollout: str, done: Mapping[str, Any] | None) -> Shadowed:
        planned, place = len(self._recorded.sessions), self._stand.place
        least = verdict.needed(place.shadow, place.analysis)
        empty = verdict.begun("replay", planned=planned, inputs=self._recorded.sha256)
        if planned < least:
            told = f"{planned} recorded sessions cannot show a loss below {place.shadow.max_loss:g}: {least} are needed"
            return Shadowed(done or empty, missing=told, told=told)
        if done is not None and done.get("ended") and done.get("inputs") == self._recorded.sha256:
            return self._stand.judge(done)
        pods = self._stand.canary()
        if not pods:
            return Shadowed(
                done or empty, missing="no pod of the canary is ready", told="waits for a pod of the canary"
            )
        self._starts += 1
        budget = place.shadow.budget
        asking = Asking(self._stand.agent, f"shadow-{rollout}-{self._starts}", budget, prices=self._stand.prices)
        self._replay = Replay(self._stand.cluster, self._recorded, asking, pod=pods[0], done=done)
        self._replay.start()
        return Shadowed(self._replay.poll(), missing="it has just begun", told=f"replay to {pods[0]}")


class MirrorTrial:
    """A share of live requests, copied to the canary for `minutes`."""

    def __init__(self, stand: Stand, router: TrafficRouter, *, clock: Callable[[], float] = time.time) -> None:
        self._stand, self._router, self._clock = stand, router, clock
        self._mirror: Mirror | None = None

    def look(self, state: State) -> Shadowed:
        """Begin it if it did not, and tell how far it is. Raises what the router raises."""
        self._stand.keep()
        shadow = self._stand.place.shadow
        evidence = (
            self._mirror.poll() if self._mirror is not None else _kept(state) or verdict.begun("mirror", planned=0)
        )
        limit_s = shadow.minutes * _MINUTE_S
        # The machine goes back once the time is over: what was seen is judged just before.
        if not evidence["ended"] and self._clock() - state.phase_at >= limit_s - min(3.0, limit_s / 10):
            evidence = {**evidence, "ended": verdict.TIME}
        if evidence["ended"]:
            self._off()
            return self._stand.judge(evidence)
        waiting = self._router.shift(0, mirror=shadow.percent)
        if self._mirror is None:
            self._mirror = Mirror(
                self._stand.cluster,
                lambda: (self._stand.canary(), self._stand.stable()),
                port=self._stand.agent.port,
                budget=shadow.budget,
                rules=self._stand.agent.tools,
                done=evidence,
            )
            self._mirror.start()
        judged = self._stand.judge(evidence)
        trouble = waiting or self._mirror.trouble
        return replace(judged, told=f"{judged.told}; {trouble}") if trouble and not judged.harm else judged

    def stop(self) -> None:
        """Turn the mirror off. What cannot be turned off now is with the next shift of traffic, or on the way back."""
        with suppress(AgentopsError):
            self._off()

    def _off(self) -> None:
        if self._mirror is not None:
            self._mirror.stop()
        self._router.shift(0, mirror=0.0)


def _kept(state: State) -> dict[str, Any] | None:
    """What an earlier runner saw; None where nothing."""
    found = state.evidence.get(Phase.SHADOW.value)
    return dict(found) if found else None
