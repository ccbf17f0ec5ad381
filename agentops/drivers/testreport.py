"""A JUnit report of somebody else's tests. The code under test may have written it: nothing in it is trusted."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from agentops import text
from agentops.errors import MeasurementError
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.run import Check

LIMIT_BYTES = 32 * 1024 * 1024
_MAX_TESTS = 100_000
_DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_UTF8 = re.compile(rb"""^<\?xml[^>]*encoding\s*=\s*["'](?!utf-?8["'])""", re.IGNORECASE)
_WORST_FIRST = (("error", Outcome.ERROR), ("failure", Outcome.FAIL), ("skipped", Outcome.SKIPPED))


def read(data: bytes) -> tuple[Check, ...]:
    """One check for each testcase, in the report's order.

    Raises MeasurementError for a report that is too large, holds a DTD or entities, is not UTF-8 or not JUnit XML.
    """
    if len(data) > LIMIT_BYTES:
        raise MeasurementError(f"the test report is larger than {LIMIT_BYTES // 2**20} MiB")
    data = data.removeprefix(b"\xef\xbb\xbf")
    # In another encoding the declarations below would not be seen.
    if b"\0" in data or data[:2] in (b"\xfe\xff", b"\xff\xfe") or _UTF8.search(data):
        raise MeasurementError("the test report is not UTF-8")
    if _DECLARATION.search(data):
        raise MeasurementError("the test report declares entities or a document type and is not read")
    try:
        root = ET.fromstring(data)  # noqa: S314
    except (ET.ParseError, ValueError) as error:
        raise MeasurementError(f"the test report is not well-formed XML: {text.one_line(str(error))}") from None
    if root.tag not in ("testsuites", "testsuite"):
        raise MeasurementError(f"the test report is no JUnit report: it begins with {text.one_line(root.tag, 60)}")
    cases = list(root.iter("testcase"))
    if len(cases) > _MAX_TESTS:
        raise MeasurementError(f"the test report holds more than {_MAX_TESTS} tests")
    return tuple(_check(case) for case in cases)


def read_file(path: Path) -> bytes | None:
    """The bytes of a report, or None where there is none. A link or anything but a regular file is none."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as stream:
            return stream.read(LIMIT_BYTES + 1)
    except OSError:
        return None


def _check(case: ET.Element) -> Check:
    if not case.get("name"):
        # pytest leaves an empty testcase for the test in which the run was ended, whatever the exit code.
        return Check("(no name)", Outcome.ERROR, "the run broke off in this test", group=_group(case))
    outcome, said = Outcome.PASS, None
    for tag, meaning in _WORST_FIRST:
        said = case.find(tag)
        if said is not None:
            outcome = meaning
            break
    return Check(
        name=text.one_line(case.get("name") or "", 300),
        outcome=outcome,
        message=text.one_line(said.get("message") or said.text or "", 400) if said is not None else "",
        detail=text.cap(text.clean(said.text or ""), 8000) if said is not None else "",
        time_s=_seconds(case.get("time")),
        group=_group(case),
        location=_location(case),
    )


def _group(case: ET.Element) -> str:
    return text.one_line(case.get("classname") or "", 300)


def _seconds(value: str | None) -> float:
    try:
        seconds = float(value or 0)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0


def _location(case: ET.Element) -> Location | None:
    path, line = case.get("file"), case.get("line")
    if not path:
        return None
    # pytest counts lines from 0.
    return Location(text.one_line(path, 300), int(line) + 1 if line and re.fullmatch(r"[0-9]{1,9}", line) else None)
