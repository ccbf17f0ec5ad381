"""A rollout as its journal keeps it: where it stands, what it was before, what was seen, and who said what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

SCHEMA = "agentops.rollout/1"

ID = "rollout.agentops/id"
EPOCH = "rollout.agentops/epoch"
ORIGINAL = "rollout.agentops/original"
"""Annotations of every object that a rollout touches: whose it is, who may write, and what it was before (JSON)."""
TRACK = "rollout.agentops/track"
"""The label of pods that the rollout made: canary or splitter."""
MANAGER = "agentops-rollout"


class Phase(Enum):
    """Where a rollout stands. Up to BAKE stable serves or waits warm; from ABORTING on it goes back."""

    CANARY_UP = "canary-up"
    SHADOW = "shadow"
    CHECK = "check"
    WAIT = "wait"
    CANARY = "canary"
    BAKE = "bake"
    COMMIT = "commit"
    RESTORE = "restore"
    DONE = "done"
    ABORTING = "aborting"
    ABORTED = "aborted"

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done."""
        return self in (Phase.DONE, Phase.ABORTED)


class Cause(Enum):
    """Why a rollout goes back."""

    HARM = "harm"
    INCONCLUSIVE = "inconclusive"
    ASKED = "asked"
    BROKEN = "broken"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided before the first write. `weights` are percent, one a step. `traffic` is the mode in force and
    `why` it was chosen, `route` the object whose weights it changes, if any. `needed` are the samples of a step,
    `detects` says in words what they can show."""

    strategy: str
    traffic: str
    why: str
    weights: tuple[int, ...]
    needed: int
    detects: str
    stable_replicas: int
    route: str = ""
    steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. `at` is Unix time in seconds."""

    at: float
    phase: Phase
    text: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let a rollout go on, as which step, and why."""

    at: float
    who: str
    why: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that the rollout wrote to."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class State:
    """The whole rollout. `phase_at` is when the phase began, `seen_at` when metrics were last fresh (Unix seconds).

    `epoch` grows with every runner that takes over; only the holder of the current one may write. `desired` is "go" or
    "abort"; anybody may ask for the latter. `committing` is true once stable's own image was changed. `evidence` holds
    what was added up, by who did: "analysis", "shadow", "evals", "told". `frozen` says why nothing is decided just now,
    since `frozen_at`; `awaiting` what the phase waits for. `flowing_at` is when the traffic of the present step was
    seen to flow as asked, 0 before; `served` is true once any was led to the canary. `extended` counts the extensions
    of the present step. `record` is the sha256 of the envelope that admitted the image, `broke_glass` the reason where
    none did.
    """

    id: str
    app: str
    environment: str
    namespace: str
    image: str
    before: str
    plan: Plan
    phase: Phase = Phase.CANARY_UP
    step: int = 0
    epoch: int = 1
    desired: str = "go"
    cause: Cause | None = None
    reason: str = ""
    asked_by: str = ""
    committing: bool = False
    began_at: float = 0.0
    phase_at: float = 0.0
    seen_at: float = 0.0
    served: bool = False
    flowing_at: float = 0.0
    awaiting: str = ""
    frozen: str = ""
    frozen_at: float = 0.0
    extended: int = 0
    touched: tuple[Touched, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    entries: tuple[Entry, ...] = ()
    record: str = ""
    broke_glass: str = ""
    policy_sha256: str = ""
    rollback_failed: str = ""
    schema: str = SCHEMA


@dataclass(frozen=True, slots=True)
class Counts:
    """What one version served since it started, as cumulative counters; None where nobody tells.

    `errors` are by cause ("500", "timeout", "connect"); those in `PROVIDER` came from the model provider. `latency` are
    cumulative counts below upper bounds in seconds. `cost_usd` and `tokens` are sums.
    """

    requests: int
    errors: Mapping[str, int] = field(default_factory=dict)
    latency: tuple[tuple[float, int], ...] = ()
    cost_usd: float | None = None
    tokens: int | None = None

    @property
    def failed(self) -> int:
        """Requests that failed, whatever the cause."""
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True)
class Pod:
    """What the API server says of a pod. `waiting` is the reason why a container does not run ("ImagePullBackOff").
    `image_id` is the digest that runs; `memory_bytes` None where nobody measures it. A pod is `lost` whose node does
    not answer: its containers were ready when it was last heard of."""

    name: str
    ip: str
    ready: bool
    restarts: int
    node: str = ""
    waiting: str = ""
    message: str = ""
    image_id: str = ""
    created_at: float = 0.0
    leaving: bool = False
    lost: bool = False
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at both versions, at Unix time `at`. An arm is None where no metrics came; `why` then says so."""

    at: float
    canary: Counts | None
    stable: Counts | None
    canary_pods: tuple[Pod, ...] = ()
    stable_pods: tuple[Pod, ...] = ()
    slos: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    why: str = ""
