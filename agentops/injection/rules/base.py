"""What a rule is: its texts and a check. Structure rules look at a template whose holes were judged, content rules at
the file's text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from agentops.injection.defence.mitigation import Declared, Mitigation, Seen
from agentops.injection.risk import Risk
from agentops.injection.source import Source
from agentops.injection.template import BoundaryKind, Hole, Template, TemplateKind
from agentops.injection.trust import Trust
from agentops.model.finding import Confidence, Location
from agentops.model.rule import RuleInfo


@dataclass(frozen=True, slots=True)
class JudgedHole:
    """A hole with all that was decided about it. `sink` is K; `ordered`: its message also gives orders."""

    hole: Hole
    role: str | None
    trust: Trust
    mitigation: Mitigation
    risk: Risk
    sink: float
    ordered: bool

    @property
    def untrusted(self) -> bool:
        """Whether outsiders write the value. An unknown one is not called untrusted."""
        return self.trust.kind.untrusted

    @property
    def defended(self) -> bool:
        """Named or unforgeable marks and a declaration: the best that wording can do."""
        mark = self.mitigation.boundary
        strong = mark is not None and mark.kind is not BoundaryKind.GENERIC
        return strong and self.mitigation.declared is not Declared.NO


@dataclass(frozen=True, slots=True)
class Judged:
    """A template with all that was decided about it. `seen` are its messages with their sentences, `holes` those of
    all messages in order."""

    template: Template
    seen: tuple[Seen, ...]
    holes: tuple[JudgedHole, ...]


@dataclass(frozen=True, slots=True)
class FileText:
    """A file as content rules see it: its raw text, and what kind of texts it holds."""

    source: Source
    templates: tuple[Template, ...]

    @property
    def kinds(self) -> frozenset[TemplateKind]:
        """What a model takes the file's texts for."""
        return frozenset(t.kind for t in self.templates)

    def location(self, offset: int) -> Location:
        """The place of the offset."""
        return Location(self.source.path, *self.source.lines.place(offset))


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that a rule speaks of.

    `message` is one sentence, safe to show. `what` tells this hit from others of the rule in the same file, whatever
    line it stands in. `hole` is the one that it is about, if one is. `evidence` is e of the content channel, 0..1.
    """

    location: Location
    message: str
    what: str
    confidence: Confidence
    hole: Hole | None = None
    evidence: float = 0.0

    @classmethod
    def at(cls, one: JudgedHole, message: str) -> Self:
        """A hit on a hole, as sure as the hole's trust is."""
        return cls(one.hole.location, message, f"{one.role} {one.hole.name}", one.trust.confidence, one.hole)


@dataclass(frozen=True, slots=True)
class Rule:
    """A structure rule. At most one finding comes of the hits with the same `what`. `effect`: where it speaks, the
    answer is run, is stored, or decides about something, which weighs the template's risk."""

    info: RuleInfo
    check: Callable[[Judged], Iterator[Hit]]
    effect: bool = False


@dataclass(frozen=True, slots=True)
class ContentRule:
    """A content rule, held against each file once. Its hits belong to the template that they stand in."""

    info: RuleInfo
    check: Callable[[FileText], Iterator[Hit]]
