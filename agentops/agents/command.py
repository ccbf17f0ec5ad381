"""Agents that are a command: one process a turn, the text on standard input or in the place of {input}.

The session's name is in the variable AGENTOPS_SESSION, the user's in AGENTOPS_USER; what an agent shall remember from
turn to turn it keeps under these names itself. What it prints is the answer; see wire/command.py. A status other than
0 is an error, never an answer.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from agentops.agents.access import MAX_ANSWER_BYTES
from agentops.drivers import process
from agentops.drivers.process import Finished
from agentops.errors import MeasurementError, TargetError, Unavailable
from agentops.model.case import Answer, Turn
from agentops.text import one_line, redact, tail
from agentops.wire import command
from agentops.wire.shape import ShapeError

SESSION = "AGENTOPS_SESSION"
USER = "AGENTOPS_USER"
_INPUT = "{input}"
# The subprocess door gives its children no standard input, so a shell opens the file for them and makes way.
_WITH_INPUT = ("/bin/sh", "-c", 'exec "$@" < "$0"')


class Runner(Protocol):
    """Runs the agent's command once, wherever that is."""

    async def __call__(
        self, argv: Sequence[str], *, stdin: bytes, env: Mapping[str, str], timeout_s: float
    ) -> Finished:
        """Run to the end. Whatever was started is gone when this returns or is cancelled. Raises MeasurementError
        where it cannot be run, or takes too long."""


class LocalRunner:
    """Runs commands as processes of this machine, in `cwd` and with `env` on top of the clean environment."""

    def __init__(self, cwd: Path, *, env: Mapping[str, str], slots: int) -> None:
        self._cwd = cwd
        self._env = env
        self._threads = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="agent-command")

    async def __call__(
        self, argv: Sequence[str], *, stdin: bytes, env: Mapping[str, str], timeout_s: float
    ) -> Finished:
        """See Runner. A thread waits for the process: the subprocess door is not asynchronous."""
        cancel = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._run(argv, stdin, env, timeout_s, cancel)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancel.set()
            # The process group must be gone before anybody goes on.
            await asyncio.wait([work])
            raise

    def _run(
        self, argv: Sequence[str], stdin: bytes, env: Mapping[str, str], timeout_s: float, cancel: threading.Event
    ) -> Finished:
        full = process.clean_env({**self._env, **env})
        # The shell in between would hide it behind a status.
        if shutil.which(argv[0], path=full.get("PATH")) is None and not (self._cwd / argv[0]).is_file():
            raise Unavailable(f"{argv[0]} was not found", hint="correct agent.command")
        with tempfile.NamedTemporaryFile(prefix="agentops-input-") as file:
            file.write(stdin)
            file.flush()
            shell, flag, script = _WITH_INPUT
            return process.run(
                (shell, flag, script, file.name, *argv),
                cwd=self._cwd,
                env=full,
                timeout_s=timeout_s,
                cancel=cancel,
                limit_bytes=MAX_ANSWER_BYTES,
            )

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)


class CommandAgent:
    """Runs a command a turn. See contracts.AgentAdapter. `secrets` are taken out of every message."""

    def __init__(self, argv: Sequence[str], runner: Runner, *, secrets: Sequence[str] = ()) -> None:
        self.argv = tuple(argv)
        self._runner = runner
        self._secrets = tuple(secrets)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._runner, LocalRunner):
            self._runner.close()

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """Nothing that a call would not show: running it may call a model."""
        del timeout_s
        where = "on standard input" if not any(_INPUT in word for word in self.argv) else "in its arguments"
        return (f"one process a turn: {one_line(' '.join(self.argv), 120)}, asked {where}",)

    def dialogue(self, session: str, *, user: str = "") -> _Session:
        """A conversation that the command keeps under the session's name, if it does."""
        return _Session(self, {SESSION: session, USER: user or session})

    async def ask(self, turn: Turn, names: Mapping[str, str], timeout_s: float) -> Answer:
        """What the command answers. Raises TargetError."""
        if turn.files:
            raise TargetError(
                "the protocol command carries no files", hint="leave such cases out, or serve the agent over HTTP"
            )
        if "\x00" in turn.text:
            raise TargetError("a command's input cannot hold a NUL character", hint="change the case's text")
        placed = any(_INPUT in word for word in self.argv)
        argv = [word.replace(_INPUT, turn.text) for word in self.argv]
        stdin = b"" if placed else turn.text.encode("utf-8", "replace")
        try:
            ran = await self._runner(argv, stdin=stdin, env=names, timeout_s=timeout_s)
        except TargetError:
            raise
        except MeasurementError as error:
            message = error.message.replace(_WITH_INPUT[0], self.argv[0])
            raise TargetError(self._safe(message), hint=error.hint or "see agent.command") from None
        if ran.code != 0:
            last = tail(ran.stderr, lines=1) or tail(ran.stdout, lines=1) or "it printed nothing"
            ended = f"was ended by signal {-ran.code}" if ran.code < 0 else f"ended with status {ran.code}"
            raise TargetError(self._safe(f"{self.argv[0]} {ended}: {last}"), hint="run agent.command by hand")
        try:
            return replace(command.parse(ran.stdout), latency_s=ran.duration_s)
        except ShapeError as error:
            raise TargetError(
                self._safe(f"{self.argv[0]}: {error}"), hint="the answer is what the command prints; see agent.command"
            ) from None

    def _safe(self, text: str) -> str:
        return one_line(redact(text, self._secrets), 400)


class _Session:
    def __init__(self, agent: CommandAgent, names: Mapping[str, str]) -> None:
        self._agent = agent
        self._names = names

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more, in a process of its own. Raises TargetError."""
        return await self._agent.ask(turn, self._names, timeout_s)


def local(cwd: Path | None, *, env: Mapping[str, str], slots: int) -> LocalRunner:
    """A runner in a folder, the current one unless given."""
    return LocalRunner(cwd or Path(os.curdir).resolve(), env=env, slots=slots)
