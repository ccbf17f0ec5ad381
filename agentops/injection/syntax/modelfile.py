"""Modelfiles of Ollama: the system text (`SYSTEM`), the turns before the talk (`MESSAGE`), and the template in Go's
notation that puts the turns together (`TEMPLATE`).

Nothing is filled into the first two. Source of the instructions and of the three quotes: Ollama's Modelfile reference.
"""

from __future__ import annotations

import re

from agentops.injection import roles
from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax import pieces
from agentops.injection.syntax.tree import error
from agentops.injection.template import Assigned, Message, Template, Text

_INSTRUCTION = re.compile(
    r"^[ \t]{0,8}(FROM|PARAMETER|TEMPLATE|SYSTEM|ADAPTER|LICENSE|MESSAGE|REQUIRES|RENDERER|PARSER)[ \t]{1,9}",
    re.I | re.M,
)
_SPEAKER = re.compile(r"(system|user|assistant)[ \t]{1,9}", re.I)
_MAX_TURNS = 2_000
_SYSTEM = Assigned(Kind.CONSTANT, "it is the system text of this file, unless a call sends another")
_GIVEN = {
    "System": Assigned(Kind.OPERATOR, "it is the system text that a call sends"),
    "Prompt": Assigned(Kind.USER, "it is what the user of the model writes"),
    "Suffix": Assigned(Kind.USER, "it is what the user of the model writes"),
    "Response": Assigned(Kind.MODEL, "it is what the model answered"),
}


def parse(source: Source) -> tuple[Template, ...]:
    """A template for the texts that are fixed and one for the template, none where the file has neither.

    Raises TemplateError for a text in three quotes that is not closed, and for what Go would refuse.
    """
    turns: list[Message] = []
    made: list[Template] = []
    at = 0
    while (found := _INSTRUCTION.search(source.text, at)) is not None:
        word, start = found[1].upper(), found.end()
        speaker = _SPEAKER.match(source.text, start) if word == "MESSAGE" else None
        start = speaker.end() if speaker else start
        (start, end), at = _value(source, start)
        if word == "TEMPLATE":
            made.append(_template(source, found.start(), start, end))
        elif word == "SYSTEM" or speaker:
            role = speaker[1].lower() if speaker else "system"
            turns.append(Message(role, (Text(source.text[start:end], *source.lines.place(start), start),)))
        if len(turns) > _MAX_TURNS or len(made) > _MAX_TURNS:
            raise error(source, start, f"more than {_MAX_TURNS} messages")
    turns = [t for t in turns if any(isinstance(s, Text) and s.text.strip() for s in t.spans)]
    fixed = Template(source.path, "go-template", tuple(turns), name="SYSTEM")
    return (*((fixed,) if turns else ()), *made)


def _value(source: Source, start: int) -> tuple[tuple[int, int], int]:
    """Where the instruction's text stands, and where to go on."""
    text = source.text
    for quotes in ('"""', '"'):
        if text.startswith(quotes, start):
            begun = start + len(quotes)
            end = text.find(quotes, begun)
            if end < 0:
                raise error(source, start, f"the text that begins with {quotes} is not closed")
            return (begun, end), end + len(quotes)
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return (start, end), end


def _template(source: Source, begun: int, start: int, end: int) -> Template:
    spans = pieces.spans(source, source.text[start:end], start=start, end=end, notation="go-template")
    fixed = re.search(r"^[ \t]{0,8}SYSTEM[ \t]", source.text, re.I | re.M) is not None
    return Template(
        source.path, "go-template", roles.split(spans, path="", role=None), line=source.lines.place(begun)[0],
        name="TEMPLATE", assigned=_GIVEN | ({"System": _SYSTEM} if fixed else {}),
    )  # fmt: skip
