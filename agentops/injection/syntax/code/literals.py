"""Turns the parts of a text in source code into spans, and reads what a second stage will fill in its fixed texts."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agentops.injection.notations import guess, scan
from agentops.injection.notations.code import Code
from agentops.injection.source import Source
from agentops.injection.syntax.code import printf
from agentops.injection.syntax.code.tokens import Chunk, cut
from agentops.injection.syntax.code.value import Part, Ref, Value
from agentops.injection.template import MAX_HOLES, Hole, Note, NoteKind, Span, TemplateError, Text
from agentops.model.finding import Location

_DOUBLE = re.compile(r"\{\{[-#/^&>!{]?\s{0,20}[\w.$]|\{%-?\s{0,20}\w")
_GO = re.compile(r"\{\{-?\s{0,20}(?:\.|\$|if |range |with |end\b|template |block |define |else\b|/\*)")
_SINGLE = re.compile(r"(?<![\w$\\{])\{([A-Za-z_]\w{0,80}(?:\.\w{1,80}){0,5})\}(?!\})")
_DOLLAR = re.compile(r"(?<![\w$\\])\$([a-z][A-Za-z0-9_]{1,80})(?![\w(])")
# `${name}` in fixed text: a sign that was escaped, or a string without backticks. Whoever replaces it fills it.
_BRACED = re.compile(r"(?<![$\\])\$\{[ \t]{0,4}([A-Za-z_]\w{0,80}(?:\??\.[A-Za-z_]\w{0,80}){0,8})[ \t]{0,4}\}")
_INLINE_CODE = re.compile(r"(?<!`)`(?!`)[^`\n]{1,400}`(?!`)")
_NO_HOLE = frozenset(("ref", "schema", "defs", "id", "comment", "anchor", "vocab", "regex", "exists", "match", "group"))
_POSITION = re.compile(r"(?<![\w$\\{])\{(\d{1,2})\}(?!\})")


@dataclass(frozen=True, slots=True)
class Read:
    """The spans of a text. `notation` is that of its second stage, "" without one."""

    spans: tuple[Span, ...]
    notation: str
    notes: tuple[Note, ...]


def merged(parts: list[Part]) -> list[Part]:
    """The parts with neighbouring fixed texts as one."""
    out: list[Part] = []
    run: list[Chunk] = []
    for part in [*parts, None]:
        if isinstance(part, Chunk):
            run.append(part)
            continue
        if len(run) == 1:
            out.append(run[0])
        elif run:
            steps: list[tuple[int, int]] = []
            length = 0
            for one in run:
                steps += ((length + v, s) for v, s in one.steps)
                length += len(one.text)
            out.append(Chunk("".join(c.text for c in run), run[0].start, max(c.end for c in run), tuple(steps)))
        run = []
        if part is not None:
            out.append(part)
    return out


def read(source: Source, value: Value, *, notation: str = "", verbs: bool = False, dollars: bool = False) -> Read:
    """The spans of the value. `notation` is what a call says of it ("none": nothing fills it later), `verbs` and
    `dollars` whether `%s` and `$name` may stand for holes. Raises TemplateError for a told notation it breaks."""
    parts = merged(value.parts)
    spans: list[Span] = []
    notes: list[Note] = []
    used = ""
    first_stage = bool(value.refs)
    for part in parts:
        if isinstance(part, Ref):
            spans.append(_hole(source, part))
            continue
        stage = notation or _stage(part.text, value, verbs=verbs, dollars=dollars)
        found = [part] if stage in ("", "none") else _second(source, part, stage, told=bool(notation))
        for one in found:
            if isinstance(one, Chunk):
                line, column = source.lines.place(one.start)
                spans.append(Text(one.text, line, column, one.start))
                continue
            used = "dollar" if stage == "braced" else stage
            spans.append(one)
            if first_stage and stage not in ("printf",):
                said = f"{one.written} is filled by a later stage than the values around it"
                notes.append(Note(NoteKind.HIDDEN_HOLE, said, Location(source.path, one.line, one.column), one.name))
    if sum(isinstance(s, Hole) for s in spans) > MAX_HOLES:
        first = next(s for s in spans if isinstance(s, Hole))
        raise TemplateError(
            Location(source.path, first.line, first.column), f"more than {MAX_HOLES} holes",
            hint="add it to prompts.exclude",
        )  # fmt: skip
    return Read(tuple(spans), used, tuple(notes))


def _stage(text: str, value: Value, *, verbs: bool, dollars: bool) -> str:
    if verbs and _GO.search(text):
        return "go-template"
    if _DOUBLE.search(text):
        return "guess"
    if dollars and _has_braced(text):
        return "braced"
    if verbs and "printf" not in value.formatted and printf.has_verbs(text):
        return "printf"
    if value.refs:
        return ""
    return "dollar" if dollars and _DOLLAR.search(text) and not _SINGLE.search(text) else "single"


def _has_braced(text: str) -> bool:
    """Whether a `${name}` stands in the text that is filled later, and no code that is shown."""
    return "${" in text and any(True for _ in _braced(text))


def _braced(text: str) -> Iterator[re.Match[str]]:
    code = Code(text)
    inline = [m.span() for m in _INLINE_CODE.finditer(text)]
    starts = [start for start, _ in inline]
    for found in _BRACED.finditer(text):
        start, end = found.span()
        number = bisect_right(starts, start) - 1
        within = number >= 0 and end < inline[number][1]
        if within and inline[number] != (start - 1, end + 1):
            continue  # `Hello ${name}` in a text about code
        if not code.fenced(start) or code.alone(start, end):
            yield found


def _hole(source: Source, ref: Ref) -> Hole:
    line, column = source.lines.place(ref.start)
    written = source.text[ref.start : min(ref.end, ref.start + 400)]
    return Hole(
        ref.name,
        source.path,
        line,
        column,
        ref.start,
        ref.filters,
        in_loop=ref.in_loop,
        condition=ref.condition,
        written=written,
    )


def _second(source: Source, chunk: Chunk, stage: str, *, told: bool) -> list[Chunk | Hole]:
    if stage == "printf":
        return [_verb(source, p) if isinstance(p, printf.Verb) else p for p in printf.fill([chunk], [])]  # type: ignore[misc]
    if stage == "single":
        return _matched(source, chunk, _SINGLE)
    if stage == "positions":
        return _matched(source, chunk, _POSITION)
    if stage == "dollar":
        return _matched(source, chunk, _DOLLAR)
    if stage == "braced":
        return _holes(source, chunk, _braced(chunk.text))
    part = source.part(chunk.text)
    try:
        spans = scan(guess.notation(part) if stage == "guess" else stage, part)
    except TemplateError as error:
        if not told or error.location.path != source.path:
            return _matched(source, chunk, _SINGLE)
        at = part.lines.start(error.location.line or 1)
        line, column = source.lines.place(chunk.place(at))
        raise TemplateError(Location(source.path, line, column), error.problem, hint=error.hint or "") from None
    return [_moved(source, chunk, s) for s in spans]


def _moved(source: Source, chunk: Chunk, span: Span) -> Chunk | Hole:
    if isinstance(span, Hole) and span.path != source.path:
        return span
    at = chunk.place(span.offset)
    if isinstance(span, Text):
        return Chunk(span.text, at, chunk.end, ((0, at),))
    line, column = source.lines.place(at)
    return replace(span, line=line, column=column, offset=at)


def _verb(source: Source, verb: printf.Verb) -> Hole:
    line, column = source.lines.place(verb.start)
    written = source.text[verb.start : verb.end]
    return Hole(verb.name, source.path, line, column, verb.start, verb.filters, written=written)


def _matched(source: Source, chunk: Chunk, pattern: re.Pattern[str]) -> list[Chunk | Hole]:
    every = pattern.finditer(chunk.text)
    return _holes(source, chunk, (m for m in every if pattern is not _DOLLAR or m[1] not in _NO_HOLE))


def _holes(source: Source, chunk: Chunk, every: Iterable[re.Match[str]]) -> list[Chunk | Hole]:
    """The fixed text with a hole for each match, called what its first group holds."""
    out: list[Chunk | Hole] = []
    at = 0
    for found in every:
        if len(out) > 2 * MAX_HOLES + 2:
            break
        if found.start() > at:
            out.append(cut(chunk, at, found.start()))
        place = chunk.place(found.start())
        line, column = source.lines.place(place)
        out.append(Hole(found[1].replace("?.", "."), source.path, line, column, place,
                        written=_written(source, chunk, found)))  # fmt: skip
        at = found.end()
    if at < len(chunk.text):
        out.append(cut(chunk, at, len(chunk.text)))
    return out


def _written(source: Source, chunk: Chunk, found: re.Match[str]) -> str:
    """The hole as it stands in the file, where a sign of it may be escaped."""
    written = source.text[chunk.place(found.start()) : chunk.place(found.end())][: 2 * len(found[0])]
    return written if written.replace("\\", "") == found[0] else found[0]
