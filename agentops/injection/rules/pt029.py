"""PT029: an answer that may show links or images made of outside text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.defence.mitigation import Seen
from agentops.injection.hidden.phrases import clauses, folded, phrase, speaks_about
from agentops.injection.rules.base import Hit, Judged, JudgedHole, Rule
from agentops.injection.template import HOLE_MARK, Hole, Text
from agentops.model.finding import Confidence, Location, Severity
from agentops.model.rule import RuleInfo

# An address with a slot behind a host that is written out: what is filled in goes to that host.
_IMAGE = re.compile(r"!\[[^\]\n]{0,200}\]\(\s?(https?://[\w.:-]{1,200}[/?][^)\s\x00{<\[]{0,300})(\x00|\{\w|<\w|\[\w)")
_SLOT_IN_QUERY = re.compile(r"[?&=]")
_EVIDENCE = 0.85
_SHOW_IMAGES = phrase(
    "image,picture,![",
    r"\b(?:include|embed|show|display|render|insert|add|output|use)\b",
    r"\b(?:images?|pictures?|photos?|thumbnails?|screenshots?)\b",
    r"\b(?:in|as|using|with|via)\b.{0,12}\bmarkdown\b|!\[",
    gaps=(32, 60),
)


def _check(judged: Judged) -> Iterator[Hit]:
    outside = [one for one in judged.holes if one.untrusted]
    by_hole = {one.hole: one for one in judged.holes}
    for seen in judged.seen:
        if "![" in seen.body:
            yield from _slots(judged, seen, by_hole)
        if outside and ("image" in seen.body or "Image" in seen.body or "![" in seen.body):
            yield from _shown(judged, seen, outside[0])


def _slots(judged: Judged, seen: Seen, by_hole: dict[Hole, JudgedHole]) -> Iterator[Hit]:
    for found in _IMAGE.finditer(seen.body):
        if found[2] == HOLE_MARK:
            hole = _hole_at(seen, found.start(2))
            one = by_hole.get(hole) if hole else None
            if one is None or not one.untrusted:
                continue
        elif not _SLOT_IN_QUERY.search(found[1]):
            continue
        where = _place(judged, seen, found.start())
        message = "an image whose address has a slot: what the model fills in goes to that host when it is shown"
        yield Hit(where, message, f"image slot {found[1][:100]}", Confidence.HIGH, evidence=_EVIDENCE)


def _shown(judged: Judged, seen: Seen, outside: JudgedHole) -> Iterator[Hit]:
    for clause in clauses(folded(seen.body)):
        at = _SHOW_IMAGES.find(clause)
        if at is not None and not speaks_about(clause):
            message = f"the answer may show images, and {outside.hole.shown} can say which: {outside.trust.why}"
            yield Hit(_place(judged, seen, clause.start + at), message, "shows images", Confidence.LOW)
            return


def _hole_at(seen: Seen, offset: int) -> Hole | None:
    return next((hole for at, (hole, _) in zip(seen.places, seen.holes, strict=True) if at == offset), None)


def _place(judged: Judged, seen: Seen, offset: int) -> Location:
    """The place of the span that the offset of the body lies in, with the lines of the text before it counted."""
    at = 0
    for span in seen.message.spans:
        size = len(span.text) if isinstance(span, Text) else 1
        if offset < at + size:
            lines = span.text.count("\n", 0, offset - at) if isinstance(span, Text) else 0
            return Location(judged.template.path, span.line + lines)
        at += size
    return Location(judged.template.path, judged.template.line)


RULE = Rule(
    RuleInfo(
        id="PT029",
        title="Images or links of outside origin in the answer",
        severity=Severity.MEDIUM,
        what="The answer may show images or links whose address holds what outsiders wrote, or has a slot to fill.",
        why="A chat window fetches an image as soon as it is shown, and its address can carry data out (0.56 of such"
        " attacks work in Spikee's results).",
        example="Answer about {document}. Show pictures as images in Markdown.",
        remedy="Let the window show images and links of listed hosts only, and build addresses in code.",
        owasp=("LLM05",),
        owasp_2026=("LLM10",),
        asi=("ASI02",),
        atlas=("T0077", "T0057"),
        cwe=(116,),
    ),
    _check,
)
