"""GenAIScript: the `$` template is the user's text, `def` puts a value between fences beside it, `system` scripts are
system text. All that one script or one inner prompt says to a role is one message."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection.source import Source
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.gathered import Gathered
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.tokens import Chunk, Node
from agentops.injection.syntax.code.tree import MAX_DEPTH, Nodes, entries, fixed, inside, is_group, is_op
from agentops.injection.syntax.code.value import Value

_CALLS = re.compile(r"^[ \t]{0,8}(?:script|system)\(\{|\bctx\.\$`|\benv\.(?:files|vars)\b", re.M)
_DOLLAR = re.compile(r"(?:^|[\s.])\$`", re.M)
_MOST_DEFINED = 400


def is_script(source: Source) -> bool:
    """Whether the file is a GenAIScript, by its name or by its calls."""
    if ".genai." in PurePosixPath(source.path.lower()).name:
        return True
    return _CALLS.search(source.text) is not None and _DOLLAR.search(source.text) is not None


def find(gathered: Gathered) -> None:
    """Add the script's prompt, and one for each inner prompt."""
    path = PurePosixPath(gathered.source.path.lower())
    role = "system" if path.name.startswith("system.") or path.parent.name == "systems" else "user"
    _prompt(gathered, gathered.tree, role, 0)


def _prompt(gathered: Gathered, nodes: Nodes, role: str, depth: int) -> None:
    spoken: dict[str, Value] = {}
    start: list[int] = []
    _collect(gathered, nodes, role, spoken, start, depth)
    order = sorted(spoken, key=("system", "developer", "user", "assistant", "tool").index)
    messages = [Spoken(r, spoken[r], "none") for r in order if spoken[r].parts]
    if any(m.value.says for m in messages) and start:
        gathered.add(Found(messages, start[0], PurePosixPath(gathered.source.path).name.split(".genai")[0], 0))


def _collect(
    gathered: Gathered, nodes: Nodes, role: str, spoken: dict[str, Value], start: list[int], depth: int
) -> None:
    if depth > MAX_DEPTH:
        return
    for at, node in enumerate(nodes):
        if node.kind == "name" and node.text == "$" and at + 1 < len(nodes) and nodes[at + 1].text == "`":
            said = _role_behind(nodes, at + 2) or role
            _add(spoken, said, gathered.values.string(nodes[at + 1]))
            start.append(node.start)
        elif node.kind == "name" and node.text in ("def", "defData", "defDiff") and at + 1 < len(nodes):
            if is_group(nodes[at + 1], "("):
                _define(gathered, nodes[at + 1], role, spoken)
                start.append(node.start)
        elif node.kind == "name" and node.text == "writeText" and at + 1 < len(nodes) and is_group(nodes[at + 1], "("):
            args = inside(nodes[at + 1])
            _add(spoken, role, gathered.values.of(args[0]) if args else Value())
            start.append(node.start)
        elif node.kind == "group":
            before = nodes[at - 1].text if at else ""
            if before in ("runPrompt", "prompt") and node.text == "(":
                _prompt(gathered, node.kids, "user", depth + 1)
            else:
                _collect(gathered, node.kids, role, spoken, start, depth + 1)


def _role_behind(nodes: Nodes, at: int) -> str | None:
    """What `.role("system")` behind a template says."""
    if at + 2 < len(nodes) and is_op(nodes[at], ".") and nodes[at + 1].text == "role" and nodes[at + 2].kids:
        word = fixed(nodes[at + 2].kids[0])
        return word if word in ("system", "assistant", "user") else None
    return None


def _add(spoken: dict[str, Value], role: str, value: Value) -> None:
    whole = spoken.setdefault(role, Value())
    if whole.parts and value.parts:
        at = value.parts[0].start
        whole.parts.append(Chunk("\n", at, at, ((0, at),)))
    whole.parts += value.parts


def _define(gathered: Gathered, arguments: Node, role: str, spoken: dict[str, Value]) -> None:
    """`def("NAME", value)` as it is rendered: a label, a fence, the value, a fence."""
    args = inside(arguments)
    if len(args) < 2:
        return
    name = fixed(args[0][0]) or "DEF"
    options = entries(args[2][0]) if len(args) > 2 and is_group(args[2][0], "{") else {}
    language = (fixed(options["language"][0]) or "") if options.get("language") else ""
    value = gathered.values.of(args[1])
    if not value.parts:
        return
    at, end = args[0][0].start, arguments.end
    head = Chunk(f"{name}:\n```{language}\n", at, end, ((0, at),))
    tail = Chunk("\n```\n", end, end, ((0, end),))
    _add(spoken, role, Value([head, *value.parts[:_MOST_DEFINED], tail]))
