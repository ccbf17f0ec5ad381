"""Places in a text whose braces and dollar signs belong to code, to a formula or to a style sheet."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from agentops.injection.source import Source

_FENCE = re.compile(r"^[ \t>]{0,12}(`{3,20}|~{3,20})[ \t]{0,4}([\w+#.-]{0,30})[^\n`]{0,200}$", re.M)
# Languages whose fences show how something is written; a fence of text or without a language holds data.
_NO_CODE = frozenset(("", "text", "txt", "markdown", "md", "plain", "plaintext", "prompt", "document", "xml", "html"))
# Languages of data, whose fences may hold what the model is given.
_DATA = frozenset(("json", "jsonc", "json5", "jsonl", "yaml", "yml", "toml"))
_FIELD_BEFORE = re.compile(r"(?:\"[^\"\n]{1,80}\"|^[ \t-]{0,20}[\w-]{1,80})[ \t]{0,8}:[ \t]{0,8}\"$", re.M)
_FIELD_BEHIND = re.compile(r"\"[ \t]{0,8}(?:[,}\]\n]|$)")
# A line that introduces what the model shall write.
_ASKED_FOR = re.compile(
    r"\b(?:format\w{0,4}|out|outputs?|respon[ds]\w{0,4}|repl(?:y|ies)|return\w{0,3}|answers?|write|produc\w{1,4}|generat\w{1,4}"
    r"|emit|print|creat\w{1,4}|schema|structure|shape|template|examples?|e\.g\.|like (?:this|so)|as follows|call\w{0,3}"
    r"|run|execute|looks?|sav\w{1,3}|fill\w{0,3})\b",
    re.I,
)
_LISTED = re.compile(r"[ \t]{0,12}(?:[-*+]|\d{1,3}[.)])[ \t]")
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)[ \t]{0,40}\S")
_INLINE = re.compile(r"(`{1,3})(?!`)[^`\n]{1,400}\1(?!`)|<!--(?:(?!-->).){0,4000}-->", re.S)
_MARKDOWN = frozenset((".md", ".markdown", ".mdx", ".mdc"))
_COMMAND = re.compile(r"\\([A-Za-z]{1,30})\*?$")
_LINE_ENDS = ("n", "t", "r")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: where its first line begins, what it holds, and its language in lower case."""

    opened: int
    start: int
    end: int
    language: str


class Code:
    """Where a text is code. Every question is answered in time that the line's length bounds. In `markdown` code may
    be indented as well."""

    def __init__(self, text: str, *, markdown: bool = False) -> None:
        self.text = text
        self.markdown = markdown

    @cached_property
    def _fences(self) -> tuple[list[int], list[int], list[bool]]:
        """Starts and ends of the fenced blocks of a programming language, and whether each holds data that the model
        is given."""
        starts: list[int] = []
        ends: list[int] = []
        given: list[bool] = []
        for fence in self.fences:
            if fence.language not in _NO_CODE:
                starts.append(fence.start)
                ends.append(fence.end)
                given.append(fence.language in _DATA and not asked_for(self.text, fence.opened))
        return starts, ends, given

    @cached_property
    def fences(self) -> tuple[Fence, ...]:
        """All fenced blocks in order."""
        found: list[Fence] = []
        mark, opened, language, begun = "", 0, "", 0
        for fence in _FENCE.finditer(self.text):
            if not mark:
                mark, opened, language, begun = fence[1], fence.start(), fence[2].lower(), fence.end()
            elif fence[1].startswith(mark) and not fence[2]:
                found.append(Fence(opened, begun, fence.start(), language))
                mark = ""
        return tuple(found)

    @cached_property
    def _blocks(self) -> tuple[list[int], list[int]]:
        """Starts and ends of the blocks of indented code: behind an empty line, and not within a list."""
        starts: list[int] = []
        ends: list[int] = []
        at, inside, empty, listed, margin = 0, False, False, False, False
        for line in self.text.splitlines(keepends=True) if self.markdown else ():
            if not line.strip():
                empty = True
            elif _INDENTED.match(line) and not (empty and _LISTED.match(line)):
                # A text that is indented from its first line on has no margin that code could stand out from.
                if inside:
                    ends[-1] = at + len(line)
                elif empty and margin and not listed:
                    starts.append(at)
                    ends.append(at + len(line))
                    inside = True
                empty = False
            else:
                listed = _LISTED.match(line) is not None or (listed and (line[0] in " \t" or not empty))
                inside, empty, margin = False, False, True
            at += len(line)
        return starts, ends

    def blocks(self) -> list[tuple[int, int]]:
        """The blocks of indented code."""
        return list(zip(*self._blocks, strict=True))

    def fenced(self, offset: int) -> bool:
        """Whether the offset lies in a fence of a programming language or of JSON, or in indented code."""
        return self._fence(offset) >= 0 or (self.markdown and _within(self._blocks, offset) >= 0)

    def _fence(self, offset: int) -> int:
        return _within(self._fences[:2], offset)

    def value(self, start: int, end: int) -> bool:
        """Whether it is the whole value of a field of data that the model is given: `{"text": "{page}"}`."""
        number = self._fence(start)
        if number < 0 or not self._fences[2][number]:
            return False
        return (
            _FIELD_BEFORE.search(self.text[max(start - 120, 0) : start]) is not None
            and _FIELD_BEHIND.match(self.text[end : end + 40]) is not None
        )

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
        shown = self.fenced(start) and not self.alone(start, end) and not self.value(start, end)
        return shown or self.formula(start)


def code_of(source: Source) -> Code:
    """Where the file's text is code. In a Markdown file it may be indented."""
    return Code(source.text, markdown=PurePosixPath(source.path.lower()).suffix in _MARKDOWN)


def asked_for(text: str, offset: int) -> bool:
    """Whether the last line above the offset that says something introduces what the model shall write."""
    above = text[max(offset - 400, 0) : offset].rstrip()
    return _ASKED_FOR.search(above[above.rfind("\n") + 1 :]) is not None


def prose(text: str, *, markdown: bool = True) -> str:
    """The text with code of every form and comments replaced by spaces, so that offsets stay true."""
    code = Code(text, markdown=markdown)
    blocks = [(f.start, f.end) for f in code.fences] + (code.blocks() if markdown else [])
    parts: list[str] = []
    at = 0
    for start, end in sorted(blocks):
        if start >= at:
            parts += [text[at:start], " " * (end - start)]
            at = end
    plain = "".join((*parts, text[at:]))
    return _INLINE.sub(lambda m: " " * len(m[0]), plain)


def _within(places: tuple[list[int], list[int]], offset: int) -> int:
    """The number of the place that holds the offset, -1 where none does."""
    starts, ends = places
    number = bisect_right(starts, offset) - 1
    return number if number >= 0 and offset < ends[number] else -1
