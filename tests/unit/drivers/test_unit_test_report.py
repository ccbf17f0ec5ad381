from __future__ import annotations

import os
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.drivers import testreport
from agentops.errors import MeasurementError
from agentops.model.finding import Location
from agentops.model.outcome import Outcome


def report(*cases: str) -> bytes:
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>".encode()


def test_every_outcome_is_read():
    checks = testreport.read(
        report(
            '<testcase classname="a.b" name="good" time="0.25" file="a/b.py" line="4"/>',
            '<testcase name="bad"><failure message="1 == 2">trace\nback</failure></testcase>',
            '<testcase name="broken"><error message="collection failure">no module</error></testcase>',
            '<testcase name="left"><skipped message="no network"/></testcase>',
            '<testcase name="both"><failure message="f"/><error message="teardown"/></testcase>',
        )
    )
    assert [c.outcome for c in checks] == [Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.SKIPPED, Outcome.ERROR]
    assert (checks[0].group, checks[0].time_s, checks[0].location) == ("a.b", 0.25, Location("a/b.py", 5))
    assert (checks[1].message, checks[1].detail) == ("1 == 2", "trace\nback")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<testsuites>",
        b"<html/>",
        b"<!DOCTYPE testsuites><testsuites/>",
        b'<?xml version="1.0"?><!doctype a [<!entity b "c">]><testsuites/>',
        "<!DOCTYPE testsuites><testsuites/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-7"?><testsuites/>',
        b"<testsuites>&lol;</testsuites>",
    ],
)
def test_what_is_no_plain_report_is_refused(data):
    with pytest.raises(MeasurementError):
        testreport.read(data)


def test_a_report_has_a_size(monkeypatch):
    monkeypatch.setattr(testreport, "LIMIT_BYTES", 100)
    with pytest.raises(MeasurementError, match="larger"):
        testreport.read(report('<testcase name="' + "x" * 100 + '"/>'))


def test_hostile_text_is_made_safe():
    (check,) = testreport.read(
        report('<testcase name="a&#9;b" time="nan"><failure message="m&#10;n">\u202e&#x9b;2J</failure></testcase>')
    )
    assert (check.name, check.message, check.time_s) == ("a b", "m n", 0.0)
    assert "\u202e" not in check.detail
    assert "\x9b" not in check.detail


def test_a_test_in_which_the_run_broke_off_is_no_pass():
    checks = testreport.read(report('<testcase name="a"/>', "<testcase/>", '<testcase name="" classname="c"/>'))
    assert [c.outcome for c in checks] == [Outcome.PASS, Outcome.ERROR, Outcome.ERROR]
    assert checks[1].message == "the run broke off in this test"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        testreport.read(data)
    except MeasurementError:
        return


@given(st.lists(st.sampled_from(["", "<failure/>", "<error/>", "<skipped/>"]), max_size=20))
def test_no_test_is_lost(bodies):
    checks = testreport.read(report(*(f'<testcase name="t">{body}</testcase>' for body in bodies)))
    names = {"": Outcome.PASS, "<failure/>": Outcome.FAIL, "<error/>": Outcome.ERROR, "<skipped/>": Outcome.SKIPPED}
    assert [c.outcome for c in checks] == [names[body] for body in bodies]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=50))
def test_any_name_survives_as_one_safe_line(name):
    case = ET.Element("testcase", name=name)
    try:
        (check,) = testreport.read(report(ET.tostring(case, encoding="unicode")))
    except MeasurementError:
        return
    assert "\n" not in check.name


def test_only_a_regular_file_is_a_report(tmp_path):
    real = tmp_path / "real.xml"
    real.write_bytes(b"<x/>")
    (tmp_path / "link.xml").symlink_to(real)
    os.mkfifo(tmp_path / "pipe.xml")
    assert testreport.read_file(real) == b"<x/>"
    for name in ("link.xml", "pipe.xml", "missing.xml", "."):
        assert testreport.read_file(tmp_path / name) is None
