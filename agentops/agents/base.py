"""What the adapters that speak HTTP have in common: the connection's life, the time limit, and clear errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from agentops.agents.access import Access
from agentops.agents.address import endpoint
from agentops.agents.connection import Connection, Fold, Reply
from agentops.errors import TargetError
from agentops.model.case import Answer
from agentops.text import one_line
from agentops.wire.shape import ShapeError
from agentops.wire.sse import Event

T = TypeVar("T")

EVENTS = {"Accept": "text/event-stream, application/json"}
_SHOWN = 500


class HttpAdapter:
    """An adapter over HTTP. `answers` says in a word or two what a well-formed answer is."""

    answers: ClassVar[str]

    def __init__(self, base_url: str, access: Access) -> None:
        self.base_url = base_url
        self.connection = Connection(access, base_url)

    async def __aenter__(self) -> Self:
        await self.connection.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    def at(self, path: str) -> str:
        """The URL of a path of the agent."""
        return endpoint(self.base_url, path)

    @contextlib.asynccontextmanager
    async def within(self, timeout_s: float) -> AsyncIterator[None]:
        """A turn, or a preflight: whatever goes wrong inside leaves as a TargetError without secrets."""
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError:
            raise TargetError(
                f"no answer within {timeout_s:g} s", hint="raise evals.timeout_s, or mend the agent"
            ) from None
        except ShapeError as error:
            raise TargetError(
                f"the answer is no {self.answers}: {self.safe(str(error))}",
                hint="check agent.protocol, agent.port and agent.path; docs/protocols.md says what is read",
            ) from None
        except TargetError as error:
            raise TargetError(
                self.safe(error.message),
                hint=self.safe(error.hint),
                retryable=error.retryable,
                throttled=error.throttled,
                retry_after_s=error.retry_after_s,
            ) from None
        except ValueError as error:
            # A broken header or chunk, or an id from an answer that no URL can hold.
            words = self.safe(str(error) or type(error).__name__)
            raise TargetError(f"the answer is no HTTP that can be read: {words}") from None

    async def ask(self, url: str, body: Any, *, into: Fold | None = None, **more: Any) -> Reply:
        """POST; an answer of any status but success is a TargetError."""
        if into is not None:
            more["headers"] = {**EVENTS, **more.get("headers", {})}
        reply = await self.connection.send("POST", url, body=body, into=into, **more)
        if not reply.ok:
            raise self.connection.refused(reply)
        return reply

    async def get(self, url: str) -> Reply:
        """GET; an answer of any status."""
        return await self.connection.send("GET", url)

    def parsed(self, reply: Reply, parse: Callable[[bytes], T]) -> T:
        """What a reader makes of the answer. Raises TargetError, ShapeError that says what came."""
        try:
            return parse(reply.content)
        except ShapeError as error:
            came = self.connection.quote(reply.content)
            raise ShapeError(f"{error}; what came: {came}" if came else str(error)) from None

    def safe(self, text: str) -> str:
        """A text for people: one line without secrets and control characters."""
        return one_line(self.connection.redacted(text), _SHOWN)


class Folding:
    """A wire stream of JSON data as a Fold: the kind of an event does not matter to it."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    @property
    def done(self) -> bool:
        """Whether nothing more is awaited."""
        return bool(self.stream.done)

    def take(self, event: Event) -> bool:
        """Take in one event; whether it held a piece of the answer's text."""
        return bool(self.stream.add(event.data))


def timed(answer: Answer, reply: Reply, *, since: Reply | None = None) -> Answer:
    """The answer with its times; `since` is the first of several requests that made the turn."""
    started = (since or reply).started
    first = next((r.first for r in (since, reply) if r is not None and r.first is not None), None)
    return replace(
        answer,
        latency_s=reply.ended - started,
        first_token_s=None if first is None else first - started,
    )
