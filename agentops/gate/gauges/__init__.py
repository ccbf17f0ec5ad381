"""The criteria on behaviour, each a gauge that is fed with attempts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentops.gate.gauges.base import Design, Gauge
from agentops.gate.gauges.bounds import QUANTILES, Consistency, Latency
from agentops.gate.gauges.counts import CaseRate, FlakyCases, Known, PathAgreement, PerAttempt, Violations
from agentops.gate.gauges.rates import WeightedPassRate, pass_rate
from agentops.gate.gauges.regression import Regression
from agentops.model.verdict import Criterion

KINDS: Mapping[str, Callable[[Criterion, Design], Gauge]] = {
    "pass_rate": pass_rate,
    "weighted_pass_rate": WeightedPassRate,
    "violations": Violations,
    "consistency_pass_all_k": Consistency,
    "case_rate": CaseRate,
    "path_agreement": PathAgreement,
    "flaky_cases": FlakyCases,
    "regression": Regression,
    "tokens_per_case": PerAttempt,
    "cost_usd_per_case": PerAttempt,
    "judge_agreement": Known,
    "suite_cases": Known,
    **dict.fromkeys(QUANTILES, Latency),
}


def make(criterion: Criterion, design: Design) -> Gauge:
    """The gauge of a criterion over the cases that it looks at."""
    return KINDS[criterion.metric](criterion, design.of(criterion))
