"""Agents that speak HTTP. One connection pool a run; every call is timed from the first byte sent to the last read."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp

from agentops.errors import TargetError
from agentops.model.case import Answer
from agentops.text import one_line
from agentops.wire import openai_chat

MAX_ANSWER_BYTES = 4 * 1024 * 1024
_CHUNK = 64 * 1024
_TRANSIENT = frozenset({429, 502, 503, 504})


class OpenAIChatAgent:
    """Speaks OpenAI chat completions to `url`. An async context manager."""

    def __init__(self, url: str, *, model: str, connections: int, api_key: str = "") -> None:
        self.url = url
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self._connections, ttl_dns_cache=300)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, text: str, *, session: str, timeout_s: float) -> tuple[Answer, float]:
        """One turn in a session of its own, and its latency in seconds. Raises TargetError; never retries."""
        if self._session is None:
            raise RuntimeError("used outside its context")
        body = openai_chat.request(text, session=session, model=self._model)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                async with self._session.post(
                    self.url, json=body, timeout=aiohttp.ClientTimeout(total=None), allow_redirects=False
                ) as response:
                    content = await _read(response)
                    latency_s = time.perf_counter() - started
                    return _answer(response, content), latency_s
        except TimeoutError:
            raise TargetError(
                f"no answer within {timeout_s:g} s", hint="raise evals.timeout_s, or mend the agent"
            ) from None
        except aiohttp.ClientConnectorError as error:
            cause = error.os_error.strerror or _cause(error)
            raise TargetError(
                f"no connection to {error.host}:{error.port}: {one_line(cause)}", retryable=True
            ) from None
        except (aiohttp.ClientError, ConnectionError, ssl.SSLError) as error:
            raise TargetError(f"the connection broke: {_cause(error)}", retryable=True) from None
        except ValueError as error:
            raise TargetError(f"the answer is no HTTP that can be read: {_cause(error)}") from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in response.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                break
            chunks.append(chunk)
    except (aiohttp.ClientError, ConnectionError) as error:
        # What had begun to arrive was an answer: asking again would throw the dice again.
        raise TargetError(f"the answer broke off after {size} bytes: {_cause(error)}") from None
    if size > MAX_ANSWER_BYTES:
        response.close()
        raise TargetError(
            f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB", hint="bound what the agent sends"
        )
    return b"".join(chunks)


def _answer(response: aiohttp.ClientResponse, content: bytes) -> Answer:
    if response.status != 200:
        said = one_line(content[:2000].decode("utf-8", "replace"), 160)
        raise TargetError(
            f"the agent answered HTTP {response.status}: {said}"
            if said
            else f"the agent answered HTTP {response.status}",
            retryable=response.status in _TRANSIENT,
            retry_after_s=_retry_after(response.headers.get("Retry-After")),
        )
    try:
        return openai_chat.parse(content)
    except openai_chat.ShapeError as error:
        raise TargetError(
            f"the answer is no chat completion: {one_line(str(error))}",
            hint="check agent.protocol and agent.path; the agent must answer in the OpenAI chat completions shape",
        ) from None


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
    except (ValueError, TypeError):
        return None


def _cause(error: BaseException) -> str:
    return one_line(str(error) or type(error).__name__, 160)
