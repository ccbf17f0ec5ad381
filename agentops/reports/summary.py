"""What several reports say in the same words: what a stage measured, what a criterion observed, what failed.

Nothing here is made safe to show yet: each report does that for its own medium.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from agentops.model.case import Attempt, CaseResult, Score
from agentops.model.finding import Finding, Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Check, RunResult, StageError, StageResult
from agentops.model.verdict import CriterionResult, Verdict

NO_REASON = "no reason was recorded"
_BAD = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE)


def number(value: float) -> str:
    """Four significant digits, whole numbers whole."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """0.4 s, 42 s, 3 min 12 s, 2 h 5 min. Empty where nothing was timed."""
    if not math.isfinite(seconds) or seconds <= 0:
        return ""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(amount: int, noun: str) -> str:
    """1 case, 2 cases."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def image_name(run: RunResult) -> str:
    """The image by its short id, else by what it was called; says so where there is none."""
    subject = run.subject
    identity = subject.image_id or subject.digest
    if identity:
        return identity.removeprefix("sha256:")[:12]
    return subject.image or "none"


def commit_name(run: RunResult) -> str:
    """The short commit, with +changes where the working tree differed from it."""
    if not run.subject.commit:
        return "unknown"
    return run.subject.commit[:12] + ("+changes" if run.subject.dirty else "")


def containerised(run: RunResult) -> str:
    """yes, no, or that the question did not arise."""
    if run.containerised is None:
        return "agent not started"
    return "yes" if run.containerised else "no"


def stage_word(stage: StageResult) -> str:
    """A stage measures and the gate judges, so a stage that did its work says "measured", never "pass": a reader
    must not take it for the verdict on what was found."""
    if stage.outcome is Outcome.PASS:
        return "measured"
    return outcome_word(stage.outcome)


def outcome_word(outcome: Outcome) -> str:
    """The outcome's own word; what is not fine in capitals, so that it is found without colour."""
    word = str(outcome.value)
    return word if outcome in (Outcome.PASS, Outcome.SKIPPED) else word.upper()


def severities(findings: Iterable[Finding]) -> str:
    """2 high, 1 low: worst first, without those waived."""
    tally = Counter(f.severity for f in findings if f.waiver is None)
    return ", ".join(f"{tally[s]} {s.value}" for s in reversed(Severity) if tally[s])


def measured(stage: StageResult) -> str:
    """What a stage measured, on one line: 240/240 attempts, 80 cases, 3 not passed."""
    counts, parts = stage.counts, []
    if counts.planned or counts.measured:
        parts.append(f"{counts.measured}/{counts.planned} {counts.unit}")
    if stage.sampling is not None and stage.sampling.saved:
        parts.append(f"{stage.sampling.saved} saved")
    if stage.cases:
        parts.append(count(len(stage.cases), "case"))
        parts += _not_passed(c.outcome for c in stage.cases)
    parts += _not_passed(c.outcome for c in stage.checks)
    if found := severities(stage.findings):
        parts.append(found)
    waived = max(counts.waived, sum(f.waiver is not None for f in stage.findings))
    if waived:
        parts.append(f"{waived} waived")
    if counts.skipped:
        parts.append(f"{len(counts.skipped)} left out")
    if not parts:
        return "not configured" if stage.outcome is Outcome.SKIPPED else "nothing counted"
    return ", ".join(parts)


def _not_passed(outcomes: Iterable[Outcome]) -> list[str]:
    tally = Counter(outcomes)
    words = {Outcome.FAIL: "failed", Outcome.ERROR: "in error", Outcome.INCONCLUSIVE: "inconclusive"}
    return [f"{tally[o]} {word}" for o, word in words.items() if tally[o]]


def observed(result: CriterionResult) -> str:
    """The observed value; says so where there is none."""
    return "not measured" if result.observed is None else number(result.observed)


def interval(result: CriterionResult) -> str:
    """[0.90, 0.96]; a one-sided interval names its one end; empty without one."""
    if result.low is not None and result.high is not None:
        return f"[{_short(result.low)}, {_short(result.high)}]"
    if result.low is not None:
        return f"low {_short(result.low)}"
    return f"high {_short(result.high)}" if result.high is not None else ""


def _short(value: float) -> str:
    return number(value) if abs(value) >= 1000 or not math.isfinite(value) else f"{value:.3g}"


def bound(result: CriterionResult) -> str:
    """The bound as a number; empty where the criterion has none."""
    return "" if result.bound is None else number(result.bound)


def failed_criteria(verdict: Verdict) -> list[CriterionResult]:
    """Criteria that did not pass: FAIL, ERROR, INCONCLUSIVE; those that the environment lets through last."""
    bad = [r for r in verdict.results if r.outcome in _BAD]
    return sorted(bad, key=lambda r: (r.warned and r.outcome is not Outcome.FAIL, _BAD.index(r.outcome)))


def told_criteria(run: RunResult, verdict: Verdict) -> list[CriterionResult]:
    """The criteria that did not pass and are worth telling apart from the stages' errors: an ERROR only repeats
    those, where there are any."""
    told_elsewhere = bool(stage_errors(run))
    return [r for r in failed_criteria(verdict) if not (told_elsewhere and r.outcome is Outcome.ERROR)]


def other_notices(run: RunResult) -> list[str]:
    """What stages said that does not stand at the head of the report already."""
    return [f"{s.name}: {n}" for s in run.stages for n in s.notices if n not in run.notices]


def missing_stages(run: RunResult) -> tuple[str, ...]:
    """Stages that the run set out to measure and that left no result."""
    there = {s.name for s in run.stages}
    return tuple(name for name in run.scope.stages if name not in there)


def stage_errors(run: RunResult) -> list[tuple[str, StageError]]:
    """Why stages could not measure, in reading order. A stage in error without a reason, and one without any result,
    are errors too."""
    silent = StageError("the stage ended in error and gave no reason", hint="its log lies in the run's folder")
    errors: list[tuple[str, StageError]] = []
    for stage in run.stages:
        errors += [(stage.name, e) for e in stage.errors]
        if stage.outcome is Outcome.ERROR and not stage.errors:
            errors.append((stage.name, silent))
    gone = StageError("the stage was in scope and left no result", hint="run the check again; was it stopped?")
    return errors + [(name, gone) for name in missing_stages(run)]


def failed_cases(run: RunResult) -> list[CaseResult]:
    """Cases that did not pass: FAIL first, then ERROR and INCONCLUSIVE; within each the fewest passed runs first."""
    bad = [c for s in run.stages for c in s.cases if c.outcome in _BAD]
    return sorted(bad, key=lambda c: (_BAD.index(c.outcome), c.passed() / max(len(c.attempts), 1)))


def open_findings(run: RunResult, at_least: Severity) -> list[Finding]:
    """Findings that nobody waived, of that severity or above, worst first."""
    found = [f for s in run.stages for f in s.findings if f.waiver is None and f.severity.rank >= at_least.rank]
    return sorted(found, key=lambda f: -f.severity.rank)


def failed_checks(run: RunResult) -> list[tuple[str, Check]]:
    """Unit tests, templates and the like that did not pass, with their stage; not what is told as a stage's error."""
    bad = [
        (s.name, c)
        for s in run.stages
        for c in s.checks
        if c.outcome in _BAD and c.message not in {e.message for e in s.errors}
    ]
    return sorted(bad, key=lambda pair: _BAD.index(pair[1].outcome))


def first_reason(case: CaseResult) -> str:
    """Why the case did not pass: the first failed assertion; else the first error; of one that is open, how many of
    its runs were made. Never empty."""
    if case.outcome is Outcome.INCONCLUSIVE and len(case.attempts) < case.planned:
        return f"{len(case.attempts)} of {count(case.planned, 'run')} were made"
    wanted = (Outcome.ERROR, Outcome.FAIL) if case.outcome is Outcome.ERROR else (Outcome.FAIL, Outcome.ERROR)
    for outcome in wanted:
        for attempt in case.attempts:
            if attempt.outcome is outcome:
                return attempt_reason(attempt)
    return NO_REASON if case.attempts else "no attempt was recorded"


def attempt_reason(attempt: Attempt) -> str:
    """Why an attempt did not pass. Never empty."""
    if attempt.outcome is Outcome.ERROR and attempt.error.strip():
        return attempt.error
    bad = [s for s in attempt.scores if s.outcome in _BAD]
    first = min(bad, key=lambda s: s.outcome is not attempt.outcome, default=None)
    if first is not None:
        return score_reason(first)
    return attempt.error if attempt.error.strip() else NO_REASON


def score_reason(score: Score) -> str:
    """The assertion and why it came out so."""
    return f"{score.assertion}: {score.reason if score.reason.strip() else NO_REASON}"


def passed_of(case: CaseResult) -> str:
    """2/5 passed, 4 needed."""
    return f"{case.passed()}/{len(case.attempts)} passed, {case.needed} needed"
