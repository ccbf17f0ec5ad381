"""What a chat message holds: a text, a value, or a list of text blocks, as dicts and as calls."""

from __future__ import annotations

import ast

from agentops.pysource.parts import Reader
from agentops.pysource.texts import Frame, Parts


def content(reader: Reader, expr: ast.expr, frame: Frame) -> Parts:
    """The parts of a message's content: a text, a value, or a list of text blocks."""
    match expr:
        case ast.List(elts=blocks):
            parts: list[Parts] = [_block(reader, b, frame) for b in blocks]
            return tuple(p for part in parts for p in part)
        case ast.Call(func=func) if called(func) in ("Part", "TextPart", "TextContent", "TextBlock", "from_text"):
            return _block(reader, expr, frame)
        case ast.Call(func=func) if expr.args and called(func) in ("PromptTemplate", "from_template"):
            return content(reader, expr.args[0], frame)
        case ast.Call(func=func) if called(func) in ("PromptTemplate", "from_template", "MessagesPlaceholder"):
            value = keyword(expr, ("template", "variable_name"))
            return content(reader, value, frame) if value is not None else ()
        case ast.Constant(value=None):
            return ()
        case _:
            return reader.pieces(expr, frame)


def _block(reader: Reader, block: ast.expr, frame: Frame) -> Parts:
    match block:
        case ast.Dict():
            found = {k.value: v for k, v in zip(block.keys, block.values, strict=True) if isinstance(k, ast.Constant)}
            value = found.get("text") or found.get("content")
            return content(reader, value, frame) if value is not None else ()
        case ast.Call():
            value = keyword(block, ("text", "content")) or (block.args[0] if block.args else None)
            return content(reader, value, frame) if value is not None else ()
        case _:
            return reader.pieces(block, frame)


def called(func: ast.expr) -> str:
    """The last name of what is called."""
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def keyword(call: ast.Call, names: tuple[str, ...]) -> ast.expr | None:
    """The argument of the first of these names that the call is given."""
    return next((k.value for n in names for k in call.keywords if k.arg == n), None)
