"""Where the fields of an f-string stand in the source.

Python before 3.12 gives the place of the whole literal for each part of an f-string, so the fields are found in the
text of the literal itself; literals that follow one another are one f-string.
"""

from __future__ import annotations

import re

_OPENING = re.compile(r"([A-Za-z]{0,2})(\"\"\"|'''|\"|')")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def fields(segment: str) -> list[tuple[int, int]]:
    """Start and end of each replacement field of the literals in the text, outermost ones only, in order.

    An empty list where the text is not what it should be; the caller falls back to the literal's own place.
    """
    found: list[tuple[int, int]] = []
    at, size = 0, len(segment)
    while at < size:
        opening = _OPENING.match(segment, at)
        if opening is not None:
            at = _literal(segment, opening, found)
            if at < 0:
                return []
        elif segment[at] == "#":
            end = segment.find("\n", at)
            at = size if end < 0 else end
        else:
            at += 1
    return found


def _literal(text: str, opening: re.Match[str], found: list[tuple[int, int]]) -> int:
    """Walk one literal and note its fields; the offset behind it, -1 where it does not end."""
    prefix, quote = opening[1].lower(), opening[2]
    at, size = opening.end(), len(text)
    stops = re.compile(r"\\|" + re.escape(quote) + (r"|\{\{|\}\}|\{" if "f" in prefix else ""))
    while at < size:
        stop = stops.search(text, at)
        if stop is None:
            return -1
        if stop[0] == quote:
            return stop.end()
        if stop[0] == "\\":
            at = _behind_escape(text, stop.start(), raw="r" in prefix)
        elif stop[0] == "{":
            end = _field_end(text, stop.end())
            if end < 0:
                return -1
            found.append((stop.start(), end))
            at = end
        else:
            at = stop.end()
    return -1


def _behind_escape(text: str, at: int, *, raw: bool) -> int:
    # `\N{DASH}` is a character, no field; in a raw literal a backslash still keeps a quote from ending it.
    if not raw and text.startswith("\\N{", at):
        end = text.find("}", at)
        return len(text) if end < 0 else end + 1
    if raw and text.startswith("{", at + 1):
        return at + 1
    return at + 2


def _field_end(text: str, at: int) -> int:
    """The offset behind the brace that closes the field; -1 where none does."""
    waiting = ["}"]
    size = len(text)
    while at < size:
        c = text[at]
        if c in "\"'":
            quote = c * 3 if text.startswith(c * 3, at) else c
            end = text.find(quote, at + len(quote))
            if end < 0:
                return -1
            at = end + len(quote)
            continue
        if c in _CLOSERS:
            waiting.append(_CLOSERS[c])
        elif c == waiting[-1]:
            waiting.pop()
            if not waiting:
                return at + 1
        at += 1
    return -1
