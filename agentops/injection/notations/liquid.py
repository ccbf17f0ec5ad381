"""Liquid: `{{ path | filter: argument }}`, `{% for x in y %}`, `{% assign x = y %}`, `{% render 'f' %}`.

Most of it is Jinja2 as well and is read so. What Jinja2 refuses, filters with a colon above all, is read leniently
here: every output is a hole by its path, and loop variables lead to what they run over.
"""

from __future__ import annotations

import re

from agentops.injection.notations import jinja2
from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span, TemplateError
from agentops.text import one_line

_TAG = re.compile(r"\{\{-?|\{%-?")
_WORD = re.compile(r"[a-z]{2,20}\b|#")
_PATH = re.compile(r"[^\W\d][\w-]{0,99}(?:\.[\w-]{1,99}|\[[^\[\]{}\n]{1,99}\]){0,20}")
_FOR = re.compile(r"(?:for|tablerow)[ \t]{1,9}([\w-]{1,99})[ \t]{1,9}in[ \t]{1,9}")
_ASSIGN = re.compile(r"assign[ \t]{1,9}([\w-]{1,99})[ \t]{0,9}=")
_CAPTURE = re.compile(r"capture[ \t]{1,9}[\"']?([\w-]{1,99})")
_FILE = re.compile(r"(?:include|render|section)[ \t]{1,9}[\"']([^\"'\n]{1,200})[\"']")
_FILTER = re.compile(r"(\w{1,60})[ \t]{0,9}(:?)")
_KEY = re.compile(r"[ \t\n]{0,20}(?:[\w-]{1,60}[ \t]{0,9}:)?[ \t\n]{0,20}")
# Filters whose arguments choose, count or name fields and put nothing into the text.
_CHOOSING = frozenset((
    "slice", "where", "reject", "find", "find_index", "has", "map", "sort", "sort_natural", "sum", "group_by", "times",
    "plus", "minus", "divided_by", "modulo", "at_least", "at_most", "round", "json", "remove", "remove_first", "split",
    "truncate", "truncatewords",
))  # fmt: skip
_TEXT = re.compile(r"\"[^\"]{0,500}\"|'[^']{0,500}'")
_LITERALS = frozenset(("true", "false", "nil", "null", "empty", "blank"))
_FILTERS = {"json": "tojson", "size": "length", "escape": "escape", "escape_once": "escape", "url_encode": "urlencode"}
_CUT = {"raw": "endraw", "comment": "endcomment"}
_BLOCKS = frozenset(("for", "tablerow", "if", "unless", "case", "capture"))
_MAX_TAG = 4_000
_MAX_PARTS = 12
_MAX_VALUES = 100

# Where a value comes from, and the filters that it goes through.
_Value = tuple[str, tuple[str, ...]]


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError for a tag that is not closed and for blocks that do not match."""
    try:
        return jinja2.scan(source)
    except TemplateError:
        return _Scan(source).run()


class _Scan:
    """`names` are what the template's own names stand for (nothing for its own text); `open` the blocks:
    their word, their place, the name that a loop sets, and the condition."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.writer = Writer(source)
        self.names: dict[str, tuple[_Value, ...]] = {}
        self.open: list[tuple[str, int, str, str | None]] = []

    def run(self) -> tuple[Span, ...]:
        """Text and holes in order."""
        text, at = self.source.text, 0
        self.writer.refuse_flood()
        while (tag := _TAG.search(text, at)) is not None:
            self.writer.text(text[at : tag.start()], at)
            close = "}}" if tag[0].startswith("{{") else "%}"
            end = text.find(close, tag.end(), tag.end() + _MAX_TAG)
            if end < 0:
                raise self.writer.error("the tag is not closed", tag.start())
            content = text[tag.end() : end].strip().removesuffix("-").strip()
            at = end + 2
            if close == "}}":
                self._output(content, tag.start(), at)
            else:
                at = self._statement(content, tag.start(), at)
        self.writer.text(text[at:], at)
        if self.open:
            raise self.writer.error(f"the block {self.open[-1][0]} is not ended", self.open[-1][1])
        return self.writer.done()

    def _output(self, content: str, start: int, end: int) -> None:
        loops = any(o[0] in ("for", "tablerow") for o in self.open)
        said = " and ".join(o[3] for o in self.open if o[3])
        for name, filters in self._values(content):
            self.writer.hole(name, start, end, filters=filters, in_loop=loops, condition=said)

    def _statement(self, content: str, start: int, end: int) -> int:
        """Deal with the statement and say where to go on."""
        word = _WORD.match(content)
        kind = word[0] if word else ""
        if kind in _CUT:
            return self._cut(kind, start, end)
        if kind in _BLOCKS:
            self._begin(kind, content, start)
        elif kind.startswith("end") and kind[3:] in _BLOCKS:
            if not self.open or self.open[-1][0] != kind[3:]:
                raise self.writer.error(f"{kind} closes no block", start)
            name = self.open.pop()[2]
            if kind in ("endfor", "endtablerow"):
                self.names.pop(name, None)
        elif (given := _ASSIGN.match(content)) is not None:
            self.names[given[1]] = self._values(content[given.end() :])
        elif (file := _FILE.match(content)) is not None:
            # What it would say cannot be seen: a hole of unknown trust.
            self.writer.hole(f"include({one_line(file[1], 80)})", start, end)
        elif kind == "echo":
            self._output(content[4:].strip(), start, end)
        return end

    def _cut(self, kind: str, start: int, end: int) -> int:
        """A part that is text as it stands, or no text at all."""
        close = re.compile(rf"\{{%-?[ \t]{{0,9}}{_CUT[kind]}[ \t]{{0,9}}-?%\}}").search(self.source.text, end)
        if close is None:
            raise self.writer.error(f"the block {kind} is not ended", start)
        if kind == "raw":
            self.writer.text(self.source.text[end : close.start()], end)
        return close.end()

    def _begin(self, kind: str, content: str, start: int) -> None:
        if len(self.open) > 100:
            raise self.writer.error("blocks are nested too deeply", start)
        name, said = "", None
        if (each := _FOR.match(content)) is not None:
            name = each[1]
            over = self._values(content[each.end() :].split(" ", 1)[0])
            self.names[name] = tuple((f"{path}[]", filters) for path, filters in over)
        elif (kept := _CAPTURE.match(content)) is not None:
            # Its text is written down where it is made; where it is put, nothing new comes in.
            self.names[kept[1]] = ()
        else:
            said = one_line(content, 80)
        self.open.append((kind, start, name, said))

    def _values(self, content: str) -> tuple[_Value, ...]:
        """Where an expression takes its values from: the one that it names, and what its filters bring in."""
        bare = _TEXT.sub('""', content[:_MAX_TAG])
        head, *pipes = bare.split("|")
        found = list(self._path(head.strip()))
        for pipe in pipes:
            named = _FILTER.match(pipe.strip())
            if named is None:
                continue
            passed = _FILTERS.get(named[1], named[1])
            found = [(name, (*filters, passed)[:_MAX_PARTS]) for name, filters in found]
            if named[2] and named[1] not in _CHOOSING:
                for argument in pipe.strip()[named.end() :].split(","):
                    found += self._path(_KEY.sub("", argument, count=1).strip())
            found = list(dict.fromkeys(found))[:_MAX_VALUES]
        return tuple(found)

    def _path(self, written: str) -> tuple[_Value, ...]:
        """Where a path leads; nothing for what the template itself says."""
        path = _PATH.match(written)
        if path is None or path[0] in _LITERALS or path[0].startswith("forloop"):
            return ()
        first, dot, rest = re.sub(r"\[[^\]]{0,99}\]", "[]", path[0]).partition(".")
        plain, each = first.removesuffix("[]"), "[]" if first.endswith("[]") else ""
        if plain not in self.names:
            return ((f"{first}{dot}{rest}", ()),)
        return tuple(
            (".".join(f"{known}{each}{dot}{rest}".split(".")[:_MAX_PARTS]), filters)
            for known, filters in self.names[plain]
        )
