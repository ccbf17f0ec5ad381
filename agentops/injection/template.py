"""What every syntax is read into: a template of messages, and messages of text and holes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from agentops.errors import MeasurementError
from agentops.injection.kinds import Kind
from agentops.model.finding import Location
from agentops.text import one_line

ROLES = ("system", "developer", "user", "assistant", "tool")
"""What a message may be spoken as. None stands for a text without roles."""

# More than any prompt has; keeps every later step linear in the size of the file.
MAX_HOLES = 2_000


class TemplateError(MeasurementError):
    """A template that could not be measured. `location` is the place, `message` starts with it."""

    def __init__(self, location: Location, problem: str, *, hint: str) -> None:
        super().__init__(f"{one_line(str(location), 300)}: {problem}", hint=hint)
        self.location = location
        self.problem = problem


class BoundaryKind(Enum):
    """How hard it is for a text to leave the marks around it, easiest first."""

    GENERIC = "generic"
    NAMED = "named"
    UNFORGEABLE = "unforgeable"


@dataclass(frozen=True, slots=True)
class Boundary:
    """The marks around a hole. `name` is the tag, or a word such as "fence" where the marks have no name; `outer` are
    the tags around those marks, innermost first, which a declaration may name as well."""

    kind: BoundaryKind
    name: str
    outer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text. Lines and columns count from 1; `offset` counts characters of the file from 0."""

    text: str
    line: int
    column: int
    offset: int


@dataclass(frozen=True, slots=True)
class Hole:
    """A place that is filled when the prompt is made.

    `name` is where the value comes from, not what the template calls it on the way: `{% for m in messages %}{{
    m.content }}` is `messages[].content`. `path` is the file that holds the hole (an included one keeps its own), and
    `written` is the hole as it stands there, from `offset` on. `filters` are what the value goes through, innermost
    first, by the names of Jinja2 where there is one ("safe" where escaping is switched off, "tojson", "length").
    `condition` is the text of the conditions around it, outermost first.
    """

    name: str
    path: str
    line: int
    column: int
    offset: int
    filters: tuple[str, ...] = ()
    boundary: Boundary | None = None
    in_loop: bool = False
    condition: str = ""
    written: str = ""

    @property
    def location(self) -> Location:
        """Where the hole stands."""
        return Location(self.path, self.line, self.column)

    @property
    def shown(self) -> str:
        """The hole as people read it, safe to print."""
        return "{" + one_line(self.name, 80) + "}"


Span = Text | Hole


@dataclass(frozen=True, slots=True)
class Message:
    """One message, in the order of the file. `role` is one of ROLES, or None for a text without roles."""

    role: str | None
    spans: tuple[Span, ...]

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The holes in order."""
        return tuple(s for s in self.spans if isinstance(s, Hole))


class TemplateKind(Enum):
    """What a model takes the text for."""

    PROMPT = "prompt"
    TOOL = "tool"
    SKILL = "skill"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class Assigned:
    """Where the code around a template takes a value from. `why` says it for people ("it is read from a file")."""

    kind: Kind
    why: str


class NoteKind(Enum):
    """What a parser can see that no span tells."""

    DYNAMIC_ROLE = "the role of a message is a value"
    PARSED_ROLES = "the filled text is cut into roles"
    COMMAND = "the template runs a command or reads a file"
    HIDDEN_HOLE = "a first stage hides a hole that a second one fills"
    APPENDED = "code appends text to a fixed prompt"
    EVENT_TEXT = "text of a CI event"
    USER_TEMPLATE = "the template's own text is a value, or its engine is not sandboxed"
    OUTPUT_RUNS = "the answer is run"
    OUTPUT_STORED = "the answer is stored as memory or as a prompt"


@dataclass(frozen=True, slots=True)
class Note:
    """A remark of the parser. `said` is what stands there; `hole` names the variable that it is about, if one is."""

    kind: NoteKind
    said: str
    location: Location
    hole: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """One prompt of a file. `name` is what the file calls it (a variable, a key), `line` where it begins.

    What the file says about the variables, by name: `types` (of front matter or a schema), `descriptions`, and
    `assigned` by the code around. `declared` are the variables that the file lists as its inputs, None where it has no
    such list.
    """

    path: str
    syntax: str
    messages: tuple[Message, ...]
    types: Mapping[str, str] = field(default_factory=dict)
    line: int = 1
    name: str = ""
    kind: TemplateKind = TemplateKind.PROMPT
    descriptions: Mapping[str, str] = field(default_factory=dict)
    assigned: Mapping[str, Assigned] = field(default_factory=dict)
    declared: tuple[str, ...] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def holes(self) -> tuple[Hole, ...]:
        """All holes in order."""
        return tuple(h for m in self.messages for h in m.holes)


class Lines:
    """Turns offsets into lines and columns."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def start(self, line: int) -> int:
        """The offset at which the line begins, from 1; past the last line that of the last."""
        return self._starts[min(max(line, 1), len(self._starts)) - 1]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of the offset, both from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


HOLE_MARK = "\x00"


def body(spans: Iterable[Span]) -> tuple[str, tuple[tuple[int, Hole], ...]]:
    """The text of the spans with one HOLE_MARK for every hole, and where in it each hole is.

    The mark is told apart from such a character in the text itself, which becomes a space.
    """
    parts: list[str] = []
    holes: list[tuple[int, Hole]] = []
    at = 0
    for span in spans:
        if isinstance(span, Hole):
            holes.append((at, span))
            parts.append(HOLE_MARK)
            at += 1
        else:
            parts.append(span.text.replace(HOLE_MARK, " "))
            at += len(span.text)
    return "".join(parts), tuple(holes)
