"""Calls that put a text to a model: one text, or what the system says and what the user asks."""

from __future__ import annotations

import ast
import re

from agentops.injection.syntax.python.found import Found, Turn
from agentops.injection.syntax.python.messages import Messages
from agentops.injection.syntax.python.origin import called_path
from agentops.injection.syntax.python.speech import gives_any_order, has_holes, names_task
from agentops.injection.syntax.python.words import ROLES, gives_orders, reads_as_prompt, role_of, words
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import dotted
from agentops.pysource.texts import Frame, Literal, Parts, Value

USER = frozenset(
    ("prompt", "input", "contents", "user_prompt", "user_message", "query", "message", "user_input", "task")
)
"""Keywords that hold what the user asks."""
_MODEL_CALL = re.compile(
    r"(?:llm|model|client|openai|anthropic|chain|gpt|claude|gemini|chat|agent|completion|genai|initiate_chat|assistant|prompt)",
    re.I,
)
ASKS = re.compile(
    r"^(?:a?invoke|a?predict|a?generate\w*|a?complete\w*|create|a?chat\w*|ask\w*|a?run\w*|a?stream\w*|query\w*|prompt\w*|"
    r"send_message\w*|(?:a_)?initiate_chat|completions?|acompletion|call_\w+|llm\w*|model|agent|chain|achat\w*|get_completion\w*|respond)$",
    re.I,
)
"""The last word of calls that ask something."""
# Calls that reach a model and nothing else.
_SURELY_MODEL = re.compile(
    r"(?:^|[._])(?:llm|gpt\d?|claude|gemini|openai|anthropic)\w*(?:\.|$)|generate_content|(?:^|\.)a?completions?(?:\.|$)"
    r"|initiate_chat",
    re.I,
)
# `ask_llm(system, user)`: the words of a call whose first two arguments may be such a pair.
_PAIRED = frozenset((
    "ask", "llm", "gpt", "chat", "claude", "gemini", "openai", "anthropic", "complete", "completion", "prompt", "agent",
    "model", "generate", "invoke", "query", "call",
))  # fmt: skip
_USER_NAMES = frozenset((
    "user", "question", "query", "text", "content", "message", "prompt", "input", "request", "human", "document",
    "body",
))  # fmt: skip
_ADDRESSED = re.compile(r"\A\W{0,8}(?:you|your|as an?)\b", re.I)


def asked(
    reader: Reader,
    messages: Messages,
    call: ast.Call,
    given: tuple[str, dict[str, ast.expr]],
    frame: Frame,
    found: Found,
) -> Found | None:
    """The find with what the call asks a model, None where it is not seen to ask one. `given` are the call's last
    name and its keywords."""
    called, keywords = given
    if (pair := _pair(reader, call, called, frame)) is not None:
        found.turns = pair
        return found
    path = called_path(call.func)
    if path.endswith("messages.create") and (one := _spoken(reader, keywords, frame)) is not None:
        found.turns = [one]
        return found
    if not ASKS.match(called) or not _MODEL_CALL.search(path):
        return None
    for value in [v for k, v in keywords.items() if k in USER] or call.args[:1]:
        if turns := messages.turns(value, frame, found.notes, pairs=_has_pairs(value)):
            found.turns = turns
            return found
        text = listed(reader, value, frame)
        if text is not None:
            found.turns = [(None, text)]
            surely = _SURELY_MODEL.search(path) is not None
            if gives_orders(found.text) or (surely and reads_as_prompt(found.text, named=True)):
                return found
            if has_holes(text) and names_task(found.text):
                return found
    found.turns = []
    return None


def _has_pairs(value: ast.expr) -> bool:
    return isinstance(value, ast.List) and any(isinstance(e, ast.Tuple) for e in value.elts)


def _spoken(reader: Reader, keywords: dict[str, ast.expr], frame: Frame) -> Turn | None:
    """`threads.messages.create(role="user", content=...)`."""
    match keywords.get("role"), keywords.get("content"):
        case ast.Constant(value=str() as role), ast.expr() as content if role in ROLES:
            return ROLES[role], reader.pieces(content, frame)
        case _:
            return None


def listed(reader: Reader, value: ast.expr, frame: Frame) -> Parts | None:
    """A text, or the texts of a list one behind the other (`contents=["Sum up", page]`); None for anything else."""
    if not isinstance(value, ast.List):
        return reader.text(value, frame)
    if not any(reader.text(e, frame) is not None for e in value.elts):
        return None
    return tuple(p for e in value.elts for p in reader.pieces(e, frame))


def _pair(reader: Reader, call: ast.Call, called: str, frame: Frame) -> list[Turn] | None:
    """`ask(system, user)`: orders first, and what they are about behind."""
    if len(call.args) < 2 or not _PAIRED & set(words(called)):
        return None
    first, second = call.args[:2]
    if isinstance(first, ast.Starred) or isinstance(second, ast.Starred):
        return None
    orders, about = reader.text(first, frame), reader.text(second, frame)
    named = role_of(dotted(first)) == "system"
    if orders is None:
        if not named or about is None or not gives_any_order(_said(about)):
            return None
        orders = (Value(first, *reader.parsed.span(first), frame),)
    elif not (gives_any_order(_said(orders)) or named or _ADDRESSED.match(_said(orders))):
        return None
    if about is None:
        if not _USER_NAMES & set(words(dotted(second).removeprefix("self."))):
            return None
        about = reader.pieces(second, frame)
    elif not has_holes(about) and not reads_as_prompt(_said(about), named=True):
        return None
    return [("system", orders), ("user", about)]


def _said(parts: Parts) -> str:
    return "".join(p.text for p in parts if isinstance(p, Literal))
