"""The formats: where in a file its prompts are. Each is a module with `parse(source) -> templates`, loaded when needed.

A format finds the texts, their roles, and what the file says about their variables; the notations read the holes in
each text (`pieces.spans`). A new format is its module, its line in FORMATS, and a test in detect.py where its extension
does not settle it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from agentops.injection.source import Source
from agentops.injection.template import Template


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `extensions` are those that settle it whatever the file holds."""

    name: str
    module: str
    extensions: tuple[str, ...]

    def parse(self, source: Source) -> tuple[Template, ...]:
        """The file's templates in order, none where it holds no prompt. Raises TemplateError, and nothing else."""
        module = importlib.import_module(self.module)
        return cast("Callable[[Source], tuple[Template, ...]]", module.parse)(source)


def _format(name: str, module: str, *extensions: str) -> tuple[str, Format]:
    return name, Format(name, f"agentops.injection.syntax.{module}", extensions)


FORMATS: dict[str, Format] = dict((
    _format("text", "text", ".j2", ".jinja", ".jinja2", ".njk", ".liquid", ".txt", ".md", ".markdown", ".mdc", ".mdx",
            ".rst", ".adoc", ".tmpl", ".tpl", ".gotmpl", ".mustache", ".hbs", ".handlebars", ".skprompt", ".promptx",
            ".poml", ".promptl"),
    _format("modelfile", "modelfile", ".modelfile"),
    _format("prompty", "prompty", ".prompty"),
    _format("dotprompt", "dotprompt", ".prompt"),
    _format("skill", "skill"),
    _format("yaml", "structured", ".yaml", ".yml"),
    _format("json", "structured", ".json", ".jsonl"),
    _format("toml", "structured", ".toml"),
    _format("workflow", "workflow"),
    _format("rail", "rail", ".rail", ".xml"),
    _format("baml", "baml", ".baml"),
    _format("python", "python.entry", ".py"),
    _format("javascript", "code.javascript", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"),
    _format("go", "code.golang", ".go"),
    _format("java", "code.java", ".java", ".kt"),
))  # fmt: skip
"""Every format by name."""
