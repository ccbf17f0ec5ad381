"""A structured file as a tree whose values know where they stand. YAML, JSON and TOML are all read into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agentops.injection.source import Source
from agentops.injection.template import TemplateError
from agentops.model.finding import Location

MAX_DEPTH = 100
"""Nesting that no file of people reaches; what walks a tree may recurse this deep."""

MAX_VALUES = 100_000
"""Values of one file. More is a data set and no prompt file."""

# What merge keys may add to all mappings of a file: a chain of merges doubles with every link otherwise.
_MAX_MERGED = 10_000
_MERGE = "<<"


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A scalar. `text` is its value without quotes and escapes; the file holds it between `start` and `end`. `string`
    is False for numbers, booleans and null."""

    text: str
    start: int
    end: int
    string: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A sequence."""

    items: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """A mapping in the order of the file; a key that stands there twice is kept twice."""

    pairs: tuple[tuple[str, Node], ...]
    start: int
    end: int
    _first: Mapping[str, Node] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first", dict(reversed(self.pairs)))

    def get(self, *keys: str) -> Node | None:
        """The value of the first of the keys that the mapping has."""
        for key in keys:
            if (value := self._first.get(key)) is not None:
                return value
        return None

    def text(self, *keys: str) -> str | None:
        """The first of the values under the keys that is a string."""
        for key in keys:
            value = self.get(key)
            if isinstance(value, Leaf) and value.string:
                return value.text
        return None

    def has(self, *keys: str) -> bool:
        """Whether the mapping has each of the keys."""
        return all(key in self._first for key in keys)


Node = Leaf | Items | Pairs


@dataclass(frozen=True, slots=True)
class Document:
    """The roots of a file: one, or several of a multi-document YAML file or of JSON Lines."""

    roots: tuple[Node, ...]


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it in the order of the file, each shared one once."""
    seen: set[int] = set()
    waiting: list[Node] = [node]
    while waiting:
        here = waiting.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        if isinstance(here, Items):
            waiting.extend(reversed(here.items))
        elif isinstance(here, Pairs):
            waiting.extend(value for _, value in reversed(here.pairs))


def error(source: Source, offset: int, problem: str, *, hint: str = "") -> TemplateError:
    """The error of a syntax at the offset."""
    place = Location(source.path, *source.lines.place(min(max(offset, 0), len(source.text))))
    return TemplateError(
        place, problem, hint=hint or "mend the syntax at that place, or add the file to prompts.exclude"
    )


class _Frame:
    """A container that is not closed yet. `key` is the key whose value comes next."""

    __slots__ = ("anchor", "items", "key", "keyed", "pairs", "start")

    def __init__(self, start: int, *, keyed: bool, anchor: str | None) -> None:
        self.start, self.keyed, self.anchor = start, keyed, anchor
        self.items: list[Node] = []
        self.pairs: list[tuple[str, Node]] = []
        self.key: str | None = None


class Builder:
    """Puts a tree together from what a reader meets, one thing after the other, without recursion."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._frames: list[_Frame] = []
        self._count = 0
        self._merged = 0
        self._anchors: dict[str, Node] = {}
        self.roots: list[Node] = []

    @property
    def depth(self) -> int:
        """How many containers are open."""
        return len(self._frames)

    @property
    def wants_key(self) -> bool:
        """Whether the innermost container is a mapping that waits for a key."""
        return bool(self._frames) and self._frames[-1].keyed and self._frames[-1].key is None

    @property
    def wants_value(self) -> bool:
        """Whether the innermost container is a mapping whose last key has no value yet."""
        return bool(self._frames) and self._frames[-1].key is not None

    @property
    def start(self) -> int:
        """Where the innermost container begins."""
        return self._frames[-1].start

    def open(self, start: int, *, keyed: bool, anchor: str | None = None) -> None:
        """Begin a sequence or, `keyed`, a mapping."""
        if len(self._frames) >= MAX_DEPTH:
            raise error(self._source, start, f"nested deeper than {MAX_DEPTH} levels", hint="flatten the file")
        self._frames.append(_Frame(start, keyed=keyed, anchor=anchor))

    def key(self, name: str) -> None:
        """The key of the value that comes next."""
        self._frames[-1].key = name

    def close(self, end: int) -> Node:
        """End the innermost container. A key without a value is dropped."""
        frame = self._frames.pop()
        node: Node
        if frame.keyed:
            node = Pairs(tuple(self._unmerged(frame.pairs)), frame.start, end)
        else:
            node = Items(tuple(frame.items), frame.start, end)
        return self.add(node, anchor=frame.anchor)

    def replace(self, node: Node) -> None:
        """Forget the innermost container and put the node in its place."""
        self.add(node, anchor=self._frames.pop().anchor)

    def add(self, node: Node, *, anchor: str | None = None) -> Node:
        """Put a whole node where it belongs: as a key, a value, an item or a root."""
        self._count += 1
        if self._count > MAX_VALUES:
            raise error(
                self._source, node.start, f"more than {MAX_VALUES} values",
                hint="a data set is no prompt file: add it to prompts.exclude",
            )  # fmt: skip
        if anchor:
            self._anchors[anchor] = node
        if not self._frames:
            self.roots.append(node)
        elif not self._frames[-1].keyed:
            self._frames[-1].items.append(node)
        elif self._frames[-1].key is None:
            # A key that is no scalar names nothing.
            self._frames[-1].key = node.text if isinstance(node, Leaf) else ""
        else:
            self._frames[-1].pairs.append((self._frames[-1].key, node))
            self._frames[-1].key = None
        return node

    def alias(self, name: str, start: int) -> None:
        """Put the node of that anchor here once more: the same one, not a copy."""
        node = self._anchors.get(name)
        # An anchor that is still open would make the tree endless.
        self.add(node if node is not None else Leaf("", start, start, string=False))

    def _unmerged(self, pairs: list[tuple[str, Node]]) -> list[tuple[str, Node]]:
        """The pairs with those of the mappings under the key `<<`, which do not replace the mapping's own."""
        if not any(name == _MERGE for name, _ in pairs):
            return pairs
        own = {name for name, _ in pairs}
        result = [p for p in pairs if p[0] != _MERGE]
        for name, value in pairs:
            if name != _MERGE:
                continue
            for node in value.items if isinstance(value, Items) else (value,):
                for pair in node.pairs if isinstance(node, Pairs) else ():
                    if pair[0] not in own and self._merged < _MAX_MERGED:
                        self._merged += 1
                        own.add(pair[0])
                        result.append(pair)
        return result
