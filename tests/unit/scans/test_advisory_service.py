"""The loopback OSV service over a real socket."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentops.errors import ConfigError, MeasurementError
from agentops.model.finding import Severity
from agentops.scans.advisories import AdvisoryService

RECORDS: list[dict[str, Any]] = [
    {
        "id": "PYSEC-1",
        "modified": "2024-05-06T00:00:00Z",
        "aliases": ["CVE-1"],
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "My_Pack"},
                "ranges": [
                    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}, {"fixed": "2019-09-12"}]}
                ],
                "versions": ["1.0"],
            }
        ],
    },
    {
        "id": "GHSA-1",
        "modified": "2024-05-06T00:00:00Z",
        "aliases": ["CVE-1"],
        "database_specific": {"severity": "CRITICAL"},
        "affected": [{"package": {"ecosystem": "PyPI", "name": "other"}, "versions": ["1.0"]}],
    },
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "osv.json"
    path.write_text(json.dumps(RECORDS))
    return path


def post(url: str, body: bytes, *, path: str | None = None) -> tuple[int, Any]:
    parts = urlsplit(url)
    assert parts.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 0, timeout=10)
    try:
        connection.request("POST", path or parts.path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def query(name: str, version: str) -> bytes:
    return json.dumps({"package": {"name": name, "ecosystem": "PyPI"}, "version": version}).encode()


def test_it_answers_as_the_online_service_does(database: Path) -> None:
    with AdvisoryService(database) as service:
        status, body = post(service.url, query("my-pack", "1.0"))
        assert status == 200
        assert [v["id"] for v in body["vulns"]] == ["PYSEC-1"]
        assert body["vulns"][0]["aliases"] == ["CVE-1"]
        assert post(service.url, query("my-pack", "2.0")) == (200, {})
        assert post(service.url, query("unknown", "1.0")) == (200, {})
        assert service.asked == (("my-pack", "1.0"), ("my-pack", "2.0"), ("unknown", "1.0"))
        assert service.answered[("my-pack", "1.0")] == ("PYSEC-1",)
    assert (service.advisories, service.newest, len(service.sha256)) == (2, "2024-05-06", 64)


@pytest.mark.parametrize(
    ("published", "sent"),
    [
        ("2023-10-04T17:15:00Z", "2023-10-04T17:15:00Z"),
        ("2023-10-04T17:15:00.123456Z", "2023-10-04T17:15:00Z"),
        ("2023-10-04 17:15:00+02:00", "2023-10-04T15:15:00Z"),
        ("yesterday", None),
        (None, None),
        (7, None),
    ],
)
def test_dates_are_sent_in_one_form(tmp_path: Path, published: object, sent: str | None) -> None:
    path = tmp_path / "osv.json"
    path.write_text(json.dumps([RECORDS[0] | {"published": published}]))
    [record] = AdvisoryService(path).answer("my-pack", "1.0")
    assert record.get("published") == sent


def test_fix_versions_that_are_no_versions_are_not_sent(database: Path) -> None:
    [record] = AdvisoryService(database).answer("my-pack", "1.0")
    assert record["affected"][0]["ranges"][0]["events"] == [{"introduced": "0"}, {"fixed": "2.0"}]
    assert record["affected"][0]["package"]["name"] == "my-pack"


@pytest.mark.parametrize(
    "body",
    [b"", b"garbage", b"[]", b"{}", b'{"package": "x", "version": "1"}', b'{"package": {"name": "x"}, "version": 1}'],
)
def test_questions_that_make_no_sense_are_refused_and_not_counted(database: Path, body: bytes) -> None:
    with AdvisoryService(database) as service:
        assert post(service.url, body)[0] == 400
        assert post(service.url, query("x", "1").replace(b"PyPI", b"npm"))[0] == 400
        assert post(service.url, query("x", "1"), path="/v1/other")[0] == 404
        assert post(service.url, b" " * 100_000)[0] == 400
        assert service.asked == ()


def test_it_is_gone_after_the_block_and_can_be_entered_again(database: Path) -> None:
    service = AdvisoryService(database)
    with service:
        url = service.url
        post(url, query("my-pack", "1.0"))
    with pytest.raises(ConnectionRefusedError):
        post(url, query("my-pack", "1.0"))
    with pytest.raises(MeasurementError):
        _ = service.url
    with service:
        assert service.asked == ()
        assert post(service.url, query("my-pack", "1.0"))[0] == 200


def test_the_worst_severity_of_the_ids_counts(database: Path) -> None:
    service = AdvisoryService(database)
    assert service.severity(["PYSEC-1"]) is Severity.MEDIUM
    assert service.severity(["PYSEC-1", "GHSA-1"]) is Severity.CRITICAL
    assert service.severity(["CVE-1"]) is None


def test_a_database_that_is_missing_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        AdvisoryService(tmp_path / "nowhere.json")
