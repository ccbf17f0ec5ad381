"""Prompts in Go: formats with verbs, raw strings, text/template, builders, the message types of the usual libraries."""

from __future__ import annotations

from agentops.injection.source import Source
from agentops.injection.syntax.code import read
from agentops.injection.syntax.code.tokens import GO
from agentops.injection.template import Template


def parse(source: Source) -> tuple[Template, ...]:
    """The prompts of the file in order, none where it holds no prompt. Raises TemplateError, and nothing else."""
    return read.read(source, GO, verbs=True)
