"""Front matter: a YAML head between two lines of three dashes, as prompty, dotprompt and many text prompts have it.

Some editors write a head without the first line of dashes (`name: x`, then `---`); it is read where it names itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentops.injection.frontmatter_inputs import inputs
from agentops.injection.template import ROLES

_MAX_CHARACTERS = 16_384
_SYNTAX_KEYS = ("syntax", "template_format", "templateFormat")
_BARE_HEAD = re.compile(r"(?:[A-Za-z][\w-]{0,40}:[^\n]{0,500}\n|[ \t][^\n]{0,500}\n|\n){1,60}---[ \t]{0,8}(?:\n|\Z)")
_BARE_KEYS = frozenset(("name", "description", "model", "temperature", "version", "schema", "maxTokens"))
_SYNTAX_WORD = re.compile(r"[\w.-]{1,30}")
_CLOSE = re.compile(r"\n(?:---|\.\.\.)[ \t]{0,80}(?:\n|\Z)")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the head says. `types`, `descriptions` and `declared` speak of the variables by name (`declared` is None
    where the head lists none); `end` is the offset at which the text begins; `data` is everything that stands there."""

    end: int = 0
    role: str | None = None
    syntax: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] | None = None
    name: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def read(text: str) -> FrontMatter:
    """The head of the file, or an empty one: a line of dashes alone is no front matter, and stays text."""
    found = _head(text)
    if found is None:
        return FrontMatter()
    head, end = found
    data = _load(head)
    if not isinstance(data, dict):
        return FrontMatter()
    given = inputs(data)
    return FrontMatter(
        end=end, role=_role(data), syntax=_syntax(data), types=given.types, descriptions=given.descriptions,
        declared=given.declared, name=str(data["name"])[:200] if isinstance(data.get("name"), str) else "", data=data,
    )  # fmt: skip


def blank(text: str, end: int) -> str:
    """The text with its head replaced by spaces, so that lines, columns and offsets stay true."""
    head = "".join("\n" if c == "\n" else " " for c in text[:end])
    return head + text[end:]


def _head(text: str) -> tuple[str, int] | None:
    """The YAML and the offset behind it."""
    if text.startswith("---\n"):
        close = _CLOSE.search(text, 3, _MAX_CHARACTERS)
        return (text[4 : close.start() + 1], close.end()) if close else None
    bare = _BARE_HEAD.match(text, 0, _MAX_CHARACTERS)
    if bare is None or text.partition(":")[0] not in _BARE_KEYS:
        return None
    return text[: bare.end()].rstrip().removesuffix("---"), bare.end()


def _load(head: str) -> Any:
    import yaml

    try:
        return yaml.load(head, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError):
        return None  # a template may well begin with a line of dashes


def _role(data: Mapping[Any, Any]) -> str | None:
    for key in ("role", "mode"):
        word = data.get(key)
        if isinstance(word, str) and word.lower() in ROLES:
            return word.lower()
    return None


def _syntax(data: Mapping[Any, Any]) -> str:
    for key in _SYNTAX_KEYS:
        if isinstance(data.get(key), str):
            return str(data[key])
    # Prompty names its engine here; others keep a text of their own under the same key.
    template = data.get("template")
    if isinstance(template, dict):
        engine = next((template[k] for k in ("format", "type") if k in template), None)
        template = engine.get("kind") if isinstance(engine, dict) else engine
    return template if isinstance(template, str) and _SYNTAX_WORD.fullmatch(template) else ""
