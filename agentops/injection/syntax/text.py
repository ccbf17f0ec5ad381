"""A file that is a prompt as it stands: front matter, roles from marks in the text or the file's name, holes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection import frontmatter, roles
from agentops.injection.frontmatter import FrontMatter
from agentops.injection.notations import beside, guess, scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, Note, NoteKind, Span, Template
from agentops.text import one_line

# A statement or a section that asks for something: `{% if m.role == "user" %}`, `{{ if eq .Role "user" }}`.
_TEST = re.compile(r"\{\{?[%#]?[-~]?[ \t]{0,9}(?:else[ \t]{1,9})?(?:if|elif|elsif|when|case|eq|unless)\b[^{}\n]{0,300}")


def parse(source: Source) -> tuple[Template, ...]:
    """The one template of the file. Raises TemplateError."""
    head = frontmatter.read(source.text)
    return (prompt(source, head),)


def prompt(source: Source, head: FrontMatter, *, notation: str = "") -> Template:
    """The text behind the head as a template; `notation` is what the format asks for where the head names none."""
    rest = source.part(frontmatter.blank(source.text, head.end))
    told = guess.said(source.path, head.syntax) or notation or by_extension(rest)
    if told:
        spans = scan(told, rest)
    else:
        told = guess.notation(rest)
        spans = beside.read(rest, told)
    messages = roles.split(spans, path=source.path, role=head.role)
    return Template(
        source.path, told, messages, types=head.types, name=head.name, descriptions=head.descriptions,
        declared=head.declared, notes=_valued_roles(rest, spans) + _hidden(rest, spans),
    )  # fmt: skip


def _hidden(source: Source, spans: tuple[Span, ...]) -> tuple[Note, ...]:
    """A note for each `{{{{name}}}}`: a first stage leaves `{{name}}` for a second one to fill. None where no other
    hole shows that there is a first stage."""
    text = source.text
    found = tuple(
        Note(NoteKind.HIDDEN_HOLE, one_line(h.written, 200), h.location, h.name)
        for h in spans
        if isinstance(h, Hole) and h.path == source.path and h.written.startswith("{{")
        and text.endswith("{{", 0, h.offset) and text.startswith("}}", h.offset + len(h.written))
    )  # fmt: skip
    return found if len(found) < sum(isinstance(s, Hole) for s in spans) else ()


def _valued_roles(source: Source, spans: tuple[Span, ...]) -> tuple[Note, ...]:
    """A note for each role that is a value which the template puts as it comes, without a look at what it is."""
    tested = {word for m in _TEST.finditer(source.text) for word in re.findall(r"\w+", m[0])}
    return tuple(
        Note(NoteKind.DYNAMIC_ROLE, one_line(h.written or h.name, 200), h.location, h.name)
        for h in roles.valued(spans)
        if h.name.rsplit(".", 1)[-1].removesuffix("[]") not in tested
    )


def by_extension(source: Source) -> str:
    """The notation that the file's extension settles, "" where it settles none or the configuration adds marks."""
    extension = PurePosixPath(source.path).suffix.lower()
    return "" if source.markers else guess.EXTENSIONS.get(extension, "")
