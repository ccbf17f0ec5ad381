"""Where a verdict could turn lenient by one wrong word: what may be excused, and what may be recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentops.gate import policy
from agentops.gate.decide import decide
from agentops.model.case import Answer, Attempt, CaseResult
from agentops.model.finding import Confidence, Finding, Location, Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, RunResult, Scope, StageError, StageResult, Subject
from agentops.model.verdict import Allowance, Criterion, Verdict

P, F, E, UNSURE = Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE
LENIENT = Allowance(unmeasured_any=True)
NO_FINDINGS = Criterion("findings", at_most=0, severity=Severity.HIGH)
RATE = Criterion("pass_rate", at_least=0.85)
ABSENT = StageError("no advisory service in reach", unavailable=True)
BROKEN = StageError("requirements.txt: line 3 cannot be read")
GOOD_CODE = StageResult("code", P, Counts(3, 3, unit="files"))


def case(name: str, *outcomes: Outcome) -> CaseResult:
    attempts = tuple(
        Attempt(name, i, i, o, None if o is E else 0.1, () if o is E else (Answer("x"),))
        for i, o in enumerate(outcomes, 1)
    )
    return CaseResult(name, "s", (), len(outcomes), len(outcomes), P, attempts)


def evals(*cases: CaseResult) -> StageResult:
    planned = sum(c.planned for c in cases)
    measured = sum(a.outcome in (P, F) for c in cases for a in c.attempts)
    return StageResult("evals", P, Counts(planned, measured, unit="attempts"), cases=cases, containerised=True)


def run(*stages: StageResult) -> RunResult:
    subject = Subject("n:t", "sha256:abc", commit="c" * 40)
    scope = Scope(tuple(s.name for s in stages), full=True)
    return RunResult("id", "agent", "t0", "t1", "ci", True, subject, scope, stages)


def judge(result: RunResult, *criteria: Criterion, allow: Allowance = LENIENT) -> Verdict:
    return decide(result, policy.policy("ci", criteria, allow))


def high_finding() -> Finding:
    return Finding("CVE-1", Severity.HIGH, Confidence.HIGH, "m", Location("requirements.txt", 1), "0" * 16)


@pytest.mark.parametrize("errors", [(ABSENT, BROKEN), (BROKEN, ABSENT)])
@pytest.mark.parametrize("allow", [LENIENT, Allowance(unmeasured=("dependencies",))])
def test_one_broken_error_among_unavailable_ones_is_never_let_through(
    errors: tuple[StageError, ...], allow: Allowance
) -> None:
    stage = StageResult("dependencies", E, Counts(4, 0), errors=errors)
    verdict = judge(run(GOOD_CODE, stage), NO_FINDINGS, allow=allow)
    assert verdict.outcome is E
    assert verdict.warnings == ()
    assert not any(r.warned for r in verdict.results)


def test_several_unavailable_instruments_are_let_through_together() -> None:
    stage = StageResult("dependencies", E, Counts(4, 0), errors=(ABSENT, ABSENT))
    verdict = judge(run(GOOD_CODE, stage), NO_FINDINGS)
    assert verdict.outcome is P
    assert len(verdict.warnings) == 1
    assert ABSENT.message in verdict.warnings[0]


def test_a_stage_that_passed_with_an_error_did_not_measure() -> None:
    good = run(GOOD_CODE)
    assert judge(good, NO_FINDINGS).outcome is P
    verdict = judge(run(replace(GOOD_CODE, errors=(BROKEN,))), NO_FINDINGS)
    assert verdict.outcome is E
    assert verdict.results[0].name == "code measured"
    assert BROKEN.message in verdict.line


@pytest.mark.parametrize(
    "stages",
    [
        (StageResult("dependencies", E, Counts(4, 0), errors=(ABSENT,)),),
        (
            StageResult("code", E, Counts(4, 0), errors=(ABSENT,)),
            StageResult("dependencies", E, Counts(4, 0), errors=(ABSENT,)),
        ),
    ],
)
def test_nothing_but_warnings_is_an_error_with_a_line_of_its_own(stages: tuple[StageResult, ...]) -> None:
    verdict = judge(run(*stages), NO_FINDINGS)
    assert all(r.warned for r in verdict.results), "the premise"
    assert verdict.outcome is E
    assert "nothing was measured" in verdict.line
    assert len(verdict.warnings) == len(stages)


def test_inconclusive_warnings_alone_are_an_error_too() -> None:
    few = evals(*(case(f"c{i}", P) for i in range(5)))
    verdict = judge(run(few), RATE, allow=Allowance(inconclusive="warn"))
    assert [r.warned for r in verdict.results] == [True], "the premise"
    assert verdict.outcome is E


def test_what_an_excused_stage_did_measure_is_judged() -> None:
    stage = StageResult("dependencies", E, Counts(4, 3), findings=(high_finding(),), errors=(ABSENT,))
    verdict = judge(run(GOOD_CODE, stage), NO_FINDINGS)
    assert verdict.outcome is F
    assert verdict.results[0].warned, "the stage itself is excused"
    alone = judge(run(stage), NO_FINDINGS)
    assert alone.outcome is F
    assert not alone.results[-1].warned
    harmless = judge(run(replace(stage, findings=())), NO_FINDINGS)
    assert harmless.outcome is P
    assert harmless.results[-1].outcome is P
    assert not harmless.results[-1].warned


def test_a_finding_of_an_excused_stage_is_judged_whatever_its_counts_say() -> None:
    stage = StageResult("dependencies", E, Counts(4, 0), findings=(high_finding(),), errors=(ABSENT,))
    assert judge(run(stage), NO_FINDINGS).results[-1].warned is False
    assert judge(run(GOOD_CODE, stage), NO_FINDINGS).results[-1].warned is False
    for verdict in (judge(run(stage), NO_FINDINGS), judge(run(GOOD_CODE, stage), NO_FINDINGS)):
        assert verdict.results[-1].outcome is F, "what was found counts, also where the stage did not get to its end"
        assert verdict.outcome is F


def test_a_criterion_is_excused_only_where_all_that_measures_it_is() -> None:
    absent = StageResult("dependencies", E, Counts(4, 0), errors=(ABSENT,))
    empty = StageResult("code", E, Counts(3, 0), errors=(BROKEN,))
    verdict = judge(run(empty, absent), NO_FINDINGS)
    assert verdict.outcome is E
    assert not verdict.results[-1].warned


def test_a_run_that_does_not_know_whether_it_was_contained_is_not_recordable() -> None:
    good = run(evals(*(case(f"c{i}", P) for i in range(100))))
    assert judge(good, RATE).not_recordable == (), "the premise"
    for contained in (None, False):
        (reason,) = judge(replace(good, containerised=contained), RATE).not_recordable
        assert "container" in reason


def test_consistency_takes_a_lost_run_for_failed_towards_a_pass_and_for_passed_towards_a_failure() -> None:
    steady = Criterion("consistency_pass_all_k", at_least=0.8, k=3)
    whole = [case(f"w{i}", P, P, P) for i in range(20)]
    (full,) = judge(run(evals(*whole)), steady).results
    assert full.outcome is P
    (holed,) = judge(run(evals(*whole, *(case(f"h{i}", P, P, E) for i in range(20)))), steady).results
    assert holed.outcome is UNSURE
    assert holed.low is not None
    assert holed.low < 0.5, "20 of 40 blocks are known to have passed"
    assert holed.high == 1.0, "none is known to have failed"


def test_consistency_counts_a_run_that_was_never_asked_like_a_lost_one() -> None:
    steady = Criterion("consistency_pass_all_k", at_least=0.8, k=3)
    whole = [case(f"w{i}", P, P, P) for i in range(20)]
    cut = [replace(c, attempts=c.attempts[:2]) for c in (case(f"h{i}", P, P, P) for i in range(20))]
    (result,) = judge(run(evals(*whole, *cut)), steady).results
    assert result.outcome is UNSURE
    assert result.low is not None
    assert result.low < 0.5
