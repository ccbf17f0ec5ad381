"""Names for the marks around a hole, from what the hole is called."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLAIN = frozenset(("content", "text", "value", "body", "data", "item", "name", "self", "this", "get"))
# Inline HTML is no boundary for a reader or for the analysis; a role's name would look like a turn.
_TAKEN = frozenset((
    "a", "b", "i", "u", "em", "strong", "span", "br", "hr", "p", "div", "li", "ul", "ol", "img", "font", "small", "sub",
    "sup", "h", "td", "tr", "th", "code", "pre", "html", "head", "body", "table", "title", "system", "developer",
    "user", "assistant", "tool", "human", "ai",
))  # fmt: skip
_LONGEST = 40
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def tag(name: str, *, label: str, text: str) -> str:
    """A tag of [a-z_] that the text does not hold: from the label where there is one, else from the hole's name."""
    base = (_letters(label) if label else "") or _of(name)
    low = text.lower()
    return next(one for one in _tries(base) if one not in _TAKEN and not _used(one, low))


def _of(name: str) -> str:
    parts = [p for p in (_letters(part) for part in re.split(r"[.\[\]()]+", name)) if p]
    if not parts:
        return "data"
    if parts[-1] in _PLAIN and len(parts) > 1:
        return f"{parts[-2]}_{parts[-1]}"[:_LONGEST].strip("_")
    return parts[-1]


def _letters(word: str) -> str:
    snake = _CAMEL.sub("_", word).lower()
    return re.sub(r"[^a-z]+", "_", snake[:200])[:_LONGEST].strip("_")


def _tries(base: str) -> Iterator[str]:
    yield from (base, f"{base}_text", f"{base}_data", f"outside_{base}")
    for size in range(1, 1_000):
        yield f"{base}_data_{'x' * size}"


def _used(tag: str, low: str) -> bool:
    return any(f"{mark}{tag}{end}" in low for mark in ("<", "</", "[", "[/") for end in (">", "]", " "))
