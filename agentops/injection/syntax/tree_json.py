"""JSON and JSON Lines as a tree. Comments, commas too many and a fragment without its outer braces are read as well."""

from __future__ import annotations

import json
import re

from agentops.injection.source import Source
from agentops.injection.syntax.tree import Builder, Document, Leaf, error

_BLANK = re.compile(r"(?:[\s,\ufeff]++|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)++")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_WORD = re.compile(r"[-+\w.]++")
_COLON = re.compile(r"\s*+:")
_LONE = re.compile("[\ud800-\udfff]")


def read(source: Source) -> Document:
    """The values of the file, one after the other. Raises TemplateError."""
    builder = Builder(source)
    ends: list[str] = []
    text, at = source.text, 0
    size = len(text)
    while True:
        if (blank := _BLANK.match(text, at)) is not None:
            at = blank.end()
        if at >= size:
            break
        at = _token(source, builder, ends, at)
    if ends and ends != [""]:
        raise error(source, builder.start, "not JSON: a bracket is not closed")
    if ends:
        builder.close(size)
    return Document(tuple(builder.roots))


def _token(source: Source, builder: Builder, ends: list[str], at: int) -> int:
    """Read one token and say where the next may begin."""
    text = source.text
    mark = text[at]
    if mark in "}]":
        if not ends or ends[-1] != mark:
            raise error(source, at, f"not JSON: nothing is open that {mark} could close")
        if builder.wants_value:
            raise error(source, at, "not JSON: a value is missing behind the key")
        ends.pop()
        builder.close(at + 1)
        return at + 1
    if mark == '"':
        return _string(source, builder, ends, at)
    if builder.wants_key:
        raise error(source, at, "not JSON: a key in double quotes is missing here")
    if mark in "{[":
        builder.open(at, keyed=mark == "{")
        ends.append("}" if mark == "{" else "]")
        return at + 1
    word = _WORD.match(text, at)
    if word is None:
        raise error(source, at, "not JSON: a value is missing here")
    builder.add(Leaf(word[0], at, word.end(), string=False))
    return word.end()


def _string(source: Source, builder: Builder, ends: list[str], at: int) -> int:
    found = _STRING.match(source.text, at)
    if found is None:
        raise error(source, at, "not JSON: the text in quotes is not closed")
    try:
        value = _LONE.sub("\ufffd", json.loads(found[0], strict=False))
    except ValueError as problem:
        raise error(source, at, "not JSON: an escape in the text is wrong") from problem
    colon = _COLON.match(source.text, found.end())
    if colon is None:
        if builder.wants_key:
            raise error(source, found.end(), "not JSON: a colon is missing behind the key")
        builder.add(Leaf(value, at, found.end()))
        return found.end()
    if not builder.wants_key:
        if builder.depth:
            raise error(source, colon.end() - 1, "not JSON: no colon can stand here")
        # An excerpt: the members of an object without its braces.
        builder.open(at, keyed=True)
        ends.append("")
    builder.key(value)
    return colon.end()
