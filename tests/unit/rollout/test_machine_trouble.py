"""The machine where people, registries, terminals and autoscalers get in its way."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from small_world import NEW, OLD, Look, World, quick

from agentops.errors import ApiDown, Unavailable
from agentops.model.rollout import Cause, Phase, State
from agentops.rollout import execute, guardrails, recover, watchdog, workload
from agentops.rollout.machine import Machine


def image_to(image: str) -> Any:
    def edit(doc: dict[str, Any]) -> None:
        doc["spec"]["template"]["spec"]["containers"][0]["image"] = image

    return edit


def remade(machine: Machine, **changes: Any) -> Machine:
    """The same machine with other parts."""
    return Machine(replace(machine._parts, **changes))


@pytest.mark.parametrize("asked", [True, False])
def test_an_image_by_hand_in_the_commit_ends_on_stable_and_stays(asked: bool) -> None:
    world = World()
    runner, machine = world.start()
    world.run(machine, until=Phase.COMMIT)
    world.step(machine)
    world.cluster.edit("Deployment", "app", image_to("third"))
    if asked:
        runner.journal.ask_abort(why="x", by="ann")
    state = world.run(machine)
    assert state.phase is Phase.ABORTED
    assert state.cause is (Cause.ASKED if asked else Cause.BROKEN)
    assert world.stable_image() == "third"
    assert world.weight() == 0


def test_a_way_back_that_was_stuck_goes_on_with_the_next_runner() -> None:
    world = World()
    runner, machine = world.start()
    world.run(machine, until=Phase.COMMIT)
    world.step(machine)
    world.step(machine)
    world.cluster.sick[OLD] = "CrashLoopBackOff"
    runner.journal.ask_abort(why="x", by="ann")
    state = world.run(machine, ticks=200)
    assert "did not come back within 60 s" in state.rollback_failed
    world.cluster.sick.clear()
    for pod in world.cluster.pods("app"):
        world.cluster.remove("Pod", pod["metadata"]["name"])
    world.cluster.settle()
    _, machine = world.resume()
    state = world.run(machine)
    assert (state.phase, state.rollback_failed) == (Phase.ABORTED, "")
    assert world.stable_image() == OLD


def test_a_terminal_that_is_gone_does_not_end_the_way_back() -> None:
    world = World()
    runner, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    stop = threading.Event()
    stop.set()

    class Ticking:
        def tick(self) -> State:
            return world.step(machine)

    def broken(_state: State, _trouble: str) -> None:
        raise BrokenPipeError

    state = execute.drive(runner, Ticking(), stop=stop, each=broken, interval_s=0.0)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.ASKED)


def test_stable_keeps_the_pods_that_it_came_to_have_meanwhile() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    world.cluster.edit("Deployment", "app", lambda d: d["spec"].update(replicas=8))
    world.cluster.settle()
    world.run(machine, until=Phase.BAKE)
    for _ in range(4):
        world.step(machine)
    hpa = world.cluster.objects[("HorizontalPodAutoscaler", "app")]
    assert hpa["spec"]["minReplicas"] == 8
    assert world.cluster.objects[("Deployment", "app-canary")]["spec"]["replicas"] == 10
    world.run(machine)
    assert world.cluster.objects[("HorizontalPodAutoscaler", "app")]["spec"]["minReplicas"] == 1


def test_a_floor_that_somebody_set_meanwhile_stays() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.BAKE)
    world.cluster.edit("HorizontalPodAutoscaler", "app", lambda d: d["spec"].update(minReplicas=5))
    world.run(machine)
    hpa = world.cluster.objects[("HorizontalPodAutoscaler", "app")]
    assert hpa["spec"]["minReplicas"] == 5
    assert not [key for key in hpa["metadata"]["annotations"] if key.startswith("rollout.agentops/")]


def test_time_in_which_nobody_looked_is_no_bake() -> None:
    world = World(place=replace(quick(), bake_minutes=1.0))
    _, machine = world.start()
    world.run(machine, until=Phase.BAKE)
    for _ in range(5):
        world.step(machine)
    world.now += 900
    _, machine = world.resume()
    for _ in range(20):
        assert world.step(machine).phase is Phase.BAKE
    assert world.run(machine).phase is Phase.DONE


@pytest.mark.parametrize("how", ["drift", "resume"])
def test_harm_is_seen_while_frozen(how: str) -> None:
    world = World(place=quick())
    world.look = Look(settled=False, missing="more")
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    for _ in range(3):
        world.step(machine)
    if how == "drift":
        world.cluster.edit("Service", "app", lambda d: d["spec"].update(weight=77))
    else:
        for pod in world.cluster.pods("app-canary"):
            world.cluster.remove("Pod", pod["metadata"]["name"])
        world.cluster.objects[("Deployment", "app-canary")]["status"]["availableReplicas"] = 0
        _, machine = world.resume()
    world.look = Look(settled=False, harm="it crashes")
    state = world.step(machine)
    assert (state.cause, state.reason) == (Cause.HARM, "it crashes")


def test_a_registry_that_is_away_at_the_commit_goes_back() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.BAKE)

    def admitted(_state: State) -> None:
        raise Unavailable("the registry did not answer")

    state = world.run(remade(machine, admitted=admitted))
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.BROKEN)
    assert "registry did not answer" in state.reason
    assert world.stable_image() == OLD


@pytest.mark.parametrize("change", [{"image": "agent@sha256:" + "c" * 64}, {"broke_glass": "x"}, {"record": "f" * 64}])
def test_what_admits_cannot_be_changed_in_the_journal(change: dict[str, Any]) -> None:
    world = World()
    runner, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    runner.journal.save(replace(runner.hands.state, **change))
    state = world.run(machine)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.BROKEN)
    assert "in the journal" in state.reason
    containers = world.cluster.objects[("Deployment", "app-canary")]["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == NEW


def test_an_abort_on_the_way_back_keeps_the_reason() -> None:
    world = World()
    runner, machine = world.start()
    world.run(machine, until=Phase.BAKE)
    world.step(machine)
    world.look = Look(harm="unsafe answer")
    world.step(machine)
    runner.journal.ask_abort(why="the last step of CI", by="ci")
    state = world.run(machine)
    assert (state.cause, state.reason) == (Cause.HARM, "unsafe answer")


def test_one_unready_moment_late_in_a_trial_is_no_failure() -> None:
    @dataclass
    class Endless:
        evidence: dict[str, Any] = field(default_factory=dict)
        harm, settled, missing, frozen, told, over = "", False, "more", "", "busy", False

        def look(self, _state: State) -> Any:
            return self

        def stop(self) -> None: ...

    from agentops.model.rollout_settings import CanaryEvals

    world = World(place=quick(evals=CanaryEvals(("suite.yaml",))))
    world.trials = {Phase.CHECK: Endless()}
    _, machine = world.start()
    world.run(machine, until=Phase.CHECK)
    for _ in range(60):
        world.step(machine)
    status = world.cluster.objects[("Deployment", "app-canary")]["status"]
    status["availableReplicas"] = 0
    world.now += 1
    assert machine.tick().phase is Phase.CHECK
    world.cluster.settle()
    assert world.step(machine).phase is Phase.CHECK


def test_others_that_write_for_ever_end_the_rollout() -> None:
    world = World()
    _, machine = world.start()
    from agentops.errors import Conflict

    def fence() -> None:
        raise Conflict("it belongs to another rollout")

    machine = remade(machine, watch_over=fence)
    for _ in range(31):
        with pytest.raises(Conflict):
            world.step(machine)
    state = world.run(machine)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.BROKEN)
    assert "others write to what the rollout writes to" in state.reason


def test_stable_that_never_serves_everybody_is_told() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.RESTORE)
    router = machine._parts.router
    router.clear = lambda: "nodes"  # type: ignore[method-assign]
    state = world.run(machine)
    assert state.phase is Phase.RESTORE
    assert "does not serve everybody" in state.rollback_failed


def test_a_recovered_rollout_knows_its_route_and_drains() -> None:
    world = World()
    world.plan = replace(world.plan, route="web")
    _, machine = world.start()
    world.run(machine, until=Phase.BAKE)
    world.cluster.remove("ConfigMap", "app-rollout")
    found = recover.from_objects(world.cluster, world.place, now=world.now)
    assert (found.plan.route, found.served, found.before) == ("web", True, OLD)


def test_the_canary_is_made_without_pods() -> None:
    world = World()
    made: list[int] = []

    def after(verb: str, kind: str, name: str) -> None:
        if (verb, kind, name) == ("create", "Deployment", "app-canary"):
            made.append(world.cluster.objects[(kind, name)]["spec"]["replicas"])

    world.cluster.after_write = after
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    assert made == [0]


def test_a_configuration_that_lost_a_phase_goes_on() -> None:
    world = World(place=quick(approval=True))
    runner, machine = world.start()
    world.run(machine, until=Phase.WAIT)
    execute.approve(runner.journal, environment="production", who="ann", why="", now=world.now)
    world.place = quick(approval=False)
    _, machine = world.resume()
    assert world.run(machine).phase is Phase.DONE


def test_the_watchdog_steps_in_again_where_the_api_hindered_it() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    calls = [0]
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def step_in(state: State | None) -> State | None:
        calls[0] += 1
        if calls[0] < 3:
            world.runner().lease.seize()
            raise ApiDown("a moment")
        return state

    watchdog.watch(world.cluster, world.place, step_in=step_in, sleep=sleep, clock=lambda: now[0])
    assert calls[0] == 3
    assert now[0] < 200


def test_the_watchdog_steps_in_where_the_journal_is_gone() -> None:
    world = World()
    _, machine = world.start()
    world.run(machine, until=Phase.CANARY)
    world.cluster.remove("ConfigMap", "app-rollout")
    seen: list[State | None] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def step_in(state: State | None) -> State | None:
        seen.append(state)
        return state

    watchdog.watch(world.cluster, world.place, step_in=step_in, sleep=sleep, clock=lambda: now[0])
    assert seen == [None]
    assert now[0] >= 180


def test_a_phase_that_nobody_carries_out_is_never_passed() -> None:
    from agentops.model.rollout_settings import CanaryEvals

    world = World(place=quick(evals=CanaryEvals(("suite.yaml",))))
    _, machine = world.start()
    state = world.run(machine)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.INCONCLUSIVE)
    assert "check: nothing carries it out" in state.reason


def lose(world: World) -> None:
    """The node of the canary's pods does not answer: only what the controller of nodes tells of a pod changes."""
    for pod in world.cluster.pods("app-canary"):
        status = {
            "phase": "Running", "podIP": "10.9.9.9",
            "conditions": [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": True, "restartCount": 0, "state": {"running": {}}}],
        }  # fmt: skip
        world.cluster.edit("Pod", pod["metadata"]["name"], lambda doc, status=status: doc.update(status=status))


@pytest.mark.parametrize("comes_back", [True, False])
def test_pods_that_were_lost_with_a_node_are_waited_for_and_not_for_ever(comes_back: bool) -> None:
    world = World()
    began = world.now
    _, machine = world.start()
    world.cluster.sick[NEW] = "ContainerCreating"
    for _ in range(5):
        world.step(machine)
    lose(world)
    for _ in range(40):  # more than the 30 s that pods have to get ready
        state = world.step(machine)
    assert state.phase is Phase.CANARY_UP, state.reason
    if comes_back:
        world.cluster.sick.clear()
        for pod in world.cluster.pods("app-canary"):
            world.cluster.remove("Pod", pod["metadata"]["name"])
        world.cluster.settle()
        assert world.run(machine).phase is Phase.DONE
    else:
        state = world.run(machine)
        assert (state.phase, state.cause) == (Phase.ABORTED, Cause.BROKEN)
        assert world.now - began > 85


def test_pods_that_never_got_ready_are_not_taken_for_lost() -> None:
    world = World()
    began = world.now
    _, machine = world.start()
    world.cluster.sick[NEW] = "ContainerCreating"
    state = world.run(machine)
    assert state.cause is Cause.BROKEN
    assert world.now - began < 60


@pytest.mark.parametrize(
    ("conditions", "more", "lost"),
    [
        ({"Ready": "False", "ContainersReady": "True"}, {}, True),
        ({"Ready": "True", "ContainersReady": "True"}, {}, False),
        ({"Ready": "False", "ContainersReady": "False"}, {}, False),
        ({}, {}, False),
        # A gate of the team's own keeps it from being ready.
        ({"Ready": "False", "ContainersReady": "True"}, {"readinessGates": [{"conditionType": "team/x"}]}, False),
    ],
)
def test_a_lost_pod_is_told_by_its_conditions(conditions: dict[str, str], more: dict[str, Any], lost: bool) -> None:
    told = [{"type": kind, "status": value} for kind, value in conditions.items()]
    pod = workload.pod_of({"metadata": {"name": "p"}, "spec": more, "status": {"conditions": told}})
    assert pod.lost is lost
    assert ("its node does not answer" in guardrails.diagnosis([pod])) is lost
