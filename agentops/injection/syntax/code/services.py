"""AI services of LangChain4j and Quarkus: `@SystemMessage` and `@UserMessage` of a method or type are one template."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agentops.injection.kinds import Kind
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.gathered import Gathered
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.tokens import Chunk, Node
from agentops.injection.syntax.code.tree import MAX_DEPTH, Nodes, fixed, inside, is_group, is_op
from agentops.injection.syntax.code.typed import type_of
from agentops.injection.syntax.code.value import Ref, Value
from agentops.injection.template import Assigned, TemplateKind

_ROLES = {"SystemMessage": "system", "UserMessage": "user"}
_TOOLS = frozenset(("Tool", "P", "ToolArg", "ToolParam"))
_HIDDEN = frozenset(("MemoryId", "ToolMemoryId"))
_BEFORE_METHOD = frozenset((
    "public", "protected", "private", "default", "abstract", "static", "final", "suspend", "override", "fun",
    "synchronized",
))  # fmt: skip


@dataclass(slots=True)
class _Pending:
    """The annotations read since the last declaration."""

    messages: list[Spoken] = field(default_factory=list)
    at: int = -1


def find(gathered: Gathered) -> None:
    """Add the services' templates and the tools' descriptions to the finds."""
    _walk(gathered, gathered.tree, [], 0)


def _walk(gathered: Gathered, nodes: Nodes, outer: list[Spoken], depth: int) -> None:
    if depth > MAX_DEPTH:
        return
    pending = _Pending()
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if is_op(node, "@") and at + 1 < len(nodes):
            at = _annotation(gathered, nodes, at, pending)
            continue
        if node.kind == "name" and node.text in ("interface", "class", "record", "object"):
            body = next((i for i in range(at + 1, min(at + 60, len(nodes))) if is_group(nodes[i], "{")), None)
            if body is not None:
                systems = [m for m in pending.messages if m.role == "system"]
                pending = _Pending()
                _walk(gathered, nodes[body].kids, systems or outer, depth + 1)
                at = body + 1
                continue
        if is_group(node, "(") and at and nodes[at - 1].kind == "name" and (pending.messages or outer):
            if _declares(nodes, at):
                _method(gathered, nodes[at - 1], node, pending, outer)
            pending = _Pending()
        elif is_op(node, ";") or is_group(node, "{"):
            if pending.messages:
                _emit(gathered, [*_without(outer, pending.messages), *pending.messages], pending.at, "", [])
            pending = _Pending()
        if node.kind == "group":
            _walk(gathered, node.kids, [], depth + 1)
        at += 1
    if pending.messages:
        _emit(gathered, [*_without(outer, pending.messages), *pending.messages], pending.at, "", [])


def _annotation(gathered: Gathered, nodes: Nodes, at: int, pending: _Pending) -> int:
    """Read the annotation that begins at the `@`; gives where to go on."""
    end = at + 2
    name = nodes[at + 1].text
    while end + 1 < len(nodes) and is_op(nodes[end], ".", ":") and nodes[end + 1].kind == "name":
        name, end = nodes[end + 1].text, end + 2
    if end >= len(nodes) or not is_group(nodes[end], "("):
        return end
    arguments = nodes[end]
    if name in _ROLES and arguments.kids:
        pending.messages.append(Spoken(_ROLES[name], _text(gathered, arguments), "template"))
        pending.at = nodes[at].start if pending.at < 0 else pending.at
    elif name in _TOOLS:
        value = _text(gathered, arguments)
        if value.says and value.words >= 4:
            gathered.add(Found([Spoken(None, value, "none")], nodes[at].start, name, 0, TemplateKind.TOOL))
    return end + 1


def _text(gathered: Gathered, arguments: Node) -> Value:
    """The text of an annotation: its value, lines of which an array holds one each; a resource is a text not seen."""
    whole = Value()
    for item in inside(arguments):
        name = item[0].text if len(item) > 2 and is_op(item[1], "=") else ""
        if name == "fromResource":
            file = fixed(item[2]) or "a resource"
            ref = Ref("fromResource", item[0].start, item[-1].end)
            whole.parts.append(
                replace(ref, assigned=Assigned(Kind.UNKNOWN, f"its text is in {file[:80]}, which is not read"))
            )
            continue
        if name not in ("", "value", "description", "delimiter", "name"):
            continue
        if name in ("delimiter", "name"):
            continue
        nodes = item[2:] if name else item
        lines = inside(nodes[0]) if nodes and nodes[0].kind == "group" and nodes[0].text in "{[" else [nodes]
        for line in lines:
            value = gathered.values.of(line)
            if whole.parts and value.parts:
                start = value.parts[0].start
                whole.parts.append(Chunk("\n", start, start, ((0, start),)))
            whole.parts += value.parts
    return whole


def _declares(nodes: Nodes, at: int) -> bool:
    """Whether the parentheses are a method's parameters: a type or `fun` stands before its name."""
    if at < 2:
        return True
    before = nodes[at - 2]
    return before.kind == "name" or before.text in (">", "]", "[", "?")


def _method(gathered: Gathered, name: Node, parameters: Node, pending: _Pending, outer: list[Spoken]) -> None:
    messages = [*_without(outer, pending.messages), *pending.messages]
    declared = [_parameter(p, gathered) for p in inside(parameters)[:60]]
    _emit(
        gathered,
        messages,
        pending.at if pending.at >= 0 else name.start,
        name.text,
        [d for d in declared if d is not None],
    )


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    variable: str
    type: str
    spoken: bool
    plain: bool
    start: int
    end: int


def _parameter(item: Nodes, gathered: Gathered) -> _Parameter | None:
    variable = ""
    spoken = hidden = annotated = False
    rest: list[Node] = []
    at = 0
    while at < len(item):
        if is_op(item[at], "@") and at + 1 < len(item):
            word = item[at + 1].text
            annotated = True
            hidden = hidden or word in _HIDDEN
            spoken = spoken or word == "UserMessage"
            at += 2
            if at < len(item) and is_group(item[at], "("):
                if word == "V" and item[at].kids:
                    variable = fixed(item[at].kids[-1]) or ""
                at += 1
            continue
        rest.append(item[at])
        at += 1
    names = [i for i, n in enumerate(rest) if n.kind == "name"]
    if not names or hidden:
        return None
    colon = next((i for i, n in enumerate(rest) if is_op(n, ":")), None)
    if colon is not None and colon > 0:
        name, kind = rest[colon - 1], rest[colon + 1 :]
    else:
        name, kind = rest[names[-1]], [n for n in rest[: names[-1]] if n.text != "final"]
    if any(n.text in ("MemoryId", "InvocationParameters", "ChatMemory") for n in kind):
        return None
    found = type_of(
        kind[:1] if kind and kind[0].text[:1].isupper() and len(kind) == 1 else kind, gathered.values.scope.enums
    )
    return _Parameter(name.text, variable or name.text, found, spoken, not annotated, name.start, name.end)


def _without(outer: list[Spoken], own: list[Spoken]) -> list[Spoken]:
    """The type's messages of roles that the method does not say itself."""
    return [m for m in outer if m.role not in {o.role for o in own}]


def _emit(gathered: Gathered, messages: list[Spoken], at: int, name: str, parameters: list[_Parameter]) -> None:
    said = next((p for p in parameters if p.spoken), None)
    texts = "".join(p.text for m in messages for p in m.value.parts if isinstance(p, Chunk))
    if said is None and not any(m.role == "user" for m in messages) and parameters:
        # Without @UserMessage the only parameter that no variable names is what the user says.
        free = [p for p in parameters if f"{{{p.variable}}}" not in texts]
        said = free[0] if len(free) == 1 or (free and free[0].plain) else None
    if said is not None:
        messages = [*messages, Spoken("user", Value([Ref(said.name, said.start, said.end)]))]
    types = {p.variable: p.type for p in parameters if p.type}
    if len(parameters) == 1 and parameters[0].type:
        types["it"] = parameters[0].type
    if any(m.value.says or (m.value.refs and m.notation) for m in messages):
        gathered.add(Found(messages, max(at, 0), name, 0, types=types))
