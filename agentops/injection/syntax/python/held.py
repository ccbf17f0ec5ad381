"""Template objects that variables hold, and what later calls hand to them."""

from __future__ import annotations

import ast
from collections import Counter

from agentops.injection.syntax.python.calls import Calls
from agentops.injection.syntax.python.found import Found
from agentops.pysource.scopes import Scope, dotted
from agentops.pysource.texts import Frame

# The first call that fills a field tells where it comes from; a template is filled in a few places.
_MOST = 50


class Held:
    """The template objects of one file by the variable that holds them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._templates: dict[tuple[int, str], Found] = {}
        self._filled: Counter[int] = Counter()

    def hold(self, found: Found, name: str, frame: Frame) -> None:
        """Remember that the variable, or the attribute of that name, holds the template."""
        for variable in (name, f"self.{name}"):
            if (owner := frame.scope.owner(variable)) is not None:
                self._templates[id(owner), variable] = found

    def chained(self, value: ast.BinOp | ast.Call, variable: str, owner: Scope, frame: Frame) -> None:
        """A chain (`prompt | model`, `LLMChain(prompt=prompt)`) hands what it is given to its template."""
        members: list[ast.expr] = [k.value for k in value.keywords] if isinstance(value, ast.Call) else []
        left: ast.expr = value
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.BitOr):
            members.append(left.right)
            left = left.left
        for one in (*members, left):
            if (found := self._of(one, frame)) is not None:
                self._templates[id(owner), variable] = found

    def filled(self, template: ast.expr, call: ast.Call, frame: Frame, name: str) -> Found | None:
        """Note what the call hands to the template. The template, where it is written at the call itself."""
        if dotted(template):
            held = self._of(template, frame)
            if held is not None and self._filled[id(held)] < _MOST:
                self._filled[id(held)] += 1
                self._calls.fill(held, call, frame)
            return None
        found = self._calls.read(template, frame, name) if isinstance(template, ast.Call) else None
        if found is None or not self._calls.is_template(template):
            return None
        self._calls.fill(found, call, frame)
        return found

    def _of(self, expr: ast.expr, frame: Frame) -> Found | None:
        name = dotted(expr)
        return self._templates.get((id(frame.scope.owner(name)), name)) if name else None
