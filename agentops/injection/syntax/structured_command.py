"""Commands of terminal agents in TOML: `{{args}}` is what was typed, `!{...}` runs a command, `@{...}` reads a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.template import MAX_HOLES, Assigned, Hole, Note, NoteKind, Span, Text
from agentops.model.finding import Location
from agentops.text import one_line

_SIGN = re.compile(r"\{\{\s{0,9}args\s{0,9}\}\}|[!@]\{")
_MAX_COMMAND = 2_000
_ECHO = re.compile(r"""\s*(?:echo|printf|printenv)\s+(?:-\w\s+)?["']?\$?\{?([A-Za-z_]\w{0,99})\}?["']?\s*""")
_ARGS = re.compile(r"\{\{\s{0,9}args\s{0,9}\}\}")
_OWN = re.compile(r"\s*(?:date|pwd|uname|whoami|hostname|nproc|ls|tree|git\s+(?:rev-parse|branch|status))\b[^|;&$`{]*")
_WORDS = re.compile(r"\w+")


@dataclass(slots=True)
class Command:
    """What a text of this notation holds."""

    spans: list[Span] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    assigned: dict[str, Assigned] = field(default_factory=dict)


def is_command(text: str) -> bool:
    """Whether the text has any of the signs."""
    return _SIGN.search(text) is not None


def read(source: Source, text: str) -> Command:
    """Text and holes with offsets in `text`; at most MAX_HOLES holes, the rest stays text."""
    found, at = Command(), 0
    holes = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < at or holes >= MAX_HOLES:
            continue
        end = sign.end() if sign[0].endswith("}}") else _close(text, sign.end())
        if end < 0:
            continue
        if sign.start() > at:
            found.spans.append(Text(text[at : sign.start()], 1, 1, at))
        written = text[sign.start() : end]
        holes += 1
        found.spans.append(Hole(_hole(found, written), source.path, 1, 1, sign.start(), written=written))
        at = end
    if at < len(text):
        found.spans.append(Text(text[at:], 1, 1, at))
    return found


def notes(source: Source, spans: tuple[Span, ...]) -> tuple[Note, ...]:
    """A remark for every hole that runs a command or reads a file; the spans lie in the file already."""
    return tuple(
        Note(NoteKind.COMMAND, one_line(s.written, 120), Location(source.path, s.line, s.column), s.name)
        for s in spans
        if isinstance(s, Hole) and s.written[:1] in ("!", "@")
    )


def _close(text: str, at: int) -> int:
    """Where the braces that are open end, -1 if they do not. Bounded, so that open ones cost nothing."""
    depth = 1
    for brace in re.finditer(r"[{}]", text[at : at + _MAX_COMMAND]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return at + brace.end()
    return -1


def _hole(found: Command, written: str) -> str:
    """The name of the hole, and what is known of it."""
    inner = written[2:-1]
    if written.startswith("{{"):
        found.assigned["args"] = Assigned(Kind.USER, "it is what the person types behind the command")
        return "args"
    if written.startswith("!") and (echo := _ECHO.fullmatch(inner)) is not None:
        return echo[1].lower()  # the value of a variable: its name tells more than the command
    name = "_".join(_WORDS.findall(_ARGS.sub("args", inner))[:4])[:80] or "command"
    name = f"command.{name}" if written.startswith("!") else f"file.{name}"
    if written.startswith("@"):
        typed = _ARGS.search(inner) is not None
        kind = Kind.USER if typed else Kind.OPERATOR
        why = "it is a file that the person names" if typed else "it is a file of the project"
    elif _OWN.fullmatch(inner):
        kind, why = Kind.CONSTANT, "the command tells about the machine alone"
    else:
        kind, why = Kind.THIRD_PARTY, "it is what a command prints"
    found.assigned[name] = Assigned(kind, why)
    return name
