"""What a scan of files or packages came to, before a stage wraps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentops.model.finding import Finding
from agentops.model.run import Counts, StageError


@dataclass(frozen=True, slots=True)
class ScanResult:
    """`errors` name what was asked and not measured: the scan passes only when there is none.

    `tools` are versions of what measured; `logs` are file names in the folder the scan was given.
    """

    counts: Counts
    findings: tuple[Finding, ...] = ()
    errors: tuple[StageError, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    logs: tuple[str, ...] = ()
