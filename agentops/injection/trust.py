"""How far the value of a hole can be trusted, and why.

In this order: what the configuration says, the type that the file declares, what the code around assigns, the container
it comes from, its description, its name, the label before it; else unknown, which is a band and no guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from agentops.errors import ConfigError
from agentops.injection.kinds import Kind
from agentops.injection.names import labels, lexicon, naming
from agentops.injection.template import Assigned, Hole, Template
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
_CODE = ("python", "javascript", "go", "java")
_CONSTANT_NAME = re.compile(r"_{0,2}[A-Z][A-Z0-9]{0,60}(?:_[A-Z0-9]{1,60}){0,12}_{0,2}")
# `message['role'] == 'system'`, and `eq .Role "system"` of Go.
_SYSTEM_TURN = re.compile(
    r"""\brole['"\]]{0,3} ?={2,3} ?['"](?:system|developer)['"]|\beq [.$\w]{0,60}role ['"`](?:system|developer)\b""",
    re.I,
)
_MARKS = "${}<>% \t\n"
_NUMBERED = re.compile(r"(?:arg|input|param|var|value|text)?_?\d{0,3}")
_Fact = TypeVar("_Fact")
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

    def trust(self, hole: Hole, template: Template, *, body: str = "", at: int = 0) -> Trust:
        """The trust of one of the template's holes, which stands at `at` in its message's `body`."""
        path = naming.parts(hole.name)
        return (
            self._from_config(hole)
            or _from_type(hole, template.types)
            or _from_filter(hole)
            or _from_code(hole, template.assigned)
            or _from_turn(hole, path)
            or _from_container(path)
            or _from_description(hole, template.descriptions)
            or _from_name(hole, path, template, body=body, at=at)
            or _from_label(labels.label(body, at))
            or _from_sentence(path, body, at)
            or _from_arguments(hole)
            or _unknown(hole)
        )

    def _from_config(self, hole: Hole) -> Trust | None:
        parts = hole.name.replace("[]", "").split(".")
        for size in range(len(parts), 0, -1):
            if (said := self._configured.get(".".join(parts[:size]))) is not None:
                name, kind = said
                return Trust(kind, f"{_article(kind)}, as prompts.trust says for {one_line(name, 80)}", Confidence.HIGH)
        return None


def _from_type(hole: Hole, types: Mapping[str, str]) -> Trust | None:
    said = _told(hole, types)
    if said is not None and not _is_whole(hole.name, said[0]):
        return None  # a number has no fields: whatever `count.text` is, the type of `count` says nothing about it
    if said is None or said[1].lower() not in _BOUNDED_TYPES:
        return None
    why = f"the file types {one_line(said[0], 80)} as {one_line(said[1], 40)}, which holds no text"
    return Trust(Kind.CONSTANT, why, Confidence.HIGH)


def _is_whole(name: str, typed: str) -> bool:
    rest = name.replace("[]", "")[len(typed.replace("[]", "")) :]
    return not rest or rest.endswith("()")


def _from_filter(hole: Hole) -> Trust | None:
    for name in hole.filters:
        if name in _NUMBER_FILTERS:
            return Trust(Kind.CONSTANT, f"the filter {name} leaves a number", Confidence.HIGH)
    return None


def _from_code(hole: Hole, assigned: Mapping[str, Assigned]) -> Trust | None:
    said = _told(hole, assigned)
    if said is None or said[1].kind is Kind.UNKNOWN:
        return None
    return Trust(said[1].kind, f"{_article(said[1].kind)}: {one_line(said[1].why, 120)}", Confidence.HIGH)


def _told(hole: Hole, facts: Mapping[str, _Fact]) -> tuple[str, _Fact] | None:
    """What is told of the hole's name, or of what it belongs to: the longest name counts."""
    if not facts:
        return None
    for name in (hole.name, hole.name.replace("[]", "")):
        parts = name.split(".")
        for size in range(len(parts), 0, -1):
            whole = ".".join(parts[:size])
            if whole in facts:
                return whole, facts[whole]
    return None


def _from_turn(hole: Hole, path: tuple[str, ...]) -> Trust | None:
    """What stands in a list of messages under the condition that the role is the system's."""
    if not hole.condition or not any(part in lexicon.HISTORY for part in path):
        return None
    holds = False
    for part in hole.condition.split(" and "):
        if part.startswith(("if ", "not ")):
            holds = part.startswith("if ")
        if holds and " or " not in part and _SYSTEM_TURN.search(part):
            return Trust(Kind.OPERATOR, f"{_article(Kind.OPERATOR)}: a system message of the list", Confidence.MEDIUM)
    return None


def _from_container(path: tuple[str, ...]) -> Trust | None:
    found = naming.container(path)
    if found is None:
        return None
    kind, part, about = found
    if about:
        return Trust(kind, f"{about} is bookkeeping of {part}", Confidence.MEDIUM)
    return Trust(kind, f"{_article(kind)}: it comes from {one_line(part, 60)}", Confidence.MEDIUM)


def _from_description(hole: Hole, descriptions: Mapping[str, str]) -> Trust | None:
    said = _told(hole, descriptions)
    found = naming.described(said[1]) if said else None
    if found is None:
        return None
    kind, words = found
    return Trust(kind, f"{_article(kind)}, by its description ({one_line(words, 60)})", Confidence.MEDIUM)


def _from_name(hole: Hole, path: tuple[str, ...], template: Template, *, body: str, at: int) -> Trust | None:
    if len(path) == 1 and path[0] in lexicon.COUNTED and labels.counted(body, at, path[0]):
        return Trust(Kind.CONSTANT, f"a number behind the word {path[0]}", Confidence.LOW)
    found = naming.named(path)
    # A field of a second stage (`{HISTORY}`) is written like a constant too: what its name tells comes first.
    if found is None and template.syntax in _CODE and _CONSTANT_NAME.fullmatch(hole.name):
        return Trust(Kind.CONSTANT, f"{one_line(hole.name, 60)} is written like a constant", Confidence.MEDIUM)
    if found is None:
        return None
    kind, part = found
    # A name is a weak witness: never more than medium.
    return Trust(kind, f"{_article(kind)}, by the name {one_line(part, 60)}", Confidence.MEDIUM)


def _from_label(label: str) -> Trust | None:
    found = naming.labelled(label) if label else None
    if found is None:
        return None
    kind, words = found
    return Trust(kind, f"{_article(kind)}, by the label {one_line(words, 60)}", Confidence.LOW)


def _from_sentence(path: tuple[str, ...], body: str, at: int) -> Trust | None:
    """For names that tell nothing: a `name` beside a word for a person, and places that only have a number."""
    before, behind = labels.around(body, at)
    if path and path[-1] in lexicon.PERSONAL:
        person = next((w for w in reversed(naming.words(before[-80:])) if w in lexicon.USER_WORDS), None)
        why = f"{_article(Kind.USER)}: a {path[-1]} beside the word {person}"
        return Trust(Kind.USER, why, Confidence.LOW) if person else None
    if path and not _NUMBERED.fullmatch(path[-1]):
        return None
    told = naming.kind_of(behind.lower()) if behind else None
    if told is not None:
        return Trust(told, f"{_article(told)}, by the word {one_line(behind, 40)} behind it", Confidence.LOW)
    found = naming.announced(before)
    if found is None:
        return None
    return Trust(found[0], f"{_article(found[0])}, announced as {one_line(found[1], 60)}", Confidence.LOW)


def _from_arguments(hole: Hole) -> Trust | None:
    # A name may stand without what the call is given: the hole as it is written has it.
    found = naming.made_from(hole.written.strip(_MARKS)) or naming.made_from(hole.name)
    if found is None or found[0] in (Kind.CONSTANT, Kind.OPERATOR):
        return None  # what a call adds to the program's own values is not known
    return Trust(found[0], f"{_article(found[0])}: made from {one_line(found[1], 60)}", Confidence.LOW)


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
