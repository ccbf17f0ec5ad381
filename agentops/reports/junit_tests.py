"""What a run comes to as tests: one a case, check, severe finding and criterion. The XML is junit.py's business.

A case is one test however often it ran. Behaviour that missed its mark is a failure, trouble on the way an error;
what was let through or is out of scope is skipped, never passed. Every test's class and name occur once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from agentops.model.case import Attempt, CaseResult
from agentops.model.finding import Finding, Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Check, RunResult, StageError, StageResult
from agentops.model.verdict import CriterionResult, Verdict
from agentops.reports import summary
from agentops.text import cap, clean, inert, one_line, said

# Some readers refuse names above 512 characters; room stays for a number that makes the name unique.
_NAME = 480
_MESSAGE = 500
_ANSWER = 4_000
_TOLD_RUNS = 10
_DETAIL = 8_000
# GitLab reads 30 MB a file. Transcripts stop before that; results never do.
_TRANSCRIPTS = 10_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A result other than pass: the element's name, its type, one line, and the details. The line is never empty."""

    tag: str
    kind: str
    message: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """One testcase. `reruns` are flaky or further failed runs of the same case."""

    classname: str
    name: str
    time_s: float = 0.0
    mark: Mark | None = None
    reruns: tuple[Mark, ...] = ()
    out: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One testsuite."""

    name: str
    tests: tuple[Test, ...]


def groups(run: RunResult, verdict: Verdict) -> tuple[Group, ...]:
    """The gate first, then the stages in reading order. All texts are safe, all names unique."""
    found = [Group("agentops.gate", tuple(_gate(verdict)))]
    found += [Group(f"agentops.{_name(s.name)}", tuple(_stage(s, verdict))) for s in run.stages]
    for name in summary.missing_stages(run):
        lost = _mark("error", "NotMeasured", "the stage was in scope and left no result")
        found.append(Group(f"agentops.{_name(name)}", (Test(f"agentops.{_name(name)}", "stage", mark=lost),)))
    return tuple(_rationed(_unique(found)))


def _safe(text: str, limit: int) -> str:
    # Cut first: cleaning a text of megabytes is work for nothing.
    note = f" [... {len(text) - limit} more characters]" if len(text) > limit else ""
    return inert(clean(text[:limit])) + note


def _name(text: str) -> str:
    return one_line(text, _NAME) or "unnamed"


def _mark(tag: str, kind: str, message: str, text: str = "") -> Mark:
    return Mark(
        tag, one_line(kind, 100) or "Unnamed", said(message, _MESSAGE) or summary.NO_REASON, _safe(text, _DETAIL)
    )


def _seconds(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) and value > 0 else 0.0


def _gate(verdict: Verdict) -> Iterable[Test]:
    yield Test("agentops.gate", "verdict", mark=_verdict_mark(verdict))
    for result in verdict.results:
        yield Test("agentops.gate", _name(result.name), mark=_criterion_mark(result))
    judged = {r.name for r in verdict.results}
    for name in verdict.out_of_scope:
        if name not in judged:
            yield Test("agentops.gate", _name(name), mark=_mark("skipped", "OutOfScope", "out of scope of this run"))


def _verdict_mark(verdict: Verdict) -> Mark | None:
    """The verdict is a test of its own, so that a run that may not pass never reads as all green."""
    if verdict.outcome is Outcome.PASS:
        return None
    tag, kind = ("failure", "GateFailed") if verdict.outcome is Outcome.FAIL else ("error", "GateUndecided")
    return _mark(tag, kind, verdict.line or f"the verdict is {verdict.outcome.value}")


def _criterion_mark(result: CriterionResult) -> Mark | None:
    if result.outcome is Outcome.PASS:
        return None
    value = " ".join(part for part in (summary.observed(result), summary.interval(result)) if part)
    facts = [f"observed: {value}", f"bound: {summary.bound(result) or 'none'}"]
    facts += [f"coverage: {result.coverage}"] if result.coverage else []
    facts += [f"hint: {result.hint}"] if result.hint else []
    text = "\n".join(facts)
    if result.outcome is Outcome.FAIL:
        return _mark("failure", "CriterionFailed", result.reason, text)
    if result.outcome is Outcome.SKIPPED:
        return _mark("skipped", "OutOfScope", result.reason, text)
    kind = "Inconclusive" if result.outcome is Outcome.INCONCLUSIVE else "NotMeasured"
    if result.warned:
        reason = result.reason or summary.NO_REASON
        return _mark("skipped", kind, f"{result.outcome.value}, let through as a warning: {reason}", text)
    return _mark("error", kind, result.reason, text)


def _stage(stage: StageResult, verdict: Verdict) -> list[Test]:
    classname = f"agentops.{_name(stage.name)}"
    tests = [_case(f"{classname}.{_name(c.suite)}", c) for c in stage.cases]
    tests += [_check(classname, c) for c in stage.checks]
    # Where each thing has a check, that agrees with the gate, and what was found stands in its text.
    told = [f for f in stage.findings if f.waiver is not None or not stage.checks]
    severe = [f for f in told if f.severity.rank >= Severity.HIGH.rank]
    tests += [_finding(classname, f) for f in severe]
    reasons = list(stage.errors)
    if stage.outcome is Outcome.ERROR and not reasons:
        reasons = [StageError("the stage ended in error and gave no reason")]
    tests += [Test(classname, "stage", mark=_stage_mark(e, verdict)) for e in reasons]
    if reasons or severe or (tests and not stage.findings):
        return tests
    return [*tests, _scan(classname, stage)]


def _stage_mark(error: StageError, verdict: Verdict) -> Mark:
    text = f"hint: {error.hint}" if error.hint else ""
    # A verdict of PASS over an instrument that is missing means that the environment allows it by name.
    if error.unavailable and verdict.outcome is Outcome.PASS:
        message = f"not measured, let through as a warning: {error.message or summary.NO_REASON}"
        return _mark("skipped", "Unavailable", message, text)
    return _mark("error", "Unavailable" if error.unavailable else "NotMeasured", error.message, text)


def _scan(classname: str, stage: StageResult) -> Test:
    """What stands for a stage that has nothing severe to show one by one."""
    what = summary.measured(stage)
    if stage.outcome is Outcome.SKIPPED:
        return Test(classname, "scan", mark=_mark("skipped", "NotConfigured", what))
    mark = None if stage.outcome is Outcome.PASS else _mark("failure", "StageFailed", what)
    return Test(classname, "scan", _seconds(stage.duration_s), mark, out=_safe(what, _MESSAGE))


def _finding(classname: str, finding: Finding) -> Test:
    place = str(finding.location)
    name = _name(f"{finding.rule} {finding.location.path} {finding.fingerprint}")
    if finding.waiver is not None:
        return Test(classname, name, mark=_mark("skipped", "Waived", f"waived: {finding.waiver}", place))
    text = f"{place}\n{finding.message}" + (f"\nhint: {finding.hint}" if finding.hint else "")
    message = f"{finding.severity.value}: {finding.message or summary.NO_REASON} ({place})"
    return Test(classname, name, mark=_mark("failure", finding.rule, message, text))


def _check(classname: str, check: Check) -> Test:
    full = f"{classname}.{_name(check.group)}" if check.group else classname
    place = f"{check.location}\n" if check.location else ""
    tag = {Outcome.PASS: "", Outcome.FAIL: "failure", Outcome.SKIPPED: "skipped"}.get(check.outcome, "error")
    kinds = {"failure": "CheckFailed", "error": "NotMeasured", "skipped": "Skipped"}
    mark = _mark(tag, kinds[tag], check.message, place + check.detail) if tag else None
    out = "" if mark else _safe(check.message, _DETAIL)
    return Test(full, _name(check.name), _seconds(check.time_s), mark, out=out)


def _case(classname: str, case: CaseResult) -> Test:
    mark, reruns = _case_marks(case)
    return Test(
        classname,
        _name(case.case_id),
        sum(_seconds(a.latency_s) for a in case.attempts),
        mark,
        reruns,
        _transcript(case) if mark is not None and mark.tag != "skipped" else "",
    )


def _case_marks(case: CaseResult) -> tuple[Mark | None, tuple[Mark, ...]]:
    bad = [a for a in case.attempts if a.outcome in (Outcome.FAIL, Outcome.ERROR)]
    tally = f"{case.passed()}/{len(case.attempts)} runs passed, {case.needed} needed"
    message = f"{tally}: {summary.first_reason(case)}"
    if case.outcome is Outcome.SKIPPED:
        return _mark("skipped", "Skipped", "the case was not run"), ()
    if case.outcome is Outcome.PASS:
        if case.attempts and case.passed() >= case.needed:
            return None, tuple(_rerun("flaky", a) for a in bad)
        return _mark("error", "NotMeasured", f"{tally}: recorded as passed without enough passed runs"), ()
    if case.outcome is Outcome.FAIL:
        first = next((a for a in bad if a.outcome is Outcome.FAIL), None)
        mark = _mark("failure", "ConsistencyBelowThreshold", message, _why(first))
    else:
        first = next((a for a in bad if a.outcome is Outcome.ERROR), None)
        kind = "Inconclusive" if case.outcome is Outcome.INCONCLUSIVE else "NotMeasured"
        mark = _mark("error", kind, message, _why(first))
    return mark, tuple(_rerun("rerun", a) for a in bad if a is not first)


def _rerun(word: str, attempt: Attempt) -> Mark:
    tag, kind = ("Error", "NotMeasured") if attempt.outcome is Outcome.ERROR else ("Failure", "AssertionFailed")
    reason = f"run {attempt.run}: {summary.attempt_reason(attempt)}"
    return _mark(word + tag, kind, reason, _why(attempt))


def _why(attempt: Attempt | None) -> str:
    """All that an attempt missed, a line each."""
    if attempt is None:
        return summary.NO_REASON
    return f"run {attempt.run}\n" + ("\n".join(_missed(attempt)) or summary.NO_REASON)


def _missed(attempt: Attempt) -> list[str]:
    lines = [summary.score_reason(s) for s in attempt.scores if s.outcome is not Outcome.PASS]
    lines += [attempt.error] if attempt.error else []
    return lines + [f"tried before: {cause}" for cause in attempt.retries]


def _transcript(case: CaseResult) -> str:
    """What was asked and what was answered in the runs whose answers are kept; megabytes are cut."""
    parts = [f"input:\n{_safe(case.input, _ANSWER)}"]
    for attempt in [a for a in case.attempts if a.answers or a.error][:_TOLD_RUNS]:
        answer = "\n".join(_safe(a.text, _ANSWER) for a in attempt.answers) or "(no answer)"
        answer = "  " + answer.replace("\n", "\n  ")  # no line of it reads like one of ours
        calls = [call for a in attempt.answers for call in a.tool_calls or ()]
        lines = [f"run {attempt.run}: {attempt.outcome.value}", answer]
        lines += [f"tools: {', '.join(one_line(c.name, 100) for c in calls[:20])}"] if calls else []
        lines += [_safe(line, _MESSAGE) for line in _missed(attempt)[:20]]
        parts.append("\n".join(lines))
    rest = len(case.attempts) - len(parts) + 1
    parts += [f"{rest} more runs; journal.jsonl has what was said in each"] if rest else []
    return cap("\n\n".join(parts), 5 * _DETAIL)


def _unique(found: Iterable[Group]) -> Iterable[Group]:
    """GitLab keeps the first of two tests of the same class and name, so the second gets a number."""
    seen: set[tuple[str, str]] = set()
    last: Counter[tuple[str, str]] = Counter()
    for group in found:
        tests = []
        for test in group.tests:
            name, wanted = test.name, (test.classname, test.name)
            while (test.classname, name) in seen:
                last[wanted] += 1
                name = f"{test.name} ({last[wanted] + 1})"
            seen.add((test.classname, name))
            tests.append(replace(test, name=name))
        yield Group(group.name, tuple(tests))


def _rationed(found: Iterable[Group]) -> Iterable[Group]:
    """Transcripts up to the limit of the whole file; afterwards a word on where they are."""
    left = _TRANSCRIPTS
    for group in found:
        tests = []
        for test in group.tests:
            fits = len(test.out) <= left
            left -= len(test.out) if fits else 0
            tests.append(test if fits else replace(test, out="(left out to keep this file small; see run.json)"))
        yield Group(group.name, tuple(tests))
