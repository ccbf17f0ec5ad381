"""How large and how long a rollout becomes at most, from its settings alone."""

from __future__ import annotations

import math

from agentops.model.rollout_settings import Place

FULL = 100
MINUTE_S = 60.0

_SPARE = 1.25
"""The canary at full size has a quarter more pods than stable: nothing of it is warm, and load may grow meanwhile."""


def weights_of(place: Place, mode: str) -> tuple[int, ...]:
    """The shares before the bake. Blue-green has none, the bake is its one step; delegated, others choose them."""
    return () if place.strategy == "blue-green" or mode == "delegate" else place.canary


def full_size(stable_replicas: int) -> int:
    """How many pods the canary has while it serves everything beside so many of stable's."""
    return max(math.ceil(stable_replicas * _SPARE), 1)


def share_of_pods(weight: int, stable_replicas: int) -> tuple[int, float]:
    """Where numbers of pods are the only weights: the canary's pods for so many percent, and the percent that it is."""
    pods = max(math.ceil(weight * stable_replicas / (FULL - weight)), 1)
    return pods, FULL * pods / (stable_replicas + pods)


def shares(place: Place, mode: str, stable_replicas: int) -> tuple[float, ...]:
    """The percent of requests that the canary gets in truth, one a step."""
    weights = weights_of(place, mode)
    if mode != "replicas":
        return tuple(float(weight) for weight in weights)
    return tuple(share_of_pods(weight, stable_replicas)[1] for weight in weights)


def step_s(place: Place) -> float:
    """The seconds of a step with all its extensions."""
    return place.step.minutes * MINUTE_S * (1 + place.step.extend)


def bake_s(place: Place) -> float:
    """The seconds of the bake, with the time that it is given where evidence is still missing."""
    return place.bake_minutes * MINUTE_S + step_s(place)


def until_commit_s(place: Place, mode: str) -> float:
    """The seconds until stable's own image is changed, at most; the gate's record is looked at again then.

    Left out is what has no limit: the wait for a person, evals, the replay of recorded sessions.
    """
    if mode == "delegate":
        return place.timing.progress_s
    # Pods start for shadow mode, for the first step, and for the full size.
    starts = 3 if place.shadow.mode != "off" else 2
    mirrored = place.shadow.minutes * MINUTE_S if place.shadow.mode == "mirror" else 0.0
    steps = len(weights_of(place, mode)) * step_s(place)
    return starts * place.timing.ready_s + mirrored + steps + bake_s(place)


def longest_s(place: Place, mode: str) -> float:
    """The seconds that a rollout lasts at most, with what `until_commit_s` leaves out left out: to its end, or back
    again from a commit that failed."""
    return until_commit_s(place, mode) + 2 * place.timing.progress_s + place.timing.drain_s
