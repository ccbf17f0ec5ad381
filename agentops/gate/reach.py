"""What a criterion takes before it can hold, and whether planned runs can give it: a gate that could never pass is
refused before any cost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentops.config.document import nearest
from agentops.errors import ConfigError
from agentops.gate import gauges
from agentops.gate.gauges.base import Baseline, Design, Member, past
from agentops.gate.gauges.bounds import QUANTILES, Consistency, Latency
from agentops.gate.gauges.rates import SuiteRate
from agentops.gate.gauges.regression import Regression
from agentops.gate.metrics import DEFAULT, METRICS, on_behaviour
from agentops.model.case import Case, Suite
from agentops.model.settings import Runs
from agentops.model.verdict import OWN, Criterion, Policy, Where, suite_name
from agentops.stats import latency, planning, regression
from agentops.stats.cases import CaseCount, Ruling
from agentops.stats.intervals import trials_needed

PART = "part"
"""The origin of the criterion that a chosen part of the cases is held against."""

# Beyond so many cases or runs nobody is helped by a number.
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class _Planned:
    """What will be run: `calls` at the most where that is limited, and what regressions are measured against."""

    suites: Sequence[Suite]
    runs: Runs
    calls: int | None = None
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    def cases(self, c: Criterion) -> list[Case]:
        """The cases that a criterion looks at."""
        return [case for s in self.suites for case in s.cases if c.where.takes(suite_name(s), case.tags)]


def refuse_unreachable(
    policy: Policy,
    suites: Sequence[Suite],
    runs: Runs,
    *,
    calls: int | None = None,
    baselines: Mapping[str, Baseline] | None = None,
) -> None:
    """Raise ConfigError for a criterion that no outcome of the planned runs could ever meet, or that looks at no
    case, and say what would suffice. One that nobody wrote is let through: it ends inconclusive and says what it takes.

    `calls` is the budget of calls where one is set and no evidence is kept, which would go on in a later run;
    `baselines` are those of regressions, by name.
    """
    planned = _Planned(suites, runs, calls, baselines or {})
    for criterion in policy.criteria:
        if on_behaviour(criterion) and criterion.origin not in (DEFAULT, PART):
            _refuse(criterion, planned)


def of_part(policy: Policy, suites: Sequence[Suite], runs: Runs) -> Policy:
    """The policy for a chosen part of the cases: what that part can never meet is put aside, and every case in it has
    to meet its own rule. A regression is measured on the whole, never on a part."""
    planned = _Planned(suites, runs)
    kept = tuple(c for c in policy.criteria if not on_behaviour(c) or _answered(c, planned))
    aside = tuple(c for c in policy.criteria if c not in kept)
    if any(suite.cases for suite in suites) and not any(c.metric == "case_rate" and not c.where.cases for c in kept):
        kept += (Criterion("case_rate", at_least=1.0, origin=PART),)
    digest = hashlib.sha256(f"part of {policy.sha256}: {[c.name for c in kept]}".encode()).hexdigest()
    return replace(policy, criteria=kept, aside=(*policy.aside, *aside), sha256=digest)


def _answered(c: Criterion, planned: _Planned) -> bool:
    if c.metric in ("regression", "suite_cases"):
        return False
    try:
        _refuse(c, planned)
    except ConfigError:
        return False
    return True


def _refuse(c: Criterion, planned: _Planned) -> None:
    cases, runs = planned.cases(c), planned.runs
    if not cases and c.metric != "suite_cases":
        _refuse_empty(c, planned.suites)
    wanted = max(c.k or 1, METRICS[c.metric].runs)
    if wanted > runs.most:
        what = f"k is {c.k}" if c.k else f"it takes {wanted} runs of each case"
        raise ConfigError(
            f"{c.origin}: {c.name}: {what}, a case has {_count(runs.most, 'run')} at most",
            hint=f"raise the runs of each case to {wanted} (evals.runs, --runs)" + (", or lower k" if c.k else ""),
        )
    if c.metric == "suite_cases":
        if len(cases) < (c.at_least or 0):
            are = "is 1 such case" if len(cases) == 1 else f"are {len(cases)} such cases"
            raise ConfigError(f"{c.origin}: {c.name}: there {are}", hint="add cases, or lower the demand")
        return
    if c.metric == "regression":
        _refuse_narrow(c, cases, planned)
    attempts, needed = attempts_needed(c, len(cases), runs)
    if attempts < needed:
        what = f"block of {c.k} runs" if c.k else "attempt"
        enough = -(-needed // len(cases)) * (c.k or 1)
        raise ConfigError(
            f"{c.origin}: {c.name} at confidence {c.confidence:g} can never be met by "
            f"{_count(attempts, what)}: even without a failure it takes {needed}",
            hint=f"add cases; or with {_count(len(cases), 'case')} set evals.runs to at least {enough} "
            f"(--runs {enough}); or lower the demand",
        )
    least = max(needed * (c.k or 1), _whole(c, len(cases), runs))
    if planned.calls is not None and planned.calls < least:
        raise ConfigError(
            f"{c.origin}: {c.name}: evals.budget.calls allows {_count(planned.calls, 'call')}, "
            f"it takes {_count(least, 'attempt')}",
            hint=f"raise evals.budget.calls to at least {least}, or keep evidence between runs (evals.evidence)",
        )


def _whole(c: Criterion, cases: int, runs: Runs) -> int:
    """The attempts of a criterion that looks at every run: a missing one could be what it counts."""
    least = max(runs.least, METRICS[c.metric].runs, 1)
    return cases * least if c.metric in _OF_EVERY_RUN else 0


_OF_EVERY_RUN = ("violations", "flaky_cases", "path_agreement", "tokens_per_case", "cost_usd_per_case")


def _refuse_empty(c: Criterion, suites: Sequence[Suite]) -> None:
    tags = sorted({t for suite in suites for case in suite.cases for t in case.tags})
    names = sorted({suite_name(suite) for suite in suites})
    suite, tag = c.where.suite, c.where.tag
    if suite is not None and not any(Where(suite=suite).takes(name, ()) for name in names):
        raise ConfigError(
            f"{c.origin}: {c.name}: there is no suite {suite!r}{nearest(suite, [*names, OWN])}",
            hint=f"suites: {', '.join(names) or 'none'}; {OWN} stands for all that are no packs",
        )
    raise ConfigError(
        f"{c.origin}: {c.name}: there is no case of the {c.where.cases}{nearest(tag or '', tags)}"
        if c.where.cases
        else f"{c.origin}: {c.name}: there are no cases",
        hint=f"tags in use: {', '.join(tags) or 'none'}",
    )


def _refuse_narrow(c: Criterion, cases: Sequence[Case], planned: _Planned) -> None:
    """A margin that even runs without a failure cannot show."""
    margin, runs = c.at_most or 0.0, planned.runs
    before = past(planned.baselines, c)
    paired = [case.id for case in cases if before is None or case.id in before]
    if not paired:
        raise ConfigError(
            f"{c.origin}: {c.name}: the baseline {c.against} has none of these cases",
            hint=f"measure it again: agentops check --save-baseline {c.against}",
        )

    def shows(count: int, most: int, old: Sequence[CaseCount]) -> bool:
        design = Design(tuple(Member(str(i)) for i in range(count)), runs.least, most)
        level = Regression(replace(c, where=Where()), design).level
        first = {str(i): old[i % len(old)] for i in range(count)}
        now = {str(i): CaseCount(most, 0) for i in range(count)}
        return regression.regression_gate(first, now, max_loss=margin, confidence=level).ruling is Ruling.PASS

    def as_now(most: int) -> list[CaseCount]:
        return [CaseCount(*before[i]) if before is not None else CaseCount(most, 0) for i in paired]

    if shows(len(paired), runs.most, as_now(runs.most)):
        return
    more_cases = _smallest(lambda n: shows(n, runs.most, [CaseCount(runs.most, 0)]), len(paired))
    more_runs = _smallest(lambda n: shows(len(paired), n, [CaseCount(n, 0)]), runs.most)
    ways = [f"{_count(more_cases, 'case')}"] if more_cases else []
    ways += [f"{_count(more_runs, 'run')} of each case (evals.runs, --runs)"] if more_runs else []
    raise ConfigError(
        f"{c.origin}: {c.name}: even runs without a failure cannot show a loss below {margin:g} with "
        f"{_count(len(paired), 'case')} and {_count(runs.most, 'run')} of each",
        hint=f"it takes {' or '.join(ways) or 'far more cases'}, in the baseline too; or raise max_loss",
    )


def _smallest(holds: Callable[[int], bool], start: int) -> int | None:
    """The least number above the start for which it holds, as far as that rises; None beyond any use."""
    low, high = start, max(start, 1) * 2
    while not holds(high):
        low, high = high, high * 2
        if high > min(_MOST, start * 256):
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


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
    count = len(_Planned(suites, runs).cases(c)) if on_behaviour(c) else 0
    needed = attempts_needed(c, count, runs)[1] if count else 0
    what = f"block of {c.k} runs" if c.k else "attempt"
    return f"takes {_count(needed, what)} without a failure" if needed else ""


def _count(amount: int, noun: str) -> str:
    """1 case, 2 cases; 2 blocks of 3 runs."""
    head, _, rest = noun.partition(" ")
    plural = head if amount == 1 else f"{head}s"
    return f"{amount} {plural}{' ' if rest else ''}{rest}"
