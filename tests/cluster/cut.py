"""A line to the API server that can be cut: for a runner that is cut off while everybody else goes on."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from conftest import kubectl

_PIECE = 65536


class Line:
    """Carries connections from a port of this machine to the API server, as they are: TLS goes through.

    While it is cut, what is open ends, and what comes new is taken and never answered, as where a firewall drops it.
    """

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._whole = threading.Event()
        self._whole.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Cut it."""
        self._whole.clear()
        self._end_all()

    def heal(self) -> None:
        """What comes from now on gets through; what was left hanging ends."""
        self._end_all()
        self._whole.set()

    def close(self) -> None:
        """End everything."""
        self._door.close()
        self._end_all()

    def _end_all(self) -> None:
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def _keep(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open.update(sockets)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            self._keep(client)
            task = self._carry if self._whole.is_set() else self._hold
            threading.Thread(target=task, args=(client,), daemon=True).start()

    def _hold(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            while client.recv(_PIECE):
                pass

    def _carry(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._to, timeout=10) as server:
            self._keep(server)
            ends = {client: server, server: client}
            while True:
                for ready in select.select(list(ends), [], [])[0]:
                    piece = ready.recv(_PIECE)
                    if not piece:
                        return
                    ends[ready].sendall(piece)


@contextlib.contextmanager
def a_line(folder: Path) -> Iterator[tuple[Line, dict[str, str]]]:
    """A line, and the environment of a process that reaches the API server by it alone."""
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    cluster = config["clusters"][0]["cluster"]
    server = urlsplit(cluster["server"])
    assert server.hostname, cluster["server"]
    line = Line((server.hostname, server.port or 443))
    # The certificate is for the name that it was before.
    cluster["server"] = f"https://127.0.0.1:{line.port}"
    cluster.setdefault("tls-server-name", server.hostname)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    path.chmod(0o600)
    try:
        yield line, {**os.environ, "KUBECONFIG": str(path)}
    finally:
        line.close()
