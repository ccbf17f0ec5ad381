"""Roles that are written as blocks: guidance's `with user():`, and `{% chat role="user" %}` of LlamaIndex."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from agentops.injection.syntax.python.found import Found, Turn
from agentops.injection.syntax.python.origin import called_path
from agentops.injection.syntax.python.words import ROLES
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import Scope, Scopes, place
from agentops.pysource.texts import Frame, Literal, Parts, Value

_GENERATED = frozenset(("gen", "select", "capture", "generate"))
_CHAT = re.compile(
    r"\{%-?\s{0,9}chat\s{1,9}role\s{0,9}=\s{0,9}[\"']?([\w.]{1,60})[\"']?\s{0,9}-?%\}|\{%-?\s{0,9}endchat\s{0,9}-?%\}"
)


def role_of_block(node: ast.stmt) -> str:
    """The role of a `with` block that speaks in one, else ""."""
    match node:
        case ast.With(items=[ast.withitem(context_expr=ast.Call() as call)]):
            name = called_path(call.func).rsplit(".", 1)[-1]
            if name == "role" and call.args and isinstance(call.args[0], ast.Constant):
                name = str(call.args[0].value)
            return ROLES.get(name, "")
        case _:
            return ""


def blocks(reader: Reader, scopes: Scopes, nodes: list[ast.stmt], scope: Scope) -> Found | None:
    """The prompt that neighbouring blocks with roles make, None where no text is in them."""
    turns: list[Turn] = []
    for node in nodes:
        parts: list[Literal | Value] = []
        for one in node.body if isinstance(node, ast.With) else ():
            match one:
                case ast.AugAssign(value=value) | ast.Assign(value=ast.BinOp(right=value)):
                    frame = Frame(scope, place(one), scopes.branches.get(one, ()))
                    parts += [p for p in reader.pieces(value, frame) if not _is_generated(p)]
        if parts:
            turns.append((role_of_block(node), tuple(parts)))
    if not any(isinstance(p, Literal) for _, parts in turns for p in parts):
        return None
    start, end = reader.parsed.span(nodes[0])[0], reader.parsed.span(nodes[-1])[1]
    return Found(scope.function.name if scope.function else "", start, (start, end), turns, scope, placed=True)


def _is_generated(part: Literal | Value) -> bool:
    """A field that the model fills itself."""
    match part:
        case Value(expr=ast.Call(func=func)):
            return called_path(func).rsplit(".", 1)[-1] in _GENERATED
        case _:
            return False


def chat_blocks(reader: Reader, parts: Parts) -> list[Turn] | None:
    """The messages of a text whose blocks name their roles. None for a text without such blocks, and where something
    else stands around them (a loop over messages): see `without_chat`."""
    turns: list[Turn] = []
    for part in parts:
        if not isinstance(part, Literal) or not _CHAT.search(part.text):
            return None
        at, here, role = 0, part.start, ""
        for mark in _CHAT.finditer(part.text):
            text = part.text[at : mark.start()]
            if role:
                turns.append((role, (replace(part, text=text, start=here),)))
            elif text.strip():
                return None
            role = ROLES.get(mark[1].lower(), "") if mark[1] else ""
            if mark[1] and not role:
                return None
            found = reader.parsed.text.find(mark[0], here, part.end)
            here, at = found + len(mark[0]) if found >= 0 else here, mark.end()
        if part.text[at:].strip():
            return None
    return turns or None


def without_chat(parts: Parts) -> Parts:
    """The text without its marks of roles, which no template engine but LlamaIndex's knows."""
    return tuple(replace(p, text=_CHAT.sub("", p.text)) if isinstance(p, Literal) else p for p in parts)
