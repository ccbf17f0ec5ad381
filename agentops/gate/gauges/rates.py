"""Gauges of pass rates: decided with stated error probabilities, as early as these allow."""

from __future__ import annotations

import math

from agentops.gate.gauges.base import MEASURED, Design, Gauge, Rounds, side
from agentops.gate.gauges.bounds import Looking
from agentops.model.case import Attempt
from agentops.model.outcome import Outcome
from agentops.model.verdict import Criterion, CriterionResult
from agentops.stats import planning, population
from agentops.stats.cases import CaseCount, Ruling
from agentops.stats.eprocess import Continued
from agentops.stats.plan import GatePlan
from agentops.stats.wilson import chance_at_least

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

    def take(self, case: int, attempt: Attempt) -> None:
        """One attempt more for the rule; what comes after it decided changes nothing."""
        if attempt.position:
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
            return self.say(Outcome.ERROR, "no attempt was measured")
        decision, bound = self._rule.decision, self.plan.threshold
        if not decision.calls:
            first = self.plan.looks[0].calls
            said = f"{self.calls} attempts were made, the first look is after {first}{_why_open('', self.design)}"
            return self.say(Outcome.INCONCLUSIVE, said, low=0.0, high=1.0)
        outcome = _OUTCOMES[decision.ruling]
        rate = self.passed / (self.passed + self.failed)
        shown = (
            f"{self.passed}/{self.passed + self.failed} attempts passed ({rate:.3f}); "
            f"bounds {decision.low:.3f} to {decision.high:.3f}"
        )
        if decision.calls < self.calls:
            shown += f" after {decision.calls} attempts" if decision.calls else ""
        why = _why_open(decision.reason, self.design)
        odds = f"the rate is that high with a chance of {chance_at_least(bound, self.passed, self.failed):.0%}"
        reasons = {
            Outcome.PASS: f"{shown}, all at or above {bound:g}",
            Outcome.FAIL: f"{shown}, all below {bound:g}",
            Outcome.INCONCLUSIVE: f"{shown} hold {bound:g} between them{why}; {odds}",
        }
        hint = self._hint(rate) if outcome is Outcome.INCONCLUSIVE else ""
        return self.say(outcome, reasons[outcome], observed=rate, low=decision.low, high=decision.high, hint=hint)

    def _hint(self, rate: float) -> str:
        bound = self.plan.threshold
        if rate <= bound:
            return "the observed rate is below the demand: mend the failing cases"
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
