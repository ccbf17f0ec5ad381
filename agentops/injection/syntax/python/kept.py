"""Which names keep a text, so that the fields an f-string leaves in it are filled by somebody out of sight."""

from __future__ import annotations

import ast

from agentops.pysource.scopes import Scope, dotted


class Kept:
    """The names of one file."""

    def __init__(self) -> None:
        self._handed: dict[Scope, frozenset[str]] = {}

    def keeps(self, scope: Scope, name: str) -> bool:
        """Whether the name keeps its text: for the whole file, or until a function gives it back. A text that a call
        gets goes out as it stands."""
        if scope.function is None or not name:
            return bool(name)
        if scope not in self._handed:
            calls = (n for n in ast.walk(scope.function) if isinstance(n, ast.Call | ast.Dict))
            self._handed[scope] = frozenset(dotted(a) for c in calls for a in _arguments(c))
        return name not in self._handed[scope]


def _arguments(node: ast.Call | ast.Dict) -> list[ast.expr]:
    if isinstance(node, ast.Dict):
        return node.values
    return [*node.args, *(k.value for k in node.keywords)]
