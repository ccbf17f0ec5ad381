"""Functions that a decorator makes prompts: their docstring, their decorator's argument, or what they give back.

The decorators are those of mirascope, magentic, ell, outlines, marvin, LMQL and MCP servers.
"""

from __future__ import annotations

import ast
import re

from agentops.injection.syntax.python.found import Found, Turn
from agentops.injection.syntax.python.messages import Messages
from agentops.injection.syntax.python.origin import called_path
from agentops.injection.syntax.python.sources import type_of
from agentops.injection.syntax.python.tools import docstring
from agentops.injection.syntax.python.words import ROLES
from agentops.pysource.filling import for_engine
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import FunctionNode, Scope
from agentops.pysource.texts import Frame, Literal, Parts, Value

_ARGUMENT = re.compile(r"(?:^|\.)(?:prompt|promptchain|chatprompt|prompt_template|user_prompt)$")
_GIVEN_BACK = re.compile(
    r"(?:^|\.)(?:\w*mcp|server|app)\.prompt$|^ell\.(?:simple|complex)$|^(?:llm|openai|anthropic|"
    r"mistral|gemini|groq|cohere|litellm|azure|vertex|google|bedrock|xai)\.call$|^prompt_template$"
)
_DOCSTRING = re.compile(
    r"^outlines\.prompt$|^(?:marvin\.|ai_)fn$|^marvin\.ai_fn$|^lmql\.query$|^prompt_template$|\.call$"
)
_ROLE_LINE = re.compile(r"^[ \t]{0,40}(SYSTEM|USER|ASSISTANT|DEVELOPER|TOOL):[ \t]{0,8}\n?[ \t]{0,40}", re.M)


def prompt(reader: Reader, messages: Messages, node: FunctionNode, scope: Scope) -> Found | None:
    """The prompt that the function's decorators make of it, None where they make none."""
    called = [(called_path(d.func if isinstance(d, ast.Call) else d), d) for d in node.decorator_list]
    span = reader.parsed.span(node)
    found = Found(node.name, span[0], span, [], scope, placed=True)
    frame = Frame(scope)
    for path, decorator in called:
        if _ARGUMENT.search(path) and isinstance(decorator, ast.Call) and decorator.args:
            found.turns = _argument(reader, messages, decorator, frame, found)
    if not found.turns and any(_GIVEN_BACK.search(p) for p, _ in called):
        found.turns = _given_back(reader, messages, scope, found)
        if found.turns and any(p.startswith("ell.") for p, _ in called) and (said := docstring(node)) is not None:
            found.turns.insert(0, ("system", reader.pieces(said, frame)))
    path = next((p for p, _ in called if _DOCSTRING.search(p)), "")
    if not found.turns and path and (said := docstring(node)) is not None:
        found.turns = _described(reader, path, said, scope)
    if not found.turns:
        return None
    for name, one in scope.parameters.items():
        if bounded := type_of(one.annotation, frozenset()):
            found.types[name] = bounded
    return found


def _argument(reader: Reader, messages: Messages, decorator: ast.Call, frame: Frame, found: Found) -> list[Turn]:
    listed = ast.copy_location(ast.List(list(decorator.args), ast.Load()), decorator)
    if turns := messages.turns(listed, frame, found.notes):
        return turns
    text = reader.text(decorator.args[0], frame)
    if text is None:
        return []
    return by_role(reader, for_engine(text, "str.format") or (), "user")


def _given_back(reader: Reader, messages: Messages, scope: Scope, found: Found) -> list[Turn]:
    turns: list[Turn] = []
    for one in scope.returned:
        frame = Frame(scope, one.at, one.branch)
        listed = messages.turns(one.value, frame, found.notes)
        if listed is None and (single := messages.turn(one.value, frame, found.notes)) is not None:
            listed = [single]
        text = reader.text(one.value, frame) if listed is None else None
        turns += listed or ([] if text is None else [("user", text)])
    return turns


def _described(reader: Reader, path: str, said: ast.Constant, scope: Scope) -> list[Turn]:
    text = reader.pieces(said, Frame(scope))
    if path == "outlines.prompt":
        return [(None, for_engine(text, "jinja2") or ())]
    if path.endswith("fn"):
        # The arguments go to the model behind the docstring.
        _, end = reader.parsed.span(said)
        frame = Frame(scope)
        holes = (Value(ast.Name(n, ast.Load()), end, end, frame, name=n) for n in scope.parameters if n != "self")
        return [(None, (*text, *holes))]
    if path == "lmql.query":
        return [(None, for_engine(text, "str.format") or ())]
    turns = by_role(reader, for_engine(text, "str.format") or (), "")
    return turns if len(turns) > 1 or (turns and turns[0][0]) else []


def by_role(reader: Reader, parts: Parts, first: str) -> list[Turn]:
    """The text cut at lines that begin with `SYSTEM:`, `USER:`; what stands before the first is `first`'s."""
    turns: list[tuple[str | None, list[Literal | Value]]] = [(first or None, [])]
    for part in parts:
        if not isinstance(part, Literal):
            turns[-1][1].append(part)
            continue
        at, here = 0, part.start
        for mark in (*_ROLE_LINE.finditer(part.text), None):
            text = part.text[at : mark.start() if mark else len(part.text)]
            if text.strip():
                turns[-1][1].append(_piece(part, text, here))
            if mark is not None:
                found = reader.parsed.text.find(f"{mark[1]}:", here, part.end)
                here = found + len(mark[1]) + 1 if found >= 0 else here
                at = mark.end()
                turns.append((ROLES[mark[1].lower()], []))
    return [(role, tuple(said)) for role, said in turns if said]


def _piece(part: Literal, text: str, start: int) -> Literal:
    return Literal(text, start, part.end, part.node, part.settled, part.engine)
