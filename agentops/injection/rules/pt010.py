"""PT010: outside text in the last place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import Placed, settled, untrusted
from agentops.injection.template import HOLE_MARK
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo

_MOST = 200
_CUE_WORDS = 6
_CUE_ENDS = (":", "=", ">", ":**", "]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_MARK = re.compile(r"[\W_]{0,40}(?:END|end|End)\b[\w \W]{0,40}|<[^<>]{1,80}>.{0,3}|[\"'`]{1,3}[.,]?")


def _check(judged: Judged) -> Iterator[Hit]:
    last: dict[int, Placed] = {}
    for place in untrusted(judged):
        last[id(place.seen)] = place
    later = False
    for seen in reversed(judged.seen):
        place_or_none = last.get(id(seen))
        if place_or_none is not None and not later and _ends(place_or_none):
            one = place_or_none.one
            yield Hit.at(one, f"{one.hole.shown} comes last, and no word on the task after it")
        later = later or (seen.message.role != "assistant" and seen.ordered)


def _ends(place: Placed) -> bool:
    """Whether the hole stands in a text with orders and only marks and cues follow it."""
    one = place.one
    if one.role not in (None, "user") or not place.seen.ordered or settled(one) or one.mitigation.reminder:
        return False
    rest = place.seen.body[place.at + 1 :]
    return len(rest.strip()) <= _MOST and all(_adds_nothing(line) for line in rest.splitlines())


def _adds_nothing(line: str) -> bool:
    """A closing mark, or a cue such as `Answer:`."""
    line = line.strip()
    words = _WORD.findall(line)
    if not words and HOLE_MARK not in line:
        return True
    return (line.endswith(_CUE_ENDS) and len(words) <= _CUE_WORDS) or _MARK.fullmatch(line) is not None


RULE = Rule(
    RuleInfo(
        id="PT010",
        title="Untrusted text comes last",
        severity=Severity.LOW,
        what=(
            "A value that outsiders write is the last thing in a text that gives orders; nothing but a closing "
            "mark or a cue for the answer follows."
        ),
        why=(
            "What a model read last weighs most. Repeating the task after the data brought attacks on an agent "
            "down from 48 to 28 of 100."
        ),
        example="Translate the text into French.\nText: {text}",
        remedy="Repeat the task after the value, or give the value a user message of its own.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(1427,),
    ),
    _check,
)
