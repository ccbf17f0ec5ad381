"""The machine of a rollout that Argo Rollouts or Flagger carries out: what it waits for, and that it always ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_cluster import FakeCluster

from agentops.errors import ApiDown, ClusterError, Conflict, UsageError
from agentops.model.rollout import Approval, Cause, Phase, Plan, State
from agentops.model.rollout_settings import Analysis, Place, Timing
from agentops.reports.rollout.owner import owner
from agentops.rollout import execute
from agentops.rollout.delegate import Delegate
from agentops.rollout.delegated import Delegated
from agentops.rollout.hands import Hands, notes
from agentops.rollout.journal import Fenced, Journal
from agentops.rollout.names import Names
from agentops.rollout.parts import Silence

PLACE = Place(
    "production", "agent", container="agent", analysis=Analysis(outage_minutes=1.0),
    timing=Timing(ready_s=30, progress_s=120),
)  # fmt: skip
OLD, NEW = "agent@sha256:old", "agent@sha256:new"
PLAN = Plan("canary", "delegate", "Flagger owns it", (), 0, "", 1)
REFERENCE = {"workloadRef": {"kind": "Deployment", "name": "agent"}}


def template(image: str = OLD) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "agent", "image": image}]}}


def deployment(name: str = "agent") -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": template()}}


def canary() -> dict[str, Any]:
    spec = {"targetRef": {"kind": "Deployment", "name": "agent"}}
    status = {"phase": "Succeeded", "lastAppliedSpec": OLD}
    return {"kind": "Canary", "metadata": {"name": "agent"}, "spec": spec, "status": status}


def rollout(**spec: Any) -> dict[str, Any]:
    status = {"phase": "Healthy", "observedGeneration": "1", "stableRS": OLD, "currentPodHash": OLD}
    return {"kind": "Rollout", "metadata": {"name": "agent"}, "spec": spec, "status": status}


class World:
    """A cluster with Flagger or Argo Rollouts in it, and a clock that only ticks move. `stuck` plays a controller that
    does nothing; `steps` are the looks that a rollout takes it."""

    def __init__(self, kind: str = "Canary", *, place: Place = PLACE, steps: int = 3) -> None:
        docs = [deployment(), deployment("agent-primary"), canary()]
        if kind == "Rollout":
            docs = [rollout(template=template())]
        elif kind == "workloadRef":
            docs = [deployment(), rollout(**REFERENCE)]
        self.cluster, self.place = FakeCluster(*docs), place
        self.now, self.stuck, self.steps, self.at = 1_000_000.0, False, steps, 0
        self.refused = ""
        journal = Journal(self.cluster, Names("agent", "agent"))
        state = State("r", "agent", "production", "default", NEW, OLD, PLAN, began_at=self.now, phase_at=self.now)
        journal.begin(state)
        self.machine = self.runner(journal)

    def runner(self, journal: Journal | None = None) -> Delegated:
        """One that begins anew with what the journal says."""
        if journal is None:
            journal = Journal(self.cluster, Names("agent", "agent"))
            journal.refresh()
        self.journal = journal
        hands = Hands(self.cluster, journal)
        delegate = Delegate.of_state(hands, self.place)
        self.owner = delegate.owner
        return Delegated(hands, delegate, admitted=self.admitted, herald=Silence(), clock=lambda: self.now)

    def admitted(self, _state: State) -> None:
        if self.refused:
            raise UsageError(self.refused)

    def doc(self, kind: str, name: str = "agent") -> dict[str, Any] | None:
        return self.cluster.objects.get((kind, name))

    def image(self, kind: str = "", name: str = "agent") -> str:
        doc = self.doc(kind or self.owner.target[0], name)
        return "" if doc is None else str(doc["spec"]["template"]["spec"]["containers"][0]["image"])

    def by_hand(self, image: str, name: str = "agent") -> None:
        kind = self.owner.target[0] if name == "agent" else "Deployment"
        self.cluster.edit(kind, name, lambda d: d["spec"].update(template=template(image)))

    def ask_abort(self) -> None:
        self.journal.ask_abort(why="enough", by="maria")

    def control(self) -> None:
        """What the controllers do between two looks."""
        if self.stuck:
            return
        if (doc := self.doc("Canary")) is not None:
            self._flagger(doc)
        if (doc := self.doc("Rollout")) is not None:
            self._argo(doc)

    def _flagger(self, doc: dict[str, Any]) -> None:
        status, image = doc["status"], self.image("Deployment")
        if status["lastAppliedSpec"] != image:
            self.at, was = 0, status["phase"]
            started = {"phase": "Progressing", "canaryWeight": 0, "lastAppliedSpec": image}
            status |= started if image != self.image("Deployment", "agent-primary") or was != "Succeeded" else {}
        if status["phase"] == "Progressing":
            self.at += 1
            status["canaryWeight"] = 10 * self.at
            if self.at > self.steps or doc["spec"].get("skipAnalysis"):
                self.by_hand(image, "agent-primary")
                status |= {"phase": "Succeeded", "canaryWeight": 0}

    def _argo(self, doc: dict[str, Any]) -> None:
        status, target = doc["status"], self.doc(*self.owner.target) or doc
        generation = str(target["metadata"].get("generation", 1))
        if "workloadRef" in doc["spec"]:
            doc["metadata"].setdefault("annotations", {})["rollout.argoproj.io/workload-generation"] = generation
            status["workloadObservedGeneration"] = generation
        status["observedGeneration"] = str(doc["metadata"].get("generation", 1))
        image = self.image(self.owner.target[0])
        if status["currentPodHash"] != image:
            self.at = 0
            status |= {"currentPodHash": image, "abort": False, "abortedAt": None, "phase": "Progressing"}
        if status.get("abort"):
            status |= {"abortedAt": "now", "phase": "Degraded"}
            return
        self.at += 1
        done = self.at > self.steps or image == status["stableRS"]
        status |= {"phase": "Healthy", "stableRS": image} if done else {"phase": "Progressing"}

    def step(self, seconds: float = 1.0) -> State:
        self.now += seconds
        state = self.machine.tick()
        self.control()
        return state

    def run(self, *, until: Callable[[State], bool] = lambda s: s.phase.ended, ticks: int = 60,
            seconds: float = 1.0) -> State:  # fmt: skip
        for _ in range(ticks):
            state = self.step(seconds)
            if until(state) or state.phase.ended:
                return state
        raise AssertionError(f"still {state.phase} after {ticks} ticks: {state.awaiting or state.frozen}")

    def under_way(self) -> State:
        """The owner has the image and takes its steps."""
        self.steps = 10_000
        state = self.run(until=lambda s: s.flowing_at > 0)
        assert self.image() == NEW
        return self.step() or state

    def marks(self) -> list[str]:
        """What is left of us on the team's objects."""
        return [
            f"{kind}/{name}" for (kind, name), doc in self.cluster.objects.items()
            if kind != "ConfigMap" and any(key.startswith("rollout.agentops") for key in notes(doc))
        ]  # fmt: skip


KINDS = ("Canary", "Rollout", "workloadRef")


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout_to_its_end(kind: str) -> None:
    world = World(kind)
    state = world.run()
    assert state.phase is Phase.DONE
    assert world.image() == NEW
    assert world.marks() == []
    assert world.step().phase is Phase.DONE


@pytest.mark.parametrize("kind", KINDS)
def test_an_abort_that_was_asked_for(kind: str) -> None:
    world = World(kind)
    world.under_way()
    world.ask_abort()
    state = world.run()
    assert (state.phase, state.cause, state.reason) == (Phase.ABORTED, Cause.ASKED, "enough")
    assert (state.rollback_failed, state.committing) == ("", False)
    assert world.image() == OLD
    assert world.marks() == []


# Approval


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_is_not_set_before_somebody_approves(kind: str) -> None:
    world = World(kind, place=replace(PLACE, approval=True))
    state = world.run(until=lambda s: s.phase is Phase.WAIT)
    for _ in range(5):
        state = world.step(3600)
        assert state.phase is Phase.WAIT
        assert "promote" in state.awaiting
        assert world.image() == OLD
    # Another runner may go on once it was approved.
    execute.approve(world.journal, environment="production", who="maria", why="looks good", now=world.now)
    world.machine = world.runner()
    state = world.run()
    assert state.phase is Phase.DONE
    assert any("approved by maria: looks good" in entry.text for entry in state.entries)
    assert world.image() == NEW


def test_without_an_approval_to_ask_for_nobody_is_waited_for() -> None:
    world = World()
    phases = {world.step().phase for _ in range(10)}
    assert Phase.WAIT not in phases


def test_what_does_not_admit_any_more_is_not_set_however_long_ago_it_was_approved() -> None:
    world = World(place=replace(PLACE, approval=True))
    world.run(until=lambda s: s.phase is Phase.WAIT)
    execute.approve(world.journal, environment="production", who="maria", why="fine", now=world.now)
    world.refused = "the record is too old"
    state = world.run()
    assert (state.phase, state.cause, state.reason) == (Phase.ABORTED, Cause.BROKEN, "the record is too old")
    assert [w for w in world.cluster.writes if w[1] == "Deployment"] == [("patch", "Deployment", "agent")] * 2, (
        "marked and let go, no more"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_abort_before_the_image_was_set_waits_for_no_controller(kind: str) -> None:
    world = World(kind, place=replace(PLACE, approval=True))
    world.run(until=lambda s: s.phase is Phase.WAIT)
    owner = world.doc(world.owner.kind)
    assert owner is not None
    owner["status"]["phase"], world.stuck = "Degraded", True
    world.ask_abort()
    assert world.run(ticks=3).phase is Phase.ABORTED
    assert world.marks() == []


@pytest.mark.parametrize(("kind", "tool"), [("Canary", "Flagger"), ("Rollout", "Argo Rollouts")])
def test_the_journal_keeps_the_owners_word_to_the_end(kind: str, tool: str) -> None:
    world = World(kind)
    state = world.under_way()
    found = owner(state)
    assert found is not None
    assert (found.name, found.said) == (f"{kind} agent of {tool}", state.awaiting)
    assert found.said.startswith(tool)
    world.steps = 1
    state = world.run()
    found = owner(state)
    assert state.phase is Phase.DONE
    assert found is not None
    assert found.said in state.entries[-1].text
    assert "not used" in found.limits


# The way back


@pytest.mark.parametrize("kind", KINDS)
def test_a_way_back_that_does_not_end_failed_after_its_deadline_and_is_tried_on(kind: str) -> None:
    world = World(kind)
    world.under_way()
    world.stuck = True
    world.ask_abort()
    world.step()
    began = world.now
    while world.now - began <= 119:
        state = world.step(7)
        assert state.phase is Phase.ABORTING
        if world.now - began <= 120:
            assert state.rollback_failed == ""
            assert state.awaiting
    state = world.step(7)
    assert state.rollback_failed.startswith("not back within 120 s: ")
    entries = len(state.entries)
    assert len(world.step().entries) == entries, "it is told once"
    world.stuck = False
    state = world.run()
    assert (state.phase, state.rollback_failed) == (Phase.ABORTED, "")
    assert world.image() == OLD


def test_an_error_on_the_way_back_is_awaited_and_failed_only_after_the_deadline() -> None:
    world = World()
    world.under_way()
    world.ask_abort()
    world.step()
    get, told = world.cluster.get, ClusterError("canaries is forbidden\x1b[2J", hint="ask for the right")

    def forbidden(kind: str, name: str, *, namespace: str | None = None) -> Any:
        if kind == "Canary":
            raise told
        return get(kind, name)

    world.cluster.get = forbidden  # type: ignore[method-assign]
    state = world.step()
    assert (state.phase, state.rollback_failed) == (Phase.ABORTING, "")
    assert state.awaiting == "canaries is forbidden (ask for the right)"
    state = world.step(121)
    assert "not back within 120 s: canaries is forbidden" in state.rollback_failed
    world.cluster.get = get  # type: ignore[method-assign]
    state = world.run()
    assert (state.phase, state.rollback_failed) == (Phase.ABORTED, "")


def test_a_conflict_is_looked_at_again_until_the_deadline() -> None:
    world = World()
    world.under_way()
    world.ask_abort()
    world.step()
    world.cluster.edit("Canary", "agent", lambda d: d["metadata"]["annotations"].update({"rollout.agentops/id": "x"}))
    with pytest.raises(Conflict, match="belongs to the rollout x"):
        world.step()
    for _ in range(3):
        state = world.step(121)
        assert "belongs to the rollout x" in state.rollback_failed


def test_an_object_of_another_rollout_ends_before_it_began() -> None:
    world = World()
    world.cluster.edit("Canary", "agent", lambda d: d["metadata"].update(annotations={"rollout.agentops/id": "x"}))
    with pytest.raises(Conflict):
        world.step()
    world.now += 31
    state = world.run()
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.BROKEN)
    assert notes(world.doc("Canary") or {})["rollout.agentops/id"] == "x"


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_by_hand_does_not_hold_the_way_back_and_is_told(kind: str) -> None:
    world = World(kind)
    world.under_way()
    world.ask_abort()
    world.step()
    world.by_hand("mended@sha256:1")
    state = world.run(ticks=3)
    assert (state.phase, state.rollback_failed) == (Phase.ABORTED, "")
    assert "is left as it is: mended@sha256:1" in state.reason
    assert "is left as it is: mended@sha256:1" in state.entries[-1].text
    assert world.image() == "mended@sha256:1"
    assert world.marks() == []


# Drift


def test_what_is_changed_by_hand_freezes_and_goes_back_inconclusive() -> None:
    world = World()
    world.under_way()
    world.by_hand("other")
    state = world.step()
    assert "names another image by now: other" in state.frozen
    assert world.step(59).phase is Phase.CANARY
    state = world.step(2)
    assert (state.phase, state.cause) == (Phase.ABORTING, Cause.INCONCLUSIVE)
    assert "frozen for more than 1 minutes" in state.reason
    assert world.run(ticks=3).phase is Phase.ABORTED


def test_what_is_changed_back_in_time_goes_on() -> None:
    world = World()
    world.under_way()
    for _ in range(3):
        # Each of them lasts for less than the limit, all of them for more.
        world.by_hand("other")
        assert world.step(30).frozen
        world.by_hand(NEW)
        state = world.step(30)
        assert (state.frozen, state.phase) == ("", Phase.CANARY)
    world.steps = 3
    assert world.run().phase is Phase.DONE


@pytest.mark.parametrize("kind", KINDS)
def test_the_former_image_set_by_others_is_no_rollout_for_ever(kind: str) -> None:
    """A GitOps tool puts the former image back: nothing is under way then, and nobody says so."""
    world = World(kind)
    world.under_way()
    world.by_hand(OLD)
    assert "names the former image again" in world.step().frozen
    state = world.run(seconds=10)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.INCONCLUSIVE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_controller_that_does_not_look_ends_the_rollout(kind: str) -> None:
    world = World(kind)
    world.stuck = True
    state = world.run(until=lambda s: s.flowing_at > 0)
    assert world.step(119).phase is Phase.CANARY
    state = world.step(2)
    assert (state.phase, state.cause) == (Phase.ABORTING, Cause.BROKEN)
    assert "said nothing of the image for 120 s" in state.reason


def test_a_controller_that_looks_may_take_its_time() -> None:
    world = World()
    world.under_way()
    for _ in range(30):
        assert world.step(100).phase is Phase.CANARY


def test_an_image_of_others_at_the_start_does_not_wait_for_ever() -> None:
    world = World()
    world.by_hand("other")
    state = world.run(until=lambda s: bool(s.awaiting))
    assert "names other" in state.awaiting
    state = world.step(31)
    assert (state.phase, state.cause) == (Phase.ABORTING, Cause.BROKEN)
    assert world.run(ticks=3).phase is Phase.ABORTED
    assert world.image() == "other"


# The owner is gone


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_owner_a_rollout_goes_back_and_ends(kind: str) -> None:
    world = World(kind)
    world.under_way()
    world.cluster.remove(world.owner.kind, "agent")
    state = world.step()
    assert (state.phase, state.cause) == (Phase.ABORTING, Cause.BROKEN)
    state = world.run(ticks=3)
    assert (state.phase, state.rollback_failed) == (Phase.ABORTED, "")
    assert f"{world.owner.told} is gone" in state.reason
    assert world.image() == ("" if kind == "Rollout" else OLD)
    assert world.marks() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("begun", [False, True])
def test_another_runner_ends_it_without_the_owner_too(kind: str, begun: bool) -> None:
    world = World(kind)
    if begun:
        world.under_way()
    world.cluster.remove(world.owner.kind, "agent")
    world.machine = world.runner()
    world.ask_abort()
    state = world.run(ticks=3)
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.ASKED)
    assert NEW not in world.image()


def test_a_template_without_the_container_does_not_hold_the_way_back() -> None:
    world = World()
    world.under_way()
    other = {"spec": {"containers": [{"name": "renamed", "image": NEW}]}}
    world.cluster.edit("Deployment", "agent", lambda d: d["spec"].update(template=other))
    assert world.step().frozen
    world.ask_abort()
    assert world.run(ticks=3).phase is Phase.ABORTED


# Runners that die, and what nobody may write


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_runner_that_dies_at_any_write_is_followed_by_one_that_ends_it(kind: str, side: str) -> None:
    for wanted in (Phase.DONE, Phase.ABORTED):
        for fail_at in range(1, 16):
            world, count = World(kind), 0

            def hook(*_: str, limit: int = fail_at) -> None:
                nonlocal count
                count += 1
                if count == limit:
                    raise ApiDown("cut off")

            setattr(world.cluster, f"{side}_write", hook)
            state, asked = None, False
            for _ in range(60):
                try:
                    state = world.step()
                    if wanted is Phase.ABORTED and state.phase is Phase.CANARY and not asked:
                        world.ask_abort()
                        asked = True
                except (ApiDown, Conflict):
                    world.machine = world.runner()
                if state is not None and state.phase.ended:
                    break
            assert state is not None
            assert state.phase is wanted, (fail_at, state.awaiting)
            assert world.image() == (NEW if wanted is Phase.DONE else OLD)
            assert world.marks() == []


def test_what_admits_an_image_is_not_changed_in_the_journal() -> None:
    world = World()
    world.step()
    other = Journal(world.cluster, Names("agent", "agent"))
    found = other.refresh()
    assert found is not None
    other.save(replace(found, image="evil@sha256:1"))
    state = world.run()
    assert (state.phase, state.cause) == (Phase.ABORTED, Cause.BROKEN)
    assert "somebody changed the image in the journal" in state.reason
    assert world.image() == OLD


def test_a_runner_that_was_taken_over_stops() -> None:
    world = World()
    world.under_way()
    other = Journal(world.cluster, Names("agent", "agent"))
    found = other.refresh()
    assert found is not None
    other.save(replace(found, epoch=2, approvals=(Approval(1.0, "x", "y"),)))
    with pytest.raises(Fenced):
        world.step()


def test_looks_are_not_written_down_every_second() -> None:
    world = World()
    world.under_way()
    before = len(world.cluster.writes)
    for _ in range(20):
        world.step()
    assert len(world.cluster.writes) - before <= 5
