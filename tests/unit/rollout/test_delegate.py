"""Rollouts that Argo Rollouts or Flagger carries out; both are played."""

from __future__ import annotations

from typing import Any

import pytest
from fake_cluster import FakeCluster

from agentops.errors import ApiDown, ClusterError, Conflict
from agentops.model.rollout import Cause, Phase, Plan, State, Touched
from agentops.model.rollout_settings import Place
from agentops.rollout.delegate import Delegate, Owner, owner_of
from agentops.rollout.hands import Hands, notes, original
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names

PLACE = Place("test", "agent", container="agent")
OLD, NEW = "agent@sha256:old", "agent@sha256:new"
GENERATION = "rollout.argoproj.io/workload-generation"


def template(image: str = OLD) -> dict[str, Any]:
    containers = [{"name": "proxy", "image": "p"}, {"name": "agent", "image": image}]
    return {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": containers}}


def deployment(name: str = "agent") -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": template()}}


def rollout(**spec: Any) -> dict[str, Any]:
    status = {"phase": "Healthy", "observedGeneration": "1", "stableRS": "a", "currentPodHash": "a"}
    return {"kind": "Rollout", "metadata": {"name": "agent"}, "spec": spec, "status": status}


def canary() -> dict[str, Any]:
    spec = {"targetRef": {"kind": "Deployment", "name": "agent"}}
    status = {"phase": "Succeeded", "lastAppliedSpec": "1"}
    return {"kind": "Canary", "metadata": {"name": "agent"}, "spec": spec, "status": status}


class World:
    def __init__(self, *docs: dict[str, Any]) -> None:
        self.cluster = FakeCluster(*docs)
        journal = Journal(self.cluster, Names("agent", "agent"))
        journal.begin(State("r", "agent", "t", "default", NEW, OLD, Plan("canary", "delegate", "", (), 1, "", 1)))
        self.hands = Hands(self.cluster, journal)
        owner = owner_of(self.cluster, PLACE)
        assert owner is not None
        self.owner = owner
        self.delegate = Delegate(self.hands, PLACE, owner)

    def doc(self, kind: str, name: str = "agent") -> dict[str, Any]:
        return self.cluster.objects[(kind, name)]

    def image(self, kind: str, name: str = "agent") -> str:
        found: str = self.doc(kind, name)["spec"]["template"]["spec"]["containers"][1]["image"]
        return found

    def say(self, kind: str, **status: Any) -> None:
        """The tool writes its status, having seen everything."""
        doc = self.doc(kind)
        if kind == "Rollout":
            target = self.doc(*self.owner.target)
            seen = str(target["metadata"]["generation"])
            if self.owner.target[0] == "Deployment":
                doc["metadata"].setdefault("annotations", {})[GENERATION] = seen
                doc["status"]["workloadObservedGeneration"] = seen
            doc["status"]["observedGeneration"] = str(doc["metadata"]["generation"])
        doc["status"] |= status

    def look(self) -> tuple[Phase, Cause | None]:
        progress = self.delegate.look()
        return progress.phase, progress.cause


@pytest.fixture(params=["own", "reference"])
def argo(request: pytest.FixtureRequest) -> World:
    if request.param == "own":
        return World(rollout(template=template()))
    return World(deployment(), rollout(workloadRef={"kind": "Deployment", "name": "agent"}))


@pytest.fixture
def flagger() -> World:
    return World(deployment(), deployment("agent-primary"), canary())


def test_who_owns_what() -> None:
    assert owner_of(FakeCluster(deployment()), PLACE) is None
    assert World(rollout(template=template())).owner == Owner("Rollout", "agent", ("Rollout", "agent"))
    by_reference = World(deployment(), rollout(workloadRef={"kind": "Deployment", "name": "agent"}))
    assert by_reference.owner == Owner("Rollout", "agent", ("Deployment", "agent"))
    assert World(deployment(), canary()).owner == Owner("Canary", "agent", ("Deployment", "agent"))


def test_argo_is_given_the_image_and_believed_only_about_it(argo: World) -> None:
    assert argo.look() == (Phase.CANARY_UP, None)
    assert argo.delegate.start() == ""
    assert argo.image(argo.owner.target[0]) == NEW
    assert argo.look() == (Phase.CANARY_UP, None), "Healthy is said of the former image"
    argo.say(
        "Rollout", phase="Progressing", stableRS="a", currentPodHash="b", canary={"weights": {"canary": {"weight": 20}}}
    )
    assert argo.look() == (Phase.CANARY, None)
    assert argo.delegate.look().weight == 20
    argo.say("Rollout", phase="Paused", pauseConditions=[{"reason": "CanaryPauseStep"}])
    assert argo.look() == (Phase.WAIT, None)
    argo.say("Rollout", pauseConditions=[{"reason": "InconclusiveAnalysisRun"}])
    assert argo.look() == (Phase.WAIT, Cause.INCONCLUSIVE)
    argo.say("Rollout", phase="Healthy", stableRS="a", currentPodHash="b")
    assert argo.look()[0] != Phase.DONE, "the former image is stable still"
    argo.say("Rollout", phase="Healthy", stableRS="b")
    assert argo.look() == (Phase.DONE, None)
    writes = len(argo.cluster.writes)
    assert argo.delegate.start() == ""
    assert len(argo.cluster.writes) == writes
    argo.delegate.let_go()
    assert not [key for key in notes(argo.doc("Rollout")) if key.startswith("rollout.agentops")]
    assert argo.image(argo.owner.target[0]) == NEW


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ('RolloutAborted: metric "errors" assessed Failed due to failed (2) > failureLimit (1)', Cause.HARM),
        ("ProgressDeadlineExceeded: ReplicaSet has timed out progressing", Cause.BROKEN),
        ("RolloutAborted: Rollout aborted update to revision 3", Cause.ASKED),
    ],
)
def test_why_argo_went_back(argo: World, message: str, cause: Cause) -> None:
    argo.delegate.start()
    argo.say("Rollout", phase="Degraded", message=message + "\x1b[2J", currentPodHash="b")
    assert argo.look() == (Phase.ABORTED, cause)
    assert "\x1b" not in argo.delegate.look().text


def test_argo_is_aborted_by_its_own_status_and_then_given_the_former_image(argo: World) -> None:
    argo.delegate.start()
    argo.say("Rollout", phase="Progressing", stableRS="a", currentPodHash="b")
    assert argo.delegate.abort() == "Argo Rollouts to abort"
    assert argo.doc("Rollout")["status"]["abort"] is True
    assert argo.image(argo.owner.target[0]) == NEW
    assert argo.delegate.abort() == "Argo Rollouts to abort", "not before Argo took note of it"
    argo.say("Rollout", abortedAt="now", phase="Degraded")
    assert "healthy with the former image" in argo.delegate.abort()
    assert argo.image(argo.owner.target[0]) == OLD
    argo.say("Rollout", phase="Healthy", currentPodHash="a", abort=False, abortedAt=None)
    assert argo.delegate.abort() == ""
    writes = len(argo.cluster.writes)
    assert argo.delegate.abort() == ""
    assert len(argo.cluster.writes) == writes


def test_an_abort_before_anything_was_set_changes_no_traffic(argo: World) -> None:
    argo.say("Rollout", phase="Healthy")
    assert argo.delegate.abort() == ""
    assert "abort" not in argo.doc("Rollout")["status"]


def test_definitions_without_a_status_of_their_own_are_aborted_too() -> None:
    world = World(rollout(template=template()))
    world.delegate.start()
    world.say("Rollout", phase="Progressing", currentPodHash="b")
    tried: list[str] = []
    patch = world.cluster.patch

    def without(kind: str, name: str, ops: Any, *, subresource: str = "") -> Any:
        tried.append(subresource)
        if subresource:
            raise Conflict("the server could not find the requested resource")
        return patch(kind, name, ops)

    world.cluster.patch = without  # type: ignore[method-assign]
    world.delegate.abort()
    assert tried[-2:] == ["status", ""]
    assert world.doc("Rollout")["status"]["abort"] is True


def test_flagger_is_given_the_image_and_watched(flagger: World) -> None:
    assert flagger.delegate.start() == ""
    assert flagger.image("Deployment") == NEW
    assert flagger.image("Deployment", "agent-primary") == OLD
    assert flagger.look() == (Phase.CANARY_UP, None), "Succeeded is said of the former image"
    flagger.say("Canary", phase="Progressing", lastAppliedSpec="2")
    assert flagger.look() == (Phase.CANARY_UP, None)
    flagger.say("Canary", canaryWeight=10)
    assert flagger.look() == (Phase.CANARY, None)
    flagger.say("Canary", phase="WaitingPromotion")
    assert flagger.look() == (Phase.WAIT, None)
    flagger.say("Canary", phase="Promoting")
    assert flagger.look() == (Phase.COMMIT, None)
    flagger.cluster.edit("Deployment", "agent-primary", lambda d: d["spec"].update(template=template(NEW)))
    flagger.say("Canary", phase="Finalising")
    assert flagger.look() == (Phase.RESTORE, None)
    flagger.say("Canary", phase="Succeeded", canaryWeight=0)
    assert flagger.look() == (Phase.DONE, None)


@pytest.mark.parametrize(("failed", "cause"), [(5, Cause.HARM), (0, Cause.BROKEN)])
def test_why_flagger_went_back(flagger: World, failed: int, cause: Cause) -> None:
    flagger.say("Canary", phase="Failed", lastAppliedSpec="1")
    flagger.delegate.start()
    for _ in range(3):
        assert flagger.look() == (Phase.CANARY_UP, None), "a former image failed"
    flagger.say("Canary", lastAppliedSpec="2", failedChecks=failed)
    assert flagger.look() == (Phase.CANARY_UP, None), "it may be about to begin"
    assert flagger.look() == (Phase.ABORTED, cause)


def test_flagger_is_brought_back_by_the_image_first(flagger: World) -> None:
    flagger.delegate.start()
    flagger.say("Canary", phase="Progressing", lastAppliedSpec="2", canaryWeight=30)
    flagger.cluster.writes.clear()
    assert "Flagger to route everything to the primary" in flagger.delegate.abort()
    assert [kind for _, kind, _ in flagger.cluster.writes] == ["Deployment", "Canary"]
    assert flagger.image("Deployment") == OLD
    assert flagger.doc("Canary")["spec"]["skipAnalysis"] is True
    assert flagger.delegate.abort() != ""
    flagger.say("Canary", phase="Succeeded", canaryWeight=0)
    assert flagger.delegate.abort() == ""
    assert "skipAnalysis" not in flagger.doc("Canary")["spec"]
    flagger.delegate.let_go()
    assert notes(flagger.doc("Canary")) == {}
    assert notes(flagger.doc("Deployment")) == {}


def test_a_promotion_that_came_first_is_undone_as_well(flagger: World) -> None:
    flagger.delegate.start()
    flagger.cluster.edit("Deployment", "agent-primary", lambda d: d["spec"].update(template=template(NEW)))
    flagger.say("Canary", phase="Succeeded", lastAppliedSpec="2")
    assert flagger.delegate.abort() != ""
    flagger.cluster.edit("Deployment", "agent-primary", lambda d: d["spec"].update(template=template(OLD)))
    assert flagger.delegate.abort() == ""


def test_what_skip_analysis_said_before_comes_back(flagger: World) -> None:
    flagger.cluster.edit("Canary", "agent", lambda d: d["spec"].update(skipAnalysis=False))
    flagger.delegate.start()
    flagger.say("Canary", phase="Progressing")
    flagger.delegate.abort()
    flagger.delegate.let_go()
    assert flagger.doc("Canary")["spec"]["skipAnalysis"] is False


def test_an_image_of_others_is_neither_overwritten_nor_silent(flagger: World) -> None:
    flagger.delegate.start()
    assert flagger.delegate.drift() == ""
    flagger.cluster.edit("Deployment", "agent", lambda d: d["spec"].update(template=template("other")))
    assert "names another image by now: other" in flagger.delegate.drift()
    assert "names other" in flagger.delegate.start()
    assert flagger.image("Deployment") == "other"
    flagger.cluster.edit("Deployment", "agent", lambda d: d["spec"].update(template=template(OLD)))
    assert flagger.delegate.drift() == "Deployment agent names the former image again"
    flagger.cluster.remove("Deployment", "agent")
    assert flagger.delegate.drift() == "Deployment agent is gone"


def test_an_owner_that_is_gone_is_an_error(argo: World) -> None:
    argo.cluster.remove("Rollout", "agent")
    for act in (argo.delegate.look, argo.delegate.drift, argo.delegate.start):
        with pytest.raises(ClusterError, match="Rollout agent of Argo Rollouts is gone"):
            act()


def test_what_is_taken_tells_that_the_rollout_is_delegated(argo: World, flagger: World) -> None:
    for world in (argo, flagger):
        world.delegate.take()
        assert world.cluster.objects[world.owner.target]["spec"]["template"] == template(), "nothing else is changed"
        kept = original(world.doc(*world.owner.target))
        assert kept == {"image": OLD, "container": "agent", "replicas": 1, "traffic": "delegate"}
        assert original(world.doc(world.owner.kind))["traffic"] == "delegate"


def test_an_abort_leaves_an_image_of_others_to_the_owner(argo: World) -> None:
    argo.delegate.start()
    argo.say("Rollout", phase="Progressing", stableRS="a", currentPodHash="b")
    kind = argo.owner.target[0]
    argo.cluster.edit(kind, "agent", lambda d: d["spec"].update(template=template("other\x1b[2J")))
    assert argo.delegate.abort() == ""
    assert "abort" not in argo.doc("Rollout")["status"], "it is not our rollout any more"
    assert argo.delegate.left() == f"{kind} agent names another image by now and is left as it is: other"
    argo.delegate.let_go()
    assert argo.image(kind) == "other\x1b[2J"
    assert not [key for key in notes(argo.doc(kind)) if key.startswith("rollout.agentops")]


def test_an_image_of_others_is_not_promoted_by_an_abort_under_way(flagger: World) -> None:
    flagger.delegate.start()
    flagger.say("Canary", phase="Progressing", lastAppliedSpec="2")
    assert flagger.delegate.abort() != ""
    assert flagger.doc("Canary")["spec"]["skipAnalysis"] is True
    flagger.cluster.edit("Deployment", "agent", lambda d: d["spec"].update(template=template("other")))
    assert flagger.delegate.abort() == ""
    flagger.delegate.let_go()
    assert "skipAnalysis" not in flagger.doc("Canary")["spec"]


@pytest.mark.parametrize("image", [NEW, OLD, "other"])
def test_without_its_owner_the_target_is_brought_back_by_us(flagger: World, image: str) -> None:
    flagger.delegate.start()
    flagger.cluster.edit("Deployment", "agent", lambda d: d["spec"].update(template=template(image)))
    flagger.cluster.remove("Canary", "agent")
    assert flagger.delegate.abort() == ""
    assert flagger.image("Deployment") == (OLD if image == NEW else image)
    assert flagger.delegate.left().startswith("Canary agent of Flagger is gone")
    assert ("names another image" in flagger.delegate.left()) == (image == "other")
    flagger.delegate.let_go()
    assert notes(flagger.doc("Deployment")) == {}


def test_with_everything_gone_there_is_nothing_to_bring_back(argo: World) -> None:
    argo.delegate.start()
    for kind in {"Rollout", argo.owner.target[0]}:
        argo.cluster.remove(kind, "agent")
    assert argo.delegate.abort() == ""
    argo.delegate.let_go()
    assert "Rollout agent of Argo Rollouts is gone" in argo.delegate.left()


def test_the_owner_is_known_by_the_journal_once_it_is_gone(argo: World, flagger: World) -> None:
    for world in (argo, flagger):
        world.delegate.start()
        assert Delegate.of_state(world.hands, PLACE).owner == world.owner
        world.cluster.remove(world.owner.kind, "agent")
        assert owner_of(world.cluster, PLACE) is None
        assert Delegate.of_state(world.hands, PLACE).owner == world.owner


def test_an_owner_that_the_journal_does_not_name_is_looked_for(flagger: World) -> None:
    assert flagger.hands.state.touched == ()
    assert Delegate.of_state(flagger.hands, PLACE).owner == flagger.owner
    flagger.cluster.remove("Canary", "agent")
    nobody = Delegate.of_state(flagger.hands, PLACE)
    assert nobody.owner.target == ("Deployment", "agent")
    with pytest.raises(ClusterError, match="the controller of the workload is gone"):
        nobody.take()
    assert nobody.abort() == ""
    nobody.let_go()


def test_the_owner_of_the_journal_goes_before_one_that_came_later(flagger: World) -> None:
    flagger.delegate.start()
    flagger.cluster.create(rollout(workloadRef={"kind": "Deployment", "name": "agent"}))
    assert Delegate.of_state(flagger.hands, PLACE).owner == flagger.owner
    assert Touched("Canary", "agent") in flagger.hands.state.touched


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_lost_answer_at_any_write_ends_the_same(side: str) -> None:
    for fail_at in range(1, 9):
        world, count = World(deployment(), deployment("agent-primary"), canary()), 0

        def hook(*_: str, limit: int = fail_at) -> None:
            nonlocal count
            count += 1
            if count == limit:
                raise ApiDown("cut off")

        setattr(world.cluster, f"{side}_write", hook)
        for act, phase in ((world.delegate.start, "Progressing"), (world.delegate.abort, "Succeeded")):
            for _ in range(6):
                try:
                    waiting = act()
                except (ApiDown, Conflict):
                    waiting = "the API"
                    world.hands.journal.refresh()
                if not waiting:
                    break
                if phase == "Succeeded" and world.doc("Canary")["spec"].get("skipAnalysis"):
                    world.say("Canary", phase="Succeeded")
            else:
                pytest.fail(f"no end after write {fail_at}: {waiting}")
            world.say("Canary", phase=phase, lastAppliedSpec="2")
        assert world.image("Deployment") == OLD
        assert "skipAnalysis" not in world.doc("Canary")["spec"]
