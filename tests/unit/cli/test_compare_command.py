"""agentops compare as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentops.cli.main import main
from agentops.drivers.journal import FileJournal
from agentops.model import records
from agentops.model.run import RunResult
from agentops.reports import json as documents
from tests.unit.reports.test_compare_runs import AFTER, BEFORE, case, run


def kept(folder: Path, name: str, whole: RunResult) -> str:
    path = folder / name / "run.json"
    path.parent.mkdir()
    path.write_text(documents.run_document(whole))
    return str(path.parent)


def test_folders_files_and_journals_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = kept(tmp_path, "a", run("r1", BEFORE)), run("r2", AFTER)
    log = FileJournal(tmp_path / "journal.jsonl")
    for result in AFTER:
        for attempt in result.attempts:
            log.append("attempt", documents.encode(attempt))
    log.append("stage", records.of_stage(b.stages[0]))
    log.append("finished", records.of_run(b))
    log.close()
    assert main(["compare", a, str(tmp_path / "journal.jsonl"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["newly failing"] == 1
    assert main(["compare", f"{a}/run.json", a]) == 0
    assert "No case differs" in capsys.readouterr().out


def test_the_folder_of_all_runs_stands_for_its_latest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = kept(tmp_path, "a", run("r1", BEFORE))
    (tmp_path / "out").mkdir()
    kept(tmp_path / "out", "r2", run("r2", AFTER))
    (tmp_path / "out" / "latest").symlink_to("r2")
    assert main(["compare", a, str(tmp_path / "out")]) == 0
    assert "NEWLY FAILING" in capsys.readouterr().out


def test_it_measures_and_gates_only_where_that_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = kept(tmp_path, "a", run("r1", BEFORE)), kept(tmp_path, "b", run("r2", AFTER))
    assert main(["compare", a, b]) == 0
    assert "NEWLY FAILING" in capsys.readouterr().out
    assert main(["compare", a, b, "--fail-on", "newly-failing"]) == 1
    assert main(["compare", a, a, "--fail-on", "newly-failing"]) == 0
    assert main(["compare", a, b, "--format", "markdown"]) == 0


def test_a_disaster_fails_even_where_each_case_alone_is_only_suspect(tmp_path: Path) -> None:
    a, b = (
        kept(tmp_path, n, run(f"r{i}", [case(f"c{j}", k * 3) for j in range(40)]))
        for i, n, k in ((1, "a", "P"), (2, "b", "F"))
    )
    assert main(["compare", a, b, "--fail-on", "newly-failing"]) == 1


def test_what_could_not_fail_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    once = kept(tmp_path, "a", run("r1", [case("x", "PP")]))
    twice = kept(tmp_path, "b", run("r2", [case("x", "FF")]))
    assert main(["compare", once, twice, "--fail-on", "newly-failing"]) == 3
    dead = kept(tmp_path, "c", run("r3", [case("broke", "EEE"), *AFTER[1:]]))
    full = kept(tmp_path, "d", run("r1", BEFORE))
    assert main(["compare", full, dead, "--fail-on", "newly-failing"]) == 4
    assert "no measured run" in capsys.readouterr().err


def test_what_is_no_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("{}")
    a = kept(tmp_path, "a", run("r1", BEFORE))
    assert main(["compare", a, str(tmp_path / "x.json")]) == 2
    assert "x.json: run document" in capsys.readouterr().err
    assert main(["compare", a, str(tmp_path / "none")]) == 2
    (tmp_path / "stopped.jsonl").write_text('{"kind":"run","id":"r"}\n')
    assert main(["compare", a, str(tmp_path / "stopped.jsonl")]) == 2
