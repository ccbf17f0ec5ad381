"""Small cuts of declarations: the name that is assigned to, parameters, the tests that statements stand under."""

from __future__ import annotations

from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import Nodes, is_group, is_op

DECLARING = frozenset((
    "const", "let", "var", "val", "final", "static", "public", "private", "protected", "export", "readonly", "String",
    "string", "auto",
))  # fmt: skip
"""Words before a name that is declared."""


def target(left: Nodes, *, types_first: bool) -> str | None:
    """The name that is assigned to: of `const x: string`, `String x`, `var x string`, `this.x`, `x`."""
    colon = next((i for i, n in enumerate(left) if is_op(n, ":")), None)
    if colon is not None:
        left = left[:colon]
    while left and is_op(left[-1], "?", "!"):
        left = left[:-1]
    if left and left[-1].kind == "group":
        return None
    names = [n.text for n in left if n.kind == "name"]
    if not names:
        return None
    if colon is None and not types_first and names[0] in ("var", "const") and len(names) > 2:
        return names[1]
    plain = len(names) == 2 and names[0] not in DECLARING and not any(is_op(n, ".") for n in left)
    return names[0] if plain and not types_first else names[-1]


def named(parameter: list[Node], *, types_first: bool) -> str:
    """The name of a parameter, "" where it has none of its own."""
    colon = next((i for i, n in enumerate(parameter) if is_op(n, ":", "=")), len(parameter))
    names = [n.text for n in parameter[:colon] if n.kind == "name"]
    return (names[-1] if types_first else names[0]) if names else ""


def behind_each(item: list[Node]) -> list[tuple[Node | None, Node | None]]:
    """For every node of the item the first braces and the first arrow behind it."""
    found: list[tuple[Node | None, Node | None]] = []
    body: Node | None = None
    arrow: Node | None = None
    for node in reversed(item):
        found.append((body, arrow))
        if is_group(node, "{"):
            body = node
        elif is_op(node, "=>", "->"):
            arrow = node
    found.reverse()
    return found


def tests_in(text: str, item: list[Node], outer: str) -> dict[int, str]:
    """The conditions of an `if` by its braces' places in the item; at -1 that of a statement without braces."""
    found: dict[int, str] = {}
    test = ""
    for at, node in enumerate(item):
        if node.kind != "name" or node.text not in ("if", "else") or len(found) > 20:
            continue
        end = at + 1
        if node.text == "if":
            end = next((i for i in range(at + 1, min(at + 60, len(item))) if is_group(item[i], "{")), at + 2)
            if end - at < 2 or end > len(item):
                continue
            bare = is_group(item[at + 1], "(") and end > at + 2 and item[at + 2].kind == "name"
            end = at + 2 if bare else end
            test = " ".join(text[item[at + 1].start : item[end - 1].end][:120].split())
            test = test[1:-1] if test.startswith("(") and test.endswith(")") else test
            said = test
        else:
            said = f"not ({test})"
        braces = end < len(item) and is_group(item[end], "{")
        found[end if braces else -1] = (f"{outer} and {said}" if outer else said)[:400]
    return found
