"""What a Go template's pipeline takes its value from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

_TOKEN = re.compile(
    r"\"(?:[^\"\\\n]|\\.){0,5000}\"|`[^`]{0,5000}`|'(?:[^'\\\n]|\\.){1,8}'|:=|\(|\)|\||,|="
    r"|\$[\w]{0,99}(?:\.\w{1,99}){0,12}|\.(?:\w{1,99}(?:\.\w{1,99}){0,12})?|-?\d[\w.+]{0,30}|[^\W\d]\w{0,99}(?:\.\w{1,99}){0,12}"
)
_FILTERS = {
    "json": "tojson", "tojson": "tojson", "toprettyjson": "tojson", "marshal": "tojson", "torawjson": "tojson",
    "mustjson": "tojson", "musttojson": "tojson", "jsonmarshal": "tojson", "len": "length", "html": "escape",
    "htmlescape": "escape", "escape": "escape", "xmlescape": "escape", "safehtml": "safe", "safe": "safe",
    "b64enc": "base64", "int": "int", "int64": "int", "quote": "quote",
}  # fmt: skip
# These hand out one of what goes in, or something made of it, under no new name.
_PASS = frozenset(
    ("print", "println", "or", "and", "default", "coalesce", "ternary", "index", "slice", "first", "last")
)
# These answer a question; nothing that went in comes out.
_TESTS = frozenset(("eq", "ne", "lt", "le", "gt", "ge", "not", "contains", "hasprefix", "hassuffix", "haskey", "empty"))
_MAX_PARTS = 12
_MAX_DEPTH = 20
_MAX_SOURCES = 50


@dataclass(frozen=True, slots=True)
class From:
    """One source of a value: the path from the root ("" is the root itself), and the filters it went through."""

    path: str
    filters: tuple[str, ...] = ()

    def below(self, name: str) -> From:
        """A field of it."""
        path = f"{self.path}.{name}" if self.path else name
        return replace(self, path=".".join(path.split(".")[:_MAX_PARTS]))

    def each(self) -> From:
        """One of its elements."""
        return self if self.path.endswith("[]") else replace(self, path=f"{self.path}[]")


Sources = tuple[From, ...]


def tokens(text: str) -> list[str]:
    """The pieces of an action."""
    return _TOKEN.findall(text)


def value(words: list[str], *, dot: Sources, variables: Mapping[str, Sources], depth: int = 0) -> Sources:
    """Where the pipeline's value comes from."""
    if depth > _MAX_DEPTH:
        return ()
    result: Sources = ()
    for number, command in enumerate(_split(words)):
        result = _command(command, result if number else (), dot, variables, depth)
    return tuple(dict.fromkeys(result))[:_MAX_SOURCES]


def _split(words: list[str]) -> list[list[str]]:
    """The commands between the bars that stand outside parentheses."""
    commands: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "|" and depth == 0:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def _command(words: list[str], piped: Sources, dot: Sources, variables: Mapping[str, Sources], depth: int) -> Sources:
    if not words:
        return piped
    head = words[0].rsplit(".", 1)[-1].lower() if re.match(r"[^\W\d]", words[0]) else ""
    arguments = _operands(words[1:] if head else words, dot, variables, depth)
    everything = tuple(s for a in arguments for s in a) + piped
    if not head or head in ("true", "false", "nil"):
        return everything
    if head in _TESTS:
        return ()
    if head == "printf":
        return _printf(words, everything)
    if head in ("index", "slice") and arguments:
        return tuple(s.each() for s in arguments[0])
    if head in _PASS:
        return everything
    name = _FILTERS.get(head, words[0].rsplit(".", 1)[-1])
    if not everything:
        return (From(f"{words[0]}()"),)
    return tuple(replace(s, filters=(*s.filters, name)[:_MAX_PARTS]) for s in everything)


def _printf(words: list[str], sources: Sources) -> Sources:
    verbs = re.findall(r"%[-+# 0-9.]{0,8}([a-zA-Z])", words[1]) if len(words) > 1 else []
    filters = ("int",) if verbs and all(v in "dfgebxoXt" for v in verbs) else ("tojson",) if verbs == ["q"] else ()
    return tuple(replace(s, filters=s.filters + filters) for s in sources)


def _operands(words: list[str], dot: Sources, variables: Mapping[str, Sources], depth: int) -> list[Sources]:
    found: list[Sources] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "(":
            end = _closing(words, at)
            inner = value(words[at:end], dot=dot, variables=variables, depth=depth + 1)
            at = end + 1
            if at < len(words) and re.match(r"\.\w", words[at]):
                inner = tuple(s.below(words[at][1:]) for s in inner)
                at += 1
            found.append(inner)
        elif word.startswith("$"):
            name, _, rest = word.partition(".")
            base = variables.get(name, ())
            found.append(tuple(s.below(rest) for s in base) if rest else base)
        elif word == ".":
            found.append(dot)
        elif word.startswith("."):
            found.append(tuple(s.below(word[1:]) for s in dot))
        else:
            found.append(())
    return found


def _closing(words: list[str], at: int) -> int:
    depth = 1
    for number in range(at, len(words)):
        depth += (words[number] == "(") - (words[number] == ")")
        if depth == 0:
            return number
    return len(words)
