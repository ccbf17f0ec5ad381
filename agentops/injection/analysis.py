"""What the analysis of prompt templates comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentops.injection.rules.base import JudgedHole
from agentops.model.finding import Finding, Location


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule said of one place: a finding without a fingerprint. `what` is what it says the same of other places
    with, `hole` the number of the hole that it is about, `around` the text around a place without one."""

    finding: Finding
    what: str
    hole: int | None = None
    around: str = ""
    evidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """All that the rules said of a template. `around` tells each of its holes from others by the fixed text around it,
    `digest` the template from others by all of its text."""

    said: tuple[Said, ...]
    around: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class TemplateResult:
    """One template.

    `risk_low` and `risk_high` are 0..1, speak of the holes, and differ where the trust of a hole is unknown; `content`
    is what hidden or poisoned text adds, of `evidence` by finding's fingerprint; `weight` is that of the answer's
    effect. `explanation` names every factor, a line each. `places` are the numbers of the holes that a finding speaks
    for, by fingerprint; `heard` is what the findings were made of, None once nothing more can be waived.
    """

    path: str
    line: int
    name: str
    syntax: str
    risk_low: float
    risk_high: float
    content: float
    weight: float
    evidence: Mapping[str, float]
    holes: tuple[JudgedHole, ...]
    findings: tuple[Finding, ...]
    explanation: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    heard: Heard | None = None

    @property
    def risk(self) -> float:
        """The low end of the holes' risk: what is certain."""
        return self.risk_low

    @property
    def total(self) -> float:
        """The risk that a threshold is held against: of the holes and of the content."""
        return 1 - (1 - self.risk_low) * (1 - self.content)

    @property
    def total_high(self) -> float:
        """The same with every unknown hole at its worst."""
        return 1 - (1 - self.risk_high) * (1 - self.content)


@dataclass(frozen=True, slots=True)
class FileError:
    """A file that was not measured. `message` starts with the place, `hint` names the mend."""

    path: str
    location: Location
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """All templates and all files that were not measured, both in sorted order. `skipped` were excluded by name."""

    templates: tuple[TemplateResult, ...]
    errors: tuple[FileError, ...]
    skipped: tuple[str, ...] = ()

    @property
    def risk(self) -> float | None:
        """The worst template's risk; None where nothing was measured."""
        return max((t.total for t in self.templates), default=None)

    @property
    def risk_high(self) -> float | None:
        """The worst high end; None where nothing was measured."""
        return max((t.total_high for t in self.templates), default=None)
