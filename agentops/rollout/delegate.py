"""Where Argo Rollouts or Flagger owns the workload: they shift the traffic, we set the image, watch what they say, and
abort by their own means. Two controllers at one workload would undo each other's work, so no native mode is used then.

Argo is aborted as its own command does, by the status; Flagger has no abort: its former image comes back to the
target, and the analysis is skipped, so that at its next look Flagger routes everything to the primary.
(https://argo-rollouts.readthedocs.io/en/stable/, https://docs.flagger.app/usage/how-it-works)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.contracts import Doc
from agentops.errors import ClusterError, Conflict
from agentops.model.rollout import Cause, Phase
from agentops.model.rollout_settings import Place
from agentops.rollout.delegate_owner import CANARY, ROLLOUT, Owner, container_of, image_of, owner_of, owner_told
from agentops.rollout.hands import Hands, notes, original
from agentops.text import said

__all__ = ["Delegate", "Owner", "Progress", "owner_of"]

_GENERATION = "rollout.argoproj.io/workload-generation"
_RUNNING = ("Progressing", "Waiting", "WaitingPromotion", "Promoting", "Finalising")
_MODE = "delegate"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the owner is, as a phase of ours. `weight` is the canary's share in percent where it is told, `cause` why
    it went back where the phase is ABORTED. `text` is the owner's word, safe to show. `heard`: it is of our image."""

    phase: Phase
    text: str
    weight: int | None = None
    cause: Cause | None = None
    heard: bool = True


class Delegate:
    """A rollout that the owner carries out. Every method converges and may be called again at any time."""

    def __init__(self, hands: Hands, place: Place, owner: Owner) -> None:
        self._hands = hands
        self.place = place
        self.owner = owner
        self._failed_before = False

    @classmethod
    def of_state(cls, hands: Hands, place: Place) -> Delegate:
        """The delegate of the rollout that the journal tells of, whether or not its owner is there still: without one
        the way back is gone by hand. Raises ApiDown."""
        return cls(hands, place, owner_told(hands.cluster, place, hands.state))

    def take(self) -> None:
        """Mark the owner and its target as ours; changes nothing else. Raises ClusterError where one is gone, Conflict
        where another rollout holds it."""
        self._owner()
        if self.owner.target != (self.owner.kind, self.owner.name):
            self._hands.take(self.owner.kind, self.owner.name, keep=_kept)
        self._hands.take(*self.owner.target, keep=self._kept_target)

    def start(self) -> str:
        """Set the image of the journal on the target. Returns what is awaited, "" once it is there."""
        self.take()
        return self._set(self._hands.state.image)

    def look(self) -> Progress:
        """What the owner says now. Raises ClusterError where it is gone."""
        doc = self._owner()
        return self._argo(doc) if self.owner.kind == ROLLOUT else self._flagger(doc)

    def abort(self) -> str:
        """Have the owner bring all traffic back and the former image to the target. Returns what is awaited. An image
        of others is left as it is, with whatever the owner does about it; where the owner is gone, the target is given
        the former image by us alone."""
        state = self._hands.state
        image = self._image()
        if image not in (state.image, state.before):
            return ""
        if self._there() is None:
            return self._set(state.before) if image == state.image else ""
        return self._abort_argo() if self.owner.kind == ROLLOUT else self._abort_flagger()

    def left(self) -> str:
        """What the way back cannot bring to what it was, and why; "" where nothing."""
        state, target = self._hands.state, " ".join(self.owner.target)
        alone = self._there() is None
        told = [f"{self.owner.told} is gone"] if alone else []
        doc = self._hands.cluster.get(*self.owner.target)
        if doc is None:
            told += [] if alone and self.owner.target[0] == ROLLOUT else [f"{target} is gone"]
        elif (image := self._image()) not in (state.image, state.before):
            told.append(f"{target} names another image by now and is left as it is: {said(image, 200) or 'none'}")
        return "; ".join(told)

    def let_go(self) -> None:
        """Take our marks off, and give back what was changed to abort. What is gone is let go."""
        doc = self._there()
        if doc is not None:
            ops = self._skip_back(doc) if self.owner.kind == CANARY else []
            self._hands.let_go(self.owner.kind, self.owner.name, ops)
        if self.owner.target != (self.owner.kind, self.owner.name):
            self._hands.let_go(*self.owner.target)

    def drift(self) -> str:
        """What somebody changed of the image after we set it, "" where nothing. Raises ClusterError where the owner is
        gone."""
        self._owner()
        state, target = self._hands.state, " ".join(self.owner.target)
        if self._hands.cluster.get(*self.owner.target) is None:
            return f"{target} is gone"
        image = self._image()
        if image == state.image:
            return ""
        which = "the former image again" if image == state.before else f"another image by now: {said(image, 200)}"
        return f"{target} names {which}"

    # Argo Rollouts

    def _argo(self, doc: Doc) -> Progress:
        status = doc.get("status") or {}
        weights = (status.get("canary") or {}).get("weights") or {}
        weight = (weights.get("canary") or {}).get("weight")
        told = said(f"{status.get('phase', '')} {status.get('message', '')}", 300)
        if not self._argo_looked(doc) or self._image() != self._hands.state.image:
            return Progress(Phase.CANARY_UP, "Argo Rollouts has not looked at the image yet", weight, heard=False)
        phase, text = status.get("phase"), f"Argo Rollouts: {told}"
        if status.get("abort") or phase == "Degraded":
            return Progress(Phase.ABORTED, text, weight, _argo_cause(status))
        if phase == "Healthy" and status.get("stableRS") == status.get("currentPodHash"):
            return Progress(Phase.DONE, text, weight)
        if phase == "Paused":
            reasons = {c.get("reason") for c in status.get("pauseConditions") or ()}
            unsettled = any(str(reason).startswith("Inconclusive") for reason in reasons)
            return Progress(Phase.WAIT, text, weight, Cause.INCONCLUSIVE if unsettled else None)
        return Progress(Phase.CANARY if weight else Phase.CANARY_UP, text, weight)

    def _argo_looked(self, doc: Doc) -> bool:
        """Whether Argo's status is of the present Rollout, and of the present Deployment where it refers to one."""
        seen = str((doc.get("status") or {}).get("observedGeneration", ""))
        if seen.isdigit() and int(seen) < int(doc["metadata"].get("generation") or 0):
            return False
        if self.owner.target[0] == ROLLOUT:
            return True
        target = self._hands.cluster.get(*self.owner.target) or {}
        resolved = str(notes(doc).get(_GENERATION, ""))
        present = int((target.get("metadata") or {}).get("generation") or 0)
        taken_up = str((doc.get("status") or {}).get("workloadObservedGeneration", ""))
        return resolved.isdigit() and int(resolved) >= present and taken_up == resolved

    def _abort_argo(self) -> str:
        self.take()
        doc = self._owner()
        status = doc.get("status") or {}
        back = self._image() == self._hands.state.before
        # A full promotion is no rollout any more: abort would do nothing, the former image is a new rollout then.
        under_way = status.get("stableRS") != status.get("currentPodHash")
        if not back and under_way and not status.get("abort"):
            op = {"op": "add", "path": "/status/abort", "value": True}
            try:
                self._hands.change(ROLLOUT, self.owner.name, [op], subresource="status")
            except Conflict:
                # Definitions without the subresource take it with the object.
                self._hands.change(ROLLOUT, self.owner.name, [op])
            return "Argo Rollouts to abort"
        if status.get("abort") and not back and not status.get("abortedAt"):
            return "Argo Rollouts to abort"
        if waiting := self._set(self._hands.state.before):
            return waiting
        if not self._argo_looked(doc) or status.get("phase") != "Healthy":
            return f"Argo Rollouts to be healthy with the former image ({said(str(status.get('phase')), 40)})"
        return ""

    # Flagger

    def _flagger(self, doc: Doc) -> Progress:
        status = doc.get("status") or {}
        phase, weight = str(status.get("phase", "")), int(status.get("canaryWeight") or 0)
        text = f"Flagger: {said(phase or 'nothing yet', 60)}, {int(status.get('failedChecks') or 0)} failed checks"
        if self._image() != self._hands.state.image:
            return Progress(Phase.CANARY_UP, "Flagger has not been given the image yet", weight, heard=False)
        if phase == "Failed":
            kept = original(doc)
            new = isinstance(kept, dict) and status.get("lastAppliedSpec") != kept.get("applied")
            # Flagger notes a new image before it leaves the phase that a former one failed in: look twice.
            sure, self._failed_before = new and self._failed_before, new
            if sure:
                return Progress(Phase.ABORTED, text, 0, _flagger_cause(status))
            return Progress(Phase.CANARY_UP, "Flagger has not looked at the image yet", weight, heard=False)
        self._failed_before = False
        if phase in ("Promoting", "Finalising"):
            return Progress(Phase.COMMIT if phase == "Promoting" else Phase.RESTORE, text, weight)
        if phase in ("Waiting", "WaitingPromotion"):
            return Progress(Phase.WAIT, text, weight)
        if phase == "Progressing":
            return Progress(Phase.CANARY if weight else Phase.CANARY_UP, text, weight)
        if phase == "Succeeded" and self._primary() == self._hands.state.image:
            return Progress(Phase.DONE, text, 0)
        return Progress(Phase.CANARY_UP, "Flagger has not looked at the image yet", weight, heard=False)

    def _abort_flagger(self) -> str:
        self.take()
        doc = self._owner()
        # First the image: with the analysis skipped, whatever the target names is promoted.
        if waiting := self._set(self._hands.state.before):
            return waiting
        phase = str((doc.get("status") or {}).get("phase", ""))
        running = phase in _RUNNING
        if running or self._primary() == self._hands.state.image:
            if (doc.get("spec") or {}).get("skipAnalysis") is not True:
                self._hands.change(
                    CANARY, self.owner.name, [{"op": "add", "path": "/spec/skipAnalysis", "value": True}]
                )
            return f"Flagger to route everything to the primary (it says {said(phase, 40) or 'nothing'})"
        if ops := self._skip_back(doc):
            self._hands.change(CANARY, self.owner.name, ops)
        return ""

    def _skip_back(self, doc: Doc) -> list[Doc]:
        """The change that gives `skipAnalysis` the value that it had."""
        kept = original(doc)
        if not isinstance(kept, dict):
            return []
        was, now = kept.get("skip"), (doc.get("spec") or {}).get("skipAnalysis")
        if was == now:
            return []
        path = "/spec/skipAnalysis"
        return [{"op": "remove", "path": path} if was is None else {"op": "add", "path": path, "value": was}]

    def _primary(self) -> str:
        """The image that serves."""
        kind, name = self.owner.target
        doc = self._hands.cluster.get(kind, f"{name}-primary")
        return "" if doc is None else image_of(doc, self.place)

    # Both

    def _there(self) -> Doc | None:
        """The owner, None where it is gone."""
        return self._hands.cluster.get(self.owner.kind, self.owner.name) if self.owner.kind else None

    def _owner(self) -> Doc:
        doc = self._there()
        if doc is None:
            raise ClusterError(f"{self.owner.told} is gone", hint="apply its manifest again")
        return doc

    def _image(self) -> str:
        """The image that the target names, "" where it is gone or has no such container."""
        doc = self._hands.cluster.get(*self.owner.target)
        try:
            return "" if doc is None else image_of(doc, self.place)
        except ClusterError:
            return ""

    def _kept_target(self, doc: Doc) -> dict[str, Any]:
        """What the target was, as `Deployments.take` keeps it of a rollout of our own."""
        _, container = container_of(doc, self.place)
        replicas = (doc.get("spec") or {}).get("replicas", 1)
        return {"image": container["image"], "container": container["name"], "replicas": replicas, "traffic": _MODE}

    def _set(self, image: str) -> str:
        kind, name = self.owner.target
        state = self._hands.state
        doc = self._hands.take(kind, name, keep=self._kept_target)
        at, present = container_of(doc, self.place)
        if present["image"] == image:
            return ""
        if present["image"] not in (state.image, state.before):
            return f"{kind} {name} to name an image of this rollout: it names {said(present['image'], 200)}"
        path = f"/spec/template/spec/containers/{at}"
        self._hands.change(
            kind, name,
            [
                {"op": "test", "path": f"{path}/name", "value": present["name"]},
                {"op": "test", "path": f"{path}/image", "value": present["image"]},
                {"op": "replace", "path": f"{path}/image", "value": image},
            ],
        )  # fmt: skip
        return ""


def _kept(doc: Doc) -> dict[str, Any]:
    """What an owner was that is not the target itself: of a Canary, what an abort changes and a look compares."""
    if doc["kind"] != CANARY:
        return {"traffic": _MODE}
    skip = (doc.get("spec") or {}).get("skipAnalysis")
    return {"traffic": _MODE, "skip": skip, "applied": (doc.get("status") or {}).get("lastAppliedSpec")}


def _argo_cause(status: Mapping[str, Any]) -> Cause:
    told = f"{status.get('message', '')}".lower()
    if "timed out" in told or "progressdeadline" in told or "invalidspec" in told:
        return Cause.BROKEN
    return Cause.HARM if "metric" in told or "analysis" in told or "assessed" in told else Cause.ASKED


def _flagger_cause(status: Mapping[str, Any]) -> Cause:
    return Cause.HARM if int(status.get("failedChecks") or 0) > 0 else Cause.BROKEN
