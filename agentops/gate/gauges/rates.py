"""Gauges of pass rates: decided with stated error probabilities, as early as these allow."""

from __future__ import annotations

import math

from agentops.gate.gauges.base import MEASURED, Design, Gauge, Rounds, side
from agentops.gate.gauges.bounds import Looking
from agentops.model.case import Attempt
from agentops.model.outcome import Outcome
from agentops.model.verdict import Criterion, CriterionResult
from agentops.stats import intervals, planning, population
from agentops.stats.cases import CaseCount, Ruling
from agentops.stats.eprocess import Continued
from agentops.stats.plan import GatePlan
from agentops.stats.wilson import chance_at_least

_STEADY = "find out what changed (a model behind the agent, a cache, a limit) and run it again"

# Times the calls that were made: beyond that nobody is helped by the number.
_TOO_MANY = 50

_OUTCOMES = {
    Ruling.PASS: Outcome.PASS, Ruling.FAIL: Outcome.FAIL,
    Ruling.INCONCLUSIVE: Outcome.INCONCLUSIVE, Ruling.UNDECIDED: Outcome.INCONCLUSIVE,
}  # fmt: skip


class SuiteRate(Gauge):
    """The mean pass rate of these very cases: exact looks in round one, then looks with the within-case error."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        super().__init__(criterion, design)
        self.plan = plan_of(criterion, design)
        self._rule = Continued(self.plan)
        self._goes_on = False
        self._seen = [0, 0, 0]

    def take(self, case: int, attempt: Attempt) -> None:
        """One attempt more for the rule; what comes after it decided changes nothing."""
        if attempt.position:
            self._seen[(*MEASURED, attempt.outcome).index(attempt.outcome)] += 1
            self._rule.add(case, attempt.outcome is Outcome.PASS if attempt.outcome in MEASURED else None)
            if attempt.earlier:
                # Where an earlier run came to the end of its budget, this one goes on for another.
                self._goes_on = self._rule.budget_ended

    @property
    def settled(self) -> bool:
        return self._rule.decided or (self._rule.budget_ended and not self._goes_on)

    def told(self) -> str:
        decision = self._rule.decision
        return f"{self.criterion.name}: {decision.low:.3f} to {decision.high:.3f} so far" if decision.calls else ""

    def result(self) -> CriterionResult:
        if not self.passed + self.failed:
            return self.lacking("no attempt was measured")
        decision, bound = self._rule.decision, self.plan.threshold
        passed, failed, lost = self._seen
        if not passed + failed:
            return self.say(Outcome.INCONCLUSIVE, "no attempt of the schedule was measured", low=0.0, high=1.0)
        outcome = _OUTCOMES[decision.ruling]
        changed = self._refuted(outcome)
        outcome = Outcome.INCONCLUSIVE if changed else outcome
        low, high = self._interval(outcome)
        rate = passed / (passed + failed)
        shown = f"{passed}/{passed + failed} attempts passed ({rate:.3f})"
        shown += f", {lost} without an outcome" if lost else ""
        shown += f"; bounds {low:.3f} to {high:.3f}"
        if outcome in MEASURED:
            shown += ", all at or above" if outcome is Outcome.PASS else ", all below"
            shown += f" {bound:g}; decided after {decision.calls} attempts"
            return self.say(outcome, shown, observed=rate, low=low, high=high)
        if changed:
            early = f"{_OUTCOMES[decision.ruling].value.upper()} after {decision.calls} attempts"
            shown += f"; the agent changed during the run: {early}, which the later ones refute"
            return self.say(outcome, shown, observed=rate, low=low, high=high, hint=_STEADY)
        return self.say(outcome, shown + self._open(), observed=rate, low=low, high=high, hint=self._hint(rate))

    def _open(self) -> str:
        """Why it is open, for the end of the sentence."""
        decision, bound = self._rule.decision, self.plan.threshold
        passed, failed, _ = self._seen
        odds = f"; the rate is that high with a chance of {chance_at_least(bound, passed, failed):.0%}"
        look = "" if decision.calls else f"; the first look is after {self.plan.looks[0].calls} attempts"
        return f" hold {bound:g} between them{look}{_why_open(decision.reason, self.design)}{odds}"

    def _refuted(self, outcome: Outcome) -> bool:
        """Whether all attempts together exclude the verdict that the first of them gave: an agent that stays what it
        is does that less often than the confidence leaves open."""
        passed, failed, _ = self._seen
        bound, confidence = self.plan.threshold, self.criterion.confidence
        if outcome is Outcome.PASS:
            return intervals.upper_bound(passed, passed + failed, confidence) < bound
        return outcome is Outcome.FAIL and intervals.lower_bound(passed, passed + failed, confidence) > bound

    def _interval(self, outcome: Outcome) -> tuple[float, float]:
        """The exact interval of all attempts (Clopper and Pearson), those without an outcome on the worse side. The
        rule decides by other bounds: the interval never contradicts it."""
        passed, failed, lost = self._seen
        made, bound, confidence = passed + failed + lost, self.plan.threshold, self.criterion.confidence
        low = intervals.lower_bound(passed, made, confidence)
        high = intervals.upper_bound(passed + lost, made, confidence)
        low = max(low, bound) if outcome is Outcome.PASS else min(low, bound)
        high = min(high, bound) if outcome is Outcome.FAIL else max(high, bound)
        return low, high

    def _hint(self, rate: float) -> str:
        bound = self.plan.threshold
        if rate <= bound:
            return "the observed rate is below the demand: mend the failing cases"
        if planning.min_calls_to_pass(self.plan) is None:
            least = intervals.trials_needed(bound, self.criterion.confidence)
            runs, cases = planning.rounds_to_pass(self.plan), planning.cases_to_pass(self.plan)
            more = f", or raise the runs of each to {runs} (evals.runs, --runs)" if runs else ""
            return f"it takes {least} attempts without a failure: add cases ({cases} would do){more}"
        return _more_calls(rate, bound, self.criterion.confidence, self.calls)


def pass_rate(criterion: Criterion, design: Design) -> Gauge:
    """The gauge of a pass rate under the estimand that the criterion names."""
    return (PopulationRate if criterion.estimand == "population" else SuiteRate)(criterion, design)


class WeightedPassRate(Looking):
    """The pass rate with each case at its weight, by Hoeffding's inequality (1963): exact for any cases."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        self._of = [[0, 0, 0] for _ in design.members]
        super().__init__(criterion, design)

    def take(self, case: int, attempt: Attempt) -> None:
        """Counts by case."""
        counts = self._of[case]
        counts[0] += attempt.outcome is Outcome.PASS
        counts[1] += attempt.outcome is Outcome.FAIL
        counts[2] += 1

    def judged(self) -> CriterionResult:
        bound = self.criterion.at_least or 0.0
        if not self.passed + self.failed:
            return self.say(Outcome.ERROR, "no attempt was measured")
        weights = [m.weight for m in self.design.members]
        # A case without a run could be anything.
        low, high = (sum(w * s for w, s in zip(weights, shares, strict=True)) for shares in self._shares())
        whole = sum(weights)
        spread = sum((w / whole) ** 2 / max(runs, 1) for w, (_, _, runs) in zip(weights, self._of, strict=True))
        margin = math.sqrt(-math.log(1.0 - self.level) * spread / 2)
        observed, least, most = low / whole, max(low / whole - margin, 0.0), min(high / whole + margin, 1.0)
        outcome = side(least >= bound, most < bound)
        shown = f"weighted rate {observed:.3f}, bounds {least:.3f} to {most:.3f}, at least {bound:g} needed"
        return self.say(outcome, shown, observed=observed, low=least, high=most)

    def _shares(self) -> tuple[list[float], list[float]]:
        low = [passed / runs if runs else 0.0 for passed, _, runs in self._of]
        high = [(runs - failed) / runs if runs else 1.0 for _, failed, runs in self._of]
        return low, high


def plan_of(criterion: Criterion, design: Design) -> GatePlan:
    """When a pass rate is looked at, and what decides then."""
    return GatePlan(
        cases=len(design.members),
        rounds=design.most,
        threshold=criterion.at_least or 0.0,
        confidence=criterion.confidence,
        min_rounds=design.least,
    )


def _why_open(reason: str, design: Design) -> str:
    if design.broke_off:
        return f"; {design.broke_off}"
    return {"futility": "; more runs would hardly have settled it", "budget": "; all runs were made"}.get(reason, "")


def _more_calls(rate: float, bound: float, confidence: float, made: int) -> str:
    """How many attempts would settle it, should the rate stay what it is."""
    needed = planning.calls_to_decide(rate, bound, confidence=confidence)
    if needed is None or needed > _TOO_MANY * made:
        return "the rate is too close to the demand to be told apart at a price worth paying"
    return f"about {max(needed, made + 1)} attempts would show it at this rate; {made} were made"


class PopulationRate(Gauge):
    """The mean pass rate of all cases that might have been written: the spread between cases counts, and there is one
    look, at the end of the budget."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        super().__init__(criterion, design)
        self._of = [[0, 0, 0] for _ in design.members]
        self._rounds = Rounds(len(design.members))

    def take(self, case: int, attempt: Attempt) -> None:
        """Counts by case."""
        if attempt.position:
            self._of[case][(*MEASURED, attempt.outcome).index(attempt.outcome)] += 1
            self._rounds.add(case)

    @property
    def settled(self) -> bool:
        return self._rounds.full >= self.design.most

    def result(self) -> CriterionResult:
        bound = self.criterion.at_least or 0.0
        if not self.passed + self.failed:
            return self.say(Outcome.ERROR, "no attempt was measured")
        counts = [CaseCount(*counts) for counts in self._of]
        found = population.population_gate(counts, bound, confidence=self.criterion.confidence)
        outcome = _OUTCOMES[found.ruling] if self.settled else Outcome.INCONCLUSIVE
        shown = (
            f"rate {found.estimate:.3f} of the population that {found.cases} cases stand for; "
            f"{self.criterion.confidence:.0%} bounds {found.low:.3f} to {found.high:.3f}, at least {bound:g} needed"
        )
        if not self.settled:
            shown += f"; judged at the end of {self.design.most} rounds only" + _why_open("", self.design)
        hint = "add cases: more runs of the same do not help" if outcome is Outcome.INCONCLUSIVE else ""
        return self.say(outcome, shown, observed=found.estimate, low=found.low, high=found.high, hint=hint)
