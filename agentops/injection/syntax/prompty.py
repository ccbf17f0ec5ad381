"""Prompty files: a head with inputs, then `system:` and `user:` bodies in Jinja2 or Mustache.

Prompty fills the text first and cuts it into roles afterwards, so a value that holds a line `system:` makes a message
of its own, unless the mark carries a random attribute (`user[nonce=...]:`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from agentops.injection import frontmatter
from agentops.injection.notations import guess
from agentops.injection.source import Source
from agentops.injection.syntax.text import prompt
from agentops.injection.template import Note, NoteKind, Template

_NONCE = re.compile(r"^[ \t#]{0,12}(?:system|user|assistant|developer)\[[^\]\n]{0,200}(?:nonce|id|key)\b", re.M | re.I)


def parse(source: Source) -> tuple[Template, ...]:
    """The one template of the file. Raises TemplateError."""
    head = frontmatter.read(source.text)
    body = source.text[head.end :]
    told = guess.notation(source.part(body))
    notation = told if told in ("mustache", "markers", "jinja2") else "jinja2"
    template = prompt(source, head, notation=notation)
    if len({m.role for m in template.messages}) < 2 or _NONCE.search(body):
        return (template,)
    return (replace(template, notes=(*template.notes, *_notes(template))),)


def _notes(template: Template) -> tuple[Note, ...]:
    holes = {h.name: h for h in reversed(template.holes)}
    return tuple(
        Note(NoteKind.PARSED_ROLES, h.written or h.name, h.location, h.name)
        for h in sorted(holes.values(), key=lambda h: h.offset)
    )
