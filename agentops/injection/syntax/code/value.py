"""A text as source code makes it: fixed texts and the values between them, in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agentops.injection.syntax.code.tokens import Chunk
from agentops.injection.template import Assigned


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that is put in. `start` and `end` are where it is written, its marks (`${` and `}`) taken in."""

    name: str
    start: int
    end: int
    filters: tuple[str, ...] = ()
    in_loop: bool = False
    type: str = ""
    assigned: Assigned | None = None
    condition: str = ""


Part = Chunk | Ref


@dataclass(slots=True)
class Value:
    """The parts of a text. `formatted` names what has filled holes already (printf, replace)."""

    parts: list[Part] = field(default_factory=list)
    formatted: frozenset[str] = frozenset()

    @property
    def says(self) -> bool:
        """Whether it has fixed text with a letter in it."""
        return any(isinstance(p, Chunk) and any(c.isalpha() for c in p.text) for p in self.parts)

    @property
    def refs(self) -> list[Ref]:
        """The values in it."""
        return [p for p in self.parts if isinstance(p, Ref)]

    @property
    def words(self) -> int:
        """How many words its fixed texts have."""
        return sum(len(p.text.split()) for p in self.parts if isinstance(p, Chunk))


def separator(text: str, at: int) -> Chunk:
    """A fixed text that stands nowhere in the file, given the place it belongs to."""
    return Chunk(text, at, at, ((0, at),))


def looped(value: Value) -> Value:
    """The value as a part of a loop's body."""
    return Value([replace(p, in_loop=True) if isinstance(p, Ref) else p for p in value.parts], value.formatted)


def conditional(value: Value, condition: str) -> Value:
    """The value as it is under a condition; outer conditions come first."""
    if not condition:
        return value
    parts: list[Part] = [
        replace(p, condition=f"{condition} and {p.condition}"[:400] if p.condition else condition)
        if isinstance(p, Ref)
        else p
        for p in value.parts
    ]
    return Value(parts, value.formatted)


def filtered(value: Value, name: str) -> Value:
    """The value after it went through a filter; of a length only the length is left."""
    if name == "length":
        refs = value.refs or [Ref("text", p.start, p.end) for p in value.parts[:1]]
        return Value([replace(r, filters=(*r.filters, "length")[-20:]) for r in refs[:1]])
    parts: list[Part] = [replace(p, filters=(*p.filters, name)[-20:]) if isinstance(p, Ref) else p for p in value.parts]
    return Value(parts, value.formatted)
