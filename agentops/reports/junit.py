"""JUnit XML as Jenkins, GitLab, GitHub actions, Azure DevOps and CircleCI read it.

Built with junit_xml and then made right: that library loses failures without a text, knows no flaky runs, writes an
attribute and a time format that the Jenkins schema refuses. So every text is made safe and no message is empty before
it is handed over; flaky and further failed runs are added afterwards; the document is read back and its counts are
compared with what was meant.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import junit_xml

from agentops.errors import ReportError
from agentops.model.run import RunResult
from agentops.model.verdict import Verdict
from agentops.reports import summary
from agentops.reports.junit_tests import Group, Mark, Test, groups
from agentops.text import one_line

_RESULTS = ("failure", "error", "skipped")


def render(run: RunResult, verdict: Verdict) -> str:
    """The whole document. Raises ReportError when what was written does not read back as what was meant."""
    suites = groups(run, verdict)
    properties = _properties(run, verdict)
    root = ET.Element("testsuites", _totals(suites))
    for group in suites:
        root.append(_suite(group, properties, _timestamp(run.started_at)))
    ET.indent(root, " ")
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
    _verify(text, suites)
    return text


def _totals(suites: Iterable[Group]) -> dict[str, str]:
    tests = [t for g in suites for t in g.tests]
    tags = Counter(t.mark.tag for t in tests if t.mark)
    return {
        "name": "agentops",
        "tests": str(len(tests)),
        "failures": str(tags["failure"]),
        "errors": str(tags["error"]),
        "time": f"{sum(t.time_s for t in tests):.3f}",
    }


def _properties(run: RunResult, verdict: Verdict) -> dict[str, str]:
    """What every suite must say of the run."""
    said = {
        "agentops.run": run.id,
        "agentops.agent": run.agent,
        "agentops.image_id": run.subject.image_id or "none",
        "agentops.commit": summary.commit_name(run) if not run.subject.commit else run.subject.commit,
        "agentops.dirty": "yes" if run.subject.dirty else "no",
        "agentops.environment": run.environment,
        "agentops.containerised": summary.containerised(run),
        "agentops.scope": "full" if run.scope.full else "partial",
        "agentops.verdict": verdict.outcome.value,
    }
    said |= {f"agentops.notice.{i}": notice for i, notice in enumerate(run.notices, 1)}
    return {name: one_line(value, 400) for name, value in said.items()}


def _timestamp(started_at: str) -> str | None:
    """The start as readers expect it, without a zone; none where it is no time."""
    try:
        return datetime.fromisoformat(started_at).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return None


def _suite(group: Group, properties: dict[str, str], timestamp: str | None) -> ET.Element:
    suite = junit_xml.TestSuite(
        group.name, [_testcase(t) for t in group.tests], properties=properties, timestamp=timestamp
    )
    element: ET.Element = suite.build_xml_doc()
    del element.attrib["disabled"]
    element.set("time", f"{sum(t.time_s for t in group.tests):.3f}")
    for test, case in zip(group.tests, element.iter("testcase"), strict=True):
        case.set("time", f"{test.time_s:.3f}")
        for skipped in case.iter("skipped"):
            skipped.set("type", test.mark.kind if test.mark else "skipped")
        _add_reruns(case, test.reruns)
    return element


def _testcase(test: Test) -> junit_xml.TestCase:
    case = junit_xml.TestCase(test.name, classname=test.classname, elapsed_sec=test.time_s, stdout=test.out or None)
    if test.mark is None:
        return case
    message, text = test.mark.message, test.mark.text or None
    if test.mark.tag == "failure":
        case.add_failure_info(message, text, test.mark.kind)
    elif test.mark.tag == "error":
        case.add_error_info(message, text, test.mark.kind)
    else:
        case.add_skipped_info(message, text)
    return case


def _add_reruns(case: ET.Element, reruns: Iterable[Mark]) -> None:
    """Behind the result and before the output: the order in which Surefire writes."""
    place = sum(child.tag in _RESULTS for child in case)
    for mark in reruns:
        element = ET.Element(mark.tag, {"message": mark.message, "type": mark.kind})
        ET.SubElement(element, "stackTrace").text = mark.text or mark.message
        case.insert(place, element)
        place += 1


def _verify(text: str, suites: Iterable[Group]) -> None:
    try:
        root = ET.fromstring(text)  # noqa: S314 - our own text, just written
    except ET.ParseError as error:
        raise ReportError(f"junit.xml: not well-formed as written: {error}", hint=_HINT) from None
    meant = Counter((t.classname, t.name, *_tags(t)) for g in suites for t in g.tests)
    written = Counter(
        (c.get("classname", ""), c.get("name", ""), *(e.tag for e in c if e.tag != "system-out"))
        for c in root.iter("testcase")
    )
    if meant != written:
        name = next(iter((meant - written) or (written - meant)))
        raise ReportError(f"junit.xml: {' '.join(name)} does not read back as it was meant", hint=_HINT)
    for suite in root.iter("testsuite"):
        for attribute, tag in (
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            if suite.get(attribute) != str(sum(1 for _ in suite.iter(tag))):
                raise ReportError(f"junit.xml: {suite.get('name')} counts {attribute} wrongly", hint=_HINT)


def _tags(test: Test) -> tuple[str, ...]:
    return (*((test.mark.tag,) if test.mark else ()), *(m.tag for m in test.reruns))


_HINT = "run.json holds the results; please report this with it"
