"""Attempts to case results, and the numbers that reports show beside them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from agentops.model.case import Attempt, Case, CaseResult, Suite
from agentops.model.outcome import Outcome
from agentops.model.run import StageError
from agentops.model.settings import Runs
from agentops.model.verdict import suite_name
from agentops.stats.cases import CaseCount, intra_case_correlation
from agentops.stats.consistency import pass_hat_k
from agentops.stats.latency import percentile


def cases(
    suites: Sequence[Suite], attempts: Iterable[Attempt], *, runs: Runs, needed: int | None, complete: bool = True
) -> tuple[CaseResult, ...]:
    """One result a case, in the suites' order; attempts by run. `needed` of the most runs have to pass where a case
    does not say otherwise, all of them where it is None. A case without an attempt is an error, or skipped where the
    gate did not need it any more. `complete` is false where a budget ended the run: what is open only because of that
    is inconclusive."""
    by_case: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_case[attempt.case_id].append(attempt)
    return tuple(
        _case(case, suite_name(suite), sorted(by_case[case.id], key=_run), runs=runs, needed=needed, complete=complete)
        for suite in suites
        for case in suite.cases
    )


def _run(attempt: Attempt) -> int:
    return attempt.run


def _case(
    case: Case, suite: str, attempts: list[Attempt], *, runs: Runs, needed: int | None, complete: bool
) -> CaseResult:
    planned = max(len(attempts), case.runs or 0, runs.least)
    asked, whole = _share(case, runs, needed)
    # The rule is held as the same share of the runs that were made, be these fewer or more; never of more than all.
    least = min(-(-asked * planned // max(whole, 1)), planned)
    outcome = rule(attempts, runs=planned, needed=least) if planned else Outcome.SKIPPED
    if outcome is Outcome.ERROR and not complete and len(attempts) < planned:
        outcome = Outcome.INCONCLUSIVE
    return CaseResult(
        case_id=case.id,
        suite=suite,
        tags=case.tags,
        planned=planned,
        needed=least,
        outcome=outcome,
        attempts=tuple(attempts),
        input=case.input,
        location=case.location,
        weight=case.weight,
    )


def _share(case: Case, runs: Runs, needed: int | None) -> tuple[int, int]:
    """How many of how many runs have to pass: a number belongs to the runs that stand where it was written."""
    if case.needed:
        return case.needed, case.runs or runs.most
    return (needed, runs.most) if needed else (1, 1)


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
    for name in ("input_tokens", "output_tokens", "cost_usd"):
        told = [value for a in attempts if (value := getattr(a, name)) is not None]
        if told:
            numbers[name] = sum(told)
    counts = [CaseCount(r.passed(), sum(a.outcome is Outcome.FAIL for a in r.attempts)) for r in results]
    icc = intra_case_correlation(counts) if measured else None
    if icc is not None:
        numbers["intra_case_correlation"] = round(icc, 4)
    return numbers


def errors(
    results: Sequence[CaseResult], *, gone: str, complete: bool, max_error_rate: float
) -> tuple[StageError, ...]:
    """Why the evals count as not measured, if they do: too many attempts without an outcome or with retries, or a
    case without any measured attempt. `complete` is false where a budget ended the run: what was not asked then leaves
    criteria inconclusive and is no error."""
    planned = sum(r.planned for r in results)
    broken = [a for r in results for a in r.attempts if a.outcome is Outcome.ERROR]
    never = planned - sum(len(r.attempts) for r in results) if complete else 0
    unmeasured = len(broken) + never
    retried = sum(bool(a.retries) and a.outcome is not Outcome.ERROR for r in results for a in r.attempts)
    empty = [r for r in results if r.planned and not any(a.outcome in (Outcome.PASS, Outcome.FAIL) for a in r.attempts)]
    if not complete:
        empty = [r for r in empty if r.attempts]
    if not gone and not empty and unmeasured + retried <= max_error_rate * planned:
        return ()
    causes = Counter(a.error for a in broken).most_common(3)
    told = [f"{cause} ({count}x)" if count > 1 else cause for cause, count in causes]
    found = [StageError(gone, hint="see agent.log in the run's folder")] if gone else []
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
    if empty and not gone:
        names = ", ".join(r.case_id for r in empty[:5]) + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
        cases = "1 case has" if len(empty) == 1 else f"{len(empty)} cases have"
        found.append(StageError(f"{cases} no measured attempt: {names}"))
    return tuple(found)
