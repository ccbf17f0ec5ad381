"""Where in a text a value would stand: alone on a line, or behind a label that ends it.

Marks that a person may have written for a person (`{your answer}`, `<file_name>`) are holes there only.
"""

from __future__ import annotations

import re

from agentops.injection.notations.code import asked_for

_LABEL = re.compile(r"[ \t>*#-]{0,12}[^\W\d_][^\n:={}<>\[\]|`]{0,60}[:=][ \t*]{0,8}")
_AROUND = re.compile(r"[ \t\"'`,;*>-]*|[ \t]*<[A-Za-z_][\w-]{0,60}>[ \t]*")
_BEHIND = re.compile(r"[ \t\"'`,;.*]*|[ \t]*</[A-Za-z_][\w-]{0,60}>[ \t]*")
_OTHERS = re.compile(r"\{\{[^{}\n]{0,100}\}\}|\{[\w.]{1,60}\}|%s")
_YOURS = re.compile(r"\b(?:your|my own|example|sample|e\.g\.|etc)\b|\.\.\.", re.I)
_MOST = 200


def stands(text: str, start: int, end: int) -> bool:
    """Whether a value would stand there that somebody puts in, and not one that the model is asked to write."""
    line = text.rfind("\n", max(start - _MOST, 0), start)
    until = text.find("\n", end, end + _MOST)
    if (line < 0 and start > _MOST) or (until < 0 and len(text) - end > _MOST):
        return False
    before = _without(text[line + 1 : start])
    behind = _without(text[end : len(text) if until < 0 else until])
    if _BEHIND.fullmatch(behind) is None or _YOURS.search(text, start, end):
        return False
    if not (_AROUND.fullmatch(before) or _LABEL.fullmatch(before.rstrip("\"'`") if before else "")):
        return False
    return not asked_for(text, start) and not asked_for(text, line + 1)


def empty_below(text: str, end: int) -> bool:
    """Whether the text ends or a line is empty below, so that the mark is no heading and no tag around what follows."""
    until = text.find("\n", end, end + _MOST)
    return until < 0 or not text[until + 1 : until + 1 + _MOST].split("\n", 1)[0].strip()


def _without(part: str) -> str:
    """Part of a line without the other holes on it."""
    return _OTHERS.sub("", part) if "{" in part or "%" in part else part
