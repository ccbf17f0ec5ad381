"""What the layers promise each other. Implemented above or beside, handed down by the pipeline or the command."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agentops.model.case import Answer, Assertion
from agentops.model.events import Emit
from agentops.model.run import RunResult, StageResult
from agentops.model.verdict import Verdict


class Journal(Protocol):
    """The append-only record of a run: the one truth."""

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write one record; it is on its way to the disk when this returns."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every stage is given.

    `out` is the run's folder, for logs. `cancel` is set when the user stops the run: whoever waits or loops looks at
    it and raises Interrupted. `run_id` labels whatever is started, so that it can be swept.
    """

    run_id: str
    root: Path
    out: Path
    emit: Emit
    cancel: threading.Event
    journal: Journal


class Stage(Protocol):
    """One stage of the check. It measures and never judges."""

    @property
    def name(self) -> str:
        """The stage's name in config, reports and exit reasons."""

    @property
    def after(self) -> tuple[str, ...]:
        """Stages that must have ended before this one starts, where they are in the run."""

    def plan(self) -> str:
        """One line on what will be measured. Raises UsageError for what can be refused before any cost."""

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:
        """Measure. A MeasurementError that leaves here becomes the stage's error; the pipeline times the stage."""


class AgentAdapter(Protocol):
    """Puts a case to the agent and reads its answer."""

    async def ask(self, text: str, *, session: str, timeout_s: float) -> tuple[Answer, float]:
        """One turn in a session of its own, and its latency in seconds. Raises TargetError; never retries."""


class Metric(Protocol):
    """Holds one answer against one assertion."""

    def __call__(self, assertion: Assertion, answer: Answer, latency_s: float, /) -> tuple[bool, str]:
        """Whether it holds, negation aside, and why. Raises where that cannot be told: scoring makes it an error."""


class Reporter(Protocol):
    """Objects in, text out."""

    def __call__(self, run: RunResult, verdict: Verdict) -> str:
        """The whole report."""
