"""Evidence of the same build continues from run to run; an agent that is a command runs in a container a turn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

SERVER = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.reply({})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = "ok: " + body["messages"][-1]["content"]
        self.reply({"model": "MODEL", "choices": [{"message": {"content": said}}]})
    def reply(self, data):
        raw = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.11-slim\nCOPY agent.py /agent.py\nUSER 10001\nCMD ["python", "/agent.py"]\n'
CONFIG = """version: 1
agent: {name: evident-agent, build: {context: app, dockerfile: app/Dockerfile}, limits: {memory: 64Mi, pids: 32}}
evals:
  suites: [cases.json]
  runs: {min: 1, max: 5}
  budget: {calls: CALLS}
  evidence: {folder: kept}
gate: [{metric: pass_rate, at_least: 0.8}]
"""
COMMAND = """version: 1
agent:
  name: command-agent
  build: {context: app, dockerfile: app/Dockerfile}
  protocol: command
  command: [python, /agent.py, "{input}"]
  limits: {memory: 64Mi, pids: 32}
evals: {suites: [cases.json], runs: 1, concurrency: 2}
gate: [{metric: violations, at_most: 0}]
"""


def project(folder: Path, config: str, source: str, *, cases: int = 40) -> None:
    (folder / "app").mkdir(exist_ok=True)
    (folder / "app/agent.py").write_text(source)
    (folder / "app/Dockerfile").write_text(DOCKERFILE)
    (folder / "agentops.yaml").write_text(config)
    made = [{"id": f"c{i}", "input": f"q{i}", "expect": [{"contains": f"ok: q{i}"}]} for i in range(cases)]
    (folder / "cases.json").write_text(json.dumps(made))


def check(folder: Path) -> tuple[int, str]:
    argv = [sys.executable, "-m", "agentops.cli.main", "check", "-q", "--environment", "ci"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def asked_now(folder: Path) -> int:
    """Attempts of the latest run itself."""
    lines = (folder / ".agentops/latest/journal.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return sum(r["kind"] == "attempt" and not r.get("earlier") for r in records)


def test_a_run_that_could_not_tell_is_continued_by_the_next(tmp_path: Path) -> None:
    project(tmp_path, CONFIG.replace("CALLS", "30"), SERVER)
    code, said = check(tmp_path)
    assert code == 3, said
    assert "there is no earlier evidence of the same inputs" in said
    assert asked_now(tmp_path) == 30
    project(tmp_path, CONFIG.replace("CALLS", "60"), SERVER)
    code, said = check(tmp_path)
    assert code == 0, said
    assert "30 attempts of 1 earlier run of the same inputs count" in said
    assert 10 <= asked_now(tmp_path) < 30, "the first round is filled, and that settles it"
    code, said = check(tmp_path)
    assert code == 0, said
    assert asked_now(tmp_path) == 0, "settled is settled"


def test_another_build_or_another_model_starts_anew(tmp_path: Path) -> None:
    config = CONFIG.replace("CALLS", "300")
    project(tmp_path, config, SERVER)
    assert check(tmp_path)[0] == 0
    project(tmp_path, config, SERVER + "\n# a changed agent\n")
    code, said = check(tmp_path)
    assert code == 0, said
    assert "there is no earlier evidence of the same inputs" in said
    # The same inputs, and another model behind them.
    for path in (tmp_path / "kept").glob("*.jsonl"):
        path.write_text(path.read_text().replace('"model":"MODEL"', '"model":"older"'))
    code, said = check(tmp_path)
    assert code == 0, said
    assert "earlier evidence does not count: it is of older, now MODEL answers" in said
    assert 40 <= asked_now(tmp_path) < 50


def test_a_command_in_a_container_a_turn(tmp_path: Path) -> None:
    project(
        tmp_path, COMMAND, 'import sys\nprint("to the log", file=sys.stderr)\nprint("ok: " + sys.argv[1])\n', cases=4
    )
    code, said = check(tmp_path)
    assert code == 0, said
    assert "containerised: yes" in said
    assert (tmp_path / ".agentops/latest/agent.log").read_text().count("to the log") == 4
