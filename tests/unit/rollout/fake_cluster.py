"""A Kubernetes API in memory: versions, conflicts, JSON Patch, lost answers, and controllers as simple as can be."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jsonpatch
import jsonpointer

from agentops.contracts import Doc
from agentops.errors import ApiDown, ClusterError, Conflict

_DEPLOYMENT = "Deployment"


class FakeCluster:
    """Implements contracts.Cluster.

    `before_write` and `after_write` are called with (verb, kind, name) around every write; what they raise reaches the
    caller, after_write's once the write took place (a lost answer). `settle()` plays the controllers: pods appear for
    Deployments, ready unless `sick` names their image. `forbidden` are (verb, kind) that `may` denies.
    """

    def __init__(self, *docs: Doc, namespace: str = "default") -> None:
        self.namespace = namespace
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.before_write: Callable[[str, str, str], None] = lambda *_: None
        self.after_write: Callable[[str, str, str], None] = lambda *_: None
        self.sick: dict[str, str] = {}
        self.down = False
        self.forbidden: set[tuple[str, str]] = set()
        self.log: dict[str, str] = {}
        self.ports: dict[tuple[str, int], int] = {}
        self._versions = itertools.count(1)
        self._pods = itertools.count(1)
        for doc in docs:
            self._store(copy.deepcopy(dict(doc)))

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Doc | None:
        self._up()
        found = self.objects.get((kind, name))
        return copy.deepcopy(found) if found is not None else None

    def list(self, kind: str, *, labels: Mapping[str, str] | None = None) -> tuple[Doc, ...]:
        self._up()
        found = [doc for (k, _), doc in sorted(self.objects.items()) if k == kind]
        wanted = (labels or {}).items()
        return tuple(copy.deepcopy(d) for d in found if wanted <= (d["metadata"].get("labels") or {}).items())

    def create(self, doc: Doc) -> Doc:
        def act() -> dict[str, Any]:
            if (doc["kind"], doc["metadata"]["name"]) in self.objects:
                raise Conflict("it is there already")
            return self._store(copy.deepcopy(dict(doc)))

        return self._write("create", doc["kind"], doc["metadata"]["name"], act)

    def replace(self, doc: Doc) -> Doc:
        kind, name = doc["kind"], doc["metadata"]["name"]

        def act() -> dict[str, Any]:
            there = self.objects.get((kind, name))
            if there is None:
                raise Conflict("it is gone")
            if doc["metadata"].get("resourceVersion") not in (None, there["metadata"]["resourceVersion"]):
                raise Conflict("it was changed meanwhile")
            kept = {"status": there["status"]} if "status" in there else {}
            return self._store({**copy.deepcopy(dict(doc)), **kept})

        return self._write("replace", kind, name, act)

    def patch(self, kind: str, name: str, ops: Sequence[Doc], *, subresource: str = "") -> Doc:
        def act() -> dict[str, Any]:
            there = self.objects.get((kind, name))
            if there is None:
                raise Conflict("it is gone")
            try:
                return self._store(jsonpatch.apply_patch(there, [dict(op) for op in ops]))
            except (jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPatchConflict) as error:
                raise Conflict(f"a test failed: {error}") from None
            except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
                raise ClusterError(str(error)) from None

        return self._write("patch", kind, name, act)

    def may(self, verb: str, kind: str, *, name: str = "", subresource: str = "") -> bool:
        self._up()
        return (verb, kind) not in self.forbidden

    def logs(self, pod: str, *, container: str = "", lines: int = 50) -> str:
        return self.log.get(pod, "")

    @contextlib.contextmanager
    def forward(self, pod: str, port: int) -> Iterator[int]:
        self._up()
        if (pod, port) not in self.ports:
            raise ApiDown(f"no way to {pod}:{port}")
        yield self.ports[(pod, port)]

    # What follows is for tests.

    def settle(self) -> None:
        """Let the controllers and the kubelet do their work to the end."""
        for (kind, name), doc in list(self.objects.items()):
            if kind == _DEPLOYMENT:
                self._roll(name, doc)

    def pods(self, deployment: str) -> list[dict[str, Any]]:
        """The pods of a Deployment."""
        found = [doc for (kind, _), doc in self.objects.items() if kind == "Pod"]
        return [d for d in found if d["metadata"]["annotations"]["owner"] == deployment]

    def edit(self, kind: str, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change an object as somebody else would."""
        doc = copy.deepcopy(self.objects[(kind, name)])
        change(doc)
        self._store(doc)

    def remove(self, kind: str, name: str) -> None:
        """Delete an object as somebody else would."""
        self.objects.pop((kind, name))

    def _roll(self, name: str, doc: dict[str, Any]) -> None:
        template = doc["spec"]["template"]
        wanted = doc["spec"].get("replicas", 1)
        for pod in self.pods(name):
            old = pod["spec"] != template["spec"]
            if old or len(self.pods(name)) > wanted:
                self.objects.pop(("Pod", pod["metadata"]["name"]))
        while len(self.pods(name)) < wanted:
            self._pod(name, template)
        ready = sum(_is_ready(pod) for pod in self.pods(name))
        status = {
            "observedGeneration": doc["metadata"].get("generation", 1), "replicas": wanted, "updatedReplicas": wanted,
            "readyReplicas": ready, "availableReplicas": ready,
        }  # fmt: skip
        self.objects[(_DEPLOYMENT, name)]["status"] = status

    def _pod(self, owner: str, template: Mapping[str, Any]) -> None:
        number = next(self._pods)
        containers = template["spec"]["containers"]
        reason = next((self.sick[c["image"]] for c in containers if c["image"] in self.sick), "")
        state = {"waiting": {"reason": reason}} if reason else {"running": {}}
        status = {
            "podIP": f"10.0.0.{number}", "phase": "Pending" if reason else "Running",
            "conditions": [{"type": "Ready", "status": "False" if reason else "True"}],
            "containerStatuses": [
                {
                    "name": c["name"], "ready": not reason, "restartCount": 0, "state": state,
                    "imageID": c["image"],
                }
                for c in containers
            ],
        }  # fmt: skip
        labels = dict((template.get("metadata") or {}).get("labels") or {})
        name = f"{owner}-{number}"
        self._store({
            "apiVersion": "v1", "kind": "Pod", "spec": copy.deepcopy(template["spec"]), "status": status,
            "metadata": {
                "name": name, "labels": labels, "annotations": {"owner": owner},
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
        })  # fmt: skip

    def _write(self, verb: str, kind: str, name: str, act: Callable[[], dict[str, Any]]) -> Doc:
        self._up()
        self.before_write(verb, kind, name)
        done = copy.deepcopy(act())
        self.writes.append((verb, kind, name))
        self.after_write(verb, kind, name)
        return done

    def _store(self, doc: dict[str, Any]) -> dict[str, Any]:
        key = (doc["kind"], doc["metadata"]["name"])
        before = self.objects.get(key)
        meta = doc["metadata"] = dict(doc["metadata"])
        generation = before["metadata"].get("generation", 1) if before else 1
        meta["generation"] = generation + bool(before and before.get("spec") != doc.get("spec"))
        meta["resourceVersion"] = str(next(self._versions))
        meta.setdefault("uid", f"uid-{meta['resourceVersion']}")
        self.objects[key] = doc
        return doc

    def _up(self) -> None:
        if self.down:
            raise ApiDown("the API is down")


def _is_ready(pod: Mapping[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
