"""The value of a text that is written with escapes or as a text block, and where each piece of it stands."""

from __future__ import annotations

import re

from agentops.injection.syntax.code.tokens import Chunk

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r?\n|[\s\S]))")
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "s": " ", "\n": ""}


def decode(source: str, start: int, end: int) -> Chunk:
    """The value of an escaped text between the offsets."""
    raw = source[start:end]
    if "\\" not in raw:
        return Chunk(raw, start, end, ((0, start),))
    parts: list[str] = []
    steps = [(0, start)]
    at = length = 0
    for escape in _ESCAPE.finditer(raw):
        value = _escaped(escape)
        parts += (raw[at : escape.start()], value)
        length += escape.start() - at + len(value)
        at = escape.end()
        steps.append((length, start + at))
    parts.append(raw[at:])
    return Chunk("".join(parts), start, end, tuple(steps))


def _escaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
    return _SIMPLE.get(escape[4], escape[4])


def text_block(source: str, start: int, end: int) -> Chunk:
    """A Java text block without its common indentation (JEP 378), escapes read."""
    first = source.find("\n", start, end)
    if first < 0:
        return decode(source, start, end)
    lines: list[tuple[int, int]] = []
    at = first + 1
    while at <= end:
        stop = source.find("\n", at, end)
        stop = end if stop < 0 else stop
        lines.append((at, stop))
        at = stop + 1
    widths = [
        len(source[a:b]) - len(source[a:b].lstrip()) for a, b in lines if source[a:b].strip() or b == end
    ]  # fmt: skip
    width = min(widths, default=0)
    parts: list[str] = []
    steps: list[tuple[int, int]] = []
    length = 0
    for number, (a, b) in enumerate(lines):
        line = decode(source, min(a + width, b), b)
        steps += ((length + v, s) for v, s in line.steps)
        tail = "" if number + 1 == len(lines) or source[a:b].endswith("\\") else "\n"
        value = line.text.removesuffix("\\") if source[a:b].endswith("\\") else line.text
        parts.append(value + tail)
        length += len(value) + len(tail)
    return Chunk("".join(parts), steps[0][1] if steps else start, end, tuple(steps) or ((0, start),))
