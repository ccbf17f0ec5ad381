"""A server on loopback that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from agentops.agents import open_agent
from agentops.errors import TargetError
from agentops.model.case import Answer, Turn
from agentops.model.settings import Agent


class Asked(BaseHTTPRequestHandler):
    """One request, with short ways to answer it."""

    protocol_version = "HTTP/1.1"
    data: Any

    def handle_any(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.data = json.loads(raw) if raw else None
        except ValueError:
            self.data = raw
        # The handler serves a whole connection: what was asked is noted apart.
        seen = SimpleNamespace(command=self.command, path=self.path, headers=self.headers, data=self.data)
        self.server.seen.append(seen)  # type: ignore[attr-defined]
        self.server.behave(self)  # type: ignore[attr-defined]

    do_GET = do_POST = do_PUT = do_OPTIONS = handle_any

    def reply(self, data: Any, status: int = 200, **headers: str) -> None:
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def stream(self, pieces: Sequence[bytes], *, pause_s: float = 0.0, hold_s: float = 0.0) -> None:
        """The pieces, each in a chunk of its own; `hold_s` keeps the connection open behind the last."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(pause_s)
        time.sleep(hold_s)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    behave: Callable[[Asked], None]
    seen: list[SimpleNamespace]
    url: str

    def handle_error(self, *_: Any) -> None:
        """A client that has heard enough closes the connection."""


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Asked], None]], Server]]:
    """serve(behave) starts a server; it has `.url` and `.seen`, the requests."""
    servers = []

    def start(behave: Callable[[Asked], None]) -> Server:
        server = Server(("127.0.0.1", 0), Asked)
        server.behave, server.seen = behave, []
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


Talk = Callable[..., list[Answer]]
Refused = Callable[..., TargetError]


async def _talk(agent: Agent, url: str, turns: Sequence[str | Turn], **more: Any) -> list[Answer]:
    timeout_s = more.pop("timeout_s", 5.0)
    async with open_agent(agent, url, connections=2, **more) as adapter:
        dialogue = adapter.dialogue("session-1")
        return [
            await dialogue.say(turn if isinstance(turn, Turn) else Turn(turn), timeout_s=timeout_s) for turn in turns
        ]


@pytest.fixture
def talk() -> Talk:
    """talk(agent, url, *turns) has one conversation and gives the answers."""

    def run(agent: Agent, url: str, *turns: str | Turn, **more: Any) -> list[Answer]:
        return asyncio.run(_talk(agent, url, turns, **more))

    return run


@pytest.fixture
def refused(talk: Talk) -> Refused:
    """refused(agent, url, *turns) has a conversation that must end in a TargetError, and gives it."""

    def run(agent: Agent, url: str, *turns: str | Turn, **more: Any) -> TargetError:
        with pytest.raises(TargetError) as caught:
            talk(agent, url, *(turns or ("hi",)), **more)
        return caught.value

    return run


@pytest.fixture
def preflight() -> Callable[..., tuple[str, ...]]:
    """preflight(agent, url) makes the preflight alone."""

    async def look(agent: Agent, url: str, **more: Any) -> tuple[str, ...]:
        async with open_agent(agent, url, connections=1, **more) as adapter:
            return await adapter.preflight(timeout_s=5)

    return lambda agent, url, **more: asyncio.run(look(agent, url, **more))


@pytest.fixture
def sse() -> Callable[..., bytes]:
    """sse(*data): server-sent events as bytes, texts as they are, everything else as JSON; ("kind", data) names one."""

    def event(item: Any) -> str:
        kind, item = item if isinstance(item, tuple) else ("", item)
        data = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        return (f"event: {kind}\n" if kind else "") + f"data: {data}\n\n"

    return lambda *data: "".join(map(event, data)).encode()
