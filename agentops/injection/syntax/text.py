"""A file that is a prompt as it stands: front matter, roles from marks in the text or the file's name, holes."""

from __future__ import annotations

from pathlib import PurePosixPath

from agentops.injection import frontmatter, roles
from agentops.injection.notations import guess, scan
from agentops.injection.source import Source
from agentops.injection.template import Template

_BY_EXTENSION = {".j2": "jinja2", ".jinja": "jinja2", ".jinja2": "jinja2"}


def parse(source: Source) -> tuple[Template, ...]:
    """The one template of the file. Raises TemplateError."""
    head = frontmatter.read(source.text)
    body = source.part(frontmatter.blank(source.text, head.end))
    notation = (
        guess.said(source.path, head.syntax)
        or _BY_EXTENSION.get(PurePosixPath(source.path).suffix.lower())
        or guess.notation(body)
    )
    spans = scan(notation, body)
    messages = roles.split(spans, path=source.path, role=head.role)
    return (Template(source.path, notation, messages, types=head.types),)
