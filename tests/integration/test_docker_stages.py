"""The build and unit stages and the agent under test, against a real engine."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench
from agentops.drivers import labels
from agentops.drivers.container import Engine
from agentops.errors import Interrupted, TargetError
from agentops.model.outcome import Outcome
from agentops.model.run import StageResult
from agentops.model.settings import Agent, Build, Limits, Unit
from agentops.stages import target
from agentops.stages.build import BuildStage
from agentops.stages.unit import UnitStage

pytestmark = pytest.mark.docker
BASE = "FROM python:3.11-slim\n"

SERVER = """
import http.server, json, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die": print("dying words", flush=True); os._exit(7)
        if self.path == "/env": said = json.dumps(dict(os.environ)).encode()
        else: said = b"fine"
        self.send_response(503 if self.path == "/never" else 200); self.end_headers()
        self.wfile.write(b"model endpoint unreachable" if self.path == "/never" else said)
    def log_message(self, *a): print(self.path, os.environ.get("KEY"), flush=True)
http.server.ThreadingHTTPServer(("", 8080), H).serve_forever()
"""
AGENT = BASE + 'WORKDIR /app\nCOPY server.py .\nCMD ["python", "server.py"]\n'


class _Silent:
    def append(self, kind: str, data: Mapping[str, Any]) -> None: ...


@pytest.fixture
def bench(engine: Engine, tmp_path: Path) -> Iterator[Bench]:
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    out.mkdir()
    run_id = f"test-{uuid.uuid4().hex[:12]}"
    yield Bench(run_id, root, out, lambda event: None, threading.Event(), _Silent())
    left = list(engine.sweep(run_id))
    tags = subprocess.run(["docker", "image", "ls", "-q", "test-agent"], capture_output=True, text=True).stdout.split()
    subprocess.run(["docker", "image", "rm", "-f", *tags], capture_output=True, check=False)
    assert left == []


Made = Callable[..., tuple[Agent, StageResult]]


@pytest.fixture
def made(bench: Bench) -> Made:
    def make(dockerfile: str, *, stage: str | None = None, **agent: Any) -> tuple[Agent, StageResult]:
        (bench.root / "Dockerfile").write_text(dockerfile)
        (bench.root / "server.py").write_text(SERVER)
        settings = Agent(name="Test Agent", build=Build(target=stage), **({"ready_timeout_s": 15.0} | agent))
        result = BuildStage(settings, bench.root).run(bench, {})
        return settings, result

    return make


def image_of(result: StageResult) -> str:
    assert result.outcome is Outcome.PASS, result.errors
    assert result.subject is not None
    assert result.subject.image_id is not None
    return result.subject.image_id


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def containers_of(bench: Bench) -> list[str]:
    wanted = f"label={labels.RUN}={bench.run_id}"
    return subprocess.run(["docker", "ps", "-aq", "--filter", wanted], capture_output=True, text=True).stdout.split()


# Build


def test_the_build_stage_gives_the_subject(made, bench, engine):
    subprocess.run("git init -q && echo out > .gitignore", shell=True, cwd=bench.root, check=True)
    agent, result = made(AGENT)
    assert image_of(result).startswith("sha256:")
    assert result.subject.image == "test-agent:nocommit"
    commit = "git add . && git -c user.name=t -c user.email=t@t commit -qm one && git rev-parse HEAD"
    hash_ = subprocess.run(
        commit, shell=True, cwd=bench.root, check=True, capture_output=True, text=True
    ).stdout.strip()
    result = BuildStage(agent, bench.root).run(bench, {})
    assert (result.subject.commit, result.subject.dirty) == (hash_, False)
    assert result.subject.image == f"test-agent:{hash_[:12]}"
    assert result.counts.measured == 1
    assert result.tools["docker"]
    assert (bench.out / "build.log").is_file()
    (bench.root / "new.txt").write_text("new")
    result = BuildStage(agent, bench.root).run(bench, {})
    assert result.subject.image == f"test-agent:{hash_[:12]}-dirty"
    found = engine.inspect(result.subject.image)
    assert found is not None
    assert found.id == result.subject.image_id


def test_a_failing_build_is_an_error_of_the_stage(made):
    _, result = made(BASE + "RUN echo the-reason && false\n")
    assert result.outcome is Outcome.ERROR
    assert "the-reason" in result.errors[0].message
    assert not result.errors[0].unavailable
    assert result.logs == ("build.log",)
    assert result.subject.image_id is None


def test_an_image_that_is_named_is_looked_at(bench):
    result = BuildStage(Agent(name="a", image="python:3.11-slim"), bench.root).run(bench, {})
    assert image_of(result).startswith("sha256:")
    result = BuildStage(Agent(name="a", image="127.0.0.1:9/no/such:1"), bench.root).run(bench, {})
    assert result.outcome is Outcome.ERROR
    assert "could not be pulled" in result.errors[0].message or "pull of" in result.errors[0].message


# Unit

# A stand-in for pytest, so that no test here needs a package index: it writes what UNIT says to where it was told.
PYTEST = """#!/usr/bin/env python
import os, pathlib, shlex, sys
words = shlex.split(os.environ["PYTEST_ADDOPTS"])
path = next(w.partition("=")[2] for w in words if w.startswith("--junitxml="))
print("user", os.getuid(), "env", sorted(os.environ))
body = pathlib.Path("/app/report.xml").read_text()
if body: pathlib.Path(path).write_text(body)
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""
TESTED = (
    'FROM python:3.11-slim AS agent\nWORKDIR /app\nENTRYPOINT ["python"]\nCMD ["server.py"]\nCOPY server.py .\n'
    "FROM agent AS test\nUSER root\nCOPY pytest /usr/local/bin/pytest\nRUN chmod 755 /usr/local/bin/pytest\n"
    "COPY report.xml .\nUSER 4321\n"
)
GREEN = (
    '<testsuites><testsuite><testcase classname="tests.test_a" name="test_one" time="0.1"/></testsuite></testsuites>'
)
RED = (
    '<testsuites><testsuite><testcase classname="a" name="one"/>'
    '<testcase classname="a" name="two"><failure message="1 is 2">trace</failure></testcase>'
    '<testcase name="three"><skipped message="not here"/></testcase></testsuite></testsuites>'
)


@pytest.fixture
def unit(bench: Bench, made: Made) -> Callable[..., StageResult]:
    def run(report: str, *, dockerfile: str = TESTED, **options: Any) -> StageResult:
        (bench.root / "pytest").write_text(PYTEST)
        (bench.root / "report.xml").write_text(report)
        agent, built = made(dockerfile, stage="agent")
        image_of(built)
        settings = Unit(**({"command": ("pytest",), "target": "test"} | options))
        return UnitStage(settings, agent, bench.root).run(bench, {"build": built})

    return run


def test_tests_run_in_the_image_as_its_user(unit, bench):
    result = unit(GREEN)
    assert result.outcome is Outcome.PASS, result.errors
    assert [(c.group, c.name, c.outcome) for c in result.checks] == [("tests.test_a", "test_one", Outcome.PASS)]
    assert result.values == {"tests": 1.0, "tests_failed": 0.0}
    assert "user 4321" in (bench.out / "unit.log").read_text()
    assert result.logs == ("unit-build.log", "unit.log")
    assert containers_of(bench) == []


def test_failing_tests_are_counted_and_not_an_error(unit):
    result = unit(RED, command=("pytest", "1"))
    assert result.outcome is Outcome.PASS
    assert result.values == {"tests": 3.0, "tests_failed": 1.0}
    assert (result.counts.planned, result.counts.measured) == (3, 2)
    assert "not here" in result.counts.skipped[0]
    assert result.checks[1].message == "1 is 2"


@pytest.mark.parametrize(
    ("report", "code", "said"),
    [
        ("<testsuites><testsuite tests='0'/></testsuites>", "5", "no tests found"),
        ("", "0", "left no report"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><testsuites/>", "0", "document type"),
        (GREEN, "2", "no test in the report failed, but the command exited with code 2"),
    ],
)
def test_what_proves_nothing_is_an_error(unit, report, code, said):
    result = unit(report, command=("pytest", code))
    assert result.outcome is Outcome.ERROR
    assert said in result.errors[0].message


def test_a_test_image_that_is_not_built_on_the_measured_one_is_refused(unit):
    apart = TESTED.replace("FROM agent AS test", "FROM python:3.11-slim AS test\nWORKDIR /app")
    result = unit(GREEN, dockerfile=apart)
    assert result.outcome is Outcome.ERROR
    assert "not built on the measured image" in result.errors[0].message


def test_tests_that_take_too_long_are_stopped(unit, bench):
    result = unit(GREEN, command=("sleep", "60"), timeout_s=1.0)
    assert result.outcome is Outcome.ERROR
    assert "longer than 1 s" in result.errors[0].message
    assert containers_of(bench) == []


# The agent


def test_an_agent_in_a_container_serves_and_leaves_its_log(made, bench, monkeypatch):
    monkeypatch.setenv("KEY", "s3cr3t-value")
    agent, built = made(AGENT, env={"LEVEL": "info", "WHO": "config"}, secret_env=("KEY",))
    with target.prepare(agent, image_of(built), bench) as site:
        assert site.kind == "container"
        with site.start({"WHO": "caller"}) as running:
            assert running.containerised
            assert running.trouble() is None
            assert running.notices() == ()
            env = json.loads(get(running.base_url + "/env"))
            assert (env["LEVEL"], env["WHO"], env["KEY"]) == ("info", "caller", "s3cr3t-value")
        assert containers_of(bench) == []
        with site.start({}) as again:
            assert again.log == "agent-2.log"
    log = (bench.out / "agent.log").read_text()
    assert "/env" in log
    assert "s3cr3t-value" not in log


def test_a_model_server_of_this_machine_is_reached(made, bench):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    relay = (
        "import http.server, os, urllib.request\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        code = urllib.request.urlopen('http://' + os.environ['MODEL'], timeout=3).status\n"
        "        self.send_response(code); self.end_headers()\n"
        "http.server.HTTPServer(('', 8080), H).serve_forever()\n"
    )
    (bench.root / "relay.py").write_text(relay)
    agent, built = made(BASE + 'COPY relay.py /\nCMD ["python", "/relay.py"]\n')
    with target.prepare(agent, image_of(built), bench) as site:
        server = http.server.ThreadingHTTPServer((site.model_host, 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with site.start({"MODEL": site.model_address(server.server_port)}) as running:
            assert get(running.base_url + "/ready") == ""
        server.shutdown()
        server.server_close()


def test_an_agent_that_dies_at_start_is_named_with_its_log(made, bench):
    agent, built = made(BASE + 'CMD ["python", "-c", "import sys; sys.exit(\'no model given\')"]\n')
    with target.prepare(agent, image_of(built), bench) as site, pytest.raises(TargetError) as caught, site.start({}):
        pass
    assert caught.value.message == "the agent's container exited with code 1 before it was ready"
    assert "no model given" in caught.value.hint
    assert "no model given" in (bench.out / "agent.log").read_text()
    assert containers_of(bench) == []


def test_an_agent_out_of_memory_is_named(made, bench):
    greedy = BASE + 'CMD ["python", "-c", "b = bytearray(300 << 20); print(len(b))"]\n'
    agent, built = made(greedy, limits=Limits(memory_bytes=64 << 20))
    with (
        target.prepare(agent, image_of(built), bench) as site,
        pytest.raises(TargetError, match="out of memory, it wanted more than its 64 MiB"),
        site.start({}),
    ):
        pass


def test_an_agent_that_never_gets_ready_is_quoted(made, bench):
    agent, built = made(AGENT, ready="/never", ready_timeout_s=1.5)
    with (
        target.prepare(agent, image_of(built), bench) as site,
        pytest.raises(TargetError, match="503: model endpoint unreachable"),
        site.start({}),
    ):
        pass
    assert "/never" in (bench.out / "agent.log").read_text()


def test_an_agent_that_dies_in_the_middle_is_in_trouble(made, bench):
    agent, built = made(AGENT)
    with target.prepare(agent, image_of(built), bench) as site, site.start({}) as running:
        with pytest.raises(OSError):
            get(running.base_url + "/die")
        deadline = time.monotonic() + 5
        while running.trouble() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert running.trouble() == "the agent's container exited with code 7; its last line: dying words"
    assert "dying words" in (bench.out / "agent.log").read_text()


def test_the_root_is_read_only_and_writable_paths_are_not(made, bench):
    code = "import os; open('/tmp/a', 'w'); open('/app/a', 'w')"
    agent, built = made(BASE + f'WORKDIR /app\nCMD ["python", "-c", "{code}"]\n')
    with target.prepare(agent, image_of(built), bench) as site, pytest.raises(TargetError) as caught, site.start({}):
        pass
    assert "Read-only file system: '/app/a'" in caught.value.hint


def test_nothing_is_left_after_an_error_or_an_interrupt(made, bench):
    agent, built = made(AGENT)
    image_id = image_of(built)
    with pytest.raises(RuntimeError), target.prepare(agent, image_id, bench) as site, site.start({}):
        raise RuntimeError
    assert containers_of(bench) == []
    slow, _ = made(AGENT, ready="/never", ready_timeout_s=30.0)
    threading.Timer(1.0, bench.cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Interrupted), target.prepare(slow, image_id, bench) as site, site.start({}):
        pass
    assert time.monotonic() - started < 6
    assert containers_of(bench) == []
