"""A plan as people read it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from agentops.model.rollout import Plan
from agentops.model.rollout_settings import Place
from agentops.rollout.plan_sizes import FULL, MINUTE_S, full_size, longest_s, share_of_pods, step_s

_APPROVAL = "wait until somebody says `agentops rollout promote`"


def lines(found: Plan) -> tuple[str, ...]:
    """The plan, one line each: how, the steps, what they show, warnings and refusals."""
    told = [f"{found.strategy}, traffic by {found.traffic}" + (f": {found.why}" if found.why else "")]
    told += [f"{number:2}. {step}" for number, step in enumerate(found.steps, 1)]
    if found.needed:
        told.append(f"at least {found.needed} requests of the canary have to be seen")
    told.append(f"detects: {found.detects}")
    told += [f"warning: {line}" for line in found.warnings]
    told += [f"refused: {line}" for line in found.refusals]
    return tuple(told)


def steps(place: Place, mode: str, weights: tuple[int, ...], stable_replicas: int) -> Iterator[str]:
    """The phases in their order, one line each."""
    if mode == "delegate":
        if place.approval:
            yield _APPROVAL
        yield f"set the image of {place.deployment}: the controller in the cluster takes the steps"
        yield "watch it until it is through, or has gone back"
        return
    yield from _before(place, mode, weights, stable_replicas)
    step = span(place.step.minutes * MINUTE_S)
    for weight in weights:
        real, told = share_of_pods(weight, stable_replicas), ""
        if mode == "replicas":
            told = f" ({pods(real[0])} beside {stable_replicas}: {real[1]:.3g} %)"
        yield (
            f"canary {weight} %{told}: until {place.step.samples} requests of it were seen and its errors judged, "
            f"{step} at most, extended {_times(place.step.extend)}"
        )
    yield f"bake: {_bake(place, weights, stable_replicas)}"
    commit = span(place.timing.progress_s)
    yield f"commit: {place.deployment} takes the image, within {commit}; the canary serves meanwhile"
    yield f"restore: traffic goes back to {place.deployment}, the canary is drained and scaled to nothing"
    yield f"all of it within {span(longest_s(place, mode))}"


def span(seconds: float) -> str:
    """Seconds as people say them."""
    if not math.isfinite(seconds):
        return "an unlimited time"
    if seconds < 120:
        return f"{max(seconds, 0):.3g} s"
    minutes = round(seconds / MINUTE_S)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def pods(number: int) -> str:
    """So many pods."""
    return f"{number} pod" + ("" if number == 1 else "s")


def _before(place: Place, mode: str, weights: tuple[int, ...], stable_replicas: int) -> Iterator[str]:
    """What happens before the canary serves anybody."""
    if place.shadow.mode != "off":
        first = "1 pod, in shadow mode"
    elif not weights:
        first = f"{pods(full_size(stable_replicas))}, its full size"
    else:
        first = pods(share_of_pods(weights[0], stable_replicas)[0]) if mode == "replicas" else "for the first step"
    yield f"start the canary ({first}), ready within {span(place.timing.ready_s)}; nothing leads to it"
    shadow = place.shadow
    if shadow.mode == "replay":
        files = f"{len(shadow.sessions)} file" + ("" if len(shadow.sessions) == 1 else "s")
        yield f"shadow: the sessions recorded in {files} are put to it"
    elif shadow.mode == "mirror":
        yield f"shadow: {shadow.percent:g} % of live requests are copied to it for {span(shadow.minutes * MINUTE_S)}"
    if place.evals.suites:
        only = f" tagged {place.evals.smoke}" if place.evals.smoke else ""
        yield f"check: the evals{only} are put to its pods, and the gate decides"
    if place.approval:
        yield _APPROVAL


def _bake(place: Place, weights: tuple[int, ...], stable_replicas: int) -> str:
    lasts = span(place.bake_minutes * MINUTE_S)
    more = f", {span(step_s(place))} more where evidence is missing"
    if place.low_capacity and weights:
        return f"{weights[-1]} % stay with the canary for {lasts}{more}; stable serves the rest"
    size = pods(full_size(stable_replicas))
    return f"{FULL} % go to the canary ({size}) for {lasts}{more}; stable stays warm"


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
