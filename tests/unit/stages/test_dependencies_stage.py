"""The dependencies stage: what it plans, and what its outcome says."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench, Stage
from agentops.errors import ConfigError, MeasurementError
from agentops.model.outcome import Outcome
from agentops.model.settings import Dependencies
from agentops.stages.dependencies import DependenciesStage

RECORD = {
    "id": "PYSEC-1",
    "modified": "2024-05-06T07:08:09Z",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "jinja2"}, "versions": ["2.10"]}],
}


class NoJournal:
    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        raise AssertionError("a scan writes no journal")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "requirements.txt").write_text("jinja2==2.10\nflask\n")
    (tmp_path / "osv.jsonl").write_text(json.dumps(RECORD) + "\n")
    return Bench("run", tmp_path, tmp_path / "out", lambda event: None, threading.Event(), NoJournal())


def stage(bench: Bench, *, tool: tuple[str, ...] | None = None, **settings: Any) -> DependenciesStage:
    given = {"files": ("requirements.txt",), "advisories": "osv.jsonl", **settings}
    return DependenciesStage(Dependencies(**given), bench.root, tool=tool)


def test_it_is_a_stage_that_waits_for_nothing(bench: Bench) -> None:
    one: Stage = stage(bench)
    assert (one.name, one.after) == ("dependencies", ())


def test_the_plan_says_what_is_asked_of_whom(bench: Bench) -> None:
    assert (
        stage(bench).plan() == "pip-audit over 1 pinned package, 1 unpinned, asking 1 advisories of 2024-05-06 or older"
    )
    assert stage(bench, advisories=None).plan().endswith("asking api.osv.dev")


@pytest.mark.parametrize(
    "settings",
    [
        {"files": ("nowhere.txt",)},
        {"files": ()},
        {"advisories": "nowhere.jsonl"},
        {"advisories": "requirements.txt"},
        {"advisories": None, "service": "ftp://example.com"},
    ],
)
def test_what_cannot_work_is_refused_by_the_plan(bench: Bench, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        stage(bench, **settings).plan()
    assert caught.value.hint


def test_a_complete_audit_passes_and_leaves_findings_to_the_gate(bench: Bench) -> None:
    result = stage(bench).run(bench, {})
    assert result.outcome is Outcome.PASS
    assert [f.rule for f in result.findings] == ["PYSEC-1", "unpinned-requirement"]
    assert (result.counts.planned, result.counts.measured, result.counts.unit) == (1, 1, "packages")
    assert result.logs == ("dependencies/pip-audit.json",)
    assert (bench.out / result.logs[0]).is_file()
    assert result.tools["advisories"].startswith("1 advisories, newest 2024-05-06, sha256 ")
    assert result.values == {}


def test_no_service_in_reach_is_unavailable_and_keeps_what_is_known(bench: Bench) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1/query"
    result = stage(bench, advisories=None, service=url).run(bench, {})
    assert result.outcome is Outcome.ERROR
    assert [(e.message, e.unavailable) for e in result.errors] == [("no advisory service in reach (127.0.0.1)", True)]
    assert [f.rule for f in result.findings] == ["unpinned-requirement"]
    assert (result.counts.planned, result.counts.measured) == (1, 0)


def test_nothing_pinned_is_an_error(bench: Bench) -> None:
    (bench.root / "requirements.txt").write_text("flask\n")
    result = stage(bench).run(bench, {})
    assert result.outcome is Outcome.ERROR
    assert "no package is pinned" in result.errors[0].message


def test_a_crashed_pip_audit_is_not_unavailable(bench: Bench) -> None:
    with pytest.raises(MeasurementError, match="no report"):
        stage(bench, tool=(sys.executable, "-c", "raise SystemExit(1)")).run(bench, {})
