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

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError, Conflict
from agentops.model.rollout import Cause, Phase
from agentops.model.rollout_settings import Place
from agentops.rollout.hands import Hands, notes, original
from agentops.text import said

ROLLOUT, CANARY, DEPLOYMENT = "Rollout", "Canary", "Deployment"
_TOOLS = {ROLLOUT: "Argo Rollouts", CANARY: "Flagger"}
_GENERATION = "rollout.argoproj.io/workload-generation"
_BY_ARGO = "argo-rollouts.argoproj.io/managed-by-rollouts"
_RUNNING = ("Progressing", "Waiting", "WaitingPromotion", "Promoting", "Finalising")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a workload: the object of `kind` and `name`; the image stands in the template of `target`, a kind and a
    name."""

    kind: str
    name: str
    target: tuple[str, str]

    @property
    def tool(self) -> str:
        """Whose kind it is."""
        return _TOOLS[self.kind]

    @property
    def told(self) -> str:
        """The owner for people."""
        return f"{self.kind} {self.name} of {self.tool}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the owner is, as a phase of ours. `weight` is the canary's share in percent where it is told, `cause` why
    it went back where the phase is ABORTED. `text` is the owner's word, safe to show."""

    phase: Phase
    text: str
    weight: int | None = None
    cause: Cause | None = None


def owner_of(cluster: Cluster, place: Place) -> Owner | None:
    """Who owns the workload of the environment, None where nobody does. Where the credentials must not list the kinds,
    what the tools leave on the objects tells. Raises ApiDown."""
    for kind, matches in ((ROLLOUT, _rollout), (CANARY, _canary)):
        for doc in _listed(cluster, kind):
            target = matches(doc, cluster, place)
            if target is not None:
                return Owner(kind, doc["metadata"]["name"], target)
    return _by_marks(cluster, place)


class Delegate:
    """A rollout that the owner carries out. Every method converges and may be called again at any time."""

    def __init__(self, hands: Hands, place: Place, owner: Owner) -> None:
        self._hands = hands
        self._place = place
        self.owner = owner
        self._failed_before = False

    def start(self) -> str:
        """Set the image of the journal on the target. Returns what is awaited, "" once it is there."""
        keep = _kept_canary if self.owner.kind == CANARY else _kept_nothing
        self._hands.take(self.owner.kind, self.owner.name, keep=keep)
        return self._set(self._hands.state.image)

    def look(self) -> Progress:
        """What the owner says now. Raises ClusterError where it is gone."""
        doc = self._owner()
        return self._argo(doc) if self.owner.kind == ROLLOUT else self._flagger(doc)

    def abort(self) -> str:
        """Have the owner bring all traffic back and the former image to the target. Returns what is awaited."""
        return self._abort_argo() if self.owner.kind == ROLLOUT else self._abort_flagger()

    def let_go(self) -> None:
        """Take our marks off, and give back what was changed to abort."""
        ops: list[Doc] = []
        if self.owner.kind == CANARY:
            ops = self._skip_back(self._owner())
        self._hands.let_go(self.owner.kind, self.owner.name, ops)
        if self.owner.target != (self.owner.kind, self.owner.name):
            self._hands.let_go(*self.owner.target)

    def drift(self) -> str:
        """What somebody changed of the image that we set, "" where nothing."""
        doc = self._hands.cluster.get(*self.owner.target)
        image = "" if doc is None else _image(doc, self._place)
        if image in (self._hands.state.image, self._hands.state.before):
            return ""
        return f"{' '.join(self.owner.target)} names another image by now: {said(image, 200) or 'none'}"

    # Argo Rollouts

    def _argo(self, doc: Doc) -> Progress:
        status = doc.get("status") or {}
        weights = (status.get("canary") or {}).get("weights") or {}
        weight = (weights.get("canary") or {}).get("weight")
        told = said(f"{status.get('phase', '')} {status.get('message', '')}", 300)
        if not self._argo_looked(doc) or self._image() != self._hands.state.image:
            return Progress(Phase.CANARY_UP, "Argo Rollouts has not looked at the image yet", weight)
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
        doc = self._hands.take(ROLLOUT, self.owner.name, keep=_kept_nothing)
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
            return Progress(Phase.CANARY_UP, "Flagger has not been given the image yet", weight)
        if phase == "Failed":
            kept = original(doc)
            new = isinstance(kept, dict) and status.get("lastAppliedSpec") != kept.get("applied")
            # Flagger notes a new image before it leaves the phase that a former one failed in: look twice.
            sure, self._failed_before = new and self._failed_before, new
            if sure:
                return Progress(Phase.ABORTED, text, 0, _flagger_cause(status))
            return Progress(Phase.CANARY_UP, "Flagger has not looked at the image yet", weight)
        self._failed_before = False
        if phase in ("Promoting", "Finalising"):
            return Progress(Phase.COMMIT if phase == "Promoting" else Phase.RESTORE, text, weight)
        if phase in ("Waiting", "WaitingPromotion"):
            return Progress(Phase.WAIT, text, weight)
        if phase == "Progressing":
            return Progress(Phase.CANARY if weight else Phase.CANARY_UP, text, weight)
        if phase == "Succeeded" and self._primary() == self._hands.state.image:
            return Progress(Phase.DONE, text, 0)
        return Progress(Phase.CANARY_UP, "Flagger has not looked at the image yet", weight)

    def _abort_flagger(self) -> str:
        doc = self._hands.take(CANARY, self.owner.name, keep=_kept_canary)
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
        return "" if doc is None else _image(doc, self._place)

    # Both

    def _owner(self) -> Doc:
        doc = self._hands.cluster.get(self.owner.kind, self.owner.name)
        if doc is None:
            raise ClusterError(f"{self.owner.told} is gone", hint="apply its manifest again")
        return doc

    def _image(self) -> str:
        doc = self._hands.cluster.get(*self.owner.target)
        return "" if doc is None else _image(doc, self._place)

    def _set(self, image: str) -> str:
        kind, name = self.owner.target
        state = self._hands.state
        doc = self._hands.take(kind, name, keep=lambda d: {"image": _image(d, self._place)})
        at, present = _container(doc, self._place)
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


def _kept_nothing(doc: Doc) -> dict[str, Any]:
    return {"kind": doc["kind"]}


def _kept_canary(doc: Doc) -> dict[str, Any]:
    """What a Canary of Flagger said before."""
    skip = (doc.get("spec") or {}).get("skipAnalysis")
    return {"skip": skip, "applied": (doc.get("status") or {}).get("lastAppliedSpec")}


def _rollout(doc: Doc, cluster: Cluster, place: Place) -> tuple[str, str] | None:
    """Where the image of a Rollout stands, if it is of this workload."""
    spec, name = doc.get("spec") or {}, doc["metadata"]["name"]
    ref = spec.get("workloadRef") or {}
    if ref:
        target = (str(ref.get("kind")), str(ref.get("name")))
        return target if target == (DEPLOYMENT, place.deployment) else None
    if name == place.deployment:
        return ROLLOUT, name
    strategy = spec.get("strategy") or {}
    own = {
        (strategy.get(key) or {}).get(field)
        for key, field in (("canary", "stableService"), ("canary", "canaryService"), ("blueGreen", "activeService"))
    }
    if place.entry in own:
        return ROLLOUT, name
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    deployment = cluster.get(DEPLOYMENT, place.deployment) or {}
    labels = (((deployment.get("spec") or {}).get("template") or {}).get("metadata") or {}).get("labels") or {}
    return (ROLLOUT, name) if wanted and wanted.items() <= labels.items() else None


def _canary(doc: Doc, _cluster: Cluster, place: Place) -> tuple[str, str] | None:
    """The target of a Canary, if it is this workload."""
    ref = (doc.get("spec") or {}).get("targetRef") or {}
    target = (str(ref.get("kind")), str(ref.get("name")))
    return target if target == (DEPLOYMENT, place.deployment) else None


def _by_marks(cluster: Cluster, place: Place) -> Owner | None:
    """The owner by what the tools leave on the way in: Flagger owns the Service, Argo writes its name on it."""
    service = cluster.get("Service", place.entry) or {}
    meta: Mapping[str, Any] = service.get("metadata") or {}
    for ref in meta.get("ownerReferences") or ():
        if ref.get("kind") == CANARY and str(ref.get("apiVersion", "")).startswith("flagger.app/"):
            return Owner(CANARY, str(ref["name"]), (DEPLOYMENT, place.deployment))
    name = (meta.get("annotations") or {}).get(_BY_ARGO)
    if not name:
        return None
    by_reference = cluster.get(DEPLOYMENT, place.deployment) is not None
    return Owner(ROLLOUT, str(name), (DEPLOYMENT, place.deployment) if by_reference else (ROLLOUT, str(name)))


def _listed(cluster: Cluster, kind: str) -> tuple[Doc, ...]:
    try:
        return cluster.list(kind)
    except ApiDown:
        raise
    except ClusterError:
        return ()


def _container(doc: Doc, place: Place) -> tuple[int, Mapping[str, Any]]:
    """Where in a template the container of the environment stands, and what it says."""
    found = (((doc.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ()
    for at, one in enumerate(found):
        if one.get("name") == place.container or (place.container is None and len(found) == 1):
            return at, one
    raise ClusterError(
        f"{doc['kind']} {doc['metadata']['name']} has no container {place.container or 'that is the only one'}",
        hint="set rollout.container",
    )


def _image(doc: Doc, place: Place) -> str:
    return str(_container(doc, place)[1].get("image", ""))


def _argo_cause(status: Mapping[str, Any]) -> Cause:
    told = f"{status.get('message', '')}".lower()
    if "timed out" in told or "progressdeadline" in told or "invalidspec" in told:
        return Cause.BROKEN
    return Cause.HARM if "metric" in told or "analysis" in told or "assessed" in told else Cause.ASKED


def _flagger_cause(status: Mapping[str, Any]) -> Cause:
    return Cause.HARM if int(status.get("failedChecks") or 0) > 0 else Cause.BROKEN
