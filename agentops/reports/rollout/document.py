"""A rollout as one JSON document: `agentops rollout status --json` while it is under way, the final report afterwards.

rollout.schema.json is its schema. The document is pure ASCII: whatever a cluster said survives as an escape. Numbers
that JSON does not know (an infinite bound) are null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.model.codec import encode
from agentops.model.rollout import Approval, Cause, Entry, Phase, Plan, Pod, Touched
from agentops.reports.rollout import view as views
from agentops.reports.rollout.outcome import Outcome, outcome
from agentops.reports.rollout.owner import Owner, owner
from agentops.reports.rollout.view import Arm, Stop, View
from agentops.version import VERSION

SCHEMA = "agentops.rollout-report/1"


@dataclass(frozen=True, slots=True)
class Versions:
    """What canary and stable served since counting began, and their pods; an arm is null where nobody told."""

    canary: Arm | None
    stable: Arm | None
    canary_pods: tuple[Pod, ...]
    stable_pods: tuple[Pod, ...]
    looked_at: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """The document. Times are Unix seconds, ages seconds, shares 0..1, weights percent.

    `phase_s` is how long the phase has lasted (without the time that it is frozen), `limit_s` how long it may.
    `awaited` is what it waits for, `trouble` what hinders the runner. `seen` of `needed` samples of the canary were
    judged in the present step. `owner` is who decides in the place of agentops, by limits of its own, null where
    agentops does. `slos` are the team's own objectives, canary's value first. `evidence` is what the
    analysis has added up, by the name of its gauge; its shape may change with any version.
    """

    schema: str
    agentops: str
    at: float
    id: str
    app: str
    environment: str
    namespace: str
    image: str
    before: str
    outcome: Outcome
    phase: Phase
    phase_s: float
    limit_s: float | None
    step: int
    weight: int | None
    path: tuple[Stop, ...]
    awaited: str
    trouble: str
    frozen: str
    frozen_s: float | None
    holder: str
    desired: str
    cause: Cause | None
    reason: str
    asked_by: str
    rollback_failed: str
    seen: int | None
    needed: int
    extended: int
    owner: Owner | None
    versions: Versions
    slos: Mapping[str, tuple[float | None, float | None]]
    plan: Plan
    approvals: tuple[Approval, ...]
    record: str
    broke_glass: str
    policy_sha256: str
    epoch: int
    committing: bool
    began_at: float
    ended_at: float | None
    touched: tuple[Touched, ...]
    entries: tuple[Entry, ...]
    evidence: Mapping[str, Any]


def report(view: View) -> Report:
    """The rollout as it is told to machines."""
    s = view.state
    sample, _ = views.looks(view)
    canary, stable = views.arms(view)
    canary_pods, stable_pods = views.pods(view)
    return Report(
        schema=SCHEMA, agentops=VERSION, at=view.now, id=s.id, app=s.app, environment=s.environment,
        namespace=s.namespace, image=s.image, before=s.before, outcome=outcome(s), phase=s.phase,
        phase_s=views.age_s(view), limit_s=views.limit_s(view), step=s.step, weight=views.weight(view),
        path=views.path(view), awaited=s.awaiting, trouble=view.trouble, frozen=s.frozen,
        frozen_s=max(view.now - s.frozen_at, 0.0) if s.frozen else None,
        holder=view.holder, desired=s.desired, cause=s.cause, reason=s.reason, asked_by=s.asked_by,
        rollback_failed=s.rollback_failed, seen=views.seen(view), needed=s.plan.needed, extended=s.extended,
        owner=owner(s), versions=Versions(
            canary, stable, canary_pods, stable_pods, sample.at if sample else None, sample.why if sample else ""
        ),
        slos=sample.slos if sample else {}, plan=s.plan, approvals=s.approvals, record=s.record,
        broke_glass=s.broke_glass, policy_sha256=s.policy_sha256, epoch=s.epoch, committing=s.committing,
        began_at=s.began_at, ended_at=views.ended_at(s), touched=s.touched, entries=s.entries,
        evidence={k: v for k, v in s.evidence.items() if k != views.SEEN},
    )  # fmt: skip


def data(view: View) -> dict[str, Any]:
    """The document as JSON data."""
    found: dict[str, Any] = _finite(encode(report(view)))
    return found


def render(view: View) -> str:
    """The document as text, one value a line, ended by a newline."""
    return json.dumps(data(view), ensure_ascii=True, allow_nan=False, indent=1) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
