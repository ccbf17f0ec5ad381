"""The judge's worker as seen from the run: started, spoken with by several tasks at once, and gone with all it started.

Two threads carry the lines, because a pipe blocks; everything else happens on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentops import text
from agentops.drivers import process
from agentops.evals.metrics.judge import worker as judge_worker
from agentops.evals.metrics.judge.endpoint import JudgeEndpoint

_MODULE = "agentops.evals.metrics.judge.deepeval"
_HELLO = -1
_JOIN_S = 5.0


class WorkerDied(Exception):
    """The worker ended before it answered. The message tells why, safe to show."""


class Worker:
    """One worker process. To be made and used on a running event loop, and closed."""

    def __init__(self, endpoint: JudgeEndpoint, *, parallel: int) -> None:
        """Raises Unavailable or MeasurementError where the process cannot be started."""
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next = 0
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._key = endpoint.api_key
        self.dead = False
        with contextlib.ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="agentops-judge-", ignore_cleanup_errors=True))
            )
            home, self._log = folder / "home", folder / "log"
            home.mkdir()
            values = (endpoint.model, endpoint.base_url, endpoint.api_key.strip(), str(endpoint.timeout_s))
            env = process.clean_env(judge_worker.environment(str(home), (*values, str(parallel))))
            argv = [sys.executable, "-P", "-m", _MODULE]
            self._child = stack.enter_context(process.talking(argv, cwd=home, env=env, log=self._log))
            self._stack = stack.pop_all()
        self._threads = [threading.Thread(target=t, name="judge", daemon=True) for t in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The process, which leads a group of its own."""
        return self._child.pid

    async def hello(self, checked: Sequence[Mapping[str, Any]], *, timeout_s: float) -> list[str]:
        """Wait until the worker is ready; returns the problems it has with what it checked.

        Raises WorkerDied, TimeoutError, and whatever `fail` was given.
        """
        result = await self._exchange(_HELLO, {"check": list(checked)}, timeout_s)
        return [str(problem) for problem in result.get("problems", []) if problem]

    async def ask(self, request: Mapping[str, Any], *, limit_s: float, timeout_s: float) -> dict[str, Any]:
        """The result of one request. `limit_s` is what the worker is told, `timeout_s` how long it is waited for.

        Raises WorkerDied, TimeoutError, and whatever `fail` was given.
        """
        number, self._next = self._next, self._next + 1
        return await self._exchange(number, {"id": number, "limit_s": limit_s, "request": request}, timeout_s)

    def fail(self, error: Exception) -> None:
        """Let everybody who waits for an answer have this error."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """End the process and its group. Blocks, for seconds where it does not want to end."""
        self.dead = True
        self._outbox.put(None)
        process.stop(self._child)
        for thread in self._threads:
            thread.join(_JOIN_S)
        self._stack.close()

    async def _exchange(self, number: int, line: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        if self.dead:
            raise WorkerDied("the judge's process has ended")
        future = self._waiting[number] = self._loop.create_future()
        self._outbox.put(json.dumps(line).encode("ascii") + b"\n")
        try:
            return await asyncio.wait_for(future, timeout_s)
        finally:
            del self._waiting[number]

    def _write(self) -> None:
        stdin = self._child.stdin
        with contextlib.suppress(OSError, ValueError):
            while (line := self._outbox.get()) is not None and stdin is not None:
                stdin.write(line)
                stdin.flush()

    def _read(self) -> None:
        stdout = self._child.stdout
        with contextlib.suppress(OSError, ValueError):
            for line in stdout if stdout is not None else ():
                self._post(self._take, line)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(1.0)
        self._post(self._ended)

    def _post(self, call: Any, *args: Any) -> None:
        # The loop is closed where a run was torn down without closing the session; nobody waits then.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def _take(self, line: bytes) -> None:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(data, dict):
            return
        number = _HELLO if "ready" in data else data.get("id")
        future = self._waiting.get(number) if type(number) is int else None
        if future is not None and not future.done():
            future.set_result(data)

    def _ended(self) -> None:
        self.dead = True
        said = ""
        with contextlib.suppress(OSError):
            said = text.redact(text.tail(self._log.read_text("utf-8", "replace"), lines=3), [self._key])
        code = self._child.returncode
        self.fail(WorkerDied(f"the judge's process ended with code {code}{': ' + said if said else ''}"))
