"""The stage that audits the agent's pinned packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from agentops.contracts import Bench
from agentops.errors import ConfigError, Unavailable
from agentops.model.run import Counts, StageResult
from agentops.model.settings import Dependencies
from agentops.scans import dependencies as scans
from agentops.scans import requirements
from agentops.scans.advisories import AdvisoryService
from agentops.scans.result import ScanResult
from agentops.stages.base import of_scan, unavailable


class DependenciesStage:
    """pip-audit over the configured requirement files. `tool` is the command that starts pip-audit."""

    name = "dependencies"
    after: tuple[str, ...] = ()

    def __init__(self, settings: Dependencies, root: Path, *, tool: Sequence[str] | None = None) -> None:
        self._settings = settings
        self._root = root
        self._tool = tool
        self._opened: str | AdvisoryService | None = None

    def plan(self) -> str:
        """How many packages will be audited against what.

        Raises ConfigError for a file that is missing or cannot be read, and for a missing or damaged database.
        """
        wanted = requirements.read(self._root, self._settings.files)
        count = len({(p.name, p.version) for p in wanted.pins})
        service = self._service()
        if isinstance(service, AdvisoryService):
            source = f"{service.advisories} advisories of {service.newest} or older"
        else:
            source = scans.host(service)
        loose = f", {len(wanted.loose)} unpinned" if wanted.loose else ""
        return f"pip-audit over {count} pinned package{'' if count == 1 else 's'}{loose}, asking {source}"

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:  # noqa: ARG002 - the stage contract
        """Audit. Raises MeasurementError when there is no usable report, Interrupted when the user stops."""
        wanted = requirements.read(self._root, self._settings.files)
        try:
            found = scans.scan(
                wanted,
                out=bench.out / self.name,
                service=self._service(),
                timeout_s=self._settings.timeout_s,
                cancel=bench.cancel,
                tool=self._tool,
            )
        except Unavailable as error:
            planned = len({(p.name, p.version) for p in wanted.pins})
            counts = Counts(planned=planned, measured=0, unit="packages", skipped=scans.left_out(wanted))
            found = ScanResult(counts, findings=scans.unpinned(wanted), errors=unavailable(error))
        return of_scan(self.name, found)

    def _service(self) -> str | AdvisoryService:
        """The service, opened once: a large database takes seconds to read."""
        if self._opened is None:
            if self._settings.advisories is not None:
                self._opened = AdvisoryService(self._root / self._settings.advisories)
            else:
                self._opened = _http(self._settings.service)
        return self._opened


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            "dependencies.service is no http or https URL",
            hint="give the full query address of an OSV service, such as https://api.osv.dev/v1/query",
        )
    return url
