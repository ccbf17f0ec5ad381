"""The code stage: what it plans, and what its outcome says."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench, Stage
from agentops.errors import ConfigError, MeasurementError
from agentops.model.outcome import Outcome
from agentops.model.settings import Code
from agentops.stages.code import CodeStage


class NoJournal:
    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        raise AssertionError("a scan writes no journal")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.py").write_text("eval(input())\n")
    (tmp_path / "app" / "b.py").write_text("x = 1\n")
    out = tmp_path / ".agentops" / "run"
    return Bench("run", tmp_path, out, lambda event: None, threading.Event(), NoJournal())


def stage(bench: Bench, *paths: str, **options: Any) -> CodeStage:
    return CodeStage(Code(paths=paths or ("app",)), bench.root, **options)


def test_it_is_a_stage_that_waits_for_nothing(bench: Bench) -> None:
    one: Stage = stage(bench)
    assert (one.name, one.after) == ("code", ())


def test_the_plan_counts_files(bench: Bench) -> None:
    assert stage(bench).plan() == "bandit over 2 Python files"
    assert stage(bench, "app/a.py").plan() == "bandit over 1 Python file"


def test_a_missing_path_is_refused_by_the_plan(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        stage(bench, "app", "nowhere").plan()


def test_a_complete_scan_passes_and_leaves_findings_to_the_gate(bench: Bench) -> None:
    result = stage(bench).run(bench, {})
    assert result.outcome is Outcome.PASS
    assert [f.rule for f in result.findings] == ["B307"]
    assert (result.counts.planned, result.counts.measured, result.counts.unit) == (2, 2, "files")
    assert result.logs == ("code/bandit.json",)
    assert (bench.out / result.logs[0]).is_file()
    assert result.values == {}
    assert "bandit" in result.tools


def test_a_file_that_was_not_scanned_is_an_error_beside_the_findings(bench: Bench) -> None:
    (bench.root / "app" / "c.py").write_text("def f(:\n")
    result = stage(bench).run(bench, {})
    assert result.outcome is Outcome.ERROR
    assert len(result.findings) == 1
    assert "app/c.py" in result.errors[0].message
    assert not result.errors[0].unavailable


def test_a_missing_bandit_is_unavailable(bench: Bench) -> None:
    result = stage(bench, tool=(sys.executable, "-I", "-S", "-m", "bandit")).run(bench, {})
    assert result.outcome is Outcome.ERROR
    assert [(e.message, e.unavailable) for e in result.errors] == [("bandit is not installed", True)]
    assert (result.counts.planned, result.counts.measured) == (2, 0)


def test_a_crashed_bandit_is_not_unavailable(bench: Bench) -> None:
    with pytest.raises(MeasurementError, match="no report"):
        stage(bench, tool=(sys.executable, "-c", "raise SystemExit(3)")).run(bench, {})
