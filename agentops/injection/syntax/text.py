"""A file that is a prompt as it stands: front matter, roles from marks in the text or the file's name, holes."""

from __future__ import annotations

from pathlib import PurePosixPath

from agentops.injection import frontmatter, roles
from agentops.injection.frontmatter import FrontMatter
from agentops.injection.notations import guess, scan
from agentops.injection.source import Source
from agentops.injection.template import Template


def parse(source: Source) -> tuple[Template, ...]:
    """The one template of the file. Raises TemplateError."""
    head = frontmatter.read(source.text)
    return (prompt(source, head),)


def prompt(source: Source, head: FrontMatter, *, notation: str = "") -> Template:
    """The text behind the head as a template; `notation` is what the format asks for where the head names none."""
    rest = source.part(frontmatter.blank(source.text, head.end))
    told = guess.said(source.path, head.syntax) or notation or by_extension(rest) or guess.notation(rest)
    spans = scan(told, rest)
    messages = roles.split(spans, path=source.path, role=head.role)
    return Template(
        source.path, told, messages, types=head.types, name=head.name, descriptions=head.descriptions,
        declared=head.declared,
    )  # fmt: skip


def by_extension(source: Source) -> str:
    """The notation that the file's extension settles, "" where it settles none or the configuration adds marks."""
    extension = PurePosixPath(source.path).suffix.lower()
    return "" if source.markers else guess.EXTENSIONS.get(extension, "")
