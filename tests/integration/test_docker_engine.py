"""The container driver against a real engine."""

from __future__ import annotations

import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from agentops.drivers import archive, labels
from agentops.drivers.container import Engine
from agentops.drivers.image import BuildRequest, Image
from agentops.drivers.instance import State
from agentops.drivers.spec import ContainerSpec
from agentops.errors import Interrupted, MeasurementError, Unavailable

pytestmark = pytest.mark.docker
BASE = "FROM python:3.11-slim\n"


@pytest.fixture
def run_id(engine: Engine) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    engine.sweep(name)


@pytest.fixture(scope="module")
def base(engine: Engine) -> Image:
    found = engine.inspect("python:3.11-slim")
    if found is None:
        pytest.skip("the engine has no python:3.11-slim")
    return found


@pytest.fixture
def build(engine: Engine, tmp_path: Path, run_id: str) -> Iterator[Callable[..., Image]]:
    context = tmp_path / "context"
    context.mkdir()
    tags: list[str] = []

    def make(dockerfile: str, *, cancel: threading.Event | None = None, **options: object) -> Image:
        (context / "Dockerfile").write_text(dockerfile)
        tag = f"agentops-{run_id}:{len(tags)}"
        request = BuildRequest(
            context=context,
            dockerfile=context / "Dockerfile",
            tag=tag,
            **options,  # type: ignore[arg-type]
        )
        tags.append(tag)
        return engine.build(request, log=tmp_path / "build.log", cancel=cancel)

    yield make
    subprocess.run(["docker", "image", "rm", "-f", *tags], capture_output=True, check=False)


def spec(image: Image, run_id: str, *command: str, **options: object) -> ContainerSpec:
    given: dict[str, object] = {"memory_bytes": 128 << 20, "cpus": 1.0, "pids": 64, "program": True} | options
    return ContainerSpec(image=image.id, run_id=run_id, command=command, **given)  # type: ignore[arg-type]


def outcome(engine: Engine, wanted: ContainerSpec) -> tuple[State, str]:
    container = engine.start(wanted)
    try:
        return container.wait(30), container.logs()
    finally:
        container.remove()


def python(engine: Engine, image: Image, run_id: str, code: str, **options: object) -> tuple[State, str]:
    return outcome(engine, spec(image, run_id, "python", "-c", code, **options))


def containers_of(run_id: str) -> list[str]:
    said = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label={labels.RUN}={run_id}"], capture_output=True, text=True, check=True
    )
    return said.stdout.split()


# Building


def test_a_build_gives_the_id_layers_and_user_of_the_engine(engine, build, base, tmp_path, run_id):
    built = build(BASE + "RUN echo grown > /grown\nUSER 1234\n")
    assert built.id.startswith("sha256:")
    assert built.user == "1234"
    assert built.stands_on(base)
    assert len(built.layers) == len(base.layers) + 1
    assert "Step 1/" in (tmp_path / "build.log").read_text()
    assert len(built.inputs) == 64
    assert engine.inspect(f"agentops-{run_id}:0") == replace(built, inputs="")


def test_the_same_inputs_give_the_same_image(build):
    same = BASE + f"RUN echo {uuid.uuid4()} > /unique\n"
    assert build(same).id == build(same).id


def test_a_failing_build_shows_the_end_of_its_log(build, tmp_path):
    with pytest.raises(MeasurementError) as caught:
        build(BASE + "RUN seq 100 130 && echo the-reason && exit 3\n")
    assert "the-reason" in caught.value.message
    assert "returned a non-zero code: 3" in caught.value.message
    assert "\n105\n" not in caught.value.message
    assert "\n105\n" in (tmp_path / "build.log").read_text()


@pytest.mark.parametrize("line", ["RUN --mount=type=cache,target=/c true", "RUN <<EOF\necho hi\nEOF"])
def test_a_dockerfile_for_buildkit_gets_a_hint(build, line):
    with pytest.raises(MeasurementError) as caught:
        build(f"{BASE}{line}\n")
    assert "BuildKit" in caught.value.hint


def test_target_and_arguments_reach_the_builder(engine, build, run_id):
    two = "FROM python:3.11-slim AS one\nARG WORD=none\nRUN echo $WORD > /word\nFROM one AS two\nRUN echo two > /word\n"
    built = build(two, target="one", args={"WORD": "given"})
    assert outcome(engine, spec(built, run_id, "cat", "/word"))[1] == "given\n"


def test_dockerignore_is_honoured(engine, build, run_id, tmp_path):
    (tmp_path / "context" / "kept.txt").write_text("kept")
    (tmp_path / "context" / "secret.env").write_text("secret")
    (tmp_path / "context" / ".dockerignore").write_text("*.env\n")
    built = build(BASE + "COPY . /copied\n")
    listed = outcome(engine, spec(built, run_id, "ls", "/copied"))[1].split()
    assert "kept.txt" in listed
    assert "secret.env" not in listed


def test_a_silent_build_ends_soon_after_cancel(build):
    cancel = threading.Event()
    threading.Timer(1.0, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        build(BASE + f"RUN sleep 61 # {uuid.uuid4()}\n", cancel=cancel)
    assert time.monotonic() - started < 5
    deadline = time.monotonic() + 10
    while subprocess.run(["pgrep", "-f", "^sleep 61"], capture_output=True, check=False).returncode == 0:
        assert time.monotonic() < deadline, "the builder goes on"
        time.sleep(0.2)


# The box


def test_a_read_only_root_refuses_and_a_writable_path_takes(engine, base, run_id):
    code = (
        "import errno, os, stat\n"
        "try: open('/opt/x', 'w')\n"
        "except OSError as e: print(errno.errorcode[e.errno])\n"
        "open('/tmp/x', 'w').write('#!/bin/sh\\n'); os.chmod('/tmp/x', 0o755); print('written')\n"
        "try: os.execv('/tmp/x', ['/tmp/x'])\n"
        "except OSError as e: print(errno.errorcode[e.errno])\n"
    )
    state, said = python(engine, base, run_id, code, writable=("/tmp",))
    assert said.split() == ["EROFS", "written", "EACCES"]
    assert state.exit_code == 0


def test_a_writable_path_has_a_size(engine, base, run_id):
    code = "f = open('/tmp/x', 'wb', 0)\nfor _ in range(8): f.write(bytes(1 << 20))"
    _, said = python(engine, base, run_id, code, writable=("/tmp",), tmpfs_bytes=4 << 20)
    assert "No space left" in said


def test_no_capability_is_left_and_none_can_be_gained(engine, base, run_id):
    status = outcome(engine, spec(base, run_id, "cat", "/proc/self/status"))[1]
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    for name in ("CapEff", "CapPrm", "CapBnd", "CapInh"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"] == "1"


def test_the_number_of_processes_is_limited(engine, base, run_id):
    code = (
        "import os, time\nn = 0\n"
        "try:\n"
        "  while n < 200:\n"
        "    if os.fork() == 0: time.sleep(20); os._exit(0)\n"
        "    n += 1\n"
        "except BlockingIOError: print('refused after', n)\n"
        "os.kill(-1, 9)"
    )
    _, said = python(engine, base, run_id, code, pids=20)
    assert 10 <= int(said.split()[-1]) < 20


def test_memory_that_runs_out_is_named(engine, base, run_id):
    state, _ = python(engine, base, run_id, "b = bytearray(200 << 20); print(len(b))", memory_bytes=64 << 20)
    assert state.oom_killed
    assert state.exit_code == 137
    assert "exited with code 137 (SIGKILL): out of memory, it wanted more than its 64 MiB" in state.sentence


def test_a_child_killed_for_memory_is_named_though_the_code_is_zero(engine, base, run_id):
    code = "import os, time\nif os.fork() == 0: b = bytearray(200 << 20); os._exit(0)\nos.wait(); time.sleep(1)"
    state, _ = python(engine, base, run_id, code, memory_bytes=64 << 20)
    assert (state.exit_code, state.oom_killed) == (0, True)
    assert "one of its processes was killed" in state.sentence


def test_network_none_has_no_way_out(engine, base, run_id):
    _, said = outcome(engine, spec(base, run_id, "cat", "/proc/net/dev"))
    assert [line.split(":")[0].strip() for line in said.splitlines()[2:]] == ["lo"]


def test_a_container_that_cannot_start_leaves_nothing_behind(engine, base, run_id):
    with pytest.raises(MeasurementError, match="could not be started"):
        engine.start(spec(base, run_id, "true", writable=("/etc/passwd",)))
    assert containers_of(run_id) == []


def test_a_program_that_is_not_there_is_named(engine, base, run_id):
    state, said = outcome(engine, spec(base, run_id, "no-such-program"))
    assert state.exit_code == 127
    assert "no-such-program" in said


def test_wait_gives_up_and_is_interrupted(engine, base, run_id):
    container = engine.start(spec(base, run_id, "sleep", "60"))
    with pytest.raises(MeasurementError, match=r"longer than 0\.2 s"):
        container.wait(0.2)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted):
        container.wait(60, cancel=cancel)
    container.remove()
    container.remove()
    assert container.state().gone


def test_logs_hold_no_secret_and_are_capped(engine, base, run_id, tmp_path):
    code = "import os, sys; print(os.environ['TOKEN']); print('late', file=sys.stderr); print('x' * 5000)"
    wanted = spec(base, run_id, "python", "-c", code, secrets={"TOKEN": "s3cr3t-value"})
    assert "s3cr3t-value" not in repr(wanted)
    container = engine.start(wanted)
    container.wait(20)
    container.save_logs(tmp_path / "x.log")
    whole = (tmp_path / "x.log").read_text()
    short = container.logs(limit_bytes=100)
    container.remove()
    assert "s3cr3t-value" not in whole
    assert "[redacted]" in whole
    assert "late" in whole
    assert len(short) < 200


def test_archives_go_in_and_come_out(engine, base, run_id):
    container = engine.create(
        spec(base, run_id, "sh", "-c", "cp /in/a /in/b; ln -s /etc/passwd /in/link", read_only=False)
    )
    container.put("/", archive.open_directory("in"))
    container.put("/in", archive.one_file("a", b"content"))
    container.start()
    container.wait(20)
    taken = container.fetch("/in/b", limit_bytes=1 << 20)
    link = container.fetch("/in/link", limit_bytes=1 << 20)
    missing = container.fetch("/in/c", limit_bytes=1 << 20)
    with pytest.raises(MeasurementError, match="larger"):
        container.fetch("/usr/lib", limit_bytes=1 << 20)
    container.remove()
    assert taken is not None
    assert archive.only_file(taken, limit_bytes=100) == b"content"
    assert missing is None
    assert link is not None
    with pytest.raises(MeasurementError, match="regular file"):
        archive.only_file(link, limit_bytes=1 << 20)


# Networks


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from the gateway")

    def log_message(self, *_: object) -> None: ...


def test_a_server_on_the_gateway_is_reached_from_the_container(engine, base, run_id):
    with engine.network(run_id) as network:
        server = http.server.ThreadingHTTPServer((network.gateway, 0), _Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{network.gateway}:{server.server_port}"
        code = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=5).read().decode())"
        _, said = python(engine, base, run_id, code, network=network.id)
        server.shutdown()
        server.server_close()
    assert said == "from the gateway\n"
    names = subprocess.run(["docker", "network", "ls", "--format", "{{.Name}}"], capture_output=True, text=True).stdout
    assert network.name not in names.split()


# Sweeping

_ORPHAN = """
import sys, time
from agentops.drivers.container import Engine
from agentops.drivers.spec import ContainerSpec
engine = Engine.connect()
with engine.network({run_id!r}) as network:
    engine.start(ContainerSpec(image={image!r}, run_id={run_id!r}, memory_bytes=64 << 20, cpus=1, pids=16,
                 command=("sleep", "600"), program=True, network=network.id))
    print("started", flush=True)
    time.sleep(600)
"""


def test_a_sweep_removes_what_a_killed_process_left_and_nothing_else(engine, base, run_id):
    mine = engine.start(spec(base, run_id, "sleep", "600"))
    stranger = subprocess.run(
        ["docker", "run", "-d", "python:3.11-slim", "sleep", "600"], capture_output=True, text=True, check=True
    ).stdout.strip()
    lost = f"{run_id}-lost"
    child = subprocess.Popen([sys.executable, "-c", _ORPHAN.format(run_id=lost, image=base.id)], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        engine.sweep()
        assert len(containers_of(lost)) == 1, "swept while its process lived"
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        removed = engine.sweep()
        assert f"network agentops-{lost}" in removed
        assert containers_of(lost) == []
        assert mine.state().running
        assert subprocess.run(["docker", "inspect", stranger], capture_output=True).returncode == 0
        assert engine.sweep(run_id) != ()
        assert mine.state().gone
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        subprocess.run(["docker", "rm", "-f", stranger], capture_output=True, check=False)
        engine.sweep(lost)


def test_a_container_that_a_user_starts_from_a_built_image_is_not_swept(engine, build, run_id):
    built = build(BASE + "LABEL some=thing\n")
    by_hand = subprocess.run(
        ["docker", "run", "-d", built.id, "sleep", "600"], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        engine.sweep(run_id)
        engine.sweep()
        assert subprocess.run(["docker", "inspect", by_hand], capture_output=True).returncode == 0
    finally:
        subprocess.run(["docker", "rm", "-f", by_hand], capture_output=True, check=False)


# Registry and connection


class _Registry(http.server.BaseHTTPRequestHandler):
    """As much of the distribution protocol as a push and a pull need; manifests are kept by digest."""

    protocol_version = "HTTP/1.1"
    blobs: ClassVar[dict[str, bytes]] = {}
    kinds: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        key = self.path.rsplit("/", 1)[-1]
        self._answer(200 if self.path == "/v2/" or key in self.blobs else 404, self.blobs.get(key, b""), key)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self._answer(202, location=f"{self.path.rstrip('/')}/{uuid.uuid4().hex}")

    def do_PATCH(self) -> None:
        upload = self.path.split("?")[0]
        self.blobs[upload] = self.blobs.get(upload, b"") + self._body()
        self._answer(202, location=upload)

    def do_PUT(self) -> None:
        path = self.path.partition("?")[0]
        content = self.blobs.pop(path, b"") + self._body()
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        for key in (digest, path.rsplit("/", 1)[-1]) if "/manifests/" in path else (digest,):
            self.blobs[key] = content
            self.kinds[key] = self.headers.get("Content-Type", "")
        self._answer(201, key=digest, location=path)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, content: bytes = b"", key: str = "", location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if self.command in ("POST", "PATCH"):
            upload = location.rsplit("/", 1)[-1]
            self.send_header("Docker-Upload-UUID", upload)
            self.send_header("Range", f"0-{max(len(self.blobs.get(location, b'')) - 1, 0)}")
        for name, value in (("Location", location), ("Content-Type", self.kinds.get(key, ""))):
            if value:
                self.send_header(name, value)
        if key.startswith("sha256:"):
            self.send_header("Docker-Content-Digest", key)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(params=["served here", "AGENTOPS_TEST_REGISTRY"])
def registry(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param in os.environ:
        yield os.environ[request.param]
    elif request.param.isupper():
        pytest.skip("AGENTOPS_TEST_REGISTRY names no registry")
    else:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()


def test_a_push_gives_the_digest_of_the_registry(engine, build, registry):
    built = build(BASE + f"RUN echo {uuid.uuid4()} > /unique\n")
    repository = f"{registry}/agentops-push-test"
    engine.tag(built.id, repository, "one")
    try:
        digest = engine.push(repository, "one")
        found = engine.inspect(f"{repository}@{digest}")
    finally:
        subprocess.run(["docker", "image", "rm", f"{repository}:one"], capture_output=True, check=False)
    assert found is not None
    assert found.id == built.id
    assert found.digest(f"{repository}:one") == digest
    pulled = engine.pull(f"{repository}@{digest}")
    subprocess.run(["docker", "image", "rm", f"{repository}@{digest}"], capture_output=True, check=False)
    assert pulled.id == built.id


def test_a_push_to_nowhere_is_an_error(engine, base, run_id):
    engine.tag(base.id, "127.0.0.1:9/nowhere", run_id)
    try:
        with pytest.raises(MeasurementError, match=r"127\.0\.0\.1:9"):
            engine.push("127.0.0.1:9/nowhere", run_id)
    finally:
        subprocess.run(["docker", "image", "rm", f"127.0.0.1:9/nowhere:{run_id}"], capture_output=True, check=False)


def test_a_docker_context_leads_to_the_engine(engine, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    made = ["docker", "context", "create", "other", "--docker", f"host={engine.host}"]
    subprocess.run(made, capture_output=True, check=True)
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    with Engine.connect() as found:
        assert found.host == engine.host
        assert found.info()["docker"]
    monkeypatch.setenv("DOCKER_CONTEXT", "missing")
    with pytest.raises(Unavailable, match="missing"):
        Engine.connect()
