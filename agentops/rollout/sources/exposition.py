"""Prometheus' text format, as a hostile pod may send it: strictly read, and only so much of it.
(https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4)
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from agentops.text import said

MOST_BYTES = 4 * 1024 * 1024
MOST_SERIES = 5_000
_MOST_LABELS = 40
_MOST_CHARS = 1_000

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\\n]|\\["\\n])*)"[ \t]*')
_REST = re.compile(r"[ \t]+(\S+)(?:[ \t]+(-?[0-9]+))?[ \t]*\Z")
_VALUE = re.compile(r"[+-]?(?:inf|nan|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,4})?)\Z", re.IGNORECASE)
_ESCAPED = re.compile(r'\\(["\\n])')


class ExpositionError(ValueError):
    """What came is not Prometheus' text format, or too much of it; the message is safe and names the line."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: a metric, its labels in the order of their names, and its value."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float

    def label(self, name: str) -> str:
        """The value of a label, "" where there is none."""
        return next((value for key, value in self.labels if key == name), "")


def parse(body: bytes, *, names: Collection[str]) -> tuple[Series, ...]:
    """The series of these names. Every other line must be sound as well, but is not kept. Raises ExpositionError."""
    if len(body) > MOST_BYTES:
        raise ExpositionError(f"it is larger than {MOST_BYTES // 2**20} MiB")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ExpositionError(f"it is not UTF-8 at byte {error.start}") from None
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Series] = {}
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip(" \t\r")
        if not bare or bare.startswith("#"):
            continue
        name, labels, value = _line(bare, number)
        if name not in names:
            continue
        if (name, labels) in found:
            raise ExpositionError(f"line {number}: the series was there already: {said(bare, 80)}")
        if len(found) >= MOST_SERIES:
            raise ExpositionError(f"line {number}: there are more than {MOST_SERIES} series")
        found[name, labels] = Series(name, labels, value)
    return tuple(found.values())


def number(text: str) -> float | None:
    """A value as Go's printing gives it, None where it is none."""
    return float(text) if _VALUE.match(text) else None


def _line(line: str, at: int) -> tuple[str, tuple[tuple[str, str], ...], float]:
    named = _NAME.match(line)
    if named is None:
        raise ExpositionError(f"line {at} begins with no name of a metric: {said(line, 80)}")
    labels: dict[str, str] = {}
    end = named.end()
    while end < len(line) and line[end] in " \t":
        end += 1
    if end < len(line) and line[end] == "{":
        labels, end = _labels(line, end + 1, at)
    else:
        end = named.end()
    rest = _REST.match(line, end)
    value = number(rest[1]) if rest else None
    if value is None and not line[end : end + 1].isspace():
        # A sample may stand right behind the closing brace.
        rest = _REST.match(" " + line[end:])
        value = number(rest[1]) if rest and line[end - 1] == "}" else None
    if value is None:
        raise ExpositionError(f"line {at} has no value: {said(line, 80)}")
    return named[0], tuple(sorted(labels.items())), value


def _labels(line: str, start: int, at: int) -> tuple[dict[str, str], int]:
    labels: dict[str, str] = {}
    while True:
        found = _LABEL.match(line, start)
        if found is None:
            blank = line[start:].lstrip(" \t")
            if blank.startswith("}"):
                return labels, len(line) - len(blank) + 1
            raise ExpositionError(f"line {at} has a label that is none: {said(line, 80)}")
        name, value = found[1], _ESCAPED.sub(lambda m: "\n" if m[1] == "n" else m[1], found[2])
        if name in labels or len(labels) >= _MOST_LABELS or len(value) > _MOST_CHARS:
            raise ExpositionError(f"line {at} has labels twice, too many or too long: {said(line, 80)}")
        labels[name] = value
        start = found.end()
        if line[start : start + 1] == ",":
            start += 1
        elif line[start : start + 1] != "}":
            raise ExpositionError(f"line {at} has labels that do not end: {said(line, 80)}")


def is_count(value: float) -> bool:
    """Whether a counter can have this value."""
    return math.isfinite(value) and 0.0 <= value < 2.0**53
