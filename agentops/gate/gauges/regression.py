"""The gauge of a loss against a baseline."""

from __future__ import annotations

from agentops.gate.gauges.base import MEASURED, Design
from agentops.gate.gauges.bounds import Looking
from agentops.model.case import Attempt
from agentops.model.outcome import Outcome
from agentops.model.verdict import Criterion, CriterionResult
from agentops.stats import regression
from agentops.stats.cases import CaseCount, Ruling

_OUTCOMES = {Ruling.PASS: Outcome.PASS, Ruling.FAIL: Outcome.FAIL, Ruling.INCONCLUSIVE: Outcome.INCONCLUSIVE}


class Regression(Looking):
    """The loss of pass rate since a baseline, by the within-case z with a margin of non-inferiority.

    Looks at the ends of rounds from the third on, so that every case has the same number of runs in a comparison.
    """

    def __init__(self, criterion: Criterion, design: Design) -> None:
        self._of = [[0, 0, 0] for _ in design.members]
        super().__init__(criterion, design)

    def rounds_to_look_at(self) -> tuple[int, ...]:
        least = max(self.design.least, regression.MIN_RUNS)
        return tuple(range(least, self.design.most + 1)) or (self.design.most,)

    def take(self, case: int, attempt: Attempt) -> None:
        """Counts by case."""
        kinds = (*MEASURED, attempt.outcome)
        self._of[case][kinds.index(attempt.outcome)] += 1

    def judged(self) -> CriterionResult:
        name, margin = self.criterion.against or "", self.criterion.at_most or 0.0
        before = self.design.baselines.get(name)
        if before is None:
            return self.say(Outcome.ERROR, f"the baseline {name} was not read", hint=_SAVE.format(name=name))
        now = {m.id: CaseCount(*counts) for m, counts in zip(self.design.members, self._of, strict=True)}
        old = {i: CaseCount(*before[i]) for i in before if i in now}
        found = regression.regression_gate(old, now, max_loss=margin, confidence=self.level)
        if found.loss is None:
            return self.say(
                Outcome.INCONCLUSIVE, f"no case has {regression.MIN_RUNS} runs both in {name} and now",
                hint="raise evals.runs, and measure the baseline again",
            )  # fmt: skip
        shown = (
            f"{100 * found.loss:+.1f} points lost since {name} over {found.paired} cases, bounds "
            f"{100 * found.low:+.1f} to {100 * found.high:+.1f}, less than {100 * margin:g} allowed"
        )
        if found.short:
            shown += f"; {len(found.short)} cases have too few runs"
        if found.new:
            shown += f"; {len(found.new)} cases are new"
        outcome = _OUTCOMES[found.ruling]
        hint = "more cases or runs make the bounds narrower" if outcome is Outcome.INCONCLUSIVE else ""
        return self.say(outcome, shown, observed=found.loss, low=found.low, high=found.high, hint=hint)


_SAVE = "keep a run as a baseline with agentops check --save-baseline {name}"
