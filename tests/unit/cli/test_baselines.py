"""Keeping a run as a baseline, and measuring a loss against it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CONFIG = """version: 1
agent: {name: toy, url: URL}
evals:
  suites: [cases.json]
  runs: {min: 3, max: 5}
gate:
  - {metric: violations, at_most: 1000}
GATE
"""
REGRESSION = "  - {metric: regression, against: main, max_loss: 0.05}"


def check(folder: Path, *more: str) -> tuple[int, str]:
    argv = [
        sys.executable,
        "-c",
        "import sys; from agentops.cli.main import main; sys.exit(main())",
        "check",
        "-q",
        *more,
    ]
    ended = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return ended.returncode, " ".join((ended.stdout + ended.stderr).split())


def configure(folder: Path, url: str, gate: str = "") -> None:
    cases = [{"id": f"c{i}", "input": f"question {i}", "expect": [{"contains": "ok"}]} for i in range(60)]
    (folder / "cases.json").write_text(json.dumps(cases))
    (folder / "agentops.yaml").write_text(CONFIG.replace("URL", url).replace("GATE", gate))


def test_a_run_is_kept_and_later_ones_are_measured_against_it(tmp_path: Path, agent: Callable[..., Any]) -> None:
    broken: set[int] = set()

    def answer(request: Any) -> None:
        request.say("no" if int(request.asked.split()[1]) in broken else "ok")

    url = agent(answer).url
    configure(tmp_path, url, REGRESSION)
    code, said = check(tmp_path)
    assert code == 2
    assert "there is no baseline 'main'" in said
    configure(tmp_path, url)
    code, said = check(tmp_path, "--save-baseline", "main")
    assert code == 0, said
    assert "baseline main: .agentops/baselines/main.json" in said
    configure(tmp_path, url, REGRESSION)
    code, said = check(tmp_path)
    assert code == 0, said
    assert "regression[against=main] <= 0.05" in said
    broken.update(range(0, 60, 6))
    code, said = check(tmp_path)
    assert code == 1, said
    assert "+16.7 points lost since main over 60 cases" in said
    ended = subprocess.run(
        [sys.executable, "-c", "import sys; from agentops.cli.main import main; sys.exit(main())", "decide",
         ".agentops/latest"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1, "judged again it is the same"


def test_a_name_that_is_none_is_refused_before_any_call(tmp_path: Path, agent: Callable[..., Any]) -> None:
    server = agent(lambda r: r.say("ok"))
    configure(tmp_path, server.url)
    code, said = check(tmp_path, "--save-baseline", "../x")
    assert code == 2
    assert "is no name" in said
    assert server.seen == []
