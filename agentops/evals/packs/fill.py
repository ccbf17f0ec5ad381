"""Texts of a pack with their places filled: `{{name}}`, or `{{name|filter}}` for a value that is rewritten."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from agentops.config import document
from agentops.evals.packs.filters import FILTERS

_PLACE = re.compile(r"\{\{([a-z][a-z0-9_.]*)(?:\|([a-z0-9_]+))?\}\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every place filled, once: what a value holds is not filled again. KeyError names a place or a
    filter that is not known."""

    def value(found: re.Match[str]) -> str:
        plain = values[found[1]]
        return FILTERS[found[2]](plain) if found[2] else plain

    return _PLACE.sub(value, text)


def names(text: str) -> frozenset[str]:
    """The names of the places in the text."""
    return frozenset(found[1] for found in _PLACE.finditer(text))


def data(name: str) -> Any:
    """A data file of this package, by its name without the ending."""
    text = resources.files("agentops.evals.packs").joinpath("data", f"{name}.yaml").read_text("utf-8")
    return document.parse_yaml(text, f"{name}.yaml").data
