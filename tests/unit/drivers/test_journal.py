"""The journal: whole lines in order, from several threads, readable after a kill."""

import threading
from pathlib import Path

import pytest

from agentops.drivers import journal
from agentops.errors import ReportError


def test_records_come_back_in_order(tmp_path: Path) -> None:
    log = journal.FileJournal(tmp_path / "j")
    log.append("a", {"n": 1, "text": "\ud800 ünï\n"})
    log.append("b", {"n": 2})
    log.close()
    rows = list(journal.read(tmp_path / "j"))
    assert [(r["kind"], r["n"]) for r in rows] == [("a", 1), ("b", 2)]
    assert rows[0]["text"] == "\ud800 ünï\n"


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    log = journal.FileJournal(tmp_path / "j")
    log.append("a", {"n": 1})
    log.close()
    with (tmp_path / "j").open("ab") as sink:
        sink.write(b'{"kind": "b", "n"')
    assert [r["n"] for r in journal.read(tmp_path / "j")] == [1]


@pytest.mark.parametrize("torn", [b"x", b'{"kind": "b", "n"', b"y" * 200_000])
def test_who_appends_cuts_a_torn_line_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "j"
    for n, tail in ((1, torn), (2, b"")):
        log = journal.FileJournal(path)
        log.append("a", {"n": n})
        log.close()
        path.write_bytes(path.read_bytes() + tail)
    assert [r["n"] for r in journal.read(path)] == [1, 2]
    path.write_bytes(torn)
    journal.FileJournal(path).close()
    assert path.read_bytes() == b"", "a file of nothing but a torn line is empty"


def test_lines_of_several_threads_do_not_mix(tmp_path: Path) -> None:
    log = journal.FileJournal(tmp_path / "j")

    def write(number: int) -> None:
        for i in range(200):
            log.append("x", {"n": number * 1000 + i, "pad": "y" * 500})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert len({r["n"] for r in journal.read(tmp_path / "j")}) == 800


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error_with_its_cause() -> None:
    log = journal.FileJournal(Path("/dev/full"))
    with pytest.raises(ReportError, match="No space left"):
        log.append("a", {})
