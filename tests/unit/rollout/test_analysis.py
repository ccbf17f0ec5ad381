"""What a look at the canary means: harm, enough, or not yet."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.model.rollout import Counts, Pod, Sample
from agentops.model.rollout_settings import Analysis, Slo, Step
from agentops.rollout import increments
from agentops.rollout.analysis import Look, look

EDGES = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, math.inf)


class World:
    """Counters that grow, and the evidence of the looks at them."""

    def __init__(self, *, analysis: Analysis | None = None, step: Step | None = None, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.analysis, self.step = analysis or Analysis(), step or Step()
        self.n = {"c": 0, "s": 0}
        self.errors: dict[str, dict[str, int]] = {"c": {}, "s": {}}
        self.below = {"c": [0] * len(EDGES), "s": [0] * len(EDGES)}
        self.cost: float | None = None
        self.evidence: Mapping[str, Any] = {}
        self.at = 1000.0
        self.look()

    def serve(self, arm: str, n: int, *, rate: float = 0.0, cause: str = "500", median_s: float = 0.4) -> None:
        for _ in range(n):
            self.n[arm] += 1
            if self.rng.random() < rate:
                self.errors[arm][cause] = self.errors[arm].get(cause, 0) + 1
            seconds = self.rng.lognormvariate(math.log(median_s), 0.5)
            for i, edge in enumerate(EDGES):
                self.below[arm][i] += seconds <= edge

    def counts(self, arm: str) -> Counts:
        latency = tuple(zip(EDGES, self.below[arm], strict=True))
        cost = None if self.cost is None else self.cost * self.n[arm]
        return Counts(self.n[arm], dict(self.errors[arm]), latency, cost_usd=cost)

    def look(self, *, share: float = 0.1, sample: Sample | None = None, passed_s: float = 1.0, **more: Any) -> Look:
        self.at += passed_s
        seen = sample or Sample(self.at, self.counts("c"), self.counts("s"))
        told = look(self.analysis, self.step, self.evidence, seen, share=share, **more)
        # As the journal does it.
        self.evidence = json.loads(json.dumps(told.evidence, allow_nan=False))
        return told

    def run(self, looks: int, *, share: float = 0.1, canary: Mapping[str, Any] | None = None, **stable: Any) -> Look:
        """Ten requests a look, until harm."""
        told = None
        for _ in range(looks):
            n = round(10 * share)
            self.serve("c", n, **(stable if canary is None else canary))
            self.serve("s", 10 - n, **stable)
            told = self.look(share=share)
            if told.harm:
                break
        assert told is not None
        return told


def test_an_alike_canary_settles_once_enough_is_shown() -> None:
    world = World()
    told = world.run(99)
    assert not told.settled
    assert "requests of the canary: 99 of 100" in told.missing
    told = world.run(30)
    assert not told.settled
    assert "certainty" in told.missing
    told = world.run(150)
    assert told.settled
    assert (told.harm, told.frozen, told.missing) == ("", "", "")
    assert "0 of 279" in told.told


def test_the_next_step_needs_its_own_requests() -> None:
    world = World()
    assert world.run(300).settled
    assert not world.look(share=0.25).settled
    assert not world.look(share=0.25, stage="next").settled


def test_errors_within_the_margin_are_no_reason_to_wait_for_ever() -> None:
    assert World(analysis=Analysis(margin=0.05)).run(1200, rate=0.02).settled


def test_a_canary_that_always_fails_is_back_after_four_requests() -> None:
    for share in (0.1, 0.3, 0.5):
        world = World()
        told = world.run(100, share=share, rate=0.01, canary={"rate": 1.0})
        assert told.harm
        assert world.n["c"] <= 9


def test_a_worse_canary_is_found_and_the_reason_says_so() -> None:
    told = World().run(200, rate=0.01, canary={"rate": 0.3})
    assert "the canary fails more often than stable" in told.harm
    assert not told.settled


def test_a_canary_that_is_worse_within_the_margin_is_no_harm() -> None:
    assert World(analysis=Analysis(margin=0.2)).run(1500, rate=0.02, canary={"rate": 0.1}).harm == ""


def test_a_slower_canary_is_found() -> None:
    told = World().run(400, canary={"median_s": 2.0})
    assert "slower than stable by more than 1.5 times" in told.harm
    assert World().run(400, canary={"median_s": 0.42}).harm == ""


def test_no_traffic_is_never_settled() -> None:
    world = World(step=Step(samples=0))
    for _ in range(50):
        told = world.look()
        assert not told.settled
    assert "traffic: the canary served no request" in told.missing
    world.serve("s", 400)
    assert "stable 400" in world.look().missing


def test_missing_metrics_freeze() -> None:
    world = World()
    assert world.run(300).settled
    told = world.look(sample=Sample(world.at, None, world.counts("s"), why="\x1b[31mPrometheus is down"))
    assert told.frozen == "no metrics of the canary: Prometheus is down"
    assert not told.settled
    assert not told.harm
    told = world.look(sample=Sample(world.at, world.counts("c"), None, why="stale"))
    assert "stable" in told.frozen
    assert world.look().settled


def test_stable_may_be_silent_once_it_serves_nothing() -> None:
    world = World()
    world.run(300)
    told = world.look(share=1.0, sample=Sample(world.at, world.counts("c"), None, why="gone"))
    assert told.frozen == ""


@pytest.mark.parametrize("cause", ["provider", "model", "provider-429"])
def test_a_provider_outage_in_both_versions_holds(cause: str) -> None:
    world = World()
    world.run(100)
    told = world.run(40, rate=0.8, cause=cause)
    assert "the model provider fails for both versions" in told.frozen
    assert (told.harm, told.settled) == ("", False)
    told = world.run(60)
    assert told.frozen == ""


def test_provider_errors_of_the_canary_alone_count_against_it() -> None:
    told = World().run(100, canary={"rate": 0.8, "cause": "provider"})
    assert "the canary" in told.harm


def test_during_an_outage_a_broken_canary_is_still_found() -> None:
    world = World()
    world.run(60, rate=0.5, cause="provider")
    told = world.run(60, share=0.3, rate=0.5, cause="provider", canary={"rate": 0.9, "cause": "500"})
    assert "fails more often" in told.harm


def test_faults_in_both_versions_are_not_blamed_on_one() -> None:
    world = World()
    world.run(100)
    told = world.run(40, rate=0.7)
    assert "both versions fail" in told.frozen
    assert told.harm == ""


def test_bake_is_held_against_what_stable_did() -> None:
    world = World()
    assert world.run(300).settled
    told = world.run(1, share=1.0)
    assert not told.settled
    told = world.run(60, share=1.0)
    assert told.settled
    told = world.run(60, share=1.0, rate=0.3)
    assert "more often than stable did" in told.harm or "more than 50%" in told.harm


def test_provider_errors_in_the_bake_hold() -> None:
    world = World()
    world.run(300)
    told = world.run(20, share=1.0, rate=0.6, cause="provider")
    assert "stable serves nothing to compare with" in told.frozen
    assert told.harm == ""


def test_blue_green_is_judged_by_the_margin_alone() -> None:
    world = World()
    assert world.run(10, share=1.0).settled is False
    assert world.run(40, share=1.0).settled
    assert World(seed=3).run(60, share=1.0, rate=0.05).settled is False
    assert "more than 50%" in World().run(20, share=1.0, rate=1.0).harm


def test_counters_that_begin_anew_are_no_evidence() -> None:
    world = World()
    world.run(100, rate=0.02)
    before = world.evidence["worse"]
    world.n = {"c": 3, "s": 10}
    world.errors = {"c": {"500": 3}, "s": {}}
    world.below = {"c": [3] * len(EDGES), "s": [10] * len(EDGES)}
    told = world.look()
    assert told.harm == ""
    assert not told.settled
    assert world.evidence["worse"] == before


def test_a_runner_that_goes_on_with_the_evidence_goes_on_where_it_was() -> None:
    world = World()
    world.run(60)
    kept = world.evidence
    fresh = World()
    fresh.evidence, fresh.step = kept, world.step
    fresh.look()
    told = fresh.run(240)
    assert told.settled
    assert fresh.evidence["all"]["c"][0] == 300


def test_the_clock_may_go_back() -> None:
    world = World()
    world.run(100)
    world.look(passed_s=-3600.0)
    assert world.run(200).settled


def test_evidence_of_another_make_is_begun_anew() -> None:
    world = World()
    world.evidence = {"version": 99, "worse": "nonsense"}
    assert world.look().harm == ""


def test_an_objective_must_be_judged_and_met() -> None:
    analysis = Analysis(
        slos=(Slo("quality", promql="q", at_least=0.8), Slo("extra", promql="e", at_most=1, required=False))
    )
    world = World(analysis=analysis)
    assert "objective quality: values (0 of 5)" in world.run(300).missing

    def looks(value: float | None, beside: float | None, many: int = 5) -> Look:
        for _ in range(many):
            sample = Sample(
                world.at, world.counts("c"), world.counts("s"), slos={"quality": (value, beside), "extra": (9, 0)}
            )
            told = world.look(sample=sample)
        return told

    assert not looks(0.9, 0.9, 4).settled
    assert looks(0.9, 0.9, 1).settled
    assert "at least 0.8" in looks(0.5, 0.9, 1).missing
    assert looks(0.5, 0.9, 3).harm == ""
    assert "objective quality" in looks(0.5, 0.9, 1).harm
    told = looks(0.5, 0.5, 5)
    assert told.harm == ""
    assert "stable misses it too" in told.missing


def test_an_objective_may_only_lose_so_much_against_stable() -> None:
    world = World(analysis=Analysis(slos=(Slo("cost", promql="q", at_most=10.0, max_loss=0.5),)))
    for _ in range(6):
        told = world.look(sample=Sample(world.at, world.counts("c"), world.counts("s"), slos={"cost": (2.0, 1.0)}))
    assert "worse than stable by at most 0.5" in told.harm


def test_what_is_set_and_not_measured_is_never_settled() -> None:
    world = World(analysis=Analysis(cost_usd_per_request=0.5))
    assert "cost" in world.run(300).missing
    world = World(analysis=Analysis(latency_p95_s=5.0))
    world.run(300)
    bare = Sample(world.at, replace(world.counts("c"), latency=()), replace(world.counts("s"), latency=()))
    told = world.look(sample=bare)
    assert not told.settled
    world.look(sample=bare)
    assert "latency" in world.look(sample=bare).missing


def test_guardrails_of_cost_and_latency_fire_alone() -> None:
    world = World(analysis=Analysis(cost_usd_per_request=0.01))
    world.cost = 0.05
    assert "costs 0.05 USD, more than 0.01" in world.run(100, share=0.5).harm
    world = World(analysis=Analysis(latency_p95_s=1.0, latency_ratio=None))
    assert "95th percentile" in world.run(200, share=0.5, canary={"median_s": 2.0}).harm
    world = World(analysis=Analysis(latency_p95_s=1.0, latency_ratio=None))
    assert world.run(100, share=0.5, median_s=2.0).harm == ""  # stable is as slow


def test_a_share_that_is_not_kept_is_told() -> None:
    world = World()
    for _ in range(60):
        world.serve("s", 20)
        world.serve("c", 1)
        told = world.look(share=0.5)
    assert "the canary gets 4.8% of the traffic instead of 50.0%" in told.told


def test_pods_are_judged_without_metrics_too() -> None:
    pod = Pod("canary-1", "", ready=False, restarts=3, waiting="CrashLoopBackOff")
    world = World()
    told = world.look(sample=Sample(world.at, None, None, canary_pods=(pod,)))
    assert "crashes again and again" in told.harm
    assert told.frozen


blocks = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 60), st.integers(0, 60))
moves = st.one_of(blocks, st.sampled_from(["reset", "outage", "back", "bake"]))


@settings(deadline=None, max_examples=30)
@given(st.lists(moves, max_size=25))
def test_any_sequence_leaves_sound_evidence(steps: list[Any]) -> None:
    world = World(analysis=Analysis(cost_usd_per_request=1.0, latency_p95_s=1.0))
    world.cost = 0.01
    share = 0.2
    for step in steps:
        if step == "reset":
            world.n, world.errors = {"c": 0, "s": 0}, {"c": {}, "s": {}}
            world.below = {"c": [0] * len(EDGES), "s": [0] * len(EDGES)}
        elif step == "outage":
            assert world.look(share=share, sample=Sample(world.at, None, None)).settled is False
            continue
        elif step == "bake":
            share = 1.0
        elif step != "back":
            n, m, k, j = step
            world.serve("s", n)
            world.serve("c", m)
            world.errors["s"]["500"] = min(world.errors["s"].get("500", 0) + k, world.n["s"])
            world.errors["c"]["timeout"] = min(world.errors["c"].get("timeout", 0) + j, world.n["c"])
        told = world.look(share=share, passed_s=-50.0 if step == "back" else 1.0)
        assert not (told.settled and (told.harm or told.missing or told.frozen))
        assert told.settled or told.harm or told.missing or told.frozen
        assert told.evidence["step"]["c"][0] >= world.step.samples or not told.settled or step == "outage"


def test_looks_are_quick_and_evidence_is_small() -> None:
    pods = [Pod(f"canary-{i}", "", ready=True, restarts=0, memory_bytes=10**8 + i) for i in range(20)]
    slos = tuple(Slo(f"objective-{i}", promql="q", at_least=0.5) for i in range(10))
    world = World(analysis=Analysis(slos=slos, cost_usd_per_request=1.0, latency_p95_s=2.0))
    world.cost = 0.01
    took = []
    for i in range(300):
        world.serve("s", 18, rate=0.01)
        world.serve("c", 2, rate=0.01)
        grown = tuple(replace(pod, memory_bytes=(pod.memory_bytes or 0) + world.rng.randrange(10**6)) for pod in pods)
        values = {slo.name: (0.9 + i / 1e6, 0.9) for slo in slos}
        sample = Sample(world.at, world.counts("c"), world.counts("s"), canary_pods=grown, slos=values)
        began = time.perf_counter()
        world.look(sample=sample, passed_s=7.0, memory_limit=1e9)
        took.append(time.perf_counter() - began)
    assert len(json.dumps(world.evidence)) < 20_000
    assert sorted(took)[len(took) // 2] < 0.005


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Counts(10), Counts(9)),
        (Counts(10, {"500": 5}), Counts(20, {"500": 4})),
        (Counts(10, {"provider": 3}), Counts(20, {"provider": 1, "500": 9})),
        (Counts(10, {}, ((1.0, 5),)), Counts(20, {}, ((1.0, 4),))),
        (Counts(10, cost_usd=5.0), Counts(20, cost_usd=4.0)),
    ],
)
def test_nothing_is_made_of_counters_that_fell(before: Counts, now: Counts) -> None:
    assert increments.since(increments.seen(before), increments.seen(now)) is None
    assert increments.since(None, increments.seen(now)) is None


def test_increments_tell_causes_and_latency() -> None:
    before = Counts(10, {"500": 1}, ((0.5, 8), (2.0, 9)), cost_usd=1.0)
    now = Counts(30, {"500": 2, "provider": 1, "provider-429": 2}, ((0.5, 20), (2.0, 27)), cost_usd=1.5)
    served = increments.since(increments.seen(before), increments.seen(now))
    assert served is not None
    assert (served.requests, served.failed, served.provider, served.usd) == (20, 4, 3, 0.5)
    assert served.above(0.5) == (20, 8)
    many = Counts(10, {}, tuple((float(i), min(i, 10)) for i in range(1, 100)))
    assert len(increments.seen(many)["l"]) <= 40
    other = increments.since(increments.seen(now), increments.seen(replace(now, latency=((1.0, 9),))))
    assert other is not None
    assert other.latency == ()
