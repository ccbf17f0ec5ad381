"""Tar archives, the way in which an engine takes and gives files."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import IO

from agentops.errors import MeasurementError

_OPEN_TO_ALL = 0o1777


def open_directory(name: str) -> bytes:
    """An archive with one empty directory that every user may write to."""
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE
    entry.mode = _OPEN_TO_ALL
    return _packed(entry, b"")


def one_file(name: str, content: bytes, *, mode: int = 0o644) -> bytes:
    """An archive with one file."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = mode
    return _packed(entry, content)


def only_file(archive: bytes, *, limit_bytes: int) -> bytes:
    """The content of the one regular file in an archive. Nothing is unpacked to the disk.

    Raises MeasurementError where it holds anything else (a link, a directory) or a file beyond the limit.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            members = tar.getmembers()
            if len(members) != 1 or not members[0].isreg():
                raise MeasurementError("the container gave something else than one regular file")
            if members[0].size > limit_bytes:
                raise MeasurementError(f"the file in the container is larger than {limit_bytes // 2**20} MiB")
            stream = tar.extractfile(members[0])
            return stream.read(limit_bytes) if stream is not None else b""
    except tarfile.TarError as error:
        raise MeasurementError(f"the container gave a broken archive: {error}") from None


def digest(archive: IO[bytes]) -> str:
    """The sha256 over names, kinds, modes and contents, whatever the order and the times: equal for equal inputs. The
    stream is back at its beginning afterwards."""
    archive.seek(0)
    lines = []
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            content = hashlib.sha256(stream.read()).hexdigest() if stream is not None else member.linkname
            lines.append(f"{member.name}\0{member.type!r}\0{member.mode:o}\0{content}\n")
    archive.seek(0)
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _packed(entry: tarfile.TarInfo, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
