"""Agents for tests to talk to: real sockets on loopback, well or badly behaved."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Request(BaseHTTPRequestHandler):
    """One request of the harness, with short ways to answer it."""

    protocol_version = "HTTP/1.1"
    asked: str
    session: str

    def do_GET(self) -> None:
        self.reply({"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked, self.session = body["messages"][-1]["content"], body["user"]
        self.server.seen.append((self.asked, self.session))  # type: ignore[attr-defined]
        self.server.behave(self)  # type: ignore[attr-defined]

    def reply(self, data: Any, status: int = 200, **headers: str) -> None:
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def say(self, text: str, **more: Any) -> None:
        self.reply({"model": "m", "choices": [{"message": {"role": "assistant", "content": text}}], **more})

    def reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hang(self) -> None:
        self.close_connection = True
        time.sleep(3)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A broken connection is what some of these agents are for."""


@pytest.fixture
def agent() -> Iterator[Callable[[Callable[[Request], None]], Any]]:
    """agent(behave) starts an agent; the result has `.url` and `.seen`, a list of (text, session)."""
    servers = []

    def start(behave: Callable[[Request], None]) -> Any:
        server = _Server(("127.0.0.1", 0), Request)
        server.behave = behave  # type: ignore[attr-defined]
        server.seen = []  # type: ignore[attr-defined]
        server.url = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
