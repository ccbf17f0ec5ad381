"""Reads a template with its bytes, and writes the mended one: whole or not at all, and otherwise as the file was."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agentops.errors import AgentopsError, ReportError
from agentops.injection.mend.edits import Edit
from agentops.text import one_line

_BOM = b"\xef\xbb\xbf"


def write(path: Path, edits: Sequence[Edit], *, text: str, root: Path) -> None:
    """Put the insertions into the file. `text` is what it held when they were made, with line ends as \\n.

    Line ends, byte order mark and mode stay. Raises ReportError for a link, a file outside `root`, one that changed
    since, and where the system refuses.
    """
    name = one_line(str(path), 300)
    folder = root.resolve()
    try:
        if path.is_symlink():
            raise _refused(name, "it is a link", "mend the file that it leads to")
        if folder not in path.resolve().parents:
            raise _refused(name, "it lies outside the project", "run agentops in the project that it belongs to")
        data = path.read_bytes()
        _replace(path, mended(data, edits, text=text, name=name))
    except OSError as error:
        raise _refused(name, error.strerror or str(error), "correct its permissions") from None


def mended(data: bytes, edits: Sequence[Edit], *, text: str, name: str) -> bytes:
    """The file's bytes with the insertions. Raises ReportError where the bytes are not those of `text`."""
    mark = _BOM if data.startswith(_BOM) else b""
    try:
        raw = data[len(mark) :].decode("utf-8")
    except UnicodeDecodeError:
        raw = "\x00"
    if raw.replace("\r\n", "\n").replace("\r", "\n") != text:
        raise _refused(name, "it changed while it was mended", "run it again")
    carriage = raw.count("\r\n")
    end = "\r\n" if carriage > text.count("\n") - carriage else "\r" if "\r" in raw and "\n" not in raw else "\n"
    parts: list[str] = []
    at = pairs = 0
    seen = 0
    for edit in edits:
        # One \r\n is one character of the text; those before the insertion shift it.
        pairs += _pairs(raw, text, seen, edit.offset, pairs)
        seen = edit.offset
        offset = edit.offset + pairs
        parts += (raw[at:offset], edit.text.replace("\n", end))
        at = offset
    return mark + "".join((*parts, raw[at:])).encode("utf-8")


def _pairs(raw: str, text: str, start: int, end: int, before: int) -> int:
    """How many line ends of two characters stand for the text between the two places."""
    found = 0
    at = text.find("\n", start, end)
    while at >= 0:
        found += raw.startswith("\r\n", at + before + found)
        at = text.find("\n", at + 1, end)
    return found


def _replace(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode & 0o7777
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".agentops-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(made).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(made).unlink()
        raise


def _refused(name: str, problem: str, hint: str) -> AgentopsError:
    return ReportError(f"{name} is not written: {problem}", hint=hint)
