"""What is demanded of a run: the criteria of the configuration, and those that a configured stage implies."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentops.config.document import nearest
from agentops.errors import ConfigError, UsageError
from agentops.gate import gauges
from agentops.gate.gauges.base import Design, Member
from agentops.gate.gauges.bounds import QUANTILES, Consistency, Latency
from agentops.gate.gauges.rates import SuiteRate
from agentops.model.case import Case, Suite
from agentops.model.codec import encode
from agentops.model.finding import Severity
from agentops.model.settings import Runs, Settings
from agentops.model.verdict import Allowance, Criterion, Policy, Where
from agentops.stats import latency, planning
from agentops.stats.intervals import trials_needed

DEFAULT_PASS_RATE = 0.85
DEFAULT_RISK = 0.8


@dataclass(frozen=True, slots=True)
class Metric:
    """What can be demanded: which stages measure it, and on which side its bound lies. `runs` of each case are made at
    least."""

    stages: tuple[str, ...]
    side: str
    least: float = 0.0
    most: float = math.inf
    needs_k: bool = False
    runs: int = 0

    def means(self, bound: float) -> bool:
        """Whether the bound could both be met and be missed: the ends of the range are true of every run."""
        above = bound > self.least if self.side == "at_least" else bound >= self.least
        return above and bound < self.most


METRICS = {
    "pass_rate": Metric(("evals",), "at_least", most=1.0),
    "weighted_pass_rate": Metric(("evals",), "at_least", most=1.0),
    "violations": Metric(("evals",), "at_most"),
    "consistency_pass_all_k": Metric(("evals",), "at_least", most=1.0, needs_k=True),
    "case_rate": Metric(("evals",), "at_least", most=1.0 + 1e-9),
    "path_agreement": Metric(("evals",), "at_least", most=1.0 + 1e-9, runs=2),
    "flaky_cases": Metric(("evals",), "at_most", runs=3),
    "regression": Metric(("evals",), "at_most", most=1.0, runs=3),
    **dict.fromkeys(QUANTILES, Metric(("evals",), "at_most")),
    "tokens_per_case": Metric(("evals",), "at_most"),
    "cost_usd_per_case": Metric(("evals",), "at_most"),
    "judge_agreement": Metric(("evals",), "at_least", most=1.0),
    "suite_cases": Metric(("evals",), "at_least"),
    "findings": Metric(("prompts", "code", "dependencies"), "at_most"),
    "prompt_risk": Metric(("prompts",), "at_most", most=1.0),
    "prompt_risk_high": Metric(("prompts",), "at_most", most=1.0),
    "tests_failed": Metric(("unit",), "at_most"),
}


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


def rounds_needed(policy: Policy) -> int:
    """How often every case has to be run before the policy's criteria can be judged at all."""
    return max((max(METRICS[c.metric].runs, c.k or 0) for c in policy.criteria if _on_behaviour(c)), default=0)


def refuse_unreachable(policy: Policy, suites: Sequence[Suite], runs: Runs) -> None:
    """Raise ConfigError for a criterion that no outcome of the planned runs could ever meet, or that looks at no
    case, and say what would suffice."""
    for criterion in policy.criteria:
        if _on_behaviour(criterion):
            _refuse_unreachable(criterion, suites, runs)


def _on_behaviour(c: Criterion) -> bool:
    return METRICS[c.metric].stages == ("evals",)


def _refuse_unreachable(c: Criterion, suites: Sequence[Suite], runs: Runs) -> None:
    cases = _cases_of(c, suites)
    if not cases and c.metric != "suite_cases":
        tags = sorted({t for suite in suites for case in suite.cases for t in case.tags})
        raise ConfigError(
            f"{c.origin}: {c.name}: no case has the tag {c.where.tag!r}{nearest(c.where.tag or '', tags)}",
            hint=f"tags in use: {', '.join(tags) or 'none'}",
        )
    wanted = max(c.k or 1, METRICS[c.metric].runs)
    if wanted > runs.most:
        what = f"k is {c.k}" if c.k else f"it takes {wanted} runs of each case"
        raise ConfigError(
            f"{c.origin}: {c.name}: {what}, a case has {runs.most} runs at most",
            hint="raise evals.runs" + (", or lower k" if c.k else ""),
        )
    if c.metric == "suite_cases":
        if len(cases) < (c.at_least or 0):
            raise ConfigError(
                f"{c.origin}: {c.name}: there are {len(cases)} such cases", hint="add cases, or lower the demand"
            )
        return
    attempts, needed = attempts_needed(c, len(cases), runs)
    if attempts < needed:
        what = f"blocks of {c.k} runs" if c.k else "attempts"
        enough = -(-needed // len(cases)) * (c.k or 1)
        raise ConfigError(
            f"{c.origin}: {c.name} at confidence {c.confidence:g} can never be met by {attempts} {what}: "
            f"even without a failure it takes {needed}",
            hint=f"with {len(cases)} cases set evals.runs to at least {enough}, add cases, or lower the demand",
        )


def attempts_needed(c: Criterion, cases: int, runs: Runs) -> tuple[int, int]:
    """How many attempts (blocks of k runs for consistency) the budget holds, and how many, none of them failed, a
    criterion takes at the least. (1, 0) for one of which that cannot be said."""
    gauge = gauges.make(
        replace(c, where=Where()), Design(tuple(Member(str(i)) for i in range(cases)), runs.least, runs.most)
    )
    if isinstance(gauge, SuiteRate):
        least = planning.min_calls_to_pass(gauge.plan)
        return gauge.plan.calls, least if least is not None else cases * (planning.rounds_to_pass(gauge.plan) or 0)
    if isinstance(gauge, Consistency):
        return cases * (runs.most // (c.k or 1)), trials_needed(c.at_least or 0.0, gauge.level)
    if isinstance(gauge, Latency):
        return cases * runs.most, latency.samples_needed(QUANTILES[c.metric], gauge.level)
    return 1, 0


def told(c: Criterion, suites: Sequence[Suite], runs: Runs) -> str:
    """What a criterion takes before it can hold, "" where nothing can be said."""
    count = len(_cases_of(c, suites))
    needed = attempts_needed(c, count, runs)[1] if _on_behaviour(c) and count else 0
    what = f"blocks of {c.k} runs" if c.k else "attempts"
    return f"takes {needed} {what} without a failure" if needed else ""


def _cases_of(c: Criterion, suites: Sequence[Suite]) -> list[Case]:
    return [case for suite in suites for case in suite.cases if not c.where.tag or c.where.tag in case.tags]


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
    if (c.metric == "regression") != (c.against is not None):
        raise ConfigError(
            f"{c.origin}: against belongs to regression and to nothing else", hint="name a baseline, or remove the key"
        )
    if c.estimand != "suite" and c.metric != "pass_rate":
        raise ConfigError(f"{c.origin}: {c.metric} has no estimand", hint="estimand belongs to pass_rate")
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
