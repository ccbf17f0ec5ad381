"""How far the value of a hole can be trusted, and why.

In this order: what the configuration says, what the front matter types, the container it comes from, its name; else
unknown, which is a band and no guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agentops.errors import ConfigError
from agentops.injection import lexicon
from agentops.injection.kinds import Kind
from agentops.injection.template import Hole, Template
from agentops.model.finding import Confidence
from agentops.text import one_line

_BANDS = {
    Kind.THIRD_PARTY: (1.0, 1.0),
    Kind.USER: (0.95, 0.95),
    Kind.MODEL: (0.9, 0.9),
    Kind.UNKNOWN: (0.2, 0.95),
    Kind.OPERATOR: (0.2, 0.2),
    Kind.CONSTANT: (0.0, 0.0),
}
_CONFIGURED = {kind.value: kind for kind in Kind} | {"untrusted": Kind.USER}
_BOUNDED_TYPES = frozenset((
    "enum", "number", "integer", "int", "float", "double", "decimal", "bool", "boolean", "date", "datetime",
    "date-time", "time", "timestamp",
))  # fmt: skip
_NUMBER_FILTERS = frozenset((
    "length", "count", "int", "float", "round", "abs", "wordcount", "filesizeformat", "sum",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trust:
    """The trust of one hole. `low` and `high` bound T: 1 is a stranger's text, 0 the program's own value."""

    kind: Kind
    why: str
    confidence: Confidence

    @property
    def low(self) -> float:
        """The low end of T."""
        return _BANDS[self.kind][0]

    @property
    def high(self) -> float:
        """The high end of T."""
        return _BANDS[self.kind][1]


class Judge:
    """Decides on holes. `configured` maps names to untrusted, third-party, user, model, unknown, operator, constant.

    A name in it covers what lies below: `customer` speaks for `customer.name`, unless that is named itself. Raises
    ConfigError for a word that is not known.
    """

    def __init__(self, configured: Mapping[str, str]) -> None:
        problems = tuple(
            f"prompts.trust.{one_line(name, 80)}: {one_line(word, 40)!r} is not one of {', '.join(sorted(_CONFIGURED))}"
            for name, word in configured.items()
            if word not in _CONFIGURED
        )
        if problems:
            raise ConfigError(problems[0], hint="correct the word under prompts.trust", problems=problems)
        self._configured = {name.replace("[]", ""): (name, _CONFIGURED[word]) for name, word in configured.items()}

    def trust(self, hole: Hole, template: Template) -> Trust:
        """The trust of one of the template's holes."""
        found = self._from_config(hole) or _from_type(hole, template.types) or _from_filter(hole)
        if found is not None:
            return found
        parts = [_snake(p) for p in hole.name.replace("[]", "").split(".") if p]
        return _from_container(parts) or _from_name(parts) or _unknown(hole)

    def _from_config(self, hole: Hole) -> Trust | None:
        parts = hole.name.replace("[]", "").split(".")
        for size in range(len(parts), 0, -1):
            if (said := self._configured.get(".".join(parts[:size]))) is not None:
                name, kind = said
                return Trust(kind, f"{_article(kind)}, as prompts.trust says for {one_line(name, 80)}", Confidence.HIGH)
        return None


def _from_type(hole: Hole, types: Mapping[str, str]) -> Trust | None:
    root = hole.name.replace("[]", "").split(".")[0]
    kind = types.get(root, "")
    if kind in _BOUNDED_TYPES:
        return Trust(Kind.CONSTANT, f"the front matter types {root} as {kind}, which holds no text", Confidence.HIGH)
    return None


def _from_filter(hole: Hole) -> Trust | None:
    for name in hole.filters:
        if name in _NUMBER_FILTERS:
            return Trust(Kind.CONSTANT, f"the filter {name} leaves a number", Confidence.HIGH)
    return None


def _from_container(parts: list[str]) -> Trust | None:
    for number, part in enumerate(parts):
        kind = Kind.USER if part in lexicon.HISTORY else Kind.THIRD_PARTY if part in lexicon.COLLECTIONS else None
        if kind is None:
            continue
        if number + 1 < len(parts) and parts[-1] in lexicon.BOOKKEEPING:
            return Trust(Kind.CONSTANT, f"{parts[-1]} is bookkeeping of {part}", Confidence.MEDIUM)
        return Trust(kind, f"{_article(kind)}: it comes from {part}", Confidence.MEDIUM)
    return None


def _from_name(parts: list[str]) -> Trust | None:
    for number in range(len(parts) - 1, -1, -1):
        part = parts[number]
        own = any(p in lexicon.OWN_OBJECTS for p in parts[:number])
        if part in lexicon.PLAIN and number > 0:
            if parts[number - 1] in lexicon.OWN_OBJECTS:
                return _named(Kind.CONSTANT, parts[number - 1])
            continue
        kind = _kind_of(part)
        if kind is not None and not (own and kind is Kind.MODEL):
            return _named(kind, part)
    return None


def _kind_of(name: str) -> Kind | None:
    name = name.removesuffix("()")
    words = name.split("_")
    # `output_2` is an output, `schema_json` a schema.
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in lexicon.FORM_WORDS):
        words.pop()
    name = "_".join(words)
    if len(words) > 1 and words[0] in lexicon.CONSTANT_FIRST:
        return Kind.CONSTANT
    endings = ["_".join(words[i:]) for i in range(len(words))]
    table = (
        (lexicon.CONSTANT_HEADS, Kind.CONSTANT),
        (lexicon.OPERATOR_HEADS, Kind.OPERATOR),
        (lexicon.USER_HEADS, Kind.USER),
        (lexicon.MODEL_HEADS, Kind.MODEL),
        (lexicon.THIRD_PARTY_HEADS | lexicon.COLLECTIONS, Kind.THIRD_PARTY),
        (lexicon.HISTORY, Kind.USER),
    )
    # `retrieved_message` is a stranger's although a message alone is the user's.
    stranger = len(words) > 1 and any(w in lexicon.THIRD_PARTY_WORDS for w in words[:-1])
    for ending in endings:
        for names, kind in table:
            if ending in names:
                outside = kind in (Kind.USER, Kind.MODEL) and stranger and ending != name
                return Kind.THIRD_PARTY if outside else kind
    if any(w in lexicon.USER_WORDS for w in words):
        return Kind.USER
    if any(w in lexicon.THIRD_PARTY_WORDS for w in words):
        return Kind.THIRD_PARTY
    return None


def _named(kind: Kind, part: str) -> Trust:
    # A name is a weak witness: never more than medium.
    return Trust(kind, f"{_article(kind)}, by the name {one_line(part, 60)}", Confidence.MEDIUM)


def _unknown(hole: Hole) -> Trust:
    why = f"nothing tells where {one_line(hole.name, 80)} comes from"
    return Trust(Kind.UNKNOWN, why, Confidence.LOW)


def _article(kind: Kind) -> str:
    return {
        Kind.THIRD_PARTY: "a third party's text",
        Kind.USER: "the user's text",
        Kind.MODEL: "a model's output",
        Kind.UNKNOWN: "unknown",
        Kind.OPERATOR: "the operator's text",
        Kind.CONSTANT: "the program's own value",
    }[kind]


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _snake(name: str) -> str:
    return _CAMEL.sub("_", name).replace("-", "_").lower().strip("_")
