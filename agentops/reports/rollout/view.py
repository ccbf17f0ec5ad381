"""A rollout as somebody looks at it: the journal's state, what was last seen of both versions, and the way it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from agentops.model.codec import DecodeError, decode, encode
from agentops.model.rollout import Counts, Pod, Sample, State
from agentops.model.rollout import Phase as P
from agentops.model.rollout_settings import Place
from agentops.reports.rollout.owner import owner

SEEN = "seen"
"""Where the journal's evidence keeps the last look at both versions, so that others can show it too."""

_PODS = 20
_FULL = 100
_P95 = 0.95
_UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class View:
    """What a report is made from.

    `now` is Unix time in seconds. `place` adds the limits and the phases that lie ahead. `sample` is the last look at
    both versions and `since` the one at which counting began: what is shown is the difference. Without them that which
    the journal keeps (`kept`) is taken. `seen` are the canary's samples in the present step. `trouble` says in words
    what hinders the runner just now, `holder` who holds the lock.
    """

    state: State
    now: float
    place: Place | None = None
    sample: Sample | None = None
    since: Sample | None = None
    seen: int | None = None
    trouble: str = ""
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """What one version served. Shares are 0..1, None where nothing was served or nobody tells. `p95_over` is true where
    the 95th percentile lies above the highest bound that is counted, which `p95_s` then is."""

    requests: int
    failed: int
    error_share: float | None
    errors: Mapping[str, int]
    p95_s: float | None
    p95_over: bool
    cost_usd_per_request: float | None
    tokens_per_request: float | None


class Mark(Enum):
    """How far the rollout is with a stop."""

    DONE = "done"
    CURRENT = "current"
    STOPPED = "stopped"
    AHEAD = "ahead"
    NOT_REACHED = "not-reached"


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop on the way. `step` counts the canary's steps from 0, `weight` is the canary's share of traffic in
    percent; None where the phase has none."""

    phase: P
    name: str
    mark: Mark
    step: int | None = None
    weight: int | None = None


def kept(sample: Sample, since: Sample | None = None) -> dict[str, Any]:
    """What to keep of a look as evidence[SEEN], as JSON data; of pods the first twenty."""
    last = replace(sample, canary_pods=sample.canary_pods[:_PODS], stable_pods=sample.stable_pods[:_PODS])
    first = None if since is None else Sample(since.at, since.canary, since.stable)
    return {"sample": encode(last), "since": encode(first)}


def looks(view: View) -> tuple[Sample | None, Sample | None]:
    """The last look and the one at which counting began: the view's own, else the journal's."""
    if view.sample is not None:
        return view.sample, view.since
    held = view.state.evidence.get(SEEN)
    if not isinstance(held, Mapping) or held.get("sample") is None:
        return None, None
    try:
        since = held.get("since")
        return decode(Sample, held["sample"]), decode(Sample, since) if since is not None else None
    except (DecodeError, TypeError):
        # Of another version, or damaged: it is only for show.
        return None, None


def seen(view: View) -> int | None:
    """The canary's samples that count in the present step; None where nobody tells, or an owner counts its own."""
    if owner(view.state) is not None:
        return None
    if view.seen is not None:
        return view.seen
    judged = _judged(view.state)
    return judged[0][0] if judged and view.state.phase in (P.CANARY, P.BAKE) else None


def arms(view: View) -> tuple[Arm | None, Arm | None]:
    """What canary and stable served since counting began; without a look, the requests and errors of the present step
    as the analysis has counted them; None for one of which nothing is known."""
    last, first = looks(view)
    if last is None:
        judged = _judged(view.state)
        if judged is None:
            return None, None
        mine, theirs = (_arm(Counts(n, {_UNTOLD: failed} if failed else {})) for n, failed in judged)
        return replace(mine, errors={}), replace(theirs, errors={})
    pairs = ((last.canary, first.canary if first else None), (last.stable, first.stable if first else None))
    canary, stable = (None if now is None else _arm(_less(now, then)) for now, then in pairs)
    return canary, stable


def pods(view: View) -> tuple[tuple[Pod, ...], tuple[Pod, ...]]:
    """The pods of canary and stable at the last look."""
    last, _ = looks(view)
    return (last.canary_pods, last.stable_pods) if last else ((), ())


def path(view: View) -> tuple[Stop, ...]:
    """The stops from the first pod to the end, in order. Stops that only some rollouts have are there where the place
    asks for them or the journal tells of them."""
    state = view.state
    stops = _stops(view)
    here = next((i for i, (phase, step, _) in enumerate(stops) if (phase, step) == _at(state)), len(stops) - 1)
    back = state.phase in (P.ABORTING, P.ABORTED)
    made = []
    for i, (phase, step, weight) in enumerate(stops):
        name = phase.value if step is None else f"{phase.value} {weight} %"
        if i < here or state.phase is P.DONE:
            mark = Mark.DONE
        elif i == here:
            mark = Mark.STOPPED if back else Mark.CURRENT
        else:
            mark = Mark.NOT_REACHED if back else Mark.AHEAD
        made.append(Stop(phase, name, mark, step, weight))
    return tuple(made)


def weight(view: View) -> int | None:
    """The canary's share of traffic in percent; None while it is on its way back to the way in of before."""
    state, weights = view.state, view.state.plan.weights
    other = owner(state)
    if other is not None and state.phase is P.CANARY:
        return other.weight
    if state.phase is P.CANARY:
        return weights[min(max(state.step, 0), len(weights) - 1)] if weights else None
    if state.phase in (P.BAKE, P.COMMIT):
        # With low capacity there is no canary of full size: the last share is held.
        return weights[-1] if weights and view.place is not None and view.place.low_capacity else _FULL
    return None if state.phase in (P.RESTORE, P.ABORTING) else 0


def age_s(view: View) -> float:
    """How long the present phase has lasted, in seconds; of one that carries traffic, how long that has flowed. While
    it is frozen its clock stands still."""
    state = view.state
    began = state.flowing_at if state.flowing_at and state.phase in (P.CANARY, P.BAKE) else state.phase_at
    return max((state.frozen_at if state.frozen and state.frozen_at else view.now) - began, 0.0)


def limit_s(view: View) -> float | None:
    """How long the present phase may last, in seconds; None where there is no limit or nobody told."""
    state, place = view.state, view.place
    if place is None:
        return None
    timing, phase = place.timing, state.phase
    if owner(state) is not None:
        # Once it has the image, how long it takes is the owner's to say.
        ours = {P.CANARY_UP: timing.ready_s, P.ABORTING: timing.progress_s}
        return timing.ready_s if phase is P.CANARY and not state.flowing_at else ours.get(phase)
    step_s = place.step.minutes * 60 * (1 + state.extended)
    bake_s = place.bake_minutes * 60
    if phase in (P.CANARY, P.BAKE) and not state.flowing_at:
        return timing.ready_s
    if phase is P.BAKE:
        return bake_s if age_s(view) < bake_s else bake_s + step_s
    limits = {
        P.CANARY_UP: timing.ready_s,
        P.SHADOW: place.shadow.minutes * 60,
        P.CANARY: step_s,
        P.COMMIT: timing.progress_s,
        P.ABORTING: timing.progress_s + timing.drain_s,
    }
    return limits.get(phase)


def ended_at(state: State) -> float | None:
    """When it ended, in Unix seconds; None while it is under way."""
    return state.phase_at if state.phase.ended else None


def stopped_in(state: State) -> P:
    """The phase that it was in, or was in before it went back."""
    if state.phase not in (P.ABORTING, P.ABORTED):
        return state.phase
    before = (e.phase for e in reversed(state.entries) if e.phase not in (P.ABORTING, P.ABORTED, P.DONE))
    # An old journal may have lost those lines: what the state itself says is the next best.
    fallback = P.COMMIT if state.committing else P.CANARY if state.step else P.CANARY_UP
    return next(before, fallback)


def _judged(state: State) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Requests and failures of canary and stable that the analysis counted in the present step."""
    try:
        step = state.evidence["analysis"]["step"]
        (n, k), (m, j) = step["c"], step["s"]
        return (int(n), int(k)), (int(m), int(j))
    except (KeyError, TypeError, ValueError, OverflowError):
        # There is none yet, or it is of another version: it is only for show.
        return None


def _at(state: State) -> tuple[P, int | None]:
    phase = stopped_in(state)
    if owner(state) is not None:
        return phase if phase in (P.CANARY_UP, P.WAIT, P.DONE) else P.CANARY, None
    last = max(len(state.plan.weights) - 1, 0)
    return phase, min(max(state.step, 0), last) if phase is P.CANARY else None


def _stops(view: View) -> list[tuple[P, int | None, int | None]]:
    state, place = view.state, view.place
    told = {state.phase, stopped_in(state), *(entry.phase for entry in state.entries)}
    asked = set()
    if owner(state) is not None:
        waits = P.WAIT in told or (place is not None and place.approval)
        own = [P.CANARY_UP, *([P.WAIT] if waits else []), P.CANARY, P.DONE]
        return [(p, None, 0 if p in (P.CANARY_UP, P.WAIT) else None) for p in own]
    if place is not None:
        asked |= {P.SHADOW} if place.shadow.mode != "off" else set()
        asked |= {P.CHECK} if place.evals.suites else set()
        asked |= {P.WAIT} if place.approval else set()
    first = [P.CANARY_UP, *(p for p in (P.SHADOW, P.CHECK, P.WAIT) if p in told | asked)]
    stops: list[tuple[P, int | None, int | None]] = [(p, None, 0) for p in first]
    stops += [(P.CANARY, i, share) for i, share in enumerate(state.plan.weights)]
    if P.CANARY in told and not state.plan.weights:
        stops.append((P.CANARY, 0, None))
    return [*stops, (P.BAKE, None, _FULL), (P.COMMIT, None, _FULL), (P.RESTORE, None, None), (P.DONE, None, None)]


def _less(now: Counts, then: Counts | None) -> Counts:
    """What came since `then`. Counters that are smaller than they were started anew: they count from nothing."""
    if then is None or now.requests < then.requests:
        return now
    errors = {cause: n - then.errors.get(cause, 0) for cause, n in now.errors.items()}
    before = dict(then.latency)
    return Counts(
        now.requests - then.requests,
        {cause: n for cause, n in errors.items() if n > 0},
        tuple((bound, max(n - before.get(bound, 0), 0)) for bound, n in now.latency),
        None if now.cost_usd is None else max(now.cost_usd - (then.cost_usd or 0.0), 0.0),
        None if now.tokens is None else max(now.tokens - (then.tokens or 0), 0),
    )


def _arm(counts: Counts) -> Arm:
    n = counts.requests
    p95, over = _quantile(counts.latency)
    return Arm(
        requests=n,
        failed=counts.failed,
        error_share=counts.failed / n if n else None,
        errors=dict(counts.errors),
        p95_s=p95,
        p95_over=over,
        cost_usd_per_request=counts.cost_usd / n if n and counts.cost_usd is not None else None,
        tokens_per_request=counts.tokens / n if n and counts.tokens is not None else None,
    )


def _quantile(buckets: Sequence[tuple[float, int]]) -> tuple[float | None, bool]:
    """The 95th percentile of cumulative counts below upper bounds, linear within a bucket as Prometheus does it
    (histogram_quantile), and whether it lies above the highest finite bound."""
    ordered = sorted(buckets)
    if not ordered or ordered[-1][1] <= 0:
        return None, False
    rank = _P95 * ordered[-1][1]
    low, below = 0.0, 0
    for bound, count in ordered:
        if count >= rank:
            if math.isinf(bound):
                return low, True
            return low + (bound - low) * (rank - below) / max(count - below, 1), False
        low, below = bound, count
    return low, True
