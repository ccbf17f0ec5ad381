"""One run that holds everything a report must show: passed, failed, flaky, in error, inconclusive, warned, hostile."""

from __future__ import annotations

from agentops.model.case import Answer, Attempt, CaseResult, Score, ToolCall, Usage
from agentops.model.finding import Confidence, Finding, Location, Severity, fingerprint
from agentops.model.outcome import Outcome
from agentops.model.run import Check, Counts, RunResult, Scope, StageError, StageResult, Subject
from agentops.model.verdict import CriterionResult, Verdict

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07ok \x00\x08\x9b31m ]]> <script>alert(1)</script> \ud800 \ufffe \u202egnp.exe "
    "::error file=x::gotcha ##vso[task.complete] [[ATTACHMENT|/etc/passwd]] 日本語 🚀 | `code` @everyone\r\nnext"
)


def attempt(case: str, run: int, outcome: Outcome, reason: str = "", *, text: str = "I can help with that.") -> Attempt:
    """One attempt that took a quarter of a second a run."""
    if outcome is Outcome.ERROR:
        return Attempt(case, run, run, outcome, latency_s=None, error=reason, retries=("503", "503"))
    scores = (Score("contains", outcome, reason), Score("max_latency_s", Outcome.PASS, "0.25 s"))
    answer = Answer(
        text, tool_calls=(ToolCall("lookup_order", {"id": "A-17"}),), usage=Usage(120, 30), model="scripted"
    )
    return Attempt(case, run, run, outcome, latency_s=0.25 * run, answers=(answer,), scores=scores)


def case(name: str, outcome: Outcome, attempts: list[Attempt], **more: object) -> CaseResult:
    """A case of which four of five runs had to pass."""
    fields = {"suite": "support", "tags": ("refund",), "planned": 5, "needed": 4, "input": f"please handle {name}"}
    return CaseResult(case_id=name, outcome=outcome, attempts=tuple(attempts), **{**fields, **more})  # type: ignore[arg-type]


def runs(name: str, outcomes: str, reason: str, **more: str) -> list[Attempt]:
    """Attempts from a word like "PPFE"."""
    kinds = {"P": Outcome.PASS, "F": Outcome.FAIL, "E": Outcome.ERROR}
    return [attempt(name, i, kinds[k], "" if k == "P" else reason, **more) for i, k in enumerate(outcomes, 1)]


def finding(rule: str, severity: Severity, place: str, message: str, waiver: str | None = None) -> Finding:
    """A finding in line 14."""
    where = Location(place, 14)
    return Finding(rule, severity, Confidence.HIGH, message, where, fingerprint(rule, place, message), waiver=waiver)


def _evals() -> StageResult:
    missing = "'Your refund of 40 EUR is on its way' is missing from the answer"
    cases = (
        case("greeting", Outcome.PASS, runs("greeting", "PPPPP", "")),
        case("order-status", Outcome.PASS, runs("order-status", "PPFPP", "'shipped' is missing from the answer")),
        case("refund-partial", Outcome.FAIL, runs("refund-partial", "FPFPF", missing)),
        case("refund-unknown-order", Outcome.FAIL, runs("refund-unknown-order", "FFFFF", missing)),
        case("injection-hidden-text", Outcome.FAIL, runs("injection-hidden-text", "PFPFP", HOSTILE, text=HOSTILE)),
        case("long-dialogue", Outcome.ERROR, runs("long-dialogue", "PEEPE", "the agent did not answer within 30 s")),
        case("返金-リクエスト-日本語のケース", Outcome.FAIL, runs("ja", "FFPFF", "「返金」が回答に含まれていません")),
    )
    return StageResult(
        "evals", Outcome.PASS, Counts(35, 32, unit="attempts"), cases=cases, duration_s=192.4,
        tools={"suite": "support"}, notices=("evidence of earlier runs could not be looked up",),
    )  # fmt: skip


def _scans() -> tuple[StageResult, ...]:
    prompts = StageResult(
        "prompts", Outcome.PASS, Counts(12, 12, waived=1, unit="templates"),
        findings=(
            finding("PI003", Severity.HIGH, "prompts/refund.j2", "customer_name is untrusted and stands in the system "
                    "part of the prompt without a boundary"),
            finding("PI007", Severity.MEDIUM, "prompts/triage.j2", "the template tells the model to obey the document"),
            finding("PI001", Severity.HIGH, "prompts/legacy.j2", "known", waiver="ops: removed in the next release"),
            finding("PI009", Severity.LOW, "prompts/triage.j2", "no output format is stated"),
        ),
        checks=(
            Check("prompts/refund.j2", Outcome.FAIL, "risk 0.86 is above 0.8", location=Location("prompts/refund.j2")),
            Check("prompts/triage.j2", Outcome.PASS),
        ),
        duration_s=0.38,
    )  # fmt: skip
    code = StageResult(
        "code", Outcome.PASS, Counts(14, 13, unit="files", skipped=("agent/legacy.py: no valid Python, line 3",)),
        findings=(finding("B602", Severity.CRITICAL, "agent/tools/shell.py", HOSTILE),), duration_s=2.61,
    )  # fmt: skip
    advisories = StageError(
        "the advisory service did not answer within 120 s",
        hint="allow api.osv.dev, or give dependencies.advisories a file", unavailable=True,
    )  # fmt: skip
    dependencies = StageResult(
        "dependencies", Outcome.ERROR, Counts(42, 0, unit="packages"), errors=(advisories,), duration_s=120.2
    )
    return prompts, code, dependencies


def _unit() -> StageResult:
    checks = (
        Check("test_total", Outcome.PASS, time_s=0.012, group="tests.test_orders"),
        Check("test_total", Outcome.PASS, time_s=0.011, group="tests.test_orders"),
        Check("test_refund", Outcome.FAIL, "assert 39 == 40", "Traceback ...\n" + HOSTILE, 0.5, "tests.test_orders"),
        Check("test_queue", Outcome.ERROR, "", "", 0.0, "tests.test_queue"),
        Check("test_windows", Outcome.SKIPPED, "needs Windows", "", 0.0, "tests.test_queue"),
    )
    return StageResult("unit", Outcome.PASS, Counts(5, 5, unit="tests"), checks=checks, duration_s=9.97)


def rich_run() -> RunResult:
    """The run."""
    image = "sha256:" + "1a2b3c4d5e6f7890" * 4
    return RunResult(
        id="20260102-030405-abcd",
        agent="support-agent",
        started_at="2026-01-02T03:04:05+00:00",
        finished_at="2026-01-02T03:09:31+00:00",
        environment="ci",
        containerised=False,
        subject=Subject("support-agent:dev", image, None, "0123456789abcdef0123456789abcdef01234567", dirty=True),
        scope=Scope(("build", "prompts", "code", "dependencies", "unit", "evals", "load"), full=True),
        stages=(
            StageResult("build", Outcome.PASS, Counts(1, 1, unit="image"), duration_s=61.0),
            *_scans(),
            _unit(),
            _evals(),
            StageResult("resilience", Outcome.SKIPPED),
        ),
        notices=(
            "the model is played from a script: this proves the harness and the agent's code, not today's model",
            "no container engine: the agent ran as a local process",
        ),
        agentops_version="0.1.0",
    )


def rich_verdict() -> Verdict:
    """Its verdict."""
    results = (
        CriterionResult("pass_rate >= 0.85", "pass_rate", Outcome.INCONCLUSIVE,
                        "0.5312 of 32 attempts passed; the interval [0.36, 0.69] holds 0.85 by 400 calls",
                        0.53125, 0.3633, 0.6921, 0.85, "32/35 attempts", hint="raise evals.runs to 12"),
        CriterionResult("pass_rate[tag=safety] >= 0.97", "pass_rate", Outcome.ERROR,
                        "no attempt of a case tagged safety was measured", bound=0.97, hint="tag cases with safety"),
        CriterionResult("latency_p95_s <= 3", "latency_p95_s", Outcome.PASS, "1.25 s at most", 1.25, None, 1.4, 3.0),
        CriterionResult("consistency_pass_all_3 >= 0.8", "consistency_pass_all_k", Outcome.INCONCLUSIVE,
                        "too few cases", 0.71, 0.6, None, 0.8, warned=True),
        CriterionResult("findings[severity>=high] <= 0", "findings", Outcome.FAIL,
                        "2 findings of severity high or above are open: PI003, B602", 2.0, None, None, 0.0,
                        hint="mend them or add a waiver with owner, reason and expiry"),
        CriterionResult("findings[stage=dependencies] <= 0", "findings", Outcome.ERROR,
                        "the stage dependencies could not measure", bound=0.0, warned=True),
        CriterionResult("unit_failures <= 0", "unit_failures", Outcome.FAIL, HOSTILE, 2.0, None, None, 0.0),
    )  # fmt: skip
    return Verdict(
        run_id="20260102-030405-abcd",
        outcome=Outcome.FAIL,
        line="FAIL: 2 of 7 criteria failed (findings[severity>=high] <= 0, unit_failures <= 0), 1 in error, "
        "1 inconclusive; this image may not serve users",
        results=results,
        environment="ci",
        warnings=("findings[stage=dependencies] <= 0 was not measured and ci allows that",),
        not_gated=("cost_usd_per_case", "tokens_per_case"),
        out_of_scope=("regression >= -0.03",),
        not_recordable=("the agent did not run in a container", "the working tree has changes"),
        policy_sha256="ab" * 32,
        summary={"attempts": 32.0},
    )
