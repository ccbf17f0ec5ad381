"""The notations: how holes are written in a text. Each is one module with `scan(source) -> spans`, loaded when needed.

A new notation is its module, its line in NOTATIONS, and its sign in guess.py if texts of no told notation may hold it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from agentops.injection.source import Source
from agentops.injection.template import Span

NOTATIONS: dict[str, str] = {
    "jinja2": "agentops.injection.notations.jinja2",
    "str.format": "agentops.injection.notations.strformat",
    "mustache": "agentops.injection.notations.mustache",
    "go-template": "agentops.injection.notations.gotemplate",
    "dollar": "agentops.injection.notations.dollar",
    "semantic-kernel": "agentops.injection.notations.semantic_kernel",
    "angle": "agentops.injection.notations.angle",
    "printf": "agentops.injection.notations.printf",
    "braces": "agentops.injection.notations.braces",
    "square": "agentops.injection.notations.square",
    "n8n": "agentops.injection.notations.n8n",
    "liquid": "agentops.injection.notations.liquid",
    "erb": "agentops.injection.notations.erb",
    "loose": "agentops.injection.notations.loose",
    "markers": "agentops.injection.notations.markers",
}
"""Every notation by its name in reports, with its module."""


def scan(notation: str, source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError, and nothing else, for a text it cannot read."""
    module = importlib.import_module(NOTATIONS[notation])
    return cast("Callable[[Source], tuple[Span, ...]]", module.scan)(source)
