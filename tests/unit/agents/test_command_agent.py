"""Agents that are a command: one process a turn."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentops.agents import open_agent
from agentops.drivers.process import Finished
from agentops.errors import Unavailable
from agentops.model.case import Answer, Attachment, ToolCall, Turn
from agentops.model.settings import Agent


def script(code: str, *args: str, **more: Any) -> Agent:
    return Agent("a", protocol="command", command=(sys.executable, "-c", code, *args), **more)


ECHO = "import os, sys; print(os.environ['AGENTOPS_SESSION'], '|', sys.stdin.read(), '|', sys.argv[1:])"


def gone(pid: int) -> bool:
    """Whether a process runs no more; where nobody reaps it, it stays in the table as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_the_text_on_standard_input_or_in_its_place(talk: Any) -> None:
    nasty = "ä $(touch x) `id`; 'quoted' \"double\"\nsecond line"
    (answer,) = talk(script(ECHO), "", nasty)
    assert answer.text == f"session-1 | {nasty} | []"
    assert 0 < answer.latency_s < 5
    (answer,) = talk(script(ECHO, "--q={input}", "x"), "", "it's $HOME")
    assert answer.text == """session-1 |  | ["--q=it's $HOME", 'x']"""


def test_the_environment_is_named_not_inherited(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "leak")
    code = "import os; print(os.environ.get('OPENAI_API_KEY'), os.environ['LEVEL'])"
    assert talk(script(code, env={"LEVEL": "info"}), "", "hi")[0].text == "None info"


def test_the_folder(talk: Any, tmp_path: Path) -> None:
    assert talk(script("import os; print(os.getcwd())"), "", "hi", root=tmp_path)[0].text == str(tmp_path)


def test_an_object_tells_more(talk: Any) -> None:
    code = """print('{"answer": "hi", "tool_calls": [{"name": "t", "arguments": {}}], "model": "m"}')"""
    (answer,) = talk(script(code), "", "x")
    assert answer == Answer("hi", (ToolCall("t", {}),), None, "m", latency_s=answer.latency_s)


def test_a_status_is_an_error_with_the_last_words(refused: Any) -> None:
    code = "import sys; print('half'); print('one\\nno key sk-secret-123\\n', file=sys.stderr); sys.exit(3)"
    error = refused(script(code), "", secrets=["sk-secret-123"])
    assert error.message.endswith("ended with status 3: no key [redacted]")
    assert not error.retryable
    assert "signal 9" in refused(script("import os; os.kill(os.getpid(), 9)"), "").message
    assert "nothing was printed" in refused(script("pass"), "").message
    missing = Agent("a", protocol="command", command=("no-such-program",))
    assert "no-such-program was not found" in refused(missing, "").message


def test_a_command_that_takes_too_long_is_gone_with_its_children(refused: Any, tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']);"
        "open(sys.argv[1], 'w').write(str(p.pid)); time.sleep(60)"
    )
    mark = tmp_path / "pid"
    started = time.monotonic()
    error = refused(script(code, str(mark)), "", timeout_s=3.0)
    assert "took longer than 3 s" in error.message
    # A grandchild that was sent the signal may take a moment to go.
    while not gone(int(mark.read_text())):
        assert time.monotonic() - started < 20
        time.sleep(0.05)


def test_a_run_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"

    async def stopped() -> None:
        async with open_agent(script(code, str(mark)), "", connections=1) as agent:
            work = asyncio.create_task(agent.dialogue("s").say(Turn("hi"), timeout_s=60))
            while not (mark.is_file() and mark.read_text()):
                await asyncio.sleep(0.05)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    asyncio.run(stopped())
    assert gone(int(mark.read_text()))


def test_calls_run_side_by_side() -> None:
    async def four() -> float:
        started = time.monotonic()
        async with open_agent(script("import time; time.sleep(0.5); print(1)"), "", connections=4) as agent:
            await asyncio.gather(*(agent.dialogue(str(i)).say(Turn("x"), timeout_s=10) for i in range(4)))
        return time.monotonic() - started

    assert asyncio.run(four()) < 1.7


def test_a_flood_is_cut(refused: Any) -> None:
    error = refused(script("while True: print('x' * 100000)"), "")
    assert "printed more than 4 MiB" in error.message


def test_what_a_command_cannot_be_given(refused: Any) -> None:
    assert "carries no files" in refused(script(ECHO), "", Turn("x", (Attachment("a", "b/c", b""),))).message
    assert "NUL" in refused(script(ECHO), "", "a\x00b").message


def test_another_runner(talk: Any, refused: Any, preflight: Any) -> None:
    calls = []

    async def runner(argv: Sequence[str], *, stdin: bytes, env: Mapping[str, str], timeout_s: float) -> Finished:
        calls.append((tuple(argv), stdin, dict(env), timeout_s))
        if stdin == b"gone":
            raise Unavailable("the container is gone")
        return Finished(tuple(argv), 0, "from elsewhere\n", "", 1.5)

    agent = Agent("a", protocol="command", command=("bot",))
    assert talk(agent, "", "hi", runner=runner) == [Answer("from elsewhere", latency_s=1.5)]
    assert calls == [(("bot",), b"hi", {"AGENTOPS_SESSION": "session-1", "AGENTOPS_USER": "session-1"}, 5.0)]
    assert "container is gone" in refused(agent, "", "gone", runner=runner).message
    assert preflight(agent, "", runner=runner) == ("one process a turn: bot, asked on standard input",)
