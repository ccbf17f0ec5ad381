"""The path of a file that a call reads, where the source writes it out: `open("rules.txt")`."""

from __future__ import annotations

import ast
from collections.abc import Sequence

_DEPTH = 12
_MAKERS = frozenset(("Path", "PurePath", "PosixPath", "join", "resolve", "absolute", "joinpath", "dirname", "abspath",
                     "with_name", "expanduser", "realpath", "cwd", "getcwd"))  # fmt: skip
_PLACES = frozenset(("__file__", "os", "path", "pathlib", "parent", "parents", "Path"))


def path_of(arguments: Sequence[ast.expr]) -> str:
    """The literal path that the arguments make, "" where a part of it is a value or none is written."""
    for argument in arguments:
        pieces = _pieces(argument, 0)
        if pieces is None:
            return ""
        if pieces:
            return "/".join(pieces)
    return ""


def _pieces(expr: ast.expr, depth: int) -> list[str] | None:
    """The literal pieces of a path, none for what only says where the program lies; None for a value."""
    if depth > _DEPTH:
        return None
    match expr:
        case ast.Constant(value=str() as said):
            return [said]
        case ast.Constant(value=int()):
            return []
        case ast.Name(id=name):
            return [] if name in _PLACES else None
        case ast.Attribute(value=inner, attr=name):
            return _pieces(inner, depth + 1) if name in _PLACES or name in _MAKERS else None
        case ast.Subscript(value=inner):
            return _pieces(inner, depth + 1)
        case ast.BinOp(left=left, op=ast.Div() | ast.Add(), right=right):
            return _all([left, right], depth)
        case ast.Call(func=ast.Name(id=name), args=args) if name in _MAKERS:
            return _all(args, depth)
        case ast.Call(func=ast.Attribute(attr=name) as func, args=args) if name in _MAKERS:
            return _all([func.value, *args], depth)
        case _:
            return None


def _all(parts: Sequence[ast.expr], depth: int) -> list[str] | None:
    found: list[str] = []
    for part in parts[:20]:
        pieces = _pieces(part, depth + 1)
        if pieces is None:
            return None
        found += pieces
    return found
