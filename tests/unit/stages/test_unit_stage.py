from __future__ import annotations

import json
import os
import sys
import threading
import venv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench
from agentops.errors import ConfigError, Interrupted
from agentops.model.outcome import Outcome
from agentops.model.run import StageError, StageResult, Subject
from agentops.model.settings import Agent, Build, Unit
from agentops.stages.unit import UnitStage

AGENT = Agent(name="a", build=Build())
GREEN = '<testsuites><testsuite><testcase classname="c" name="one"/></testsuite></testsuites>'
RED = '<testsuites><testsuite><testcase name="one"/><testcase name="two"><failure/></testcase></testsuite></testsuites>'
# Stands in for pytest: it writes what REPORT says to where it was told, and tells what it was given.
FAKE = """
import json, os, pathlib, shlex, sys, time
pathlib.Path("seen.json").write_text(json.dumps([sys.argv[1:], dict(os.environ), sys.prefix, os.getcwd()]))
report = pathlib.Path("report.xml")
target = shlex.split(os.environ["PYTEST_ADDOPTS"])[-1].partition("=")[2]
if report.exists(): pathlib.Path(target).write_text(report.read_text())
print("the last words")
if "sleep" in sys.argv: time.sleep(60)
sys.exit(int(sys.argv[-1]) if sys.argv[-1].isdigit() else 0)
"""


class Silent:
    def append(self, kind: str, data: Mapping[str, Any]) -> None: ...


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of the agent's own, with a module named pytest."""
    folder = tmp_path_factory.mktemp("agent") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next((folder / "lib").iterdir()) / "site-packages"
    (packages / "pytest.py").write_text(FAKE)
    return folder / "bin" / "python"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root, out = tmp_path / "root", tmp_path / "out put"
    root.mkdir()
    out.mkdir()
    return Bench("r1", root, out, lambda event: None, threading.Event(), Silent())


def run(
    bench: Bench, unit: Unit, done: Mapping[str, StageResult] | None = None, report: str | None = GREEN
) -> StageResult:
    if report is not None:
        (bench.root / "report.xml").write_text(report)
    return UnitStage(unit, AGENT, bench.root).run(bench, done or {})


def process_unit(other: Path, *command: str, **options: Any) -> Unit:
    return Unit(command=command or ("pytest", "tests/"), where="process", python=str(other), **options)


def test_tests_run_with_the_interpreter_named_and_none_of_our_environment(bench, other, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "x")
    result = run(bench, process_unit(other))
    assert result.outcome is Outcome.PASS, result.errors
    assert result.values == {"tests": 1.0, "tests_failed": 0.0}
    argv, env, prefix, cwd = json.loads((bench.root / "seen.json").read_text())
    assert argv == ["tests/"]
    assert "SECRET_KEY" not in env
    assert Path(prefix).resolve() == other.parent.parent.resolve()
    assert Path(cwd) == bench.root
    assert "the last words" in (bench.out / "unit.log").read_text()
    assert result.logs == ("unit.log",)
    assert result.notices == ("unit tests ran outside the image",)
    assert result.containerised is False


def test_a_leading_python_is_the_agents_and_a_path_is_relative_to_the_root(bench, other):
    (bench.root / "venv").symlink_to(other.parent.parent)
    unit = Unit(command=("python", "-m", "pytest", "x"), where="process", python="venv/bin/python")
    assert run(bench, unit).outcome is Outcome.PASS
    assert json.loads((bench.root / "seen.json").read_text())[0] == ["x"]


def test_failing_tests_are_values_and_not_an_error(bench, other):
    result = run(bench, process_unit(other, "pytest", "1"), report=RED)
    assert result.outcome is Outcome.PASS
    assert result.values["tests_failed"] == 1.0


def test_a_failure_counts_though_the_command_ends_with_0(bench, other):
    assert run(bench, process_unit(other), report=RED).values["tests_failed"] == 1.0


@pytest.mark.parametrize(
    ("report", "code", "said"),
    [
        (None, "0", "left no report: the command exited with code 0"),
        ("<testsuites/>", "0", "no tests found"),
        (GREEN, "2", "the command exited with code 2"),
        ('<testsuite><testcase name="t"><skipped/></testcase></testsuite>', "0", "all 1 tests were skipped"),
        ("<!DOCTYPE a><testsuites/>", "0", "document type"),
        ("<testsuites>", "0", "well-formed"),
    ],
)
def test_what_proves_nothing_is_an_error(bench, other, report, code, said):
    result = run(bench, process_unit(other, "pytest", code), report=report)
    assert result.outcome is Outcome.ERROR
    assert said in result.errors[0].message
    assert not result.errors[0].unavailable


def test_an_error_shows_the_end_of_the_log(bench, other):
    assert "the last words" in run(bench, process_unit(other), report=None).errors[0].hint


def test_a_report_of_an_earlier_run_is_not_taken(bench, other):
    (bench.out / "unit.xml").write_text(GREEN)
    assert run(bench, process_unit(other), report=None).outcome is Outcome.ERROR


def test_tests_that_take_too_long_are_stopped(bench, other):
    result = run(bench, process_unit(other, "pytest", "sleep", timeout_s=1.0))
    assert result.outcome is Outcome.ERROR
    assert "longer than 1 s" in result.errors[0].message


def test_a_cancel_interrupts(bench, other):
    bench.cancel.set()
    with pytest.raises(Interrupted):
        run(bench, process_unit(other, "pytest", "sleep"))


BROKEN = StageResult("build", Outcome.ERROR, errors=(StageError("the image could not be built"),))
ABSENT = replace(BROKEN, errors=(StageError("no engine", unavailable=True),))
MIXED = replace(BROKEN, errors=(*BROKEN.errors, *ABSENT.errors))


@pytest.mark.parametrize(("build", "unavailable"), [(BROKEN, False), (ABSENT, True), (MIXED, False)])
def test_without_the_image_it_is_an_error_and_allowed_only_where_the_engine_is_missing(bench, build, unavailable):
    result = run(bench, Unit(command=("pytest",)), {"build": build})
    assert result.outcome is Outcome.ERROR
    assert "needs the image, and the build failed" in result.errors[0].message
    assert result.errors[0].unavailable is unavailable


def test_a_run_without_an_image_is_an_error_of_its_own(bench):
    skipped = StageResult("build", Outcome.SKIPPED, subject=Subject())
    for done in ({}, {"build": skipped}):
        result = run(bench, Unit(command=("pytest",)), done)
        assert result.outcome is Outcome.ERROR
        assert not result.errors[0].unavailable


def test_without_the_image_the_interpreter_takes_over_and_that_is_said(bench, other):
    result = run(bench, Unit(command=("pytest",), python=str(other)), {"build": ABSENT})
    assert result.outcome is Outcome.PASS
    assert result.notices == ("unit tests ran outside the image",)


def test_agentops_own_environment_is_refused(bench, tmp_path):
    for python in (sys.executable, str(Path(sys.executable).parent / "python")):
        for where in ("process", "image"):
            with pytest.raises(ConfigError, match="agentops itself"):
                UnitStage(Unit(command=("pytest",), where=where, python=python), AGENT, tmp_path).plan()


def test_an_interpreter_must_be_there_where_it_is_needed(tmp_path, other):
    gone = Unit(command=("pytest",), where="process", python="none/bin/python")
    with pytest.raises(ConfigError, match="not found"):
        UnitStage(gone, AGENT, tmp_path).plan()
    assert "in the image" in UnitStage(replace(gone, where="image"), AGENT, tmp_path).plan()
    with pytest.raises(ConfigError, match="no Python"):
        UnitStage(replace(gone, python="/bin/true"), AGENT, tmp_path).plan()
    with pytest.raises(ConfigError, match=r"unit\.python is needed"):
        UnitStage(replace(gone, python=None), AGENT, tmp_path).plan()
    assert UnitStage(process_unit(other), AGENT, tmp_path).plan() == f"run pytest tests/ with {os.fspath(other)}"


def test_a_target_needs_a_build(tmp_path):
    with pytest.raises(ConfigError, match=r"unit\.target"):
        UnitStage(Unit(command=("pytest",), target="test"), Agent(name="a", image="x"), tmp_path).plan()
