"""What is demanded of a run: the criteria of the configuration, and those that a configured stage implies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentops.config.document import nearest
from agentops.errors import ConfigError, UsageError
from agentops.model.case import Suite
from agentops.model.codec import encode
from agentops.model.finding import Severity
from agentops.model.settings import Settings
from agentops.model.verdict import Allowance, Criterion, Policy
from agentops.stats import latency
from agentops.stats.intervals import trials_needed

DEFAULT_PASS_RATE = 0.85


@dataclass(frozen=True, slots=True)
class Metric:
    """What can be demanded: which stages measure it, and on which side its bound lies."""

    stages: tuple[str, ...]
    side: str
    needs_k: bool = False


METRICS = {
    "pass_rate": Metric(("evals",), "at_least"),
    "violations": Metric(("evals",), "at_most"),
    "consistency_pass_all_k": Metric(("evals",), "at_least", needs_k=True),
    "latency_p50_s": Metric(("evals",), "at_most"),
    "latency_p95_s": Metric(("evals",), "at_most"),
    "latency_p99_s": Metric(("evals",), "at_most"),
    "findings": Metric(("prompts", "code", "dependencies"), "at_most"),
    "prompt_risk": Metric(("prompts",), "at_most"),
    "tests_failed": Metric(("unit",), "at_most"),
}

QUANTILES = {"latency_p50_s": 0.5, "latency_p95_s": 0.95, "latency_p99_s": 0.99}


def build(settings: Settings, environment: str) -> Policy:
    """The policy of an environment. Raises ConfigError for a criterion that cannot be meant."""
    criteria = tuple(_checked(c) for c in settings.gate) + _implied(settings)
    allowance = _allowance(settings, environment)
    return policy(environment, criteria, allowance)


def policy(environment: str, criteria: tuple[Criterion, ...], allowance: Allowance) -> Policy:
    """A policy with its hash, which leaves out where things were written."""
    plain = encode([[replace(c, origin="") for c in criteria], allowance])
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    return Policy(environment, criteria, allowance, digest)


def stages_of(criterion: Criterion) -> tuple[str, ...]:
    """The stages that measure what the criterion looks at."""
    return (criterion.where.stage,) if criterion.where.stage else METRICS[criterion.metric].stages


def refuse_unreachable(policy: Policy, suites: Sequence[Suite], runs: int) -> None:
    """Raise ConfigError for a criterion that no outcome of the planned runs could ever meet, or that looks at no
    case, and say what would suffice."""
    for criterion in policy.criteria:
        if METRICS[criterion.metric].stages == ("evals",):
            _refuse_unreachable(criterion, suites, runs)


def _refuse_unreachable(c: Criterion, suites: Sequence[Suite], runs: int) -> None:
    cases = [case for suite in suites for case in suite.cases if not c.where.tag or c.where.tag in case.tags]
    if not cases:
        tags = sorted({t for suite in suites for case in suite.cases for t in case.tags})
        raise ConfigError(
            f"{c.origin}: {c.name}: no case has the tag {c.where.tag!r}{nearest(c.where.tag or '', tags)}",
            hint=f"tags in use: {', '.join(tags) or 'none'}",
        )
    attempts, needed = len(cases) * runs, 1
    if c.k is not None and c.k > runs:
        raise ConfigError(
            f"{c.origin}: {c.name}: k is {c.k}, a case has {runs} runs", hint="raise evals.runs, or lower k"
        )
    if c.metric == "pass_rate" and c.at_least is not None and 0 < c.at_least < 1:
        needed = trials_needed(c.at_least, c.confidence)
    elif c.metric == "consistency_pass_all_k" and c.at_least is not None and 0 < c.at_least < 1:
        attempts, needed = len(cases) * (runs // (c.k or 1)), trials_needed(c.at_least, c.confidence)
    elif c.metric in QUANTILES:
        needed = latency.samples_needed(QUANTILES[c.metric], c.confidence)
    if c.at_least is not None and c.at_least >= 1 and c.metric != "violations":
        raise ConfigError(
            f"{c.origin}: {c.name}: no number of runs can show a rate of 1", hint="demand violations at_most 0"
        )
    if attempts < needed:
        what = f"blocks of {c.k} runs" if c.k else "attempts"
        enough = -(-needed // len(cases)) * (c.k or 1)
        raise ConfigError(
            f"{c.origin}: {c.name} at confidence {c.confidence:g} can never be met by {attempts} {what}: "
            f"even without a failure it takes {needed}",
            hint=f"with {len(cases)} cases set evals.runs to at least {enough}, add cases, or lower the demand",
        )


def _checked(c: Criterion) -> Criterion:
    metric = METRICS[c.metric]
    bound = c.at_least if metric.side == "at_least" else c.at_most
    if bound is None:
        raise ConfigError(f"{c.origin}: {c.metric} is bounded by {metric.side}", hint=f"write {metric.side} instead")
    if metric.needs_k != (c.k is not None):
        raise ConfigError(
            f"{c.origin}: k belongs to consistency_pass_all_k and to nothing else", hint="add or remove k"
        )
    if c.where.tag and metric.stages != ("evals",):
        raise ConfigError(f"{c.origin}: {c.metric} has no tags", hint="where.tag selects behavioural cases")
    if c.where.stage and c.metric != "findings":
        raise ConfigError(f"{c.origin}: where.stage belongs to findings", hint="remove where.stage")
    if c.severity is not None and c.metric != "findings":
        raise ConfigError(f"{c.origin}: severity belongs to findings", hint="remove severity")
    return replace(c, severity=Severity.LOW) if c.metric == "findings" and c.severity is None else c


def _implied(settings: Settings) -> tuple[Criterion, ...]:
    """A stage that is configured is gated, also where the configuration says nothing about it."""
    asked = {c.metric for c in settings.gate}
    implied = []
    if settings.prompts and "prompt_risk" not in asked:
        implied.append(Criterion("prompt_risk", at_most=settings.prompts.fail_at, origin="prompts.fail_at"))
    if (settings.code or settings.dependencies) and "findings" not in asked:
        implied.append(Criterion("findings", at_most=0, severity=Severity.HIGH, origin="default"))
    if settings.unit and "tests_failed" not in asked:
        implied.append(Criterion("tests_failed", at_most=0, origin="default"))
    if settings.evals and "pass_rate" not in asked:
        implied.append(Criterion("pass_rate", at_least=DEFAULT_PASS_RATE, origin="default"))
    return tuple(implied)


def _allowance(settings: Settings, environment: str) -> Allowance:
    if environment in settings.environments:
        return settings.environments[environment]
    if environment in ("local", "ci", "release"):
        return Allowance()
    known = [*settings.environments, "local", "ci", "release"]
    raise UsageError(
        f"there is no environment {environment!r}{nearest(environment, known)}",
        hint=f"environments in {settings.source}: {', '.join(settings.environments) or 'none'}",
    )
