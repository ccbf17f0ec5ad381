"""The texts that a step of a workflow hands to a model, as inputs of an action or in a shell command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from agentops.injection.source import Source
from agentops.injection.syntax import pieces, workflow_shell
from agentops.injection.syntax.structured_keys import words
from agentops.injection.syntax.tree import Leaf, Pairs, error
from agentops.injection.syntax.workflow_expression import AI_ACTION, EXPRESSION, value
from agentops.injection.syntax.workflow_where import Value, Where
from agentops.injection.template import (
    MAX_HOLES,
    Assigned,
    Hole,
    Message,
    Note,
    NoteKind,
    Span,
    Template,
    TemplateKind,
    Text,
)
from agentops.model.finding import Location

_NOT_TEXT = frozenset((
    "file", "path", "paths", "files", "id", "name", "version", "url", "key", "token", "cache", "dir",
))  # fmt: skip
_SYSTEM = frozenset(("system", "instructions", "instruction"))
_ASKED = frozenset((
    "message", "question", "query", "task", "input", "text", "ask", "content", "user message", "user input", "mission",
    "issue body", "comment body", "issue title", "comment", "additional context", "request",
))  # fmt: skip


@dataclass(slots=True)
class Count:
    """How many holes a file has so far."""

    holes: int = 0


@dataclass(slots=True)
class _Made:
    """What a step's texts say, while they are read."""

    source: Source
    where: Where
    count: Count
    assigned: dict[str, Assigned] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def template(source: Source, where: Where, *, number: int, count: Count) -> Template | None:
    """The template of a step, None where it asks no model or shows no text. Raises TemplateError."""
    made = _Made(source, where, count)
    step = where.step
    inputs = step.get("with")
    uses, run = step.text("uses"), step.get("run")
    messages: tuple[Message, ...] = ()
    if not uses and step is where.job:
        uses = where.job.text("uses")
    if uses and isinstance(inputs, Pairs):
        messages = _action(made, inputs, ai=AI_ACTION.search(uses) is not None)
    elif isinstance(run, Leaf):
        messages = tuple(_shell(made, run))
    if not messages:
        return None
    line, _ = source.lines.place(step.start)
    name = step.text("id") or step.text("name") or f"step {number + 1}"
    return Template(
        source.path, "workflow", messages, line=line, name=f"{where.name}.{name}".strip("."),
        kind=TemplateKind.WORKFLOW, assigned=made.assigned, notes=tuple(made.notes),
    )  # fmt: skip


def _action(made: _Made, inputs: Pairs, *, ai: bool) -> tuple[Message, ...]:
    system: list[tuple[Span, ...]] = []
    asked: list[tuple[Span, ...]] = []
    for key, leaf in inputs.pairs:
        role = _role(key, ai=ai)
        if role is None or not isinstance(leaf, Leaf) or not leaf.text.strip():
            continue
        if words(key)[-1] == "args" and "prompt" not in leaf.text:
            continue
        spans = _place(made, leaf, leaf.text, _expressions(made, leaf.text))
        (system if role == "system" else asked).append(spans)
    if ai:
        asked += _files(made, inputs)
    named = bool(system)
    return (
        *(Message("system", s) for s in system),
        *(Message("user" if named else None, s) for s in asked),
    )


def _files(made: _Made, inputs: Pairs) -> Iterator[tuple[Span, ...]]:
    """The prompts that an earlier step writes into the file that an input names."""
    for key, leaf in inputs.pairs:
        parts = words(key)
        if not isinstance(leaf, Leaf) or parts[-1:] not in (("file",), ("path",)) or "prompt" not in parts:
            continue
        before = [w for w in made.where.files(leaf.text) if w[1].start < made.where.step.start]
        for one, step in before[-3:]:
            run = step.get("run")
            if isinstance(run, Leaf):
                there = replace(made, where=made.where.at(step))
                read = _shell_reader(there, workflow_shell.assignments(run.text), literal=one.literal)
                yield _place(there, run, one.text, read(one.text))


def _role(key: str, *, ai: bool) -> str | None:
    """The role of an input's text: "system", "asked", or None where it is no text for a model."""
    parts = words(key)
    if not parts or parts[-1] in _NOT_TEXT:
        return None
    if "prompt" in parts or "prompts" in parts:
        return "system" if "system" in parts else "asked"
    if not ai:
        return None
    if _SYSTEM.intersection(parts) or parts == ("claude", "args"):
        return "system"
    return "asked" if " ".join(parts) in _ASKED else None


def _shell(made: _Made, run: Leaf) -> Iterator[Message]:
    set_here = workflow_shell.assignments(run.text)
    for command in workflow_shell.commands(run.text):
        read = _shell_reader(made, set_here, literal=command.literal)
        spans: tuple[Span, ...] = ()
        if command.text:
            spans = _place(made, run, command.text, read(command.text))
        if command.piped:
            spans += _place(made, run, command.piped, iter((_piped(made, command.piped),)))
        if spans:
            yield Message(None, spans)


# The holes of a text: where each begins and ends, and what it stands for.
_Found = Iterator[tuple[int, int, Value]]


def _expressions(made: _Made, text: str) -> _Found:
    for found in EXPRESSION.finditer(text):
        yield found.start(), found.end(), value(found[1], made.where)


def _shell_reader(made: _Made, set_here: Mapping[str, str], *, literal: bool) -> Callable[[str], _Found]:
    def read(text: str) -> _Found:
        if literal:
            yield from _expressions(made, text)
            return
        for found in workflow_shell.HOLE.finditer(text):
            if found[1] is not None:
                yield found.start(), found.end(), value(found[1], made.where)
            else:
                yield found.start(), found.end(), workflow_shell.value(found, set_here, made.where)

    return read


def _piped(made: _Made, text: str) -> tuple[int, int, Value]:
    return 0, len(text), workflow_shell.output(text, made.where)


def _place(made: _Made, leaf: Leaf, text: str, found: _Found) -> tuple[Span, ...]:
    """Text and holes at their places in the file; remembers what is known of the holes."""
    source, at = made.source, 0
    spans: list[Span] = []
    for start, end, what in found:
        if start < at:
            continue
        if start > at:
            spans.append(Text(text[at:start], 1, 1, at))
        made.count.holes += 1
        if made.count.holes > MAX_HOLES:
            raise error(source, leaf.start, f"more than {MAX_HOLES} holes in one file")
        name = what.name[:200]
        spans.append(Hole(name, source.path, 1, 1, start, written=text[start:end]))
        if what.assigned is not None and (name not in made.assigned or what.event):
            made.assigned[name] = what.assigned
        at = end
    if at < len(text):
        spans.append(Text(text[at:], 1, 1, at))
    placed = pieces.place(source, spans, text, start=_start(source, leaf, text), end=leaf.end)
    _note(made, placed)
    return placed


def _start(source: Source, leaf: Leaf, text: str) -> int:
    """Where the text begins in the file, as far as its first line can be found."""
    first = text.lstrip().split("\n", 1)[0][:60]
    at = source.text.find(first, leaf.start, leaf.end) if first else -1
    return max(at, leaf.start)


def _note(made: _Made, placed: tuple[Span, ...]) -> None:
    for span in placed:
        if not isinstance(span, Hole) or (said := made.assigned.get(span.name)) is None:
            continue
        if said.kind.value == "third-party":
            where = Location(made.source.path, span.line, span.column)
            made.notes.append(Note(NoteKind.EVENT_TEXT, span.name, where, span.name))
