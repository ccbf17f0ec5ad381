"""Insertions into a text: put in, taken out again, and one set of them after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class NoMend(Exception):
    """There is no safe mend. The message says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` put in at `offset`, which counts characters of the text as it was. `read` is what of it the rendered
    prompt holds: nothing for the mark of a role."""

    offset: int
    text: str
    read: str


def ordered(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits by place; those at one place keep their order."""
    return tuple(sorted(edits, key=lambda e: e.offset))


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with the insertions. `edits` are in order."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += (text[at : edit.offset], edit.text)
        at = edit.offset
    return "".join((*parts, text[at:]))


def remove(text: str, edits: Sequence[Edit]) -> str:
    """The text without the insertions that `apply` made. Raises NoMend where one does not stand in its place."""
    parts: list[str] = []
    at = put_in = 0
    for edit in edits:
        start = edit.offset + put_in
        if not text.startswith(edit.text, start):
            raise NoMend("the insertions cannot be taken out again")
        parts.append(text[at:start])
        at = start + len(edit.text)
        put_in += len(edit.text)
    return "".join((*parts, text[at:]))


def then(first: Sequence[Edit], second: Sequence[Edit]) -> tuple[Edit, ...]:
    """Both as one set of edits on the text that `first` was made for. `second` was made for what `first` gives.

    Raises NoMend where one of `second` lies within an insertion of `first`.
    """
    done: list[Edit] = []
    number = put_in = 0
    for edit in second:
        while number < len(first) and first[number].offset + put_in + len(first[number].text) <= edit.offset:
            done.append(first[number])
            put_in += len(first[number].text)
            number += 1
        if number < len(first) and first[number].offset + put_in < edit.offset:
            raise NoMend("two insertions would lie within each other")
        done.append(Edit(edit.offset - put_in, edit.text, edit.read))
    return (*done, *first[number:])


def without(text: str, read: frozenset[str]) -> str:
    """The text with neither white space nor any of the `read` pieces: what two versions of a prompt have in common."""
    text = "".join(text.split())
    for piece in sorted(("".join(p.split()) for p in read), key=len, reverse=True):
        text = text.replace(piece, "") if piece else text
    return text
