"""Attempts to case results, and the numbers that reports show beside them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from agentops.model.case import Attempt, CaseResult, Suite
from agentops.model.outcome import Outcome
from agentops.model.run import StageError
from agentops.stats.consistency import pass_hat_k
from agentops.stats.latency import percentile


def cases(suites: Sequence[Suite], attempts: Iterable[Attempt], *, runs: int, needed: int) -> tuple[CaseResult, ...]:
    """One result a case, in the suites' order; attempts by run. A case without an attempt is an error."""
    by_case: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_case[attempt.case_id].append(attempt)
    return tuple(
        CaseResult(
            case_id=case.id,
            suite=suite.name,
            tags=case.tags,
            planned=runs,
            needed=needed,
            outcome=rule(by_case[case.id], runs=runs, needed=needed),
            attempts=tuple(sorted(by_case[case.id], key=lambda a: a.run)),
            input=case.input,
            location=case.location,
        )
        for suite in suites
        for case in suite.cases
    )


def rule(attempts: Sequence[Attempt], *, runs: int, needed: int) -> Outcome:
    """k of n: PASS when enough runs passed, FAIL when enough can no longer pass, ERROR when the rest is unknown."""
    passed = sum(a.outcome is Outcome.PASS for a in attempts)
    failed = sum(a.outcome is Outcome.FAIL for a in attempts)
    if passed >= needed:
        return Outcome.PASS
    if failed > runs - needed:
        return Outcome.FAIL
    return Outcome.ERROR


def values(results: Sequence[CaseResult]) -> dict[str, float]:
    """What the evals came to, as plain numbers for reports. The gate computes its own, with bounds."""
    attempts = [a for r in results for a in r.attempts]
    measured = [a for a in attempts if a.outcome in (Outcome.PASS, Outcome.FAIL)]
    numbers: dict[str, float] = {}
    if measured:
        numbers["pass_rate"] = sum(a.outcome is Outcome.PASS for a in measured) / len(measured)
    times = [a.latency_s for a in attempts if a.latency_s is not None]
    if times:
        numbers |= {f"latency_p{round(q * 100)}_s": percentile(times, q) for q in (0.5, 0.95, 0.99)}
    full = [r for r in results if r.attempts and all(a.outcome in (Outcome.PASS, Outcome.FAIL) for a in r.attempts)]
    if full:
        numbers["consistency_pass_all_k"] = sum(
            pass_hat_k(r.passed(), len(r.attempts), len(r.attempts)) for r in full
        ) / len(full)
    usages = [a.answer.usage for a in attempts if a.answer and a.answer.usage]
    if usages:
        numbers["tokens_in"] = sum(u.input_tokens for u in usages)
        numbers["tokens_out"] = sum(u.output_tokens for u in usages)
    return numbers


def errors(results: Sequence[CaseResult], *, stopped: str, max_error_rate: float) -> tuple[StageError, ...]:
    """Why the evals count as not measured, if they do: too many attempts without an outcome or with retries, or a
    case without any measured attempt."""
    planned = sum(r.planned for r in results)
    broken = [a for r in results for a in r.attempts if a.outcome is Outcome.ERROR]
    never = planned - sum(len(r.attempts) for r in results)
    unmeasured = len(broken) + never
    retried = sum(bool(a.retries) and a.outcome is not Outcome.ERROR for r in results for a in r.attempts)
    empty = [r for r in results if not any(a.outcome in (Outcome.PASS, Outcome.FAIL) for a in r.attempts)]
    if not stopped and not empty and unmeasured + retried <= max_error_rate * planned:
        return ()
    causes = Counter(a.error for a in broken).most_common(3)
    told = [f"{cause} ({count}x)" if count > 1 else cause for cause, count in causes]
    found = [StageError(stopped, hint="see agent.log in the run's folder")] if stopped else []
    if never:
        told.append(f"{never} were not asked any more")
    if unmeasured:
        found.append(
            StageError(
                f"{unmeasured} of {planned} attempts were not measured: {'; '.join(told) or 'the run stopped early'}",
                hint="mend the agent or what it needs, then run the check again",
            )
        )
    if retried:
        found.append(
            StageError(
                f"{retried} of {planned} attempts were answered only after trouble on the way",
                hint="mend what is in the way; calls that are asked again and again measure something else",
            )
        )
    if empty and not stopped:
        names = ", ".join(r.case_id for r in empty[:5]) + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
        cases = "1 case has" if len(empty) == 1 else f"{len(empty)} cases have"
        found.append(StageError(f"{cases} no measured attempt: {names}"))
    return tuple(found)
