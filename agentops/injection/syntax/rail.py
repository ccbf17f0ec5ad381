"""RAIL files and other XML that holds prompts. Positions come from expat; files that declare entities are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from xml.parsers import expat

from agentops.injection import roles
from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax import pieces, text
from agentops.injection.syntax.structured_keys import ROLE_WORDS, Strength, is_prompt
from agentops.injection.syntax.tree import error
from agentops.injection.template import Assigned, Hole, Message, Template

_PROMPTS = {
    "prompt": "user", "instructions": "system", "reask_prompt": "user", "reask_instructions": "system",
    "system": "system", "user": "user", "assistant": "assistant", "human": "user", "template": "user",
    "system_prompt": "system", "user_prompt": "user",
}  # fmt: skip
_LISTS = ("messages", "reask_messages")
_START_TAG = re.compile(r"""<[^>"']*+(?:(?:"[^"]*+"|'[^']*+')[^>"']*+)*+>""")
_ESCAPE = re.compile(r"&(amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});|<!\[CDATA\[|\]\]>")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_SCHEMA = re.compile(
    r"gr|(?:\w{1,40}_)?(?:output_schema|output_instructions|json_schema|complete_\w{1,60}suffix\w{0,20})"
)
_BEGINS_XML = re.compile(r"\s*+(?:<\?xml\b|<rail\b)")
_ENDS_EARLY = frozenset(
    expat.errors.codes[m]
    for m in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
_WRAP = "<wrapped>"
_MAX_DEPTH = 200


@dataclass(slots=True)
class _Element:
    """An element that holds a text for a model. `inner` are the offsets of what is between its tags."""

    name: str
    role: str | None
    group: int
    start: int
    inner: tuple[int, int] = (0, 0)
    said: list[str] = field(default_factory=list)


def parse(source: Source) -> tuple[Template, ...]:
    """The file's prompts, none where it holds none. Raises TemplateError for XML that declares entities, and for a file
    that is neither XML nor a prompt."""
    elements = _read(source)
    if elements is None:
        return _as_text(source)
    groups: dict[int, list[_Element]] = {}
    for element in elements:
        groups.setdefault(element.group, []).append(element)
    made = [_template(source, group) for _, group in sorted(groups.items())]
    return tuple(t for t in made if t.messages)


def _read(source: Source) -> list[_Element] | None:
    """The elements with prompts; None for a text that is no XML but may be a prompt."""
    try:
        return _Reader(source.text, "").run()
    except _HostileError as hostile:
        raise error(source, hostile.offset, hostile.problem, hint=hostile.hint) from None
    except expat.ExpatError as first:
        try:
            return _Reader(source.text, _WRAP).run()  # an excerpt of several elements
        except (_HostileError, expat.ExpatError, ValueError):
            pass
        if not _is_cut(source, first) and _may_be_text(source):
            return None
        at = source.lines.start(first.lineno) + first.offset
        raise error(source, at, f"not XML: {expat.errors.messages.get(first.code, 'a syntax error')}") from None
    except (ValueError, UnicodeError):
        raise error(source, 0, "not XML: a character that XML forbids") from None


def _is_cut(source: Source, problem: expat.ExpatError) -> bool:
    """Whether the file begins as XML, and ends before its elements do."""
    return problem.code in _ENDS_EARLY and _BEGINS_XML.match(source.text) is not None


def _may_be_text(source: Source) -> bool:
    rail = PurePosixPath(source.path.lower().removesuffix(".txt")).suffix == ".rail"
    return (rail and "<" in source.text) or is_prompt(source.text, Strength.UNKNOWN)


def _as_text(source: Source) -> tuple[Template, ...]:
    if "${" not in source.text:
        return text.parse(source)
    spans = pieces.spans(source, source.text, start=0, notation="dollar")
    messages = roles.split(spans, path="", role=None)
    return (Template(source.path, "dollar", messages, assigned=_assigned(messages)),)


class _HostileError(Exception):
    """What no honest file does stands at the offset."""

    def __init__(self, offset: int, problem: str, hint: str) -> None:
        super().__init__()
        self.offset, self.problem, self.hint = offset, problem, hint


class _Reader:
    """Reads the elements. `wrap` is a tag put around the text so that an excerpt has one root."""

    def __init__(self, content: str, wrap: str) -> None:
        self._text, self._wrap = content, wrap
        self._shift = len(wrap)
        self._data = f"{wrap}{content}{wrap.replace('<', '</')}".encode()
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._said
        self._parser.EntityDeclHandler = self._entity
        self._open: list[tuple[_Element, int]] = []
        self._inside: _Element | None = None
        self._group, self._depth = 0, 0
        self._byte, self._char = 0, 0
        self._prompts: list[_Element] = []
        self._prose: list[tuple[_Element, int]] = []

    def run(self) -> list[_Element]:
        """The elements that are prompts by name, else those in whose own text prose lies."""
        self._parser.Parse(self._data, True)
        if self._prompts:
            return self._prompts
        kept: list[_Element] = []
        for element, _ in sorted(self._prose, key=lambda p: p[0].start):
            # The outermost one holds what is in it.
            if not kept or element.start >= kept[-1].inner[1]:
                element.group = element.start
                kept.append(element)
        return kept

    def _offset(self) -> int:
        """Where the parser stands, in characters of the file."""
        here = max(self._parser.CurrentByteIndex, self._byte)
        self._char += len(self._data[self._byte : here].decode("utf-8", "replace"))
        self._byte = here
        return self._char - self._shift

    def _entity(self, *_: object) -> None:
        raise _HostileError(
            self._offset(),
            "the file declares an entity, which can make it endless",
            "write the text out in the place of the entity",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        start = self._offset()
        name = name.lower()
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _HostileError(max(start, 0), f"nested deeper than {_MAX_DEPTH} levels", "flatten the file")
        if name in _LISTS or name == "rail" or self._depth == 1:
            self._group += 1
        tag = _START_TAG.match(self._text, max(start, 0))
        element = _Element(name, _role(name, attributes), self._group, max(start, 0))
        element.inner = (tag.end() if tag and start >= 0 else max(start, 0), 0)
        self._open.append((element, self._depth))
        if self._inside is None and (element.role is not None or name in _PROMPTS):
            self._inside = element

    def _end(self, _: str) -> None:
        end = self._offset()
        element, depth = self._open.pop()
        self._depth -= 1
        element.inner = (element.inner[0], max(min(end, len(self._text)), element.inner[0]))
        if element is self._inside:
            self._inside = None
            if self._text[slice(*element.inner)].strip():
                self._prompts.append(element)
        elif is_prompt("".join(element.said)[:20_000], Strength.UNKNOWN):
            self._prose.append((element, depth))

    def _said(self, data: str) -> None:
        if self._open:
            self._open[-1][0].said.append(data)


def _role(name: str, attributes: dict[str, str]) -> str | None:
    if name == "message" or "role" in attributes:
        return ROLE_WORDS.get(attributes.get("role", "").lower())
    return _PROMPTS.get(name)


def _template(source: Source, group: list[_Element]) -> Template:
    named = (len(group) > 1 and any(e.role == "system" for e in group)) or any(e.name == "message" for e in group)
    messages: list[Message] = []
    notation = "str.format"
    for element in sorted(group, key=lambda e: e.role != "system" or e.name == "message"):
        start, end = element.inner
        raw = source.text[start:end]
        content = _ESCAPE.sub(_unescape, raw)
        notation = "dollar" if "${" in content else notation
        spans = pieces.spans(source, content, start=start, end=end, notation="dollar" if "${" in content else "")
        role = element.role if named or element.name in ("system", "system_prompt", "instructions") else None
        if any(isinstance(s, Hole) or s.text.strip() for s in spans):
            messages.append(Message(role, spans))
    line, _ = source.lines.place(group[0].start)
    return Template(source.path, notation, tuple(messages), line=line, name=group[0].name, assigned=_assigned(messages))


def _assigned(messages: list[Message] | tuple[Message, ...]) -> dict[str, Assigned]:
    """The shape of the answer and the library's own texts are no values of outsiders."""
    own = Assigned(Kind.CONSTANT, "the library puts its own text or the schema here")
    names = {h.name.split(".")[0] for m in messages for h in m.holes}
    return {name: own for name in names if _SCHEMA.fullmatch(name)}


def _unescape(found: re.Match[str]) -> str:
    word = found[1] or ""
    if word.startswith("#"):
        code = int(word[2:], 16) if word[1] == "x" else int(word[1:])
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return _NAMED.get(word, "")
