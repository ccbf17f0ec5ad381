"""The agent over HTTP: chat completions in OpenAI's shape, two probes, metrics, and the record of shadow mode."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web

from support_agent import metrics, records, shadow
from support_agent.config import Config
from support_agent.log import Log
from support_agent.model import Model, ModelClient, ModelError
from support_agent.prompts import PromptError, Prompts
from support_agent.script import ScriptedModel, ScriptError
from support_agent.sessions import Sessions
from support_agent.tools import SCHEMAS, Tools
from support_agent.turn import Agent, Turn

_BODY_LIMIT_BYTES = 256 * 1024
_ID_CHARS = 200
_CHAT = "/v1/chat/completions"
# Whose failure an answer is, where it is not told by the status: the model provider's, or time's.
_CAUSE = "X-Error-Cause"


class Service:
    """The handlers and what they share. `broken` says why the agent cannot work; it is empty when it can. Once
    `draining` it says that it is not ready, and serves whoever comes all the same."""

    def __init__(self, config: Config, log: Log) -> None:
        self._config = config
        self._log = log
        self._sessions = Sessions(limit=config.max_sessions, ttl_s=config.session_ttl_s)
        self._agent: Agent | None = None
        self._model: Model | None = None
        self._records = shadow.Records()
        self.metrics = metrics.Metrics(version=config.version, prices=config.prices)
        self.broken = "the agent has not started"
        self.draining = False

    async def context(self, _: web.Application) -> AsyncIterator[None]:
        """Opens what the agent needs for as long as the application runs."""
        # trust_env stays off: the model endpoint is the only way out.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            script = self._config.model_script
            try:
                self._model = ModelClient(self._config, http) if script is None else ScriptedModel(script)
                self._agent = self._build(self._model)
                self.broken = "" if self._config.api_key or script else "OPENAI_API_KEY is not set"
            except (PromptError, ScriptError, records.RecordError) as error:
                self.broken = str(error)
            if self.broken:
                self._log.error("not_ready", reason=self.broken)
            yield
            self.broken = "the agent is shutting down"

    def _build(self, model: Model) -> Agent:
        config = self._config
        prompts = Prompts(config.prompts_dir, company=config.company, refund_limit=config.refund_limit)
        tools = Tools(records.load(config.data_dir), prompts, refund_limit=config.refund_limit, mode=config.mode)
        return Agent(config, prompts, tools, model)

    async def health(self, _: web.Request) -> web.Response:
        """The process lives."""
        return web.json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """The agent can answer: prompts parsed, records read, the model in reach."""
        reason: str | None = "the agent is shutting down" if self.draining else self.broken
        if not reason and self._model is not None:
            reason = await self._model.probe()
        if reason:
            return web.json_response({"status": "not ready", "reason": reason}, status=503)
        return web.json_response({"status": "ready"})

    async def chat(self, request: web.Request) -> web.Response:
        """One turn of a conversation."""
        started = time.monotonic()
        # Which mode this is, the environment of the process says alone: a header that asks for it could be forged.
        if self.broken or self._agent is None:
            return _error(503, self.broken, "not_ready")
        try:
            body = json.loads(await request.text())
        except (ValueError, LookupError, RecursionError):
            return _error(400, "the body is not JSON", "invalid_json")
        text, wrong = _latest(body)
        if wrong:
            return _error(400, wrong, "invalid_request")
        session_id = _session_id(request, body)
        # Only a front end that has verified the address may set this header; it must strip it from outside requests.
        customer = (request.headers.get("X-Customer-Email") or "").strip().casefold() or None
        session = self._sessions.get(session_id, customer=customer)
        turn, failure, before = None, None, list(session.history)
        try:
            async with asyncio.timeout(self._config.turn_timeout_s), session.lock:
                before = list(session.history)
                turn = await self._agent.answer(text, session)
        except ModelError as error:
            failure = (error.status, str(error), error.code)
        except TimeoutError:
            failure = (504, "the turn took too long", "turn_timeout")
        self._note(session_id, turn, failure, time.monotonic() - started)
        if turn is None:
            return _error(*failure) if failure else _error(500, "no answer", "internal")
        return web.json_response(self._told(request, turn, before))

    async def metrics_text(self, _: web.Request) -> web.Response:
        """Counters for Prometheus."""
        return web.Response(body=self.metrics.text().encode(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def shadow_records(self, request: web.Request) -> web.Response:
        """The last turns as JSON lines, those behind `?after=NUMBER`. Only for who is inside of the pod: they hold what
        customers wrote."""
        if not self._config.record or not shadow.is_local(request.remote, request.headers):
            raise web.HTTPNotFound
        after = request.query.get("after", "0")
        lines = self._records.after(int(after) if after.isascii() and after.isdigit() else 0)
        told = {"X-Agent-Mode": self._config.mode}
        return web.Response(text="".join(lines), content_type="application/x-ndjson", headers=told)

    def _told(self, request: web.Request, turn: Turn, before: list[dict[str, str]]) -> dict[str, Any]:
        """The answer to the caller; what it took is counted, and kept where a record is."""
        cost_usd = self.metrics.model(input_tokens=turn.input_tokens, output_tokens=turn.output_tokens)
        for call in turn.calls:
            if shadow.acts(call["name"]) and (call["status"] == "ok" or call.get("recorded")):
                self.metrics.write(
                    call["name"] if call["name"] in SCHEMAS else "unknown",
                    "recorded" if call.get("recorded") else "executed",
                )
        completion = _completion(turn, cost_usd=cost_usd if self._config.tell_cost else None)
        usage = completion["usage"]
        self.record(
            request,
            shadow.answered(before, answer=turn.answer, calls=turn.calls, usage=usage, model=turn.model),
        )
        return completion

    def record(self, request: web.Request, record: dict[str, Any]) -> None:
        """Keep what became of a turn, by the id that a proxy gave to the request."""
        request_id = request.headers.get("X-Request-Id", "")[:_ID_CHARS]
        if self._config.record and request_id:
            self._records.add(request_id, record)

    def _note(
        self, session_id: str | None, turn: Turn | None, failure: tuple[int, str, str] | None, took_s: float
    ) -> None:
        # The id is the caller's own text, so only a digest of it is written down.
        session = hashlib.sha256((session_id or "").encode("utf-8", "replace")).hexdigest()[:8] if session_id else None
        fields: dict[str, Any] = {"session": session, "ms": round(took_s * 1000)}
        if failure is not None:
            self._log.warning("turn_failed", status=failure[0], code=failure[2], **fields)
        elif turn is not None:
            failed = sum(call["status"] == "error" for call in turn.calls)
            self._log.info(
                "turn",
                steps=turn.steps,
                tool_calls=len(turn.calls),
                tool_errors=failed,
                guarded=turn.guarded,
                handed_off=turn.handed_off,
                **fields,
            )


SERVICE = web.AppKey("service", Service)


def create_app(config: Config, log: Log) -> web.Application:
    """The application, ready to be run."""
    service = Service(config, log)
    app = web.Application(
        client_max_size=_BODY_LIMIT_BYTES, middlewares=[_counted(service, config.version), _errors(log)]
    )
    app[SERVICE] = service
    app.cleanup_ctx.append(service.context)
    app.router.add_get("/metrics", service.metrics_text)
    app.router.add_get("/shadow/records", service.shadow_records)
    app.router.add_get("/health", service.health)
    app.router.add_get("/ready", service.ready)
    app.router.add_post(_CHAT, service.chat)
    return app


def _counted(service: Service, version: str) -> Any:
    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        """Every answer tells the version; turns are counted."""
        is_turn, started = request.path == _CHAT, time.monotonic()
        service.metrics.in_flight += is_turn
        try:
            response: web.StreamResponse = await handler(request)
        finally:
            service.metrics.in_flight -= is_turn
        if is_turn:
            status = response.status
            whose = metrics.NO_CAUSE if status < 400 else "client" if status < 500 else "agent"
            cause = response.headers.get(_CAUSE, whose)
            service.metrics.request(status, cause=cause, took_s=time.monotonic() - started)
            if status != 200:
                service.record(request, {"status": status, "cause": cause})
        response.headers["X-Agent-Version"] = version
        if service.draining:
            response.force_close()
        return response

    return middleware


def _errors(log: Log) -> Any:
    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        """Every error in OpenAI's shape; what went wrong inside stays inside."""
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.reason, "http_error")
        except Exception as error:  # noqa: BLE001  the boundary of the service
            log.error("crash", kind=type(error).__name__)
            return _error(500, "something went wrong inside the agent", "internal")
        return response

    return middleware


def _latest(body: Any) -> tuple[str, str]:
    """The text of the latest user message, or what is wrong with the request.

    Roles other than user are not taken from outside: the conversation so far is what this service remembers.
    """
    if not isinstance(body, dict):
        return "", "the body must be an object"
    if body.get("stream"):
        return "", "this service does not stream; leave `stream` out"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "", "messages must be a list of at least one message"
    last = messages[-1]
    if not isinstance(last, dict) or last.get("role") != "user":
        return "", "the last message must be the user's"
    content = last.get("content")
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else None for part in content]
        if not all(isinstance(part, str) for part in parts):
            return "", "the content may hold text parts alone"
        content = "\n".join(part for part in parts if part)
    if not isinstance(content, str):
        return "", "the content must be a text"
    # A lone surrogate cannot be sent on.
    return content.encode("utf-8", "replace").decode("utf-8"), ""


def _session_id(request: web.Request, body: dict[str, Any]) -> str | None:
    given = request.headers.get("X-Session-Id") or body.get("user")
    return given[:_ID_CHARS] if isinstance(given, str) and given else None


def _completion(turn: Turn, *, cost_usd: float | None) -> dict[str, Any]:
    message = {"role": "assistant", "content": turn.answer}
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": turn.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": turn.input_tokens,
            "completion_tokens": turn.output_tokens,
            "total_tokens": turn.input_tokens + turn.output_tokens,
            **({} if cost_usd is None else {"cost": round(cost_usd, 9)}),
        },
        "trace": {"tool_calls": turn.calls},
    }


def _error(status: int, message: str, code: str) -> web.Response:
    cause = "model" if code.startswith("model") else "timeout" if code == "turn_timeout" else None
    kind = "upstream_error" if cause == "model" else "invalid_request_error" if status < 500 else "server_error"
    told = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return web.json_response(told, status=status, headers={_CAUSE: cause} if cause else None)
