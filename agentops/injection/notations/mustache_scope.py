"""What a name means inside the sections of a Mustache or Handlebars text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentops.text import one_line

_WORD = re.compile(
    r"(\w{1,60})=(\"[^\"]{0,500}\"|'[^']{0,500}'|\([^()]{0,500}\)|[^\s()]{1,300})"
    r"|\"[^\"]{0,500}\"|'[^']{0,500}'|\((?:[^()]|\([^()]{0,200}\)){0,300}\)|[^\s()\"'=]{1,300}"
)
_PARAMETERS = re.compile(r"\bas\s{1,8}\|([^|\n]{1,100})\|\s{0,8}$")
_PATH = re.compile(
    r"(?:\.\./){0,10}(?:@?[^\W\d][\w-]{0,99}|\.{1,2}|\[[^\[\]\n]{1,99}\])"
    r"(?:[./](?:[\w-]{1,99}|\[[^\[\]\n]{1,99}\]|\(\))){0,20}"
)
_LITERAL = re.compile(r"-?\d[\d.]{0,20}$|true$|false$|null$|undefined$")
_FLAG = re.compile(
    r"(?:is|has|have|include|includes|show|use|enable|enabled|with|should|if|no|not)(?:_|[A-Z])|.*(?:enabled|flag)$"
)
_NO_PLURAL = re.compile(r".*(?:ss|us|is)$")
_BOOKKEEPING = frozenset(("@index", "@first", "@last", "@odd", "@even", "@length"))
_CONDITIONS = frozenset(("if", "unless"))
_MAX_PARTS = 12


@dataclass(frozen=True, slots=True)
class Frame:
    """One open section. `base` is what names inside begin with, None where the section changes nothing; `same` is the
    plain name that a section of Mustache asks for, which inside means what it means outside."""

    name: str
    offset: int
    base: str | None = None
    loop: bool = False
    condition: str = ""
    same: str = ""
    strict: bool = False
    parameters: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def open(
        name: str, arguments: Sequence[str], parameters: Sequence[str], around: Sequence[Frame], *,
        inverted: bool, offset: int,
    ) -> Frame:  # fmt: skip
        """The frame that a tag opens."""
        said = one_line(" ".join((name, *arguments)), 80)
        target = next((p for a in arguments for p in paths(a)), "")
        if name in ("each", "with") and target and not inverted:
            base = resolve(target, around) + ("[]" if name == "each" else "")
            names = {p: base if n == 0 else f"{base}.key" for n, p in enumerate(parameters)}
            return Frame(
                name, offset, base, name == "each", said if name == "with" else "", strict=True, parameters=names
            )
        if name in _CONDITIONS or arguments or inverted or not is_path(name):
            word = "not " if inverted or name == "unless" else "if "
            rest = said.split(" ", 1)[1] if name in _CONDITIONS and " " in said else said
            return Frame(name, offset, condition=word + rest)
        path = resolve(name, around)
        last = name.rsplit(".", 1)[-1]
        if _FLAG.match(last):
            return Frame(name, offset, condition=f"if {said}")
        if last.endswith("s") and not _NO_PLURAL.match(last):
            return Frame(name, offset, f"{path}[]", loop=True, same=name)
        return Frame(name, offset, path, condition=f"if {said}", same=name)

    def otherwise(self, condition: str) -> Frame:
        """The frame behind an `else`: the section's own context is gone."""
        words = one_line(condition.removeprefix("if "), 80)
        said = f"if {words}" if words else f"not {self.condition.removeprefix('if ') or self.name}"
        return replace(self, base=None, loop=False, condition=said, parameters={})


def words(content: str) -> tuple[list[str], list[str], dict[str, str]]:
    """The words of a tag, its block parameters (`as |x|`), and its named arguments."""
    content = content[:2_000]
    block = _PARAMETERS.search(content)
    given: list[str] = []
    named: dict[str, str] = {}
    for word in _WORD.finditer(content[: block.start()] if block else content):
        if word[1]:
            named[word[1]] = word[2]
        else:
            given.append(word[0])
    return given, block[1].split() if block else [], named


def is_path(word: str) -> bool:
    """Whether the word names a value."""
    return _PATH.fullmatch(word) is not None and _LITERAL.match(word) is None


def paths(word: str) -> tuple[str, ...]:
    """The values that an argument takes in, those of a helper in parentheses too."""
    if word.startswith("("):
        inner, _, named = words(word[1:-1])
        return tuple(w for w in (*inner[1:], *named.values()) if is_path(w))
    return (word,) if is_path(word) else ()


def resolve(name: str, frames: Sequence[Frame]) -> str:
    """The path of the name from the root: `messages[].content`."""
    level = len(frames)
    while name.startswith("../"):
        name = name[3:]
        level = _outer(frames, level)
    if name in ("..",):
        name, level = "this", _outer(frames, level)
    if name in _BOOKKEEPING:
        return "loop." + name[1:]
    if name == "@key":
        return f"{_base(frames, level) or 'this'}.key"
    if name.startswith("@root"):
        return _plain(name[5:].lstrip("./") or "this")
    name = _plain(name.removeprefix("@"))
    head, _, rest = name.partition(".")
    for frame in reversed(frames[:level]):
        if head in frame.parameters:
            return _short(f"{frame.parameters[head]}.{rest}" if rest else frame.parameters[head])
    base = _base(frames, level)
    if head in ("this", "") and base:
        return _short(f"{base}.{rest}" if rest else base)
    if any(f.same == name and not f.loop for f in frames[:level]):
        return name
    return _short(f"{base}.{name}" if base and head != "this" else name)


def _outer(frames: Sequence[Frame], level: int) -> int:
    for number in range(level - 1, -1, -1):
        if frames[number].base is not None:
            return number
    return 0


def _base(frames: Sequence[Frame], level: int) -> str:
    return next((f.base for f in reversed(frames[:level]) if f.base), "")


def _plain(name: str) -> str:
    return re.sub(r"\.?\[(\d*)[^\]]{0,99}\]", lambda m: "[]" if m[1] else "." + m[0].strip(".[]"), name).replace(
        "/", "."
    )


def _short(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:_MAX_PARTS])
