"""What a terminal shows: a bar while it runs, colour unless it is unwanted, and the verdict last."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def in_terminal(folder: Path, *words: str, **env: str) -> tuple[int, str]:
    """Exit code and everything that a terminal of 80 columns was sent."""
    ours, theirs = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    argv = [sys.executable, "-m", "agentops.cli.main", *words]
    child = subprocess.Popen(
        argv, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env=clean | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"} | env,
    )  # fmt: skip
    os.close(theirs)
    said, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.1)[0]:
            continue
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end was closed
            break
        if not chunk:
            break
        said += chunk
    os.close(ours)
    return child.wait(10), said.decode()


@pytest.fixture
def project(tmp_path: Path, agent: Callable[..., Any]) -> Path:
    def slowly(request: Any) -> None:
        time.sleep(0.02)
        request.say("ok")

    cases = [{"id": f"c{i}", "input": "hi", "expect": [{"contains": "ok"}]} for i in range(40)]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    config = {
        "version": 1,
        "agent": {"name": "a", "url": agent(slowly).url},
        "evals": {"suites": ["cases.json"], "runs": 1},
    }
    (tmp_path / "agentops.yaml").write_text(json.dumps(config))
    return tmp_path


def test_a_bar_runs_and_goes_and_the_verdict_is_last(project: Path) -> None:
    code, said = in_terminal(project, "check")
    assert code == 0, said
    assert "━" in said
    assert "/40" in said
    assert "\x1b[32m" in said
    head, _, end = said.rpartition("PASS: a")
    assert "━" not in end
    assert "\x1b[2K" in head or "\x1b[1A" in head, "the bar is taken away again"


def test_no_color_is_obeyed(project: Path) -> None:
    code, said = in_terminal(project, "check", "--quiet", NO_COLOR="1")
    assert code == 0
    assert "\x1b[" not in said


def test_quiet_shows_no_progress(project: Path) -> None:
    assert "━" not in in_terminal(project, "check", "--quiet")[1]
