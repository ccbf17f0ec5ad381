"""Which block of a template language a place stands in: what is said in a branch protects only that branch."""

from __future__ import annotations

import re
from bisect import bisect_right

from agentops.injection.mend.edits import NoMend

_TAG = re.compile(
    r"\{%[-+]?[ \t\n]{0,40}(\w{1,30})([^%]{0,300})"  # Jinja2
    r"|\{\{[-~]?[ \t]{0,40}(?:([#^])|(/)|(if|range|with|define|block)\b|(else)\b|(end)\b)"  # Mustache, Handlebars, Go
)
_OPENS = frozenset(("if", "for", "macro", "call", "filter", "block", "with", "raw", "autoescape", "trans"))
_BRANCHES = frozenset(("else", "elif"))
_MOST_DEEP = 200


class Nesting:
    """The blocks of a text by place. The whole text is block 0."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        self._blocks = [0]
        self._above = {0: -1}
        stack = [0]
        for tag in _TAG.finditer(text):
            opens, closes, branches = _what(tag)
            if (closes or branches) and len(stack) > 1:
                stack.pop()
            if opens or branches:
                block = len(self._above)
                self._above[block] = stack[-1]
                stack.append(block)
                if len(stack) > _MOST_DEEP:
                    raise NoMend("its blocks are nested too deeply")
            if opens or closes or branches:
                self._starts.append(tag.start() + 1)
                self._blocks.append(stack[-1])

    def block(self, offset: int) -> int:
        """The block that the place stands in."""
        return self._blocks[bisect_right(self._starts, offset) - 1]

    def covers(self, outer: int, inner: int) -> bool:
        """Whether what stands at `outer` is always there when the place `inner` is."""
        wanted, block = self.block(outer), self.block(inner)
        while block > wanted:
            block = self._above[block]
        return block == wanted


def _what(tag: re.Match[str]) -> tuple[bool, bool, bool]:
    """Whether the tag opens a block, closes one, or begins another branch."""
    word = tag[1]
    if word is None:
        return bool(tag[3] or tag[5]), bool(tag[4] or tag[7]), bool(tag[6])
    sets = word == "set" and "=" not in tag[2]
    return word in _OPENS or sets, word.startswith("end"), word in _BRANCHES
