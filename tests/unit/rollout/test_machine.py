"""The machine over an API in memory: the good way, every way back, kills and lost answers at every write."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_world import NEW, OLD, PLAN, Look, World, quick

from agentops.errors import ApiDown, Conflict, UsageError
from agentops.model.rollout import Cause, Phase
from agentops.rollout import execute, recover
from agentops.rollout.journal import Fenced
from agentops.rollout.lease import Locked


class Killed(BaseException):
    """kill -9 at this very point."""


def ended(world: World, *, on: str) -> None:
    """The team's objects are as they were, but for the image; the canary rests; no traffic goes there."""
    assert world.stable_image() == on
    assert world.weight() == 0
    canary = world.cluster.objects.get(("Deployment", "app-canary"))
    assert canary is None or canary["spec"]["replicas"] == 0
    shape = world.shape()
    shape["Deployment/app"]["spec"]["template"]["spec"]["containers"][0]["image"] = OLD
    assert shape == world.before


def test_a_good_image_serves_everybody_and_everything_else_is_as_before() -> None:
    world = World()
    _, machine = world.start()
    weights = []
    while not (state := world.step(machine)).phase.ended:
        weights.append(world.weight())
        if state.phase in (Phase.BAKE, Phase.COMMIT) and world.weight() == 100:
            assert world.cluster.objects[("Deployment", "app-canary")]["spec"]["replicas"] == 4
        assert world.cluster.objects[("HorizontalPodAutoscaler", "app")]["spec"]["minReplicas"] == 3 or (
            state.phase is Phase.CANARY_UP
        )
    assert state.phase is Phase.DONE
    assert [w for w, _ in groupby(weights)] == [0, 10, 50, 100, 0]
    ended(world, on=NEW)


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.BAKE])
def test_harm_goes_back_within_the_tick_that_saw_it(phase: Phase) -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=phase)
    world.step(machine)
    world.step(machine)
    assert world.weight() > 0
    world.look = Look(harm="errors")
    state = world.step(machine)
    assert world.weight() == 0
    assert (state.cause, state.reason) == (Cause.HARM, "errors")
    assert world.run(machine).phase is Phase.ABORTED
    ended(world, on=OLD)


def test_an_image_that_never_gets_ready_gets_no_traffic() -> None:
    world = World()
    world.cluster.sick[NEW] = "ImagePullBackOff"
    _, machine = world.start()
    state = world.run(machine)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.BROKEN)
    assert "not ready within 30 s" in state.reason
    ended(world, on=OLD)


def test_without_enough_samples_it_is_never_promoted() -> None:
    world = World(place=quick())
    world.look = Look(settled=False, missing="80 more requests")
    _, machine = world.start()
    state = world.run(machine)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.INCONCLUSIVE)
    assert state.extended == 1
    assert "at 10 %: 80 more requests" in state.reason
    ended(world, on=OLD)


def test_an_outage_of_the_metrics_freezes_and_then_ends_inconclusive() -> None:
    world = World(place=quick())
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    world.look = Look(settled=False, frozen="no metrics")
    for _ in range(10):
        state = world.step(machine)
    assert state.phase is Phase.CANARY
    assert state.frozen == "no metrics"
    weight = world.weight()
    world.look = Look()
    state = world.step(machine)
    assert not state.frozen
    assert world.weight() == weight
    world.look = Look(settled=False, frozen="no metrics")
    state = world.run(machine)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.INCONCLUSIVE)
    ended(world, on=OLD)


def test_a_change_by_hand_is_told_and_not_overwritten() -> None:
    world = World(place=quick())
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    world.look = Look(settled=False, missing="more")
    world.step(machine)
    world.step(machine)
    world.cluster.edit("Service", "app", lambda d: d["spec"].update(weight=77))
    state = world.step(machine)
    assert "changed by hand" in state.frozen
    assert world.weight() == 77

    def other(doc: dict[str, Any]) -> None:
        doc["spec"]["template"]["spec"]["containers"][0]["image"] = "other"

    world.cluster.edit("Deployment", "app", other)
    assert "the image of app was changed to other by somebody; the weight" in world.step(machine).frozen
    assert world.stable_image() == "other"
    state = world.run(machine)
    assert state.phase is Phase.ABORTED
    assert world.stable_image() == "other"


def test_a_commit_that_fails_leaves_the_canary_serving_until_stable_is_back() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.COMMIT)
    world.cluster.sick[NEW] = "CrashLoopBackOff"
    seen = []
    while not (state := world.step(machine)).phase.ended:
        seen.append((world.stable_image(), world.weight()))
    assert state.cause is Cause.BROKEN
    assert (NEW, 0) not in seen
    assert seen.index((OLD, 0)) > seen.index((NEW, 100))
    ended(world, on=OLD)


def test_abort_is_obeyed_in_every_phase() -> None:
    for phase in (Phase.CANARY_UP, Phase.CANARY, Phase.BAKE, Phase.COMMIT, Phase.RESTORE):
        world = World()
        runner, machine = world.start()
        if phase is not Phase.CANARY_UP:
            world.run(machine, until=phase)
        runner.journal.ask_abort(why="it is Friday", by="ann")
        state = world.run(machine)
        assert (state.phase, state.cause, state.asked_by) == (Phase.ABORTED, Cause.ASKED, "ann")
        ended(world, on=OLD)


def test_approval_comes_from_another_process() -> None:
    world = World(place=quick(approval=True))
    runner, machine = world.start()
    world.run(machine, until=Phase.WAIT)
    for _ in range(50):
        assert world.step(machine).phase is Phase.WAIT
    other = world.runner()
    execute.approve(other.journal, environment="production", who="ann", why="looks good", now=world.now)
    state = world.run(machine)
    assert state.phase is Phase.DONE
    assert state.approvals[0].who == "ann"
    with pytest.raises(UsageError, match="no rollout is under way"):
        execute.approve(runner.journal, environment="production", who="bob", why="", now=world.now)


def test_a_second_rollout_is_refused_without_a_write() -> None:
    world = World()
    world.start()
    writes = len(world.cluster.writes)
    other = world.runner()
    with pytest.raises(Locked, match="held by"):
        other.lease.acquire(wait_s=0)
    with pytest.raises(Locked, match="under way"):
        execute.begin(other, world.state())
    assert len(world.cluster.writes) == writes


def test_a_runner_that_was_taken_over_writes_nothing_more() -> None:
    world = World()
    _, old = world.start()
    world.run(old, until=Phase.CANARY)
    _, new = world.resume()
    writes = len(world.cluster.writes)
    with pytest.raises(Fenced):
        world.step(old)
    assert len(world.cluster.writes) == writes
    assert world.run(new).phase is Phase.DONE
    ended(world, on=NEW)


def test_a_lost_journal_goes_back_by_what_the_objects_tell() -> None:
    for phase in (Phase.CANARY, Phase.BAKE, Phase.COMMIT):
        world = World()
        _, machine = world.start()
        world.run(machine, until=phase)
        world.step(machine)
        world.cluster.remove("ConfigMap", "app-rollout")
        with pytest.raises(Fenced, match="the journal is gone"):
            machine.tick()
        runner = world.runner()
        runner.lease.seize()
        runner.journal.refresh()
        runner.journal.begin(recover.from_objects(world.cluster, world.place, now=world.now))
        execute.take_over(runner)
        state = world.run(world.machine(runner))
        assert state.phase is Phase.ABORTED
        ended(world, on=OLD)


def _writes(world: World) -> int:
    _, machine = world.start()
    world.run(machine)
    return len(world.cluster.writes)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("then", ["resume", "abort"])
def test_killed_at_every_write_it_converges(side: str, then: str) -> None:
    total = _writes(World())
    assert total > 20
    for at in range(2, total + 1):  # the first is the lock, the second the journal's first
        world = World()
        left = [at]

        def kill(*_: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed

        if side == "before":
            world.cluster.before_write = kill
        else:
            world.cluster.after_write = kill
        try:
            _, machine = world.start()
            world.run(machine)
        except Killed:
            pass
        world.cluster.before_write = world.cluster.after_write = lambda *_: None
        world.cluster.settle()
        found = world.runner().journal.refresh()
        if found is None or found.phase.ended:
            ended(world, on=OLD if found is None else NEW)
            continue
        runner, machine = world.resume()
        if then == "abort":
            runner.journal.ask_abort(why="killed", by="test")
        state = world.run(machine)
        assert state.phase is (Phase.DONE if then == "resume" else Phase.ABORTED), (at, state.reason)
        ended(world, on=NEW if then == "resume" else OLD)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_the_api_does_it_converges(data: st.DataObject) -> None:
    """Conflicts, lost answers, kills, harm, aborts: at the end stable serves and all is as before."""
    world = World(place=quick())
    dice = data.draw(st.randoms(use_true_random=False))
    rate = data.draw(st.sampled_from([0.0, 0.1, 0.3]))

    def before(*_: str) -> None:
        if dice.random() < rate:
            raise dice.choice([ApiDown("down"), Conflict("changed")])

    def after(*_: str) -> None:
        if dice.random() < rate:
            raise ApiDown("the answer was lost")

    runner, machine = world.start()
    world.cluster.before_write, world.cluster.after_write = before, after
    events = data.draw(st.lists(st.sampled_from(["harm", "abort", "kill", "freeze", "fine"]), max_size=4))
    for number in range(1500):
        if events and number % 25 == 24:
            event = events.pop()
            world.look = {"harm": Look(harm="bad"), "freeze": Look(settled=False, frozen="none")}.get(event, Look())
            try:
                if event == "abort":
                    runner.journal.ask_abort(why="test", by="test")
                if event == "kill":
                    runner, machine = world.resume()
            except (ApiDown, Conflict, UsageError, Fenced):
                events.append(event)
                if event == "kill":
                    continue
        try:
            state = world.step(machine)
        except Fenced:
            # A take-over whose answer was lost: this runner is none any more.
            with contextlib.suppress(ApiDown, Conflict, UsageError, Fenced):
                runner, machine = world.resume()
            continue
        except (ApiDown, Conflict):
            world.cluster.settle()
            continue
        if state.phase.ended:
            break
    else:
        raise AssertionError(f"still {state.phase}: {state.awaiting or state.frozen}")
    ended(world, on=NEW if state.phase is Phase.DONE else OLD)


def test_low_capacity_bakes_at_the_last_weight() -> None:
    world = World(place=quick(low_capacity=True))
    _, machine = world.start()
    top = 0
    while not (state := world.step(machine)).phase.ended:
        top = max(top, world.weight())
    assert state.phase is Phase.DONE
    assert top == 50
    ended(world, on=NEW)


def test_blue_green_switches_once() -> None:
    world = World(plan=replace(PLAN, strategy="blue-green", weights=()))
    _, machine = world.start()
    weights = []
    while not (state := world.step(machine)).phase.ended:
        weights.append(world.weight())
    assert state.phase is Phase.DONE
    assert [w for w, _ in groupby(weights)] == [0, 100, 0]
    ended(world, on=NEW)
