"""YAML as a tree. The events of libyaml are put together here, so that depth and aliases stay bounded."""

from __future__ import annotations

import re
from typing import Any

from agentops.injection.source import Source
from agentops.injection.syntax.tree import Builder, Document, Leaf, error
from agentops.injection.template import TemplateError

# Plain scalars that are no strings (YAML 1.2 core schema, and the words of 1.1 that people still write).
_NOT_TEXT = re.compile(r"(?:~|null|true|false|yes|no|on|off|[-+]?[\d.][\d._]{0,40}(?:e[-+]?\d{1,9})?)?", re.IGNORECASE)


def read(source: Source) -> Document:
    """The documents of the file. Tags are taken as nothing, keys may stand twice. Raises TemplateError."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Marks count from behind a byte order mark, and a tab cannot indent: neither changes where things stand.
    text = source.text
    shift = 1 if text.startswith("\ufeff") else 0
    builder = Builder(source)
    try:
        for event in yaml.parse(text[shift:], Loader=loader):
            _take(builder, event, text, shift)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        offset = mark.index + shift if mark is not None else 0
        raise error(source, offset, f"not YAML: {problem.problem or problem.context or 'unknown'}") from None
    except yaml.reader.ReaderError as problem:
        raise error(source, _unreadable(text), "not YAML: a character that YAML forbids") from problem
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError, AttributeError) as problem:
        if isinstance(problem, TemplateError):
            raise
        raise error(source, 0, "not YAML") from problem
    return Document(tuple(builder.roots))


def _take(builder: Builder, event: Any, text: str, shift: int) -> None:
    kind = type(event).__name__
    start = event.start_mark.index + shift
    if kind == "ScalarEvent":
        plain = event.style is None
        string = not (plain and event.tag is None and _NOT_TEXT.fullmatch(event.value))
        end = event.end_mark.index + shift
        builder.add(Leaf(event.value, start, end, string=string), anchor=event.anchor)
    elif kind == "MappingStartEvent":
        builder.open(start, keyed=True, anchor=event.anchor)
    elif kind == "SequenceStartEvent":
        builder.open(start, keyed=False, anchor=event.anchor)
    elif kind in ("MappingEndEvent", "SequenceEndEvent"):
        _close(builder, text, event.end_mark.index + shift)
    elif kind == "AliasEvent":
        builder.alias(event.anchor, start)


def _close(builder: Builder, text: str, end: int) -> None:
    start = builder.start
    if text.startswith("{{", start) and text.startswith("}}", end - 2) and end - start < 1_000:
        # `key: {{ name }}` is a mapping to YAML; whoever wrote it means the value of a template.
        builder.replace(Leaf(text[start:end], start, end))
    else:
        builder.close(end)


def _unreadable(text: str) -> int:
    """The offset of the first character that YAML does not allow (production c-printable)."""
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    return found.start() if found else 0
