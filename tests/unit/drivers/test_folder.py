"""Run folders and whole-or-nothing files."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentops.drivers import folder
from agentops.errors import ReportError, UsageError


def test_two_checks_in_one_folder_are_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with folder.run_folder(tmp_path / "out", "one") as first:
        with (
            pytest.raises(UsageError, match=f"process {os.getpid()}") as caught,
            folder.run_folder(tmp_path / "out", "two"),
        ):
            pass
        assert "--out" in caught.value.hint
        assert first.is_dir()
    with folder.run_folder(tmp_path / "out", "three") as third:
        assert (tmp_path / "out" / "latest").resolve() == third
    assert (tmp_path / "out" / ".gitignore").read_text() == "*\n"


def test_the_lock_of_a_killed_check_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from agentops.drivers import folder\n"
        "with folder.run_folder(Path(sys.argv[1]), 'killed'): print('in', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as said:
        said.readline()
        with pytest.raises(UsageError), folder.run_folder(tmp_path, "next"):
            pass
        child.kill()
        child.wait()
    with folder.run_folder(tmp_path, "next") as out:
        assert out.is_dir()


def test_a_lock_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/lock").symlink_to(precious)
    with pytest.raises(ReportError), folder.run_folder(tmp_path / "out", "one"):
        pass
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("link", ["out", "out/runs"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(elsewhere)
    with pytest.raises(UsageError, match="is a link"), folder.run_folder(tmp_path / "out", "one"):
        pass
    assert list(elsewhere.iterdir()) == []


def test_a_full_disk_names_the_file_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    folder.write(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match=r"run\.json: cannot be written: No space left"):
        folder.write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_target_that_is_no_file_is_written_to_and_not_replaced() -> None:
    with pytest.raises(ReportError, match="No space left"):
        folder.write(Path("/dev/full"), "x")
    assert Path("/dev/full").is_char_device()


def test_a_lone_surrogate_does_not_stop_a_report(tmp_path: Path) -> None:
    folder.write(tmp_path / "a", "x\ud800y")
    assert (tmp_path / "a").read_text() == "x\\ud800y"


def test_run_ids_sort_by_time_and_differ() -> None:
    first = folder.new_run_id()
    time.sleep(1.1)
    assert first < folder.new_run_id()
    assert len({folder.new_run_id() for _ in range(50)}) == 50
