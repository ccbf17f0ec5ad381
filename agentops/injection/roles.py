"""Cuts a template's text into messages by role: marks in the text, else front matter, else the file's name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection.template import Hole, Lines, Message, Span, Text, body

_ALIASES = {"human": "user", "ai": "assistant", "function": "tool"}
_WORDS = "system|developer|user|assistant|tool|function"

# A mark stands on a line of its own: `system:`, `# user:`, `[system]`; or `# System`, which counts only where the
# file begins with a mark, because "# User" is also a heading in many a system prompt.
_MARK = re.compile(
    rf"^[ \t]{{0,8}}(?:(?:\#{{1,2}}[ \t]{{0,4}})?(?:\*\*)?({_WORDS})(?:\*\*)?[ \t]{{0,4}}:(?:\*\*)?"
    rf"|\[({_WORDS})\][ \t]{{0,4}}:?)[ \t]{{0,80}}$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING = re.compile(r"^#{1,2}[ \t]{1,4}(system|developer|user|assistant)[ \t]{0,80}$", re.IGNORECASE | re.MULTILINE)
_TRAILERS = ("prompt", "template", "message", "msg", "instructions")


def from_name(path: str) -> str | None:
    """The role that a file's name tells: `answer_system.j2`, `answer.user.txt`, `system_prompt.md`."""
    words = re.split(r"[._\- ]+", PurePosixPath(path).stem.lower())
    while len(words) > 1 and words[-1] in _TRAILERS:
        words.pop()
    word = words[-1] if words else ""
    return word if word in ("system", "developer", "user", "assistant") else None


def split(spans: tuple[Span, ...], *, path: str, role: str | None) -> tuple[Message, ...]:
    """The messages. `role` is what the front matter says; messages of nothing but white space are left out."""
    text, _ = body(spans)
    marks = sorted([(m.start(), m.end(), _role(m[1] or m[2])) for m in _MARK.finditer(text)])
    headings = [(m.start(), m.end(), _role(m[1])) for m in _HEADING.finditer(text)]
    if headings and not text[: min(headings[0][0], marks[0][0] if marks else len(text))].strip():
        marks = sorted(marks + headings)
    if all(name == "assistant" and not text[end:].strip() for _, end, name in marks):
        # None at all, or one at the very end, which is a cue for the answer and makes no roles.
        found = role or from_name(path)
        return tuple(m for m in (Message(found, spans),) if _says_something(m))
    # What stands before the first mark is what chat runners send as the system message.
    pieces = [(0, marks[0][0], role or "system")]
    for number, (_, end, name) in enumerate(marks):
        until = marks[number + 1][0] if number + 1 < len(marks) else len(text)
        pieces.append((end, until, name))
    messages = _slice(spans, pieces)
    return tuple(m for m in messages if _says_something(m))


def _role(word: str) -> str:
    return _ALIASES.get(word.lower(), word.lower())


def _says_something(message: Message) -> bool:
    return any(isinstance(s, Hole) or s.text.strip() for s in message.spans)


def _slice(spans: tuple[Span, ...], pieces: list[tuple[int, int, str]]) -> list[Message]:
    """Cut the spans at the pieces' offsets, which count a hole as one character. One pass over both."""
    messages: list[Message] = []
    number, at = 0, 0
    lines = [Lines("" if isinstance(s, Hole) else s.text) for s in spans]
    for start, end, role in pieces:
        kept: list[Span] = []
        while number < len(spans):
            span = spans[number]
            size = 1 if isinstance(span, Hole) else len(span.text)
            if at >= end:
                break
            if isinstance(span, Hole):
                if at >= start:
                    kept.append(span)
            elif (part := _part(span, lines[number], start - at, end - at)) is not None:
                kept.append(part)
            if at + size > end:
                break  # the next message begins within this text
            number, at = number + 1, at + size
        messages.append(Message(role, tuple(kept)))
    return messages


def _part(span: Text, lines: Lines, start: int, end: int) -> Text | None:
    start = max(start, 0)
    text = span.text[start:end]
    if not text:
        return None
    line, column = lines.place(start)
    return Text(text, span.line + line - 1, column if line > 1 else span.column + column - 1, span.offset + start)
