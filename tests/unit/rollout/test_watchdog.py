"""The watchdog steps in for a runner that is gone, and for no other."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest
from small_world import PLACE, World, quick

from agentops.errors import ApiDown
from agentops.model.codec import decode
from agentops.model.rollout import Phase, State
from agentops.model.rollout_settings import Place, Watchdog
from agentops.rollout import watchdog

GRACE = 120.0


def watching(world: World, *, renew: bool = False, ticks: int = 400) -> tuple[list[float], State | None]:
    """When it stepped in, by a clock that moves two seconds a look."""
    now, stepped = [0.0], []
    runner = world.runner()

    def sleep(seconds: float) -> None:
        now[0] += seconds
        world.now += seconds
        if renew and now[0] % 14 == 0:
            runner.lease.seize()
        if now[0] > ticks * 2:
            raise TimeoutError

    def step_in(state: State) -> State:
        stepped.append(now[0])
        return state

    end = None
    with contextlib.suppress(TimeoutError):
        end = watchdog.watch(world.cluster, world.place, step_in=step_in, sleep=sleep, clock=lambda: now[0])
    return stepped, end


def test_it_steps_in_after_the_lease_and_the_grace() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    stepped, _ = watching(world)
    assert len(stepped) == 1
    assert 60 + GRACE <= stepped[0] <= 60 + GRACE + 4


def test_it_lets_a_runner_that_lives_alone() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    assert watching(world, renew=True) == ([], None)


def test_who_waits_for_an_approval_may_wait_alone() -> None:
    world = World(place=quick(approval=True))
    _, machine = world.start()
    world.run(machine, until=Phase.WAIT)
    assert watching(world) == ([], None)


def test_it_ends_with_the_rollout() -> None:
    world = World()
    _, machine = world.start()
    state = world.run(machine)
    assert watching(world) == ([], state)


def test_time_without_the_api_does_not_count() -> None:
    world = World()
    world.start()
    orphans = watchdog.Orphans(world.cluster, PLACE, clock=lambda: world.now)
    assert not orphans.left_alone(world.state())
    world.now += 170
    world.cluster.down = True
    with pytest.raises(ApiDown):
        orphans.left_alone(world.state())
    world.cluster.down = False
    world.now += 20
    assert not orphans.left_alone(world.state())
    world.now += 181
    assert orphans.left_alone(world.state())


def test_its_job_is_made_once_and_tells_the_place() -> None:
    world = World()
    place = replace(world.place, watchdog=Watchdog(image="tool@sha256:" + "c" * 64))
    watchdog.ensure(world.cluster, place, world.state())
    watchdog.ensure(world.cluster, place, world.state())
    assert world.cluster.writes == [("create", "Job", "app-rollout-watchdog-r1-1")]
    job = world.cluster.objects[("Job", "app-rollout-watchdog-r1-1")]
    container = job["spec"]["template"]["spec"]["containers"][0]
    told = decode(Place, json.loads(container["env"][0]["value"]))
    assert told == replace(place, namespace="default", context=None)
    watchdog.ensure(world.cluster, world.place, world.state())
    assert len(world.cluster.writes) == 1
