"""Where Argo Rollouts or Flagger carries a rollout out: whose steps and limits it went by, and what that one said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.model.rollout import State
from agentops.text import said

NAME = "owner"
"""Where the journal's evidence keeps the owner's last word."""

LIMITS = (
    "the owner's: it takes the steps and judges them; samples, margin, shares and times of agentops.yaml are not used"
)
_MODE = "delegate"
_UNKNOWN = "the controller of the workload"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who decides in the place of agentops. `name` is its object ("Canary agent of Flagger"), `said` its last word of
    the image, "" before there is one, `weight` the canary's share of traffic in percent, None where it does not tell.
    `limits` says whose the limits are. All texts are safe to print."""

    name: str
    said: str = ""
    weight: int | None = None
    limits: str = LIMITS


def kept(name: str, *, word: str, weight: int | None) -> dict[str, Any]:
    """The owner's word as a part of the journal's evidence, as JSON data."""
    return {NAME: {"name": name, "said": word, "weight": weight}}


def owner(state: State) -> Owner | None:
    """Who decides, None where agentops does."""
    if state.plan.traffic != _MODE:
        return None
    held = state.evidence.get(NAME)
    if not isinstance(held, Mapping):
        # The image was not set yet, or the journal is of another version.
        return Owner(_UNKNOWN)
    weight = held.get("weight")
    return Owner(
        said(str(held.get("name") or _UNKNOWN), 120),
        said(str(held.get("said") or ""), 400),
        weight if isinstance(weight, int) and not isinstance(weight, bool) else None,
    )


def lines(found: Owner) -> tuple[tuple[str, str], ...]:
    """What to tell of it: a label and a text each."""
    word = (("its word", found.said),) if found.said else ()
    return (("owner", found.name), *word, ("limits", found.limits))
