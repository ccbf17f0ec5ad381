"""The tokens of source code: languages and their quotes, fixed texts that know where they stand, nodes of the tree."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one language writes its strings. `interpolates` are the quotes whose strings hold `$x` and `${...}`."""

    name: str
    quotes: str = "\"'"
    backtick: str = ""  # "template" (JS), "raw" (Go) or "" (none)
    triple: bool = False
    regex: bool = False
    dollar: bool = False


JAVASCRIPT = Dialect("javascript", backtick="template", regex=True)
GO = Dialect("go", quotes='"', backtick="raw")
JAVA = Dialect("java", quotes='"', triple=True)
KOTLIN = Dialect("kotlin", quotes='"', triple=True, dollar=True)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Fixed text: its value, and pairs (offset in the value, offset in the file) from which both run in step."""

    text: str
    start: int
    end: int
    steps: tuple[tuple[int, int], ...]

    def place(self, at: int) -> int:
        """Where in the file the value's character `at` stands."""
        step = self.steps[max(bisect_right(self.steps, (at, 1 << 60)) - 1, 0)]
        return min(step[1] + at - step[0], self.end)


def cut(chunk: Chunk, start: int, end: int) -> Chunk:
    """A part of a fixed text, with its places."""
    first = chunk.place(start)
    low = bisect_right(chunk.steps, (start, 1 << 60))
    high = bisect_right(chunk.steps, (end - 1, 1 << 60))
    steps = ((0, first), *((v - start, s) for v, s in chunk.steps[low:high]))
    return Chunk(chunk.text[start:end], first, chunk.place(end), steps)


@dataclass(slots=True)
class Node:
    """A token, or (after tree.build) a group of nodes. `kind` is name, num, str, op or group; a group's `text` is its
    opening bracket. `parts` are a string's texts and embedded expressions."""

    kind: str
    text: str
    start: int
    end: int
    broken: bool = False
    parts: tuple[Chunk | Embedded, ...] = ()
    kids: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Embedded:
    """An expression within a string; `start` and `end` take in its marks (`${` and `}`)."""

    nodes: list[Node]
    start: int
    end: int
