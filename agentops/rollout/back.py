"""The way back, and the end of a good rollout: traffic to stable, then everything as it was.

The order is that no request meets a pod that is not there: traffic leaves first, what is in flight ends, pods go last.
"""

from __future__ import annotations

from dataclasses import replace

from agentops.model.rollout import Cause, Phase, State
from agentops.rollout.journal import noted
from agentops.rollout.parts import Parts
from agentops.text import one_line


def tick(parts: Parts, state: State) -> State:
    """One look on the way back. A rollout that changed stable's own image brings the former one back first, while the
    canary serves; then traffic leaves the canary."""
    if state.committing:
        waiting = parts.deployments.revert()
        if waiting:
            limit = parts.place.timing.progress_s
            if parts.clock() - state.phase_at > limit:
                return stuck(parts, state, f"stable did not come back within {limit:g} s: {waiting}")
            return replace(state, awaiting=waiting)
        state = noted(replace(state, committing=False), f"stable runs {state.before} again", now=parts.clock())
    drains = state.served and state.cause is not Cause.HARM
    drain_s = parts.place.timing.drain_s if drains else 0.0
    waiting = leave(parts, state, drain_s=drain_s)
    now = parts.clock()
    if not waiting:
        done = replace(state, phase=Phase.ABORTED, phase_at=now, awaiting="", rollback_failed="")
        return noted(done, "stable serves as before", now=now)
    state = flowing(parts, state, waiting)
    limit = parts.place.timing.progress_s + drain_s
    if now - state.phase_at > limit and not state.rollback_failed:
        return stuck(parts, state, f"not back within {limit:g} s: {waiting}")
    return replace(state, awaiting=waiting)


def leave(parts: Parts, state: State, *, drain_s: float) -> str:
    """Bring all traffic to stable, the way in as it was, and what we made to rest. Returns what is awaited."""
    router = parts.router
    if not state.flowing_at:
        return router.clear() or router.restore() or _DRAIN
    left = state.flowing_at + drain_s - parts.clock()
    if left > 0:
        return f"requests in flight, {left:.0f} s at most"
    waiting = parts.deployments.lower_canary() or router.retire()
    if waiting:
        return waiting
    parts.deployments.let_go()
    return ""


_DRAIN = "requests in flight"


def flowing(parts: Parts, state: State, waiting: str) -> State:
    """The state once traffic was seen on stable alone: from then on requests in flight are waited for."""
    if state.flowing_at or waiting != _DRAIN:
        return state
    now = parts.clock()
    return noted(replace(state, flowing_at=now), "stable serves everybody", now=now)


def stuck(parts: Parts, state: State, why: str) -> State:
    """The way back does not go on by itself: a person has to look."""
    if state.rollback_failed:
        return replace(state, awaiting=one_line(why, 300))
    return noted(replace(state, rollback_failed=one_line(why, 400)), f"the way back failed: {why}", now=parts.clock())
