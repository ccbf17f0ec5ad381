"""JUnit XML: right for its readers, the same counts wherever it is read, whole whatever the texts are."""

from __future__ import annotations

import os
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import junitparser
import pytest
from hypothesis import given, settings
from junitparser import xunit2
from lxml import etree
from rich_run import HOSTILE, case, finding, rich_run, rich_verdict, runs
from unsafe_run import run_saying, texts, verdict_saying

from agentops.errors import ReportError
from agentops.model.finding import Severity
from agentops.model.outcome import Outcome
from agentops.model.run import Check, Counts, RunResult, StageError, StageResult
from agentops.model.verdict import CriterionResult, Verdict
from agentops.reports import junit
from agentops.reports.junit import render

PASSED = Verdict("r", Outcome.PASS, "PASS", (), "ci")


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("junit.xml", render(rich_run(), rich_verdict()))


def test_it_satisfies_the_jenkins_schema() -> None:
    schema = _schema()
    for run, verdict in _runs_to_try():
        document = etree.fromstring(render(run, verdict).encode())
        assert schema.validate(document), schema.error_log


def test_another_reader_counts_the_same(tmp_path: Path) -> None:
    for run, verdict in _runs_to_try():
        text = render(run, verdict)
        path = tmp_path / "junit.xml"
        path.write_text(text, encoding="utf-8")
        read = junitparser.JUnitXml.fromfile(str(path))
        told = Counter({k: int(ET.fromstring(text).get(k, "")) for k in ("tests", "failures", "errors")})
        cases = [c for suite in read for c in suite]
        kinds = Counter(type(r).__name__ for c in cases for r in c.result)
        assert told == Counter(tests=len(cases), failures=kinds["Failure"], errors=kinds["Error"])
        assert all(len(c.result) <= 1 for c in cases), "skipped beside a failure counts as skipped"
        assert sum(s.skipped for s in read) == kinds["Skipped"]


def test_flaky_and_further_failed_runs_are_read_as_such() -> None:
    suite = _suite(case("a", Outcome.PASS, runs("a", "PPFPP", "r1")), case("b", Outcome.FAIL, runs("b", "FFFPE", "r2")))
    (evals,) = [s for s in xunit2.JUnitXml.fromstring(suite.encode()) if s.name == "agentops.evals"]
    flaky, failed = evals
    assert flaky.is_passed
    assert [type(r).__name__ for r in flaky.interim_result] == ["FlakyFailure"]
    assert [r.stack_trace for r in flaky.interim_result] == ["run 3\ncontains: r1"]
    assert not failed.is_passed
    assert [type(r).__name__ for r in failed.interim_result] == ["RerunFailure", "RerunFailure", "RerunError"]


def test_a_case_is_one_test_and_its_message_counts_the_runs() -> None:
    test = _one(_suite(case("refund", Outcome.FAIL, runs("refund", "PFFPF", "'shipped' is missing"))), "refund")
    assert test.get("classname") == "agentops.evals.support"
    failure = _only(test, "failure")
    assert failure.get("type") == "ConsistencyBelowThreshold"
    assert failure.get("message") == "2/5 runs passed, 4 needed: contains: 'shipped' is missing"
    assert [e.tag for e in test] == ["failure", "rerunFailure", "rerunFailure", "system-out"]
    assert "please handle refund" in _text(test, "system-out")
    assert "I can help with that." in _text(test, "system-out")


def test_trouble_on_the_way_is_an_error_and_never_a_failure() -> None:
    test = _one(_suite(case("slow", Outcome.ERROR, runs("slow", "PEE", "no answer within 30 s"))), "slow")
    assert [e.tag for e in test] == ["error", "rerunError", "system-out"]
    assert "no answer within 30 s" in _only(test, "error").get("message", "")


def test_a_passed_case_shows_no_transcript() -> None:
    assert not list(_one(_suite(case("fine", Outcome.PASS, runs("fine", "PPPPP", ""))), "fine"))


@pytest.mark.parametrize("word", ["", "PFF"])
def test_a_pass_without_enough_passed_runs_is_an_error(word: str) -> None:
    test = _one(_suite(case("odd", Outcome.PASS, runs("odd", word, "x"))), "odd")
    assert "without enough passed runs" in _only(test, "error").get("message", "")


@pytest.mark.parametrize(
    ("outcome", "warned", "tag"),
    [
        (Outcome.PASS, False, None),
        (Outcome.FAIL, False, "failure"),
        (Outcome.FAIL, True, "failure"),
        (Outcome.ERROR, False, "error"),
        (Outcome.ERROR, True, "skipped"),
        (Outcome.INCONCLUSIVE, False, "error"),
        (Outcome.INCONCLUSIVE, True, "skipped"),
        (Outcome.SKIPPED, False, "skipped"),
    ],
)
def test_a_criterion_is_a_test(outcome: Outcome, warned: bool, tag: str | None) -> None:
    result = CriterionResult("cost <= 1", "cost", outcome, "because", warned=warned)
    text = render(_run(), replace(PASSED, results=(result,)))
    test = _one(text, "cost <= 1")
    assert test.get("classname") == "agentops.gate"
    assert [e.tag for e in test] == ([tag] if tag else [])
    assert all("because" in e.get("message", "") for e in test)


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE])
def test_a_run_that_may_not_pass_is_never_all_green(outcome: Outcome) -> None:
    root = ET.fromstring(render(_run(), replace(PASSED, outcome=outcome, line="", results=())))
    assert int(root.get("failures", "")) + int(root.get("errors", "")) == 1


def test_severe_findings_are_tests_and_milder_ones_are_counted() -> None:
    findings = (
        finding("A1", Severity.CRITICAL, "a.py", "bad"),
        finding("A2", Severity.HIGH, "a.py", "known", waiver="ops"),
        finding("A3", Severity.MEDIUM, "a.py", "so so"),
    )
    stage = StageResult("code", Outcome.PASS, Counts(3, 3, unit="files"), findings=findings)
    tests = _tests(render(_run(stage), PASSED), "agentops.code")
    assert [[e.tag for e in t] for t in tests] == [["failure"], ["skipped"]]
    mild = replace(stage, findings=findings[2:])
    (scan,) = _tests(render(_run(mild), PASSED), "agentops.code")
    assert scan.get("name") == "scan"
    assert [(e.tag, e.text) for e in scan] == [("system-out", "3/3 files, 1 medium")]


def test_where_each_thing_has_a_check_a_finding_is_no_failure_beside_it() -> None:
    findings = (
        finding("A1", Severity.CRITICAL, "a.txt", "bad"),
        finding("A2", Severity.HIGH, "a.txt", "known", waiver="ops"),
    )
    checks = (
        Check("a.txt", Outcome.PASS, message="risk 0.10\ncritical: A1"),
        Check("b.txt", Outcome.FAIL, message="x"),
    )
    stage = StageResult("prompts", Outcome.PASS, Counts(2, 2, unit="templates"), findings=findings, checks=checks)
    tests = _tests(render(_run(stage), PASSED), "agentops.prompts")
    assert [(t.get("name"), [e.tag for e in t]) for t in tests][:2] == [
        ("a.txt", ["system-out"]),
        ("b.txt", ["failure"]),
    ]
    assert _text(tests[0], "system-out") == "risk 0.10\ncritical: A1"
    assert [[e.tag for e in t] for t in tests[2:]] == [["skipped"]], "what was waived stays as it was"


def test_stages_that_did_not_measure_are_errors() -> None:
    named = StageResult("image", Outcome.ERROR, errors=(StageError("no engine", "start it"),))
    silent = StageResult("code", Outcome.ERROR)
    run = _run(named, silent)
    run = replace(run, scope=replace(run.scope, stages=("image", "code", "evals")))
    text = render(run, replace(PASSED, outcome=Outcome.ERROR))
    for stage in ("image", "code", "evals"):
        (test,) = _tests(text, f"agentops.{stage}")
        assert _only(test, "error").get("message")


def test_a_missing_instrument_that_the_environment_allows_is_skipped() -> None:
    stage = StageResult("image", Outcome.ERROR, errors=(StageError("no engine", unavailable=True),))
    (allowed,) = _tests(render(_run(stage), PASSED), "agentops.image")
    assert "let through as a warning: no engine" in _only(allowed, "skipped").get("message", "")
    (blocked,) = _tests(render(_run(stage), replace(PASSED, outcome=Outcome.ERROR)), "agentops.image")
    _only(blocked, "error")
    broken = replace(stage, errors=(StageError("it crashed"),))
    (crashed,) = _tests(render(_run(broken), PASSED), "agentops.image")
    _only(crashed, "error")


def test_the_agents_own_tests_are_merged_in() -> None:
    checks = (
        Check("test_a", Outcome.PASS, time_s=1.23456, group="tests.test_x"),
        Check("test_b", Outcome.FAIL, "", "trace", group="tests.test_x"),
        Check("test_c", Outcome.SKIPPED, "later", group=""),
    )
    text = render(_run(StageResult("unit", Outcome.PASS, checks=checks)), PASSED)
    first, second = _tests(text, "agentops.unit.tests.test_x")
    assert first.get("time") == "1.235"
    assert _only(second, "failure").get("message"), "a failure without a message is lost by some readers"
    (third,) = _tests(text, "agentops.unit")
    assert _only(third, "skipped").get("message") == "later"


def test_no_two_tests_share_class_and_name() -> None:
    checks = tuple(Check(name, Outcome.PASS) for name in ("t", "t", "t (2)", "t", "\x00t", "\x01t", "", " "))
    text = render(_run(StageResult("unit", Outcome.PASS, checks=checks)), PASSED)
    names = [(t.get("classname"), t.get("name")) for t in ET.fromstring(text).iter("testcase")]
    assert len(names) == len(set(names)) == 9


def test_every_suite_tells_what_was_measured() -> None:
    for suite in ET.fromstring(render(rich_run(), rich_verdict())).iter("testsuite"):
        said = {p.get("name"): p.get("value") for p in suite.iter("property")}
        assert said["agentops.containerised"] == "no"
        assert said["agentops.verdict"] == "fail"
        assert said["agentops.image_id"] == rich_run().subject.image_id
        assert said["agentops.environment"] == "ci"
        assert "script" in str(said["agentops.notice.1"])


def test_answers_of_megabytes_are_cut_and_the_file_stays_below_the_limits() -> None:
    cases = [case(f"c{i}", Outcome.FAIL, runs(f"c{i}", "FFFFF", "x", text="語" * 1_000_000)) for i in range(40)]
    started = time.monotonic()
    text = _suite(*cases)
    assert time.monotonic() - started < 10
    assert len(text.encode()) < 30_000_000
    assert "[... 996000 more characters]" in text


def test_no_attachment_of_the_agents_choice() -> None:
    test = _one(_suite(case("a", Outcome.FAIL, runs("a", "F", "x", text="[[ATTACHMENT|/etc/passwd]]"))), "a")
    assert "[[ATTACHMENT" not in _text(test, "system-out")
    assert "ATTACHMENT|/etc/passwd" in _text(test, "system-out")


def test_what_does_not_read_back_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "_add_reruns", lambda *_: None)
    with pytest.raises(ReportError, match="does not read back"):
        render(rich_run(), rich_verdict())


@settings(max_examples=60, deadline=None)
@given(texts)
def test_any_text_anywhere_keeps_the_document_whole(value: str) -> None:
    text = render(run_saying(value), verdict_saying(value))
    tests = list(etree.fromstring(text.encode()).iter("testcase"))
    names = [(t.get("classname"), t.get("name")) for t in tests]
    assert len(names) == len(set(names))
    assert all(e.get("message") for t in tests for e in t if e.tag != "system-out")


def _schema() -> etree.XMLSchema:
    folder = os.environ.get("AGENTOPS_TEST_SCHEMAS")
    if not folder:
        pytest.skip("AGENTOPS_TEST_SCHEMAS names no folder with junit-10.xsd")
    return etree.XMLSchema(etree.parse(str(Path(folder) / "junit-10.xsd")))


def _runs_to_try() -> list[tuple[RunResult, Verdict]]:
    said = ("", "\x00", HOSTILE, "語" * 300_000, "]]>" * 50, "\ud800\udfff\ufffe\uffff", "\x1b[31m\u2028\x85")
    return [(rich_run(), rich_verdict()), (_run(), PASSED), *((run_saying(t), verdict_saying(t)) for t in said)]


def _run(*stages: StageResult) -> RunResult:
    run = rich_run()
    return replace(run, stages=stages, scope=replace(run.scope, stages=()))


def _suite(*cases: object) -> str:
    return render(_run(StageResult("evals", Outcome.PASS, cases=cases)), PASSED)  # type: ignore[arg-type]


def _tests(text: str, classname: str) -> list[ET.Element]:
    return [t for t in ET.fromstring(text).iter("testcase") if t.get("classname") == classname]


def _one(text: str, name: str) -> ET.Element:
    (test,) = [t for t in ET.fromstring(text).iter("testcase") if t.get("name") == name]
    return test


def _only(test: ET.Element, tag: str) -> ET.Element:
    (element,) = [e for e in test if e.tag == tag]
    return element


def _text(test: ET.Element, tag: str) -> str:
    return _only(test, tag).text or ""
