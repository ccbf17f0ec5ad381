"""`agentops check` over a real image in a real engine, good and bad, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentops.drivers import journal
from agentops.model import records
from agentops.reports.json import read_run

AGENT = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE = os.environ.get("MODE", "good")
asked = 0

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.reply({"ready": MODE != "unready"}, 503 if MODE == "unready" else 200)
    def do_POST(self):
        global asked
        asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if MODE == "dies" and asked > 20:
            print("fatal: out of luck", flush=True)
            os._exit(7)
        if MODE == "hungry":
            blob = [b"x" * 10_000_000 for _ in range(100)]
        if MODE == "slow":
            time.sleep(5)
        self.reply({"choices": [{"message": {"content": "ok: " + body["messages"][-1]["content"]}}]})
    def reply(self, data, status=200):
        raw = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
    def log_message(self, *_):
        pass

if MODE == "crash":
    sys.exit("no configuration: refusing to start")
ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.11-slim\nCOPY agent.py /agent.py\nUSER 10001\nCMD ["python", "/agent.py"]\n'
CONFIG = """version: 1
agent:
  name: tiny-agent
  build: {{context: .}}
  ready_timeout_s: 5
  env: {{MODE: {mode}}}
  limits: {{memory: 64Mi, pids: 32}}
evals: {{suites: [cases.json], runs: 1, timeout_s: 10}}
"""


pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]


def project(folder: Path, mode: str) -> Path:
    (folder / "agent.py").write_text(AGENT)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "agentops.yaml").write_text(CONFIG.format(mode=mode))
    cases = [{"id": f"c{i}", "input": f"q{i}", "expect": [{"contains": f"ok: q{i}"}]} for i in range(40)]
    (folder / "cases.json").write_text(json.dumps(cases))
    return folder


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "agentops.cli.main", "check", "--environment", "ci", *words]


def check(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(command(*words), cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    return done.returncode, " ".join(done.stdout.split()) + done.stderr


def left_over(folder: Path) -> list[str]:
    """Containers and networks of the run that wrote the folder's latest reports."""
    run_id = (folder / ".agentops/latest").readlink().name
    found = []
    for words in (["ps", "-aq"], ["network", "ls", "-q"]):
        said = subprocess.run(
            ["docker", *words, "--filter", f"label=agentops.run={run_id}"], capture_output=True, text=True, check=True
        )
        found += said.stdout.split()
    return found


def test_a_good_image_passes_and_nothing_is_left(tmp_path: Path) -> None:
    code, said = check(project(tmp_path, "good"))
    assert code == 0, said
    assert "containerised: yes" in said
    latest = tmp_path / ".agentops/latest"
    run = json.loads((latest / "run.json").read_text())
    assert run["containerised"] is True
    assert run["subject"]["image_id"].startswith("sha256:")
    assert run["subject"]["image"] == "tiny-agent:nocommit"
    assert json.loads((latest / "verdict.json").read_text())["not_recordable"] == ["the image belongs to no commit"]
    assert "Successfully built" in (latest / "build.log").read_text()
    assert (latest / "agent.log").is_file()
    assert left_over(tmp_path) == []


def test_the_same_inputs_give_the_same_image(tmp_path: Path) -> None:
    project(tmp_path, "good")
    # Everything is copied: the reports of the first run must not get into the second image.
    (tmp_path / "Dockerfile").write_text('FROM python:3.11-slim\nCOPY . /app/\nCMD ["python", "/app/agent.py"]\n')
    ids = []
    for _ in range(2):
        assert check(tmp_path)[0] == 0
        ids.append(json.loads((tmp_path / ".agentops/latest/run.json").read_text())["subject"]["image_id"])
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("crash", "no configuration: refusing to start"),
        ("unready", "503"),
        ("dies", "fatal: out of luck"),
        ("hungry", "memory"),
    ],
)
def test_a_container_that_does_not_live_is_an_error_with_its_last_words(tmp_path: Path, mode: str, said: str) -> None:
    code, told = check(project(tmp_path, mode))
    assert code == 4, told
    assert said in told
    assert (tmp_path / ".agentops/latest/junit.xml").is_file()
    assert left_over(tmp_path) == []


def test_an_image_that_does_not_build_is_an_error_with_the_end_of_the_log(tmp_path: Path) -> None:
    project(tmp_path, "good")
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nRUN echo about to fail && exit 3\n")
    code, told = check(tmp_path)
    assert code == 4
    assert "about to fail" in told
    assert "there is no image to run" in told
    assert "about to fail" in (tmp_path / ".agentops/latest/build.log").read_text()


def test_a_missing_dockerfile_is_refused_before_anything(tmp_path: Path) -> None:
    project(tmp_path, "good")
    (tmp_path / "Dockerfile").unlink()
    assert check(tmp_path)[0] == 2


def test_ctrl_c_leaves_no_container(tmp_path: Path) -> None:
    project(tmp_path, "slow")
    with subprocess.Popen(
        command(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        deadline = time.monotonic() + 60
        log = tmp_path / ".agentops/latest/agent.log"
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
        assert child.returncode == 130, out
    assert left_over(tmp_path) == []


def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path: Path) -> None:
    project(tmp_path, "slow")
    with subprocess.Popen(command(), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (tmp_path / ".agentops/latest/agent.log").exists():
            time.sleep(0.1)
        time.sleep(2)
        child.kill()
    run_id = (tmp_path / ".agentops/latest").readlink().name
    before = left_over(tmp_path)
    assert before, "the killed run should have left its container"
    project(tmp_path, "good")
    assert check(tmp_path)[0] == 0
    said = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=agentops.run={run_id}"], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == []


@pytest.mark.skipif(not os.environ.get("AGENTOPS_TEST_REGISTRY"), reason="AGENTOPS_TEST_REGISTRY names no registry")
def test_a_push_after_a_pass_records_the_manifest_digest(tmp_path: Path) -> None:
    import urllib.request

    registry = os.environ["AGENTOPS_TEST_REGISTRY"]
    project(tmp_path, "good")
    code, said = check(tmp_path, "--push", registry)
    assert code == 0, said
    latest = tmp_path / ".agentops/latest"
    assert records.rebuild(journal.read(latest / "journal.jsonl")) == read_run((latest / "run.json").read_text())
    subject = json.loads((latest / "run.json").read_text())["subject"]
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    url = f"http://{registry}/v2/tiny-agent/manifests/{subject['digest']}"
    with urllib.request.urlopen(urllib.request.Request(url, headers=accept), timeout=10) as answer:
        manifest = json.load(answer)
    assert manifest["config"]["digest"] == subject["image_id"]


def test_nothing_is_pushed_after_a_fail(tmp_path: Path) -> None:
    project(tmp_path, "good")
    (tmp_path / "cases.json").write_text(json.dumps([
        {"id": f"c{i}", "input": "q", "expect": [{"equals": "never"}]} for i in range(40)
    ]))  # fmt: skip
    code, said = check(tmp_path, "--push", "localhost:1")
    assert code == 1
    assert "pushed" not in said


def test_a_push_that_fails_is_no_pass(tmp_path: Path) -> None:
    code, said = check(project(tmp_path, "good"), "--push", "localhost:1")
    assert code == 4
    assert "ERROR: push to localhost:1" in said
    latest = tmp_path / ".agentops/latest"
    assert json.loads((latest / "verdict.json").read_text())["outcome"] == "error"
    assert "push to localhost:1" in (latest / "junit.xml").read_text()
    assert "push to localhost" in (latest / "report.md").read_text()
