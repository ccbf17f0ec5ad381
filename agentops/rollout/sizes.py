"""How many pods the canary has, and how much of the traffic, in each phase."""

from __future__ import annotations

from agentops.model.rollout import Phase, State
from agentops.rollout.parts import Parts

ALL = 100
_UNSEEN = (Phase.CANARY_UP, Phase.SHADOW, Phase.CHECK)


def weight_before(state: State) -> int:
    """The percent that flowed to the canary before the present step."""
    weights = state.plan.weights
    if state.phase is Phase.CANARY and state.step:
        return weights[state.step - 1]
    return weights[-1] if state.phase is Phase.BAKE and weights else 0


def shadowed(parts: Parts, state: State) -> bool:
    """Whether the canary runs in shadow mode: as long as it serves nobody."""
    return state.phase in _UNSEEN and parts.place.shadow.mode != "off"


def first(parts: Parts, state: State) -> int:
    """How many pods the canary has at the beginning."""
    if shadowed(parts, state):
        return 1
    if not state.plan.weights:
        return bake(parts, state)[1]
    return parts.router.replicas(state.plan.weights[0], stable=state.plan.stable_replicas)


def bake(parts: Parts, state: State) -> tuple[int, int]:
    """The percent of the traffic and the pods of the canary in the bake."""
    if parts.place.low_capacity and state.plan.weights:
        weight = state.plan.weights[-1]
        return weight, parts.router.replicas(weight, stable=state.plan.stable_replicas)
    return ALL, parts.deployments.full()
