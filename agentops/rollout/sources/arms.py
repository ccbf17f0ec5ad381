"""Both versions' pods, and what a source says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agentops.model.rollout import Counts, Pod
from agentops.text import said

CANARY, STABLE = "canary", "stable"
YOUNG_S = 20.0
"""A pod may be silent for so long after it came."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The pods of both versions at Unix time `now`; the source was first asked at `began`."""

    canary: tuple[Pod, ...]
    stable: tuple[Pod, ...]
    now: float
    began: float

    def each(self) -> tuple[tuple[str, tuple[Pod, ...]], ...]:
        """Both versions by name, the canary first."""
        return ((CANARY, self.canary), (STABLE, self.stable))

    def is_new(self, pod: Pod) -> bool:
        """Whether the pod came after the first look: everything that it counted was seen."""
        return pod.created_at > self.began


@dataclass(frozen=True, slots=True)
class Found:
    """What the versions served since the source was first asked; None, and `why`, where that is not known."""

    canary: Counts | None
    stable: Counts | None
    why: str = ""


class Source(Protocol):
    """Tells what both versions served. Never blocks for long and never raises for what the other side does."""

    def read(self, arms: Arms) -> Found:
        """What is known now."""

    def close(self) -> None:
        """End what it began."""


def silent(arms: Arms, name: str, pods: Sequence[Pod], heard: Sequence[str]) -> str:
    """Why a version counts as not measured, by the names of the pods that were heard lately; "" where it is. Of the
    canary every pod must be heard that is ready and not quite new, of stable half of them."""
    ready = [pod for pod in pods if pod.ready and not pod.leaving]
    if not ready:
        return f"no pod of {name} is ready"
    mute = [pod for pod in ready if pod.name not in heard and arms.now - pod.created_at > YOUNG_S]
    if len(mute) == len(ready) or (name == CANARY and mute) or 2 * len(mute) > len(ready):
        return said(f"{len(mute)} of {len(ready)} pods of {name} tell nothing ({mute[0].name})")
    if not any(pod.name in heard for pod in ready):
        return f"the pods of {name} are new and told nothing yet"
    return ""
