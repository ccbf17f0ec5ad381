"""Prompts in Java and Kotlin: annotations of AI services, template classes, text blocks, formats and builders."""

from __future__ import annotations

from agentops.injection.source import Source
from agentops.injection.syntax.code import read, services
from agentops.injection.syntax.code.tokens import JAVA, KOTLIN
from agentops.injection.syntax.detect import suffix
from agentops.injection.template import Template


def parse(source: Source) -> tuple[Template, ...]:
    """The prompts of the file in order, none where it holds no prompt. Raises TemplateError, and nothing else."""
    dialect = KOTLIN if suffix(source.path) == ".kt" else JAVA
    return read.read(source, dialect, verbs=True, before=services.find)
