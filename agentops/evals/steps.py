"""What is done before a case and looked at after it: words in an earlier conversation, HTTP requests, commands.

`{session}` in a path, a header, a body or a command stands for the name of the case's session. Commands find it, and
the agent's address, in AGENTOPS_SESSION and AGENTOPS_BASE_URL. A step before the case that fails makes the attempt an
error; what is seen after it is scored like an answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentops.contracts import AgentAdapter, MetricKind
from agentops.drivers import process
from agentops.errors import AgentopsError, Interrupted, TargetError
from agentops.evals import scoring
from agentops.model.case import Answer, Assertion, Score, Step, Turn
from agentops.model.outcome import Outcome
from agentops.model.seen import Context, Seen
from agentops.text import one_line, tail

_HTTP_S = 30.0
_BODY = 1024 * 1024
_CHUNK = 64 * 1024


class Steps:
    """Carries out steps against the agent at `base_url`; commands run in `root`, `metrics` are the user's own."""

    def __init__(
        self,
        agent: AgentAdapter,
        *,
        base_url: str,
        root: Path,
        cancel: threading.Event,
        metrics: Mapping[str, MetricKind] | None = None,
    ) -> None:
        self._agent = agent
        self._base_url = base_url.rstrip("/")
        self._root = root
        self._cancel = cancel
        self._metrics = metrics or {}

    async def prepare(self, steps: Sequence[Step], *, session: str, timeout_s: float) -> None:
        """Do all of them in order. Raises TargetError for one that fails."""
        for step in steps:
            if step.kind == "say":
                before = self._agent.dialogue(f"{session}-before", user=session)
                await before.say(Turn(step.params["value"]), timeout_s=timeout_s)
                continue
            failed = [s for s in await self._score(step, session) if s.outcome is not Outcome.PASS]
            if failed:
                raise TargetError(f"setup at {step.location}: {failed[0].assertion}: {failed[0].reason}")

    async def look(self, steps: Sequence[Step], *, session: str) -> tuple[Score, ...]:
        """The scores of the state in which the case left the world."""
        return tuple([score for step in steps for score in await self._score(step, session)])

    async def _score(self, step: Step, session: str) -> list[Score]:
        do = self._http if step.kind == "http" else self._command
        try:
            first, text = await do(step.params, session)
        except Interrupted:
            raise
        except (AgentopsError, OSError) as error:
            return [Score(step.kind, Outcome.ERROR, one_line(str(error)))]
        expect: Sequence[Assertion] = step.params.get("expect", ())
        seen = Seen((Turn(""),), (Answer(text),), Context())
        where = f"{step.kind}: "
        return [first, *(scoring.hold(a, seen, where=where, custom_metrics=self._metrics) for a in expect)]

    async def _http(self, params: Mapping[str, Any], session: str) -> tuple[Score, str]:
        import aiohttp

        url = params.get("url", self._base_url).rstrip("/") + _fill(params["path"], session)
        method, wanted = params.get("method", "GET"), params.get("status", 200)
        timeout = aiohttp.ClientTimeout(total=_HTTP_S)
        more = {"json": _fill(params["json"], session)} if "json" in params else {}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client,
                client.request(
                    method, url, headers=_fill(params.get("headers", {}), session), allow_redirects=False, **more
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    body += chunk
                    if len(body) > _BODY:
                        raise TargetError(f"{method} {params['path']}: the body is larger than {_BODY // 2**20} MiB")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TargetError(f"{method} {params['path']}: {one_line(str(error) or type(error).__name__)}") from None
        said = f"{method} {params['path']} answered {response.status}, {wanted} expected"
        return Score("http", _outcome(response.status == wanted), said), body.decode("utf-8", "replace")

    async def _command(self, params: Mapping[str, Any], session: str) -> tuple[Score, str]:
        argv = [_fill(word, session) for word in params["run"]]
        env = process.clean_env({"AGENTOPS_SESSION": session, "AGENTOPS_BASE_URL": self._base_url})
        timeout_s, wanted = params.get("timeout_s", 30), params.get("exit", 0)

        def run() -> process.Finished:
            return process.run(argv, cwd=self._root, env=env, timeout_s=timeout_s, cancel=self._cancel)

        ended = await asyncio.to_thread(run)
        last = one_line(tail(ended.stderr, 1))
        said = f"{argv[0]} ended with {ended.code}, {wanted} expected" + (f": {last}" if last else "")
        return Score("command", _outcome(ended.code == wanted), said), ended.stdout


def _fill(value: Any, session: str) -> Any:
    """The value with the session's name put in, at any depth."""
    if isinstance(value, str):
        return value.replace("{session}", session)
    if isinstance(value, Mapping):
        return {key: _fill(item, session) for key, item in value.items()}
    return [_fill(item, session) for item in value] if isinstance(value, list) else value


def _outcome(holds: object) -> Outcome:
    return Outcome.PASS if holds else Outcome.FAIL
