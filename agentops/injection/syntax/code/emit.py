"""Turns what was found in a source file into templates: every text once, in the best of the finds that hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.code import literals, names
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.origin import is_literal, read_from
from agentops.injection.syntax.code.tokens import Chunk, Dialect
from agentops.injection.syntax.code.tree import Nodes
from agentops.injection.template import Assigned, Hole, Message, Note, Template, TemplateKind

MAX_PROMPTS = 2_500
"""More prompts than a source file that people write has."""


@dataclass(slots=True)
class Found:
    """A template before the texts that several finds share are given to one of them: the lowest `rank` first. `whole`
    is set where a value is all of the text, `alone` where it counts only if no other find holds any of its texts."""

    messages: list[Spoken]
    at: int
    name: str
    rank: int
    kind: TemplateKind = TemplateKind.PROMPT
    types: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    whole: bool = False
    alone: bool = False


class Emitter:
    """Makes the templates of one file. `fills` are the values that calls give to variables by name."""

    def __init__(
        self, source: Source, dialect: Dialect, fills: Mapping[str, Nodes], *, verbs: bool, dollars: bool
    ) -> None:
        self.source, self.dialect, self.fills = source, dialect, fills
        self.verbs, self.dollars = verbs, dollars

    def templates(self, found: Sequence[Found], *, default: str = "") -> tuple[Template, ...]:
        """Every text once, in the best of the finds that hold it. `default` is what "template" means here."""
        used: set[int] = set()
        told: set[int] = set()
        kept: list[tuple[int, Template]] = []
        for one in sorted(found, key=lambda f: (f.rank, f.at)):
            fresh = {p.start for s in one.messages for p in s.value.parts if isinstance(p, Chunk) and p.text.strip()}
            fresh |= {r.start for s in one.messages for r in s.value.refs if r.name == "fromResource" or one.whole}
            if not fresh or fresh <= used or (one.alone and not fresh.isdisjoint(used)):
                continue
            if (
                one.rank > 0
                and any(s in used for s in fresh)
                and len(fresh - used) * 2 < len(fresh)
                and not _filled(one, used)
            ):
                continue
            used |= fresh
            told |= _values(one)
            kept.append((one.at, self._template(one, default)))
        # Messages of nothing but values, where no other find holds them.
        for one in sorted(found, key=lambda f: (f.rank, f.at)):
            values = _values(one)
            spoken = any(s.role is not None and s.value.refs for s in one.messages)
            if spoken and not values & told and not any(s.value.says for s in one.messages):
                told |= values
                kept.append((one.at, self._template(one, default)))
        return tuple(t for _, t in sorted(kept, key=lambda k: k[0]))

    def _template(self, one: Found, default: str) -> Template:
        messages: list[Message] = []
        notes = [*one.notes, *(s.note for s in one.messages if s.note is not None)]
        types = dict(one.types)
        assigned: dict[str, Assigned] = {}
        notation = ""
        for spoken in one.messages:
            told = (default or "single") if spoken.notation == "template" else spoken.notation
            if told == "single" and any(isinstance(p, Chunk) and "{{" in p.text for p in spoken.value.parts):
                told = ""
            text = literals.read(
                self.source, spoken.value, notation=told, verbs=self.verbs, dollars=self.dollars
            )  # fmt: skip
            notation = notation or text.notation
            notes += text.notes
            messages.append(Message(spoken.role, text.spans))
            for hole in messages[-1].holes:
                if (given := self._filled_with(hole)) is not None:
                    assigned.setdefault(hole.name.split(".")[0], given)
            for ref in spoken.value.refs:
                root = ref.name.replace("[]", "").split(".")[0]
                if ref.type:
                    types.setdefault(root, ref.type)
                if ref.assigned is not None:
                    assigned.setdefault(ref.name if "()" in ref.name else root, ref.assigned)
        line, _ = self.source.lines.place(one.at)
        syntax = self.dialect.name + (f"+{notation}" if notation not in ("", "single", "guess") else "")
        return Template(
            self.source.path, syntax, tuple(m for m in messages if m.spans), types=types, line=line, name=one.name,
            kind=one.kind, assigned=assigned, notes=tuple(dict.fromkeys(notes)),
        )  # fmt: skip

    def _filled_with(self, hole: Hole) -> Assigned | None:
        nodes = self.fills.get(hole.name.split(".")[0])
        if nodes is None:
            return None
        if is_literal(nodes) and hole.name.lower() not in names.SPOKEN:
            return Assigned(Kind.CONSTANT, "the code gives it a fixed value")
        return read_from(self.source.text[nodes[0].start : nodes[-1].end][:400])


def _values(one: Found) -> set[int]:
    return {r.start for s in one.messages for r in s.value.refs}


def _filled(one: Found, used: set[int]) -> bool:
    return any(s.value.refs for s in one.messages) and not any(
        p.start in used and len(p.text) > 200 for s in one.messages for p in s.value.parts if isinstance(p, Chunk)
    )
