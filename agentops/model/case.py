"""Behavioural cases, the calls of the agent made for them, and what those came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from agentops.model.finding import Location
from agentops.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an answer must satisfy. `kind` names a metric; `params` are its parameters as validated by the schema.

    The kinds `all`, `any` and `weighted` join the assertions in `parts`; `weight` counts inside a `weighted` one.
    """

    kind: str
    params: Mapping[str, Any]
    negate: bool = False
    parts: tuple[Assertion, ...] = ()
    weight: float = 1.0

    @property
    def label(self) -> str:
        """How the assertion is named in reports."""
        return f"not {self.kind}" if self.negate else self.kind


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes to the agent with a turn. `name` is without a folder."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says in one turn. `expect` is held against the answer to this turn."""

    text: str
    files: tuple[Attachment, ...] = ()
    expect: tuple[Assertion, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Something done before a case (to plant memory or documents) or looked at after it (an end state).

    `kind` is "say", "http" or "command"; `params` are as validated by the schema.
    """

    kind: str
    params: Mapping[str, Any]
    location: Location


@dataclass(frozen=True, slots=True)
class Case:
    """One behavioural case. `id` is stable across releases: history and JUnit know the case by it.

    `expect` is held against the last answer, with all turns in sight. `runs` and `needed` overrule the evals' own for
    this case: so many runs are made at least, and so many of them have to pass. `weight` counts in weighted rates.
    `origin` tells where a case came from that nobody wrote: "" for one that somebody did.
    """

    id: str
    turns: tuple[Turn, ...]
    tags: tuple[str, ...]
    expect: tuple[Assertion, ...]
    location: Location
    weight: float = 1.0
    runs: int | None = None
    needed: int | None = None
    setup: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    origin: str = ""

    @property
    def input(self) -> str:
        """What the user says first."""
        return self.turns[0].text


@dataclass(frozen=True, slots=True)
class Suite:
    """An evalset as read; `sha256` is over the file's bytes, and over those of the files that it names."""

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
    """What an adapter read from the agent in one turn. None means "the agent did not say", never zero or empty.

    `latency_s` is from the first byte sent to the last byte read, `first_token_s` to the first piece of text where the
    answer is streamed.
    """

    SPARSE: ClassVar[bool] = True

    text: str
    tool_calls: tuple[ToolCall, ...] | None = None
    usage: Usage | None = None
    model: str | None = None
    cost_usd: float | None = None
    latency_s: float | None = None
    first_token_s: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One assertion on one answer. `value` in 0..1 where the metric has one."""

    SPARSE: ClassVar[bool] = True

    assertion: str
    outcome: Outcome
    reason: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of one case: all its turns.

    `run` counts from 1 within the case, `position` from 1 in the schedule, `seq` is the order in which attempts ended.
    `outcome` is ERROR where no well-formed answer came or an assertion could not be judged; `error` then says why.
    Times, tokens and cost are sums over the turns, None where a turn did not tell; `first_token_s` is that of the last
    turn. `model` is the one that answered. `path` is a digest of the tools called in order, "" where they are unknown.
    `retries` tells the causes of earlier tries, oldest first. `answers` is the transcript: the journal has it of every
    attempt, a run.json of some that failed. `earlier` marks evidence of an earlier run of the same.
    """

    SPARSE: ClassVar[bool] = True

    case_id: str
    run: int
    seq: int
    outcome: Outcome
    latency_s: float | None = None
    answers: tuple[Answer, ...] = ()
    error: str = ""
    retries: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    position: int = 0
    first_token_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    model: str | None = None
    path: str = ""
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class CaseResult:
    """All attempts of one case, in the order of their runs. `needed` of the `planned` runs had to pass."""

    case_id: str
    suite: str
    tags: tuple[str, ...]
    planned: int
    needed: int
    outcome: Outcome
    attempts: tuple[Attempt, ...]
    input: str = ""
    location: Location | None = None
    weight: float = 1.0

    def passed(self) -> int:
        """How many attempts passed."""
        return sum(a.outcome is Outcome.PASS for a in self.attempts)
