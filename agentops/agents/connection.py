"""The HTTP connection of every adapter: one pool a run, no cookie, no redirect, no proxy of the environment.

A call is timed from the first byte sent to the last byte read; a pooled connection that has to be opened anew is not
part of it. What comes is capped. Nothing is ever retried here: what may be tried again says so in its TargetError.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
from yarl import URL

from agentops.agents.access import MAX_ANSWER_BYTES, Access
from agentops.errors import TargetError
from agentops.text import one_line, redact
from agentops.wire import sse
from agentops.wire.sse import Event

# A stream wraps every few letters in some hundred bytes.
MAX_STREAM_BYTES = 32 * 1024 * 1024
_CHUNK = 64 * 1024
_TRANSIENT = frozenset({429, 502, 503, 504})
_BUSY = frozenset({429, 503})
# Names of headers whose values are no secrets.
_PLAIN = frozenset({"accept", "accept-language", "content-type", "user-agent"})


class Fold(Protocol):
    """Takes in the events of a stream."""

    @property
    def done(self) -> bool:
        """Whether nothing more is awaited."""

    def take(self, event: Event) -> bool:
        """Take in one event; whether it held a piece of the answer's text."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. `started` and `ended` are on the clock of time.perf_counter, `first` is when the first piece of
    text came. `content` is empty where the events went into a Fold: `streamed` is then true."""

    status: int
    content: bytes
    media_type: str
    location: str
    retry_after_s: float | None
    started: float
    ended: float
    first: float | None = None
    streamed: bool = False

    @property
    def ok(self) -> bool:
        """Whether it is an answer to what was asked."""
        return 200 <= self.status < 300


class Connection:
    """A pool of connections to the server of `base_url`, and to no other: whatever a card, an id or a template makes of
    an address, no request and no token leaves for another host. `secrets` are taken out of whatever is quoted of an
    answer."""

    def __init__(self, access: Access, base_url: str) -> None:
        self._base_url = base_url
        self._connections = access.connections
        named = {name.lower() for name in access.headers}
        bearer = {"Authorization": f"Bearer {access.token}"}
        self._headers = {**access.headers, **(bearer if access.token and "authorization" not in named else {})}
        hidden = [value for name, value in access.headers.items() if name.lower() not in _PLAIN]
        # "Bearer xyz" in a header is as secret as its last word.
        words = [value.split()[-1] for value in hidden if value.split()]
        self.secrets = tuple(s for s in (access.token, *access.secrets, *hidden, *words) if s)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool. Sends nothing."""
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_sent)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ttl_dns_cache=300),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trace_configs=[trace],
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        into: Fold | None = None,
    ) -> Reply:
        """One request, `body` as JSON or `raw` as it is. Events of an event stream go `into` the fold.

        Raises TargetError for trouble on the way, for answers beyond the cap and for an address of another server; any
        status is an answer here.
        """
        if self._session is None:
            raise RuntimeError("used outside its context")
        address = self._own(url)
        clock = SimpleNamespace(started=time.perf_counter())
        payload = {"data": raw} if raw is not None else {"json": body} if body is not None else {}
        try:
            async with self._session.request(
                method, address, headers=headers, allow_redirects=False, trace_request_ctx=clock, **payload
            ) as response:
                return await self._read(response, clock, into)
        except aiohttp.ClientConnectorError as error:
            cause = error.os_error.strerror or _cause(error)
            raise TargetError(
                f"no connection to {error.host}:{error.port}: {one_line(cause)}", retryable=True
            ) from None
        except (aiohttp.ClientError, ConnectionError, ssl.SSLError) as error:
            raise TargetError(f"the connection broke: {_cause(error)}", retryable=True) from None

    def quote(self, content: bytes) -> str:
        """What came, for a message: one safe line without secrets."""
        return one_line(self.redacted(content[:8000].decode("utf-8", "replace")), 160)

    def redacted(self, text: str) -> str:
        """The text without secrets."""
        return redact(text, self.secrets)

    def refused(self, reply: Reply, *, hint: str = "") -> TargetError:
        """The error for an answer whose status is none of success."""
        said = self.quote(reply.content)
        words = f"the agent answered HTTP {reply.status}" + (f": {said}" if said else "")
        if 300 <= reply.status < 400:
            words = f"the agent answered HTTP {reply.status}, a redirect to {self.redacted(one_line(reply.location))}"
            hint = "agentops follows no redirect; correct agent.url or agent.path"
        elif reply.status in (404, 405):
            hint = hint or "check agent.protocol and agent.path: nothing answers such a request there"
        elif reply.status in (401, 403):
            hint = hint or "set agent.auth_env or agent.headers"
        return TargetError(
            words,
            hint=hint,
            retryable=reply.status in _TRANSIENT,
            throttled=reply.status in _BUSY,
            retry_after_s=reply.retry_after_s,
        )

    def _own(self, url: str) -> URL:
        """The address as it will be asked, read by the same parser: two of them may see two hosts in one text."""
        address = URL(url)
        if _server(address) != _server(URL(self._base_url)):
            raise TargetError(
                f"a request would leave the agent under test: {self.quote(url.encode('utf-8', 'replace'))}",
                hint="agentops asks only the server of agent.url; check agent.path and what the agent's card says",
            )
        return address

    async def _read(self, response: aiohttp.ClientResponse, clock: SimpleNamespace, into: Fold | None) -> Reply:
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        streamed = into is not None and media_type == "text/event-stream" and 200 <= response.status < 300
        content, first = b"", None
        if streamed and into is not None:
            first = await _follow(response, into)
        else:
            content = await _content(response)
        return Reply(
            status=response.status,
            content=content,
            media_type=media_type,
            location=response.headers.get("Location", ""),
            retry_after_s=_retry_after(response.headers.get("Retry-After")),
            started=clock.started,
            ended=time.perf_counter(),
            first=first,
            streamed=streamed,
        )


def _server(address: URL) -> tuple[str | int | None, ...]:
    return address.scheme, address.host, address.port, address.user, address.password


async def _sent(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    del session, params
    context.trace_request_ctx.started = time.perf_counter()


async def _content(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    async for chunk in _chunks(response, MAX_ANSWER_BYTES):
        chunks.append(chunk)
    return b"".join(chunks)


async def _follow(response: aiohttp.ClientResponse, into: Fold) -> float | None:
    """Lead a stream's events into the fold. Returns when the first piece of text came."""
    events, first = sse.Events(), None

    def take(found: Iterable[Event]) -> None:
        nonlocal first
        for event in found:
            if into.done:
                return
            if into.take(event) and first is None:
                first = time.perf_counter()

    async for chunk in _chunks(response, MAX_STREAM_BYTES):
        take(events.feed(chunk))
        if into.done:
            # Some servers leave the connection open behind the last event.
            return first
    take(events.close())
    return first


async def _chunks(response: aiohttp.ClientResponse, most: int) -> AsyncIterator[bytes]:
    size = 0
    try:
        # As they come: a stream's pieces must not wait for each other.
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > most:
                break
            yield chunk
    except (aiohttp.ClientError, ConnectionError) as error:
        # What had begun to arrive was an answer: asking again would throw the dice again.
        raise TargetError(f"the answer broke off after {size} bytes: {_cause(error)}") from None
    if size > most:
        response.close()
        raise TargetError(f"the answer is larger than {most // 2**20} MiB", hint="bound what the agent sends")


def _retry_after(value: str | None) -> float | None:
    """Seconds that the header asks to wait, given as a number or as a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _cause(error: BaseException) -> str:
    return one_line(str(error) or type(error).__name__, 160)
