"""PT013: a memory made of outside text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import near, noted, orders, settled, untrusted
from agentops.injection.template import NoteKind
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo

_CHANGES = re.compile(
    r"\b(?:updat\w{1,3}|rewrit\w{1,3}|sav\w{1,3}|stor(?:e|ing)|maintain\w{0,3}|extend\w{0,3}|consolidat\w{1,3}|"
    r"improv\w{1,3}|append\w{0,3}|add(?:ing)? to|writ(?:e|ing)|creat(?:e|ing)|merg\w{1,3})\b"
)
_KEPT = re.compile(
    r"(?<![/.])\b(?:memory(?!/)|memories|(?:system|current|stored|existing|updated) prompt|"
    r"(?:running|existing|previous|stored|entity|node|current) summary|long[- ]term|knowledge base)\b"
)
_STORES = re.compile(
    r"\b(?:updat\w{1,3}|extend\w{0,3}|add(?:ing)? to) (?:\w+ ){0,3}?summary\b"
    r"|\b(?:return|output|provide|write|give|produce) (?:the |an? )?(?:updated|improved|revised|new) (?:\w+ )?prompt\b"
    r"|\b(?:remember|memori[sz]e)\b.{0,60}?\b(?:for later|future|next time|long[- ]term)\b"
)


def _stores(order: str) -> bool:
    """Whether the order, in lower case, makes a memory or a prompt."""
    return near(order, first=_CHANGES, then=_KEPT, within=60) or _STORES.search(order) is not None


def _check(judged: Judged) -> Iterator[Hit]:
    holes = [place.one for place in untrusted(judged) if not settled(place.one)]
    if not holes:
        return
    for note in judged.template.notes:
        if note.kind is NoteKind.OUTPUT_STORED:
            yield noted(note, f"{note.kind.value}, and {holes[0].hole.shown} is filled by others")
            return
    if any(_stores(order) for order in orders(judged)):
        yield Hit.at(holes[0], f"{holes[0].hole.shown} goes into what is kept as memory or as a prompt")


RULE = Rule(
    RuleInfo(
        id="PT013",
        title="Untrusted text becomes memory",
        severity=Severity.HIGH,
        what=(
            "The answer to this template is kept as memory or as a new prompt, and a value that outsiders write "
            "goes into it."
        ),
        why=(
            "An order in the value outlives the conversation: it comes back in every later prompt as the agent's "
            "own memory."
        ),
        example="Update the memory with what is new in this message.\n{message}",
        remedy=(
            "Let the answer fit a schema of facts, review what is written, and keep the source with it. Bound the"
            " value and declare it to be data."
        ),
        owasp=("LLM01", "LLM04"),
        owasp_2026=("LLM01", "LLM05"),
        asi=("ASI06",),
        atlas=("T0080.000",),
        cwe=(1427,),
    ),
    _check,
    effect=True,
)
