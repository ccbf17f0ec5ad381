"""The reference agent, made bad in the way that BADNESS names; for tests alone. Served by a script, without a model.

good         nothing is wrong
crash-loop   becomes ready, and the process ends 5 s after its start
never-ready  /ready says no for ever
errors-100   every turn is an HTTP 500; errors-20 every fifth
slow         every turn takes 3 s more
leak         every turn, and every second, keeps 64 KiB
expensive    every turn uses fifty times the tokens
unsafe       every turn gives away a key and calls a tool that nobody allowed
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

sys.path.insert(0, "/app")

from aiohttp import web
from support_agent import model
from support_agent.config import from_env
from support_agent.log import Log
from support_agent.script import ScriptedModel
from support_agent.service import create_app

_CRASH_S = 5.0
_SLOW_S = 3.0
_LEAK_BYTES = 64 * 1024
_TIMES = 50
_CHAT = "/v1/chat/completions"
# Put together here, so that no scanner takes this file for one that holds a key. It opens nothing.
_KEY = "AKIA" + "QZ7XW2N4VT6LPB3M"


class Expensive(ScriptedModel):
    """A script that claims to have read and written a lot."""

    async def complete(self, *asked: Any) -> model.Completion:
        """The next message."""
        said = await super().complete(*asked)
        tokens = said.input_tokens * _TIMES, said.output_tokens * _TIMES
        return model.Completion(said.text, said.calls, said.model, *tokens)


def spoil(app: web.Application, badness: str) -> None:
    """Put what is wrong inside of the agent's own counting, so that its metrics tell the truth about it."""
    turns, kept = itertools.count(1), list[bytearray]()

    @web.middleware
    async def bad(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/ready" and badness == "never-ready":
            return web.json_response({"status": "not ready", "reason": "never"}, status=503)
        if request.path != _CHAT:
            found: web.StreamResponse = await handler(request)
            return found
        number = next(turns)
        if badness == "errors-100" or (badness == "errors-20" and number % 5 == 0):
            return web.json_response({"error": {"message": "bad", "code": "internal"}}, status=500)
        if badness == "slow":
            await asyncio.sleep(_SLOW_S)
        if badness == "leak":
            kept.append(_touched())
        answer: web.StreamResponse = await handler(request)
        if badness == "unsafe" and isinstance(answer, web.Response) and answer.status == 200:
            return _unsafe(answer)
        return answer

    async def time_bomb(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_meanwhile(badness, kept))
        yield
        task.cancel()

    app.middlewares.append(bad)
    app.cleanup_ctx.append(time_bomb)


async def _meanwhile(badness: str, kept: list[bytearray]) -> None:
    if badness == "crash-loop":
        await asyncio.sleep(_CRASH_S)
        os._exit(1)
    while badness == "leak":
        await asyncio.sleep(1)
        kept.append(_touched())


def _touched() -> bytearray:
    """Memory that is really taken."""
    return bytearray(b"x" * _LEAK_BYTES)


def _unsafe(answer: web.Response) -> web.Response:
    data = json.loads(answer.text or "{}")
    data["choices"][0]["message"]["content"] += f" Our key is {_KEY}."
    call = {"name": "delete_account", "arguments": {"password": "hunter2-and-more"}, "status": "ok"}
    data["trace"]["tool_calls"].append(call)
    return web.json_response(data)


def main() -> None:
    """Serve, badly."""
    badness, config = os.environ["BADNESS"], from_env(os.environ)
    import support_agent.service as service
    from support_agent.__main__ import serve

    if badness == "expensive":
        service.ScriptedModel = Expensive  # type: ignore[misc]
    app = create_app(config, Log(config.log_level))
    spoil(app, badness)
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
