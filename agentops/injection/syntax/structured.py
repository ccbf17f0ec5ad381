"""YAML, JSON and TOML files that hold prompts: which of their values are prompts, and which belong together."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection.source import Source
from agentops.injection.syntax import structured_draft, tree_json, tree_toml, tree_yaml
from agentops.injection.syntax.detect import suffix
from agentops.injection.syntax.structured_walk import Walk
from agentops.injection.syntax.tree import Document
from agentops.injection.template import Template, TemplateError

# A value of braces without quotes, or a line that is nothing but a statement of Jinja2: no YAML before it is filled.
_UNFILLED = re.compile(
    r"^[ \t]*+(?:\{%[-+ ]|(?:-[ ]++)*+(?:[\w.-]++:[ ]++)?\{\{)|\n[ \t]*+\{\{[^\n]*+\}\}[ \t]*+\n", re.MULTILINE
)


def parse(source: Source) -> tuple[Template, ...]:
    """The file's prompts in order, none where it holds no prompt. Raises TemplateError for a text that is not what its
    name says, unless it becomes so when it is filled: then it is read as one text."""
    extension = suffix(source.path)
    try:
        document = _tree(source, extension)
    except TemplateError:
        if extension in (".yaml", ".yml") and _UNFILLED.search(source.text):
            from agentops.injection.syntax import text

            return text.parse(source)
        raise
    lines = extension == ".jsonl" or (extension == ".json" and len(document.roots) > 1)
    walk = Walk(source, about_prompts=_about_prompts(source.path), records=lines and len(document.roots) > 2)
    for root in document.roots:
        walk.document(root)
    return structured_draft.templates(source, walk.drafts)


def _tree(source: Source, extension: str) -> Document:
    if extension in (".json", ".jsonl"):
        return tree_json.read(source)
    return tree_toml.read(source) if extension == ".toml" else tree_yaml.read(source)


def _about_prompts(path: str) -> bool:
    """Whether the file's name says that it holds prompts."""
    return re.search(r"(?:^|[._-])prompts?(?:[._-]|$)", PurePosixPath(path.lower()).name) is not None
