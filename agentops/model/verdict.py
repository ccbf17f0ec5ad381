"""What was asked of a run and what the answer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentops.model.case import Suite
from agentops.model.finding import Severity
from agentops.model.outcome import Outcome

SCHEMA = "agentops.verdict/1"


PACK = "pack:"
"""How the names of suites that come with agentops begin."""
OWN = "own"
"""Stands for all suites that are no packs."""


def suite_name(suite: Suite) -> str:
    """How criteria and results call a suite: packs by pack:NAME."""
    return suite.path if suite.path.startswith(PACK) else suite.name


@dataclass(frozen=True, slots=True)
class Where:
    """Restricts a criterion to cases of a tag, of a suite (`own`: of all that are no packs), or findings of a stage."""

    tag: str | None = None
    stage: str | None = None
    suite: str | None = None

    def takes(self, suite: str, tags: Sequence[str]) -> bool:
        """Whether a case of this suite with these tags is looked at."""
        if self.suite is not None and suite != self.suite and (self.suite != OWN or suite.startswith(PACK)):
            return False
        return not self.tag or self.tag in tags

    @property
    def cases(self) -> str:
        """The restriction to cases in words, "" where there is none: tag 'safety', suite 'own'."""
        parts = (("tag", self.tag), ("suite", self.suite))
        return ", ".join(f"{name} {value!r}" for name, value in parts if value)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One demand on the run: the metric must be at least or at most a bound.

    Exactly one of `at_least` and `at_most` is set. `confidence` is that of a one-sided interval. `against` names
    the baseline of a regression. `origin` says where the demand was written.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    where: Where = Where()
    confidence: float = 0.95
    estimand: str = "suite"
    k: int | None = None
    severity: Severity | None = None
    against: str | None = None
    origin: str = ""

    @property
    def name(self) -> str:
        """How the criterion is called in reports: stable as long as the demand is the same."""
        metric = self.metric.replace("_k", f"_{self.k}") if self.k else self.metric
        inside = [f"{key}={value}" for key, value in self._scope() if value]
        if self.severity:
            inside.append(f"severity>={self.severity.value}")
        scope = f"[{', '.join(inside)}]" if inside else ""
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        return f"{metric}{scope} {bound}"

    def _scope(self) -> tuple[tuple[str, str | None], ...]:
        estimand = self.estimand if self.estimand != "suite" else None
        return (
            ("tag", self.where.tag), ("suite", self.where.suite), ("stage", self.where.stage),
            ("estimand", estimand), ("against", self.against),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an environment lets pass as a warning.

    `unmeasured_any` allows every instrument that is unavailable, `unmeasured` only in the stages named;
    `inconclusive` is "warn", "fail" or "block" (exit 3).
    """

    unmeasured_any: bool = False
    unmeasured: tuple[str, ...] = ()
    inconclusive: str = "block"


@dataclass(frozen=True, slots=True)
class Policy:
    """All demands, and what the environment allows. `sha256` identifies it in a record. `aside` are demands that the
    part that was chosen cannot answer."""

    environment: str
    criteria: tuple[Criterion, ...]
    allowance: Allowance = Allowance()
    sha256: str = ""
    aside: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """How one criterion was judged. `reason` is one sentence with observed value, bound and coverage.

    `warned` is true where the environment allows the outcome to pass as a warning.
    """

    name: str
    metric: str
    outcome: Outcome
    reason: str
    observed: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    coverage: str = ""
    warned: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. `line` is the one sentence for people; `warnings` name what the environment let through;
    `not_recordable` says why no record may be minted, empty where one may. `scripted` is that of the run."""

    run_id: str
    outcome: Outcome
    line: str
    results: tuple[CriterionResult, ...]
    environment: str
    warnings: tuple[str, ...] = ()
    not_gated: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    not_recordable: tuple[str, ...] = ()
    scripted: tuple[str, ...] = ()
    policy_sha256: str = ""
    summary: Mapping[str, float] = field(default_factory=dict)
    schema: str = SCHEMA
