"""Code that puts outside text behind a prompt that is otherwise fixed."""

from __future__ import annotations

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.python.found import Found
from agentops.injection.syntax.python.origin import Origins
from agentops.injection.template import Note, NoteKind
from agentops.model.finding import Location
from agentops.pysource.texts import Literal, Parts, Value

_SHORT = 200


def appended(source: Source, found: Found, origins: Origins) -> tuple[Note, ...]:
    """A note for a message that begins with a constant or a file of elsewhere and ends with a value of here."""
    notes = []
    for _, parts in found.turns:
        last = next((p for p in reversed(parts) if isinstance(p, Value) or p.text.strip()), None)
        if not isinstance(last, Value) or last.expr is None or not _fixed_before(parts, last, found, origins):
            continue
        origin = origins.of(last.expr, last.frame)[0]
        if origin.assigned is not None and origin.assigned.kind in (Kind.CONSTANT, Kind.OPERATOR):
            continue
        line, column = source.lines.place(last.start)
        written = source.text[last.start : min(last.end, last.start + _SHORT)]
        notes.append(Note(NoteKind.APPENDED, written, Location(source.path, line, column), origin.name))
    return tuple(notes)


def _fixed_before(parts: Parts, last: Value, found: Found, origins: Origins) -> bool:
    """Whether what stands before is no field of a template: a literal from elsewhere in the file, or a file's text."""
    before = [p for p in parts if p is not last]
    first = next((p for p in before if isinstance(p, Value) or p.text.strip()), None)
    if isinstance(first, Value):
        if first.expr is None:
            return False
        origin = origins.of(first.expr, first.frame)[0]
        return origin.assigned is not None and "file" in origin.assigned.why
    if first is None or any(isinstance(p, Value) for p in before):
        return False
    elsewhere = not found.within[0] <= first.start < found.within[1]
    return elsewhere and not any(isinstance(p, Literal) and p.settled for p in before)
