"""A chat model behind an OpenAI-compatible address: blocking, no redirects, no proxy, nothing kept."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from agentops.errors import UsageError
from agentops.evals.generate.paraphrase import no_answer
from agentops.text import one_line, redact

_TRIES = 3
_LONGEST_PAUSE_S = 20.0
_MOST_BYTES = 4 * 1024 * 1024
_BUSY = (429, 500, 502, 503, 504)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key is for the address that was given."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Endpoint:
    """`POST {base_url}/chat/completions`, at most `timeout_s` a try. `answered` are the models that answered, by their
    own words, in the order in which they first did."""

    def __init__(self, base_url: str, *, model: str, key: str, timeout_s: float = 60.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise UsageError(f"--base-url: {one_line(base_url, 80)!r} is no address", hint="write https://host/v1")
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._key = key
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
        self.answered: list[str] = []

    def __call__(self, messages: Sequence[dict[str, str]]) -> str:
        """The text of the answer. Trouble on the way is tried again; raises MeasurementError."""
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._once(messages)
            except urllib.error.HTTPError as error:
                why = f"{error.code} {self._safe(_body(error))}"
                if error.code not in _BUSY or not left:
                    raise no_answer(why) from None
                time.sleep(_pause(error.headers.get("Retry-After"), _TRIES - left))
            except (OSError, HTTPException) as error:
                if not left:
                    raise no_answer(self._safe(str(getattr(error, "reason", error)))) from None
                time.sleep(_pause(None, _TRIES - left))
        raise no_answer("no try was left")

    def _once(self, messages: Sequence[dict[str, str]]) -> str:
        body = json.dumps({"model": self._model, "messages": list(messages)}).encode("ascii")
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        asked = urllib.request.Request(self._url, body, headers)  # noqa: S310  the scheme was looked at
        with self._opener.open(asked, timeout=self._timeout_s) as response:
            raw = response.read(_MOST_BYTES + 1)
        try:
            data = json.loads(raw)
            text = data["choices"][0]["message"]["content"]
            model = data.get("model") or self._model
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise no_answer("it is no chat completion") from None
        if not isinstance(text, str) or not isinstance(model, str):
            raise no_answer("it holds no text")
        if model not in self.answered:
            self.answered.append(model)
        return text

    def _safe(self, said: str) -> str:
        return one_line(redact(said, [self._key]), 200)


def _body(error: urllib.error.HTTPError) -> str:
    try:
        return error.read(2000).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return str(error.reason)


def _pause(asked: str | None, tried: int) -> float:
    try:
        return min(max(float(asked or ""), 0.0), _LONGEST_PAUSE_S)
    except ValueError:
        return min(0.5 * 2.0**tried, _LONGEST_PAUSE_S)
