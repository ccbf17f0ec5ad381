from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from agentops.drivers import http as door
from agentops.errors import Interrupted, TargetError


class Answers(http.server.BaseHTTPRequestHandler):
    script: ClassVar[list[tuple[int, bytes]]] = []

    def do_GET(self) -> None:
        status, said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    server.server_close()


def wait(address: tuple[str, int], *, died: str | None = None, timeout_s: float = 2.0, cancelled: bool = False) -> None:
    cancel = threading.Event()
    if cancelled:
        cancel.set()
    door.wait_ready(
        address, "/ready", timeout_s=timeout_s, cancel=cancel, died=lambda: died, hint=lambda: "its last lines"
    )


def test_it_waits_until_200(address):
    Answers.script = [(503, b""), (404, b""), (200, b"")]
    wait(address)
    assert len(Answers.script) == 1


@pytest.mark.parametrize("status", [204, 302, 503])
def test_only_200_is_ready_and_the_last_answer_is_told(address, status):
    Answers.script = [(status, b"model\x1b[2J endpoint\nunreachable" if status == 503 else b"")]
    with pytest.raises(TargetError) as caught:
        wait(address, timeout_s=0.2)
    assert str(status) in caught.value.message
    assert caught.value.hint.endswith("; its last lines")
    assert "\x1b" not in caught.value.message


def test_an_answer_does_not_stand_for_a_dead_agent(address):
    Answers.script = [(200, b"")]
    with pytest.raises(TargetError, match="it died before it was ready"):
        wait(address, died="it died")


def test_a_cancel_ends_the_wait(address):
    Answers.script = [(503, b"")]
    with pytest.raises(Interrupted):
        wait(address, cancelled=True)


def test_nobody_there_and_no_http_and_silence_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert door.accepts("127.0.0.1", port, timeout_s=1) == ""
        started = time.monotonic()
        assert door.look("127.0.0.1", port, "/", timeout_s=0.2).said == "no answer within 0.2 s"
        assert time.monotonic() - started < 2
    assert "refused" in door.look("127.0.0.1", port, "/", timeout_s=1).said
    assert "refused" in door.accepts("127.0.0.1", port, timeout_s=1)


def test_something_else_than_http_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            peer.recv(1000)
            peer.sendall(b"SSH-2.0 hello\r\n\r\n")
            peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        seen = door.look("127.0.0.1", server.getsockname()[1], "/", timeout_s=2)
        thread.join()
    assert seen.status is None
    assert "no HTTP answer" in seen.said


def test_only_addresses_of_this_machine_can_be_bound():
    assert door.can_bind("127.0.0.1")
    assert not door.can_bind("")
    assert not door.can_bind("203.0.113.7")
    with socket.create_server(("127.0.0.1", door.free_port())) as server:
        assert server.getsockname()[1] > 0
