"""An OSV service on loopback, over an advisory file: audits need no network and give the same answer twice."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from agentops.errors import MeasurementError
from agentops.model.finding import Severity
from agentops.scans import cvss, osv

_LONGEST_QUESTION = 64 * 1024


class AdvisoryService:
    """Serves `POST /v1/query` on 127.0.0.1 while the block lasts, as api.osv.dev does.

    Reading happens in the constructor, which raises ConfigError for a file that is missing, empty, cut off or no
    OSV database; an instance can be entered again.
    """

    def __init__(self, path: Path) -> None:
        self._database = osv.read(path)
        self._by_id: dict[str, list[Mapping[str, Any]]] | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.answered: dict[tuple[str, str], tuple[str, ...]] = {}

    def __enter__(self) -> AdvisoryService:
        self.answered = {}
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    @property
    def url(self) -> str:
        """The full address for queries. Raises MeasurementError outside the block."""
        if self._server is None:
            raise MeasurementError("the advisory service does not run")
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1/query"

    @property
    def sha256(self) -> str:
        """Over the bytes of the database file."""
        return self._database.sha256

    @property
    def advisories(self) -> int:
        """How many advisories the file holds, withdrawn ones among them."""
        return self._database.records

    @property
    def newest(self) -> str:
        """The date of the newest change, as YYYY-MM-DD."""
        return self._database.newest

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """The names and versions asked for so far, each once, in order."""
        return tuple(self.answered)

    def answer(self, name: str, version: str) -> list[dict[str, Any]]:
        """The advisories that affect a version, as they are sent; what was asked and answered is kept."""
        found = self._database.about(name, version)
        self.answered[(name, version)] = tuple(str(record["id"]) for record in found)
        return [_sendable(record) for record in found]

    def severity(self, ids: Iterable[str]) -> Severity | None:
        """The worst severity given by the records of these ids; None when none of them gives any."""
        if self._by_id is None:
            self._by_id = {}
            for record in {id(r): r for rs in self._database.by_package.values() for r in rs}.values():
                self._by_id.setdefault(str(record["id"]), []).append(record)
        given = [cvss.severity(r) for i in ids for r in self._by_id.get(i, ())]
        return max((s for s in given if s is not None), key=lambda s: s.rank, default=None)


def _sendable(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record as pip-audit can read it: one fix version that is no Python version, or one date in another form
    than OSV's, makes it give up on everything."""

    def fits(event: Mapping[str, Any]) -> bool:
        try:
            Version(str(event.get("fixed", "0")))
        except InvalidVersion:
            return False
        return True

    affected = [
        entry
        | {
            # pip-audit compares names as they stand.
            "package": entry["package"] | {"name": canonicalize_name(str(entry["package"].get("name")))},
            "ranges": [
                span | {"events": [e for e in span.get("events") or () if span.get("type") != "ECOSYSTEM" or fits(e)]}
                for span in entry.get("ranges") or ()
            ],
        }
        for entry in record["affected"]
    ]
    sent = {key: value for key, value in record.items() if key != "published"}
    published = _utc(record.get("published"))
    return sent | {"affected": affected} | ({"published": published} if published else {})


def _utc(date: object) -> str | None:
    """A date in OSV's form (RFC 3339 in UTC, ending in Z); None where it is no date."""
    try:
        moment = datetime.fromisoformat(str(date))
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A client that keeps its connection open must not hold up the end of the block.
    block_on_close = False

    def __init__(self, service: AdvisoryService) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server what 127.0.0.1 is called, as HTTPServer would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no matter; the client of a broken answer notices and says so."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one write: two small ones cost 40 ms each, waiting for the delayed acknowledgement.
    wbufsize = -1
    timeout = 30
    server: _Server

    def do_POST(self) -> None:
        """Answer one query."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _LONGEST_QUESTION:
            self._send(400, {"code": 3, "message": "a body of known, small length is needed"}, close=True)
            return
        body = self.rfile.read(int(length))
        if self.path != "/v1/query":
            self._send(404, {"code": 5, "message": "not found"})
            return
        try:
            question = json.loads(body)
            package, version = question["package"], question["version"]
            name, ecosystem = package["name"], package["ecosystem"]
        except (ValueError, KeyError, TypeError):
            name = version = ecosystem = None
        if not isinstance(name, str) or not isinstance(version, str) or ecosystem != osv.ECOSYSTEM:
            message = f"a package with name and ecosystem {osv.ECOSYSTEM} and a version are needed"
            self._send(400, {"code": 3, "message": message})
            return
        found = self.server.service.answer(name, version)
        self._send(200, {"vulns": found} if found else {})

    def _send(self, status: int, body: Mapping[str, Any], *, close: bool = False) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing goes to the terminal; what was asked is kept by the service."""
