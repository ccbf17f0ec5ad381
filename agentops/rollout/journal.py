"""The journal: one ConfigMap an app, written by compare-and-swap.

data.state    the rollout (model.rollout.State) as JSON
data.desired  "go", or {"abort": why, "by": who}: anybody who may patch it can ask for the way back
data.history  the last rollouts that ended, newest first
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.errors import AgentopsError, ClusterError, Conflict
from agentops.model.codec import DecodeError, decode, encode
from agentops.model.rollout import MANAGER, Cause, Entry, Phase, State
from agentops.rollout.names import Names
from agentops.text import one_line

_GO = "go"
_ENTRIES = 300
_HISTORY = 20
_MINE = "app.kubernetes.io/managed-by"


class Fenced(AgentopsError):
    """Another runner holds the rollout now: this one must not write any more."""


class Journal:
    """The journal of one app, as it was last read. `state` is None before the first rollout."""

    def __init__(self, cluster: Cluster, names: Names) -> None:
        self._cluster = cluster
        self._names = names
        self._doc: Doc | None = None
        self.state: State | None = None
        self.history: tuple[State, ...] = ()

    def refresh(self) -> State | None:
        """Read it again. What somebody asked for meanwhile is in the state then. Raises ClusterError where it cannot be
        understood."""
        self._doc = self._cluster.get("ConfigMap", self._names.journal)
        data = (self._doc or {}).get("data") or {}
        try:
            state = decode(State, json.loads(data["state"])) if data.get("state") else None
            self.history = tuple(decode(State, item) for item in json.loads(data.get("history") or "[]"))
            asked = json.loads(data["desired"]) if data.get("desired", _GO) != _GO else None
        except (ValueError, DecodeError, TypeError) as error:
            raise ClusterError(
                f"the journal (ConfigMap {self._names.journal}) cannot be read: {one_line(str(error))}",
                hint="`agentops rollout abort` restores stable from the objects themselves",
            ) from None
        if state is not None and isinstance(asked, dict) and state.desired == _GO:
            state = replace(
                state, desired="abort", cause=Cause.ASKED, reason=one_line(str(asked.get("abort") or "asked for")),
                asked_by=one_line(str(asked.get("by") or "")),
            )  # fmt: skip
        self.state = state
        return state

    def begin(self, state: State) -> None:
        """Write the first state of a rollout. Raises Conflict where somebody else did so meanwhile."""
        history = self.history
        if self.state is not None:
            history = (replace(self.state, evidence={}), *history)[:_HISTORY]
        self._put(state, {"desired": _GO, "history": json.dumps([encode(s) for s in history])})
        self.history = history

    def save(self, state: State) -> State:
        """Write the state. Raises Conflict where the journal changed meanwhile (read it again and decide again) and
        Fenced where it belongs to another runner."""
        if len(state.entries) > _ENTRIES:
            state = replace(state, entries=state.entries[-_ENTRIES:])
        try:
            self._put(state, {})
        except Conflict:
            self.check(state.epoch, state.id)
            raise
        return state

    def check(self, epoch: int, rollout: str) -> None:
        """Read the journal again. Raises Fenced unless it is of this rollout and epoch."""
        found = self.refresh()
        if found is None:
            raise Fenced("the journal is gone", hint="`agentops rollout resume` or `abort` recover from the objects")
        if (found.id, found.epoch) != (rollout, epoch):
            raise Fenced("another runner took this rollout over", hint="see `agentops rollout status`")

    def ask_abort(self, *, why: str, by: str) -> None:
        """Ask the holder to go back. Needs no lock. Raises Conflict where there is no journal."""
        told = json.dumps({"abort": why, "by": by})
        self._cluster.patch(
            "ConfigMap", self._names.journal, [{"op": "add", "path": "/data/desired", "value": told}]
        )  # fmt: skip

    def _put(self, state: State, more: dict[str, str]) -> None:
        text = json.dumps(encode(state), ensure_ascii=False, separators=(",", ":"))
        before = self._doc
        if before is None:
            doc: dict[str, Any] = {
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": self._names.journal, "labels": {_MINE: MANAGER}},
                "data": {"state": text, "desired": _GO, **more},
            }  # fmt: skip
            self._doc = self._cluster.create(doc)
        else:
            data = {**(before.get("data") or {}), "state": text, **more}
            doc = {**before, "apiVersion": "v1", "kind": "ConfigMap", "data": data}
            self._doc = self._cluster.replace(doc)
        self.state = state


def noted(state: State, text: str, *, now: float, phase: Phase | None = None) -> State:
    """The state with one more line in its log."""
    return replace(state, entries=(*state.entries, Entry(now, phase or state.phase, one_line(text, 400))))
