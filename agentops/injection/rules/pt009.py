"""PT009: marks that do not close."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.defence.mitigation import Seen
from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import Placed, untrusted
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line

_TAG = re.compile(r"[<\[](/?)([A-Za-z_][\w.:-]{0,63})(?:\s[^<>\[\]\n/]{0,200})?[>\]]")
# The tag right before a hole, or with no more than a label between, and the one right behind it.
_OPENS = re.compile(
    r"[<\[]([A-Za-z_][\w.:-]{0,63})(?:\s[^<>\[\]\n/]{0,60})?[>\]][ \t]{0,20}\n?[^\n<>\[\]\x00.!?]{0,30}$"
)
_CLOSES = re.compile(r"\s{0,20}[<\[]/([A-Za-z_][\w.:-]{0,63})[>\]]")
_FENCE = re.compile(r"^[ \t]{0,8}(?:`{3,20}\w{0,20}|~{3,20}|\"{3})[ \t]{0,40}$", re.M)
# A line of dashes is a rule between sections, unless the text says that it bounds something.
_RULE = re.compile(r"^[ \t]{0,8}(?:-{3,60}|={3,60})[ \t]{0,40}$", re.M)
_SAYS_LINES = re.compile(
    r"\b(?:delimited|enclosed|surrounded|separated|marked|between)\b[^.\n]{0,60}(?:-{3}|={3}|dashes)", re.I
)
_BESIDE = 120
# Turn tokens of a chat model, which have no partner of the same name.
_TURN_TAGS = ("start_of_turn", "end_of_turn", "inst")


def _check(judged: Judged) -> Iterator[Hit]:
    read: Seen | None = None
    odd: frozenset[int] = frozenset()
    fence = -1
    for place in untrusted(judged):
        if place.seen is not read:
            read = place.seen
            odd, fence = unbalanced(read.body), _open_fence(read.body)
        name = unclosed(place, odd)
        if not name and 0 <= fence < place.at and place.one.mitigation.boundary is None:
            name = "the fence"
        if name:
            yield Hit.at(
                place.one, f"the mark {one_line(name, 60)} is not both opened and closed around {place.one.hole.shown}"
            )


def unclosed(place: Placed, odd: frozenset[int]) -> str:
    """The mark without a partner that stands next to the hole, or ""."""
    before = place.before
    opens = _OPENS.search(before[-_BESIDE:])
    # Brackets open many things that are no marks; they count where they close.
    if (
        opens is not None
        and opens[0][0] == "<"
        and not opens[1].endswith(":")
        and place.at - len(before[-_BESIDE:]) + opens.start() in odd
    ):
        return opens[1]
    closes = _CLOSES.match(place.after)
    if closes is not None and place.at + closes.start(1) - 1 in odd:
        return closes[1]
    return ""


def _open_fence(body: str) -> int:
    """Where the only line of a fence stands, -1 where there is none or it has a partner."""
    fences = [m.start() for m in _FENCE.finditer(body)]
    if len(fences) == 1:
        return fences[0]
    lines = [m.start() for m in _RULE.finditer(body)] if _SAYS_LINES.search(body) else []
    return lines[0] if len(lines) == 1 else -1


def unbalanced(body: str) -> frozenset[int]:
    """Where tags stand that have no partner."""
    open_at: dict[str, list[int]] = {}
    odd: list[int] = []
    for tag in _TAG.finditer(body):
        name = tag[2].lower()
        if name in _TURN_TAGS:
            continue
        if not tag[1]:
            open_at.setdefault(name, []).append(tag.start())
        elif open_at.get(name):
            open_at[name].pop()
        else:
            odd.append(tag.start())
    return frozenset(odd).union(*open_at.values())


RULE = Rule(
    RuleInfo(
        id="PT009",
        title="Unbalanced boundary",
        severity=Severity.MEDIUM,
        what=(
            "A mark is opened before a value and not closed after it, closed without having been opened, or the "
            "two names differ."
        ),
        why=(
            "The model must guess where the data ends. Mostly it takes the rest of the prompt for data, or the "
            "data for the rest of the prompt."
        ),
        example="Sum up the page.\n<page>{web_page}</pages>",
        remedy="Close the mark right after the value, with the same name.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.001",),
        cwe=(1427,),
    ),
    _check,
)
