"""What must not leave production: secrets and personal data, replaced by placeholders that say of what kind they were.

The same value gives the same placeholder throughout a session, so that a conversation still makes sense; another
session numbers anew, so that nothing shows whether two sessions were one person's. Names, places and whatever else has
no shape are not found: a person reads the proposal before it is kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agentops.errors import UsageError
from agentops.evals.metrics import personal
from agentops.secrets.detector import detect
from agentops.text import clean, one_line

PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]")

# In this order: what looks like more than one of them is taken for the first.
_WORDS: Mapping[str, str] = {"email": "EMAIL", "iban": "IBAN", "card": "CARD", "phone": "PHONE", "ip": "IP"}
_KINDS = ("email", "iban", "card", *(k for k in personal.NAMES if k not in _WORDS), "phone", "ip")
_ID = "ID"


def patterns(given: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Regular expressions of the user's for what else is to be replaced. Raises UsageError for one that is none."""
    made = []
    for text in given:
        try:
            made.append(re.compile(text))
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(
                f"--redact: {one_line(text, 60)!r} is no regular expression: {error}", hint="mend the pattern"
            ) from None
    return tuple(made)


class Redactor:
    """Replaces what must not be kept, for one session. `own` are patterns of the user's, which come first."""

    def __init__(self, own: Sequence[re.Pattern[str]] = ()) -> None:
        self._own = own
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def text(self, said: str) -> str:
        """The text with placeholders, and without control characters."""
        said = _legible(said)
        for pattern in self._own:
            said = pattern.sub(lambda m: self._placeholder("REDACTED", m[0]) if m[0] else "", said)
        said = self._without_secrets(said)
        for kind, value in sorted(personal.find(said, _KINDS), key=lambda pair: -len(pair[1])):
            said = said.replace(value, self._placeholder(_WORDS.get(kind, _ID), value))
        return said

    def data(self, value: Any) -> Any:
        """JSON data with every text in it redacted, names of keys too. A number that reads like a personal one becomes
        its placeholder."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(k)): self.data(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.data(v) for v in value]
        if isinstance(value, int) and not isinstance(value, bool):
            told = self.text(str(value))
            return value if told == str(value) else told
        return value

    def _without_secrets(self, said: str) -> str:
        parts: list[str] = []
        at = 0
        for secret in detect(said):
            parts += (said[at : secret.start], self._placeholder("SECRET", said[secret.start : secret.end]))
            at = secret.end
        return "".join((*parts, said[at:]))

    def _placeholder(self, word: str, value: str) -> str:
        key = word, re.sub(r"[ .\-/()]", "", value).casefold()
        if key not in self._known:
            self._counts[word] = self._counts.get(word, 0) + 1
            self._known[key] = f"[{word}_{self._counts[word]}]"
        return self._known[key]


def _legible(said: str) -> str:
    """The text without control characters. Where full-width digits or invisible characters hide something private, the
    text in plain characters, so that it is found where it stands."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", said) if unicodedata.category(c) != "Cf")
    if said.isascii() or plain == said:
        return clean(said)
    hidden = [value for _, value in personal.find(plain, _KINDS)] + [plain[s.start : s.end] for s in detect(plain)]
    shown = clean(said)
    return clean(plain) if any(value not in shown for value in hidden) else shown


def leaks(text: str) -> Iterator[str]:
    """What is still in a text that is about to be written, one line each, by line and kind and never by value."""
    for secret in detect(text):
        yield f"line {text.count(chr(10), 0, secret.start) + 1}: {secret.kind}"
    for number, line in enumerate(text.split("\n"), 1):
        for kind, _ in personal.find(line, _KINDS):
            yield f"line {number}: {personal.NAMES[kind]}"
