"""The watchdog: a Job in the cluster that goes the way back when the runner died and nobody goes on.

It runs the tool's own image under a ServiceAccount of its own, looks at the lock, and steps in once that was left
unrenewed for its duration and a grace. It ends by itself with the rollout, and by its deadline at the latest.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentops.contracts import Cluster
from agentops.errors import ApiDown, Conflict
from agentops.model.codec import encode
from agentops.model.rollout import ID, MANAGER, Phase, State
from agentops.model.rollout_settings import Place
from agentops.rollout.hands import MINE
from agentops.rollout.journal import Journal, Unreadable
from agentops.rollout.names import Names

PLACE_ENV = "AGENTOPS_ROLLOUT_PLACE"
"""The variable that tells the watchdog the environment, as JSON."""

_LOOK_S = 2.0
_KEPT_S = 3600
_LONGEST_S = 7 * 24 * 3600
"""Whatever happens, the Job ends after a week: approvals may take days."""
_LIMITS = {"cpu": "500m", "memory": "256Mi"}
_REQUESTS = {"cpu": "10m", "memory": "96Mi"}


def ensure(cluster: Cluster, place: Place, state: State) -> None:
    """See that the rollout has its watchdog, where an image for it is configured."""
    if place.watchdog.image is None:
        return
    name = name_of(place, state)
    if cluster.get("Job", name) is None:
        try:
            cluster.create(document(replace(place, namespace=cluster.namespace, context=None), state))
        except Conflict:
            return


def name_of(place: Place, state: State) -> str:
    """A Job cannot be changed once it is there: each runner of a rollout has one of its own."""
    return f"{Names(place.deployment, place.entry).watchdog}-{state.id}-{state.epoch}"


def document(place: Place, state: State) -> dict[str, Any]:
    """The Job."""
    told = json.dumps(encode(place), separators=(",", ":"))
    labels = {MINE: MANAGER}
    container = {
        "name": "watchdog",
        "image": place.watchdog.image,
        "args": ["rollout", "watchdog"],
        "env": [{"name": PLACE_ENV, "value": told}, {"name": "HOME", "value": "/tmp"}],  # noqa: S108
        "resources": {"limits": _LIMITS, "requests": _REQUESTS},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }  # fmt: skip
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name_of(place, state), "labels": labels, "annotations": {ID: state.id}},
        "spec": {
            "backoffLimit": 6,
            "activeDeadlineSeconds": _LONGEST_S,
            "ttlSecondsAfterFinished": _KEPT_S,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": place.watchdog.service_account,
                    "restartPolicy": "OnFailure",
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [container],
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    }


class Orphans:
    """Looks at the lock of a rollout. The clocks of two machines are never compared: the lock must be seen unchanged
    for the lease's duration and the grace."""

    def __init__(self, cluster: Cluster, place: Place, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._place = place
        self._names = Names(place.deployment, place.entry)
        self._clock = clock
        self._mark: tuple[Any, ...] | None = None
        self._since = clock()

    def left_alone(self, state: State | None) -> bool:
        """Whether nobody has held the lock for long enough. A rollout that waits for its approval serves nobody from
        the canary and may wait alone. Raises ApiDown, after which the time counts anew: the runner was cut off too."""
        try:
            doc = self._cluster.get("Lease", self._names.journal)
        except ApiDown:
            self._mark = None
            raise
        spec = (doc or {}).get("spec") or {}
        mark = (spec.get("holderIdentity"), spec.get("renewTime"), doc is None)
        if mark != self._mark or (state is not None and state.phase is Phase.WAIT):
            self._mark, self._since = mark, self._clock()
            return False
        lasts = float(spec.get("leaseDurationSeconds") or self._place.timing.lease_s)
        return self._clock() - self._since >= lasts + self._place.watchdog.grace_s


def watch(
    cluster: Cluster,
    place: Place,
    *,
    step_in: Callable[[State | None], State | None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> State | None:
    """Watch until the rollout ended, by itself or by `step_in`, which is called once it is an orphan, with None where
    its journal is gone or cannot be read; called again where the API hinders it. Returns the last state."""
    orphans = Orphans(cluster, place, clock=clock)
    journal = Journal(cluster, Names(place.deployment, place.entry))
    alone = False
    while True:
        try:
            state = journal.refresh()
        except ApiDown:
            # The API server will be back, or the Job's deadline ends this.
            sleep(_LOOK_S)
            continue
        except Unreadable:
            state = None
        if state is not None and state.phase.ended:
            return state
        with contextlib.suppress(ApiDown, Conflict):
            # Once it is: stepping in renews the lock.
            alone = alone or orphans.left_alone(state)
            if alone:
                return step_in(state)
        sleep(_LOOK_S)
