"""PT011: text that can forge a turn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.defence.mitigation import Seen
from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import mixed, near_mark, noted, settled, turn_marks, untrusted
from agentops.injection.template import NoteKind
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line

# The role that a list of messages keeps for each of them is how history is sent.
_KEPT = re.compile(r"[.\[\]'\"](?:role|type|author|speaker)\b", re.I)


def _check(judged: Judged) -> Iterator[Hit]:
    for note in judged.template.notes:
        if note.kind is NoteKind.PARSED_ROLES and not any(mixed(place) for place in untrusted(judged)):
            continue  # a value alone in its message has no orders to break out of
        if note.kind is NoteKind.DYNAMIC_ROLE and _KEPT.search(note.said):
            continue
        if note.kind in (NoteKind.DYNAMIC_ROLE, NoteKind.PARSED_ROLES):
            yield noted(note, f"{note.kind.value}: {one_line(note.said, 100)}")
    read: Seen | None = None
    marks: tuple[int, ...] = ()
    for place in untrusted(judged):
        if place.seen is not read:
            read, marks = place.seen, turn_marks(place.seen.body)
        if near_mark(place, marks) and not settled(place.one):
            yield Hit.at(place.one, f"{place.one.hole.shown} may hold the words that mark the turns in this text")


RULE = Rule(
    RuleInfo(
        id="PT011",
        title="Turns that text can forge",
        severity=Severity.HIGH,
        what=(
            "Plain words mark who speaks (`Human:` and `AI:`, `Observation:`, `### Response:`) around a value "
            "that outsiders write, the role of a message is a value, or the filled text is cut into roles "
            "afterwards."
        ),
        why=(
            "A value that holds the same word opens a turn of its own: an answer that the assistant never gave, "
            "an observation that no tool made, or a system message."
        ),
        example="Go on with the talk.\nHuman: {question}\nAI:",
        remedy=(
            "Send a list of messages with roles of the API instead of words in a text; where that cannot be, "
            "escape the words in the value."
        ),
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0092",),
        cwe=(1427,),
    ),
    _check,
)
