"""A process that is spoken with: lines in, lines out, and gone with its children."""

import sys
import time
from pathlib import Path

import pytest

from agentops.drivers import process
from agentops.errors import Unavailable

ECHO = "import sys\nfor line in sys.stdin: print('got', line.strip(), flush=True)"


def talking(code, tmp_path):
    argv = [sys.executable, "-c", code]
    return process.talking(argv, cwd=tmp_path, env=process.clean_env(), log=tmp_path / "log")


def gone(pid):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or ") Z " in stat.read_text():
            return True
        time.sleep(0.02)
    return False


def test_lines_go_in_and_come_out(tmp_path):
    with talking(ECHO, tmp_path) as child:
        for word in (b"a", b"b"):
            child.stdin.write(word + b"\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"got " + word + b"\n"
    assert gone(child.pid)
    assert child.stdin.closed
    assert child.stdout.closed


def test_its_errors_go_to_the_log(tmp_path):
    with talking("import sys; sys.stderr.write('oh'); sys.stderr.flush(); sys.stdin.read()", tmp_path) as child:
        child.stdin.close()
        child.wait(5)
    assert (tmp_path / "log").read_text() == "oh"


def test_it_is_gone_with_its_children_and_with_what_was_not_written(tmp_path):
    code = (
        "import subprocess, sys, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\nsignal.pause()"
    )
    with talking(code, tmp_path) as child:
        grandchild = int(child.stdout.readline())
        child.stdin.write(b"never read")
    assert gone(child.pid)
    assert gone(grandchild)


def test_an_error_in_the_block_ends_it_too(tmp_path):
    with pytest.raises(KeyError), talking(ECHO, tmp_path) as child:
        raise KeyError
    assert gone(child.pid)


def test_a_missing_program_is_unavailable(tmp_path):
    with (
        pytest.raises(Unavailable, match="was not found"),
        process.talking(["no-such-tool"], cwd=tmp_path, env={}, log=tmp_path / "log"),
    ):
        pass
