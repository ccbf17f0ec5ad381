"""The pip-audit scan: against the loopback service, and with every fault it must not pass over."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agentops.errors import Interrupted, MeasurementError, Unavailable
from agentops.model.finding import Severity
from agentops.scans import dependencies, requirements
from agentops.scans.advisories import AdvisoryService
from agentops.scans.result import ScanResult

CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def advisory(identifier: str, name: str, fixed: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "modified": "2024-05-06T07:08:09Z",
        "details": f"{name} is\nbad \x1b[31m",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            }
        ],
        **more,
    }


RECORDS = [
    advisory("PYSEC-1", "jinja2", "2.10.1", aliases=["CVE-2019-1"]),
    advisory("PYSEC-2", "jinja2", "2.11.3", severity=[{"type": "CVSS_V3", "score": CRITICAL}]),
    advisory("PYSEC-3", "urllib3", "1.24", withdrawn="2024-01-01T00:00:00Z"),
    advisory("PYSEC-4", "odd", "2019-09-12", published="2023-10-04 17:15:00+00:00"),
]

# A pip-audit that says all is well about what it was asked, before SPOIL is done to its report.
CALM = """
import json, pathlib, sys
args = sys.argv[1:]
pins = [line.split("==") for line in pathlib.Path(args[args.index("-r") + 1]).read_text().split()]
data = {"dependencies": [{"name": n, "version": v, "vulns": []} for n, v in pins], "fixes": []}
SPOIL
pathlib.Path(args[args.index("-o") + 1]).write_text(json.dumps(data))
"""


@pytest.fixture
def service(tmp_path: Path) -> AdvisoryService:
    path = tmp_path / "osv.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in RECORDS))
    return AdvisoryService(path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def wanted(root: Path, *lines: str, name: str = "requirements.txt") -> requirements.Requirements:
    (root / name).write_text("\n".join(lines) + "\n")
    return requirements.read(root, [name])


def fake(tmp_path: Path, source: str) -> tuple[str, ...]:
    script = tmp_path / "fake_audit.py"
    script.write_text(source)
    return (sys.executable, str(script))


def calm(tmp_path: Path, spoil: str) -> tuple[str, ...]:
    return fake(tmp_path, CALM.replace("SPOIL", spoil))


@contextmanager
def server(status: int, body: bytes) -> Iterator[str]:
    """An OSV service that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}/v1/query"
        finally:
            running.shutdown()
            thread.join()


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1/query"


def by_rule(result: ScanResult) -> dict[str, Any]:
    return {f.rule: f for f in result.findings}


def test_the_real_pip_audit_against_the_database(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    asked = wanted(tmp_path, "# head", "Jinja2==2.10", "urllib3==1.23 ; python_version < '3'", "flask", "unknown==1.0")
    result = dependencies.scan(asked, out=out, service=service)
    assert result.errors == ()
    assert (result.counts.planned, result.counts.measured, result.counts.unit) == (3, 3, "packages")
    found = by_rule(result)
    assert set(found) == {"PYSEC-1", "PYSEC-2", "unpinned-requirement"}
    first = found["PYSEC-1"]
    assert str(first.location) == "requirements.txt:2"
    assert first.severity is Severity.HIGH
    assert first.message == (
        "jinja2 2.10: jinja2 is bad; also CVE-2019-1; fixed in 2.10.1; no severity is given, taken as high"
    )
    assert first.hint == "upgrade jinja2 to 2.10.1 or later"
    assert found["PYSEC-2"].severity is Severity.CRITICAL
    assert "taken as high" not in found["PYSEC-2"].message
    assert found["unpinned-requirement"].severity is Severity.MEDIUM
    assert str(found["unpinned-requirement"].location) == "requirements.txt:4"
    assert result.counts.skipped == ("requirements.txt:4: not pinned to one version: flask",)
    assert result.tools["advisories"] == f"4 advisories, newest 2024-05-06, sha256 {service.sha256[:12]}"
    assert result.tools["pip-audit"][0].isdigit()
    assert [p.name for p in out.iterdir()] == ["pip-audit.json"]


def test_a_proxy_of_the_environment_does_not_get_the_questions(
    tmp_path: Path, out: Path, service: AdvisoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, closed_port())
    result = dependencies.scan(wanted(tmp_path, "jinja2==2.10"), out=out, service=service)
    assert result.errors == ()
    assert "PYSEC-1" in by_rule(result)


def test_one_package_in_several_files_and_versions(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    (tmp_path / "a.txt").write_text("jinja2==2.10\n")
    (tmp_path / "b.txt").write_text("x==1\nJINJA2==2.10\njinja2==3.0; python_version>'3.8'\n")
    result = dependencies.scan(requirements.read(tmp_path, ["a.txt", "b.txt"]), out=out, service=service)
    assert result.errors == ()
    assert result.counts.planned == 3
    assert result.logs == ("pip-audit-1.json", "pip-audit-2.json")
    places = [str(f.location) for f in result.findings if f.rule == "PYSEC-1"]
    assert places == ["a.txt:1", "b.txt:2"]
    assert len({f.fingerprint for f in result.findings}) == len(result.findings)


def test_odd_fix_versions_and_dates_do_not_break_the_audit(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    result = dependencies.scan(wanted(tmp_path, "odd==1.0"), out=out, service=service)
    assert result.errors == ()
    assert "no fixed version is named" in by_rule(result)["PYSEC-4"].message


def test_nothing_pinned_is_an_error(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    asked = wanted(tmp_path, "flask", "git+https://example.com/x.git")
    result = dependencies.scan(asked, out=out, service=service, tool=("/nowhere/never-called",))
    assert "no package is pinned" in result.errors[0].message
    assert [f.rule for f in result.findings] == ["unpinned-requirement"] * 2


def test_only_exact_pins_are_passed_on(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    asked = wanted(
        tmp_path, "--index-url https://example.com", "a[x]==1.0+cpu ; python_version > '3' --hash=sha256:x", "b>=1"
    )
    kept = tmp_path / "passed.json"
    tool = calm(tmp_path, f"pathlib.Path({str(kept)!r}).write_text(json.dumps([pins, args]))")
    dependencies.scan(asked, out=out, service=service, tool=tool)
    pins, args = json.loads(kept.read_text())
    assert pins == [["a", "1.0"]]
    assert {"--no-deps", "--disable-pip"} <= set(args)


def test_pip_audit_that_is_not_installed_is_unavailable(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    tool = (sys.executable, "-I", "-S", "-m", "pip_audit")
    with pytest.raises(Unavailable, match="pip-audit is not installed"):
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=service, tool=tool)


def test_no_network_is_unavailable_and_names_the_way_out(tmp_path: Path, out: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=closed_port())
    assert caught.value.message == "no advisory service in reach (127.0.0.1)"
    assert "--advisories FILE" in caught.value.hint
    assert "dependencies.advisories" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='h'): (Caused by NameResolutionError('x'))",
        "ERROR:pip_audit._cli:Could not connect to OSV's vulnerability feed",
    ],
)
def test_other_ways_of_being_out_of_reach(tmp_path: Path, out: Path, line: str) -> None:
    tool = fake(tmp_path, f"import sys; print({line!r}, file=sys.stderr); sys.exit(1)")
    with pytest.raises(Unavailable, match="no advisory service in reach"):
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service="https://user:pw@example.com/q", tool=tool)


@pytest.mark.parametrize(
    "line",
    [
        "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='h'): Read timed out.",
        "requests.exceptions.ConnectionError: ('Connection aborted.', ConnectionResetError(104, 'reset by peer'))",
    ],
)
def test_a_service_that_was_there_and_broke_is_no_missing_network(tmp_path: Path, out: Path, line: str) -> None:
    tool = fake(tmp_path, f"import sys; print({line!r}, file=sys.stderr); sys.exit(1)")
    with pytest.raises(MeasurementError) as caught:
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service="https://example.com/q", tool=tool)
    assert not isinstance(caught.value, Unavailable)


def test_a_bad_certificate_is_no_missing_network(tmp_path: Path, out: Path) -> None:
    line = "requests.exceptions.SSLError: (Caused by SSLError(SSLCertVerificationError('CERTIFICATE_VERIFY_FAILED')))"
    tool = fake(tmp_path, f"import sys; print({line!r}, file=sys.stderr); sys.exit(1)")
    with pytest.raises(MeasurementError) as caught:
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service="https://example.com/q", tool=tool)
    assert not isinstance(caught.value, Unavailable)


def test_the_loopback_service_out_of_reach_is_an_error(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    tool = fake(tmp_path, "import sys; print('requests.exceptions.ConnectionError: x', file=sys.stderr)")
    with pytest.raises(MeasurementError) as caught:
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=service, tool=tool)
    assert not isinstance(caught.value, Unavailable)


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"oops"), (404, b"{}"), (429, b"{}"), (200, b"<html>log in</html>"), (200, b'{"hello": 1}'), (200, b"[1]")],
)
def test_a_service_that_answers_wrongly_is_an_error(tmp_path: Path, out: Path, status: int, body: bytes) -> None:
    with server(status, body) as url, pytest.raises(MeasurementError, match="wrote no report") as caught:
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=url)
    assert not isinstance(caught.value, Unavailable)


def test_an_online_service_is_named(tmp_path: Path, out: Path) -> None:
    body = json.dumps({"vulns": [RECORDS[0]]}).encode()
    with server(200, body) as url:
        result = dependencies.scan(wanted(tmp_path, "jinja2==2.10"), out=out, service=url)
    assert result.tools["advisories"] == "online service 127.0.0.1"
    assert by_rule(result)["PYSEC-1"].severity is Severity.HIGH


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("raise RuntimeError('it fell over')", "it fell over"),
        ("pass", "no report"),
        ("print('No known vulnerabilities found')", "no report"),
    ],
)
def test_no_report_is_an_error(tmp_path: Path, out: Path, service: AdvisoryService, source: str, word: str) -> None:
    asked = wanted(tmp_path, "a==1")
    dependencies.scan(asked, out=out, service=service)  # The report of an earlier run lies there and must not count.
    with pytest.raises(MeasurementError, match=word):
        dependencies.scan(asked, out=out, service=service, tool=fake(tmp_path, source))


@pytest.mark.parametrize(
    "spoil",
    [
        "data = []",
        "data = {}",
        "data['dependencies'] = 3",
        "del data['dependencies'][0]['vulns']",
        "data['dependencies'][0]['version'] = 'x y'",
        "data['dependencies'][0]['vulns'] = [{'id': 'A'}]",
    ],
)
def test_a_garbled_report_is_an_error(tmp_path: Path, out: Path, service: AdvisoryService, spoil: str) -> None:
    with pytest.raises(MeasurementError, match="cannot be used"):
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=service, tool=calm(tmp_path, spoil))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("del data['dependencies'][0]", "it is not in pip-audit's report"),
        ("data['dependencies'][0]['version'] = '9'", "it is not in pip-audit's report"),
        ("data['dependencies'][0] = {'name': 'a', 'skip_reason': 'not found on PyPI'}", "not found on PyPI"),
    ],
)
def test_a_package_that_was_not_audited_is_an_error(tmp_path: Path, out: Path, spoil: str, why: str) -> None:
    result = dependencies.scan(
        wanted(tmp_path, "a==1", "b==1"), out=out, service="https://example.com/q", tool=calm(tmp_path, spoil)
    )
    assert [e.message for e in result.errors] == [f"a 1 (requirements.txt:1) was not audited: {why}"]
    assert (result.counts.planned, result.counts.measured) == (2, 1)


def test_a_package_the_database_was_never_asked_about_is_an_error(
    tmp_path: Path, out: Path, service: AdvisoryService
) -> None:
    result = dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=service, tool=calm(tmp_path, ""))
    assert [e.message for e in result.errors] == ["a 1 was not looked up in the advisory database"]


def test_an_advisory_that_got_lost_on_the_way_is_an_error(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "osv.jsonl"
    path.write_text(json.dumps(advisory("PYSEC-9", "jinja2", "9", schema_version="2.0.0")) + "\n")
    result = dependencies.scan(wanted(tmp_path, "jinja2==2.10"), out=out, service=AdvisoryService(path))
    assert [e.message for e in result.errors] == ["the advisory PYSEC-9 for jinja2 2.10 is not in pip-audit's report"]


def test_a_pip_audit_that_hangs_is_stopped(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    tool = fake(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(MeasurementError, match="longer than"):
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=service, tool=tool, timeout_s=0.5)


def test_a_cancelled_audit_is_interrupted(tmp_path: Path, out: Path, service: AdvisoryService) -> None:
    cancel = threading.Event()
    cancel.set()
    tool = fake(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(Interrupted):
        dependencies.scan(wanted(tmp_path, "a==1"), out=out, service=service, tool=tool, cancel=cancel)


def test_old_packages_against_the_large_database(tmp_path: Path, out: Path) -> None:
    name = os.environ.get("AGENTOPS_TEST_ADVISORIES")
    if not name:
        pytest.skip("AGENTOPS_TEST_ADVISORIES names no advisory database")
    asked = wanted(tmp_path, "requests==2.19.0", "jinja2==2.10", "urllib3==1.23")
    result = dependencies.scan(asked, out=out, service=AdvisoryService(Path(name)))
    assert result.errors == ()
    assert {f.location.line for f in result.findings} == {1, 2, 3}
