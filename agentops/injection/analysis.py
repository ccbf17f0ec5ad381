"""What the analysis of prompt templates comes to."""

from __future__ import annotations

from dataclasses import dataclass

from agentops.injection.rules.base import JudgedHole
from agentops.model.finding import Finding, Location


@dataclass(frozen=True, slots=True)
class TemplateResult:
    """One template. `risk_low` and `risk_high` are 0..1 and differ where the trust of a hole is unknown; the risk
    that a threshold is held against is the low end. `explanation` names every factor, a line each."""

    path: str
    syntax: str
    risk_low: float
    risk_high: float
    holes: tuple[JudgedHole, ...]
    findings: tuple[Finding, ...]
    explanation: tuple[str, ...]

    @property
    def risk(self) -> float:
        """The low end: what is certain."""
        return self.risk_low


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
        return max((t.risk_low for t in self.templates), default=None)

    @property
    def risk_high(self) -> float | None:
        """The worst high end; None where nothing was measured."""
        return max((t.risk_high for t in self.templates), default=None)
