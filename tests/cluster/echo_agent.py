"""Runs in a pod in the agent's place: tells the headers of requests, and streams. No test; the standard library alone.

GET /ready: 200. /echo: the request's headers as JSON. /seen: those of every /echo so far. /stream: ten lines, one each
half second.
"""

from __future__ import annotations

import json
import os
import signal
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEEN: list[dict[str, str]] = []


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        if self.path == "/stream":
            self._head()
            for number in range(10):
                self.wfile.write(f"data: {number}\n".encode())
                self.wfile.flush()
                time.sleep(0.5)
            return
        if self.path == "/echo":
            SEEN.append(headers)
        self._head()
        self.wfile.write(json.dumps(SEEN if self.path == "/seen" else headers).encode())

    def _head(self) -> None:
        self.send_response(200)
        self.send_header("X-Agent-Version", os.environ.get("AGENT_VERSION") or "dev")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ThreadingHTTPServer(("", 8080), Echo).serve_forever()
