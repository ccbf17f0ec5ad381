"""Files that are none: each is an error of its own, nothing waits, and the others are measured."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from agentops.errors import ConfigError
from agentops.injection import engine, files


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "good.txt").write_text("Sum up {document}")
    monkeypatch.chdir(folder)
    os.mkfifo("pipe.txt")
    Path("folder.txt").symlink_to(tmp_path)
    Path("nowhere.txt").symlink_to("gone.txt")
    Path("loop.txt").symlink_to("loop.txt")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("sock.txt")
    with Path("sparse.txt").open("wb") as sparse:
        sparse.truncate(3_000_000_000)
    Path(os.fsdecode(b"\xff.txt")).write_text("Sum up {document}")
    return tmp_path


def test_each_is_an_error_and_the_rest_is_measured(root: Path) -> None:
    found = engine.analyse([Path("p")], root=root)
    assert [t.path for t in found.templates] == ["p/good.txt"]
    assert {e.path: e.message.split(": ", 1)[1] for e in found.errors} == {
        "p/\\xff.txt": "its name is not UTF-8",
        "p/folder.txt": "a link to a folder is not followed",
        "p/loop.txt": "a link that leads to itself",
        "p/nowhere.txt": "a link that leads nowhere, or gone",
        "p/pipe.txt": "not a regular file",
        "p/sock.txt": "not a regular file",
        "p/sparse.txt": "larger than 1 MB",
    }
    assert all("prompts.exclude" in e.hint for e in found.errors)


def test_the_hash_of_the_inputs_reads_no_more_than_the_analysis(root: Path) -> None:
    before = files.digest([Path("p")], root=root)
    assert before == files.digest([Path("p")], root=root)
    (root / "p/good.txt").write_text("Sum up {email}")
    assert files.digest([Path("p")], root=root) != before


def test_the_hash_of_the_inputs_is_that_of_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Sum up")
    line = f"a.txt\0{hashlib.sha256(b'Sum up').hexdigest()}\n"
    assert files.digest([Path("a.txt")], root=tmp_path) == hashlib.sha256(line.encode()).hexdigest()
    assert files.digest([Path()], root=tmp_path, exclude=["b*"]) == hashlib.sha256(line.encode()).hexdigest()
    with pytest.raises(ConfigError):
        files.digest([Path("none")], root=tmp_path)
