"""Secrets that can be told by their own shape: each issuer's prefix and alphabet, as the issuers document them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentops.model.finding import Confidence
from agentops.secrets.dummies import entropy, is_dummy
from agentops.secrets.secret import Secret

_MIN_ENTROPY = 2.9


@dataclass(frozen=True, slots=True)
class _Shape:
    """A kind of secret. `sign` is a literal that stands in each of them and is looked for first, which is cheap."""

    kind: str
    sign: str
    pattern: re.Pattern[str]


def _shape(kind: str, sign: str, pattern: str) -> _Shape:
    # No value begins or ends in the middle of a word.
    return _Shape(kind, sign, re.compile(rf"(?<![A-Za-z0-9_]){pattern}(?![A-Za-z0-9_])"))


_SHAPES = (
    _shape("Anthropic API key", "sk-ant-", r"sk-ant-[a-z]{2,8}\d{2}-[A-Za-z0-9_-]{32,140}"),
    _shape("OpenRouter API key", "sk-or-", r"sk-or-v1-[0-9a-f]{64}"),
    _shape("OpenAI API key", "sk-", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,220}"),
    _shape("OpenAI API key", "sk-", r"sk-[A-Za-z0-9]{32,64}"),
    _shape("AWS access key id", "A", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    _shape("GitHub token", "gh", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _shape("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _shape("GitLab token", "gl", r"gl(?:pat|dt|rt|ptt|soat|cbt)-[A-Za-z0-9_-]{20,64}"),
    _shape("Slack token", "xox", r"xox[abeoprs]-[0-9A-Za-z-]{20,200}"),
    _shape("Slack app token", "xapp-", r"xapp-\d-[A-Z0-9]{8,16}-\d{8,16}-[0-9a-f]{32,80}"),
    _shape("Slack webhook", "hooks.slack.com", r"https://hooks\.slack\.com/services/T\w{8,12}/B\w{8,12}/\w{20,28}"),
    _shape("Discord webhook", "/api/webhooks/", r"https://discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,72}"),
    _shape("Google API key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    _shape("Google client secret", "GOCSPX-", r"GOCSPX-[0-9A-Za-z_-]{28}"),
    _shape("Stripe key", "k_live_", r"[sr]k_live_[0-9A-Za-z]{16,120}"),
    _shape("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34,40}"),
    _shape("npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _shape("PyPI token", "pypi-", r"pypi-AgE[A-Za-z0-9_-]{50,220}"),
    _shape("SendGrid key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _shape("Groq API key", "gsk_", r"gsk_[A-Za-z0-9]{48,60}"),
    _shape("xAI API key", "xai-", r"xai-[A-Za-z0-9]{60,90}"),
    _shape("Perplexity API key", "pplx-", r"pplx-[A-Za-z0-9]{40,60}"),
    _shape("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _shape("LangSmith key", "lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _shape("Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _shape("DigitalOcean token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _shape("Databricks token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _shape("Docker token", "dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,40}"),
    _shape("Linear key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _shape("Notion token", "ntn_", r"ntn_[A-Za-z0-9]{40,50}"),
    _shape("Telegram bot token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _shape("Vault token", "hvs.", r"hvs\.[A-Za-z0-9_-]{90,140}"),
    _shape("age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
)
_AZURE = re.compile(r"\bAccountKey=([A-Za-z0-9+/]{86}==)")
_JWT = re.compile(r"(?<![\w.-])(eyJ[\w-]{8,2000})\.(eyJ[\w-]{8,6000})\.[\w-]{20,1000}(?![\w-])")
_KEY_BEGIN = re.compile(r"-----BEGIN (?:(?:RSA|EC|DSA|OPENSSH|ENCRYPTED|PGP) )?PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40,}")
_KEY_WINDOW = 400
_LONGEST_KEY = 20_000
# The scheme is looked for backwards by hand: a pattern that begins with it would be tried at every letter.
_LOGIN = re.compile(r"://([^\s/:@\"'`<>?#,()]{0,100}):([^\s/@\"'`<>,()]{3,200})@([^\s/:\"'`<>@,;]{1,200})")
_NO_PASSWORD = re.compile(
    r"pass|passw(?:or)?d|pwd|secret|token|key|apikey|api_key|pw|root|admin|postgres|mysql|guest|user|redacted", re.I
)
_NO_HOST = re.compile(r"(?:.{0,200}\.)?(?:example(?:\.\w{2,4})?|test|invalid)$|host(?:name)?$|your", re.I)


def find(text: str) -> Iterator[Secret]:
    """Secrets by their shape, in no special order. Linear in the text."""
    for shape in _SHAPES:
        if shape.sign in text:
            for found in shape.pattern.finditer(text):
                value = found[0]
                if not is_dummy(value) and entropy(value) >= _MIN_ENTROPY:
                    yield Secret(shape.kind, found.start(), found.end(), Confidence.HIGH)
    if "AccountKey=" in text:
        for found in _AZURE.finditer(text):
            if not is_dummy(found[1]):
                yield Secret("Azure storage key", found.start(1), found.end(1), Confidence.HIGH)
    if "eyJ" in text:
        yield from _tokens(text)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)
    if "://" in text:
        yield from _logins(text)


def _tokens(text: str) -> Iterator[Secret]:
    for found in _JWT.finditer(text):
        head, claims = _decoded(found[1]), _decoded(found[2])
        # The two people that every tutorial signs in.
        tutorial = "John Doe" in claims or "1234567890" in claims
        if '"alg"' in head and not tutorial and not is_dummy(found[0].rsplit(".", 1)[1]):
            yield Secret("JSON web token", found.start(), found.end(), Confidence.HIGH)


def _decoded(part: str) -> str:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _private_keys(text: str) -> Iterator[Secret]:
    end = 0
    for found in _KEY_BEGIN.finditer(text):
        if found.start() < end:
            continue
        body = _KEY_BODY.search(text, found.end(), found.end() + _KEY_WINDOW)
        # The mark alone, or three dots behind it, is documentation.
        if body is None or is_dummy(body[0][:64].rstrip("=")):
            continue
        close = text.find("-----END", found.end(), found.end() + _LONGEST_KEY)
        end = body.end() if close < 0 else close
        yield Secret("private key", found.start(), end, Confidence.HIGH)


def _logins(text: str) -> Iterator[Secret]:
    for found in _LOGIN.finditer(text):
        user, password, host = found.groups()
        plain = _NO_PASSWORD.fullmatch(password) or password.lower() == user.lower()
        weak = not any(c.isdigit() for c in password) and len(password) < 8
        if plain or weak or is_dummy(password) or _NO_HOST.match(host):
            continue
        if not (text[found.start() - 1 : found.start()].isalnum()):
            continue
        yield Secret("password in an address", found.start(2), found.end(2), Confidence.HIGH)
