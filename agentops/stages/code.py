"""The stage that scans the agent's Python code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agentops.contracts import Bench
from agentops.errors import Unavailable
from agentops.model.run import Counts, StageResult
from agentops.model.settings import Code
from agentops.scans import code as scans
from agentops.scans.result import ScanResult
from agentops.scans.sources import Sources, python_files
from agentops.stages.base import of_scan, unavailable


class CodeStage:
    """bandit over the configured Python sources. `tool` is the command that starts bandit."""

    name = "code"
    after: tuple[str, ...] = ()

    def __init__(self, settings: Code, root: Path, *, tool: Sequence[str] | None = None) -> None:
        self._settings = settings
        self._root = root
        self._tool = tool

    def plan(self) -> str:
        """How many files will be scanned. Raises ConfigError for a missing path and when there is no file."""
        sources = self._sources()
        count = len(sources.files)
        return f"bandit over {count} Python file{'' if count == 1 else 's'}"

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:  # noqa: ARG002 - the stage contract
        """Scan. Raises MeasurementError when bandit gives no usable report, Interrupted when the user stops."""
        sources = self._sources()
        try:
            found = scans.scan(
                sources, root=self._root, out=bench.out / self.name, cancel=bench.cancel, tool=self._tool
            )
        except Unavailable as error:
            counts = Counts(planned=len(sources.files), measured=0, unit="files", skipped=sources.skipped)
            found = ScanResult(counts, errors=unavailable(error))
        return of_scan(self.name, found)

    def _sources(self) -> Sources:
        return python_files(self._root, self._settings.paths, self._settings.exclude)
