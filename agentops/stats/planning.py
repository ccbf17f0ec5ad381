"""What a gate's budget can show at all, and what it would take."""

from __future__ import annotations

import math

from agentops.stats import normal
from agentops.stats.cases import Ruling
from agentops.stats.eprocess import SHARE, log_e_above, log_e_below
from agentops.stats.intervals import trials_needed
from agentops.stats.plan import GatePlan
from agentops.stats.sequential import Tally

_MOST_CALLS = 10_000_000


def min_calls_to_pass(plan: GatePlan) -> int | None:
    """The least number of calls after which the gate passes if every one passes; None where its budget never can."""
    if plan.all_by_count:
        return _by_count(plan)
    tally = Tally(plan)
    for _ in range(plan.rounds):
        tally.extend([(case, True) for case in range(plan.cases)])
        if tally.settled:
            return tally.decision.calls if tally.decision.ruling is Ruling.PASS else None
    return None


def rounds_to_pass(plan: GatePlan, *, most: int = 100_000) -> int | None:
    """The least number of rounds, from the plan's on, with which a perfect agent passes; None beyond `most`.

    A gate whose `min_calls_to_pass` is None is to be refused with this number, or `cases_to_pass`, as what would do.
    """
    least = -(-trials_needed(plan.threshold, plan.confidence) // plan.cases)
    for rounds in range(max(least, plan.rounds), most + 1):
        wider = GatePlan(plan.cases, rounds, plan.threshold, plan.confidence, plan.min_rounds)
        if min_calls_to_pass(wider) is not None:
            return rounds
    return None


def cases_to_pass(plan: GatePlan) -> int:
    """The least number of cases with which a perfect agent passes within the plan's rounds."""
    cases = max(-(-trials_needed(plan.threshold, plan.confidence) // plan.rounds), plan.cases)
    while min_calls_to_pass(GatePlan(cases, plan.rounds, plan.threshold, plan.confidence, plan.min_rounds)) is None:
        cases += 1
    return cases


def calls_to_decide(
    estimate: float, threshold: float, *, confidence: float = 0.95, icc: float = 0.0, chance: float = 0.9
) -> int | None:
    """About how many calls, planned as one budget from the start, settle a gate with this chance, if the true rate is
    the estimate; None where it is too close to the threshold for ten million.

    (z_confidence + z_chance)^2 * threshold * (1 - threshold) * (1 - icc) / distance^2 for a single look; never fewer
    than the perfect (or all failing) calls that exact bounds demand. Several looks save calls when the rate is far off
    and cost a few when it is not. Raises ValueError for numbers that are no rates.
    """
    if not 0.0 <= estimate <= 1.0 or not 0.0 < threshold < 1.0 or not 0.0 <= icc <= 1.0:
        raise ValueError("estimate, threshold and icc must lie between 0 and 1")
    distance = abs(estimate - threshold)
    reach = normal.quantile(confidence) + normal.quantile(chance)
    spread = threshold * (1.0 - threshold) * (1.0 - icc)
    if distance <= 0.0 or reach * reach * spread > _MOST_CALLS * distance * distance:
        return None
    side = threshold if estimate > threshold else 1.0 - threshold
    return max(math.ceil(reach * reach * spread / (distance * distance)), trials_needed(side, confidence))


def further_calls(plan: GatePlan, *, passed: int, calls: int, share: float = SHARE) -> int | None:
    """About how many calls in all, going on past the budget by e-process, settle the gate if the rate stays what it is;
    in whole rounds, None beyond ten million or with a rate that is the threshold."""
    if calls < 1 or not 0 <= passed <= calls:
        raise ValueError(f"{passed} of {calls} is no rate")
    rate, needed = passed / calls, -math.log(share * plan.error)
    if rate == plan.threshold:
        return None
    log_e = log_e_above if rate > plan.threshold else log_e_below

    def settled(rounds: int) -> bool:
        n = rounds * plan.cases
        return log_e(round(rate * n), n, plan.threshold) >= needed

    low = high = calls // plan.cases + 1
    while not settled(high):
        low, high = high + 1, high * 2
        if high * plan.cases > _MOST_CALLS:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle + 1, high)
    return low * plan.cases


def _by_count(plan: GatePlan) -> int | None:
    before = plan.min_rounds * plan.cases - 1
    for bound in plan.counts:
        if bound.pass_at <= bound.calls:
            return max(bound.pass_at, before + 1)
        before = bound.calls
    return None
