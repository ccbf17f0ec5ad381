"""Findings that do not count, and why: comments in the file (`agentops: ignore[PT004] reason`) and a baseline file.

Pure but for `read_baseline`. A suppression hides nothing: the finding stays in every report with its waiver.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agentops.errors import ConfigError
from agentops.model.finding import Finding
from agentops.text import one_line

BASELINE = "agentops.baseline/1"
MAX_BYTES = 16 * 1024 * 1024

_MARK = re.compile(r"agentops:[ \t]{0,8}(ignore-file|ignore)\b(?:\[([^\]\n]{0,200})\])?([^\n]*)")
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
    found = []
    number, line_start = 1, 0
    for mark in _MARK.finditer(text):
        number += text.count("\n", line_start, mark.start())
        line_start = text.rfind("\n", 0, mark.start()) + 1
        found.append(_comment(mark, line_start, number, style, following[number]))
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
        return (*_BLOCKS, ("/*", "*/")) if self.suffix in _SLASH else _BLOCKS

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


def _comment(mark: re.Match[str], line_start: int, line: int, style: _Style, following: int) -> Comment:
    before = mark.string[line_start : mark.start()].rstrip()
    start, closer, problem = _opened(before, line, style)
    said, end = mark[3], mark.end()
    if closer:
        stop = said.find(closer)
        if stop < 0:
            problem, closer = f"the comment is not closed by {closer} on its line", ""
        else:
            # A Go template is closed by what follows the comment's own end.
            tail = re.compile(r"\s?-?\}\}").match(said, stop + 2) if before.endswith(("{{/*", "{{- /*")) else None
            end = mark.start(3) + (tail.end() if tail else stop + len(closer))
            said = said[:stop]
    rules = tuple(dict.fromkeys(r.strip() for r in (mark[2] or "").split(",") if r.strip()))
    reason = one_line(said.strip().rstrip("-").strip(" \t:"), 200)
    if not problem and not rules:
        problem = "it names no rule"
    if not problem and not reason:
        problem = "it gives no reason"
    whole = mark[1] == "ignore-file"
    covered = () if whole else (line, following) if following else (line,)
    at = line_start + start
    removable = bool(closer) and mark.end(3) >= end > mark.start(3) and not _HOLES.search(said)
    return Comment(line, start + 1, rules, reason, whole, covered, problem, at, end, removable)


def _opened(before: str, line: int, style: _Style) -> tuple[int, str, str]:
    """Where on its line the comment begins, what closes it, and what is wrong with it."""
    for opener, closer in style.blocks():
        if before.endswith(opener):
            return len(before) - len(opener), closer, ""
    for mark in style.line_marks(line):
        if before.endswith(mark) and not before.endswith("{#"):
            return len(before) - len(mark), "", ""
    return len(before), "", "it stands in no comment of this kind of file"


@dataclass(frozen=True, slots=True)
class Known:
    """One finding that was there before."""

    fingerprint: str
    rule: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """The findings that were there before; only others are new."""

    known: tuple[Known, ...]

    @property
    def fingerprints(self) -> frozenset[str]:
        """Those of all entries."""
        return frozenset(k.fingerprint for k in self.known)

    def gone(self, findings: Iterable[Finding]) -> tuple[Known, ...]:
        """Entries that match none of the findings any more."""
        there = {f.fingerprint for f in findings}
        return tuple(k for k in self.known if k.fingerprint not in there)


def baseline_document(findings: Iterable[Finding]) -> str:
    """The baseline file over these findings: sorted, each once, the same for the same findings."""
    rows = {(f.location.path, f.rule, f.fingerprint): f for f in findings}
    entries = [
        {"fingerprint": f.fingerprint, "rule": f.rule, "path": f.location.path, "message": one_line(f.message, 400)}
        for _, f in sorted(rows.items())
    ]
    return json.dumps({"schema": BASELINE, "findings": entries}, indent=1, ensure_ascii=True) + "\n"


def read_baseline(path: Path, *, shown: str) -> Baseline:
    """The baseline in a file that messages call `shown`. Raises ConfigError with the place for anything else."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _wrong(shown, error.strerror or "cannot be read") from None
    if len(raw) > MAX_BYTES:
        raise _wrong(shown, f"larger than {MAX_BYTES // 2**20} MiB")
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise _wrong(f"{shown}:{error.lineno}:{error.colno}", f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise _wrong(shown, f"not JSON: {one_line(str(error), 100)}") from None
    if not isinstance(data, dict) or data.get("schema") != BASELINE:
        raise _wrong(f"{shown}: schema", f"must be {BASELINE}")
    entries = data.get("findings")
    if not isinstance(entries, list):
        raise _wrong(f"{shown}: findings", "a list is needed")
    return Baseline(tuple(_known(entry, f"{shown}: findings.{n}") for n, entry in enumerate(entries)))


def _known(entry: object, place: str) -> Known:
    names = ("fingerprint", "rule", "path", "message")
    if not isinstance(entry, dict) or sorted(entry) != sorted(names):
        raise _wrong(place, f"needs {', '.join(names)} and nothing else")
    for name in names:
        if not isinstance(entry[name], str):
            raise _wrong(f"{place}.{name}", "a text is needed")
    if not re.fullmatch(r"[0-9a-f]{16}", entry["fingerprint"]):
        raise _wrong(f"{place}.fingerprint", "16 hex digits are needed")
    return Known(**entry)


def _wrong(place: str, problem: str) -> ConfigError:
    return ConfigError(
        f"{one_line(place, 300)}: {problem}", hint="correct the path of the baseline, or write it with --write-baseline"
    )
