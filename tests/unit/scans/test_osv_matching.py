"""Reading OSV databases and matching versions against them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version

from agentops.errors import ConfigError
from agentops.scans import osv


def advisory(identifier: str = "PYSEC-1", *, name: str = "pack", **affected: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "modified": "2024-05-06T07:08:09Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": name}, **affected}],
    }


def spans(*events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": list(events)}]}


releases = st.builds(
    lambda numbers, suffix: Version(".".join(map(str, numbers)) + suffix),
    st.lists(st.integers(0, 12), min_size=1, max_size=3),
    st.sampled_from(["", "a1", "rc2", ".post1", ".dev3"]),
)


@given(st.lists(releases, min_size=2, max_size=8, unique=True), releases, st.randoms())
def test_a_version_is_affected_exactly_inside_the_ranges(bounds: list[Version], version: Version, random: Any) -> None:
    bounds = sorted(bounds)[: len(bounds) // 2 * 2]
    assume(str(bounds[0]) != "0")  # It has a meaning of its own, below.
    pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
    events = [e for low, high in pairs for e in ({"introduced": str(low)}, {"fixed": str(high)})]
    random.shuffle(events)
    assert osv.in_events(events, version) is any(low <= version < high for low, high in pairs)


@given(releases, releases, releases)
def test_last_affected_closes_after_its_version(low: Version, high: Version, version: Version) -> None:
    low, high = sorted((low, high))
    assume(str(low) != "0")
    events = [{"introduced": str(low)}, {"last_affected": str(high)}]
    assert osv.in_events(events, version) is (low <= version <= high)


@given(releases, releases)
def test_introduced_zero_is_from_the_very_first(fixed: Version, version: Version) -> None:
    assert osv.in_events([{"introduced": "0"}, {"fixed": str(fixed)}], version) is (version < fixed)


def test_a_range_without_an_end_affects_everything_after() -> None:
    assert osv.in_events([{"introduced": "0"}], Version("0.dev1")) is True
    assert osv.in_events([], Version("1")) is False


@pytest.mark.parametrize(
    ("record", "version", "affected"),
    [
        (advisory(versions=["1.0", "1.1"]), "1.0.0", True),
        (advisory(versions=["1.0", "1.1"]), "1.2", False),
        (advisory(versions=["2.0.0-final"]), "2.0.0-final", True),
        (advisory(versions=["2.1.0"]), "2.1.0+cpu", True),
        (advisory(**spans({"introduced": "0"}, {"last_affected": "2.1.0"})), "2.1.0+cpu", True),
        (advisory(**spans({"introduced": "0"}, {"fixed": "1.10"})), "1.9", True),
        (advisory(**spans({"introduced": "0"}, {"fixed": "1.10"})), "1.10", False),
        (advisory(**spans({"introduced": "0"}, {"fixed": "1.10"})), "1.10rc1", True),
        (advisory(**spans({"introduced": "0"}, {"fixed": "abc"}, kind="GIT")), "1.0", False),
        # A bound that is no version: the list decides where there is one, else the worst is assumed.
        (advisory(**spans({"introduced": "0"}, {"fixed": "2019-09-12"})), "3.0", True),
        (advisory(versions=["1.0"], **spans({"introduced": "0"}, {"fixed": "2019-09-12"})), "3.0", False),
        (advisory(name="Pack_X.y", versions=["1.0"]), "1.0", False),
        (advisory(), "1.0", False),
    ],
)
def test_matching(record: dict[str, Any], version: str, affected: bool) -> None:
    assert osv.affects(record, "pack", version) is affected


def test_names_are_compared_normalised_and_ecosystems_apart() -> None:
    assert osv.affects(advisory(name="Pack_X.y", versions=["1.0"]), "pack-x-Y", "1.0")
    other = advisory(versions=["1.0"])
    other["affected"][0]["package"]["ecosystem"] = "npm"
    assert not osv.affects(other, "pack", "1.0")


def as_zip(records: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record))
    return buffer.getvalue()


def as_lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(r) + "\n" for r in records).encode()


RECORDS = [
    advisory("A-1", versions=["1.0"]),
    advisory("A-2", versions=["1.0"]) | {"withdrawn": "2024-01-01T00:00:00Z", "modified": "2024-07-01T00:00:00Z"},
    advisory("A-3", name="Other.Pack", versions=["2.0"]),
]
FORMS = {
    "db.jsonl": as_lines(RECORDS),
    "db.json": json.dumps(RECORDS).encode(),
    "db.jsonl.gz": gzip.compress(as_lines(RECORDS)),
    "all.zip": as_zip(RECORDS),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_reads_alike(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FORMS[name])
    database = osv.read(path)
    assert database.records == 3
    assert database.newest == "2024-07-01"
    assert database.sha256 == hashlib.sha256(FORMS[name]).hexdigest()
    assert [r["id"] for r in database.about("PACK", "1.0")] == ["A-1"]
    assert [r["id"] for r in database.about("other_pack", "2.0")] == ["A-3"]


@pytest.mark.parametrize("name", ["db.jsonl", "db.json", "db.jsonl.gz", "all.zip"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_database_that_is_cut_off_is_refused(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    path.write_bytes(FORMS[name][: int(len(FORMS[name]) * share)])
    with pytest.raises(ConfigError) as caught:
        osv.read(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "\n\n",
        "[]",
        '{"hello": "world"}',
        '{"id": "A", "modified": "2024", "affected": [3]}',
        '{"id": "A", "modified": "2024", "affected": [{"package": {"name": "a"}}]}',
        '{"id": 1, "modified": "2024", "affected": []}',
        json.dumps(advisory(ranges=[{"type": "ECOSYSTEM", "events": ["x"]}])),
        json.dumps(advisory() | {"withdrawn": "2024-01-01T00:00:00Z"}),
        json.dumps(advisory()).replace("PyPI", "npm"),
    ],
)
def test_what_is_no_python_database_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "db.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"db\.jsonl"):
        osv.read(path)


def test_a_missing_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read"):
        osv.read(tmp_path / "nowhere.json")


def test_the_large_database_reads_fast_and_answers() -> None:
    name = os.environ.get("AGENTOPS_TEST_ADVISORIES")
    if not name:
        pytest.skip("AGENTOPS_TEST_ADVISORIES names no advisory database")
    started = time.process_time()
    database = osv.read(Path(name))
    assert time.process_time() - started < 1.0
    assert database.records > 2000
    for package, version in (("requests", "2.19.0"), ("jinja2", "2.10"), ("urllib3", "1.23")):
        assert database.about(package, version), package
