"""Places in a text whose braces and dollar signs belong to code, to a formula or to a style sheet."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

_FENCE = re.compile(r"^[ \t>]{0,12}(`{3,20}|~{3,20})[ \t]{0,4}([\w+#.-]{0,30})[^\n`]{0,200}$", re.M)
# Languages whose fences show how something is written; a fence of text or without a language holds data.
_NO_CODE = frozenset(("", "text", "txt", "markdown", "md", "plain", "plaintext", "prompt", "document", "xml", "html"))
_COMMAND = re.compile(r"\\([A-Za-z]{1,30})\*?$")
_LINE_ENDS = ("n", "t", "r")


class Code:
    """Where a text is code. Every question is answered in time that the line's length bounds."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _fences(self) -> tuple[list[int], list[int]]:
        """Starts and ends of the fenced blocks of a programming language."""
        starts: list[int] = []
        ends: list[int] = []
        open_mark, language, begun = "", "", 0
        for fence in _FENCE.finditer(self.text):
            if not open_mark:
                open_mark, language, begun = fence[1], fence[2].lower(), fence.end()
            elif fence[1].startswith(open_mark) and not fence[2]:
                if language not in _NO_CODE:
                    starts.append(begun)
                    ends.append(fence.start())
                open_mark = ""
        return starts, ends

    def fenced(self, offset: int) -> bool:
        """Whether the offset lies in a fence of a programming language or of JSON."""
        starts, ends = self._fences
        number = bisect_right(starts, offset) - 1
        return number >= 0 and offset < ends[number]

    def alone(self, start: int, end: int) -> bool:
        """Whether nothing else stands on the line, so that the whole line is filled in."""
        begin = self.text.rfind("\n", max(start - 200, 0), start)
        if begin < 0 and start > 200:
            return False
        until = self.text.find("\n", end, end + 200)
        if until < 0 and len(self.text) - end > 200:
            return False
        rest = self.text[begin + 1 : start] + self.text[end : len(self.text) if until < 0 else until]
        return not rest.strip(" \t,;\"'`")

    def formula(self, start: int) -> bool:
        """Whether the brace at the offset is an argument of a LaTeX command: `\\frac{a}{b}`, `x^{2}`."""
        before = self.text[max(start - 80, 0) : start]
        if before.endswith("^"):
            return True
        while before.endswith("}") and "{" in before:
            before = before[: before.rfind("{")]
        command = _COMMAND.search(before)
        return command is not None and command[1] not in _LINE_ENDS

    def example(self, start: int, end: int) -> bool:
        """Whether what stands there is shown and not filled: code in a fence, or a formula."""
        return self.formula(start) or (self.fenced(start) and not self.alone(start, end))
