"""Kubernetes events on the team's Deployment, so that `kubectl describe` and whoever collects events tell of a rollout.

Events are told once and forgotten by the API server within the hour or so; nothing depends on them. The name of one
follows from the rollout and what is told, so that a second runner does not tell it again.
(https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/)
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from agentops.contracts import Cluster
from agentops.errors import ApiDown, ClusterError, Conflict
from agentops.model.rollout import ID, MANAGER, Phase, State
from agentops.reports.rollout.outcome import image_name, outcome
from agentops.reports.rollout.told import brief
from agentops.rollout.notify import event, keys
from agentops.text import said

NOTE_BYTES = 1024
"""The API server refuses longer notes."""

_NAME = 200
_REASONS = {
    "started": "RolloutStarted",
    "waiting": "RolloutWaiting",
    "promoted": "RolloutPromoted",
    "done": "RolloutDone",
    "rolled-back": "RolloutRolledBack",
    "failed": "RolloutRollbackFailed",
    "frozen": "RolloutFrozen",
}
_WARNINGS = ("rolled-back", "failed", "frozen")
_PHASE = "phase"


class Events:
    """Tells the Deployment `app` of its namespace what becomes of its rollout. One a runner."""

    def __init__(self, cluster: Cluster, app: str) -> None:
        self._cluster = cluster
        self._app = app
        self._object: dict[str, str] | None = None
        self._done: set[tuple[str, str]] = set()
        self._refused = False

    def tell(self, state: State, *, now: float) -> str:
        """Tell what the state is worth and was not told yet. Returns "", or once why the API server takes no events.

        Never raises for what the cluster does: what it did not answer to is told at the next call."""
        if self._refused:
            return ""
        for key in (*keys(state), *_phase_keys(state)):
            if (state.id, key) in self._done:
                continue
            try:
                self._cluster.create(self._document(state, key, now))
            except Conflict:
                pass  # another runner told it
            except ApiDown:
                return ""
            except ClusterError as error:
                self._refused = True
                return f"Kubernetes events are not told: {said(error.message, 200)}"
            self._done.add((state.id, key))
        return ""

    def _document(self, state: State, key: str, now: float) -> dict[str, Any]:
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        known = hashlib.sha256(f"{state.id}/{key}".encode()).hexdigest()[:16]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{self._app[:_NAME].rstrip('-.')}.{known}",
                "namespace": self._cluster.namespace,
                "annotations": {ID: state.id},
            },
            "involvedObject": self._about(),
            "reason": _reason(key, state),
            "message": _capped(_note(key, state)),
            "type": "Warning" if event(key) in _WARNINGS or state.phase is Phase.ABORTING else "Normal",
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": MANAGER,
        }

    def _about(self) -> dict[str, str]:
        """The Deployment as events name it: `kubectl describe` looks for its uid."""
        if self._object is None:
            doc = self._cluster.get("Deployment", self._app) or {}
            uid = str((doc.get("metadata") or {}).get("uid") or "")
            about = {"apiVersion": "apps/v1", "kind": "Deployment", "name": self._app}
            about["namespace"] = self._cluster.namespace
            if not uid:
                return about
            self._object = {**about, "uid": uid}
        return self._object


def _phase_keys(state: State) -> tuple[str, ...]:
    """What tells the present phase, and the canary's step, from others; the end has an event of its own."""
    step = f":{state.step}" if state.phase is Phase.CANARY else ""
    return () if state.phase.ended else (f"{_PHASE}:{state.phase.value}{step}",)


def _reason(key: str, state: State) -> str:
    """In CamelCase, as Kubernetes has it: RolloutRolledBack, of a phase CanaryUpBegan."""
    if event(key) != _PHASE:
        return _REASONS[event(key)]
    return "".join(part.capitalize() for part in state.phase.value.split("-")) + "Began"


def _note(key: str, state: State) -> str:
    """What happened, in words."""
    what = event(key)
    if what == "frozen":
        return f"nothing is decided just now: {brief(state.frozen, 600)}"
    if what == "waiting":
        return "waits for `agentops rollout promote`"
    if what == "promoted" and state.approvals:
        last = state.approvals[-1]
        return f"promoted by {said(last.who, 100)}: {said(last.why, 600)}"
    if what == _PHASE and state.phase is Phase.CANARY:
        weights = state.plan.weights
        if not weights:
            return f"{image_name(state.image)} is given to the controller in the cluster, which takes the steps"
        share = f", {weights[state.step]} % of traffic" if 0 <= state.step < len(weights) else ""
        return f"canary step {state.step + 1} of {len(weights)}{share}, of {image_name(state.image)}"
    if what == _PHASE and state.phase is Phase.ABORTING:
        return f"goes back to {image_name(state.before)}: {brief(state.reason, 600)}"
    if what in (_PHASE, "started"):
        return f"{state.phase.value}: {image_name(state.image)} is to replace {image_name(state.before)}"
    found = outcome(state)
    return ": ".join(filter(None, (found.headline, found.reason)))


def _capped(note: str) -> str:
    """At most NOTE_BYTES of UTF-8, no character cut through."""
    raw = note.encode("utf-8", "replace")
    return note if len(raw) <= NOTE_BYTES else raw[: NOTE_BYTES - 3].decode("utf-8", "ignore") + "…"
