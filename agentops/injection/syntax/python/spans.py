"""From the parts of a Python text to the spans of a message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import pairwise

from agentops.injection.notations.code import Code
from agentops.injection.source import Source
from agentops.injection.syntax import pieces
from agentops.injection.syntax.python.handed import Handed
from agentops.injection.syntax.python.origin import Origin, Origins
from agentops.injection.template import (
    MAX_HOLES,
    Assigned,
    Hole,
    Note,
    NoteKind,
    Span,
    Template,
    TemplateError,
    Text,
)
from agentops.injection.trust import Judge
from agentops.model.finding import Location
from agentops.pysource.texts import Literal, Part, Value

_SIGN = re.compile(r"[{$%<]|\[\[")
_NUMBER_SPEC = re.compile(r"[,_]?(?:\.\d{1,4})?[deEfFgGnxXob%,]$")
# What is left of doubled braces in an f-string is a field of a second stage where it is no JSON: a doubled pair, a
# marker in capitals, or a plain name in what is called a template.
_DOUBLE = re.compile(r"\{\{[ \t]{0,4}[A-Za-z_][\w.]{0,100}[ \t]{0,4}\}\}|\{[A-Z][A-Z0-9_]{2,100}\}")
_SINGLE = re.compile(r"\{\{[ \t]{0,4}[A-Za-z_][\w.]{0,100}[ \t]{0,4}\}\}|\{[A-Za-z_]\w{0,100}\}")
_LONGEST_WRITTEN = 200


# The value of an entry of JSON, which shows what is asked for.
_ENTRY = re.compile(r"[\"'][ \t]{0,4}:[ \t]{0,4}[\[\"']{0,2}[ \t]{0,4}\Z")


class Later(Enum):
    """Which names that an f-string leaves in braces are fields of a later stage."""

    MARKED = "doubled braces, and names in capitals"
    KEPT = "plain names too, unless they are part of an example"
    NAMES = "plain names too"


class Writer:
    """Writes the messages of one template and gathers what is learned about their holes on the way."""

    def __init__(self, source: Source, origins: Origins, handed: Handed, *, later: Later) -> None:
        self._source, self._origins, self._handed, self._later = source, origins, handed, later
        self._judge = Judge({})
        self.assigned: dict[str, Assigned] = {}
        self.types: dict[str, str] = {}
        self.notes: list[Note] = []
        self._holes = 0

    def spans(self, parts: Iterable[Part]) -> tuple[Span, ...]:
        """Text and holes of the parts, in order. Raises TemplateError."""
        spans: list[Span] = []
        run: list[Literal] = []
        for part in parts:
            if isinstance(part, Literal) and not part.settled and (not run or run[-1].engine == part.engine):
                run.append(part)
                continue
            self._plain(run, spans)
            run = []
            if isinstance(part, Value):
                self._value(part, spans)
            elif part.settled:
                self._settled(part, spans)
            else:
                run.append(part)
        self._plain(run, spans)
        return tuple(spans)

    def _plain(self, run: list[Literal], spans: list[Span]) -> None:
        """Literals whose fields the code around does not fill: whoever uses them does."""
        if not run:
            return
        text = "".join(p.text for p in run)
        start, end = run[0].start, run[-1].end
        if end < start or any(a.start > b.start for a, b in pairwise(run)):
            end = run[0].end
        engine = run[0].engine
        if not text or not _SIGN.search(text):
            self._text(text, start, spans)
            return
        try:
            found = pieces.spans(self._source, text, start=start, end=max(end, start), notation=engine)
        except TemplateError:
            # A text that only looks like a template is no reason to give up the file; one that is said to be is.
            if engine or "{%" in text:
                raise
            self._text(text, start, spans)
            return
        self._count(sum(1 for s in found if isinstance(s, Hole)), start)
        spans += found
        roots = {re.split(r"[.\[]", s.name, maxsplit=1)[0] for s in found if isinstance(s, Hole)}
        for part in run:
            self._given(part, roots)
        for name in roots:
            self._fill(name)

    def _given(self, part: Literal, names: set[str]) -> None:
        """What the code hands to the engine that fills the text, for the variables that stand in it."""
        for name in names & part.given.keys():
            value, frame = part.given[name]
            origin = self._origins.of(value, frame)[0]
            if origin.assigned is not None:
                self.assigned.setdefault(name, origin.assigned)
            if origin.type:
                self.types.setdefault(name, origin.type)

    def _fill(self, name: str) -> None:
        """What a call hands over for a field that nothing else fills."""
        if (constant := self._handed.constant(name)) is not None:
            self.assigned.setdefault(name, constant)

    def _settled(self, part: Literal, spans: list[Span]) -> None:
        if not isinstance(part.node, ast.JoinedStr) or "{" not in part.text:
            self._text(part.text, part.start, spans)
            return
        at = 0
        here = part.start
        for mark in self._marks(part.text):
            if mark.start() > at:
                self._text(part.text[at : mark.start()], here, spans)
            found = self._source.text.find(mark[0], here, max(part.end, here))
            here = found if found >= 0 else here
            name = mark[0].strip("{} \t")
            self._fill(name)
            spans.append(self._hole(Origin(name), here, mark[0]))
            self._note_hidden(name, mark[0], here)
            here, at = (here + len(mark[0]) if found >= 0 else here), mark.end()
        self._text(part.text[at:], here, spans)

    def _marks(self, text: str) -> Iterator[re.Match[str]]:
        if self._later is not Later.KEPT:
            yield from (_SINGLE if self._later is Later.NAMES else _DOUBLE).finditer(text)
            return
        code = Code(text)
        for mark in _SINGLE.finditer(text):
            shown = _ENTRY.search(text, max(mark.start() - 20, 0), mark.start()) or code.example(*mark.span())
            if _DOUBLE.fullmatch(mark[0]) or not shown:
                yield mark

    def _note_hidden(self, name: str, written: str, offset: int) -> None:
        line, column = self._source.lines.place(offset)
        where = Location(self._source.path, line, column)
        self.notes.append(Note(NoteKind.HIDDEN_HOLE, f"{written[:80]} in an f-string", where, name))

    def _text(self, text: str, offset: int, spans: list[Span]) -> None:
        if text:
            line, column = self._source.lines.place(offset)
            spans.append(Text(text, line, column, offset))

    def _value(self, value: Value, spans: list[Span]) -> None:
        written = self._source.text[value.start : min(value.end, value.start + _LONGEST_WRITTEN)]
        if value.expr is None:
            self._fill(value.name)
        found = [Origin(_path(value.name))] if value.expr is None else self._origins.of(value.expr, value.frame)
        if value.hidden:
            self._note_hidden(value.name or found[0].name, written, value.start)
        for origin in found:
            hole = self._hole(origin, value.start, written, value=value, alone=len(found) == 1)
            if origin.assigned is not None:
                self.assigned.setdefault(hole.name, origin.assigned)
            if origin.type:
                self.types.setdefault(hole.name.split(".")[0].replace("[]", ""), origin.type)
            spans.append(hole)

    def _hole(
        self, origin: Origin, offset: int, written: str, *, value: Value | None = None, alone: bool = True
    ) -> Hole:
        line, column = self._source.lines.place(offset)
        filters, in_loop, condition, name = origin.filters, origin.in_loop, "", origin.name
        if value is not None:
            in_loop, condition = in_loop or value.in_loop, value.condition
            if _NUMBER_SPEC.search(value.spec):
                filters = (*filters, "float")
            if value.name and value.expr is not None and alone:
                name = self._telling(origin, _path(value.name))
        self._count(1, offset)
        return Hole(
            name, self._source.path, line, column, offset, filters=filters, in_loop=in_loop, condition=condition,
            written=written,
        )  # fmt: skip

    def _telling(self, origin: Origin, other: str) -> str:
        """The name that tells more: that of the field where what fills it has a name that says nothing."""
        if origin.assigned is not None or origin.type or other == origin.name:
            return origin.name
        if origin.name.endswith("()") or self._says_nothing(origin.name):
            return origin.name if self._says_nothing(other) and not origin.name.endswith("()") else other
        return origin.name

    def _says_nothing(self, name: str) -> bool:
        kind = self._judge.trust(Hole(name, "", 1, 1, 0), Template("", "python", ())).kind
        return kind.verdict == "unknown"

    def _count(self, number: int, offset: int) -> None:
        self._holes += number
        if self._holes > MAX_HOLES:
            line, column = self._source.lines.place(offset)
            raise TemplateError(
                Location(self._source.path, line, column),
                f"more than {MAX_HOLES} holes in one prompt",
                hint="add the file to prompts.exclude",
            )


def _path(field: str) -> str:
    """`a[key].b[0]` of a field as `a.key.b[]`."""
    return re.sub(r"\[([^\]]{0,200})\]", lambda m: "[]" if not m[1] or m[1].isdigit() else f".{m[1]}", field)
