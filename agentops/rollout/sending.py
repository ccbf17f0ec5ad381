"""How a message reaches its target: HTTP for chats, pagers and webhooks; mail is mail.py's business.

Addresses and keys come from the environment variables that the settings name. They are in no message, error or log:
what went wrong is told in our own words, never in those of the other side or of a library.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from agentops.model.rollout_settings import Notify
from agentops.rollout import mail, messages
from agentops.rollout.messages import Answer, Message
from agentops.version import VERSION

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
SIGNATURE = "X-Agentops-Signature-256"
"""The header with "sha256=" and the hexadecimal HMAC of the body under the key that both sides know."""

_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_HINTS = {
    400: "the body was not understood: does the address speak this protocol?",
    401: "the key is not accepted",
    403: "the key is not accepted",
    404: "there is nothing at the address",
    410: "there is nothing at the address any more",
    413: "the body is too large",
    429: "it is told too much at once",
}


def lacking(target: Notify, env: Mapping[str, str]) -> tuple[str, ...]:
    """What the target needs and does not have; names of settings and variables, never their values."""
    named = (target.url_env, target.key_env, target.password_env)
    missing = [f"the environment variable {var} is not set" for var in named if var and not env.get(var)]
    if target.kind == "smtp":
        return (*missing, *mail.lacking(target))
    if target.kind == "pagerduty":
        missing += [] if target.key_env else ["key_env is missing: the variable with the routing key"]
    elif not (target.url or target.url_env):
        missing.append("url_env or url is missing")
    if not missing and not _address(target, env):
        missing.append("its address is no http:// or https:// address without user and password")
    return tuple(missing)


def sender(target: Notify, env: Mapping[str, str], *, timeout_s: float) -> Callable[[Message], Answer]:
    """What sends one message to the target, and tells in an Answer what came of it."""
    problems = lacking(target, env)
    if problems:
        return lambda _message: Answer("; ".join(problems))
    if target.kind == "smtp":
        return mail.sender(target, env.get(target.password_env or "", ""), timeout_s=timeout_s)
    address, key = _address(target, env), env.get(target.key_env or "", "")

    def send(message: Message) -> Answer:
        for body, headers in _bodies(target.kind, message, key):
            answer = post(address, body, headers=headers, timeout_s=timeout_s)
            if answer.trouble:
                return answer
        return Answer()

    return send


def post(address: str, body: bytes, *, headers: Mapping[str, str], timeout_s: float) -> Answer:
    """POST once. Redirects are not followed: they would take key and rollout to a place that nobody named."""
    opener = urllib.request.build_opener(_Stay())
    sent = {"Content-Type": "application/json", "User-Agent": f"agentops/{VERSION}", **headers}
    try:
        request = urllib.request.Request(address, body, sent, method="POST")  # noqa: S310  http and https alone, see _address
        with opener.open(request, timeout=timeout_s):
            return Answer()
    except urllib.error.HTTPError as error:
        with error:
            return _refused(error.code, _pause(error.headers.get("Retry-After") or "", error.headers.get("Date") or ""))
    except urllib.error.URLError as error:
        return Answer(_broken(error.reason), again=True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(_broken(error), again=isinstance(error, (OSError, http.client.HTTPException)))


def signature(body: bytes, key: str) -> str:
    """The value of the header SIGNATURE."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


class _Stay(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the answer that it is."""

    def redirect_request(self, *_asked: Any, **_named: Any) -> None:
        return None


def _bodies(kind: str, message: Message, key: str) -> list[tuple[bytes, dict[str, str]]]:
    """What is posted, one after the other."""
    if kind == "slack":
        return [(json.dumps(messages.slack(message)).encode(), {})]
    if kind == "pagerduty":
        return [(json.dumps(event).encode(), {}) for event in messages.pagerduty(message, key)]
    body = messages.webhook(message)
    return [(body, {"X-Agentops-Event": message.event, **({SIGNATURE: signature(body, key)} if key else {})})]


def _address(target: Notify, env: Mapping[str, str]) -> str:
    """Where it is posted; "" where that is no address."""
    address = (env.get(target.url_env) if target.url_env else target.url) or ""
    if not address and target.kind == "pagerduty":
        address = PAGERDUTY
    address = address.strip()
    try:
        parts = urlsplit(address)
        sound = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and (parts.port or 1) > 0
        )
    except ValueError:
        return ""
    return address if sound and address.isascii() and address.isprintable() and " " not in address else ""


def _refused(status: int, pause_s: float | None) -> Answer:
    if 300 <= status < 400:
        return Answer(f"it answered {status}: redirects are not followed, give the address that it leads to")
    hint = _HINTS.get(status, "")
    return Answer(f"it answered {status}" + (f": {hint}" if hint else ""), again=status in _AGAIN, pause_s=pause_s)


def _pause(asked: str, date: str) -> float | None:
    """The pause that Retry-After asks for, in seconds; None where there is none. A date counts from the answer's."""
    if asked.isdecimal() and asked.isascii():
        return float(asked[:9])
    try:
        return max((parsedate_to_datetime(asked) - parsedate_to_datetime(date)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _broken(error: object) -> str:
    """Why there was no answer. What the error says itself may hold the address, so that its kind must do."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted here"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    if isinstance(error, OSError) and type(error).__name__ == "gaierror":
        return "the name of its host is not known"
    return f"the connection failed ({type(error).__name__})"
