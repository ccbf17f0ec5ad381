"""What calls hand over by name for the fields of a text that stands elsewhere: `guard(llm, prompt_params={"n": NOTE})`.

Only a constant of the file settles a field, and only where every call that names it hands one over. What the user says
is no constant however a script sets it: a question that is written down there is an example.
"""

from __future__ import annotations

import ast
import re

from agentops.injection.kinds import Kind
from agentops.injection.syntax.python.origin import Origins
from agentops.injection.template import Assigned
from agentops.pysource.texts import Frame

_KEYWORD = re.compile(
    r"(?:prompt|template|partial|input|fill|format|chain)_?(?:param(?:eter)?s|variables|vars|values|kwargs|args|inputs|data)$"
    r"|(?:variables|inputs|replacements|placeholders|substitutions)$"
)
_SPOKEN = frozenset((
    "question", "query", "input", "text", "message", "content", "document", "documents", "context", "user_input",
    "prompt", "user_message", "user_query", "request", "topic",
))  # fmt: skip
_MOST = 2_000


class Handed:
    """The fields of one file that calls fill by a dict."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._settled: dict[str, Assigned | None] = {}

    def note(self, call: ast.Call, frame: Frame) -> None:
        """Look at what the call hands over."""
        for keyword in call.keywords:
            if not (keyword.arg and isinstance(keyword.value, ast.Dict) and _KEYWORD.match(keyword.arg)):
                continue
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and len(self._settled) < _MOST:
                    self._entry(key.value, value, frame)

    def _entry(self, name: str, value: ast.expr, frame: Frame) -> None:
        origin = self._origins.of(value, frame)[0] if isinstance(value, ast.Name | ast.Attribute) else None
        constant = origin is not None and origin.assigned is not None and origin.assigned.kind is Kind.CONSTANT
        known = self._settled.get(name, origin.assigned if origin else None)
        self._settled[name] = known if constant else None

    def constant(self, name: str) -> Assigned | None:
        """What settles the field of that name, None where nothing does."""
        return None if name.lower() in _SPOKEN else self._settled.get(name)
