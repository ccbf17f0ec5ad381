"""What happens while a run goes on. Emitted below, rendered in cli alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agentops.model.run import StageResult


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage began to measure."""

    stage: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is. `failed` and `errors` count attempts or files so far; `told` says where criteria stand."""

    stage: str
    done: int
    planned: int
    failed: int = 0
    errors: int = 0
    told: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A line worth showing while the stage runs."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended, whatever came of it."""

    result: StageResult


Event = StageStarted | Progress | Note | StageFinished
Emit = Callable[[Event], None]
