"""How one state of a rollout becomes the next: pure functions of the state and the time (Unix seconds)."""

from __future__ import annotations

from dataclasses import replace

from agentops.model.rollout import Cause, Phase, State
from agentops.model.rollout_settings import Place
from agentops.rollout import analysis
from agentops.rollout.journal import noted
from agentops.text import one_line

BY_HAND = "changed by hand"
"""How the reason of a freeze begins that somebody's change brought about."""
MINUTE = 60.0
_UNSEEN_S = 20.0
"""So long may pass between two looks that the journal knows of."""


def to(state: State, phase: Phase, *, now: float) -> State:
    """The state at the beginning of a phase, or of a step."""
    fresh = replace(state, phase=phase, phase_at=now, flowing_at=0.0, extended=0, awaiting="", frozen="")
    step = f" {state.step + 1}" if phase is Phase.CANARY else ""
    return noted(fresh, f"{phase.value}{step} begins", now=now)


def following(state: State, place: Place, *, now: float) -> State:
    """The state at the beginning of what follows the present phase or step."""
    if state.phase is Phase.CANARY and state.step + 1 < len(state.plan.weights):
        return to(replace(state, step=state.step + 1), Phase.CANARY, now=now)
    way = [
        *([Phase.SHADOW] if place.shadow.mode != "off" else []),
        *([Phase.CHECK] if place.evals.suites else []),
        *([Phase.WAIT] if place.approval else []),
        *([Phase.CANARY] if state.plan.weights else []),
        Phase.BAKE, Phase.COMMIT, Phase.RESTORE, Phase.DONE,
    ]  # fmt: skip
    # By the order of the phases: the configuration may have lost the one that it comes from.
    order = list(Phase)
    return to(state, next(phase for phase in way if order.index(phase) > order.index(state.phase)), now=now)


def back(state: State, cause: Cause, reason: str, *, now: float) -> State:
    """The state at the beginning of the way back."""
    told = replace(
        state, cause=cause, reason=one_line(reason, 400), phase=Phase.ABORTING, phase_at=now, flowing_at=0.0,
        awaiting="", frozen="",
    )  # fmt: skip
    return noted(told, f"going back ({cause.value}): {reason}", now=now)


def freeze(state: State, why: str, *, now: float, limit_s: float) -> State:
    """Stop the clocks of the phase, or with "" start them again. What stays frozen for longer than `limit_s` goes
    back."""
    if why and not state.frozen:
        return noted(replace(state, frozen=one_line(why, 300), frozen_at=now), f"frozen: {why}", now=now)
    if why and now - state.frozen_at > limit_s:
        text = f"frozen for more than {limit_s / MINUTE:g} minutes: {state.frozen}"
        return back(state, Cause.INCONCLUSIVE, text, now=now)
    if why or not state.frozen:
        return replace(state, frozen=one_line(why, 300))
    stood = now - state.frozen_at
    flowing = state.flowing_at + stood if state.flowing_at else 0.0
    thawed = replace(state, frozen="", frozen_at=0.0, flowing_at=flowing, phase_at=state.phase_at + stood, seen_at=now)
    if state.frozen.startswith(BY_HAND):
        # What was served meanwhile was served by who knows what.
        thawed = replace(thawed, evidence=analysis.anew(state.evidence))
    return noted(thawed, f"goes on after {stood:.0f} s", now=now)


def caught_up(state: State, *, now: float, interval_s: float) -> State:
    """Time in which nobody looked is no time of the step: its clocks are moved by it."""
    gap = now - max(state.seen_at, state.flowing_at)
    if gap <= max(_UNSEEN_S, 5 * interval_s):
        return state
    moved = replace(state, flowing_at=state.flowing_at + gap, phase_at=state.phase_at + gap, seen_at=now)
    return noted(moved, f"nobody looked for {gap:.0f} s, which do not count", now=now)


def forged(begun: State, now: State) -> str:
    """What nobody may change while a rollout is under way, and somebody did."""
    for name in ("image", "before", "record", "broke_glass", "plan", "environment"):
        if getattr(begun, name) != getattr(now, name):
            return f"the {name.replace('_', ' ')}"
    return ""
