"""Results of earlier runs, kept by the bytes of the files that they were made from. One file holds them all.

A folder holds an index for each key (what besides the files makes a result: version, rules, configuration):

    <key>.index   one line of JSON, then the results' texts one after the other
    mark          an empty file that was made here; every index names its inode and change time

An entry counts where the file's size, times and inode are those that were seen, else where its sha256 is; the same
holds for every other file that was read for it, or was looked for and missing. What is damaged, of another shape, or
was made in another folder (a checkout may bring a cache with it, which nobody here measured) is ignored and written
anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 64 * 1024 * 1024
"""An index grows no larger: what was not used in this run is dropped first, then the index is not written at all."""
MAX_INDEXES = 8
_FORMAT = 1
# Times of files are counted in ticks: one that changed so shortly before it was looked at is known by its bytes alone.
_TICK_NS = 2_000_000_000

_State = tuple[int, ...]
_Row = list[Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept for a file: a small value, and texts."""

    note: Any
    texts: tuple[str, ...]


class Cache:
    """The index of one key in a folder. Nothing here raises: a cache that cannot be used is an empty one."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._name = f"{key}.index"
        self._rows: dict[str, _Row] = {}
        self._body = b""
        self._new: dict[str, tuple[_Row, tuple[bytes, ...]]] = {}
        self._used: set[str] = set()
        self._seen: dict[str, _State | None] = {}
        self._changed = False
        self._usable = not any(part.is_symlink() for part in (folder.parent.parent, folder.parent, folder))
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if self._usable:
                self._load()

    def get(self, path: str) -> Kept | None:
        """What was kept for the file as it is now; None where nothing was, or the file or one that it needs differs."""
        state = self._seen[path] = _state(path)
        row = self._rows.get(path)
        if row is None or state is None:
            return None
        try:
            seen, digest, needs, note, places = row
            fresh = _same(path, state, seen, digest)
            if fresh is None or not all(self._holds(need) for need in needs):
                return None
            texts = tuple(self._body[start:end].decode("utf-8", "surrogatepass") for start, end in places)
        except (ValueError, TypeError):
            return None
        if fresh != seen:
            row[0] = fresh
            self._changed = True
        self._used.add(path)
        return Kept(note, texts)

    def put(self, path: str, *, note: Any, texts: Sequence[str], needs: Sequence[str] = ()) -> None:
        """Keep what was made from the file since `get` was asked for it, unless the file changed meanwhile. `needs` are
        the other files that were read or looked for."""
        before, digest = self._seen.get(path), _sha256(path)
        if before is None or digest is None or _state(path) != before:
            return
        rows = []
        for need in dict.fromkeys(needs):
            state = _state(need)
            if state is None and os.path.lexists(need):
                return
            rows.append([need, _settled(state) if state else None, _sha256(need) if state else None])
        encoded = tuple(t.encode("utf-8", "surrogatepass") for t in texts)
        self._new[path] = ([_settled(before), digest, rows, note, []], encoded)
        self._used.add(path)
        self._changed = True

    def save(self) -> None:
        """Write the index whole or not at all."""
        if not self._changed or not self._usable:
            return
        with contextlib.suppress(OSError, ValueError, TypeError):
            mark = self._mark()
            for every in (True, False):
                data = self._document(mark, every=every)
                if len(data) <= MAX_BYTES:
                    self._write(data)
                    return

    def _holds(self, need: _Row) -> bool:
        path, seen, digest = need
        state = _state(path)
        if state is None or seen is None:
            return seen is None and not os.path.lexists(path)
        fresh = _same(path, state, seen, digest)
        if fresh is not None and fresh != seen:
            need[1] = fresh
            self._changed = True
        return fresh is not None

    def _load(self) -> None:
        path = self._folder / self._name
        if path.stat().st_size > MAX_BYTES:
            return
        raw = path.read_bytes()
        end = raw.index(b"\n")
        head = json.loads(raw[:end])
        body = raw[end + 1 :]
        mark = (self._folder / "mark").lstat()
        known = [_FORMAT, self._name, mark.st_ino, mark.st_ctime_ns, len(body), zlib.crc32(body)]
        rows = head["rows"]
        if head["head"] != known or zlib.crc32(_plain(rows)) != head["sum"] or not isinstance(rows, dict):
            return
        self._rows, self._body = rows, body

    def _mark(self) -> list[int]:
        self._folder.mkdir(parents=True, exist_ok=True)
        ignore = self._folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        mark = self._folder / "mark"
        if not mark.is_file() or mark.is_symlink():
            mark.unlink(missing_ok=True)
            mark.touch()
        found = mark.lstat()
        return [found.st_ino, found.st_ctime_ns]

    def _document(self, mark: list[int], *, every: bool) -> bytes:
        rows: dict[str, _Row] = {}
        parts: list[bytes] = []
        at = 0
        for path in sorted({*self._rows, *self._new}):
            if not every and path not in self._used:
                continue
            if path in self._new:
                row, texts = self._new[path]
            else:
                row = self._rows[path]
                texts = tuple(self._body[start:end] for start, end in row[4])
            places = []
            for text in texts:
                places.append([at, at + len(text)])
                at += len(text)
            parts += texts
            rows[path] = [*row[:4], places]
        body = b"".join(parts)
        head = [_FORMAT, self._name, *mark, len(body), zlib.crc32(body)]
        return _plain({"head": head, "sum": zlib.crc32(_plain(rows)), "rows": rows}) + b"\n" + body

    def _write(self, data: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".index.")
        try:
            with os.fdopen(handle, "wb") as sink:
                sink.write(data)
            Path(name).replace(self._folder / self._name)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        kept = sorted(self._folder.glob("*.index"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
        for old in kept[MAX_INDEXES:]:
            old.unlink(missing_ok=True)


def _plain(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def _state(path: str) -> _State | None:
    """Size, times and inode of a regular file; None for anything else. A link is never kept: it may lead elsewhere."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    if (found.st_mode & 0o170000) != 0o100000:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _settled(state: _State) -> list[int]:
    """The state to be kept: of a file that has just changed nothing but its size, so that its bytes are looked at."""
    recent = time.time_ns() - max(state[1], state[2]) < _TICK_NS
    return [state[0]] if recent else list(state)


def _same(path: str, state: _State, seen: list[int], digest: str) -> list[int] | None:
    """The state to keep from now on where the file is the one that was seen, else None."""
    if list(state) == seen:
        return seen
    return _settled(state) if seen[0] == state[0] and _sha256(path) == digest else None


def _sha256(path: str) -> str | None:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - a thousand of them, and pathlib is slower
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return None
