"""Formats with verbs (`%s`, `%1$s`, `%d`): where their values go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from agentops.injection.syntax.code.tokens import Chunk, cut

_VERB = re.compile(r"%(?:%|(?:\[(\d{1,3})\]|(\d{1,3})\$)?[-+#0, ]{0,5}\d{0,5}(?:\.\d{1,5})?([svqdfgteExXobcUTpnj]))")
_LABEL = re.compile(r"([A-Za-z][\w]*(?:[ _-][A-Za-z]\w*){0,3})['\"`]?\s{0,3}[:=]\s{0,3}[`'\"<(\[-]{0,5}\s{0,2}$")
_TAG = re.compile(r"<([A-Za-z][\w-]{0,40})>\s{0,3}$")
_FILTERS = {"d": ("int",), "f": ("float",), "g": ("float",), "e": ("float",), "t": ("bool",), "b": ("int",),
            "x": ("int",), "X": ("int",), "o": ("int",), "c": ("int",), "q": ("tojson",)}  # fmt: skip

# More than a template may have: the one who counts holes refuses it.
_MOST = 2_500

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb without a known value. `name` is the label before it, else its number among the arguments."""

    name: str
    start: int
    end: int
    filters: tuple[str, ...]


def has_verbs(text: str) -> bool:
    """Whether the text holds a verb that takes a text."""
    return any(m[3] in ("s", "v", "q") for m in _VERB.finditer(text))


def fill(parts: Sequence[P | Chunk], values: Sequence[list[P | Chunk]]) -> list[P | Chunk | Verb | list[P | Chunk]]:
    """The parts with every verb in their fixed texts as the value that goes there, or as a Verb where none is given.

    A value of one part stands where the verb does.
    """
    done: list[P | Chunk | Verb | list[P | Chunk]] = []
    number = 0
    for part in parts:
        if not isinstance(part, Chunk):
            done.append(part)
            continue
        at = 0
        for verb in _VERB.finditer(part.text):
            if verb[0] == "%%":
                done.append(cut(part, at, verb.start() + 1))
                at = verb.end()
                continue
            if verb[3] == "n":
                continue
            if number > _MOST:
                break
            done.append(cut(part, at, verb.start()))
            at = verb.end()
            told = verb[1] or verb[2]
            index = int(told) - 1 if told else number
            number = index + 1
            filters = _FILTERS.get(verb[3], ())
            start = part.place(verb.start())
            if 0 <= index < len(values):
                done.append([_placed(v, start, start + len(verb[0]), filters) for v in values[index]])
            else:
                done.append(Verb(_label(part.text, verb.start(), index), start, start + len(verb[0]), filters))
        done.append(cut(part, at, len(part.text)))
    return [d for d in done if not isinstance(d, Chunk) or d.text]


def _placed(value: P | Chunk, start: int, end: int, filters: tuple[str, ...]) -> P | Chunk:
    if isinstance(value, Chunk):
        return value
    return replace(value, start=start, end=end, filters=(*value.filters, *filters))  # type: ignore[type-var, attr-defined]


def _label(text: str, at: int, index: int) -> str:
    line = text[max(text.rfind("\n", 0, at) + 1, at - 80) : at]
    before = line if line.strip() else text[max(at - 80, 0) : at]
    found = _LABEL.search(before) or _TAG.search(before)
    if found is None:
        return f"arg{index + 1}"
    return re.sub(r"[ -]+", "_", found[1]).lower()
