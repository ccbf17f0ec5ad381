"""BAML: functions whose prompt is a text of Jinja2, with typed parameters and marks that change the role."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax import pieces
from agentops.injection.syntax.structured_keys import ROLE_WORDS
from agentops.injection.syntax.tree import error
from agentops.injection.template import Assigned, Hole, Message, Span, Template, Text

_NAME = r"[A-Za-z_]\w{0,199}"
_TOKEN = re.compile(
    rf"//[^\n]*+|(?<!#)(#{{1,10}})\"|\"(?:[^\"\\\n]++|\\.)*+\"|\b(function|template_string|enum)\s++({_NAME})|\b(prompt)\b|[{{}}]"
)
_ROLE = re.compile(
    r"\{\{-?[ \t]{0,9}_\.(?:role|chat)\(\s{0,9}(?:role\s{0,3}=\s{0,3})?[\"'](\w{1,20})[\"']"
    r"[^)\n]{0,200}\)[ \t]{0,9}-?\}\}"
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
    """A declaration. `text` are the offsets of its prompt."""

    name: str
    start: int
    parameters: str
    text: tuple[int, int] | None = None


def parse(source: Source) -> tuple[Template, ...]:
    """A template for each function and each template_string with a text. Raises TemplateError."""
    functions, enums, strings = _declarations(source)
    marked = source.text.replace(_MARK, " ")
    marks = list(_ROLE.finditer(marked))
    # Marks of roles become characters that no prompt holds, so that offsets stay true and the cuts are found again.
    pieces_of: list[str] = []
    at = 0
    for mark in marks:
        pieces_of += [marked[at : mark.start()], _MARK * len(mark[0])]
        at = mark.end()
    cut = source.part("".join((*pieces_of, marked[at:])))
    made: list[Template] = []
    number = 0
    for function in sorted((f for f in functions if f.text), key=lambda f: f.text or (0, 0)):
        start, end = function.text or (0, 0)
        while number < len(marks) and marks[number].start() < start:
            number += 1
        until = number
        while until < len(marks) and marks[until].start() < end:
            until += 1
        names = [ROLE_WORDS.get(m[1].lower(), "user") for m in marks[number:until]]
        number = until
        made.append(_template(cut, function, names, enums=enums, strings=strings))
    return tuple(made)


def _declarations(source: Source) -> tuple[list[_Function], set[str], set[str]]:
    """The functions, the names of the enums and those of the template strings."""
    text, at, depth = source.text, 0, 0
    functions: list[_Function] = []
    enums: set[str] = set()
    strings: set[str] = set()
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
                here = _Function(token[3], token.start(), _parameters(text, at))
                functions.append(here)
                if len(functions) > _MAX_FUNCTIONS:
                    _refuse(source, token.start(), f"more than {_MAX_FUNCTIONS} functions")
                if wanted:
                    strings.add(token[3])
                # Braces of a map type among the parameters are none of the body.
                at += len(here.parameters)
        elif token[4]:
            wanted = here is not None and depth == 1
        elif said.startswith('"') and wanted and here is not None and here.text is None:
            here.text, wanted = (token.start() + 1, at - 1), False
        elif said in "{}":
            depth = max(depth + (1 if said == "{" else -1), 0)
    return functions, enums, strings


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


def _template(source: Source, function: _Function, names: list[str], *, enums: set[str], strings: set[str]) -> Template:
    start, end = function.text or (0, 0)
    spans = pieces.spans(source, source.text[start:end], start=start, end=end, notation="jinja2")
    types: dict[str, str] = {}
    declared: list[str] = []
    for found in _PARAMETER.finditer(function.parameters.strip("() \n\t")):
        declared.append(found[1])
        if kind := _type(found[2], enums):
            types[found[1]] = kind
    own = Assigned(Kind.CONSTANT, "BAML itself writes it: the shape of the answer and the client")
    text = Assigned(Kind.CONSTANT, "it is a template_string of this file, which is judged by itself")
    line, _ = source.lines.place(function.start)
    return Template(
        source.path, "jinja2", _messages(spans, names), types=types, line=line, name=function.name,
        assigned={"ctx": own, "_": own} | {key: text for s in strings for key in (s, f"{s}()")},
        declared=tuple(declared) or None,
    )  # fmt: skip


def _type(said: str, enums: set[str]) -> str:
    bare = said.strip().rstrip("?[]").strip()
    if bare in enums or _LITERALS.match(bare):
        return "enum"
    return bare.lower() if re.fullmatch(_NAME, bare) else ""


def _messages(spans: tuple[Span, ...], names: list[str]) -> tuple[Message, ...]:
    """Cut the spans where the role changes. What stands before the first mark is sent as the system message."""
    if not names:
        return (Message(None, spans),) if spans else ()
    messages: list[tuple[str, list[Span]]] = [("system", [])]
    number = 0
    for span in spans:
        if isinstance(span, Hole) or _MARK not in span.text:
            messages[-1][1].append(span)
            continue
        at = 0
        for mark in re.finditer(f"{_MARK}+", span.text):
            messages[-1][1].extend(_part(span, at, mark.start()))
            messages.append((names[min(number, len(names) - 1)], []))
            number += 1
            at = mark.end()
        messages[-1][1].extend(_part(span, at, len(span.text)))
    return tuple(
        Message(role, tuple(kept))
        for role, kept in messages
        if any(isinstance(s, Hole) or s.text.strip() for s in kept)
    )


def _part(span: Text, start: int, end: int) -> list[Span]:
    text = span.text[start:end]
    if not text:
        return []
    lines = span.text.count("\n", 0, start)
    last = span.text.rfind("\n", 0, start)
    column = span.column + start if lines == 0 else start - last
    return [Text(text, span.line + lines, column, span.offset + start)]
