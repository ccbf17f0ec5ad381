"""The model behind the agent: OpenAI chat completions, with time limits and a bounded number of tries."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import aiohttp

from support_agent.config import Config

_ANSWER_LIMIT_BYTES = 1024 * 1024
_BACKOFF_S = 0.25
_LONGEST_PAUSE_S = 8.0
_PROBE_TIMEOUT_S = 2.0
_RETRYABLE = frozenset({408, 409, 429, 500, 502, 503, 504})


class ModelError(Exception):
    """The model gave no usable answer. `status` and `code` are what our own caller is told."""

    def __init__(self, message: str, *, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _Trouble(Exception):
    """A try that may be repeated; `pause_s` is what the endpoint asked for."""

    def __init__(self, message: str, *, status: int, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.pause_s = pause_s


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model asks for; `arguments` is unchecked text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Completion:
    """The model's message. Tokens are those reported, 0 where none are."""

    text: str
    calls: tuple[Call, ...]
    model: str
    input_tokens: int
    output_tokens: int


class Model(Protocol):
    """Whatever answers: an endpoint, or a script in its place."""

    async def complete(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Completion:
        """The next message. Raises ModelError."""

    async def probe(self) -> str | None:
        """Why it cannot be used, or None."""


class ModelClient:
    """Asks the configured endpoint, and no other."""

    def __init__(
        self,
        config: Config,
        http: aiohttp.ClientSession,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config = config
        self._http = http
        self._sleep = sleep
        self._headers = {"Authorization": f"Bearer {config.api_key}"}

    async def complete(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Completion:
        """The next message. Raises ModelError when it was refused, or did not come within the tries."""
        body = {"model": self._config.model, "messages": list(messages), "tools": list(tools), "temperature": 0.2}
        last = None
        for attempt in range(self._config.model_retries + 1):
            if last is not None:
                await self._sleep(_pause(attempt, last.pause_s))
            try:
                return _completion(await self._post(body))
            except _Trouble as trouble:
                last = trouble
        raise ModelError(f"the model endpoint {last}", status=last.status if last else 503, code="model_unavailable")

    async def probe(self) -> str | None:
        """Why the endpoint cannot be used, or None. Costs nothing: it asks for the list of models."""
        try:
            async with self._http.get(
                f"{self._config.base_url}/models",
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=_PROBE_TIMEOUT_S),
                allow_redirects=False,
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"the model endpoint is not in reach ({type(error).__name__})"
        if status in (401, 403):
            return f"the model endpoint refuses the key (HTTP {status})"
        # An endpoint without a list of models says 404 or 405 and is in reach all the same.
        return f"the model endpoint is in trouble (HTTP {status})" if status >= 500 else None

    async def _post(self, body: Mapping[str, Any]) -> Any:
        try:
            async with self._http.post(
                f"{self._config.base_url}/chat/completions",
                json=body,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=self._config.model_timeout_s),
                allow_redirects=False,
            ) as response:
                content = await _read(response)
                status, retry_after = response.status, response.headers.get("Retry-After")
        except TimeoutError:
            raise _Trouble("did not answer in time", status=504) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Trouble(f"cannot be reached ({type(error).__name__})", status=503) from None
        if status in _RETRYABLE:
            raise _Trouble(f"answered HTTP {status}", status=503, pause_s=_retry_after(retry_after))
        if status != 200:
            raise ModelError(
                f"the model endpoint refused the request (HTTP {status})", status=502, code="model_refused"
            )
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise ModelError("the model's answer is no JSON", status=502, code="model_malformed") from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _ANSWER_LIMIT_BYTES:
            raise ModelError("the model's answer is too large", status=502, code="model_malformed")
    return bytes(content)


def _completion(data: Any) -> Completion:
    try:
        message = data["choices"][0]["message"]
        text = message.get("content")
        calls = tuple(
            Call(str(c["id"]), str(c["function"]["name"]), str(c["function"].get("arguments") or ""))
            for c in message.get("tool_calls") or ()
        )
        if text is not None and not isinstance(text, str):
            raise TypeError
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ModelError("the model's answer is no chat completion", status=502, code="model_malformed") from None
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    return Completion(
        text=text or "",
        calls=calls,
        model=str(data.get("model") or "unknown"),
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _pause(attempt: int, asked_s: float | None) -> float:
    """Full jitter below a doubling bound, or what the endpoint asked for; never longer than a bound."""
    if asked_s is not None:
        return min(asked_s, _LONGEST_PAUSE_S)
    # Jitter spreads clients in time; it is no secret.
    return random.uniform(0, min(_BACKOFF_S * 2**attempt, _LONGEST_PAUSE_S))  # noqa: S311  # nosec B311


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if seconds == seconds else None
