"""Lists of messages in the many forms that libraries write them in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentops.injection.source import Source
from agentops.injection.syntax.structured_draft import Part
from agentops.injection.syntax.structured_keys import HOLE_SIGN, ROLE_WORDS, words
from agentops.injection.syntax.tree import Items, Leaf, Node, Pairs
from agentops.injection.template import Hole, Note, NoteKind
from agentops.model.finding import Location

_ROLE_KEYS = ("role", "type", "from", "_type", "speaker", "author", "name")
_TEXT_KEYS = ("content", "value", "text", "prompt", "message", "template", "parts", "contents", "data", "kwargs", "raw",
              "blocks")  # fmt: skip
_PLACEHOLDER = re.compile(r"placeholder", re.IGNORECASE)
_CLASS_TRAILERS = frozenset(("message", "prompt", "template", "chunk", "placeholder"))
# Of a content nested deeper than this nobody knows what it is.
_MAX_NESTING = 6


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of a list, and what is to be said of them."""

    parts: tuple[Part, ...]
    notes: tuple[Note, ...]


def read(source: Source, node: Items) -> Conversation | None:
    """The messages, or None where the list is no list of messages."""
    parts: list[Part] = []
    notes: list[Note] = []
    found = other = 0
    for item in node.items:
        if isinstance(item, Pairs) and (part := _message(source, item, notes)) is not None:
            found += 1
            parts.append(part)
        elif isinstance(item, Leaf) and item.string and HOLE_SIGN.search(item.text):
            # A hole among messages stands for messages: the history.
            parts.append(Part("user", (item,)))
        elif isinstance(item, Items) and (part := _pair(item)) is not None:
            found += 1
            parts.append(part)
        elif isinstance(item, Pairs) and isinstance(item.get("content"), Leaf) and leaves(item.get("content")):
            parts.append(Part("user", leaves(item.get("content"))))  # among messages the user's needs no role
        elif not (isinstance(item, Pairs) and item.has("type")):
            other += 1
    return Conversation(tuple(parts), tuple(notes)) if found and not other else None


def role_of(word: str) -> str | None:
    """The role that a word or the name of a class tells: `human`, `SystemMessagePromptTemplate`."""
    parts = [w for w in words(word) if w not in _CLASS_TRAILERS]
    return ROLE_WORDS.get(parts[0]) if len(parts) == 1 else None


def leaves(node: Node | None, depth: int = 0) -> tuple[Leaf, ...]:
    """The strings of a content: a string, a list of parts, or a mapping around one."""
    if isinstance(node, Leaf):
        return (node,) if node.string else ()
    if depth >= _MAX_NESTING or node is None:
        return ()
    if isinstance(node, Items):
        return tuple(leaf for item in node.items for leaf in leaves(item, depth + 1))
    for key in _TEXT_KEYS:
        if (value := node.get(key)) is not None and (found := leaves(value, depth + 1)):
            return found
    return ()


def _message(source: Source, item: Pairs, notes: list[Note]) -> Part | None:
    if (part := _placeholder(source, item)) is not None:
        return part
    for key in _ROLE_KEYS:
        said = item.get(key)
        if not (isinstance(said, Leaf) and said.string):
            continue
        role = role_of(said.text)
        if role is None and key == "role" and HOLE_SIGN.search(said.text):
            where = Location(source.path, *source.lines.place(said.start))
            notes.append(Note(NoteKind.DYNAMIC_ROLE, said.text[:80], where, said.text.strip("{}$ %")[:80]))
            role = "user"
        if role is not None and item.has("tool_calls") and not item.has("content"):
            return Part(role)
        if role is not None and any(item.has(k) for k in _TEXT_KEYS):
            return Part(role, leaves(Pairs(tuple(p for p in item.pairs if p[0] != key), item.start, item.end)))
    return _serialised(item) or _single(item)


def _serialised(item: Pairs) -> Part | None:
    """A message as LangChain writes its objects: the class is the last of `id`, the fields are in `kwargs`."""
    path, fields = item.get("id"), item.get("kwargs")
    if not (isinstance(path, Items) and path.items and isinstance(fields, Pairs)):
        return None
    name = path.items[-1]
    role = role_of(name.text) if isinstance(name, Leaf) else None
    return Part(role, leaves(fields)) if role is not None else None


def _single(item: Pairs) -> Part | None:
    """`- system: text`."""
    if len(item.pairs) != 1:
        return None
    key, value = item.pairs[0]
    role = role_of(key) if key in ROLE_WORDS else None
    found = leaves(value)
    return Part(role, found) if role is not None and found else None


def _pair(item: Items) -> Part | None:
    """`["system", "text"]`."""
    if len(item.items) != 2:
        return None
    said, text = item.items
    if not (isinstance(said, Leaf) and isinstance(text, Leaf) and text.string):
        return None
    role = ROLE_WORDS.get(said.text.lower())
    return Part(role, (text,)) if role is not None else None


def _placeholder(source: Source, item: Pairs) -> Part | None:
    """A place for messages: `{"variable_name": "history"}`."""
    inner = item.get("kwargs")
    holder = inner if isinstance(inner, Pairs) else item
    variable = holder.get("variable_name")
    if not (isinstance(variable, Leaf) and variable.string):
        return None
    kind = item.text("_type", "type") or ""
    if not (_PLACEHOLDER.search(kind) or len(holder.pairs) <= 4):
        return None
    line, column = source.lines.place(variable.start)
    written = source.text[variable.start : variable.end]
    return Part("user", spans=(Hole(variable.text, source.path, line, column, variable.start, written=written),))
