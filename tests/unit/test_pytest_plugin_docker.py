"""The pytest plug-in with a real engine: the repository's own reference agent, and what an interrupt leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentops.drivers.container import Engine
from agentops.errors import Unavailable

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
PYTEST = (sys.executable, "-m", "pytest", "-p", "agentops.pytest_plugin", "-p", "no:cacheprovider")
# One question, and then the test that uses the fixture takes its time.
TESTS = """
import time
from pathlib import Path

def test_it(agent):
    assert agent.containerised
    Path("asked").write_text(agent.url)
    time.sleep(120)
"""
DOCKERFILE = 'FROM python:3.11-slim\nUSER 10001\nCMD ["python", "-m", "http.server", "8080", "--directory", "/tmp"]\n'
CONFIG = "version: 1\nagent: {name: tiny-agent, build: {context: .}, ready: /, ready_timeout_s: 30}\n"


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips where no engine answers; the plug-in alone is loaded."""
    try:
        Engine.connect().close()
    except Unavailable as error:
        pytest.skip(error.message)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_the_reference_agent_answers_in_its_container(tmp_path: Path) -> None:
    (tmp_path / "test_evals.py").write_text(
        "def test_refund(agent):\n"
        "    reply = agent.ask('Where is my order A-1001?')\n"
        "    agent.check(reply, {'icontains': 'on its way'}, tool_called='lookup_order', latency={'at_most_s': 5})\n"
    )
    cases = [f"--agentops={ROOT}/evalsets/support.yaml::{name}" for name in ("order-status-shipped", "order-carrier")]
    done = subprocess.run(
        [*PYTEST, f"--agentops-config={ROOT}/agentops.yaml", *cases, "test_evals.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert "agentops: 2 cases, 6 attempts; 1 reply to tests; model scripted:support-model " in done.stdout
    assert "containerised: yes; this is no gate" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_removes_the_container(tmp_path: Path, number: signal.Signals) -> None:
    for name, content in (("test_evals.py", TESTS), ("Dockerfile", DOCKERFILE), ("agentops.yaml", CONFIG)):
        (tmp_path / name).write_text(content)
    with subprocess.Popen(PYTEST, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 120
        while not (tmp_path / "asked").exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        (run,) = (tmp_path / ".agentops/runs").iterdir()
        assert left_over(run.name), "the container was never there"
        child.send_signal(number)
        said, _ = child.communicate(timeout=60)
    assert child.returncode == pytest.ExitCode.INTERRUPTED, said
    assert left_over(run.name) == []


def left_over(run_id: str) -> list[str]:
    """Containers and networks of the run."""
    found = []
    for words in (["ps", "-aq"], ["network", "ls", "-q"]):
        said = subprocess.run(
            ["docker", *words, "--filter", f"label=agentops.run={run_id}"], capture_output=True, text=True, check=True
        )
        found += said.stdout.split()
    return found
