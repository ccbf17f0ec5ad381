"""Behavioural cases, the calls of the agent made for them, and what those came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.model.finding import Location
from agentops.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an answer must satisfy. `kind` names a metric; `params` are its parameters as validated by the schema."""

    kind: str
    params: Mapping[str, Any]
    negate: bool = False

    @property
    def label(self) -> str:
        """How the assertion is named in reports."""
        return f"not {self.kind}" if self.negate else self.kind


@dataclass(frozen=True, slots=True)
class Case:
    """One behavioural case. `id` is stable across releases: history and JUnit know the case by it."""

    id: str
    input: str
    tags: tuple[str, ...]
    expect: tuple[Assertion, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Suite:
    """An evalset as read; `sha256` is over the file's bytes."""

    name: str
    path: str
    sha256: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that the agent reports in its trace. `status` is "ok" or "error" where the trace says so."""

    name: str
    arguments: Mapping[str, Any]
    status: str = "ok"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as reported by the agent."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What an adapter read from the agent. None means "the agent did not say", never zero or empty."""

    text: str
    tool_calls: tuple[ToolCall, ...] | None = None
    usage: Usage | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One assertion on one answer. `value` in 0..1 where the metric has one."""

    assertion: str
    outcome: Outcome
    reason: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of the agent for one case.

    `run` counts from 1 within the case, `seq` is the order in which calls ended. `outcome` is ERROR where no
    well-formed answer came or an assertion could not be judged; `error` then says why. `latency_s` is from the first
    byte sent to the last byte read, of the last try. `retries` tells the causes of earlier tries, oldest first.
    """

    case_id: str
    run: int
    seq: int
    outcome: Outcome
    latency_s: float | None = None
    answer: Answer | None = None
    error: str = ""
    retries: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """All attempts of one case. `needed` of the planned runs had to pass."""

    case_id: str
    suite: str
    tags: tuple[str, ...]
    planned: int
    needed: int
    outcome: Outcome
    attempts: tuple[Attempt, ...]
    input: str = ""
    location: Location | None = None

    def passed(self) -> int:
        """How many attempts passed."""
        return sum(a.outcome is Outcome.PASS for a in self.attempts)
