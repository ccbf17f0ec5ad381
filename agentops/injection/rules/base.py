"""What a rule is: its texts, its severity, and a check over a template that was judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentops.injection.mitigation import Declared, Mitigation
from agentops.injection.risk import Risk
from agentops.injection.template import BoundaryKind, Hole
from agentops.injection.trust import Kind, Trust
from agentops.model.finding import Severity


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
        return self.trust.kind in (Kind.THIRD_PARTY, Kind.USER, Kind.MODEL)

    @property
    def defended(self) -> bool:
        """Named or unforgeable marks and a declaration: the best that wording can do."""
        mark = self.mitigation.boundary
        strong = mark is not None and mark.kind is not BoundaryKind.GENERIC
        return strong and self.mitigation.declared is not Declared.NO


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that a rule speaks of. `message` is one sentence, safe to show."""

    judged: JudgedHole
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `owasp` are ids of the OWASP LLM list of 2025, `owasp_2026` of the one of 2026, `owasp_agentic` of the
    agentic list. `what`, `why` and `remedy` are a sentence or two each, for people."""

    id: str
    title: str
    severity: Severity
    owasp: tuple[str, ...]
    owasp_2026: tuple[str, ...]
    owasp_agentic: tuple[str, ...]
    what: str
    why: str
    remedy: str
    check: Callable[[tuple[JudgedHole, ...]], Iterator[Hit]]
