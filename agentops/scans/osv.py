"""OSV records: reading a file of them, and which of them speak of a version.

Schema and evaluation: https://ossf.github.io/osv-schema/
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from agentops import text
from agentops.errors import ConfigError

ECOSYSTEM = "PyPI"
_HINT = "fetch the database again: one OSV record a line (.jsonl, .jsonl.gz), a list (.json) or an all.zip of records"


@dataclass(frozen=True, slots=True)
class Database:
    """`records` is every advisory of the file, `by_package` those for Python packages that are not withdrawn.

    `newest` is the date of the newest change, as YYYY-MM-DD; `sha256` is over the bytes of the file.
    """

    path: Path
    sha256: str
    newest: str
    records: int
    by_package: Mapping[str, tuple[Mapping[str, Any], ...]]

    def about(self, name: str, version: str) -> list[Mapping[str, Any]]:
        """The advisories that affect this version of the package."""
        known = self.by_package.get(canonicalize_name(name), ())
        return [record for record in known if affects(record, name, version)]


def read(path: Path) -> Database:
    """Read a database. Raises ConfigError naming the file, and the record where one is at fault."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the advisory database {path} cannot be read: {error.strerror}", hint=_HINT) from None
    if not raw:
        raise ConfigError(f"the advisory database {path} is empty", hint=_HINT)
    records, newest = 0, ""
    index: dict[str, list[Mapping[str, Any]]] = {}
    try:
        for where, record in _records(path.name, raw):
            names = _packages(record, f"{path}: {where}")
            records += 1
            newest = max(newest, str(record["modified"])[:10])
            for name in names if record.get("withdrawn") is None else ():
                index.setdefault(name, []).append(record)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, RecursionError) as error:
        why = text.one_line(str(error), 120)
        raise ConfigError(f"the advisory database {path} is damaged or cut off: {why}", hint=_HINT) from None
    if not index:
        raise ConfigError(f"the advisory database {path} holds no advisory for {ECOSYSTEM}", hint=_HINT)
    by_package = {name: tuple(found) for name, found in index.items()}
    return Database(path, hashlib.sha256(raw).hexdigest(), newest, records, by_package)


def affects(record: Mapping[str, Any], name: str, version: str) -> bool:
    """Whether the record says that this version of the Python package is affected: listed, or inside a range.

    A local version (1.0+cpu) counts as the public one it was built from.
    """
    wanted = canonicalize_name(name)
    parsed = _parse(version)
    return any(
        _listed(affected, version, parsed) or _in_ranges(affected, parsed)
        for affected in record["affected"]
        if affected["package"].get("ecosystem") == ECOSYSTEM
        and canonicalize_name(str(affected["package"].get("name"))) == wanted
    )


def in_events(events: Sequence[Mapping[str, str]], version: Version) -> bool | None:
    """Whether a version is inside the range that the events describe; None when an event names no such version.

    `introduced` opens the range (0 means from the very first), `fixed` closes it before, `last_affected` after
    that version.
    """
    ordered: list[tuple[int, Version, str]] = []
    for event in events:
        for kind in ("introduced", "fixed", "last_affected"):
            if kind not in event:
                continue
            at = _parse(event[kind])
            if at is None:
                return None
            first = kind == "introduced" and event[kind] == "0"
            ordered.append((0 if first else 1, at, kind))
    inside = False
    for rank, at, kind in sorted(ordered, key=lambda e: e[:2]):
        if kind == "introduced" and (rank == 0 or version >= at):
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            inside = False
    return inside


def _listed(affected: Mapping[str, Any], version: str, parsed: Version | None) -> bool:
    listed = affected.get("versions") or ()
    return version in listed or (parsed is not None and any(_parse(v) == parsed for v in listed))


def _in_ranges(affected: Mapping[str, Any], version: Version | None) -> bool:
    for span in affected.get("ranges") or ():
        if span.get("type") != "ECOSYSTEM":
            continue
        inside = None if version is None else in_events(span.get("events") or (), version)
        # A range that cannot be evaluated says nothing beside a list of versions, and everything without one.
        if inside or (inside is None and not affected.get("versions")):
            return True
    return False


def _parse(version: object) -> Version | None:
    try:
        return Version(Version(str(version)).public)
    except InvalidVersion:
        return None


def _records(name: str, raw: bytes) -> Iterator[tuple[str, Any]]:
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for member in archive.namelist():
                if member.endswith(".json"):
                    yield member, json.loads(archive.read(member))
        return
    if name.endswith(".gz"):
        raw = gzip.decompress(raw)
        name = name.removesuffix(".gz")
    if name.endswith(".json"):
        whole = json.loads(raw)
        for number, record in enumerate(whole if isinstance(whole, list) else [whole], 1):
            yield f"record {number}", record
        return
    for number, line in enumerate(raw.splitlines(), 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None


def _packages(record: Any, where: str) -> set[str]:
    """The Python packages a record speaks of. Raises ConfigError for what is no OSV record."""
    try:
        if not isinstance(record["id"], str) or not isinstance(record["modified"], str):
            raise TypeError
        affected = record.get("affected") or []
        packages = [a["package"] for a in affected if "package" in a]
        record["affected"] = [a for a in affected if "package" in a]
        for entry in record["affected"]:
            for span in entry.get("ranges") or ():
                [event.items() for event in span.get("events") or ()]
        return {canonicalize_name(str(p["name"])) for p in packages if p["ecosystem"] == ECOSYSTEM}
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(f"{where} is no OSV record (id, modified, affected)", hint=_HINT) from None
