"""The subprocess door: named environment, time limit, nothing left behind."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from agentops.drivers import process
from agentops.errors import Interrupted, MeasurementError, Unavailable


def py(code: str, tmp_path: Path, *, timeout_s: float = 10, **rest: object) -> process.Finished:
    argv = [sys.executable, "-c", code]
    return process.run(argv, cwd=tmp_path, env=process.clean_env(), timeout_s=timeout_s, **rest)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_what_it_printed_and_how_it_ended(tmp_path: Path) -> None:
    done = py("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_only_the_named_environment_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert set(process.clean_env({"A": "b"})) & {"OPENAI_API_KEY", "PYTHONPATH"} == set()
    assert "secret" not in py("import os; print(dict(os.environ))", tmp_path).stdout


def test_a_missing_program_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no-such-tool was not found"):
        process.run(["no-such-tool"], cwd=tmp_path, env={}, timeout_s=1)


def test_a_time_limit_takes_the_children_along(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('pid', 'w').write(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(MeasurementError, match=r"longer than 1\.5 s"):
        py(code, tmp_path, timeout_s=1.5)
    grandchild = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(grandchild)


def test_a_stop_ends_it(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        py("import time; time.sleep(60)", tmp_path, timeout_s=60, cancel=cancel)
    assert time.monotonic() - started < 5


def test_endless_output_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="printed more than 1 MiB"):
        py("while True: print('x' * 1000)", tmp_path, limit_bytes=2**20)


def test_one_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    argv = [sys.executable, "-c", code]
    with process.running(argv, cwd=tmp_path, env=process.clean_env(), log=tmp_path / "log") as child:
        while "up" not in (tmp_path / "log").read_text():
            time.sleep(0.02)
    assert child.returncode == -9
    assert not alive(child.pid)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="nowhere is not there"):
        process.run([sys.executable, "-c", ""], cwd=tmp_path / "nowhere", env=dict(os.environ), timeout_s=1)
