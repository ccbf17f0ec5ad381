"""A run that was killed goes on where it ended: nothing is lost and nothing is asked twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AGENTOPS = [sys.executable, "-c", "import sys; from agentops.cli.main import main; sys.exit(main())"]
CASES, RUNS = 25, 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cases = [{"id": f"c{i}", "input": f"question {i}", "expect": [{"contains": "ok"}]} for i in range(CASES)]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    return tmp_path


def start(folder: Path, url: str, *more: str) -> subprocess.Popen[str]:
    argv = [*AGENTOPS, "eval", "--url", url, "--test-cases", "cases.json", "--runs", str(RUNS), "--concurrency", "4"]
    return subprocess.Popen(
        [*argv, *more], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ}
    )


def journal(folder: Path) -> list[dict[str, Any]]:
    path = folder / ".agentops" / "latest" / "journal.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.endswith(b"}")]


def places(folder: Path) -> list[int]:
    return [record["position"] for record in journal(folder) if record["kind"] == "attempt"]


@pytest.mark.parametrize("after", [1, 40, 90])
def test_kill_minus_nine(folder: Path, agent: Callable[..., Any], after: int) -> None:
    def slow(request: Any) -> None:
        time.sleep(0.005)
        request.say("ok")

    server = agent(slow)
    child = start(folder, server.url)
    deadline = time.monotonic() + 30
    while len(places(folder)) < after and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    made = len(places(folder))
    assert made >= after
    torn = folder / ".agentops" / "latest" / "journal.jsonl"
    torn.write_bytes(torn.read_bytes() + b'{"kind":"attempt","at":1,"case_')
    asked = len(server.seen)
    again = start(folder, server.url, "--resume", "latest")
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert sorted(places(folder)) == list(range(1, CASES * RUNS + 1)), "no attempt is missing and none is there twice"
    probes = sum("-probe-" in session for _, session in server.seen)
    assert probes == 1, "one call finds out whether the same model answers"
    assert len(server.seen) - asked - probes == CASES * RUNS - made, "only what was missing was asked"
    run = json.loads((folder / ".agentops" / "latest" / "run.json").read_text())
    (evals,) = [stage for stage in run["stages"] if stage["name"] == "evals"]
    assert evals["counts"]["measured"] == CASES * RUNS
    assert Counter(len(case["attempts"]) for case in evals["cases"]) == {RUNS: CASES}
    assert len(list((folder / ".agentops" / "runs").iterdir())) == 1


def test_a_run_that_ended_is_not_continued(folder: Path, agent: Callable[..., Any]) -> None:
    url = agent(lambda r: r.say("ok")).url
    start(folder, url).communicate(timeout=60)
    child = start(folder, url, "--resume", "latest")
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "is a run that ended" in said


def test_a_run_of_other_cases_is_not_continued(folder: Path, agent: Callable[..., Any]) -> None:
    def slow(request: Any) -> None:
        time.sleep(0.05)
        request.say("ok")

    server = agent(slow)
    child = start(folder, server.url)
    while len(places(folder)) < 3:
        time.sleep(0.01)
    child.kill()
    child.communicate()
    (folder / "cases.json").write_text(json.dumps([{"id": "other", "input": "x", "expect": [{"contains": "ok"}]}] * 1))
    again = start(folder, server.url, "--resume", "latest", "--threshold", "0.1")
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 2
    assert "was a run of other inputs" in said


def test_a_folder_that_is_no_run_is_refused(folder: Path) -> None:
    child = start(folder, "http://127.0.0.1:9", "--resume", "nothing")
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "--resume: nothing is no run" in said
