"""What a detector of secrets says, and how a secret is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from agentops.model.finding import Confidence
from agentops.text import one_line

_MOST_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in a text, by its place: `text[start:end]` is the value and nothing around it.

    `kind` says what it opens, for people ("GitHub token"). HIGH confidence is an issuer's exact shape, MEDIUM a value
    that nobody writes by accident behind a word such as "api key", LOW a weak value that prose calls a password.
    The value itself is never kept here, so that no report can show it by mistake.
    """

    kind: str
    start: int
    end: int
    confidence: Confidence


class Detector(Protocol):
    """Finds secrets in a text. `detect` is one; an outside scanner (kingfisher) can stand behind the same door."""

    def __call__(self, text: str, /) -> Iterator[Secret]:
        """The secrets in the order of the text, none of them within another."""


def shown(text: str, secret: Secret) -> str:
    """How a secret is named in messages: its first characters, four at most and a quarter at most, and its length."""
    size = secret.end - secret.start
    first = one_line(text[secret.start : secret.start + min(_MOST_SHOWN, size // 4)])
    return f"{first}... ({size} characters)"
