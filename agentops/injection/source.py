"""A file, or a piece of one, as a parser sees it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from agentops.injection.template import Lines


def nothing(name: str, here: str) -> Source | None:  # noqa: ARG001 - an include that finds nothing
    """The `include` of a text that lies in no folder."""
    return None


@dataclass(frozen=True)
class Source:
    """A text with line ends as \\n.

    `include(name, path)` gives the source that `name` means in the file at `path`, or None where no analysed folder
    has it. `markers` are the pairs of marks around a name that the configuration adds (`("[[", "]]")`).
    """

    path: str
    text: str
    include: Callable[[str, str], Source | None] = nothing
    markers: tuple[tuple[str, str], ...] = ()

    @cached_property
    def lines(self) -> Lines:
        """Where the text's lines begin."""
        return Lines(self.text)

    @cached_property
    def marks(self) -> re.Pattern[str] | None:
        """What a name between configured marks looks like, or None where there are none."""
        pairs = [
            rf"{re.escape(before)}[ \t]{{0,8}}([^\W\d][\w. -]{{0,99}}?)[ \t]{{0,8}}{re.escape(after)}"
            for before, after in self.markers
            if before.strip() and after.strip()
        ]
        return re.compile("|".join(pairs)) if pairs else None

    def line(self, number: int) -> str:
        """The line of that number, from 1, without its end."""
        start = self.lines.start(number)
        end = self.text.find("\n", start)
        return self.text[start : len(self.text) if end < 0 else end]

    def part(self, text: str) -> Source:
        """Another text of the same file, with offsets of its own."""
        return Source(self.path, text, self.include, self.markers)
