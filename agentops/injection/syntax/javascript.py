"""Prompts in TypeScript and JavaScript: template literals, message objects, the calls of the usual libraries."""

from __future__ import annotations

from agentops.injection.source import Source
from agentops.injection.syntax import code_read
from agentops.injection.syntax.code_lex import JAVASCRIPT
from agentops.injection.template import Template


def parse(source: Source) -> tuple[Template, ...]:
    """The prompts of the file in order, none where it holds no prompt. Raises TemplateError, and nothing else."""
    from agentops.injection.syntax import javascript_genai

    if javascript_genai.is_script(source):
        return code_read.read(source, JAVASCRIPT, dollars=True, before=javascript_genai.find)
    return code_read.read(source, JAVASCRIPT, dollars=True)
