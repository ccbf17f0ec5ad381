"""The template syntaxes. Each is one module with `parse(source) -> spans`; it is loaded when a file needs it.

A new syntax is its module and its line in SYNTAXES (and a content test in detect.py if it shares its extension).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from agentops.injection.template import Span


@dataclass(frozen=True, slots=True)
class Source:
    """A file as a parser sees it: line ends are \\n, front matter is blanked out so that offsets stay true.

    `include(name, path)` gives the source that `name` means in the file at `path`, or None where no analysed folder
    has it.
    """

    path: str
    text: str
    include: Callable[[str, str], Source | None]


@dataclass(frozen=True, slots=True)
class Syntax:
    """A template notation. `extensions` are those that settle it whatever the file holds."""

    name: str
    module: str
    extensions: tuple[str, ...]

    def parse(self, source: Source) -> tuple[Span, ...]:
        """Text and holes in order. Raises TemplateError, and nothing else, for a file it cannot read."""
        module = importlib.import_module(self.module)
        return cast("Callable[[Source], tuple[Span, ...]]", module.parse)(source)


SYNTAXES: dict[str, Syntax] = {
    "jinja2": Syntax("jinja2", "agentops.injection.syntax.jinja2", (".j2", ".jinja", ".jinja2")),
    "str.format": Syntax("str.format", "agentops.injection.syntax.strformat", ()),
}
"""Every syntax by its name in reports."""
