"""The lock: a Lease that its holder renews. Who finds it unchanged for its whole duration may take it over; the clocks
of two machines are never compared. (https://kubernetes.io/docs/concepts/architecture/leases/)"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from agentops.contracts import Cluster, Doc
from agentops.errors import ClusterError, Conflict, UsageError
from agentops.model.rollout import MANAGER
from agentops.rollout.hands import MINE
from agentops.rollout.names import Names
from agentops.text import one_line


class Locked(UsageError):
    """Somebody else holds the lock."""


class Lease:
    """The lock of one app. A context manager that releases it; `acquire` first."""

    def __init__(
        self,
        cluster: Cluster,
        names: Names,
        *,
        duration_s: float,
        renew_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._name = names.journal
        self._duration_s, self._renew_s, self._clock = duration_s, renew_s, clock
        self.holder = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._renewed: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def held(self) -> bool:
        """Whether the lock is surely ours: renewed less than its duration ago."""
        return self._renewed is not None and self._clock() - self._renewed < self._duration_s

    def look(self) -> str:
        """Who holds the lock as it stands, "" where nobody does. Whether that one still lives is not known."""
        doc = self._cluster.get("Lease", self._name)
        return one_line(str(((doc or {}).get("spec") or {}).get("holderIdentity") or ""), 100)

    def acquire(self, *, wait_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take the lock, where it is free, was released, or did not change for its whole duration while we looked.
        Raises Locked, with the holder, where that takes longer than `wait_s`."""
        began, seen, since = self._clock(), None, self._clock()
        while True:
            doc = self._cluster.get("Lease", self._name)
            spec = (doc or {}).get("spec") or {}
            if doc is None or not spec.get("holderIdentity") or spec["holderIdentity"] == self.holder:
                if self._try(doc):
                    break
                continue
            now = self._clock()
            mark = (doc["metadata"].get("resourceVersion"), spec.get("renewTime"))
            if mark != seen:
                seen, since = mark, now
            elif now - since >= float(spec.get("leaseDurationSeconds") or self._duration_s):
                if self._try(doc):
                    break
                continue
            if now - began >= wait_s:
                raise Locked(
                    f"a rollout is under way, held by {spec['holderIdentity']}",
                    hint="`agentops rollout status` shows it, `agentops rollout abort` ends it",
                )
            sleep(min(1.0, self._renew_s))
        self._keep()

    def seize(self) -> None:
        """Take the lock now, whoever holds it. For the way back alone: the epoch fences whoever held it. Raises
        Conflict where somebody else was quicker."""
        if not self._try(self._cluster.get("Lease", self._name)):
            raise Conflict(f"the lock {self._name} was taken by somebody else just now")
        self._keep()

    def _keep(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self.held():
            # Where it cannot be released it runs out by itself.
            with contextlib.suppress(ClusterError):
                doc = self._cluster.get("Lease", self._name)
                if doc is not None and (doc.get("spec") or {}).get("holderIdentity") == self.holder:
                    self._cluster.replace(
                        {
                            **doc,
                            "apiVersion": "coordination.k8s.io/v1",
                            "kind": "Lease",
                            "spec": {**doc["spec"], "holderIdentity": None},
                        }
                    )
        self._renewed = None

    def _try(self, doc: Doc | None) -> bool:
        """One attempt to write ourselves into it; false where somebody else was quicker."""
        at = self._clock()
        try:
            if doc is None:
                self._cluster.create(self._document(None))
            else:
                self._cluster.replace(self._document(doc))
        except Conflict:
            return False
        self._renewed = at
        return True

    def _renew(self) -> None:
        while not self._stop.wait(self._renew_s):
            # A renewal that fails is tried again; `held` tells when it has been too long.
            with contextlib.suppress(ClusterError):
                doc = self._cluster.get("Lease", self._name)
                if doc is None or (doc.get("spec") or {}).get("holderIdentity") == self.holder:
                    self._try(doc)

    def _document(self, doc: Doc | None) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict((doc or {}).get("spec") or {})
        if spec.get("holderIdentity") != self.holder:
            spec |= {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        spec |= {
            "holderIdentity": self.holder,
            "renewTime": now,
            "leaseDurationSeconds": max(round(self._duration_s), 1),
        }
        meta = dict((doc or {}).get("metadata") or {"name": self._name, "labels": {MINE: MANAGER}})
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
