"""A model on loopback that says what the test puts into it, and the agent's own service in front of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support_agent.config import Config, _find_prompts
from support_agent.log import Log
from support_agent.service import create_app

KEY = "key-for-tests-only"


class FakeModel:
    """Answers with `replies` one after the other; an int is an HTTP status. Keeps what it was asked."""

    def __init__(self, replies: list[Any]) -> None:
        self.replies = list(replies)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    async def complete(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        reply = self.replies.pop(0) if self.replies else "done"
        if isinstance(reply, int):
            return web.json_response({"error": {}}, status=reply, headers={"Retry-After": "0"})
        if isinstance(reply, bytes):
            return web.Response(body=reply)
        message: dict[str, Any] = {"role": "assistant", "content": reply if isinstance(reply, str) else None}
        if isinstance(reply, list):
            message["tool_calls"] = [
                {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
                for i, (name, arguments) in enumerate(reply)
            ]
        usage = {"prompt_tokens": 10, "completion_tokens": 2}
        return web.json_response({"model": "fake-1", "choices": [{"message": message}], "usage": usage})

    async def models(self, request: web.Request) -> web.Response:
        allowed = request.headers.get("Authorization") == f"Bearer {KEY}"
        return web.json_response({"data": []}, status=200 if allowed else 401)


class Bench:
    """The service, the model behind it and what was logged."""

    def __init__(self, client: TestClient, model: FakeModel, log: StringIO) -> None:
        self.client = client
        self.model = model
        self.log = log

    async def ask(self, text: Any, **body: Any) -> tuple[int, dict[str, Any]]:
        headers = body.pop("headers", {})
        body = {"messages": [{"role": "user", "content": text}], "user": "s1", **body}
        async with self.client.post("/v1/chat/completions", json=body, headers=headers) as response:
            return response.status, await response.json()


@asynccontextmanager
async def bench(replies: list[Any], **settings: Any) -> AsyncIterator[Bench]:
    """The service with a model of its own."""
    model, log = FakeModel(replies), StringIO()
    endpoint = web.Application()
    endpoint.router.add_post("/v1/chat/completions", model.complete)
    endpoint.router.add_get("/v1/models", model.models)
    async with TestServer(endpoint) as upstream:
        chosen = {"base_url": str(upstream.make_url("/v1")), "api_key": KEY, "prompts_dir": _find_prompts()}
        app = create_app(Config(**{**chosen, **settings}), Log("debug", stream=log))
        async with TestClient(TestServer(app)) as client:
            yield Bench(client, model, log)


@pytest.fixture
def run() -> Callable[[Callable[[Bench], Awaitable[None]], list[Any]], None]:
    """`run(check, replies, **settings)` runs the check against a fresh service."""

    def _run(check: Callable[[Bench], Awaitable[None]], replies: list[Any], **settings: Any) -> None:
        async def main() -> None:
            async with bench(replies, **settings) as ready:
                await check(ready)

        asyncio.run(main())

    return _run
