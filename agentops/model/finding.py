"""A finding: one thing that a rule or scanner says about one place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a finding is, mildest first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info to 4 for critical."""
        return list(Severity).index(self)


class Confidence(Enum):
    """How sure the rule is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; `path` is relative to the project where it lies inside it. Lines and columns count from 1,
    `end_column` is behind the last character of what is meant."""

    path: str
    line: int | None = None
    column: int | None = None
    end_column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(p) for p in (self.path, self.line, self.column) if p is not None)


@dataclass(frozen=True, slots=True)
class Finding:
    """`fingerprint` holds no line number, so that it survives edits elsewhere in the file. `excerpt` is the source line
    as it stands (to be made safe by whoever shows it), `waiver` why the finding does not count."""

    rule: str
    severity: Severity
    confidence: Confidence
    message: str
    location: Location
    fingerprint: str
    hint: str = ""
    excerpt: str = ""
    waiver: str | None = None


def fingerprint(rule: str, path: str, what: str) -> str:
    """16 hex digits over the rule, the file and what was found there, white space folded."""
    text = "\0".join((rule, path, " ".join(what.split())))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
