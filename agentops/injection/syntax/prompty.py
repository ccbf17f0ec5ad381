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
from agentops.injection.syntax.tree import error
from agentops.injection.template import Note, NoteKind, Template
from agentops.text import one_line

_NONCE = re.compile(r"^[ \t#]{0,12}(?:system|user|assistant|developer)\[[^\]\n]{0,200}(?:nonce|id|key)\b", re.M | re.I)
_CLOSE = re.compile(r"\n---[ \t]{0,80}(?:\n|\Z)")


def parse(source: Source) -> tuple[Template, ...]:
    """The one template of the file. Raises TemplateError."""
    head = frontmatter.read(source.text)
    if not head.end and source.text.startswith("---\n"):
        _check_head(source)
    body = source.text[head.end :]
    told = guess.notation(source.part(body))
    notation = told if told in ("mustache", "markers", "jinja2") else "jinja2"
    template = prompt(source, head, notation=notation)
    if len({m.role for m in template.messages}) < 2 or _NONCE.search(body):
        return (template,)
    return (replace(template, notes=(*template.notes, *_notes(template))),)


def _check_head(source: Source) -> None:
    """Raise TemplateError, with its place, for a head that is no YAML or has no end."""
    import yaml

    close = _CLOSE.search(source.text, 3)
    if close is None:
        raise error(source, 0, "the head has no second line of dashes", hint="end the head with a line ---")
    try:
        yaml.load(source.text[4 : close.start() + 1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        at = source.lines.start(mark.line + 2) + mark.column if mark is not None else 0
        why = one_line(str(problem.problem or "a syntax error"), 200)
        raise error(source, at, f"the head is no YAML: {why}") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError):
        raise error(source, 0, "the head is no YAML") from None


def _notes(template: Template) -> tuple[Note, ...]:
    holes = {h.name: h for h in reversed(template.holes)}
    return tuple(
        Note(NoteKind.PARSED_ROLES, h.written or h.name, h.location, h.name)
        for h in sorted(holes.values(), key=lambda h: h.offset)
    )
