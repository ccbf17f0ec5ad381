"""A rollout worth telling of, and a view of it."""

from __future__ import annotations

from dataclasses import replace

from agentops.model.rollout import Approval, Cause, Counts, Entry, Phase, Plan, Sample, State
from agentops.reports.rollout.view import View

T0 = 1_790_000_000.0
NEW = "registry.example/support-agent@sha256:" + "1a2b3c4d" * 8
OLD = "registry.example/support-agent@sha256:" + "99887766" * 8


def state(**changes: object) -> State:
    """A rollout in its first canary step."""
    plan = Plan("canary", "splitter", "why", (5, 25), 100, "detects", 3)
    made = State(
        "r-1", "support-agent", "production", "shop", NEW, OLD, plan, Phase.CANARY, began_at=T0, phase_at=T0 + 60,
        entries=(Entry(T0, Phase.CANARY_UP, "begins"),),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def view(**changes: object) -> View:
    """A look at it."""
    sample = Sample(T0 + 90, Counts(40, {"500": 9}), Counts(400, {"500": 4}))
    return View(state(**changes), T0 + 100, None, sample)


BACK = {"phase": Phase.ABORTED, "cause": Cause.HARM, "reason": "21 % errors <!channel> @all", "phase_at": T0 + 70}
APPROVED = {"approvals": (Approval(T0 + 50, "maria", "the evals look good"),)}
