"""Where envelopes lie, and the list of what was revoked.

RECORDS/<image id>.<policy>.<content>.evidence.dsse.json
RECORDS/<image id>.<policy>.<content>.decision.dsse.json
RECORDS/<image id>.<environment>.<content>.rollout.dsse.json

Names are for people: nothing that is decided rests on them. A file is never written over another one's content.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentops.drivers import folder
from agentops.errors import ReportError, UsageError
from agentops.gate.record import stamp
from agentops.gate.record_envelope import MAX_BYTES
from agentops.text import one_line

EVIDENCE, DECISION, ROLLOUT = "evidence", "decision", "rollout"
_END = ".dsse.json"
_MOST_FILES = 20_000
_MOST_BYTES = 256 * 1024 * 1024

_DIGEST = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{64}|[0-9a-f]{40})")
_LINE = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{64}|[0-9a-f]{40})(?:\s+(?P<why>\S.*))?")


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder, as it was read once."""

    name: str
    raw: bytes

    @property
    def sha256(self) -> str:
        """Of the bytes (hex)."""
        return hashlib.sha256(self.raw).hexdigest()


class Records:
    """The envelopes of a folder, read once: what is decided is decided on these bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, tuple[Found, ...]] = {}

    def of(self, *kinds: str) -> tuple[Found, ...]:
        """Those of these kinds by their names, in the order of their names. Raises UsageError for a folder that cannot
        be read; one that is not there has none."""
        return tuple(found for kind in kinds for found in self._read(kind))

    def by_sha256(self, digest: str) -> Found | None:
        """The file with exactly this content."""
        return next((f for f in self.of(EVIDENCE, DECISION, ROLLOUT) if f.sha256 == digest), None)

    def _read(self, kind: str) -> tuple[Found, ...]:
        if kind not in self._files:
            self._files[kind] = tuple(self._list(kind))
        return self._files[kind]

    def _list(self, kind: str) -> Iterator[Found]:
        try:
            if not self.path.exists():
                return
            names = sorted(p.name for p in self.path.iterdir() if p.name.endswith(f".{kind}{_END}"))
            if len(names) > _MOST_FILES:
                raise UsageError(f"{self.path}: more than {_MOST_FILES} records", hint="move old ones elsewhere")
            left = _MOST_BYTES
            for name in names:
                if (raw := _content(self.path / name)) is not None:
                    left -= len(raw)
                    yield Found(name, raw)
                if left < 0:
                    raise UsageError(f"{self.path}: the records are too large", hint="move old ones elsewhere")
        except OSError as error:
            raise UsageError(
                f"{self.path}: the records cannot be read: {error.strerror}", hint="correct admission.records"
            ) from None


def keep(path: Path, raw: bytes, *, statement: Mapping[str, Any], word: str, kind: str) -> Path:
    """Write an envelope into the folder under its name. Raises ReportError."""
    target = path / name_of(statement, word=word, kind=kind)
    folder.write(target, raw.decode("ascii"))
    return target


def name_of(statement: Mapping[str, Any], *, word: str, kind: str) -> str:
    """The file name of a statement's envelope; `word` tells people the environment."""
    content = hashlib.sha256(json.dumps(statement, sort_keys=True).encode()).hexdigest()[:12]
    image = str(statement["subject"][0]["digest"]["sha256"])
    return f"{image}.{re.sub(r'[^A-Za-z0-9_-]', '_', word)}.{content}.{kind}{_END}"


def revoked(path: Path) -> Mapping[str, str]:
    """Reasons by digest (hex) of what was revoked: an envelope, an image or a commit. Raises UsageError for a list that
    is not there, or has a line that cannot be read: a list that nobody can read revokes nothing, so it admits nothing.
    """
    hint = "bring the list back, or take admission.revoked out of the configuration"
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageError(f"{path}: the list of revoked records cannot be read: {said}", hint=hint) from None
    told: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        found = _LINE.fullmatch(plain)
        if found is None:
            raise UsageError(f"{path}:{number}: no digest", hint="a line is a digest, the time and the reason")
        told[found["hex"]] = one_line(found["why"] or "", 200)
    return told


def revoke(path: Path, digest: str, *, why: str, by: str, now: float) -> None:
    """Put a digest on the list; it is made where there is none. Raises UsageError or ReportError."""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise UsageError(
            f"{one_line(digest, 80)!r} is no digest", hint="give the sha256 of a record or an image, or a commit"
        )
    if not one_line(why):
        raise UsageError("a revocation needs a reason", hint="--reason says it to whoever is refused")
    line = f"{found['hex']} {stamp(now)} {one_line(by, 60) or 'unknown'}: {one_line(why)}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (b"\n" if torn else b"") + line.encode("utf-8", "backslashreplace"))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise ReportError(f"{path}: cannot be written: {error.strerror}", hint="give another file") from None


def _content(path: Path) -> bytes | None:
    """The file's bytes, at most one more than an envelope may have; None for what is no file."""
    # A pipe would block whoever opens it.
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with path.open("rb") as source:
        return source.read(MAX_BYTES + 1)
