"""The fixed texts of prompt templates: what a model is told whatever is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentops.injection import engine, files
from agentops.injection.source import Source
from agentops.injection.template import TemplateError, Text


def texts(paths: Sequence[Path], *, root: Path, exclude: Sequence[str] = ()) -> tuple[str, ...]:
    """The text of each message between its holes, in the order of the files. A file that cannot be parsed gives none:
    the analysis of prompts tells about it. Raises ConfigError for a path that is not there."""
    found: list[str] = []
    inside = (root.resolve(), *((root / p).resolve() for p in paths))
    for path in files.find(paths, root=root, exclude=exclude).files:
        name = files.shown(path, root)
        try:
            templates = engine.parse(Source(name, files.read(path, name=name, inside=inside)))
        except TemplateError:
            continue
        for template in templates:
            for message in template.messages:
                text = " ".join(span.text for span in message.spans if isinstance(span, Text)).strip()
                found += [text] if text else []
    return tuple(dict.fromkeys(found))
