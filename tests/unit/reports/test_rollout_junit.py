"""JUnit of a rollout: right for its readers, harm a failure, what is not known to be good never passed."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import junitparser
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from rich_run import HOSTILE
from some_rollouts import all_kinds, saying
from unsafe_run import texts

from agentops.model.rollout import Phase
from agentops.reports.rollout.junit import render


def results(name: str) -> dict[str, str]:
    """Every test's name and what became of it."""
    root = ET.fromstring(render(all_kinds()[name]))
    return {c.get("name", ""): next((f"{e.tag} {e.get('type')}" for e in c), "") for c in root.iter("testcase")}


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("rollout-junit.xml", render(all_kinds()["harm"]))


def test_harm_is_a_failure_of_its_step_and_what_lay_behind_was_not_reached() -> None:
    found = results("harm")
    assert found["rollout"] == found["canary 2: 25 %"] == "failure Harm"
    assert found["canary 1: 5 %"] == found["way back"] == ""
    assert found["canary 3: 50 %"] == found["bake"] == found["done"] == "skipped NotReached"


@pytest.mark.parametrize(
    ("name", "told"),
    [("broken", "error Broken"), ("inconclusive", "error Inconclusive"), ("asked", "error Aborted"),
     ("orphaned", "error Orphaned")],
)  # fmt: skip
def test_what_is_not_the_images_harm_is_an_error(name: str, told: str) -> None:
    assert results(name)["rollout"] == results(name)["canary 2: 25 %"] == told


def test_a_way_back_that_failed_is_told_as_that() -> None:
    found = results("stuck")
    assert found["rollout"] == found["way back"] == "error RollbackFailed"


def test_one_that_is_done_is_all_green() -> None:
    assert set(results("done").values()) == {""}


@pytest.mark.parametrize("name", ["under-way", "frozen", "begun", "going-back"])
def test_one_that_is_under_way_is_not_green(name: str) -> None:
    assert results(name)["rollout"] == "error UnderWay"


def test_times_are_those_of_the_journal() -> None:
    root = ET.fromstring(render(all_kinds()["harm"]))
    times = {c.get("name"): float(c.get("time", "")) for c in root.iter("testcase")}
    assert times["canary-up"] == 31
    assert (times["canary 1: 5 %"], times["canary 2: 25 %"], times["way back"]) == (320, 140, 4)
    assert times["rollout"] == 604
    assert float(root.get("time", "")) == 604, "the whole is not counted beside its parts"


@pytest.mark.parametrize("name", [*all_kinds(), "hostile"])
def test_readers_agree_on_the_counts(name: str, tmp_path: Path) -> None:
    view = saying(HOSTILE) if name == "hostile" else all_kinds()[name]
    path = tmp_path / "junit.xml"
    path.write_text(render(view), encoding="utf-8")
    read = junitparser.JUnitXml.fromfile(str(path))
    kinds = [type(r).__name__ for suite in read for case in suite for r in case.result]
    assert (read.failures, read.errors) == (kinds.count("Failure"), kinds.count("Error"))
    assert read.tests == sum(1 for suite in read for _ in suite)


@pytest.mark.parametrize("name", [*all_kinds(), "hostile"])
def test_it_satisfies_the_jenkins_schema(name: str) -> None:
    folder = os.environ.get("AGENTOPS_TEST_SCHEMAS")
    if not folder:
        pytest.skip("AGENTOPS_TEST_SCHEMAS names no folder with junit-10.xsd")
    schema = etree.XMLSchema(etree.parse(str(Path(folder) / "junit-10.xsd")))
    view = saying(HOSTILE) if name == "hostile" else all_kinds()[name]
    assert schema.validate(etree.fromstring(render(view).encode())), schema.error_log


@settings(max_examples=40, deadline=None)
@example("::error::x", Phase.ABORTED)
@given(texts, st.sampled_from([Phase.CANARY, Phase.ABORTING, Phase.ABORTED, Phase.DONE]))
def test_any_text_is_well_formed_and_no_command(text: str, phase: Phase) -> None:
    written = render(saying(text, phase))
    ET.fromstring(written.encode())
    assert not any(line.lstrip().startswith("::") for line in written.splitlines())
    assert "##vso[" not in written
