"""Suppressions as they stand in files: `agentops: ignore[PT004] reason` in a comment of the file's own form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from agentops.suppress.spans import Spans, of_code, of_expressions
from agentops.text import one_line

# A comment is looked for so far, behind and before: one line of a hostile file may be the whole file.
_LONGEST = 2_000
_OPENER = 60

_MARK = re.compile(r"agentops:[ \t]{0,8}(ignore-file|ignore)\b(?:\[([^\]\n]{0,200})\])?")
# A word, of a language that writes letters or one that writes signs; what stands in brackets is a place to fill.
_WORD = re.compile(r"[^\W\d_]{3}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}")
_PLACE = re.compile(r"\{[^{}]{0,100}\}|<[^<>]{0,100}>|\[[^\[\]]{0,100}\]")
# What a notation could take for the beginning of a hole.
_HOLES = re.compile(r"[{}<>$%\[\]]")
_HEAD = re.compile(r"\A---\n(?:.*\n){0,400}?---(?:\n|\Z)")
# What opens a comment, longest first, and what closes it; where nothing does, the line's end.
_BLOCKS = (
    ("{{- /*", "*/"), ("{{!--", "--}}"), ("{{/*", "*/"), ("<!--", "-->"), ("{{!", "}}"), ("{#-", "#}"), ("{#+", "#}"),
    ("{#", "#}"),
)  # fmt: skip
_HASH = frozenset((".yaml", ".yml", ".toml", ".py"))
_SLASH = frozenset((
    ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".go", ".java", ".kt", ".baml",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comment:
    """One suppression as it is written. `lines` are those that it covers, empty where it covers the whole file.

    `problem` says why it cannot work, empty where it can. `start` and `end` are the offsets of the comment; `removable`
    is whether it could stand in no prompt as a hole: a closed comment without anything that a notation might read.
    """

    line: int
    column: int
    rules: tuple[str, ...]
    reason: str
    whole_file: bool
    lines: tuple[int, ...]
    problem: str
    start: int
    end: int
    removable: bool

    def covers(self, rule: str, line: int | None) -> bool:
        """Whether it speaks of a finding of that rule in that line."""
        return not self.problem and rule in self.rules and (self.whole_file or line in self.lines)


def comments(text: str, path: str) -> tuple[Comment, ...]:
    """The suppressions in a file, in order. `path` tells which comments its kind has. Linear in the text's length."""
    if "agentops:" not in text:
        return ()
    lines = text.split("\n")
    head = _HEAD.match(text)
    style = _Style(_suffix(path), text.count("\n", 0, head.end()) if head else 0)
    following = _following(lines, style)
    forms = _Forms(text, style, head.end() if head else 0)
    found = []
    number, line_start, at, seen = 1, 0, 0, 0
    while (mark := _MARK.search(text, at)) is not None:
        number += text.count("\n", seen, mark.start())
        line_start = text.rfind("\n", seen, mark.start()) + 1 or line_start
        seen = mark.start()
        line_end = line_start + len(lines[number - 1])
        found.append(_comment(mark, (line_start, line_end), number, forms, following[number]))
        # Another may follow on the line, or stand within this one, which then is none.
        at = mark.end()
    return tuple(found)


def blanked(text: str, found: Iterable[Comment]) -> str:
    """The text with spaces in place of the removable comments: a reason must not be taken for a part of the prompt."""
    parts, at = [], 0
    for one in found:
        if not one.removable:
            continue
        parts += [text[at : one.start], " " * (one.end - one.start)]
        at = one.end
    return "".join((*parts, text[at:]))


@dataclass(frozen=True, slots=True)
class _Style:
    """Which comments a kind of file has. The first `head` lines are front matter."""

    suffix: str
    head: int

    def line_marks(self, line: int) -> tuple[str, ...]:
        if self.suffix in _HASH or line <= self.head:
            return ("#",)
        return ("//",) if self.suffix in _SLASH else ()

    def blocks(self) -> tuple[tuple[str, str], ...]:
        if self.suffix == ".py":
            return ()
        if self.suffix in _SLASH:
            # BAML's texts are Jinja2.
            return (*(_BLOCKS[-3:] if self.suffix == ".baml" else ()), ("/*", "*/"))
        return _BLOCKS

    def is_comment(self, text: str, line: int) -> bool:
        """Whether the line is nothing but a comment."""
        text = text.strip()
        if any(text.startswith(mark) for mark in self.line_marks(line)):
            return True
        for opener, closer in self.blocks():
            if text.startswith(opener):
                rest = text[len(opener) :]
                end = rest.find(closer)
                return end >= 0 and rest[end + len(closer) :].strip(" \t-}") == ""
        return False


def _suffix(path: str) -> str:
    name = path.rsplit("/", 1)[-1].lower()
    stem = name.removesuffix(".txt")
    for one in (stem, name):
        suffix = "." + one.rsplit(".", 1)[-1]
        if suffix in _HASH or suffix in _SLASH:
            return suffix
    return ""


def _following(lines: list[str], style: _Style) -> list[int]:
    """For each line number the next line that is neither blank nor a comment; 0 where there is none."""
    after = [0] * (len(lines) + 1)
    upcoming = 0
    for number in range(len(lines), 0, -1):
        after[number] = upcoming
        if lines[number - 1].strip() and not style.is_comment(lines[number - 1], number):
            upcoming = number
    return after


class _Forms:
    """Where in one file comments stand."""

    def __init__(self, text: str, style: _Style, head: int) -> None:
        self.style = style
        self._text, self._head = text, head

    @cached_property
    def _code(self) -> Spans:
        return of_code(self._text, self.style.suffix)

    @cached_property
    def _front(self) -> Spans:
        return of_code(self._text[: self._head], ".yaml")

    @cached_property
    def _expressions(self) -> Spans:
        return of_expressions(self._text)

    def is_code(self, offset: int) -> bool:
        """Whether a comment of the language lies there, or one of the front matter."""
        front = offset < self._head and self.style.suffix not in _SLASH | {".py"}
        return self._front.hold(offset) if front else self._code.hold(offset)

    def is_text(self, offset: int) -> bool:
        """Whether a comment may begin there in a text: in no expression of a template."""
        return not self._expressions.hold(offset)


def _comment(mark: re.Match[str], within: tuple[int, int], line: int, forms: _Forms, following: int) -> Comment:
    text, (line_start, line_end) = mark.string, within
    before = text[max(line_start, mark.start() - _OPENER) : mark.start()].rstrip()
    at, closer, problem = _opened(before, mark.start() - _OPENER, line_start, line, forms)
    end = min(line_end, mark.end() + _LONGEST)
    said = text[mark.end() : end]
    if closer:
        stop = said.find(closer)
        if stop < 0:
            problem, closer = f"the comment is not closed by {closer} on its line", ""
        else:
            # A Go template is closed by what follows the comment's own end.
            tail = re.compile(r"\s?-?\}\}").match(said, stop + 2) if before.endswith(("{{/*", "{{- /*")) else None
            end = mark.end() + (tail.end() if tail else stop + len(closer))
            said = said[:stop]
    rules = tuple(dict.fromkeys(r.strip() for r in (mark[2] or "").split(",") if r.strip()))
    again = _MARK.search(said)
    if not closer and again is not None:
        end, said = mark.end() + again.start(), said[: again.start()]
    reason = one_line(said.strip().rstrip("-").strip(" \t:"), 200)
    if not problem and not rules:
        problem = "it names no rule"
    if not problem and _WORD.search(_PLACE.sub(" ", reason)) is None:
        problem = "it gives no reason"
    whole = mark[1] == "ignore-file"
    covered = () if whole else (line, following) if following else (line,)
    removable = bool(closer) and not _HOLES.search(said)
    return Comment(line, at - line_start + 1, rules, reason, whole, covered, problem, at, end, removable)


def _opened(before: str, cut: int, line_start: int, line: int, forms: _Forms) -> tuple[int, str, str]:
    """Where the comment begins, what closes it, and what is wrong with it. `before` is what stands in front of the
    mark, from the line's start or from `cut` on."""
    begun = max(cut, line_start) + len(before)
    for opener, closer in forms.style.blocks():
        at = begun - len(opener)
        if before.endswith(opener) and (forms.is_code(at) if opener == "/*" else forms.is_text(at)):
            return at, closer, ""
    for sign in forms.style.line_marks(line):
        at = begun - len(sign)
        if before.endswith(sign) and not before.endswith("{#") and forms.is_code(at):
            return at, "", ""
    return begun, "", "it stands in no comment of this kind of file"
