"""The label of a hole: what stands before it and says what it is ("Question: {x}", a heading, the tag around it)."""

from __future__ import annotations

import re

from agentops.injection.template import HOLE_MARK

_MOST = 200
_FAR = 400
_TAG = re.compile(r"<([A-Za-z_][\w.-]{0,60})(?:\s[^<>\n]{0,80})?>[\s`\"'-]{0,20}$")
# The last line before the hole that says something; what follows the colon is the hole's own line.
_LABEL = re.compile(r"([^\n:\x00]{1,120}?)[ \t*_`\"']{0,6}[:\uff1a][ \t*_]{0,6}\n{0,3}[\s`\"'<\[({#|>=-]{0,40}$")
_ATTRIBUTE = re.compile(r"([\w-]{1,60})[ \t]{0,2}=[ \t]{0,2}[\"'`]{0,3}$")
_HEADING = re.compile(
    r"(?:^|\n)[ \t]{0,8}(?:#{1,6}[ \t]{0,4}|\*\*|\[|=+ ?|-+ ?)([^\n\x00:]{2,60}?)[\]*=#: -]{0,40}\n"
    r"\s{0,20}[`\"'<-]{0,12}\s{0,4}$"
)
_BEHIND = re.compile(r"[ \t\"'`>*-]{0,12}([A-Za-z_]{2,40})")


def label(text: str, at: int) -> str:
    """The label of the hole at that place of a message's body; "" where nothing labels it."""
    before = text[max(at - _MOST, 0) : at]
    for pattern in (_TAG, _ATTRIBUTE, _LABEL, _HEADING):
        found = pattern.search(before)
        if found is not None and HOLE_MARK not in found[1]:
            return found[1].strip(" \t*_`\"'#-[]")
    return ""


def counted(text: str, at: int, word: str) -> bool:
    """Whether the word counts with the hole as its number: "Page {page}", "step #{step}", "day {day} of 5"."""
    before, behind = text[max(at - 40, 0) : at], text[at + 1 : at + 6]
    if re.search(rf"\b{re.escape(word)} ?(?:#|no\.? |number )$", before, re.I):
        return True
    beside = re.search(rf"\b{re.escape(word)} $", before, re.I)
    return beside is not None and (beside[0][0].isupper() or re.match(r" (?:of|/) ", behind) is not None)


def around(text: str, at: int) -> tuple[str, str]:
    """The text before the hole, and the word right behind it on the same line ("%s --- language")."""
    behind = _BEHIND.match(text, at + 1)
    return text[max(at - _FAR, 0) : at].replace(HOLE_MARK, " "), behind[1] if behind else ""
