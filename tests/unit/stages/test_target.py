from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench
from agentops.errors import ConfigError, Interrupted, MeasurementError, TargetError, Unavailable
from agentops.model.settings import Agent
from agentops.stages import target

SERVER = """
import http.server, json, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die": print("dying words", flush=True); os._exit(7)
        self.send_response(503 if self.path == "/never" else 200); self.end_headers()
        self.wfile.write(b"no model" if self.path == "/never" else json.dumps(dict(os.environ)).encode())
    def log_message(self, *a): pass
print("key", os.environ.get("KEY"), flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""


class Silent:
    def append(self, kind: str, data: Mapping[str, Any]) -> None: ...


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    out.mkdir()
    (root / "server.py").write_text(SERVER)
    return Bench("r1", root, out, lambda event: None, threading.Event(), Silent())


def agent(**options: Any) -> Agent:
    given = {"command": (sys.executable, "server.py", "{port}"), "ready_timeout_s": 10.0} | options
    return Agent(name="a", **given)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def test_a_local_process_gets_its_port_and_a_named_environment(bench, monkeypatch):
    monkeypatch.setenv("KEY", "s3cr3t-value")
    monkeypatch.setenv("NOT_ITS", "x")
    wanted = agent(env={"LEVEL": "info", "WHO": "config"}, secret_env=("KEY",))
    with target.prepare(wanted, None, bench) as site:
        assert (site.kind, site.model_host, site.model_address(7)) == ("process", "127.0.0.1", "127.0.0.1:7")
        with site.start({"WHO": "caller"}) as running:
            env = json.loads(get(running.base_url))
            assert not running.containerised
            assert running.trouble() is None
            assert running.base_url.endswith(":" + env["PORT"])
            assert (env["LEVEL"], env["WHO"], env["KEY"]) == ("info", "caller", "s3cr3t-value")
            assert "NOT_ITS" not in env
        with pytest.raises(OSError):
            get(running.base_url)
    assert (bench.out / running.log).read_text() == "key [redacted]\n"


def test_every_start_keeps_its_own_log(bench):
    with target.prepare(agent(), None, bench) as site:
        for name in ("agent.log", "agent-2.log"):
            with site.start({}) as running:
                assert running.log == name
    assert (bench.out / "agent-2.log").read_text() == "key None\n"


def test_a_process_that_dies_in_the_middle_is_in_trouble(bench):
    with target.prepare(agent(), None, bench) as site, site.start({}) as running:
        with pytest.raises(OSError):
            get(running.base_url + "/die")
        deadline = time.monotonic() + 5
        while running.trouble() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert running.trouble() == "the agent's process exited with code 7; its last line: dying words"


def test_a_process_that_dies_at_start_is_named_with_its_log(bench):
    dying = agent(command=(sys.executable, "-c", "import sys; sys.exit('no model given')"))
    with target.prepare(dying, None, bench) as site, pytest.raises(TargetError) as caught, site.start({}):
        pass
    assert caught.value.message == "the agent's process exited with code 1 before it was ready"
    assert "no model given" in caught.value.hint
    assert "no model given" in (bench.out / "agent.log").read_text()


def test_a_process_that_never_gets_ready_is_quoted(bench):
    with (
        target.prepare(agent(ready="/never", ready_timeout_s=1.0), None, bench) as site,
        pytest.raises(TargetError, match="503: no model"),
        site.start({}),
    ):
        pass


def test_a_program_that_is_not_there_is_the_agents_fault(bench):
    with (
        target.prepare(agent(command=("no-such-program",)), None, bench) as site,
        pytest.raises(TargetError, match="no-such-program"),
        site.start({}),
    ):
        pass


def test_an_error_of_the_caller_passes_through_and_the_process_is_gone(bench):
    wanted = agent(command=("sh", "-c", f"echo $$ > pid; exec {sys.executable} server.py {{port}}"))
    pids: list[int] = []

    def call() -> None:
        with target.prepare(wanted, None, bench) as site, site.start({}):
            pids.append(int((bench.root / "pid").read_text()))
            raise Unavailable("the caller's")

    with pytest.raises(Unavailable, match="the caller's"):
        call()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_cancel_ends_the_start(bench):
    bench.cancel.set()
    with target.prepare(agent(ready="/never"), None, bench) as site, pytest.raises(Interrupted), site.start({}):
        pass


@pytest.mark.parametrize("image_id", [None, "sha256:1"])
def test_a_missing_secret_is_named_before_anything_starts(bench, image_id, monkeypatch):
    monkeypatch.delenv("KEY", raising=False)
    with (
        pytest.raises(ConfigError, match="KEY is not in the environment"),
        target.prepare(agent(secret_env=("KEY",)), image_id, bench),
    ):
        pass
    assert list(bench.out.iterdir()) == []


def test_an_image_without_an_engine_is_unavailable(bench, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{bench.root}/none.sock")
    with pytest.raises(Unavailable, match="no Docker engine"), target.prepare(agent(), "sha256:1", bench):
        pass


def test_nothing_to_start_is_an_error(bench):
    with pytest.raises(MeasurementError, match="no image"), target.prepare(agent(command=()), None, bench):
        pass


def test_an_address_needs_somebody_who_listens(bench):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/base/"
        with target.prepare(agent(url=url), "sha256:1", bench) as site, site.start({}) as running:
            assert site.kind == "url"
            assert running.base_url == url.rstrip("/")
            assert (running.containerised, running.log, running.trouble()) == (False, "", None)
    with (
        target.prepare(agent(url=url), None, bench) as site,
        pytest.raises(TargetError, match="refused"),
        site.start({}),
    ):
        pass


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://x:99999"])
def test_an_address_that_cannot_be_is_refused(bench, url):
    with (
        target.prepare(agent(url=url), None, bench) as site,
        pytest.raises(ConfigError, match=r"agent\.url"),
        site.start({}),
    ):
        pass
