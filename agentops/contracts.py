"""What the layers promise each other. Implemented above or beside, handed down by the pipeline or the command."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from agentops.model.case import Answer, Assertion, Attempt, Score, Turn
from agentops.model.events import Emit
from agentops.model.records import Unfinished
from agentops.model.rollout import Counts
from agentops.model.run import RunResult, StageResult
from agentops.model.seen import Seen
from agentops.model.verdict import Verdict


class Journal(Protocol):
    """The append-only record of a run: the one truth."""

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write one record; it is on its way to the disk when this returns."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every stage is given.

    `out` is the run's folder, for logs. `cancel` is set when the user stops the run: whoever waits or loops looks at
    it and raises Interrupted. `run_id` labels whatever is started, so that it can be swept. `resumed` is
    what the run did before it was stopped, where it goes on now.
    """

    run_id: str
    root: Path
    out: Path
    emit: Emit
    cancel: threading.Event
    journal: Journal
    resumed: Unfinished | None = None


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


class Dialogue(Protocol):
    """One conversation with the agent: keeps the history, or the name by which the agent keeps it."""

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """Put one turn to the agent; the answer is timed. Raises TargetError; never retries."""


class AgentAdapter(Protocol):
    """Speaks one protocol to the agent under test. An async context manager."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """Find out whether the target speaks the protocol, as far as that takes no call of a model. Returns what a
        report should say of the target. Raises TargetError that says what it speaks instead, where that shows."""

    def dialogue(self, session: str, *, user: str = "") -> Dialogue:
        """A new conversation under this name, of this user (one of its own unless given). Sends nothing."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a metric says of an answer. `holds` leaves negation aside; `value` in 0..1 where the metric has one."""

    holds: bool
    reason: str
    value: float | None = None


class Unjudgeable(Exception):
    """What the metric needs is not there: the message says what, in one line. Scoring makes it an ERROR."""


class Metric(Protocol):
    """Holds what was seen against an assertion's parameters."""

    def __call__(self, params: Mapping[str, Any], seen: Seen, /) -> Judgement:
        """Raises Unjudgeable where it cannot be told. Whatever else it raises is an error of the attempt too."""


@dataclass(frozen=True, slots=True)
class MetricKind:
    """A metric as an entry of a table. `check` refuses parameters that could never be judged with a ConfigError,
    beyond what the schema refuses. `reads_text`: an empty answer proves nothing under negation. `true_of_silence`: nor
    without it."""

    judge: Metric
    check: Callable[[Mapping[str, Any]], None] = lambda _params: None
    reads_text: bool = True
    true_of_silence: bool = False


class AskJudge(Protocol):
    """A judge model behind an assertion of kind `judge`."""

    async def __call__(self, assertion: Assertion, seen: Seen, /) -> Score:
        """The score, its negation carried out; ERROR where the judge gave no sound result. Never raises for what the
        judge does."""


Doc = Mapping[str, Any]
"""A Kubernetes object as JSON data."""


class Cluster(Protocol):
    """One namespace of a Kubernetes cluster. Every method raises ApiDown where the API does not answer and ClusterError
    where it refuses; writes raise Conflict where the object is not as it was thought to be."""

    @property
    def namespace(self) -> str:
        """The namespace that everything is in unless told otherwise."""

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Doc | None:
        """The object; None where it, or its kind, is not there."""

    def list(self, kind: str, *, labels: Mapping[str, str] | None = None) -> tuple[Doc, ...]:
        """The objects with all these labels; none where the kind is not there."""

    def create(self, doc: Doc) -> Doc:
        """Make an object. Conflict where it is there already."""

    def replace(self, doc: Doc) -> Doc:
        """Write the whole object. Conflict unless its metadata.resourceVersion is the present one."""

    def patch(self, kind: str, name: str, ops: Sequence[Doc], *, subresource: str = "") -> Doc:
        """Apply a JSON Patch (RFC 6902). Conflict where one of its tests fails, or the object is gone."""

    def may(self, verb: str, kind: str, *, name: str = "", subresource: str = "") -> bool:
        """Whether the credentials allow it, as the API server says."""

    def logs(self, pod: str, *, container: str = "", lines: int = 50) -> str:
        """The last lines that a container wrote, as hostile as they are."""

    def forward(self, pod: str, port: int) -> AbstractContextManager[int]:
        """A port of 127.0.0.1 that leads to the pod's port as long as the block lasts."""


class TrafficRouter(Protocol):
    """Leads traffic to two versions in one of the traffic modes. Every method converges and may be called again at any
    time; those that change anything return "" once the data plane shows it, else what is awaited, in words."""

    @property
    def can_mirror(self) -> bool:
        """Whether live requests can be copied to the canary."""

    @property
    def by_session(self) -> bool:
        """Whether a session stays with one version."""

    def replicas(self, weight: int, *, stable: int) -> int:
        """How many pods of the canary serve so many percent of the traffic beside so many of stable."""

    def prepare(self) -> str:
        """Lay everything that traffic will take to both versions; nothing of it reaches the canary yet."""

    def shift(self, weight: int, *, mirror: float = 0.0) -> str:
        """Send `weight` percent to the canary, and it copies of `mirror` percent of stable's requests."""

    def clear(self) -> str:
        """Send everything to stable, by the quickest way there is."""

    def restore(self) -> str:
        """Put back the way in that was there before. Everything goes to stable already."""

    def retire(self) -> str:
        """Scale to nothing what `prepare` made, once no request is in flight in it."""

    def drift(self, weight: int) -> str:
        """What somebody else changed of what `shift` wrote, and who, "" where nothing."""

    def counts(self) -> tuple[Counts | None, Counts | None]:
        """What canary and stable served, where the mode itself can tell."""


class StopRule(Protocol):
    """Tells the runner when enough is known. Fed with attempts in the order of the schedule, without gaps."""

    def add(self, attempt: Attempt) -> None:
        """Take in the next attempt of the schedule."""

    def settled(self) -> bool:
        """Whether no further call could change a verdict, or is worth its price."""

    def told(self) -> str:
        """One line for people on where things stand: current bounds."""


class Reporter(Protocol):
    """Objects in, text out."""

    def __call__(self, run: RunResult, verdict: Verdict) -> str:
        """The whole report."""
