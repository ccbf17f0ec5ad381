"""Jinja2 templates, read with Jinja2's own lexer and parser; nothing is ever rendered.

Jinja2's nodes know their line only. The lexer's tokens are handed to the parser with their offset in the place of the
line, so that every node and every error knows its exact place.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from jinja2 import Environment, TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from agentops.injection.notations.jinja2_place import Macro, Unit
from agentops.injection.notations.jinja2_walk import Walk
from agentops.injection.source import Source
from agentops.injection.template import Span, TemplateError
from agentops.model.finding import Location
from agentops.text import one_line

# Far more than any prompt has; parsing takes long before the walk could count holes.
_MAX_TAGS = 10_000
_HINT = "correct the template, or add the file to prompts.exclude"


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order, includes and parents followed. Raises TemplateError."""
    walk = Walk(load=load)
    try:
        return walk.run(load(source))
    except RecursionError:
        raise TemplateError(Location(source.path), "nested too deeply to be read", hint=_HINT) from None


class Parts:
    """Texts of one file that may call each other, as BAML's do. All places are those of the file.

    What one text may expand is bounded for all of them together, so that a file cannot multiply itself.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._walk = Walk(load=load)
        self._macros: dict[str, Macro] = {}

    def define(self, name: str, parameters: tuple[str, ...], where: tuple[int, int]) -> None:
        """Make the text between the offsets known by a name. Raises TemplateError."""
        unit = load(self._source, where=where)
        self._macros[name] = Macro(parameters, (), unit.tree.body, unit, {}, self._macros)

    def read(self, where: tuple[int, int]) -> tuple[tuple[Span, ...], frozenset[str]]:
        """Text and holes between the offsets, and the names that were called on the way. Raises TemplateError."""
        try:
            return self._walk.part(load(self._source, where=where), self._macros)
        except RecursionError:
            location = Location(self._source.path, *self._source.lines.place(where[0]))
            raise TemplateError(location, "nested too deeply to be read", hint=_HINT) from None


def load(source: Source, *, where: tuple[int, int] | None = None) -> Unit:
    """The syntax tree of the file, or of its text between two offsets, with offsets of the file where Jinja2 has lines.

    Raises TemplateError.
    """
    lines = source.lines
    start, end = where or (0, len(source.text))
    text = source.text[start:end]
    if text.count("{{") + text.count("{%") > _MAX_TAGS:
        raise TemplateError(Location(source.path), f"more than {_MAX_TAGS} expressions and statements", hint=_HINT)
    tokens = _Tokens(text, start)
    environment = _environment()
    try:
        parser = Parser(environment, "")
        parser.stream = TokenStream(environment.lexer.wrap(iter(tokens)), None, None)
        return Unit(source=source, tree=parser.parse(), lines=lines)
    except TemplateSyntaxError as error:
        # The lexer tells a line, the parser what it was given as one.
        offset = start + tokens.end if tokens.failed else min(error.lineno, len(source.text))
        message = one_line(error.message or "cannot be parsed", 200)
        raise TemplateError(Location(source.path, *lines.place(offset)), message, hint=_HINT) from None
    except RecursionError:
        location = Location(source.path, *lines.place(start + tokens.end))
        raise TemplateError(location, "nested too deeply to be read", hint=_HINT) from None


@cache
def _environment() -> Environment:
    # Never renders, so escaping does not matter here; what a template escapes is read from its filters.
    return Environment(extensions=("jinja2.ext.do", "jinja2.ext.loopcontrols"), autoescape=False)  # noqa: S701


class _Tokens:
    """The lexer's tokens with offsets for lines, `base` added. `end` is how far it came, `failed` whether the lexer
    gave up."""

    def __init__(self, text: str, base: int) -> None:
        self.text = text
        self.base = base
        self.end = 0
        self.failed = False

    def __iter__(self) -> Iterator[tuple[int, str, str]]:
        stream = _environment().lexer.tokeniter(self.text, None)
        while True:
            try:
                _, kind, value = next(stream)
            except StopIteration:
                return
            except TemplateSyntaxError:
                self.failed = True
                raise
            # Between two tokens only white space is ever dropped, so the search ends where it begins.
            start = self.text.find(value, self.end)
            start = self.end if start < 0 else start
            self.end = start + len(value)
            yield self.base + start, kind, _harmless(kind, value)


def _harmless(kind: str, value: str) -> str:
    if kind == "string":
        # Kept as written: decoding escapes may warn or fail and tells nothing about holes.
        return value.replace("\\", "\\\\")
    if kind == "integer" and len(value) > 18:
        return "0"  # Python refuses to read very long numbers
    return value
