"""The one way in which a rollout writes to the cluster: fenced, and with the way back on the object itself.

Every object that is touched carries annotations: which rollout, which epoch, and what it was before. A write tests
the epoch, so that one of a runner that was taken over fails.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError, Conflict
from agentops.model.rollout import EPOCH, ID, MANAGER, ORIGINAL, State, Touched
from agentops.rollout.journal import Fenced, Journal

MINE = "app.kubernetes.io/managed-by"
SHAPE = "rollout.agentops/shape"
"""The annotation with the hash of what an object of our own was told to be: what is so already is not written again."""


def pointer(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def notes(doc: Doc) -> Mapping[str, str]:
    """The annotations of an object."""
    return (doc.get("metadata") or {}).get("annotations") or {}


def original(doc: Doc) -> Any:
    """What the object was before the rollout touched it; None where it does not tell."""
    try:
        return json.loads(notes(doc).get(ORIGINAL, "null"))
    except ValueError:
        return None


class Hands:
    """Writes for the rollout of the journal. `may_write` is asked before every write: whether the lock is held."""

    def __init__(self, cluster: Cluster, journal: Journal, *, may_write: Callable[[], bool] = lambda: True) -> None:
        self.cluster = cluster
        self.journal = journal
        self._may_write = may_write

    @property
    def state(self) -> State:
        """The rollout as the journal last said."""
        if self.journal.state is None:
            raise Fenced("there is no rollout in the journal")
        return self.journal.state

    def take(self, kind: str, name: str, *, keep: Callable[[Doc], Any]) -> Doc:
        """Make an object of the team's ours to write, and put on it what `keep` says that it was; what an earlier
        runner of this rollout kept stays. Raises Conflict where another rollout holds it."""
        doc = self.cluster.get(kind, name)
        if doc is None:
            raise ClusterError(f"{kind} {name} is not there")
        state, told = self.state, notes(doc)
        owner = told.get(ID)
        if owner == state.id and told.get(EPOCH) == str(state.epoch):
            return doc
        if owner and owner != state.id:
            raise Conflict(f"{kind} {name} belongs to the rollout {owner}")
        self._record(kind, name)
        marks = {ID: state.id, EPOCH: str(state.epoch)}
        if owner is None:
            marks[ORIGINAL] = json.dumps(keep(doc), sort_keys=True, separators=(",", ":"))
        return self._patch(kind, name, [_same(doc), *_annotate(doc, marks)])

    def change(self, kind: str, name: str, ops: Sequence[Doc], *, subresource: str = "") -> Doc:
        """Change an object that was taken or made. Raises Conflict where a test of `ops` fails, Fenced where the object
        is another runner's by now."""
        try:
            return self._patch(kind, name, [*self._mine(), *ops], subresource=subresource)
        except Conflict:
            self._fenced(kind, name)
            raise

    def make(self, doc: Doc) -> Doc:
        """Make an object of our own, or bring one that we left to this shape. One that was told to be just so by this
        rollout is left as it is. Raises Conflict for one of others."""
        state = self.state
        kind, name = doc["kind"], doc["metadata"]["name"]
        meta = doc["metadata"]
        marks = {ID: state.id, EPOCH: str(state.epoch), SHAPE: _shape(doc)}
        ready = {
            **doc,
            "metadata": {
                **meta,
                "labels": {**(meta.get("labels") or {}), MINE: MANAGER},
                "annotations": {**(meta.get("annotations") or {}), **marks},
            },
        }
        self._record(kind, name)
        there = self.cluster.get(kind, name)
        self._check()
        if there is None:
            return self.cluster.create(ready)
        if ((there.get("metadata") or {}).get("labels") or {}).get(MINE) != MANAGER:
            raise Conflict(f"{kind} {name} is there and was not made by agentops")
        told = notes(there)
        if told.get(ID) == state.id and int(told.get(EPOCH, "0")) > state.epoch:
            raise Fenced(f"{kind} {name} belongs to another runner")
        if all(told.get(key) == value for key, value in marks.items()):
            return there
        ready["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
        return self.cluster.replace(_over(there, ready))

    def scale(self, name: str, replicas: int) -> Doc:
        """Set how many pods a Deployment has."""
        doc = self.cluster.get("Deployment", name)
        if doc is not None and doc["spec"].get("replicas") == replicas and self._holds(doc):
            return doc
        ops: list[Doc] = [{"op": "add", "path": "/spec/replicas", "value": replicas}]
        if doc is not None and SHAPE in notes(doc):
            ops.append({"op": "remove", "path": f"/metadata/annotations/{pointer(SHAPE)}"})
        return self.change("Deployment", name, ops)

    def let_go(self, kind: str, name: str, ops: Sequence[Doc] = ()) -> None:
        """Take our marks off an object of the team's, with the last changes to it. One that is gone is let go."""
        doc = self.cluster.get(kind, name)
        if doc is None or notes(doc).get(ID) != self.state.id:
            return
        off = [
            {"op": "remove", "path": f"/metadata/annotations/{pointer(key)}"}
            for key in (ID, EPOCH, ORIGINAL)
            if key in notes(doc)
        ]
        self.change(kind, name, [*ops, *off])

    def bump(self) -> None:
        """Make everything that the rollout touched ours, after the journal said a new epoch."""
        for item in self.state.touched:
            doc = self.cluster.get(item.kind, item.name)
            if doc is None or notes(doc).get(ID) != self.state.id or notes(doc).get(EPOCH) == str(self.state.epoch):
                continue
            # Whatever else was written to it meanwhile, by controllers say, is no matter: the marks are tested.
            marks = {key: notes(doc)[key] for key in (ID, EPOCH)}
            tests = [
                {"op": "test", "path": f"/metadata/annotations/{pointer(k)}", "value": v} for k, v in marks.items()
            ]
            self._patch(item.kind, item.name, [*tests, *_annotate(doc, {EPOCH: str(self.state.epoch)})])

    def _record(self, kind: str, name: str) -> None:
        """The journal knows what is touched before it is."""
        item, state = Touched(kind, name), self.state
        if item not in state.touched:
            self._check()
            self.journal.save(replace(state, touched=(*state.touched, item)))

    def _holds(self, doc: Doc) -> bool:
        told = notes(doc)
        return told.get(ID) == self.state.id and told.get(EPOCH) == str(self.state.epoch)

    def _mine(self) -> list[Doc]:
        marks = {ID: self.state.id, EPOCH: str(self.state.epoch)}
        return [{"op": "test", "path": f"/metadata/annotations/{pointer(k)}", "value": v} for k, v in marks.items()]

    def _patch(self, kind: str, name: str, ops: Sequence[Doc], *, subresource: str = "") -> Doc:
        self._check()
        return self.cluster.patch(kind, name, ops, subresource=subresource)

    def _check(self) -> None:
        if not self._may_write():
            raise ApiDown("the lock ran out: nothing is written until it is held again")

    def _fenced(self, kind: str, name: str) -> None:
        doc = self.cluster.get(kind, name)
        if doc is not None and notes(doc).get(ID) == self.state.id and notes(doc).get(EPOCH) != str(self.state.epoch):
            raise Fenced(f"{kind} {name} belongs to another runner by now", hint="see `agentops rollout status`")


def _shape(doc: Doc) -> str:
    return hashlib.sha256(json.dumps(doc, sort_keys=True).encode()).hexdigest()[:16]


def _same(doc: Doc) -> Doc:
    """The test that nobody wrote since the object was read."""
    return {"op": "test", "path": "/metadata/resourceVersion", "value": doc["metadata"]["resourceVersion"]}


def _annotate(doc: Doc, marks: Mapping[str, str]) -> list[Doc]:
    ops: list[Doc] = []
    if not notes(doc):
        ops.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    return ops + [{"op": "add", "path": f"/metadata/annotations/{pointer(k)}", "value": v} for k, v in marks.items()]


def _over(there: Doc, ready: Doc) -> dict[str, Any]:
    """What is written over an object of ours: what the API server alone fills in stays."""
    if ready["kind"] == "Service":
        kept = {
            k: v
            for k, v in (there.get("spec") or {}).items()
            if k in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
        }
        return {**ready, "spec": {**kept, **ready["spec"]}}
    return dict(ready)
