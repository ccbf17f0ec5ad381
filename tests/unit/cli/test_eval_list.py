"""agentops eval from outside: the list of cases, and the part that is chosen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = [
    {"id": "plain", "input": "hi", "tags": ["typical"], "expect": [{"contains": "ok"}]},
    {
        "id": "talk",
        "turns": [{"input": "hi"}, {"input": "bye"}],
        "tags": ["edge", "::error::x"],
        "weight": 2,
        "runs": 3,
        "needed": 2,
        "origin": "generated",
        "expect": [{"contains": "ok"}],
    },
]
CONFIG = """version: 1
agent: {{name: a, url: "{url}"}}
evals: {{suites: [cases.json], runs: 1, timeout_s: 1, retries: 0}}
gate: [{{metric: pass_rate, at_least: 0.5, confidence: 0.6}}]
"""


def agentops(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR")}
    line = [sys.executable, "-m", "agentops.cli.main", "eval", *words]
    return subprocess.run(line, cwd=cwd, env=known, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "cases.json").write_text(json.dumps(CASES, indent=1))
    (tmp_path / "agentops.yaml").write_text(CONFIG.format(url="http://127.0.0.1:9"))
    return tmp_path


def test_the_list_needs_no_agent_and_no_configuration(project: Path) -> None:
    (project / "agentops.yaml").unlink()
    done = agentops("--list", "--test-cases", "cases.json", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    suite, plain, talk, empty, *composition = done.stdout.splitlines()
    assert suite == "cases (cases.json): 2 cases"
    assert plain.split() == ["plain", "typical"]
    assert talk.split(maxsplit=1)[1].strip() == ("edge, ::error::x (2 turns, weight 2, 2 of 3 runs, from generated)")
    assert empty == ""
    assert composition[0] == "cases       2 in 1 suite: 1 written, 1 generated"
    assert not any(line.lstrip().startswith("::") for line in done.stdout.splitlines())
    assert not (project / ".agentops").exists()


def test_the_list_for_scripts(project: Path) -> None:
    done = agentops("--list", "--format", "json", cwd=project)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (suite,) = found["suites"]
    assert (suite["name"], suite["path"]) == ("cases", "cases.json")
    assert suite["cases"][0] == {
        "id": "plain", "tags": ["typical"], "turns": 1, "path": "cases.json", "line": 2, "weight": 1.0, "runs": None,
        "needed": None, "origin": "",
    }  # fmt: skip
    assert found["composition"] == {
        "cases": 2, "suites": 1, "tags": {"::error::x": 1, "edge": 1, "typical": 1}, "untagged": 0,
        "weights": {"1": 1, "2": 1}, "turns": {"1": 1, "2": 1}, "assertions": {"contains": 2}, "probes": 0,
        "written": 1, "generated": 1, "imported": 0,
    }  # fmt: skip


def test_the_list_is_of_the_cases_that_are_chosen(project: Path) -> None:
    done = agentops("--list", "--tag", "edge", "--id", "t*", "--format", "json", cwd=project)
    assert [c["id"] for c in json.loads(done.stdout)["suites"][0]["cases"]] == ["talk"]
    assert done.stderr == "note: a part was chosen: 1 of 2 cases\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--list", "--tag", "egde"), "no case has the tag 'egde'; did you mean 'edge'?"),
        (("--list", "--id", "x"), "no case has the id 'x'"),
        (("--list", "--last-failed"), "holds no run of the agent 'a'"),
        (("--list", "--since", "main"), "lies in no git repository"),
        (("--list", "--test-cases", "none.json"), "none.json: no such file"),
        (("--format", "json"), "--format belongs to --list"),
        (("--tag", "egde"), "no case has the tag 'egde'"),
    ],
)
def test_what_cannot_be_chosen_is_a_usage_error(project: Path, words: tuple[str, ...], said: str) -> None:
    done = agentops(*words, cwd=project)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_only_the_chosen_cases_are_asked_and_what_failed_is_asked_again(
    project: Path, agent: Callable[[Callable[[Any], None]], Any]
) -> None:
    server = agent(lambda r: r.say("ok" if r.asked == "hi" else "no"))
    (project / "agentops.yaml").write_text(CONFIG.format(url=server.url))
    done = agentops(cwd=project)
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    first = (project / ".agentops/latest").resolve()
    server.seen.clear()
    done = agentops("--id", "plain", "--quiet", cwd=project)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert {text for text, _ in server.seen} == {"hi"}
    run = json.loads((project / ".agentops/latest/run.json").read_text())
    assert run["scope"]["full"] is False
    (project / ".agentops/latest/run.json").unlink()
    done = agentops("--list", "--last-failed", "--format", "json", cwd=project)
    assert [c["id"] for c in json.loads(done.stdout)["suites"][0]["cases"]] == ["talk"], done.stderr
    assert first.name in done.stderr
