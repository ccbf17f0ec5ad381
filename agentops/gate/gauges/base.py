"""What a gauge is: one criterion, measured while the attempts come in and judged from the same numbers afterwards.

The stop rule of a run and the verdict on it are the same object fed with the same attempts, so that they cannot
disagree, and a stored run is judged again without a call of the agent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentops.model.case import Attempt, Suite
from agentops.model.outcome import Outcome
from agentops.model.verdict import Criterion, CriterionResult, suite_name

MEASURED = (Outcome.PASS, Outcome.FAIL)

MORE_BUDGET = "raise evals.budget"

Baseline = Mapping[str, tuple[int, int]]
"""Passes and failures of an earlier run by case."""


@dataclass(frozen=True, slots=True)
class Member:
    """A case as a gauge knows it. `needed` of its `planned` runs have to pass. `suite` as results call it."""

    id: str
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    needed: int = 1
    planned: int = 1
    suite: str = ""


def members(suites: Sequence[Suite]) -> tuple[Member, ...]:
    """The cases of suites that are still to be run."""
    return tuple(Member(c.id, c.tags, c.weight, suite=suite_name(s)) for s in suites for c in s.cases)


@dataclass(frozen=True, slots=True)
class Design:
    """What will be, or was, sampled: the cases in the suites' order, each run `least` to `most` times. `baselines` are
    passes and failures by case, by the name of the baseline; `values` are numbers that the evals measured beside their
    attempts; `broke_off` says which budget ended the run before its time, "" where none did."""

    members: tuple[Member, ...]
    least: int
    most: int
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    broke_off: str = ""

    def of(self, criterion: Criterion) -> Design:
        """The part that a criterion looks at."""
        where = criterion.where
        return replace(self, members=tuple(m for m in self.members if where.takes(m.suite, m.tags)))


def past(baselines: Mapping[str, Baseline], criterion: Criterion) -> Baseline | None:
    """The baseline of a criterion: its own part of it where it looks at some of the cases only."""
    return baselines.get(criterion.name, baselines.get(criterion.against or ""))


class Gauge(ABC):
    """One criterion over the attempts of its cases. Fed in the order of the schedule without gaps; then come attempts
    without a position: those beyond a gap, and those that only cases with a number of runs of their own have."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        self.criterion = criterion
        self.design = design
        self.index = {member.id: i for i, member in enumerate(design.members)}
        self.passed = self.failed = self.lost = 0
        self._made = [0] * len(design.members)
        self._idle = len(design.members)

    def add(self, attempt: Attempt) -> None:
        """Take in the next attempt; one of another criterion's cases is left alone."""
        case = self.index.get(attempt.case_id)
        if case is None:
            return
        self.passed += attempt.outcome is Outcome.PASS
        self.failed += attempt.outcome is Outcome.FAIL
        self.lost += attempt.outcome not in MEASURED
        self._idle -= not self._made[case]
        self._made[case] += 1
        self.take(case, attempt)

    @abstractmethod
    def take(self, case: int, attempt: Attempt) -> None:
        """An attempt of the case with this index."""

    @property
    @abstractmethod
    def settled(self) -> bool:
        """Whether no further attempt could change the result, or is worth its price."""

    @abstractmethod
    def result(self) -> CriterionResult:
        """The judgement as far as the attempts went."""

    def told(self) -> str:
        """Where it stands, in a few words; "" where there is nothing to tell."""
        return ""

    @property
    def calls(self) -> int:
        """Attempts that came in."""
        return self.passed + self.failed + self.lost

    @property
    def begun(self) -> bool:
        """Whether every case ran at least once."""
        return not self._idle

    @property
    def missing(self) -> int:
        """Runs that should have been made and were not: every case is run at least once, whatever the plan's least."""
        least = max(self.design.least, 1)
        pairs = zip(self.design.members, self._made, strict=True)
        return sum(max(least, member.planned) - made for member, made in pairs if made < max(least, member.planned))

    @property
    def why_missing(self) -> str:
        """How many runs are missing and why, for the end of a sentence; "" where none is."""
        if not self.missing:
            return ""
        runs = "1 run was" if self.missing == 1 else f"{self.missing} runs were"
        return f"; {runs} not made" + (f": {self.design.broke_off}" if self.design.broke_off else "")

    @property
    def coverage(self) -> str:
        """What the judgement rests on."""
        cases = len(self.design.members)
        return f"{self.passed + self.failed}/{self.calls} attempts, {cases} {'case' if cases == 1 else 'cases'}"

    def say(
        self,
        outcome: Outcome,
        reason: str,
        *,
        observed: float | None = None,
        low: float | None = None,
        high: float | None = None,
        hint: str = "",
        coverage: str | None = None,
    ) -> CriterionResult:
        """The result of this criterion."""
        c = self.criterion
        return CriterionResult(
            name=c.name,
            metric=c.metric,
            outcome=outcome,
            reason=reason,
            observed=observed,
            low=low,
            high=high,
            bound=c.at_least if c.at_least is not None else c.at_most,
            coverage=self.coverage if coverage is None else coverage,
            hint=hint,
        )

    def lacking(self, reason: str, *, hint: str = "") -> CriterionResult:
        """The result where what it takes is not there: an error, unless a budget ended the run before its time."""
        if self.design.broke_off and self.calls:
            return self.say(Outcome.INCONCLUSIVE, f"{reason}: {self.design.broke_off}", hint=MORE_BUDGET)
        return self.say(Outcome.ERROR, reason, hint=hint)


class Rounds:
    """Counts the full rounds of a gauge's cases, for gauges that look at the end of each."""

    def __init__(self, cases: int) -> None:
        self._runs = [0] * cases
        self._behind = cases
        self.full = 0

    def add(self, case: int) -> bool:
        """Whether this run filled a round."""
        self._runs[case] += 1
        self._behind -= self._runs[case] == self.full + 1
        if self._behind:
            return False
        self.full += 1
        self._behind = sum(runs <= self.full for runs in self._runs)
        return True


def side(shown: bool, refuted: bool) -> Outcome:
    """PASS where the demand is shown, FAIL where it is refuted, else INCONCLUSIVE."""
    if shown:
        return Outcome.PASS
    return Outcome.FAIL if refuted else Outcome.INCONCLUSIVE


def mean(values: Sequence[float]) -> float:
    """The mean of some values."""
    return sum(values) / len(values)
