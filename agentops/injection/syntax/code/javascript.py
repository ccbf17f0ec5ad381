"""Prompts in TypeScript and JavaScript: template literals, message objects, the calls of the usual libraries."""

from __future__ import annotations

from agentops.injection.source import Source
from agentops.injection.syntax.code import genaiscript, read
from agentops.injection.syntax.code.tokens import JAVASCRIPT
from agentops.injection.template import Template


def parse(source: Source) -> tuple[Template, ...]:
    """The prompts of the file in order, none where it holds no prompt. Raises TemplateError, and nothing else."""
    if genaiscript.is_script(source):
        return read.read(source, JAVASCRIPT, dollars=True, before=genaiscript.find)
    return read.read(source, JAVASCRIPT, dollars=True)
