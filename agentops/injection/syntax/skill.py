"""Markdown that an agent loads as its instructions: skills, agents, rules, and slash commands.

Some are prompts that a program fills: those whose head lists inputs, and those that hold `{{name}}` outside code. These
have the holes of their notation (filled.py) and the forms below. The others are full of code and of braces that only
explain, so nothing is a hole but the forms that the programs that
load them fill: `$ARGUMENTS`, `$1`, `{{args}}`, `${input:name}`, `${selection}`, `${{ github.event... }}`. Commands
that are run and files that are read while the text is loaded (`` !`cmd` ``, `!{cmd}`, `@{file}`, `@file`) are noted;
what a command prints is a hole.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import PurePosixPath

from agentops.injection import frontmatter, roles
from agentops.injection.frontmatter import FrontMatter
from agentops.injection.kinds import Kind
from agentops.injection.notations.code import Code, code_of
from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.syntax import filled
from agentops.injection.syntax.skill_commands import Command, commands
from agentops.injection.template import Assigned, Message, Note, NoteKind, Template, TemplateKind
from agentops.model.finding import Location
from agentops.text import one_line

_EDITOR = "selection|selectedText|selected_text|file|fileBasename|currentFile|clipboard|activeFile|editor|context|input"
_HOLE = re.compile(
    r"\$\{\{[ \t]{0,8}([A-Za-z_][\w.\-\[\]'*]{1,200})[^{}\n]{0,200}\}\}"
    r"|\$\{input:([\w-]{1,99})(?::[^{}\n]{0,300})?\}"
    rf"|\$\{{({_EDITOR})\}}"
    r"|(?<![\w\\$])\$(ARGUMENTS)\b(?:\[\d{1,2}\])?"
    r"|(?<![\w\\$])\$([1-9])(?![\w.,:]\d|\d)"
    r"|\{\{[ \t]{0,8}(args|arguments|ARGUMENTS|input|user_input)[ \t]{0,8}\}\}"
)
_READ = re.compile(r"@\{([^{}\n]{1,300})\}")
_FILE = re.compile(
    r"(?<![\w`@/.])@((?:\$ARGUMENTS|\$[1-9])|~?\.{0,2}/?[\w.-]{1,80}(?:/[\w.-]{1,80}){0,10}\.[a-z]{1,6}\b)"
)
_COMMAND_KEYS = ("allowed-tools", "argument-hint", "arguments", "handoffs")
# What outsiders write of an event; numbers, ids and hashes are not theirs.
_EVENT = re.compile(
    r"github\.(?:head_ref|event\.[\w.\[\]-]{1,200}?\.?(?:title|body|name|email|message|ref|label|page_name|login|description"
    r"|inputs\.[\w-]{1,99}))$"
)


def parse(source: Source) -> tuple[Template, ...]:
    """The one template of the file. Raises TemplateError for too many holes, and for a prompt that a program fills as
    its notation does."""
    head = frontmatter.read(source.text)
    told = filled.notation(source, head)
    if told:
        return (filled.template(source, head, told, _forms(source, head)),)
    writer = Writer(source)
    code = code_of(source)
    notes: list[Note] = []
    positional = _is_command(source, head)
    run = _run(source, head, code) if positional or _may_run(head) else []
    at = head.end
    for found in _in_order(_found(source, head.end), run):
        if _start(found) < at or not (isinstance(found, Command) or _is_filled(found, code, positional=positional)):
            continue
        start, end = (found.start, found.end) if isinstance(found, Command) else found.span()
        writer.text(source.text[at:start], at)
        at = end
        name = found.name if isinstance(found, Command) else _name(found)
        writer.hole(name, start, end)
        if _EVENT.match(name):
            notes.append(Note(NoteKind.EVENT_TEXT, one_line(source.text[start:end], 200), _place(source, start), name))
    writer.text(source.text[at:], at)
    spans = writer.done()
    notes += _notes(source, head.end, code, run, files=positional)
    asked = any(s.name for s in Message(None, spans).holes)
    role = head.role or roles.from_name(source.path) or (None if asked else "system")
    message = Message(role, spans)
    return (
        Template(
            source.path, "skill", (message,), types=head.types, name=head.name, kind=TemplateKind.SKILL,
            descriptions=head.descriptions, notes=tuple(notes), assigned=_assigned(run),
        ),
    )  # fmt: skip


def _forms(source: Source, head: FrontMatter) -> list[tuple[int, int, str]]:
    """The holes of the programs that load such files: start, end and name."""
    code = code_of(source)
    positional = _is_command(source, head)
    found = [m for m in _found(source, head.end) if _is_filled(m, code, positional=positional)]
    return [(*m.span(), _name(m)) for m in found]


def _found(source: Source, start: int) -> list[re.Match[str]]:
    found = list(_HOLE.finditer(source.text, start))
    if source.marks is not None:
        found += source.marks.finditer(source.text, start)
    return sorted(found, key=lambda m: m.start())


def _name(found: re.Match[str]) -> str:
    word = next(g for g in found.groups() if g is not None)
    if found.re is _HOLE and found[5]:
        return "arguments"
    return "arguments" if word in ("ARGUMENTS", "args") else re.sub(r"\[[^\]]{0,100}\]|\.\*", "[]", word)


def _is_filled(found: re.Match[str], code: Code, *, positional: bool) -> bool:
    if found.re is not _HOLE:
        return True
    if found[5]:  # in a shell or in a price the same sign means something else
        return positional and not code.fenced(found.start())
    if found[1]:
        return "." in found[1] and not code.fenced(found.start())
    return bool(found[4] or found[2]) or not code.fenced(found.start())


def _is_command(source: Source, head: FrontMatter) -> bool:
    """A slash command, whose words are filled in when somebody calls it."""
    parts = PurePosixPath(source.path.lower()).parts[:-1]
    return "commands" in parts or any(k in head.data for k in _COMMAND_KEYS[1:]) or "$ARGUMENTS" in source.text


def _may_run(head: FrontMatter) -> bool:
    """Whether the head allows a shell, so that commands in a skill are run and not only spoken of."""
    return "Bash" in str(head.data.get("allowed-tools", ""))


def _run(source: Source, head: FrontMatter, code: Code) -> list[Command]:
    """The commands that are run while the text is loaded, none of those that a fence shows."""
    return [c for c in commands(source.text, head.end) if c.said.lstrip().startswith("```") or not code.fenced(c.start)]


def _assigned(run: list[Command]) -> dict[str, Assigned]:
    """Who writes what the commands print; where two are called alike, the one that others write counts."""
    ordered = sorted(run, key=lambda c: c.assigned.kind is Kind.THIRD_PARTY)
    return {c.name: c.assigned for c in ordered}


def _notes(source: Source, start: int, code: Code, run: list[Command], *, files: bool) -> list[Note]:
    """What is run or read while the text is loaded; in a skill the signs of files are words about them."""
    places = [(c.start, c.said) for c in run]
    starts = [c.start for c in run]
    for one in [*_READ.finditer(source.text, start), *_FILE.finditer(source.text, start)] if files else []:
        before = source.text[one.start() - 1 : one.start()] if one.start() else ""
        number = bisect_right(starts, one.start()) - 1
        inside = number >= 0 and one.start() < run[number].end
        if not code.fenced(one.start()) and before != "`" and not inside:
            places.append((one.start(), one[0]))
    notes: list[Note] = []
    for offset, said in sorted(places)[:200]:
        hole = _HOLE.search(said)
        name = _name(hole) if hole else ""
        notes.append(Note(NoteKind.COMMAND, one_line(said, 200), _place(source, offset), name))
    return notes


def _in_order(found: list[re.Match[str]], run: list[Command]) -> list[re.Match[str] | Command]:
    both: list[re.Match[str] | Command] = [*found, *run]
    return sorted(both, key=_start)


def _start(found: re.Match[str] | Command) -> int:
    return found.start if isinstance(found, Command) else found.start()


def _place(source: Source, offset: int) -> Location:
    return Location(source.path, *source.lines.place(offset))
