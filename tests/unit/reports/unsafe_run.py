"""A run and a verdict that say the same text in every field, and the texts to say."""

from __future__ import annotations

from hypothesis import strategies as st
from rich_run import HOSTILE

from agentops.model.case import Answer, Attempt, CaseResult, Score, ToolCall
from agentops.model.finding import Confidence, Finding, Location, Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Check, Counts, RunResult, Scope, StageError, StageResult, Subject
from agentops.model.verdict import CriterionResult, Verdict

_PIECES = [
    *("\x00", "\x1b[31m", "\x1b]0;x\x07", "\x9b2J", "]]>", "\ud800", "\ufffe", "\x85", "\u2028", "\u202e", "\r", "\n"),
    *("::error::", "##vso[a]", "##[group]", "[[ATTACHMENT|/x]]", "|", "`", "<b>", "&amp;", "日本", "🚀", "é", "\u0301"),
    *("https://x.example", "www.x.example", "@all", " ", "\t", "word", "-" * 90, "語" * 60),
]
texts = st.one_of(
    st.text(st.characters(codec=None, categories=None), max_size=60),
    st.lists(st.sampled_from(_PIECES), max_size=8).map("".join),
    st.sampled_from(["", " ", "\n", HOSTILE]),
)


def run_saying(value: str) -> RunResult:
    """One stage a kind of content, each of its texts the value."""
    place = Location(value, 1)
    bad = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE)
    attempts = tuple(
        Attempt(value, i, i, outcome, 0.1, (Answer(value, (ToolCall(value, {value: value}),), None, value),), value,
                (value,), (Score(value, outcome, value),))
        for i, outcome in enumerate((Outcome.PASS, *bad), 1)
    )  # fmt: skip
    cases = tuple(
        CaseResult(value, value, (value,), 4, 1, outcome, attempts, value, place) for outcome in (Outcome.PASS, *bad)
    )
    findings = tuple(Finding(value, s, Confidence.LOW, value, place, value, value) for s in Severity)
    waived = Finding(value, Severity.HIGH, Confidence.LOW, value, place, value, value, waiver=value)
    checks = tuple(Check(value, outcome, value, value, 0.1, value, place) for outcome in Outcome)
    counts = Counts(2, 1, 1, value, (value,))
    stages = (
        StageResult(value, Outcome.PASS, counts, findings=(*findings, waived), notices=(value,)),
        StageResult(value, Outcome.ERROR, counts, errors=(StageError(value, value), StageError("", "", True))),
        StageResult(value, Outcome.PASS, counts, cases=cases, checks=checks),
        StageResult(value, Outcome.ERROR),
        StageResult(value, Outcome.SKIPPED),
    )
    subject = Subject(value, value, value, value, True, {value: value})
    scope = Scope((value, value + "x"), False)
    return RunResult(value, value, value, value, value, False, subject, scope, stages, (value,), (value,), value)


def verdict_saying(value: str, outcome: Outcome = Outcome.FAIL) -> Verdict:
    """Every outcome as a criterion, each of its texts the value."""
    results = tuple(
        CriterionResult(value, value, o, value, 0.5, 0.4, 0.6, 0.5, value, warned, value)
        for o in Outcome
        for warned in (False, True)
    )
    some = (value, value)
    return Verdict(value, outcome, value, results, value, some, some, some, some, some, value)
