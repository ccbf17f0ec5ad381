"""Secrets that are told by the words before them: `api_key = "..."`, "the database password is ..."."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.model.finding import Confidence
from agentops.secrets.dummies import entropy, is_dummy, is_term
from agentops.secrets.secret import Secret

# What every name of a secret holds, and what must stand around it to make it one.
_SIGNS = ("passw", "passphrase", "passcode", "pwd", "secret", "token", "bearer", "key", "credential")
_NAME = re.compile(
    r"(?:pass(?:word|wd|phrase|code)|(?<![a-z])pwd|secret|token|bearer|key(?:[ _-]?id)?|credentials?)(?![a-z0-9])"
)
_KEY_OF = re.compile(r"(?:api|access|secret|account|encryption|master|license|auth)[ _-]?$")
# Tokens that open nothing.
_HARMLESS_BEFORE = re.compile(
    r"(?:page|next|cursor|continuation|pagination|csrf|xsrf|sync|delimiter|stop|eos|bos|pad|special|start|end|max|per"
    r"|dedup|idempotency|public|publishable|primary|foreign|partition|sort|design)[ _-]?$"
)
# The word and its value: `=`, `:`, "is", "is:", quotes around either; or nothing but a blank.
_JOIN = re.compile(
    r"[\"'`*]{0,3}(?:\s{0,3}(?P<sign>:=|=>|=|:)\s{0,3}|\s{1,3}(?P<is>is|was|are)(?:\s{1,2}set to|"
    r"\s{1,2}now)?\s{0,2}:?\s{1,3}"
    r"|\s{1,3}(?P<bare>))[*]{0,2}(?P<quote>[\"'`]?)"
)
_VALUE = re.compile(r"[^\s\"'`<>,;(){}|\\\[\]]{6,200}")
_NO_VALUE_AFTER = "([{<"
_DIGIT = re.compile("[0-9]")
_URL_OR_PATH = re.compile(r"[a-z][a-z0-9+.-]{0,15}://|[~.]{0,2}/|[A-Za-z]:\\|[\w.-]{1,60}\.[a-z]{2,4}$", re.I)
_CODE = re.compile(
    r"[A-Za-z_$][\w$]{0,60}(?:\.[A-Za-z_$][\w$]{0,60}){1,8}$"  # config.password2
    r"|[a-z]{1,30}(?:[A-Z][a-z0-9]{1,20}){1,6}$"  # dbPassword1
    r"|[A-Z][A-Z0-9]{0,30}(?:_[A-Z0-9]{1,30}){1,8}$"  # DB_PASSWORD_2
    r"|[a-z][a-z0-9]{0,30}(?:_[a-z0-9]{1,30}){1,8}$"  # db_password_2
)
_AWS_SECRET = re.compile(r"[A-Za-z0-9/+]{40}$")
_PIECES = re.compile(r"[-_./]")
_WORD = re.compile(r"[a-z]{2,40}$|[A-Z][a-z]{2,40}$|\d{1,8}$")
_STRONG_ENTROPY = 3.5
_STRONG_SIZE = 16


def find(text: str) -> Iterator[Secret]:
    """Secrets behind the words that call them so, in order. Linear in the text: every value is looked at once."""
    low = _small(text)
    end = 0
    for start in _signs(low):
        name = _NAME.match(low, start) if start >= end else None
        if name is None or (name[0].startswith("key") and not _KEY_OF.search(low, max(start - 12, 0), start)):
            continue
        if _HARMLESS_BEFORE.search(low, max(start - 24, 0), start):
            continue
        join = _JOIN.match(text, name.end())
        value = _VALUE.match(text, join.end()) if join else None
        if join is None or value is None or text[value.end() : value.end() + 1] in tuple(_NO_VALUE_AFTER):
            continue
        said = value[0] if join["quote"] else value[0].rstrip(".!?:*_")
        # Every kind of secret has digits, and most words have none.
        if not _DIGIT.search(said):
            continue
        end = value.end()
        word = "api key" if name[0].startswith("key") else name[0]
        confidence = _confidence(word, said, join)
        if confidence is not None:
            yield Secret(_kind(word, said), value.start(), value.start() + len(said), confidence)


def _small(text: str) -> str:
    """In small letters and as long as it was, so that offsets stay true."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _signs(low: str) -> list[int]:
    """Where one of the signs stands, in order. Plain searches are many times faster than one pattern of them all."""
    found: list[int] = []
    for sign in _SIGNS:
        at = low.find(sign)
        while at >= 0:
            found.append(at)
            at = low.find(sign, at + len(sign))
    return sorted(found)


def _kind(name: str, value: str) -> str:
    if "key" in name and _AWS_SECRET.match(value):
        return "secret access key"
    return "password" if name.startswith(("pass", "pwd")) else name.replace("_", " ")


def _confidence(name: str, value: str, join: re.Match[str]) -> Confidence | None:
    """How sure it is that the value is a secret; None where it is not one."""
    has_digit, has_letter = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    if len(value) < 6 or not has_letter or is_dummy(value) or _URL_OR_PATH.match(value):
        return None
    strong = has_digit and len(value) >= _STRONG_SIZE and entropy(value) >= _STRONG_ENTROPY
    strong = strong and not _CODE.match(value) and not is_term(value) and not _wordy(value)
    password = name.startswith(("pass", "pwd"))
    mixed = any(c.isupper() for c in value) and any(c.islower() for c in value) and has_digit
    if join["bare"] is not None:
        # "with password Winter-...": nothing joins the two, so only a value that is no word will do.
        digits = sum(c.isdigit() for c in value)
        if (password and mixed and digits >= 3 and len(value) >= 10 and not is_term(value)) or (strong and mixed):
            return Confidence.MEDIUM
        return None
    if strong:
        return Confidence.MEDIUM
    if not password and name != "secret":
        return None
    symbols = any(not c.isalnum() and c not in "-_./:" for c in value)
    if has_digit and not is_term(value) and not _CODE.match(value) and (symbols or mixed) and not _wordy(value):
        return Confidence.MEDIUM
    # In prose a weak password is one too; behind a `=` it may be any example of a call.
    if join["is"] and has_digit and not is_term(value):
        return Confidence.LOW
    return None


def _wordy(value: str) -> bool:
    """Whether it is made of words and numbers, as names of models, paths and resources are: `kv/prod/db-2`."""
    pieces = _PIECES.split(value)
    return len(pieces) > 2 and sum(_WORD.match(p) is not None for p in pieces) >= 0.6 * len(pieces)
