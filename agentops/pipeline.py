"""The check from end to end: plan, measure, hand the parts to each other.

`STAGES` is the check in reading order. Every stage starts as soon as the stages that it names in `after` have ended,
so that independent ones run side by side. A stage that fails to measure becomes an error in the result; the others
go on, so that one run tells everything that is wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from agentops.config.document import nearest
from agentops.contracts import Bench, Stage
from agentops.drivers import git, journal
from agentops.errors import AgentopsError, ConfigError, Interrupted, ReportError, Unavailable, UsageError
from agentops.evals import dataset
from agentops.gate import policy as gate_policy
from agentops.model import records
from agentops.model.case import Suite
from agentops.model.codec import encode
from agentops.model.events import Emit, StageFinished, StageStarted
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult, Scope, StageError, StageResult, Subject
from agentops.model.settings import Settings
from agentops.model.verdict import Policy
from agentops.text import one_line
from agentops.version import VERSION

# How long the stages get to clean up after an interrupt before the process ends without them.
_CLEAN_UP_S = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will measure. `lines` tell it to people, one line a stage; `hashes` are sha256 of the inputs as they
    were when it was planned."""

    settings: Settings
    policy: Policy
    stages: tuple[Stage, ...]
    scope: Scope
    suites: tuple[Suite, ...]
    lines: Mapping[str, str]
    hashes: Mapping[str, str] = field(default_factory=dict)


def _build(settings: Settings, _: Sequence[Suite]) -> Stage | None:
    if settings.agent.build is None and settings.agent.image is None:
        return None
    from agentops.stages.build import BuildStage

    return BuildStage(settings.agent, settings.root)


def _prompts(settings: Settings, _: Sequence[Suite]) -> Stage | None:
    if settings.prompts is None:
        return None
    from agentops.stages.prompts import PromptsStage

    return PromptsStage(settings.prompts, settings.root)


def _code(settings: Settings, _: Sequence[Suite]) -> Stage | None:
    if settings.code is None:
        return None
    from agentops.stages.code import CodeStage

    return CodeStage(settings.code, settings.root)


def _dependencies(settings: Settings, _: Sequence[Suite]) -> Stage | None:
    if settings.dependencies is None:
        return None
    from agentops.stages.dependencies import DependenciesStage

    return DependenciesStage(settings.dependencies, settings.root)


def _unit(settings: Settings, _: Sequence[Suite]) -> Stage | None:
    if settings.unit is None:
        return None
    from agentops.stages.unit import UnitStage

    return UnitStage(settings.unit, settings.agent, settings.root)


def _evals(settings: Settings, suites: Sequence[Suite]) -> Stage | None:
    if settings.evals is None:
        return None
    from agentops.stages.evals import EvalsStage

    return EvalsStage(settings.evals, settings.agent, root=settings.root, suites=tuple(suites))


STAGES: Mapping[str, Callable[[Settings, Sequence[Suite]], Stage | None]] = {
    "build": _build,
    "prompts": _prompts,
    "code": _code,
    "dependencies": _dependencies,
    "unit": _unit,
    "evals": _evals,
}


def plan(settings: Settings, policy: Policy, *, only: Sequence[str] = ()) -> Plan:
    """Decide what will be measured and refuse what cannot be meant, before anything is spent.

    `only` restricts the run to these stages, which makes it a part. Raises UsageError or ConfigError.
    """
    if {"unit", "evals"} & set(only) and (settings.agent.build or settings.agent.image):
        only = ("build", *only)  # they run in the image
    wants_evals = settings.evals is not None and (not only or "evals" in only)
    suites = dataset.load(settings.evals.suites, root=settings.root) if settings.evals and wants_evals else ()
    configured = {name: stage for name, make in STAGES.items() if (stage := make(settings, suites)) is not None}
    if not configured:
        raise UsageError("nothing is configured that could be measured", hint="see docs/configuration.md")
    missing = [name for name in only if name not in configured]
    if missing:
        hint = f"configured are {', '.join(configured)}"
        raise ConfigError(f"{settings.source}: no stage {missing[0]}{nearest(missing[0], list(configured))}", hint=hint)
    stages = tuple(stage for name, stage in configured.items() if not only or name in only)
    if settings.evals and wants_evals:
        gate_policy.refuse_unreachable(policy, suites, settings.evals.runs)
    lines = {stage.name: stage.plan() for stage in stages}
    scope = Scope(tuple(lines), full=not only)
    return Plan(settings, policy, stages, scope, suites, lines, _hashes(settings, suites, scope))


def _hashes(settings: Settings, suites: Sequence[Suite], scope: Scope) -> dict[str, str]:
    """What went into the measurement besides the image, by name."""
    hashes = {"config": settings.source_sha256} if settings.source_sha256 else {}
    named = list(settings.dependencies.files) if settings.dependencies and "dependencies" in scope.stages else []
    if settings.evals and "evals" in scope.stages:
        hashes |= {suite.path: suite.sha256 for suite in suites}
        judge = settings.evals.judge
        named += [path for path in (settings.agent.model.script, judge.script if judge else None) if path]
    hashes |= {path: hashlib.sha256((settings.root / path).read_bytes()).hexdigest() for path in named}
    if settings.prompts and "prompts" in scope.stages:
        from agentops.injection import files

        paths = [Path(p) for p in settings.prompts.paths]
        hashes["prompts"] = files.digest(paths, root=settings.root, exclude=settings.prompts.exclude)
    return hashes


def measure(plan: Plan, *, out: Path, run_id: str, emit: Emit, cancel: threading.Event) -> RunResult:
    """Run the plan's stages and return what they measured. Raises Interrupted when `cancel` is set meanwhile.

    `out` is the run's folder; the journal in it is the one truth of the run.
    """
    log = journal.FileJournal(out / "journal.jsonl")
    try:
        state = git.state(plan.settings.root)
        started = _now()
        _sweep(plan, None)
        log.append(
            "run", {"id": run_id, "agent": plan.settings.agent.name, "scope": encode(plan.scope), "plan": plan.lines}
        )
        bench = Bench(run_id=run_id, root=plan.settings.root, out=out, emit=emit, cancel=cancel, journal=log)
        try:
            results = _Schedule(plan.stages, bench).run()
        except Interrupted:
            # What cannot be removed now is swept by the next run; the interrupt is the news.
            with contextlib.suppress(AgentopsError):
                _sweep(plan, run_id)
            raise
        run = _assemble(plan, results, run_id=run_id, started=started, commit=state.commit, dirty=state.dirty)
        log.append("finished", records.of_run(run))
        return run
    finally:
        log.close()


def _sweep(plan: Plan, run_id: str | None) -> None:
    """Remove what a run left in the container engine: that of this run, or (None) of runs that were killed."""
    if not any(stage.name == "build" for stage in plan.stages):
        return
    from agentops.drivers.container import Engine

    with contextlib.suppress(Unavailable), Engine.connect() as engine:
        engine.sweep(run_id)


class _Schedule:
    """The stages as threads, each started when those before it have ended."""

    def __init__(self, stages: Sequence[Stage], bench: Bench) -> None:
        self._stages = stages
        self._bench = bench
        self._done: dict[str, StageResult] = {}
        self._changed = threading.Condition()

    def run(self) -> list[StageResult]:
        """The results in the order of the stages. Raises Interrupted."""
        threads = {
            s.name: threading.Thread(target=self._work, args=(s,), name=s.name, daemon=True) for s in self._stages
        }
        waiting = list(self._stages)
        with self._changed:
            while len(self._done) < len(self._stages) and not self._bench.cancel.is_set():
                for stage in [s for s in waiting if self._may_start(s)]:
                    waiting.remove(stage)
                    threads[stage.name].start()
                # A bounded wait: an interrupt reaches the main thread between two of them.
                self._changed.wait(0.1)
        if self._bench.cancel.is_set():
            deadline = time.monotonic() + _CLEAN_UP_S
            for thread in threads.values():
                if thread.ident is not None:
                    thread.join(max(deadline - time.monotonic(), 0))
            raise Interrupted("the check was stopped", hint="nothing was decided; the journal keeps what was measured")
        return [self._done[s.name] for s in self._stages]

    def _may_start(self, stage: Stage) -> bool:
        names = {s.name for s in self._stages}
        return all(name in self._done for name in stage.after if name in names)

    def _work(self, stage: Stage) -> None:
        started = time.monotonic()
        try:
            self._bench.emit(StageStarted(stage.name))
            result = stage.run(self._bench, dict(self._done))
        except Interrupted:
            result = _broken(stage, StageError("stopped"))
        except AgentopsError as error:
            result = _broken(stage, StageError(error.message, error.hint, unavailable=isinstance(error, Unavailable)))
        except BaseException as error:  # noqa: BLE001  a stage that breaks is an error of the run, never its end
            result = _broken(
                stage, StageError(f"the stage broke: {one_line(repr(error))}", "please report this as a bug")
            )
        self._finish(replace(result, duration_s=round(time.monotonic() - started, 3)))

    def _finish(self, result: StageResult) -> None:
        try:
            self._bench.journal.append("stage", records.of_stage(result))
        except ReportError as error:
            result = replace(
                result, outcome=Outcome.ERROR, errors=(*result.errors, StageError(error.message, error.hint))
            )
        with self._changed:
            self._done[result.name] = result
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._bench.emit(StageFinished(result))


def _broken(stage: Stage, error: StageError) -> StageResult:
    return StageResult(stage.name, Outcome.ERROR, errors=(error,))


def _assemble(
    plan: Plan, results: Sequence[StageResult], *, run_id: str, started: str, commit: str | None, dirty: bool
) -> RunResult:
    settings = plan.settings
    built = next((r.subject for r in results if r.subject is not None), None)
    subject = built or Subject(image=None, image_id=None)
    return RunResult(
        id=run_id,
        agent=settings.agent.name,
        started_at=started,
        finished_at=_now(),
        environment=plan.policy.environment,
        containerised=next((r.containerised for r in results if r.name == "evals"), None),
        subject=replace(subject, commit=commit, dirty=dirty, hashes={**subject.hashes, **plan.hashes}),
        scope=plan.scope,
        stages=tuple(results),
        # The evals come last and what they say of the model matters most.
        notices=tuple(dict.fromkeys(n for r in reversed(results) for n in r.notices)),
        scripted=tuple(dict.fromkeys(name for r in results for name in r.scripted)),
        agentops_version=VERSION,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
