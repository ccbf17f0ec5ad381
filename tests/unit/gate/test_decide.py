"""The verdict: what was not measured is never admitted, and every bound is an honest one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.gate import policy
from agentops.gate.decide import decide
from agentops.model.case import Answer, Attempt, CaseResult
from agentops.model.finding import Confidence, Finding, Location, Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, RunResult, Scope, StageError, StageResult, Subject
from agentops.model.verdict import Allowance, Criterion, Verdict, Where

P, F, E = Outcome.PASS, Outcome.FAIL, Outcome.ERROR
RATE = Criterion("pass_rate", at_least=0.85)


def case(name: str, *outcomes: Outcome, tags: tuple[str, ...] = (), latency_s: float = 0.1) -> CaseResult:
    attempts = tuple(
        Attempt(name, i, i, o, None if o is E else latency_s, () if o is E else (Answer("x"),))
        for i, o in enumerate(outcomes, 1)
    )
    return CaseResult(name, "s", tags, len(outcomes), len(outcomes), P, attempts)


def evals(*cases: CaseResult, errors: tuple[StageError, ...] = ()) -> StageResult:
    planned = sum(c.planned for c in cases)
    measured = sum(a.outcome in (P, F) for c in cases for a in c.attempts)
    outcome = E if errors else P
    return StageResult("evals", outcome, Counts(planned, measured, unit="attempts"), cases=cases, errors=errors)


def finding(severity: Severity, *, waiver: str | None = None) -> Finding:
    return Finding("R", severity, Confidence.HIGH, "m", Location("a.py", 1), "0" * 16, waiver=waiver)


def run(*stages: StageResult, scope: tuple[str, ...] = (), full: bool = True) -> RunResult:
    names = scope or tuple(s.name for s in stages)
    subject = Subject("n:t", "sha256:abc", commit="0" * 40)
    return RunResult("id", "agent", "t0", "t1", "ci", True, subject, Scope(names, full), stages)


def judge(result: RunResult, *criteria: Criterion, allow: Allowance | None = None) -> Verdict:
    return decide(result, policy.policy("ci", criteria, allow or Allowance()))


def many(passed: int, failed: int, errors: int = 0, **rest: object) -> StageResult:
    outcomes = [P] * passed + [F] * failed + [E] * errors
    return evals(*(case(f"c{i}", o, **rest) for i, o in enumerate(outcomes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("passed", "failed", "errors", "outcome"),
    [
        (19, 0, 0, P),  # 0.05^(1/19) = 0.854
        (18, 0, 0, Outcome.INCONCLUSIVE),
        (90, 10, 0, Outcome.INCONCLUSIVE),  # 0.90 observed, lower bound 0.836
        (185, 15, 0, P),
        (60, 40, 0, F),
        (19, 0, 1, Outcome.INCONCLUSIVE),  # a lost attempt counts against a pass
        (70, 20, 12, Outcome.INCONCLUSIVE),  # and against a failure
        (0, 0, 5, E),
    ],
)
def test_a_pass_rate_is_judged_by_its_interval(passed: int, failed: int, errors: int, outcome: Outcome) -> None:
    verdict = judge(run(many(passed, failed, errors)), RATE)
    assert verdict.results[-1].outcome is outcome
    assert verdict.outcome is outcome


def test_an_inconclusive_rate_says_what_would_settle_it() -> None:
    (result,) = judge(run(many(90, 10)), RATE).results
    assert "attempts would show it" in result.hint
    assert "bounds 0.836 to 0.945 hold 0.85 between them" in result.reason


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 10))
def test_losing_an_attempt_never_helps(passed: int, failed: int, lost: int) -> None:
    rank = [F, E, Outcome.INCONCLUSIVE, P]
    whole = judge(run(many(passed + lost, failed)), RATE).outcome
    holed = judge(run(many(passed, failed, lost)), RATE).outcome
    assert holed is not P or whole is P
    assert rank.index(holed) <= rank.index(whole) or holed is not P


def test_violations_are_counted_where_the_tag_is() -> None:
    safe = Criterion("violations", at_most=0, where=Where(tag="safety"))
    stage = evals(case("a", P, P, tags=("safety",)), case("b", F, F))
    verdict = judge(run(stage), safe)
    assert verdict.outcome is P
    assert "true rate is at most 0.776" in verdict.results[0].reason
    worse = evals(case("a", P, F, tags=("safety",)), case("b", P, P))
    assert judge(run(worse), safe).outcome is F
    unknown = evals(case("a", P, E, tags=("safety",)), case("b", P, P))
    assert judge(run(unknown), safe).outcome is Outcome.INCONCLUSIVE


def test_consistency_looks_at_blocks_of_k() -> None:
    steady = Criterion("consistency_pass_all_k", at_least=0.8, k=3)
    good = evals(*(case(f"c{i}", P, P, P) for i in range(80)))
    assert judge(run(good), steady).outcome is P
    flaky = evals(*(case(f"c{i}", P, P, F if i % 3 == 0 else P) for i in range(80)))
    result = judge(run(flaky), steady)
    assert result.outcome is F
    assert result.results[0].observed == pytest.approx(53 / 80)
    few = evals(*(case(f"c{i}", P, P, P) for i in range(5)))
    assert judge(run(few), steady).outcome is Outcome.INCONCLUSIVE


def test_latency_needs_its_samples_and_counts_lost_ones_as_endless() -> None:
    quick = Criterion("latency_p95_s", at_most=1.0)
    assert judge(run(many(59, 0)), quick).outcome is P
    few = judge(run(many(58, 0)), quick)
    assert few.outcome is Outcome.INCONCLUSIVE
    assert "59 timed attempts" in few.results[0].hint
    assert judge(run(many(59, 0, 1)), quick).outcome is Outcome.INCONCLUSIVE
    assert judge(run(many(59, 0, latency_s=1.5)), quick).outcome is F


def test_findings_by_severity_stage_and_waiver() -> None:
    code = StageResult("code", P, Counts(1, 1), (finding(Severity.MEDIUM), finding(Severity.HIGH, waiver="w")))
    high = Criterion("findings", at_most=0, severity=Severity.HIGH)
    assert judge(run(code), high).outcome is P
    assert judge(run(code), replace(high, severity=Severity.MEDIUM)).outcome is F
    elsewhere = replace(high, severity=Severity.LOW, where=Where(stage="prompts"))
    assert judge(run(code), elsewhere).out_of_scope == (elsewhere.name,)


def broken(name: str, *, unavailable: bool) -> StageResult:
    return StageResult(name, E, errors=(StageError("no advisory service in reach", "give one", unavailable),))


def test_a_stage_that_measured_nothing_is_an_error_however_good_the_rest() -> None:
    good = StageResult("code", P, Counts(3, 3))
    high = Criterion("findings", at_most=0, severity=Severity.HIGH)
    verdict = judge(run(good, broken("dependencies", unavailable=True)), high)
    assert verdict.outcome is E
    assert "no advisory service" in verdict.line


def test_a_policy_may_allow_what_is_missing_here_by_name_and_the_line_names_it() -> None:
    good = StageResult("code", P, Counts(3, 3))
    high = Criterion("findings", at_most=0, severity=Severity.HIGH)
    missing = run(good, broken("dependencies", unavailable=True))
    for allow in (Allowance(unmeasured=("dependencies",)), Allowance(unmeasured_any=True)):
        verdict = judge(missing, high, allow=allow)
        assert verdict.outcome is P
        assert "known vulnerabilities not measured" in verdict.line
        assert verdict.not_recordable
    assert judge(missing, high, allow=Allowance(unmeasured=("code",))).outcome is E


def test_what_was_there_and_broke_can_not_be_allowed() -> None:
    good = StageResult("code", P, Counts(3, 3))
    verdict = judge(run(good, broken("dependencies", unavailable=False)), allow=Allowance(unmeasured_any=True))
    assert verdict.outcome is E


def test_nothing_but_warnings_is_no_pass() -> None:
    verdict = judge(run(broken("dependencies", unavailable=True)), allow=Allowance(unmeasured_any=True))
    assert verdict.outcome is E


def test_a_stage_in_scope_that_left_no_result_is_an_error() -> None:
    assert judge(run(many(100, 0), scope=("evals", "code")), RATE).outcome is E


def test_a_run_without_any_criterion_is_no_pass() -> None:
    assert judge(run(many(100, 0))).outcome is E


@pytest.mark.parametrize(("word", "outcome"), [("block", Outcome.INCONCLUSIVE), ("warn", E), ("fail", F)])
def test_what_an_environment_does_with_inconclusive(word: str, outcome: Outcome) -> None:
    assert judge(run(many(90, 10)), RATE, allow=Allowance(inconclusive=word)).outcome is outcome


def test_an_inconclusive_criterion_may_warn_beside_one_that_holds() -> None:
    no_violations = Criterion("violations", at_most=10)
    verdict = judge(run(many(90, 10)), RATE, no_violations, allow=Allowance(inconclusive="warn"))
    assert verdict.outcome is P
    assert "pass_rate >= 0.85 is inconclusive" in verdict.line


def test_a_record_needs_a_full_pass_in_a_container() -> None:
    good = run(many(100, 0))
    assert judge(good, RATE).not_recordable == ()
    assert judge(replace(good, containerised=False), RATE).not_recordable
    assert judge(replace(good, scope=Scope(("evals",), False)), RATE).not_recordable
    assert judge(replace(good, subject=Subject()), RATE).not_recordable
    assert judge(replace(good, subject=replace(good.subject, dirty=True)), RATE).not_recordable
    assert judge(replace(good, subject=replace(good.subject, commit=None)), RATE).not_recordable


def test_a_metric_without_a_criterion_is_listed() -> None:
    stage = replace(many(100, 0), values={"pass_rate": 1.0, "latency_p95_s": 0.1})
    assert judge(run(stage), RATE).not_gated == ("latency_p95_s 0.1",)
