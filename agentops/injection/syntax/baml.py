"""BAML: functions whose prompt is a text of Jinja2, with typed parameters and marks that change the role.

A template_string that a prompt calls is put in its place, with what it is called with and with its own roles.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import NoReturn

from agentops.injection.kinds import Kind
from agentops.injection.notations.jinja2 import Parts
from agentops.injection.source import Source
from agentops.injection.syntax.structured_keys import ROLE_WORDS
from agentops.injection.syntax.tree import error
from agentops.injection.template import Assigned, Hole, Message, Note, NoteKind, Span, Template, Text
from agentops.model.finding import Location
from agentops.text import one_line

_NAME = r"[A-Za-z_]\w{0,199}"
_TOKEN = re.compile(
    rf"//[^\n]*+|(?<!#)(#{{1,10}})\"|\"(?:[^\"\\\n]++|\\.)*+\"|\b(function|template_string|enum)\s++({_NAME})|\b(prompt)\b|[{{}}]"
)
_ROLE = re.compile(
    r"\{\{-?[ \t]{0,9}_\.(?:role|chat)\(\s{0,9}(?:role\s{0,3}=\s{0,3})?"
    r"(?:[\"'](\w{1,20})[\"'][^)\n]{0,200}|([A-Za-z_][\w.]{0,99})(?:,[^)\n]{0,200})?)\s{0,9}\)[ \t]{0,9}-?\}\}"
)
_PARAMETER = re.compile(rf"({_NAME})\s*+:\s*+([^,]++)")
_LITERALS = re.compile(
    r"\s*(?:\"[^\"]{0,200}\"|\d{1,20}|true|false)(?:\s*\|\s*(?:\"[^\"]{0,200}\"|\d{1,20}|true|false)){0,100}\s*\Z"
)
_MARK = "\x01"
_MAX_PARAMETERS = 4_000
_MAX_FUNCTIONS = 5_000


@dataclass(slots=True)
class _Function:
    """A declaration. `text` are the offsets of its prompt, `string` is set for a template_string."""

    name: str
    start: int
    parameters: str
    string: bool
    text: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a role begins. `value` is what the role is taken from where no word stands there, `said` the whole mark."""

    start: int
    role: str
    said: str
    value: str


def parse(source: Source) -> tuple[Template, ...]:
    """A template for each function with a text, and for each template_string that no other text calls: one that is
    called is judged where its text goes. Raises TemplateError."""
    functions, enums = _declarations(source)
    cut, marks = _cut(source)
    parts = Parts(cut)
    with_text = sorted((f for f in functions if f.text), key=lambda f: f.text or (0, 0))
    for function in with_text:
        if function.string:
            parts.define(function.name, tuple(_names(function)), function.text or (0, 0))
    made: list[tuple[_Function, Template]] = []
    called: set[str] = set()
    for function in with_text:
        spans, names = parts.read(function.text or (0, 0))
        called |= names
        made.append((function, _template(cut, function, spans, marks, enums=enums)))
    return tuple(t for f, t in made if not (f.string and f.name in called))


def _cut(source: Source) -> tuple[Source, list[_Mark]]:
    """The file with its marks of roles as characters that no prompt holds, so that all offsets stay true; the marks."""
    text = source.text.replace(_MARK, " ")
    kept: list[str] = []
    marks: list[_Mark] = []
    at = 0
    for mark in _ROLE.finditer(text):
        kept += [text[at : mark.start()], _MARK * len(mark[0])]
        at = mark.end()
        role = ROLE_WORDS.get(mark[1].lower(), "user") if mark[1] else "user"
        marks.append(_Mark(mark.start(), role, mark[0] if mark[2] else "", mark[2] or ""))
    return source.part("".join((*kept, text[at:]))), marks


def _declarations(source: Source) -> tuple[list[_Function], set[str]]:
    """The functions and template strings, and the names of the enums."""
    text, at, depth = source.text, 0, 0
    functions: list[_Function] = []
    enums: set[str] = set()
    here: _Function | None = None
    wanted = False
    while (token := _TOKEN.search(text, at)) is not None:
        at = token.end()
        said = token[0]
        if token[1]:
            at, inner = _raw(source, token)
            if here is not None and wanted:
                here.text, wanted = inner, False
        elif token[2] and depth == 0:
            wanted = token[2] == "template_string"
            here = None
            if token[2] == "enum":
                enums.add(token[3])
            else:
                here = _Function(token[3], token.start(), _parameters(text, at), wanted)
                functions.append(here)
                if len(functions) > _MAX_FUNCTIONS:
                    _refuse(source, token.start(), f"more than {_MAX_FUNCTIONS} functions")
                # Braces of a map type among the parameters are none of the body.
                at += len(here.parameters)
        elif token[4]:
            wanted = here is not None and depth == 1
        elif said.startswith('"') and wanted and here is not None and here.text is None:
            here.text, wanted = (token.start() + 1, at - 1), False
        elif said in "{}":
            depth = max(depth + (1 if said == "{" else -1), 0)
    return functions, enums


def _raw(source: Source, token: re.Match[str]) -> tuple[int, tuple[int, int]]:
    """The end of a text between `#"` and `"#`, and the offsets of what is in it."""
    close = '"' + token[1]
    end = source.text.find(close, token.end())
    if end < 0:
        _refuse(source, token.start(), f'the text that begins with {token[1][:5]}" is not closed')
    return end + len(close), (token.end(), end)


def _refuse(source: Source, at: int, problem: str) -> NoReturn:
    raise error(source, at, f"not BAML: {problem}")


def _parameters(text: str, at: int) -> str:
    """What stands between the brackets behind a name, with them."""
    found = re.compile(r"\s{0,20}\(").match(text, at)
    if found is None:
        return ""
    end = text.find(")", found.end(), found.end() + _MAX_PARAMETERS)
    return text[at : end + 1] if end >= 0 else ""


def _names(function: _Function) -> list[str]:
    return [m[1] for m in _PARAMETER.finditer(function.parameters.strip("() \n\t"))]


def _template(
    source: Source, function: _Function, spans: tuple[Span, ...], marks: list[_Mark], *, enums: set[str]
) -> Template:
    types: dict[str, str] = {}
    for found in _PARAMETER.finditer(function.parameters.strip("() \n\t")):
        if kind := _type(found[2], enums):
            types[found[1]] = kind
    own = Assigned(Kind.CONSTANT, "BAML itself writes it: the shape of the answer and the client")
    messages, valued = _messages(spans, marks)
    notes = tuple(
        Note(NoteKind.DYNAMIC_ROLE, one_line(m.said, 200), Location(source.path, *source.lines.place(m.start)), m.value)
        for m in valued
        if types.get(m.value.split(".")[0]) != "enum"
    )
    return Template(
        source.path, "jinja2", messages, types=types, line=source.lines.place(function.start)[0], name=function.name,
        assigned={"ctx": own, "_": own}, declared=tuple(_names(function)) or None, notes=notes,
    )  # fmt: skip


def _type(said: str, enums: set[str]) -> str:
    bare = said.strip().rstrip("?[]").strip()
    if bare in enums or _LITERALS.match(bare):
        return "enum"
    return bare.lower() if re.fullmatch(_NAME, bare) else ""


def _messages(spans: tuple[Span, ...], marks: list[_Mark]) -> tuple[tuple[Message, ...], list[_Mark]]:
    """Cut the spans where the role changes, and the marks whose role is a value. What stands before the first mark is
    sent as the system message."""
    if not any(isinstance(s, Text) and _MARK in s.text for s in spans):
        return ((Message(None, spans),) if spans else ()), []
    starts = [m.start for m in marks]
    messages: list[tuple[str, list[Span]]] = [("system", [])]
    valued: dict[int, _Mark] = {}
    for span in spans:
        if isinstance(span, Hole) or _MARK not in span.text:
            messages[-1][1].append(span)
            continue
        at = 0
        for run in re.finditer(f"{_MARK}+", span.text):
            messages[-1][1].extend(_part(span, at, run.start()))
            # Where marks stand side by side the last one counts.
            mark = marks[max(bisect_left(starts, span.offset + run.end()) - 1, 0)]
            messages.append((mark.role, []))
            if mark.value:
                valued[mark.start] = mark
            at = run.end()
        messages[-1][1].extend(_part(span, at, len(span.text)))
    cut = tuple(
        Message(role, tuple(kept))
        for role, kept in messages
        if any(isinstance(s, Hole) or s.text.strip() for s in kept)
    )
    return cut, list(valued.values())


def _part(span: Text, start: int, end: int) -> list[Span]:
    text = span.text[start:end]
    if not text:
        return []
    lines = span.text.count("\n", 0, start)
    last = span.text.rfind("\n", 0, start)
    column = span.column + start if lines == 0 else start - last
    return [Text(text, span.line + lines, column, span.offset + start)]
