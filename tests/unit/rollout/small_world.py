"""A team's agent in the API in memory, and the parts of a rollout that play the data plane and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fake_cluster import FakeCluster

from agentops.contracts import Doc
from agentops.model.rollout import Counts, Phase, Plan, State
from agentops.model.rollout_settings import Analysis, Place, Step, Timing
from agentops.rollout import execute, workload
from agentops.rollout.deployments import Deployments
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal
from agentops.rollout.lease import Lease
from agentops.rollout.machine import Machine
from agentops.rollout.names import Names
from agentops.rollout.parts import Parts, Trial

OLD, NEW = "agent@sha256:" + "a" * 64, "agent@sha256:" + "b" * 64
PLACE = Place(
    "production",
    "app",
    "default",
    bake_minutes=0.1,
    canary=(10, 50),
    timing=Timing(ready_s=30, progress_s=60, drain_s=5),
)
PLAN = Plan("canary", "replicas", "asked for", (10, 50), 20, "much", 3)


@dataclass
class Look:
    """What the metrics tell, as a test wants it."""

    evidence: Mapping[str, Any] = field(default_factory=dict)
    harm: str = ""
    settled: bool = True
    missing: str = ""
    frozen: str = ""
    told: str = "fine"


class Router:
    """Weights as an annotation of the team's Service: enough to see who serves."""

    can_mirror, by_session = True, True

    def __init__(self, hands: Hands) -> None:
        self.hands = hands

    def replicas(self, weight: int, *, stable: int) -> int:
        return max(1, round(stable * weight / 100))

    def prepare(self) -> str:
        self.hands.take("Service", "app", keep=lambda d: {"selector": d["spec"]["selector"]})
        return ""

    def _set(self, weight: int) -> str:
        doc = self.hands.cluster.get("Service", "app") or {}
        if "rollout.agentops/id" not in (doc["metadata"].get("annotations") or {}):
            return ""
        if doc["spec"].get("weight", 0) != weight:
            self.hands.change("Service", "app", [{"op": "add", "path": "/spec/weight", "value": weight}])
            return "the weight"
        return ""

    def shift(self, weight: int, *, mirror: float = 0.0) -> str:
        return self._set(weight)

    def clear(self) -> str:
        return self._set(0)

    def restore(self) -> str:
        self.hands.let_go("Service", "app")
        return ""

    def retire(self) -> str:
        return ""

    def drift(self, weight: int) -> str:
        doc = self.hands.cluster.get("Service", "app") or {}
        return "" if doc["spec"].get("weight", 0) == weight else "the weight"

    def counts(self) -> tuple[Counts | None, Counts | None]:
        return None, None


def team() -> list[dict[str, Any]]:
    """The team's own objects."""
    labels = {"app": "app", "track": "stable"}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": labels}, "strategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": OLD}]}},
        },
    }  # fmt: skip
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"},
        "spec": {"selector": {"app": "app"}, "ports": [{"port": 80}]},
    }  # fmt: skip
    hpa = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "app"},
        "spec": {"minReplicas": 1, "maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "app"}},
    }  # fmt: skip
    return [deployment, service, hpa]


class World:
    """A cluster, a clock that only ticks move, and as many runners as a test wants."""

    def __init__(self, place: Place = PLACE, plan: Plan = PLAN) -> None:
        self.cluster = FakeCluster(*team())
        self.cluster.settle()
        self.place, self.plan = place, plan
        self.now = 1_000_000.0
        self.look = Look()
        self.trials: dict[Phase, Trial] = {}
        self.before = self.shape()
        self.worst = 0
        """The largest share of traffic that ever met a canary without ready pods."""

    def shape(self) -> dict[str, Any]:
        """The team's objects without what the API server and the status add."""
        return {f"{d['kind']}/{d['metadata']['name']}": self._plain(d) for k, d in self.cluster.objects.items()
                if k in {("Deployment", "app"), ("Service", "app"), ("HorizontalPodAutoscaler", "app")}}  # fmt: skip

    @staticmethod
    def _plain(doc: Doc) -> Any:
        spec = {k: v for k, v in doc["spec"].items() if k != "weight"}
        return {"spec": spec, "annotations": (doc["metadata"].get("annotations") or {})}

    def runner(self) -> execute.Runner:
        names = Names("app", "app")
        journal = Journal(self.cluster, names)
        lease = Lease(self.cluster, names, duration_s=60, renew_s=15, clock=lambda: self.now)
        lease._keep = lambda: None  # type: ignore[method-assign]  # renewed by the tests' own clock
        hands = Hands(self.cluster, journal, may_write=lambda: True)
        return execute.Runner(journal, lease, hands, lambda: self.now)

    def machine(self, runner: execute.Runner) -> Machine:
        work = workload.read(self.cluster, self.place)
        labels = workload.canary_labels(work, shared_entry=False)
        deployments = Deployments(runner.hands, self.place, labels=labels)
        return Machine(
            Parts(
                runner.hands, self.place, deployments, Router(runner.hands), lambda _s, share, step: self.look,
                trials=self.trials, clock=lambda: self.now,
            )
        )  # fmt: skip

    def state(self) -> State:
        return State("r1", "app", "production", "default", NEW, OLD, self.plan)

    def start(self) -> tuple[execute.Runner, Machine]:
        runner = self.runner()
        runner.lease.acquire(wait_s=0)
        execute.begin(runner, self.state())
        return runner, self.machine(runner)

    def resume(self) -> tuple[execute.Runner, Machine]:
        runner = self.runner()
        runner.lease.seize()
        execute.take_over(runner)
        return runner, self.machine(runner)

    def step(self, machine: Machine, seconds: float = 1.0) -> State:
        self.now += seconds
        state = machine.tick()
        self.check()
        self.cluster.settle()
        return state

    def run(self, machine: Machine, *, until: Phase | None = None, ticks: int = 400) -> State:
        for _ in range(ticks):
            state = self.step(machine)
            if state.phase is until or state.phase.ended or state.rollback_failed:
                return state
        raise AssertionError(f"still {state.phase} after {ticks} ticks: {state.awaiting or state.frozen}")

    def weight(self) -> int:
        return int(self.cluster.objects[("Service", "app")]["spec"].get("weight", 0))

    def stable_image(self) -> str:
        return str(self.cluster.objects[("Deployment", "app")]["spec"]["template"]["spec"]["containers"][0]["image"])

    def check(self) -> None:
        """Nobody is sent to a canary that has no pods told to run."""
        canary = self.cluster.objects.get(("Deployment", "app-canary"))
        pods = canary["spec"]["replicas"] if canary else 0
        assert not (self.weight() and not pods), "traffic goes to a canary that is scaled to nothing"


def quick(**changes: Any) -> Place:
    """The place of these tests with other values."""
    return replace(PLACE, step=Step(minutes=0.2, extend=1), analysis=Analysis(outage_minutes=0.5), **changes)
