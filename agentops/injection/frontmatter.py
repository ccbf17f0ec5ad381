"""Front matter: a YAML head between two lines of three dashes, as prompty, dotprompt and many text prompts have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentops.injection.template import ROLES

_MAX_CHARACTERS = 16_384
_SYNTAX_KEYS = ("syntax", "template_format", "template")
_TYPE_KEYS = ("inputs", "input", "input_variables", "parameters", "variables")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the head says. `types` are the variables' types by name; `end` is the offset at which the text begins."""

    end: int = 0
    role: str | None = None
    syntax: str = ""
    types: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> FrontMatter:
    """The head of the file, or an empty one: a line of dashes alone is no front matter, and stays text."""
    if not text.startswith("---\n"):
        return FrontMatter()
    close = text.find("\n---", 3, _MAX_CHARACTERS)
    if close < 0 or text[close + 4 : close + 5] not in ("", "\n"):
        return FrontMatter()
    data = _load(text[4 : close + 1])
    if not isinstance(data, dict):
        return FrontMatter()
    role = str(data.get("role", "")).lower()
    syntax = next((data[k] for k in _SYNTAX_KEYS if isinstance(data.get(k), str)), "")
    return FrontMatter(
        end=min(close + 5, len(text)), role=role if role in ROLES else None, syntax=syntax, types=_types(data)
    )


def blank(text: str, end: int) -> str:
    """The text with its head replaced by spaces, so that lines, columns and offsets stay true."""
    head = "".join("\n" if c == "\n" else " " for c in text[:end])
    return head + text[end:]


def _load(head: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(head)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None  # a template may well begin with a line of dashes


def _types(data: Mapping[str, Any]) -> dict[str, str]:
    types: dict[str, str] = {}
    for key in _TYPE_KEYS:
        declared = data.get(key)
        if isinstance(declared, dict) and isinstance(declared.get("schema"), dict):
            declared = declared["schema"]
        if isinstance(declared, dict) and isinstance(declared.get("properties"), dict):
            declared = declared["properties"]
        if isinstance(declared, dict):
            for name, what in declared.items():
                types[str(name).split("(")[0].rstrip("?")] = _type(what, str(name))
    return {name: kind for name, kind in types.items() if kind}


def _type(what: Any, name: str) -> str:
    if isinstance(what, dict):
        if isinstance(what.get("enum"), list):
            return "enum"
        return str(what.get("type", "")).lower()
    if name.endswith("(enum)"):
        return "enum"
    # `count: integer, how many` is how dotprompt writes a type with its description.
    return what.split(",")[0].strip().lower() if isinstance(what, str) and len(what) < 200 else ""
