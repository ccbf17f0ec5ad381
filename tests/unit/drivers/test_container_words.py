from __future__ import annotations

import io
import tarfile
import threading
import time
from collections.abc import Iterator

import pytest

from agentops.drivers import archive, stream
from agentops.drivers.container import Engine
from agentops.drivers.image import check_build
from agentops.drivers.instance import State, exit_words, read_state
from agentops.errors import ConfigError, Interrupted, MeasurementError, Unavailable


def test_no_engine_is_unavailable_quickly(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        Engine.connect()
    assert time.monotonic() - started < 5
    assert caught.value.message == f"no Docker engine answers at unix://{tmp_path}/none.sock"
    assert caught.value.hint


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:9", "nonsense://x", "tcp://[bad"])
def test_a_host_that_cannot_be_is_unavailable_too(host, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(Unavailable, match=r"no Docker engine|context"):
        Engine.connect()


def test_tls_without_its_files_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(Unavailable):
        Engine.connect()


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        ("unix:///run/docker.sock", False),
        ("npipe:////./pipe/docker", False),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://docker:2375", True),
        ("ssh://me@there", True),
    ],
)
def test_an_engine_on_another_machine_is_known(host, remote):
    assert Engine(None, host=host, reconnect=lambda _: None).remote is remote


def test_there_must_be_something_to_build_from(tmp_path):
    with pytest.raises(ConfigError, match="not a folder"):
        check_build(tmp_path / "none", tmp_path / "Dockerfile")
    with pytest.raises(ConfigError, match="no Dockerfile"):
        check_build(tmp_path, tmp_path / "Dockerfile")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (137, "exited with code 137 (SIGKILL)"),
        (255, "exited with code 255"),
        (-9, "was ended by SIGKILL"),
        (None, "ended with an unknown code"),
    ],
)
def test_exit_codes_in_words(code, words):
    assert exit_words(code) == words


def test_states_in_words():
    assert State(running=True, exit_code=None).sentence == "runs"
    assert "removed" in State(running=False, exit_code=None, gone=True).sentence
    alive = read_state({"Running": True, "OOMKilled": True, "ExitCode": 0}, 64 << 20)
    assert alive.exit_code is None
    assert "one of its processes was killed for want of more than its 64 MiB" in alive.sentence
    assert read_state({"Status": "created", "ExitCode": 0}, 1).exit_code is None
    assert "(no such program)" in read_state({"ExitCode": 127, "Error": "no such program"}, 1).sentence


def test_an_archive_must_hold_one_file():
    assert archive.only_file(archive.one_file("a", b"x"), limit_bytes=1) == b"x"
    with pytest.raises(MeasurementError, match="larger"):
        archive.only_file(archive.one_file("a", b"xy"), limit_bytes=1)
    for broken in (archive.open_directory("a"), b"no tar at all", b""):
        with pytest.raises(MeasurementError):
            archive.only_file(broken, limit_bytes=10)
    with tarfile.open(fileobj=io.BytesIO(archive.open_directory("a"))) as tar:
        assert tar.getmembers()[0].mode == 0o1777


def endless(released: threading.Event) -> Iterator[int]:
    yield 1
    released.wait(10)


def test_a_stream_gives_everything_and_its_error():
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("mine")

    aborted: list[int] = []
    given = stream.follow(lambda: iter([1, 2]), what="it", cancel=None, abort=lambda: aborted.append(1))
    assert list(given) == [1, 2]
    assert aborted == []
    with pytest.raises(KeyError, match="mine"):
        list(stream.follow(failing, what="it", cancel=None, abort=lambda: None))


def test_a_silent_stream_is_left_on_cancel():
    cancel, released = threading.Event(), threading.Event()
    items = stream.follow(lambda: endless(released), what="the build", cancel=cancel, abort=released.set)
    assert next(items) == 1
    cancel.set()
    with pytest.raises(Interrupted, match="the build"):
        next(items)
    assert released.is_set()


def test_a_caller_that_leaves_early_aborts_the_stream():
    released = threading.Event()
    items = stream.follow(lambda: endless(released), what="it", cancel=None, abort=released.set)
    next(items)
    items.close()
    assert released.is_set()
