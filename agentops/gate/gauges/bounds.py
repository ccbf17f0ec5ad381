"""Gauges with exact bounds at a few looks: consistency and latency.

Such a gauge looks at the ends of some rounds. The error it may make is divided by the number of looks (Bonferroni), so
that having looked before costs no more than was promised.
"""

from __future__ import annotations

import math

from agentops.gate.gauges.base import MEASURED, Design, Gauge, Rounds, side
from agentops.model.case import Attempt
from agentops.model.outcome import Outcome
from agentops.model.verdict import Criterion, CriterionResult
from agentops.stats import intervals, latency
from agentops.stats.consistency import blocks, pass_hat_k

QUANTILES = {
    "latency_p50_s": 0.5, "latency_p95_s": 0.95, "latency_p99_s": 0.99,
    "latency_first_token_p50_s": 0.5, "latency_first_token_p95_s": 0.95, "latency_first_token_p99_s": 0.99,
}  # fmt: skip


class Looking(Gauge):
    """A gauge that looks at the ends of rounds. The first look that settles it is its result, else the last."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        super().__init__(criterion, design)
        self._rounds = Rounds(len(design.members))
        self.looks = self.rounds_to_look_at()
        self._result: CriterionResult | None = None

    def rounds_to_look_at(self) -> tuple[int, ...]:
        """After how many full rounds it looks."""
        least, most = max(self.design.least, 1), self.design.most
        return tuple(range(least, most + 1))

    @property
    def level(self) -> float:
        """The confidence of one look."""
        return latency.shared_confidence(self.criterion.confidence, len(self.looks))

    def add(self, attempt: Attempt) -> None:
        if not attempt.position:
            return
        before = self.calls
        super().add(attempt)
        if self.calls > before and self._rounds.add(self.index[attempt.case_id]) and self._result is None:
            self._look()

    def _look(self) -> None:
        if self._rounds.full in self.looks:
            result = self.judged()
            # The last look stands whatever it says: another one would not be paid for.
            if result.outcome in MEASURED or self._rounds.full >= self.looks[-1]:
                self._result = result

    @property
    def settled(self) -> bool:
        return self._result is not None

    def result(self) -> CriterionResult:
        return self._result or self.judged()

    def judged(self) -> CriterionResult:
        """The judgement on what is there now, at the confidence of one look."""
        raise NotImplementedError


class Consistency(Looking):
    """pass^k: the chance that k runs of a case all pass. The bounds are over disjoint blocks of k runs."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        self._k = criterion.k or 1
        self._runs: list[list[Outcome]] = [[] for _ in design.members]
        super().__init__(criterion, design)

    def rounds_to_look_at(self) -> tuple[int, ...]:
        multiples = range(self._k, self.design.most + 1, self._k)
        return tuple(n for n in multiples if n >= self.design.least) or tuple(multiples)[-1:]

    def take(self, case: int, attempt: Attempt) -> None:
        """Keeps the outcomes of each case in order."""
        self._runs[case].append(attempt.outcome)

    def judged(self) -> CriterionResult:
        k, bound = self._k, self.criterion.at_least or 0.0
        full = [runs for runs in self._runs if len(runs) >= k and all(o in MEASURED for o in runs)]
        # A run that should have been made and was not counts like one without an outcome.
        whole = [runs + [Outcome.ERROR] * (self.design.least - len(runs)) for runs in self._runs]
        pessimist = [b for runs in whole for b in blocks([o is Outcome.PASS for o in runs], k)]
        optimist = [b for runs in whole for b in blocks([o is not Outcome.FAIL for o in runs], k)]
        if not full or not pessimist:
            return self.lacking(f"no case has {k} measured runs", hint=f"set evals.runs.min to {k}")
        low = intervals.lower_bound(sum(pessimist), len(pessimist), self.level)
        high = intervals.upper_bound(sum(optimist), len(optimist), self.level)
        rate = sum(pass_hat_k(runs.count(Outcome.PASS), len(runs), k) for runs in full) / len(full)
        outcome = side(low >= bound, high < bound)
        shown = (
            f"all {k} of {k} runs pass with a rate of {rate:.3f}; {_percent(self.level)} bounds {low:.3f} to "
            f"{high:.3f}, at least {bound:g} needed"
        )
        hint = "add cases or runs" if outcome is Outcome.INCONCLUSIVE else ""
        return self.say(outcome, shown, observed=rate, low=low, high=high, hint=hint)


class Latency(Looking):
    """A percentile of the time an answer takes, with order-statistic bounds."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        self._q = QUANTILES[criterion.metric]
        self._times: list[float] = []
        super().__init__(criterion, design)

    def rounds_to_look_at(self) -> tuple[int, ...]:
        rounds = super().rounds_to_look_at()
        # A look that cannot show anything would only take its share of the error.
        while len(rounds) > 1 and rounds[0] * len(self.design.members) < self._needed(len(rounds)):
            rounds = rounds[1:]
        return rounds

    def _needed(self, looks: int) -> int:
        return latency.samples_needed(self._q, self.criterion.confidence, looks=looks)

    def take(self, case: int, attempt: Attempt) -> None:  # noqa: ARG002
        """Keeps the times."""
        first = "first_token" in self.criterion.metric
        seconds = attempt.first_token_s if first else attempt.latency_s
        if seconds is not None:
            self._times.append(seconds)

    def judged(self) -> CriterionResult:
        bound, times, q = self.criterion.at_most or 0.0, self._times, self._q
        if not times:
            first = "first_token" in self.criterion.metric
            hint = "set agent.stream, so that the time to the first token shows" if first else ""
            return self.lacking("no attempt was timed", hint=hint)
        missing = max(self.calls, self.design.least * len(self.design.members)) - len(times)
        high = latency.upper_bound(times + [math.inf] * missing, q, self.level)
        low = latency.lower_bound(times + [0.0] * missing, q, self.level)
        observed = latency.percentile(times, q)
        outcome = side(high <= bound, low > bound)
        sure = f"{low:.3f} to {high:.3f} s" if math.isfinite(high) else f"{low:.3f} s and up"
        shown = (
            f"{observed:.3f} s over {len(times)} attempts; {_percent(self.level)} bounds {sure}, "
            f"at most {bound:g} s allowed"
        )
        hint = ""
        if outcome is Outcome.INCONCLUSIVE and not math.isfinite(high):
            hint = f"it takes {self._needed(len(self.looks))} timed attempts to bound it, none of them lost"
        return self.say(
            outcome, shown, observed=observed, low=low, high=high if math.isfinite(high) else None, hint=hint
        )


def _percent(level: float) -> str:
    """A confidence as people write it: 95%, 98.3%."""
    return f"{100 * level:.4g}%" if level < 0.9995 else f"{100 * level:.6g}%"
