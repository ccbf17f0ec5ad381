"""What is demanded of a run: the criteria of the configuration, and those that a configured stage implies."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentops.config.document import nearest
from agentops.errors import ConfigError, UsageError
from agentops.model.case import Suite
from agentops.model.codec import encode
from agentops.model.finding import Severity
from agentops.model.settings import Settings
from agentops.model.verdict import Allowance, Criterion, Policy, Where
from agentops.stats import latency
from agentops.stats.intervals import trials_needed

DEFAULT_PASS_RATE = 0.85
DEFAULT_RISK = 0.8


@dataclass(frozen=True, slots=True)
class Metric:
    """What can be demanded: which stages measure it, and on which side its bound lies."""

    stages: tuple[str, ...]
    side: str
    least: float = 0.0
    most: float = math.inf
    needs_k: bool = False

    def means(self, bound: float) -> bool:
        """Whether the bound could both be met and be missed: the ends of the range are true of every run."""
        above = bound > self.least if self.side == "at_least" else bound >= self.least
        return above and bound < self.most


METRICS = {
    "pass_rate": Metric(("evals",), "at_least", most=1.0),
    "violations": Metric(("evals",), "at_most"),
    "consistency_pass_all_k": Metric(("evals",), "at_least", most=1.0, needs_k=True),
    "latency_p50_s": Metric(("evals",), "at_most"),
    "latency_p95_s": Metric(("evals",), "at_most"),
    "latency_p99_s": Metric(("evals",), "at_most"),
    "findings": Metric(("prompts", "code", "dependencies"), "at_most"),
    "prompt_risk": Metric(("prompts",), "at_most", most=1.0),
    "prompt_risk_high": Metric(("prompts",), "at_most", most=1.0),
    "tests_failed": Metric(("unit",), "at_most"),
}

QUANTILES = {"latency_p50_s": 0.5, "latency_p95_s": 0.95, "latency_p99_s": 0.99}


def build(settings: Settings, environment: str, *, measured: Sequence[str] = ()) -> Policy:
    """The policy of an environment. A stage that is configured, or among those `measured`, is gated whatever the
    configuration says. Raises ConfigError for a criterion that cannot be meant."""
    configured = _configured(settings)
    for criterion in settings.gate:
        _refuse_unmeasured(criterion, configured)
    criteria = tuple(checked(c) for c in settings.gate)
    criteria += _implied(settings, criteria, configured | set(measured))
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
    if attempts < needed:
        what = f"blocks of {c.k} runs" if c.k else "attempts"
        enough = -(-needed // len(cases)) * (c.k or 1)
        raise ConfigError(
            f"{c.origin}: {c.name} at confidence {c.confidence:g} can never be met by {attempts} {what}: "
            f"even without a failure it takes {needed}",
            hint=f"with {len(cases)} cases set evals.runs to at least {enough}, add cases, or lower the demand",
        )


def checked(c: Criterion) -> Criterion:
    """The criterion, complete. Raises ConfigError for one that cannot be meant."""
    metric = METRICS[c.metric]
    bound = c.at_least if metric.side == "at_least" else c.at_most
    if bound is None:
        raise ConfigError(f"{c.origin}: {c.metric} is bounded by {metric.side}", hint=f"write {metric.side} instead")
    if not metric.means(bound):
        hint = (
            "demand violations at_most 0 where nothing may fail" if bound >= 1 else "write a bound that can be missed"
        )
        raise ConfigError(f"{c.origin}: {c.name}: every run or no run would meet this", hint=hint)
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


def _configured(settings: Settings) -> set[str]:
    sections = {
        "prompts": settings.prompts, "code": settings.code, "dependencies": settings.dependencies,
        "unit": settings.unit, "evals": settings.evals,
    }  # fmt: skip
    return {name for name, section in sections.items() if section is not None}


def _refuse_unmeasured(c: Criterion, configured: set[str]) -> None:
    """A demand that nothing measures would be dropped in silence, for example where a section is misspelt away."""
    if not configured & set(stages_of(c)):
        raise ConfigError(
            f"{c.origin}: {c.name}: nothing that is configured measures it",
            hint=f"add a section {' or '.join(stages_of(c))}, or take the criterion out",
        )


def _implied(settings: Settings, asked: Sequence[Criterion], stages: set[str]) -> tuple[Criterion, ...]:
    """What a stage has to meet where no criterion speaks of all that it measures."""
    whole = {(c.metric, stage) for c in asked if c.where.tag is None for stage in stages_of(c)}
    rates = ("pass_rate", "violations", "consistency_pass_all_k")
    implied = []
    if "prompts" in stages:
        implied += _of_prompts(settings, asked)
    for stage in ("code", "dependencies"):
        if stage in stages and ("findings", stage) not in whole:
            where = Where(stage=stage)
            implied.append(Criterion("findings", at_most=0, severity=Severity.HIGH, where=where, origin="default"))
    if "unit" in stages and ("tests_failed", "unit") not in whole:
        implied.append(Criterion("tests_failed", at_most=0, origin="default"))
    if "evals" in stages and not {(rate, "evals") for rate in rates} & whole:
        implied.append(Criterion("pass_rate", at_least=DEFAULT_PASS_RATE, origin="default"))
    return tuple(implied)


def _of_prompts(settings: Settings, asked: Sequence[Criterion]) -> list[Criterion]:
    """What prompts have to meet: in strict mode the high end, at the strictest bound that was asked for the low one."""
    metrics = {c.metric for c in asked}
    limit = settings.prompts.fail_at if settings.prompts else DEFAULT_RISK
    if settings.prompts is not None and settings.prompts.strict:
        if "prompt_risk_high" in metrics:
            return []
        bounds = [c.at_most for c in asked if c.metric == "prompt_risk" and c.at_most is not None]
        return [Criterion("prompt_risk_high", at_most=min(bounds, default=limit), origin="prompts.strict")]
    if {"prompt_risk", "prompt_risk_high"} & metrics:
        return []
    return [Criterion("prompt_risk", at_most=limit, origin="prompts.fail_at")]


def _allowance(settings: Settings, environment: str) -> Allowance:
    if environment in settings.environments:
        return settings.environments[environment]
    if environment in ("local", "ci", "release"):
        return Allowance()
    known = [*settings.environments, "local", "ci", "release"]
    raise UsageError(
        f"there is no environment {environment!r}{nearest(environment, known)}",
        hint=f"there are {', '.join(dict.fromkeys(known))}",
    )
