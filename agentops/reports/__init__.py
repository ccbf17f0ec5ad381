"""What a run and its verdict look like to people and to machines. Pure: objects in, text out.

The modules are imported when a report is asked for, not before.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import cast

from agentops.contracts import Reporter
from agentops.errors import UsageError


@dataclass(frozen=True, slots=True)
class Report:
    """A built-in report: how it is called, the file it is written to (empty: the terminal), where its code is."""

    name: str
    file_name: str
    module: str
    function: str = "render"


TABLE: tuple[Report, ...] = (
    Report("console", "", "agentops.reports.console"),
    Report("junit", "junit.xml", "agentops.reports.junit"),
    Report("markdown", "report.md", "agentops.reports.markdown"),
    Report("json", "run.json", "agentops.reports.json", "render_run"),
    Report("verdict", "verdict.json", "agentops.reports.json", "render_verdict"),
    Report("sarif", "results.sarif", "agentops.reports.sarif"),
)


def find(name: str) -> Report:
    """The report of that name. Raises UsageError naming those there are."""
    for report in TABLE:
        if report.name == name:
            return report
    raise UsageError(f"there is no report {name!r}", hint="one of: " + ", ".join(r.name for r in TABLE))


def load(name: str) -> Reporter:
    """The function that writes the report of that name. Raises UsageError."""
    report = find(name)
    return cast(Reporter, getattr(importlib.import_module(report.module), report.function))
