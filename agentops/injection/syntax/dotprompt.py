"""Files that end in `.prompt`: dotprompt (a head with a schema, then Handlebars), and other prompts of that name."""

from __future__ import annotations

import re

from agentops.injection import frontmatter
from agentops.injection.notations import guess
from agentops.injection.source import Source
from agentops.injection.syntax.text import prompt
from agentops.injection.template import Template

_HEAD_KEYS = ("input", "output", "model", "config", "variant", "tools", "toolDefs")
_ROLE = re.compile(r"\{\{~?\s{0,20}(?:role\s{1,20}[\"']|history\s{0,20}~?\}\})")


def parse(source: Source) -> tuple[Template, ...]:
    """The one template of the file. Raises TemplateError."""
    head = frontmatter.read(source.text)
    told = guess.notation(source.part(source.text[head.end :]))
    typical = any(key in head.data for key in _HEAD_KEYS) or _ROLE.search(source.text, head.end) is not None
    # A plain {{name}} is the same in both; Handlebars it is where the head is one of dotprompt.
    plain = told == "jinja2" and "{%" not in source.text and not re.search(r"\{\{[^{}\n]{0,200}[|(]", source.text)
    return (prompt(source, head, notation="mustache" if typical and plain else told),)
