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
from typing import TYPE_CHECKING

from agentops.config.document import nearest
from agentops.contracts import Bench, Stage
from agentops.drivers import git, journal
from agentops.errors import AgentopsError, ConfigError, Interrupted, ReportError, Unavailable, UsageError
from agentops.gate import baseline
from agentops.gate import policy as gate_policy
from agentops.gate.gauges.base import Design, members
from agentops.gate.judge import Baselines
from agentops.gate.stop import Settled
from agentops.model import records
from agentops.model.codec import DecodeError, encode
from agentops.model.events import Emit, StageFinished, StageStarted
from agentops.model.outcome import Outcome
from agentops.model.records import Unfinished
from agentops.model.run import RunResult, Scope, StageError, StageResult, Subject
from agentops.model.settings import Evals, Runs, Settings
from agentops.model.verdict import Policy
from agentops.text import one_line
from agentops.version import VERSION

if TYPE_CHECKING:
    from agentops.evals.dataset.choice import Choice
    from agentops.stages.evals_plan import Asked

# How long the stages get to clean up after an interrupt before the process ends without them.
_CLEAN_UP_S = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will measure. `lines` tell it to people, one line a stage; `hashes` are sha256 of the inputs as they
    were when it was planned; `baselines` are those that the policy names."""

    settings: Settings
    policy: Policy
    stages: tuple[Stage, ...]
    scope: Scope
    asked: Asked | None
    lines: Mapping[str, str]
    hashes: Mapping[str, str] = field(default_factory=dict)
    baselines: Baselines = field(default_factory=dict)


def _build(settings: Settings, _: Asked | None) -> Stage | None:
    if settings.agent.build is None and settings.agent.image is None:
        return None
    from agentops.stages.build import BuildStage

    return BuildStage(settings.agent, settings.root)


def _prompts(settings: Settings, _: Asked | None) -> Stage | None:
    if settings.prompts is None:
        return None
    from agentops.stages.prompts import PromptsStage

    return PromptsStage(settings.prompts, settings.root)


def _code(settings: Settings, _: Asked | None) -> Stage | None:
    if settings.code is None:
        return None
    from agentops.stages.code import CodeStage

    return CodeStage(settings.code, settings.root)


def _dependencies(settings: Settings, _: Asked | None) -> Stage | None:
    if settings.dependencies is None:
        return None
    from agentops.stages.dependencies import DependenciesStage

    return DependenciesStage(settings.dependencies, settings.root)


def _unit(settings: Settings, _: Asked | None) -> Stage | None:
    if settings.unit is None:
        return None
    from agentops.stages.unit import UnitStage

    return UnitStage(settings.unit, settings.agent, settings.root)


def _evals(settings: Settings, asked: Asked | None) -> Stage | None:
    if settings.evals is None or asked is None:
        return None
    from agentops.stages.evals import EvalsStage

    return EvalsStage(settings.evals, settings.agent, asked)


STAGES: Mapping[str, Callable[[Settings, Asked | None], Stage | None]] = {
    "build": _build,
    "prompts": _prompts,
    "code": _code,
    "dependencies": _dependencies,
    "unit": _unit,
    "evals": _evals,
}


def plan(
    settings: Settings,
    policy: Policy,
    *,
    only: Sequence[str] = (),
    choice: Choice | None = None,
    new_baseline: str | None = None,
) -> Plan:
    """Decide what will be measured and refuse what cannot be meant, before anything is spent.

    `only` restricts the run to these stages, `choice` the evals to some of their cases; either makes it a part.
    `new_baseline` is the name under which the run will be kept: it need not be there yet. Raises UsageError or
    ConfigError.
    """
    if {"unit", "evals"} & set(only) and (settings.agent.build or settings.agent.image):
        only = ("build", *only)  # they run in the image
    for name in only:
        if name not in STAGES:
            raise ConfigError(
                f"there is no stage {name!r}{nearest(name, list(STAGES))}", hint=f"stages: {', '.join(STAGES)}"
            )
    baselines: Baselines = {}
    asked = None
    if settings.evals is not None and (not only or "evals" in only):
        folder = Path(settings.evals.baselines)
        policy = baseline.without(policy, new_baseline, folder=folder, root=settings.root)
        baselines = baseline.load(policy.criteria, folder=folder, root=settings.root)
        policy, asked = _plan_evals(settings, settings.evals, policy, baselines, choice)
    configured = {name: stage for name, make in STAGES.items() if (stage := make(settings, asked)) is not None}
    if not configured:
        raise UsageError("nothing is configured that could be measured", hint="see docs/configuration.md")
    missing = [name for name in only if name not in configured]
    if missing:
        hint = f"configured are {', '.join(configured)}"
        raise ConfigError(f"{settings.source}: the stage {missing[0]} is not configured", hint=hint)
    stages = tuple(stage for name, stage in configured.items() if not only or name in only)
    lines = {stage.name: stage.plan() for stage in stages}
    scope = Scope(tuple(lines), full=not only and (choice is None or not choice.given))
    return Plan(settings, policy, stages, scope, asked, lines, _hashes(settings, asked, scope), baselines)


def _plan_evals(
    settings: Settings, evals: Evals, policy: Policy, baselines: Baselines, choice: Choice | None
) -> tuple[Policy, Asked]:
    """The suites, how often they are run, and when that may stop; and the policy for them, which for a part leaves
    aside what a part cannot show. A criterion that no run could meet is refused."""
    from agentops.stages import evals_plan

    found = evals_plan.read(settings, evals, choice)
    runs = Runs(max(evals.runs.least, min(gate_policy.rounds_needed(policy), evals.runs.most)), evals.runs.most)
    if choice is not None and choice.given:
        policy = gate_policy.of_part(policy, found.suites, runs)
    else:
        calls = evals.budget.calls if evals.evidence is None else None
        gate_policy.refuse_unreachable(policy, found.suites, runs, calls=calls, baselines=baselines)
    design = Design(members(found.suites), runs.least, runs.most, baselines)

    def rule(begun: Runs) -> Settled:
        return Settled(policy.criteria, replace(design, least=begun.least, most=begun.most))

    return policy, evals_plan.asked(settings, evals, found, runs=runs, rule=rule)


def _hashes(settings: Settings, asked: Asked | None, scope: Scope) -> dict[str, str]:
    """What went into the measurement besides the image, by name."""
    hashes = {"config": settings.source_sha256} if settings.source_sha256 else {}
    named = list(settings.dependencies.files) if settings.dependencies and "dependencies" in scope.stages else []
    if asked is not None:
        hashes |= {suite.path: suite.sha256 for suite in asked.suites}
        hashes |= {path: digest for path, digest in asked.identity["files"].items() if digest}
    hashes |= {path: hashlib.sha256((settings.root / path).read_bytes()).hexdigest() for path in named}
    if settings.prompts and "prompts" in scope.stages:
        from agentops.injection import files

        paths = [Path(p) for p in settings.prompts.paths]
        hashes["prompts"] = files.digest(paths, root=settings.root, exclude=settings.prompts.exclude)
    return hashes


def measure(plan: Plan, *, out: Path, run_id: str, emit: Emit, cancel: threading.Event) -> RunResult:
    """Run the plan's stages and return what they measured. Raises Interrupted when `cancel` is set meanwhile.

    `out` is the run's folder; the journal in it is the one truth of the run. Where it holds the journal of a run that
    was stopped, that run goes on: no attempt in it is made again. Raises UsageError where that run was of other inputs.
    """
    resumed = _resumed(plan, out / "journal.jsonl")
    log = journal.FileJournal(out / "journal.jsonl")
    try:
        state = git.state(plan.settings.root)
        started = _now()
        _sweep(plan, None)
        log.append(
            "run", {"id": run_id, "agent": plan.settings.agent.name, "scope": encode(plan.scope), "plan": plan.lines}
        )
        bench = Bench(run_id, plan.settings.root, out, emit, cancel, log, resumed)
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


def _resumed(plan: Plan, path: Path) -> Unfinished | None:
    """The run whose journal lies there, where it can go on."""
    if not path.is_file():
        return None
    try:
        before = records.unfinished(journal.read(path))
    except (DecodeError, KeyError, ValueError) as error:
        raise UsageError(f"{path}: {one_line(str(error))}", hint="a damaged journal cannot be continued") from None
    if before.finished:
        raise UsageError(f"{path.parent} is a run that ended", hint="judge it again with agentops decide")
    if before.begun and plan.asked is not None and before.begun.get("identity") != plan.asked.identity:
        raise UsageError(
            f"{path.parent} was a run of other inputs: the configuration, the suites or a script changed since",
            hint="start a new run",
        )
    return before


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
