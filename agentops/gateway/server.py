"""Serves a scripted model as OpenAI chat completions, in a thread with its own event loop.

    POST /v1/chat/completions           with the token as bearer
    POST /t/<token>/v1/chat/completions for clients that cannot send one
    GET  /v1/models                     for readiness probes

Tokens in `usage` are rough: a quarter of the characters, at least 1.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from aiohttp import web

from agentops.errors import MeasurementError
from agentops.gateway.script import Reply, Script, ScriptMiss, key
from agentops.text import one_line

_BODY_LIMIT_BYTES = 8 * 1024 * 1024
_START_LIMIT_S = 10.0
_STOP_LIMIT_S = 10.0
_MISSES_KEPT = 1000
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


class ScriptServer:
    """A scripted model on a port of its own, as long as the block lasts.

    `host` is the address to bind; `token` is what callers must show. Raises MeasurementError on entry when the
    address cannot be bound. Answers nobody without the token.
    """

    def __init__(self, script: Script, *, host: str = "127.0.0.1", token: str) -> None:
        if not token:
            raise ValueError("a token is needed")
        self.token = token
        self.name = script.name
        self._script = script
        self._host = host
        self._token = token.encode("utf-8")
        self._asked: Counter[str] = Counter()
        self._calls = 0
        self._misses: list[str] = []
        self._port = 0
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The TCP port; 0 before the block is entered."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a client on this machine sets as its base URL."""
        host = _WILDCARDS.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/v1"

    @property
    def calls(self) -> int:
        """How many completions were asked for with the right token, misses included."""
        return self._calls

    @property
    def misses(self) -> tuple[str, ...]:
        """What no rule matched, one line each, safe to show; the first 1000."""
        return tuple(self._misses)

    def __enter__(self) -> ScriptServer:
        self._thread = threading.Thread(target=self._run, name="script-server", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_LIMIT_S):
            raise MeasurementError("the scripted model did not start", hint="the machine may be overloaded; try again")
        if self._failure is not None:
            self._thread.join()
            raise MeasurementError(
                f"the scripted model cannot listen on {self._host}: {self._failure}",
                hint="choose an address of this machine",
            ) from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(_STOP_LIMIT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  it is raised again by the thread that waits
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=_BODY_LIMIT_BYTES, middlewares=[self._guard])
        for prefix in ("", "/t/{token}"):
            app.router.add_post(f"{prefix}/v1/chat/completions", self._complete)
            app.router.add_get(f"{prefix}/v1/models", self._models)
        # No access log: it would hold the token of the path.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, 0)
            await site.start()
            self._port = runner.addresses[0][1]
            self._started.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Checks the token before anything else, and gives every error OpenAI's shape."""
        if not self._knows(request):
            return _error(401, "the token is missing or wrong", "invalid_api_key")
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return _error(413, f"the body is larger than {_BODY_LIMIT_BYTES} bytes", "body_too_large")
        except web.HTTPException as error:
            return _error(error.status, f"{request.method} is not served here: {error.reason}", "not_found")
        return response

    def _knows(self, request: web.Request) -> bool:
        shown = request.match_info.get("token")
        if shown is None:
            scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
            shown = rest.strip() if scheme.lower() == "bearer" else ""
        return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), self._token)

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": self._model, "object": "model", "created": 0, "owned_by": "agentops"}
        return web.json_response({"object": "list", "data": [model]})

    @property
    def _model(self) -> str:
        return f"scripted:{self._script.name}"

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self._calls += 1
        try:
            body = json.loads(await request.text())
        except (ValueError, LookupError, RecursionError):
            return _error(400, "the body is not JSON", "invalid_json")
        wrong = _wrong(body)
        if wrong:
            return _error(400, wrong, "invalid_request")
        messages: list[Mapping[str, Any]] = body["messages"]
        conversation = key(messages)
        occurrence = self._asked[conversation]
        self._asked[conversation] += 1
        try:
            reply = self._script.reply(messages, occurrence=occurrence)
        except ScriptMiss as miss:
            line = one_line(miss.message, 400)
            if len(self._misses) < _MISSES_KEPT:
                self._misses.append(line)
            return _error(400, line, "script_miss")
        await asyncio.sleep(reply.latency_s)
        answer = _Answer(reply, self._model, _usage(messages, reply), f"{conversation}:{occurrence}")
        if not body.get("stream"):
            return web.json_response(answer.whole())
        options = body.get("stream_options") or {}
        return await _stream(request, answer.chunks(with_usage=bool(options.get("include_usage"))))


class _Answer:
    """A reply on the wire."""

    def __init__(self, reply: Reply, model: str, usage: dict[str, int], origin: str) -> None:
        self._usage = usage
        self._tag = hashlib.sha256(origin.encode()).hexdigest()[:24]
        self._base = {"id": f"chatcmpl-{self._tag}", "created": int(time.time()), "model": model}
        self._finish = "tool_calls" if reply.tools else "stop"
        self._message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.tools:
            self._message["tool_calls"] = [
                {
                    "id": f"call_{self._tag}_{i}",
                    "type": "function",
                    "function": {"name": tool.name, "arguments": tool.arguments},
                }
                for i, tool in enumerate(reply.tools)
            ]

    def whole(self) -> dict[str, Any]:
        choice = {"index": 0, "message": self._message, "logprobs": None, "finish_reason": self._finish}
        return {**self._base, "object": "chat.completion", "choices": [choice], "usage": self._usage}

    def chunks(self, *, with_usage: bool) -> list[dict[str, Any]]:
        base = {**self._base, "object": "chat.completion.chunk"}
        delta = dict(self._message)
        if "tool_calls" in delta:
            delta["tool_calls"] = [{"index": i, **call} for i, call in enumerate(delta["tool_calls"])]
        chunks = [
            {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": self._finish}]},
        ]
        if with_usage:
            chunks.append({**base, "choices": [], "usage": self._usage})
        return chunks


async def _stream(request: web.Request, chunks: Sequence[Mapping[str, Any]]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for chunk in chunks:
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _wrong(body: Any) -> str:
    """Why the request cannot be answered; empty where it can."""
    if not isinstance(body, dict):
        return "the body must be an object"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        return "messages must be a list of at least one object"
    if body.get("n") not in (None, 1):
        return "n must be 1"
    if not isinstance(body.get("stream_options") or {}, dict):
        return "stream_options must be an object"
    return ""


def _usage(messages: Sequence[Mapping[str, Any]], reply: Reply) -> dict[str, int]:
    asked = sum(len(json.dumps(m.get("content"), ensure_ascii=False)) for m in messages)
    said = len(reply.text or "") + sum(len(t.name) + len(t.arguments) for t in reply.tools)
    prompt, completion = max(1, asked // 4), max(1, said // 4)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _error(status: int, message: str, code: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status)
