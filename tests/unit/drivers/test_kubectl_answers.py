"""What an API server may answer, over a real unix socket in the place of kubectl's."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from agentops.drivers import kubectl
from agentops.drivers.kubectl import Kubectl
from agentops.errors import ApiDown, ClusterError

LIMIT = 1000


class _Api(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    body = b""


class _Handler(BaseHTTPRequestHandler):
    server: _Api  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        try:
            self.wfile.write(self.server.body)
        except OSError:
            """Whoever asked has had enough."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api(tmp_path: Path) -> Iterator[_Api]:
    with _Api(str(tmp_path / "api"), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_answer_is_read_up_to_a_bound(api: _Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubectl, "_MOST_BYTES", LIMIT)
    monkeypatch.setattr(Kubectl, "_open", lambda self: None)
    with Kubectl(namespace="shop") as cluster:
        cluster._socket = str(api.server_address)
        api.body = b'{"kind": "Service"}'.ljust(LIMIT)
        assert cluster.get("Service", "agent") == {"kind": "Service"}
        api.body = api.body + b" "
        with pytest.raises(ClusterError, match="is larger than 1000 bytes") as found:
            cluster.get("Service", "agent")
    assert not isinstance(found.value, ApiDown), "asking again would not help"
