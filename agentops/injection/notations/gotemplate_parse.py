"""Go text/template as a tree: texts, actions and blocks, each with its offset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentops.injection.notations.writer import HINT
from agentops.injection.source import Source
from agentops.injection.template import TemplateError
from agentops.model.finding import Location

_MAX_DEPTH = 60
_MAX_ACTION = 5_000
_STOP = re.compile(r"[\"`]|\}\}")
_OPENERS = ("if", "range", "with", "define", "block")
_WORD = re.compile(r"[a-z]{1,12}\b")


@dataclass(slots=True)
class Node:
    """A piece of the tree. `kind` is "text", "value", or the action's word; `otherwise` is what `else` leads to."""

    kind: str
    content: str
    start: int
    end: int
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


def parse(source: Source) -> list[Node]:
    """The tree. Raises TemplateError for an action that is not closed and for blocks that do not match."""
    root: list[Node] = []
    # Every open block with the list that its pieces go to; an `else if` opens one more that the same `end` closes.
    stack: list[tuple[Node, list[Node], int]] = []
    into = root
    for node in _pieces(source):
        if node.kind in _OPENERS:
            if len(stack) >= _MAX_DEPTH:
                raise _error(source, "blocks are nested too deeply", node.start)
            into.append(node)
            stack.append((node, into, 1))
            into = node.body
        elif node.kind == "else":
            if not stack:
                raise _error(source, "{{else}} stands outside a block", node.start)
            into = _else(source, stack, node)
        elif node.kind == "end":
            if not stack:
                raise _error(source, "{{end}} closes no block", node.start)
            _, into, _ = stack.pop()
        else:
            into.append(node)
    if stack:
        raise _error(source, f"the block {{{{{stack[-1][0].kind}}}}} is not ended", stack[-1][0].start)
    return root


def _else(source: Source, stack: list[tuple[Node, list[Node], int]], node: Node) -> list[Node]:
    opened, outer, depth = stack.pop()
    word = _WORD.match(node.content)
    if word is None:
        stack.append((opened, outer, depth))
        return opened.otherwise
    if depth > 500:
        raise _error(source, "too many branches", node.start)
    chained = Node(word[0], node.content[word.end() :].strip(), node.start, node.end)
    opened.otherwise.append(chained)
    stack.append((chained, outer, depth + 1))
    return chained.body


def _pieces(source: Source) -> Iterator[Node]:
    text, at = source.text, 0
    while (start := text.find("{{", at)) >= 0:
        if start > at:
            yield Node("text", text[at:start], at, start)
        if _no_action(text, start):
            yield Node("text", "{", start, start + 1)
            at = start + 1
            continue
        end = _close(source, start)
        content = text[start + 2 : end - 2]
        content = content.removeprefix("-").removesuffix("-") if content != "-" else ""
        content = content.strip()
        at = end
        if content.startswith("/*"):
            continue
        word = _WORD.match(content)
        kind = word[0] if word and word[0] in (*_OPENERS, "else", "end", "template", "break", "continue") else "value"
        yield Node(kind, content[len(kind) :].strip() if kind != "value" else content, start, end)
    if at < len(text):
        yield Node("text", text[at:], at, len(text))


def _no_action(text: str, start: int) -> bool:
    """Braces of an object in an example: an action begins with a name, a dot, a dollar sign, a text or a number."""
    head = text[start + 2 : start + 6].lstrip("- \t\n")[:1]
    return head in ("{", "'", ":", "}", "[") or (
        head == '"' and re.match(r"\{\{\s*\"[\w ]{1,60}\"\s*:", text[start : start + 90]) is not None
    )


def _close(source: Source, start: int) -> int:
    text, at = source.text, start + 2
    limit = start + _MAX_ACTION
    comment = re.compile(r"\{\{-?\s{0,4}/\*").match(text, start)
    if comment:
        at = text.find("*/", comment.end(), start + 200_000)
        limit = at + 100
        if at < 0:
            raise _error(source, "the comment is not closed", start)
    while stop := _STOP.search(text, at, limit):
        if stop[0] == "}}":
            return stop.end()
        at = _after_text(text, stop, limit)
        if at < 0:
            raise _error(source, "a text inside an action is not closed", stop.start())
    raise _error(source, "the action is not closed", start)


_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.){0,5000}\"")


def _after_text(text: str, stop: re.Match[str], limit: int) -> int:
    if stop[0] == "`":
        return text.find("`", stop.end(), limit) + 1 or -1
    found = _STRING.match(text, stop.start(), limit)
    return found.end() if found else -1


def _error(source: Source, problem: str, offset: int) -> TemplateError:
    return TemplateError(Location(source.path, *source.lines.place(offset)), problem, hint=HINT)
