"""Where in a file its comments are. What only looks like one, in a string or in a block of text, may go to a model."""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterable

Span = tuple[int, int]

# Longer source is read by the scan alone; the tokenizer is slow and the parser of prompts refuses it anyway.
_MOST_TOKENIZED = 400_000
_TRIPLE = r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\Z)'
_TRIPLE_RAW = r'"""(?:[^"]++|"(?!""))*+(?:"""|\Z)'
_STRING = r'"(?:[^"\\\n]++|\\.)*+"?+'
_PYTHON = re.compile(
    rf"(?P<comment>#[^\n]*+)|{_TRIPLE}|'''(?:[^'\\]++|\\.|'(?!''))*+(?:'''|\Z)|{_STRING}|'(?:[^'\\\n]++|\\.)*+'?+",
    re.S,
)
_TOML = re.compile(rf"(?P<comment>#[^\n]*+)|{_TRIPLE}|'''(?:[^']++|'(?!''))*+(?:'''|\Z)|{_STRING}|'[^'\n]*+'?+", re.S)
_BEGIN = r"(?P<space>\s++)|(?P<comment>//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+)"
_END = rf"(?P<string>{_STRING}|'(?:[^'\\\n]++|\\.)*+'?+)|(?P<word>[\w$]++)|(?P<other>.)"
_SCRIPT = re.compile(f"{_BEGIN}|{_END}", re.S)
_OTHERS = {
    ".go": re.compile(f"{_BEGIN}|`[^`]*+`?+|{_END}", re.S),
    ".java": re.compile(f"{_BEGIN}|{_TRIPLE}|{_END}", re.S),
    ".kt": re.compile(f"{_BEGIN}|{_TRIPLE_RAW}|{_END}", re.S),
    ".baml": re.compile(
        rf'{_BEGIN}|##"(?:[^"]++|"(?!##))*+(?:"##|\Z)|#"(?:[^"]++|"(?!#))*+(?:"#|\Z)|{_END}', re.S
    ),
}  # fmt: skip
_TEMPLATE = re.compile(r"(?:[^`\\$]++|\\.|\$(?!\{))*+", re.S)
_REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]++|\\.|\[(?:[^\]\\\n]++|\\.)*+\])++/")
_LONGEST_REGEX = 1_000
_BEFORE_REGEX = frozenset((
    "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "await", "yield",
))  # fmt: skip
_VALUE_ENDS = "_$)]}`\"'"

_YAML_NEXT = re.compile(
    r"(?P<comment>(?:\A|(?<=[ \t]))#)|(?:\A|[\[{,]|[:?-][ \t])[ \t]*+(?:[&!][^\s\"']*+[ \t]++)?+(?P<quote>[\"'])"
)
_YAML_CLOSE = {'"': re.compile(r'(?:[^"\\]++|\\.)*+"', re.S), "'": re.compile(r"(?:[^']++|'')*+'(?!')")}
_YAML_BLOCK = re.compile(r"(?:\A[ ]*+|[:?-][ \t]++)(?:[&!][^\s]*+[ \t]++)?+[|>][-+0-9]{0,3}[ \t]*+\Z")
_YAML_LEAD = re.compile(r" *+(?:[-?] ++)*+")

_EXPRESSION = re.compile(r"\{%[-+]?[ \t\n]{0,40}raw[ \t\n]{0,40}[-+]?%\}|\{\{(?!-? ?/\*)(?!!)|\{%|\{#")
_RAW_END = re.compile(r"\{%[-+]?[ \t\n]{0,20}endraw\b")
_CLOSES = {"{{": "}}", "{%": "%}"}
_IN_EXPRESSION = re.compile(r"\"(?:[^\"\\\n]|\\.){0,500}+\"|'(?:[^'\\\n]|\\.){0,500}+'|\}\}|%\}")


class Spans:
    """Stretches of a text in order, none within another."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = list(spans)
        self._starts = [start for start, _ in self._spans]

    def hold(self, offset: int) -> bool:
        """Whether the place lies in one of them; their first character counts."""
        number = bisect_right(self._starts, offset) - 1
        return number >= 0 and offset < self._spans[number][1]


def of_code(text: str, suffix: str) -> Spans:
    """The comments of a source file or of YAML or TOML. Linear; fragments, which may begin or end anywhere, are read
    as far as that goes."""
    if suffix == ".py":
        return Spans(_python(text))
    if suffix in (".yaml", ".yml"):
        return Spans(_yaml(text))
    pattern = _TOML if suffix == ".toml" else _OTHERS.get(suffix)
    if pattern is not None:
        return Spans(m.span() for m in pattern.finditer(text) if m["comment"])
    return Spans(_script(text))


def _python(text: str) -> list[Span]:
    if len(text) <= _MOST_TOKENIZED:
        starts = [0, *(m.end() for m in re.finditer("\n", text))]
        try:
            tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]
            return [(starts[t.start[0] - 1] + t.start[1], starts[t.end[0] - 1] + t.end[1]) for t in tokens]
        except (tokenize.TokenError, SyntaxError, ValueError, RecursionError, IndexError):
            pass  # a fragment
    return [m.span() for m in _PYTHON.finditer(text) if m["comment"]]


def _script(text: str) -> list[Span]:
    """Comments of JavaScript and TypeScript, also those within the `${}` of a template."""
    found: list[Span] = []
    outer: list[int] = []
    at, depth, last, size = 0, 0, "", len(text)
    while at < size:
        char = text[at]
        if char == "`" or (char == "}" and outer and depth == 0):
            if char == "}":
                depth = outer.pop()
            body = _TEMPLATE.match(text, at + 1)
            at = body.end() if body else at + 1
            if text.startswith("${", at):
                outer.append(depth)
                at, depth, last = at + 2, 0, "{"
            else:
                at, last = at + 1, "`"
            continue
        if char == "/" and _begins_value(last):
            regex = _REGEX.match(text, at, at + _LONGEST_REGEX)
            if regex is not None:
                at, last = regex.end(), "]"
                continue
        token = _SCRIPT.match(text, at)
        if token is None:
            break
        if token["comment"]:
            found.append(token.span())
        elif not token["space"]:
            depth += (char == "{") - (char == "}" and depth > 0)
            last = token[0][-20:]
        at = token.end()
    return found


def _begins_value(last: str) -> bool:
    """Whether a `/` behind that token begins a regular expression: it divides only behind a value."""
    return not last or last in _BEFORE_REGEX or not (last[-1].isalnum() or last[-1] in _VALUE_ENDS)


def _yaml(text: str) -> list[Span]:
    """Comments of YAML: not in quotes and not in block scalars, whose lines stand deeper than their key."""
    found: list[Span] = []
    block: int | None = None
    quote = ""
    start = 0
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        if block is not None and (not line.strip() or indent > block):
            start += len(line) + 1
            continue
        block = None
        comment, quote = _yaml_line(line, quote)
        if comment >= 0:
            found.append((start + comment, start + len(line)))
        said = line[:comment] if comment >= 0 else line
        if not quote and _YAML_BLOCK.search(said.rstrip()[-200:]) is not None:
            block = _parent(said)
        start += len(line) + 1
    return found


def _yaml_line(line: str, quote: str) -> tuple[int, str]:
    """Where the comment of the line begins, -1 without one, and the quote that is open behind it."""
    at = 0
    while True:
        if quote:
            closed = _YAML_CLOSE[quote].match(line, at)
            if closed is None:
                return -1, quote
            at, quote = closed.end(), ""
        token = _YAML_NEXT.search(line, at)
        if token is None:
            return -1, ""
        if token["comment"]:
            return token.start(), ""
        at, quote = token.end(), token["quote"]
        # Behind a comma a quote is one only in a list; where it does not end on the line it is an apostrophe.
        if token[0][0] == "," and _YAML_CLOSE[quote].match(line, at) is None:
            quote = ""


def _parent(line: str) -> int:
    """The column that the lines of a block scalar must lie behind."""
    lead = _YAML_LEAD.match(line)
    end = lead.end() if lead else 0
    if line[end : end + 1] in ("|", ">", "!", "&"):
        return line.rfind("-", 0, end)
    return end


def of_expressions(text: str) -> Spans:
    """The stretches of a template's text that its engine reads as expressions or passes on raw: no comment begins in
    them. Where one is not closed, it is text. Linear."""
    found: list[Span] = []
    missing: set[str] = set()
    at = 0
    while (opened := _EXPRESSION.search(text, at)) is not None:
        start, sign = opened.start(), opened[0]
        at = opened.end()
        if sign == "{#":
            end = -1 if sign in missing else text.find("#}", at)
            if end < 0:
                missing.add(sign)
            else:
                at = end + 2
            continue
        raw = len(sign) > 2
        closer = "endraw" if raw else _CLOSES[sign]
        end = -1 if closer in missing else _raw_end(text, at) if raw else _expression_end(text, at, closer)
        if end < 0:
            missing.add(closer)
            continue
        # Behind its first character: a comment of the engine (`{{!-- --}}`) is no expression, but begins like one.
        found.append((start + 1, end))
        at = end
    return Spans(found)


def _raw_end(text: str, at: int) -> int:
    closed = _RAW_END.search(text, at)
    return closed.start() if closed else -1


def _expression_end(text: str, at: int, closer: str) -> int:
    for token in _IN_EXPRESSION.finditer(text, at):
        if token[0] == closer:
            return token.end()
    return -1
