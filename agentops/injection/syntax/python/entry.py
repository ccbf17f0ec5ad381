"""Prompts in Python source, read from its tree and never run: strings, messages, calls, tools."""

from __future__ import annotations

import ast

from agentops.injection.source import Source
from agentops.injection.syntax.python import flows, sources
from agentops.injection.syntax.python.appended import appended
from agentops.injection.syntax.python.calls import Calls
from agentops.injection.syntax.python.find import Finder
from agentops.injection.syntax.python.found import Found, settle
from agentops.injection.syntax.python.handed import Handed
from agentops.injection.syntax.python.messages import Messages
from agentops.injection.syntax.python.origin import Origins
from agentops.injection.syntax.python.spans import Later, Writer
from agentops.injection.syntax.python.words import names_template
from agentops.injection.template import Hole, Message, Note, Span, Template, TemplateError
from agentops.model.finding import Location
from agentops.pysource.parse import Parsed, SourceError
from agentops.pysource.parse import parse as parse_source
from agentops.pysource.parts import Reader
from agentops.pysource.room import uncollected
from agentops.pysource.scopes import Scope, scopes

# Far above what any program holds; one value that is made of many counts for each of them.
_MAX_HOLES = 60_000
_HINT = "mend the source, or add the file to prompts.exclude"


def parse(source: Source) -> tuple[Template, ...]:
    """The file's prompts in order, none where it holds none. Raises TemplateError for text that is no Python."""
    try:
        with uncollected():
            return _read(source, parse_source(source.text))
    except SourceError as error:
        where = Location(source.path, error.line, error.column)
        raise TemplateError(where, f"it cannot be read as Python: {error.problem}", hint=_HINT) from None
    except RecursionError:
        raise TemplateError(Location(source.path, 1, 1), "it is nested too deeply to be read", hint=_HINT) from None


def _read(source: Source, parsed: Parsed) -> tuple[Template, ...]:
    names = scopes(parsed.tree)
    reader = Reader(parsed, names)
    origins = Origins(reader, sources.enums(parsed.tree))
    messages = Messages(reader, source)
    calls = Calls(reader, messages, origins, source.path)
    handed = Handed(origins)
    found = settle(Finder(reader, names, messages, calls, handed).run(parsed.tree))
    answers: dict[Scope, tuple[Note, ...]] = {}
    templates: list[Template] = []
    holes = 0
    for one in found:
        template = _template(source, one, (origins, handed), _answers(one.scope, source.path, answers))
        if template is None:
            continue
        templates.append(template)
        holes += len(template.holes)
        if holes > _MAX_HOLES:
            raise TemplateError(
                Location(source.path, template.line, 1),
                f"the prompts up to here hold more than {_MAX_HOLES} holes",
                hint="split the file, or add it to prompts.exclude",
            )
    return tuple(templates)


def _answers(scope: Scope, path: str, known: dict[Scope, tuple[Note, ...]]) -> tuple[Note, ...]:
    if scope not in known:
        known[scope] = () if isinstance(scope.node, ast.ClassDef) else flows.notes(scope.node, path)
    return known[scope]


def _template(
    source: Source, found: Found, known: tuple[Origins, Handed], answers: tuple[Note, ...]
) -> Template | None:
    origins, handed = known
    writer = Writer(source, origins, handed, later=_later(found))
    messages = tuple(m for m in (Message(role, writer.spans(parts)) for role, parts in found.turns) if _says(m.spans))
    if not messages:
        return None
    line, _ = source.lines.place(found.start)
    more = appended(source, found, origins)
    return Template(
        path=source.path,
        syntax="python",
        messages=messages,
        types={**writer.types, **found.types},
        line=line,
        name=found.name,
        kind=found.kind,
        descriptions=found.descriptions,
        assigned={**writer.assigned, **found.assigned},
        declared=found.declared,
        notes=(*found.notes, *writer.notes, *more, *answers),
    )


def _later(found: Found) -> Later:
    if found.template or names_template(found.name):
        return Later.NAMES
    return Later.KEPT if found.kept else Later.MARKED


def _says(spans: tuple[Span, ...]) -> bool:
    return any(isinstance(s, Hole) or s.text.strip() for s in spans)
