"""Gauges that count what was seen and infer nothing."""

from __future__ import annotations

from collections import Counter, defaultdict

from agentops.gate.gauges.base import MEASURED, Design, Gauge, Rounds, mean
from agentops.model.case import Attempt
from agentops.model.outcome import Outcome
from agentops.model.verdict import Criterion, CriterionResult
from agentops.stats import flaky, intervals
from agentops.stats.cases import CaseCount
from agentops.stats.consistency import meets_rule


class Violations(Gauge):
    """Attempts that failed. More than the bound is a failure at once; the bound on the true rate is told."""

    def take(self, case: int, attempt: Attempt) -> None:
        """Counted already."""

    @property
    def settled(self) -> bool:
        return True

    def result(self) -> CriterionResult:
        measured, bound, c = self.passed + self.failed, self.criterion.at_most or 0.0, self.criterion
        if not measured:
            return self.say(Outcome.ERROR, "no attempt was measured")
        rate = intervals.upper_bound(self.failed, measured, c.confidence)
        shown = (
            f"{self.failed} of {measured} attempts failed, {bound:g} allowed; "
            f"the true rate is at most {rate:.3f} ({c.confidence:.0%})"
        )
        outcome = Outcome.PASS
        if self.failed > bound:
            outcome = Outcome.FAIL
        elif self.failed + self.lost > bound:
            outcome = Outcome.INCONCLUSIVE
            shown += f"; {self.lost} attempts without an outcome could be violations"
        return self.say(outcome, shown, observed=float(self.failed), high=rate)


class PerAttempt(Gauge):
    """The mean of a number that attempts carry: tokens, cost, turns. An attempt that does not tell it is unmeasured."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        super().__init__(criterion, design)
        self._sum = 0.0
        self._told = 0

    def take(self, case: int, attempt: Attempt) -> None:  # noqa: ARG002
        """Adds up."""
        value = _NUMBERS[self.criterion.metric](attempt)
        if value is not None:
            self._sum += value
            self._told += 1

    @property
    def settled(self) -> bool:
        return True

    def result(self) -> CriterionResult:
        what, bound = self.criterion.metric, self.criterion.at_most or 0.0
        answered = self.passed + self.failed
        if not self._told or self._told < answered:
            silent = answered - self._told if self._told else self.calls
            hint = "map it in agent.http, or configure evals.prices" if "cost" in what else "see docs/protocols.md"
            return self.say(Outcome.ERROR, f"{silent} of {self.calls} attempts do not tell it: not measured", hint=hint)
        value = self._sum / self._told
        outcome = Outcome.PASS if value <= bound else Outcome.FAIL
        return self.say(
            outcome, f"{value:.4g} on average over {self._told} attempts, at most {bound:g} allowed", observed=value
        )


class CaseRate(Gauge):
    """The share of cases that met their own rule, k of n runs."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        super().__init__(criterion, design)
        self._of = defaultdict[int, Counter[Outcome]](Counter)

    def take(self, case: int, attempt: Attempt) -> None:
        """Counts by case."""
        self._of[case][attempt.outcome] += 1

    @property
    def settled(self) -> bool:
        return True

    def result(self) -> CriterionResult:
        total, bound = len(self.design.members), self.criterion.at_least or 0.0
        met = [case for case in range(total) if self._met(case)]
        unknown = [case for case in range(total) if not self._known(case)]
        rate = len(met) / total
        outcome = Outcome.PASS if rate >= bound else Outcome.FAIL
        if outcome is Outcome.FAIL and (len(met) + len(unknown)) / total >= bound:
            outcome = Outcome.INCONCLUSIVE
        missed = [self.design.members[case].id for case in range(total) if case not in met][:3]
        told = f"; not: {', '.join(missed)}" if missed else ""
        return self.say(
            outcome, f"{len(met)} of {total} cases met their rule ({rate:.3f}), at least {bound:g} needed{told}",
            observed=rate,
        )  # fmt: skip

    def _met(self, case: int) -> bool:
        counts, member = self._of[case], self.design.members[case]
        return meets_rule(counts[Outcome.PASS], counts.total(), needed=member.needed, planned=member.planned)

    def _known(self, case: int) -> bool:
        return bool(self._of[case]) and all(outcome in MEASURED for outcome in self._of[case])


class PathAgreement(Gauge):
    """How often two runs of a case call the same tools with the same arguments in the same order, over the cases."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        super().__init__(criterion, design)
        self._paths = defaultdict[int, Counter[str]](Counter)
        self._rounds = Rounds(len(design.members))

    def take(self, case: int, attempt: Attempt) -> None:
        """Counts the ways by case; an attempt without a trace is not counted."""
        if attempt.path:
            self._paths[case][attempt.path] += 1
        self._rounds.add(case)

    @property
    def settled(self) -> bool:
        return self._rounds.full >= 2

    def result(self) -> CriterionResult:
        bound = self.criterion.at_least or 0.0
        shares = [
            sum(n * (n - 1) for n in counts.values()) / (counts.total() * (counts.total() - 1))
            for counts in self._paths.values()
            if counts.total() >= 2
        ]
        if not shares:
            return self.lacking("no case has two runs with a trace of their tool calls", hint=_TRACE)
        value = mean(shares)
        outcome = Outcome.PASS if value >= bound else Outcome.FAIL
        told = f"two runs of a case take the same path with a rate of {value:.3f} ({len(shares)} cases)"
        return self.say(outcome, f"{told}, at least {bound:g} needed", observed=value)


class FlakyCases(Gauge):
    """Cases that neither always pass nor always fail: a posterior of more than 90 % for a rate in (0.05, 0.95)."""

    def __init__(self, criterion: Criterion, design: Design) -> None:
        super().__init__(criterion, design)
        self._counts = [[0, 0] for _ in design.members]

    def take(self, case: int, attempt: Attempt) -> None:
        """Counts by case."""
        if attempt.outcome in MEASURED:
            self._counts[case][attempt.outcome is Outcome.FAIL] += 1

    @property
    def settled(self) -> bool:
        return True

    def result(self) -> CriterionResult:
        bound = self.criterion.at_most or 0.0
        names = [
            member.id for member, (passed, failed) in zip(self.design.members, self._counts, strict=True)
            if passed + failed and flaky.is_flaky(CaseCount(passed, failed))
        ]  # fmt: skip
        outcome = Outcome.PASS if len(names) <= bound else Outcome.FAIL
        shown = f": {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}" if names else ""
        return self.say(
            outcome, f"{len(names)} cases are flaky, at most {bound:g} allowed{shown}", observed=float(len(names))
        )


class Known(Gauge):
    """A number that the evals measured beside the attempts, held against its bound as it is."""

    def take(self, case: int, attempt: Attempt) -> None:
        """Attempts do not change it."""

    @property
    def settled(self) -> bool:
        return True

    def result(self) -> CriterionResult:
        c = self.criterion
        value = float(len(self.design.members)) if c.metric == "suite_cases" else self.design.values.get(c.metric)
        if value is None:
            return self.say(Outcome.ERROR, f"the evals measured no {c.metric}", hint=_HINTS.get(c.metric, ""))
        bound = c.at_least if c.at_least is not None else (c.at_most or 0.0)
        holds = value >= bound if c.at_least is not None else value <= bound
        side = "at least" if c.at_least is not None else "at most"
        outcome = Outcome.PASS if holds else Outcome.FAIL
        return self.say(outcome, f"{value:.4g}, {side} {bound:g} demanded", observed=value, coverage="")


_TRACE = "see docs/protocols.md on how an agent tells its tool calls"
_HINTS = {"judge_agreement": "name a file of labelled answers under evals.judge.calibration"}


def _tokens(attempt: Attempt) -> float | None:
    given, made = attempt.input_tokens, attempt.output_tokens
    return None if given is None or made is None else float(given + made)


def _cost(attempt: Attempt) -> float | None:
    return attempt.cost_usd


_NUMBERS = {"tokens_per_case": _tokens, "cost_usd_per_case": _cost}
