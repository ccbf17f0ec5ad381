"""Tokens as a tree of brackets, and the small cuts every reader of it makes: items, entries, assignments, calls."""

from __future__ import annotations

from collections.abc import Sequence

from agentops.injection.syntax.code.tokens import Chunk, Embedded, Node

Nodes = Sequence[Node]

MAX_DEPTH = 80
"""Brackets nested deeper than this are not looked into; people do not write them."""

_CLOSES = {")": "(", "]": "[", "}": "{"}
# An operator at the end or the beginning of a line holds the two lines together, but for these.
_FREE_BEFORE = frozenset(("++", "--", "!"))
_FREE_AFTER = frozenset(("!", "@", "...", "++", "--", "*", "&", "<-"))
_JOINING_WORDS = frozenset((
    "return", "await", "new", "as", "in", "of", "case", "else", "instanceof", "is", "extends", "implements", "export",
    "default",
))  # fmt: skip
_JOINED_WORDS = frozenset(["as", "is", "in", "instanceof", "extends", "implements", "satisfies", "throws"])


def build(tokens: list[Node]) -> list[Node]:
    """The tokens with brackets as groups. What is not closed ends with the file; a lone closing bracket is dropped."""
    return _build(tokens, 0)


def _build(tokens: list[Node], depth: int) -> list[Node]:
    top: list[Node] = []
    stack: list[Node] = []
    kids = top
    open_now = {"(": 0, "[": 0, "{": 0}
    for token in tokens:
        if token.kind == "str":
            _embedded(token, depth)
        if token.kind != "op" or token.text not in "()[]{}":
            kids.append(token)
        elif token.text in open_now:
            token.kind = "group"
            kids.append(token)
            stack.append(token)
            open_now[token.text] += 1
            kids = token.kids
        elif open_now[_CLOSES[token.text]]:
            while stack:
                group = stack.pop()
                open_now[group.text] -= 1
                group.end = token.end
                if group.text == _CLOSES[token.text]:
                    break
            kids = stack[-1].kids if stack else top
    for group in stack:
        group.end = tokens[-1].end
    return top


def _embedded(token: Node, depth: int) -> None:
    for part in token.parts:
        if isinstance(part, Embedded):
            part.nodes = _build(part.nodes, depth + 1) if depth < MAX_DEPTH else []


def is_op(node: Node, *texts: str) -> bool:
    """Whether the node is one of the operators."""
    return node.kind == "op" and node.text in texts


def is_group(node: Node, bracket: str) -> bool:
    """Whether the node is a group in such brackets."""
    return node.kind == "group" and node.text == bracket


def items(nodes: Nodes, *, lines: bool) -> list[list[Node]]:
    """The nodes cut at commas and semicolons, and where `lines` is set at the ends of lines that end a statement.

    The names of `a, err := f()` stay together, without their comma.
    """
    found: list[list[Node]] = []
    item: list[Node] = []
    for at, node in enumerate(nodes):
        if is_op(node, ",", ";"):
            if lines and len(item) <= 2 and _several(nodes, at, item):
                continue
            if item:
                found.append(item)
            item = []
            continue
        if lines and item and node.broken and _ends(item[-1], node):
            found.append(item)
            item = []
        item.append(node)
    if item:
        found.append(item)
    return found


def _several(nodes: Nodes, at: int, item: list[Node]) -> bool:
    """Whether the comma at `at` stands between the names of Go's `a, b := f()`."""
    if not item or any(n.kind != "name" for n in item) or at + 2 >= len(nodes) or nodes[at + 1].kind != "name":
        return False
    after = at + 4 if is_op(nodes[at + 2], ",") else at + 2
    return after < len(nodes) and is_op(nodes[after], ":=")


def inside(group: Node) -> list[list[Node]]:
    """The items of a group: statements or entries of braces, elements or arguments of the others."""
    return items(group.kids, lines=group.text == "{")


def _ends(last: Node, node: Node) -> bool:
    if last.kind == "op" and last.text not in _FREE_BEFORE:
        return False
    if last.kind == "name" and last.text in _JOINING_WORDS:
        return False
    if node.kind == "op":
        return node.text in _FREE_AFTER
    if is_group(node, "{"):
        return False
    return not (node.kind == "name" and node.text in _JOINED_WORDS)


def key(item: Nodes) -> str | None:
    """The key of an entry `key: value`, `"key": value` or `key = value` of named arguments; None for what is none."""
    if len(item) < 2:
        return None
    first = item[0]
    if is_op(item[1], ":") and first.kind in ("name", "str", "num"):
        return fixed(first) if first.kind == "str" else first.text
    return None


def fixed(node: Node) -> str | None:
    """The value of a string without holes, None for anything else."""
    if node.kind != "str" or any(isinstance(p, Embedded) for p in node.parts):
        return None
    return "".join(p.text for p in node.parts if isinstance(p, Chunk))


def entries(group: Node) -> dict[str, list[Node]]:
    """The entries of an object or a composite literal; a name alone stands for itself."""
    found: dict[str, list[Node]] = {}
    for item in inside(group):
        name = key(item)
        if name is not None:
            found.setdefault(name, item[2:])
        elif len(item) == 1 and item[0].kind == "name":
            found.setdefault(item[0].text, item)
    return found


_ASSIGNS = ("=", ":=", "+=", "??=")


def assignment(item: Nodes) -> tuple[int, str] | None:
    """Where in the item its `=`, `:=` or `+=` stands, and which."""
    for at, node in enumerate(item):
        if node.kind == "op" and node.text in _ASSIGNS:
            return (at, node.text) if at else None
        if is_op(node, "=>", "->"):
            return None
        if is_group(node, "{") and at > 1:
            return None
    return None


def dotted(nodes: Nodes, until: int) -> tuple[str, int]:
    """The dotted name that ends before `until`, and where it begins: `openai.chat.create` before its arguments."""
    at = until
    names: list[str] = []
    while at > 0 and nodes[at - 1].kind == "name":
        names.append(nodes[at - 1].text)
        at -= 1
        if at > 0 and is_op(nodes[at - 1], ".", "?.", "::"):
            at -= 1
            if at > 0 and nodes[at - 1].kind != "name":
                return "." + ".".join(reversed(names)), at
        else:
            break
    return ".".join(reversed(names)), at
