"""The cache of results: it answers only for what it saw, and is never in the way."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from agentops.drivers import cache as module
from agentops.drivers.cache import Cache, Kept


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("one")
    aged(path)
    return path


def aged(path: Path, seconds: int = 60) -> None:
    """Times of a file that did not change just now."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def folder(path: Path) -> Path:
    return path.parent / "cache"


def kept(file: Path, needs: tuple[Path, ...] = (), text: str = "result") -> None:
    cache = Cache(folder(file), "key")
    assert cache.get(str(file)) is None
    cache.put(str(file), note=[1], texts=(text, "日本語"), needs=[str(n) for n in needs])
    cache.save()


def got(file: Path, key: str = "key") -> Kept | None:
    return Cache(folder(file), key).get(str(file))


def test_what_was_kept_is_given_back_for_the_same_file_and_key(file: Path) -> None:
    kept(file)
    assert got(file) == Kept([1], ("result", "日本語"))
    assert got(file, "other") is None
    assert (folder(file) / ".gitignore").read_text() == "*\n"


def test_a_file_that_differs_is_not_answered_for(file: Path) -> None:
    kept(file)
    file.write_text("two")  # the same size
    assert got(file) is None
    file.write_text("one")
    assert got(file) is not None, "the bytes are those that were seen, whatever the times say"
    file.unlink()
    assert got(file) is None


def test_times_that_were_set_back_hide_no_change(file: Path) -> None:
    kept(file)
    before = file.stat()
    file.write_text("two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert got(file) is None


def test_a_change_while_it_was_measured_is_not_kept(file: Path) -> None:
    cache = Cache(folder(file), "key")
    cache.get(str(file))
    file.write_text("two")  # as long as before
    cache.put(str(file), note=None, texts=("stale",))
    cache.save()
    assert got(file) is None


def test_what_it_needs_counts_as_much(file: Path, tmp_path: Path) -> None:
    there, missing = tmp_path / "part.txt", tmp_path / "missing.txt"
    there.write_text("part")
    kept(file, (there, missing))
    assert got(file) is not None
    there.write_text("trap")
    assert got(file) is None
    there.write_text("part")
    assert got(file) is not None
    missing.write_text("now it is there")
    assert got(file) is None
    missing.unlink()
    missing.symlink_to(there)
    assert got(file) is None


def test_links_are_not_kept(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(file)
    for path, needs in ((link, ()), (file, (link,))):
        cache = Cache(folder(file), "key")
        cache.get(str(path))
        cache.put(str(path), note=None, texts=("x",), needs=[str(n) for n in needs])
        assert cache.save() is None
        assert got(path) is None


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "noise", "other"])
def test_a_damaged_index_is_ignored_and_written_anew(file: Path, damage: str) -> None:
    kept(file)
    (index,) = folder(file).glob("*.index")
    raw = index.read_bytes()
    at = raw.index(b"result")
    index.write_bytes(
        {
            "cut": raw[:-3],
            "flip": raw[:at] + b"R" + raw[at + 1 :],
            "empty": b"",
            "noise": b"\xff\x00\n" * 50,
            "other": b'{"head": 1, "rows": []}\n',
        }[damage]
    )
    kept(file, text="anew")
    assert got(file) == Kept([1], ("anew", "日本語"))


def test_every_changed_byte_of_the_index_is_noticed(file: Path) -> None:
    kept(file)
    (index,) = folder(file).glob("*.index")
    raw = index.read_bytes()
    for at in range(len(raw)):
        index.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        assert got(file) in (None, Kept([1], ("result", "日本語"))), at


def test_a_cache_that_came_from_elsewhere_is_ignored(file: Path) -> None:
    kept(file)
    copy = folder(file).with_name("copy")
    shutil.copytree(folder(file), copy)
    shutil.rmtree(folder(file))
    copy.rename(folder(file))
    assert got(file) is None


def test_a_folder_behind_a_link_is_not_used(file: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    folder(file).symlink_to(tmp_path / "real")
    kept(file)
    assert got(file) is None
    assert list((tmp_path / "real").iterdir()) == []


def test_it_stays_bounded(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1_500)
    for n in range(10):
        other = tmp_path / f"{n}.txt"
        other.write_text("x")
        cache = Cache(folder(file), "key")
        cache.get(str(other))
        cache.put(str(other), note=None, texts=("y" * 300,))
        cache.save()
        (index,) = folder(file).glob("*.index")
        assert index.stat().st_size <= 1_500
        assert got(other) is not None, "what this run used is kept first"
    for n in range(20):
        cache = Cache(folder(file), f"k{n}")
        cache.get(str(file))
        cache.put(str(file), note=None, texts=("z",))
        cache.save()
    assert len(list(folder(file).glob("*.index"))) == module.MAX_INDEXES


def test_nothing_is_raised_where_nothing_can_be_written(file: Path) -> None:
    folder(file).write_text("a file in the way")
    kept(file)
    assert got(file) is None


def test_a_file_that_has_just_changed_is_known_by_its_bytes_alone(tmp_path: Path) -> None:
    path = tmp_path / "fresh.txt"
    path.write_text("one")
    kept(path)
    (index,) = folder(path).glob("*.index")
    assert b'[[3],"' in index.read_bytes()
