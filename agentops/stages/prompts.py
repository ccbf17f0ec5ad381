"""The stage that measures prompt templates. The gate judges the risk; the checks here are for reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from agentops.contracts import Bench
from agentops.errors import Interrupted
from agentops.injection.analysis import Analysis, FileError, TemplateResult
from agentops.injection.engine import analyse, find
from agentops.injection.kinds import Kind
from agentops.injection.rules.base import JudgedHole
from agentops.injection.trust import Judge
from agentops.model.events import Progress
from agentops.model.outcome import Outcome
from agentops.model.run import Check, Counts, StageError, StageResult
from agentops.model.settings import Prompts
from agentops.text import one_line
from agentops.version import VERSION

_MAX_NOTICES = 20


class PromptsStage:
    """Analyses the templates that the configuration names. `root` is the project's folder."""

    def __init__(self, settings: Prompts, root: Path) -> None:
        self._settings = settings
        self._root = root

    @property
    def name(self) -> str:
        """The stage's name."""
        return "prompts"

    @property
    def after(self) -> tuple[str, ...]:
        """Nothing: the files lie in the repository."""
        return ()

    def plan(self) -> str:
        """What will be analysed. Raises ConfigError for a missing path, no template, or an unknown word of trust."""
        Judge(self._settings.trust)
        count = len(find(self._paths(), root=self._root.absolute(), exclude=self._settings.exclude).files)
        places = ", ".join(one_line(p) for p in self._settings.paths)
        return f"{count} {'template' if count == 1 else 'templates'} in {places}"

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:  # noqa: ARG002
        """Measure every template. Raises Interrupted when the user stops the run."""
        planned = len(find(self._paths(), root=self._root.absolute(), exclude=self._settings.exclude).files)
        reached = 0

        def tick(path: str) -> None:  # noqa: ARG001
            nonlocal reached
            if bench.cancel.is_set():
                raise Interrupted("the analysis of prompt templates was stopped")
            reached += 1
            bench.emit(Progress(self.name, done=reached, planned=planned))

        analysis = analyse(
            self._paths(), root=self._root, exclude=self._settings.exclude, trust=self._settings.trust, tick=tick
        )
        return self._result(analysis)

    def _paths(self) -> list[Path]:
        return [Path(p) for p in self._settings.paths]

    def _result(self, analysis: Analysis) -> StageResult:
        measured, lost = len(analysis.templates), len(analysis.errors)
        checks = [self._check(t) for t in analysis.templates] + [_lost(e) for e in analysis.errors]
        values = {}
        if analysis.risk is not None and analysis.risk_high is not None:
            values = {"prompt_risk": analysis.risk, "prompt_risk_high": analysis.risk_high}
        return StageResult(
            name=self.name,
            outcome=Outcome.ERROR if lost or not measured else Outcome.PASS,
            counts=Counts(measured + lost, measured, unit="templates", skipped=analysis.skipped),
            findings=tuple(f for t in analysis.templates for f in t.findings),
            checks=tuple(sorted(checks, key=lambda c: c.name)),
            errors=tuple(StageError(e.message, e.hint) for e in analysis.errors),
            values=values,
            tools={"agentops": VERSION},
            notices=self._notices(analysis),
        )

    def _check(self, template: TemplateResult) -> Check:
        failed = template.risk > self._settings.fail_at
        worst = max(template.holes, key=lambda h: h.risk.low, default=None)
        return Check(
            name=one_line(template.path),
            outcome=Outcome.FAIL if failed else Outcome.PASS,
            message=_failure(template, self._settings.fail_at) if failed else f"risk {_figure(template)}",
            detail="\n".join(template.explanation),
            group=_group(template.path),
            location=worst.hole.location if failed and worst else None,
        )

    def _notices(self, analysis: Analysis) -> tuple[str, ...]:
        """Where the answer hangs on variables whose trust nobody settled."""
        limit = self._settings.fail_at
        open_ones = [t for t in analysis.templates if t.risk_low <= limit < t.risk_high]
        lines = []
        for template in open_ones[:_MAX_NOTICES]:
            names = dict.fromkeys(h.hole.shown for h in template.holes if h.trust.kind is Kind.UNKNOWN)
            shown = ", ".join(list(names)[:5]) + (" ..." if len(names) > 5 else "")
            lines.append(
                f"{one_line(template.path)}: risk {_figure(template)} because nothing tells where {shown} "
                f"{'comes' if len(names) == 1 else 'come'} from; settle it under prompts.trust"
            )
        if len(open_ones) > _MAX_NOTICES:
            lines.append(f"{len(open_ones) - _MAX_NOTICES} more templates hang on unknown variables")
        return tuple(lines)


def _failure(template: TemplateResult, limit: float) -> str:
    by_risk: dict[str, JudgedHole] = {}
    for one in sorted(template.holes, key=lambda h: -h.risk.low):
        by_risk.setdefault(one.hole.shown, one)
    worst = next(iter(by_risk.values()))
    more = f", and {len(by_risk) - 1} more" if len(by_risk) > 1 else ""
    place = "in one text without roles" if worst.role is None else f"in {worst.role} text"
    why = f"{worst.hole.shown} is {worst.trust.kind.verdict} ({worst.trust.why}) and stands {place}{more}"
    return f"risk {_figure(template)} (above {limit:.2f}): {why}"


def _figure(template: TemplateResult) -> str:
    low, high = template.risk_low, template.risk_high
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"


def _lost(error: FileError) -> Check:
    return Check(
        name=one_line(error.path),
        outcome=Outcome.ERROR,
        message=error.message,
        detail=error.hint,
        group=_group(error.path),
        location=error.location,
    )


def _group(path: str) -> str:
    return one_line(PurePosixPath(path).parent.as_posix())
