"""Parses Python source, whole files and cut-out fragments alike, and tells where in the text a node stands.

A fragment is tried as it stands, then with lines put before it that make it whole (a method's body, a lone `elif`, the
arguments of a call). Such lines are never part of what offsets count.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

_LONG = 200_000
# Longer source is data and no program; a generated module of this size is read in about a second.
MAX_CHARACTERS = 600_000
# Before Python 3.12 each field of an f-string costs the length of the whole literal.
_FEW_BRACES = 20_000
_MAX_FIELD_WORK = 5_000_000_000
_STRING = re.compile(r"#[^\n]*+|([A-Za-z]{0,2})(\"\"\"|\'\'\'|\"|\')")
_BODY = {
    '"': re.compile(r'(?:[^"\\\n]++|\\[\s\S])*+'),
    "'": re.compile(r"(?:[^'\\\n]++|\\[\s\S])*+"),
    '"""': re.compile(r'(?:[^"\\]++|\\[\s\S]|"(?!""))*+'),
    "'''": re.compile(r"(?:[^'\\]++|\\[\s\S]|'(?!''))*+"),
}
_CUTS = 6
_BEHIND = re.compile(r"[ \t]*(elif|else|except|finally)\b")
_QUOTE = re.compile(r"[\"']")
_WIDE = re.compile(r"[^\x00-\x7f]")
# What a parser that runs out of room or meets a forbidden character raises besides SyntaxError.
_REFUSALS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


class SourceError(Exception):
    """Text that is no Python, not even a piece of it. `line` and `column` count from 1."""

    def __init__(self, problem: str, *, line: int, column: int) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands around a fragment while it is parsed: lines before, blanks before its first line, an end."""

    before: str = ""
    pad: int = 0
    after: str = ""


@dataclass
class Parsed:
    """A tree and the text it was read from. Offsets count characters of that text."""

    text: str
    tree: ast.Module
    _lines_before: int = 0
    _pad: int = 0
    _starts: list[int] = field(default_factory=list)
    _narrow: bool = False
    _wide: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._narrow = self.text.isascii()
        self._starts = [0, *(m.end() for m in re.finditer("\n", self.text))]

    def offset(self, line: int, column: int) -> int:
        """The offset of a position as nodes give it: a line from 1, a column in bytes of UTF-8 from 0."""
        number = line - 1 - self._lines_before
        if number < 0:
            return 0
        if number >= len(self._starts):
            return len(self.text)
        if number == 0:
            column = max(column - self._pad, 0)
        start = self._starts[number]
        extra = 0 if self._narrow else self._extra(number, column)
        return min(start + column - extra, len(self.text))

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> tuple[int, int]:
        """The offsets between which the node stands."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def segment(self, node: ast.expr, limit: int = 300) -> str:
        """The node as it is written, at most `limit` characters."""
        start, end = self.span(node)
        return self.text[start : min(end, start + limit)]

    def _extra(self, number: int, column: int) -> int:
        """How many bytes more than characters the line has before the column."""
        if number not in self._wide:
            start = self._starts[number]
            end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self.text)
            line, places, extras, extra = self.text[start:end], [], [], 0
            for found in () if line.isascii() else _WIDE.finditer(line):
                places.append(found.start() + extra)
                extra += len(found[0].encode("utf-8", "replace")) - 1
                extras.append(extra)
            self._wide[number] = (places, extras)
        places, extras = self._wide[number]
        before = bisect_left(places, column)
        return extras[before - 1] if before else 0


def parse(text: str) -> Parsed:
    """The tree of the text. Raises SourceError with the place of the first mistake, and nothing else."""
    if len(text) > MAX_CHARACTERS:
        raise SourceError(f"it is longer than {MAX_CHARACTERS} characters", line=1, column=1)
    if text.count("{") > _FEW_BRACES:
        _weigh(text)
    first: SourceError | None = None
    for frame in _frames(text):
        tree, error = _tree(text, frame)
        if tree is not None:
            return Parsed(text, tree, frame.before.count("\n"), frame.pad)
        first = first or error
    return _without_tail(text, first or SourceError("no Python", line=1, column=1))


def _weigh(text: str) -> None:
    """Raises SourceError where the f-strings of the text would cost far more than its length."""
    work = at = 0
    while (opening := _STRING.search(text, at)) is not None:
        at = opening.end()
        if opening[2] is None:
            continue
        body = _BODY[opening[2]].match(text, at)
        end = body.end() if body else at
        if "f" in opening[1].lower():
            work += text.count("{", at, end) * (end - at)
        if work > _MAX_FIELD_WORK:
            line = text.count("\n", 0, at) + 1
            raise SourceError("its f-strings hold too many fields to be read", line=line, column=1)
        at = end + len(opening[2])


def _tree(text: str, frame: _Frame) -> tuple[ast.Module | None, SourceError | None]:
    whole = f"{frame.before}{' ' * frame.pad}{text}{frame.after}"
    try:
        with warnings.catch_warnings():
            # An escape that Python does not know is a matter for the file's own linter.
            warnings.simplefilter("ignore")
            return ast.parse(whole), None
    except _REFUSALS as error:
        return None, _refusal(error, lines_before=frame.before.count("\n"), pad=frame.pad)


def _refusal(error: BaseException, *, lines_before: int, pad: int) -> SourceError:
    if isinstance(error, SyntaxError):
        line = max((error.lineno or 1) - lines_before, 1)
        column = max((error.offset or 1) - (pad if line == 1 else 0), 1)
        return SourceError(error.msg, line=line, column=column)
    if isinstance(error, RecursionError | MemoryError):
        return SourceError("it is nested too deeply", line=1, column=1)
    return SourceError("it holds a character that no source may hold", line=1, column=1)


def _frames(text: str) -> Iterator[_Frame]:
    yield _Frame()
    lines = text[:_LONG].split("\n", 400)[:400]
    full = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not full:
        return
    indent = _indent(full[0])
    stair = _stair(indent, full)
    if clause := _BEHIND.match(full[0]):
        opening = "try" if clause[1] in ("except", "finally") else "if 1"
        yield _Frame(f"{stair}{indent}{opening}:\n{indent} pass\n")
    elif indent:
        yield _Frame(stair)
    elif len(full) > 1 and _indent(full[1]):
        yield _Frame("if 1:\n", pad=len(_indent(full[1])))
    if len(text) <= _LONG:
        yield _Frame("_(\n", after="\n)")
        yield _Frame("{\n", after="\n}")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _stair(indent: str, lines: list[str]) -> str:
    """Blocks that open one in the other, so that a body may end before the text does."""
    if not indent:
        return ""
    steps = sorted({len(_indent(line)) for line in lines if 0 < len(_indent(line)) < len(indent)})[:8]
    if "\t" in indent:
        steps = []
    return "".join(f"{' ' * step}if 1:\n" for step in (0, *steps))


def _without_tail(text: str, error: SourceError) -> Parsed:
    """The tree up to where the text breaks off, if nothing that is cut away holds a string."""
    line = error.line
    if len(text) > _LONG:
        raise error
    lines = text.split("\n")
    for _ in range(_CUTS):
        kept, rest = lines[: line - 1], lines[line - 1 :]
        if not any(k.strip() for k in kept) or _QUOTE.search("\n".join(rest)):
            break
        tree, problem = _tree("\n".join(kept), _Frame())
        if tree is not None:
            return Parsed(text, tree)
        line = min(problem.line if problem else line, line - 1)
    raise error
