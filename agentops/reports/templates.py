"""The JSON document of `agentops prompts --format json`; prompts.schema.json is its schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from agentops.injection.analysis import Analysis, FileError
from agentops.injection.kept.entry import entry
from agentops.text import clean


def render(analysis: Analysis, *, path: Callable[[str], str], strict: bool = False) -> str:
    """The whole document on one line. `path` turns a path of the analysis into the one that people gave; `strict` is
    whether the gate takes the high end."""
    templates = ({**entry(t, strict=strict), "path": path(t.path)} for t in analysis.templates)
    return document((_text(t) for t in templates), (_text(_error(e, path)) for e in analysis.errors))


def document(templates: Iterable[str], errors: Iterable[str]) -> str:
    """The document made of entries that are JSON texts already."""
    return f'{{"templates":[{",".join(templates)}],"errors":[{",".join(errors)}]}}\n'


def _error(error: FileError, path: Callable[[str], str]) -> dict[str, Any]:
    return {
        "path": path(error.path),
        "line": error.location.line,
        "column": error.location.column,
        "message": clean(error.message),
        "hint": clean(error.hint),
    }


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
