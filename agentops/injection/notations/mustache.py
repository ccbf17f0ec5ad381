"""Mustache and Handlebars: `{{x}}`, `{{{x}}}`, `{{&x}}`, sections, `#each`, `#if`, `#with`, helpers, partials, and
what dotprompt, Semantic Kernel and guidance add for roles (`{{role "user"}}`, `{{#message role="user"}}`, `{{#user}}`).

A role is written down as a chat token (`<|user|>`), which the cutting into messages understands.
"""

from __future__ import annotations

import re

from agentops.injection.notations.braces import WITH_ARGUMENTS
from agentops.injection.notations.mustache_scope import Frame, is_path, paths, resolve, words
from agentops.injection.notations.mustache_tags import Tag, tags
from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span, Text
from agentops.text import one_line

_FILTERS = {
    "json": "tojson", "tojson": "tojson", "jsonstringify": "tojson", "stringify": "tojson", "tojsonstring": "tojson",
    "escape": "escape", "html": "escape", "length": "length", "size": "length", "count": "length",
}  # fmt: skip
_EXTENSIONS = ("", ".mustache", ".hbs", ".handlebars", ".prompt", ".txt", ".md")
_ROLES = frozenset(("system", "developer", "user", "assistant", "model", "tool"))
_DOTPROMPT = re.compile(r"\{\{~?\s{0,20}role\s{1,20}[\"']")
_GUIDANCE = re.compile(r"\{\{~?#(?:system|user|assistant)~\}\}|\{\{~?gen\s")
# What guidance lets the model write, and what dotprompt expands from its own library.
_WRITES_NOTHING = frozenset(("gen", "select", "section", "set", "await", "else", "log"))
_MAX_FILES_DEEP = 20
_MAX_EXPANSIONS = 500
_MAX_FRAMES = 100


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order, partials followed. Raises TemplateError for tags that are not closed or do not match."""
    writer = Writer(source)
    writer.refuse_flood()
    _Walk(writer).file(source, ())
    return writer.done()


class _Walk:
    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.files: list[str] = []
        self.expansions = 0

    def file(self, source: Source, frames: tuple[Frame, ...]) -> None:
        """Write down one file, in the frames of the place that includes it."""
        self.files.append(source.path)
        text = source.text
        dotprompt, guidance = _DOTPROMPT.search(text) is not None, _GUIDANCE.search(text) is not None
        reader = _File(self, source, list(frames), dotprompt=dotprompt, guidance=guidance)
        for piece in tags(source):
            reader.piece(piece)
        reader.end()
        self.files.pop()


class _File:
    def __init__(self, walk: _Walk, source: Source, frames: list[Frame], *, dotprompt: bool, guidance: bool) -> None:
        self.walk, self.source, self.frames = walk, source, frames
        self.own = walk.writer
        self.floor = len(frames)
        self.dotprompt, self.guidance = dotprompt, guidance

    def piece(self, piece: Tag) -> None:
        """Write down one tag or the text before it."""
        if piece.kind == "text":
            self._text(piece.content, piece.start)
        elif piece.kind in "#^":
            self._open(piece)
        elif piece.kind == "/":
            self._close(piece)
        elif piece.kind == ">":
            self._partial(piece)
        elif piece.kind != "!":
            self._value(piece)

    def end(self) -> None:
        """Refuse what is still open."""
        if len(self.frames) > self.floor:
            frame = self.frames[-1]
            raise self.own.error(f"the section {one_line(frame.name, 60)} is not closed", frame.offset)

    def _text(self, text: str, at: int) -> None:
        self.own.text(text, at)

    def _role(self, role: str, at: int) -> None:
        self.own.add(Text(f"<|{role}|>", *self.source.lines.place(at), at))

    def _open(self, tag: Tag) -> None:
        if len(self.frames) - self.floor >= _MAX_FRAMES:
            raise self.own.error("sections are nested too deeply", tag.start)
        given, parameters, named = words(tag.content)
        name = given[0] if given else ""
        role = named.get("role", "").strip("\"'")
        role = name.lower() if self.guidance and name.lower() in _ROLES else role if name == "message" else ""
        if role:
            # A role that is a value: every message in a turn of its own.
            self.frames.append(Frame(name, tag.start))
            self._role(role if role in _ROLES else "user", tag.start)
        else:
            self.frames.append(
                Frame.open(name, given[1:], parameters, self.frames, inverted=tag.kind == "^", offset=tag.start)
            )

    def _close(self, tag: Tag) -> None:
        name = tag.content.strip()
        if len(self.frames) <= self.floor or self.frames[-1].name != name:
            expected = f", {one_line(self.frames[-1].name, 60)} is open" if len(self.frames) > self.floor else ""
            raise self.own.error(f"{{{{/{one_line(name, 60)}}}}} closes no section{expected}", tag.start)
        self.frames.pop()

    def _value(self, tag: Tag) -> None:
        content = tag.content.strip()
        given, _, named = words(content)
        if not given or (len(given) > 1 and not re.match(r"[\w@$.-]", given[0])):
            self._text(self.source.text[tag.start : tag.end], tag.start)
            return
        head = given[0]
        if head in ("else", "^"):
            if len(self.frames) > self.floor:
                self.frames[-1] = self.frames[-1].otherwise(" ".join(given[1:]))
        elif head == "role" and len(given) == 2:
            self._role_tag(given[1], tag)
        elif head == "history" and len(given) == 1 and self.dotprompt:
            self._role("user", tag.start)
            self._hole("history", tag, ())
        elif len(given) == 1 and not named:
            self._plain(head, tag)
        elif head not in _WRITES_NOTHING:
            self._helper(head, [*given[1:], *named.values()], tag)

    def _role_tag(self, word: str, tag: Tag) -> None:
        role = word.strip("\"'").lower()
        self._role(role if role in _ROLES else "user", tag.start)

    def _plain(self, name: str, tag: Tag) -> None:
        if (given := WITH_ARGUMENTS.fullmatch("{{" + name + "}}")) is not None:
            self._hole(resolve(given[1], self.frames), tag, ("safe",) if tag.kind == "&" else ())
        elif not is_path(name):
            self._text(self.source.text[tag.start : tag.end], tag.start)
        elif name not in _WRITES_NOTHING:
            self._hole(resolve(name, self.frames), tag, ("safe",) if tag.kind == "&" else ())

    def _helper(self, name: str, arguments: list[str], tag: Tag) -> None:
        found = list(dict.fromkeys(p for a in arguments for p in paths(a)))
        helper = _FILTERS.get(name.lower(), name)
        filters = (helper, "safe") if tag.kind == "&" and helper != "tojson" else (helper,)
        if not found:
            self._hole(f"{name}()", tag, ())
        for path in found:
            own = name == "lookup" and path is found[0]
            self._hole(resolve(path, self.frames) + ("[]" if own else ""), tag, filters)
            if own:
                break

    def _partial(self, tag: Tag) -> None:
        given, _, _ = words(tag.content)
        name = given[0].strip("\"'") if given else ""
        self.walk.expansions += 1
        if self.walk.expansions > _MAX_EXPANSIONS or len(self.walk.files) > _MAX_FILES_DEEP:
            raise self.own.error("too many partials", tag.start)
        found = next((s for e in _EXTENSIONS if (s := self.source.include(name + e, self.source.path))), None)
        if found is None or name.startswith("("):
            # What it would say cannot be seen: a hole of unknown trust.
            self._hole(f"include({one_line(name, 80)})", tag, ())
        elif found.path in self.walk.files:
            raise self.own.error(f"{one_line(found.path, 80)} includes itself", tag.start)
        else:
            inside = _Walk(Writer(found))
            inside.writer.refuse_flood()
            inside.files, inside.expansions = self.walk.files, self.walk.expansions
            inside.file(found, tuple(self.frames))
            self.walk.expansions = inside.expansions
            for span in inside.writer.done():
                self.own.add(span)

    def _hole(self, name: str, tag: Tag, filters: tuple[str, ...]) -> None:
        frames = self.frames
        self.own.hole(
            name, tag.start, tag.end, filters=filters, in_loop=any(f.loop for f in frames),
            condition=" and ".join(f.condition for f in frames if f.condition),
        )  # fmt: skip
