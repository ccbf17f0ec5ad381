"""Cuts a template's text into messages by role: marks in the text, else front matter, else the file's name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection.roles_marks import MAX_MARKS, has_tokens, marks
from agentops.injection.template import Hole, Lines, Message, Span, TemplateError, Text, body
from agentops.model.finding import Location

_TRAILERS = frozenset((
    "prompt", "prompts", "template", "templates", "message", "messages", "msg", "instructions", "instruction", "txt",
    "default",
    "en", "base", "tmpl", "py", "text", "content",
))  # fmt: skip
_ROLES = {"system": "system", "sys": "system", "developer": "developer", "user": "user", "human": "user",
          "assistant": "assistant"}  # fmt: skip
_VERSION = re.compile(r"v?\d{1,3}")
# Words of one piece that name a role wherever they stand in the name.
_JOINED = {"systemprompt": "system", "sysprompt": "system", "systemmessage": "system", "userprompt": "user",
           "usermessage": "user"}  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FOLDERS = {"system": "system", "system_prompts": "system", "system-prompts": "system", "system_prompt": "system",
            "user": "user", "user_prompts": "user", "user-prompts": "user"}  # fmt: skip


def from_name(path: str) -> str | None:
    """The role that a file's name or its folder tells: `answer_system.j2`, `x.user.txt`, `system_prompt_v2.md`,
    `system/answer.txt`."""
    place = PurePosixPath(path)
    words = [w for w in re.split(r"[._\- ]+", _CAMEL.sub("_", place.stem).lower()) if w]
    for number, word in enumerate(words):
        if word in _JOINED:
            return _JOINED[word]
        if word in ("system", "sys", "user") and words[number + 1 : number + 2] in (["prompt"], ["message"], ["msg"]):
            return _ROLES[word]
    while len(words) > 1 and (words[-1] in _TRAILERS or _VERSION.fullmatch(words[-1])):
        words.pop()
    if words and words[-1] in _ROLES:
        return _ROLES[words[-1]]
    return _FOLDERS.get(place.parent.name.lower())


def split(spans: tuple[Span, ...], *, path: str, role: str | None) -> tuple[Message, ...]:
    """The messages. `role` is what the front matter says; messages of nothing but white space are left out.

    Raises TemplateError for more messages than a prompt has.
    """
    text, _ = body(spans)
    found = marks(text)
    if len(found) > MAX_MARKS:
        raise TemplateError(
            Location(path), f"more than {MAX_MARKS} messages", hint="split it, or add it to prompts.exclude"
        )
    if all(m.role in ("assistant", None) and not text[m.end :].strip() for m in found):
        # None at all, or one at the very end, which is a cue for the answer and makes no roles.
        said = role or from_name(path)
        return tuple(m for m in (Message(said, spans),) if _says_something(m))
    # What stands before the first mark is what chat runners send as the system message.
    speaker = role or "system"
    pieces = [(0, found[0].start, speaker)]
    for number, mark in enumerate(found):
        until = found[number + 1].start if number + 1 < len(found) else len(text)
        speaker = mark.role or speaker
        pieces.append((mark.end, until, speaker))
    return tuple(m for m in _slice(spans, pieces) if _says_something(m))


def valued(spans: tuple[Span, ...]) -> tuple[Hole, ...]:
    """The holes that stand where a turn's role does, each name once."""
    text, places = body(spans)
    if not has_tokens(text):
        return ()
    found = {m.end for m in marks(text)[:MAX_MARKS] if m.dynamic}
    holes = {h.name: h for at, h in reversed(places) if at in found}
    return tuple(sorted(holes.values(), key=lambda h: h.offset))


def by_tokens(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with those of no role cut at a chat model's turn tokens, which count wherever the text stood.

    Raises TemplateError for more messages than a prompt has.
    """
    cut: list[Message] = []
    for message in messages:
        if message.role is None and any(isinstance(s, Text) and has_tokens(s.text) for s in message.spans):
            cut.extend(split(message.spans, path="", role=None))
        else:
            cut.append(message)
    return tuple(cut)


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
