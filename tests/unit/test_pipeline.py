"""The schedule of a run with stages of our own: what waits for what, and what becomes of a stage that breaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops import pipeline
from agentops.contracts import Bench
from agentops.drivers import journal
from agentops.errors import ConfigError, Interrupted, MeasurementError, ReportError, TargetError, Unavailable
from agentops.gate import policy
from agentops.gate.decide import decide
from agentops.model import settings as s
from agentops.model.events import Event, StageFinished, StageStarted
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, RunResult, Scope, StageResult
from agentops.model.verdict import Allowance, Criterion

Work = Callable[[Bench, Mapping[str, StageResult]], None]
NO_FINDINGS = Criterion("findings", at_most=0)
# Longer than any step here takes, shorter than anyone would wait for a test.
_SOON_S = 10.0


def nothing(bench: Bench, done: Mapping[str, StageResult]) -> None:
    """A stage that measures at once."""


class Fake:
    """A stage that does as it is told, and notes when it ran and what had ended before."""

    def __init__(self, name: str, work: Work = nothing, *, after: tuple[str, ...] = ()) -> None:
        self.name = name
        self.after = after
        self.started = threading.Event()
        self.ended = threading.Event()
        self.done: set[str] = set()
        self._work = work

    def plan(self) -> str:
        return f"plan of {self.name}"

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:
        self.done = set(done)
        self.started.set()
        try:
            self._work(bench, done)
        finally:
            self.ended.set()
        return StageResult(self.name, Outcome.PASS, Counts(1, 1))


def raising(error: BaseException) -> Work:
    def work(bench: Bench, done: Mapping[str, StageResult]) -> None:
        raise error

    return work


def plan_of(root: Path, *stages: Any, allow: Allowance | None = None) -> pipeline.Plan:
    settings = s.Settings(root=root, agent=s.Agent("a", url="http://127.0.0.1:9"))
    rules = policy.policy("ci", (NO_FINDINGS,), allow or Allowance())
    names = tuple(stage.name for stage in stages)
    return pipeline.Plan(settings, rules, stages, Scope(names, full=True), (), {n: f"plan of {n}" for n in names})


def measure(plan: pipeline.Plan, out: Path, **more: Any) -> RunResult:
    given: dict[str, Any] = {"emit": lambda _event: None, "cancel": threading.Event(), **more}
    return pipeline.measure(plan, out=out, run_id="r1", **given)


def stage(run: RunResult, name: str) -> StageResult:
    found = run.stage(name)
    assert found is not None
    return found


def kinds(out: Path) -> list[str]:
    return [json.loads(line)["kind"] for line in (out / "journal.jsonl").read_text().splitlines()]


def test_a_stage_starts_when_those_before_it_have_ended(tmp_path: Path) -> None:
    early: list[bool] = []
    last = Fake("last", after=("first", "second", "absent"))
    first = Fake("first")
    # Goes on long after the first has ended: the last one has the time to start too early, if it would.
    second = Fake("second", lambda *_: early.append(last.started.wait(0.4)))
    run = measure(plan_of(tmp_path, last, first, second), tmp_path)
    assert early == [False]
    assert last.done == {"first", "second"}, "and is given their results"
    assert [r.name for r in run.stages] == ["last", "first", "second"], "in the order of the plan"
    assert all(r.outcome is Outcome.PASS for r in run.stages)


def test_a_stage_waits_for_one_that_breaks_and_then_starts(tmp_path: Path) -> None:
    second = Fake("second", after=("first",))
    run = measure(plan_of(tmp_path, Fake("first", raising(RuntimeError("x"))), second), tmp_path)
    assert second.done == {"first"}
    assert stage(run, "second").outcome is Outcome.PASS


def test_stages_that_need_nothing_of_each_other_run_at_once(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=_SOON_S)
    a, b = Fake("a", lambda *_: void(both.wait())), Fake("b", lambda *_: void(both.wait()))
    run = measure(plan_of(tmp_path, a, b), tmp_path)
    assert [r.outcome for r in run.stages] == [Outcome.PASS] * 2, "each waits until the other is there"


def void(_: object) -> None:
    """Drop a value."""


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (Unavailable("no engine", hint="start one"), True),
        (MeasurementError("no report", hint="look"), False),
        (TargetError("no answer", hint="look"), False),
        (ReportError("no room", hint="make some"), False),
    ],
)
def test_only_what_is_missing_here_is_marked_unavailable(
    tmp_path: Path, error: MeasurementError, unavailable: bool
) -> None:
    plan = plan_of(tmp_path, Fake("code"), Fake("dependencies", raising(error)), allow=Allowance(unmeasured_any=True))
    run = measure(plan, tmp_path)
    broken = stage(run, "dependencies")
    assert broken.outcome is Outcome.ERROR
    ((found),) = broken.errors
    assert (found.message, found.hint, found.unavailable) == (error.message, error.hint, unavailable)
    assert decide(run, plan.policy).outcome is (Outcome.PASS if unavailable else Outcome.ERROR)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("boom"), SystemExit(0), KeyboardInterrupt(), GeneratorExit(), MemoryError(), BaseException("boom")],
    ids=lambda e: type(e).__name__,
)
def test_a_stage_that_raises_anything_is_an_error_and_the_others_go_on(tmp_path: Path, error: BaseException) -> None:
    plan = plan_of(tmp_path, Fake("code", raising(error)), Fake("dependencies"), allow=Allowance(unmeasured_any=True))
    run = measure(plan, tmp_path)
    broken = stage(run, "code")
    assert broken.outcome is Outcome.ERROR
    assert type(error).__name__ in broken.errors[0].message
    assert not broken.errors[0].unavailable
    assert stage(run, "dependencies").outcome is Outcome.PASS
    assert decide(run, plan.policy).outcome is Outcome.ERROR
    assert kinds(tmp_path)[-1] == "finished"


def test_what_a_stage_raises_is_made_safe_to_show(tmp_path: Path) -> None:
    run = measure(plan_of(tmp_path, Fake("code", raising(RuntimeError("\x1b[31m\u202e" + "x" * 5000)))), tmp_path)
    (error,) = stage(run, "code").errors
    assert "\x1b" not in error.message
    assert "\u202e" not in error.message
    assert len(error.message) < 500


def test_a_stage_whose_record_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(journal.FileJournal):
        def append(self, kind: str, data: Mapping[str, Any]) -> None:
            if kind == "stage" and data["result"]["name"] == "code":
                raise ReportError("the journal cannot be written: No space left on device", hint="make room")
            super().append(kind, data)

    monkeypatch.setattr(journal, "FileJournal", Full)
    events: list[Event] = []
    plan = plan_of(tmp_path, Fake("code"), Fake("prompts"), allow=Allowance(unmeasured_any=True))
    run = measure(plan, tmp_path, emit=events.append)
    lost = stage(run, "code")
    assert lost.outcome is Outcome.ERROR
    assert [e.message for e in lost.errors] == ["the journal cannot be written: No space left on device"]
    assert not lost.errors[0].unavailable
    assert stage(run, "prompts").outcome is Outcome.PASS
    assert decide(run, plan.policy).outcome is Outcome.ERROR
    told = {e.result.name: e.result.outcome for e in events if isinstance(e, StageFinished)}
    assert told == {"code": Outcome.ERROR, "prompts": Outcome.PASS}


def test_every_stage_is_told_of_timed_and_recorded(tmp_path: Path) -> None:
    events: list[Event] = []
    plan = plan_of(tmp_path, Fake("a", lambda *_: time.sleep(0.05)), Fake("b"))
    run = measure(plan, tmp_path, emit=events.append)
    assert sorted(e.stage for e in events if isinstance(e, StageStarted)) == ["a", "b"]
    assert sorted(e.result.name for e in events if isinstance(e, StageFinished)) == ["a", "b"]
    assert 0.05 <= stage(run, "a").duration_s < _SOON_S
    assert kinds(tmp_path) == ["run", "stage", "stage", "finished"]


def test_a_run_that_is_stopped_raises_and_starts_nothing_more(tmp_path: Path) -> None:
    cancel, cleaned = threading.Event(), threading.Event()

    def stopped(bench: Bench, done: Mapping[str, StageResult]) -> None:
        cancel.set()
        time.sleep(0.2)  # what the stage has to put away
        cleaned.set()
        raise Interrupted("stopped")

    later = Fake("later", after=("first",))
    with pytest.raises(Interrupted, match="stopped"):
        measure(plan_of(tmp_path, Fake("first", stopped), later), tmp_path, cancel=cancel)
    assert cleaned.is_set(), "the stage could clean up"
    assert not later.started.is_set()
    assert "finished" not in kinds(tmp_path), "nothing was decided"


def test_a_stop_counts_also_when_every_stage_ended_well(tmp_path: Path) -> None:
    cancel = threading.Event()
    with pytest.raises(Interrupted):
        measure(plan_of(tmp_path, Fake("only", lambda *_: cancel.set())), tmp_path, cancel=cancel)
    assert "finished" not in kinds(tmp_path)


def test_a_run_that_was_stopped_before_it_began_starts_nothing(tmp_path: Path) -> None:
    cancel, first = threading.Event(), Fake("first")
    cancel.set()
    with pytest.raises(Interrupted):
        measure(plan_of(tmp_path, first), tmp_path, cancel=cancel)
    assert not first.started.is_set()


def project(root: Path) -> s.Settings:
    """A project with two stages that cost nothing to plan."""
    (root / "src").mkdir()
    (root / "src" / "a.py").write_text("a = 1\n")
    (root / "prompts").mkdir()
    (root / "prompts" / "a.txt").write_text("Be kind.\n")
    return s.Settings(
        root=root, agent=s.Agent("a", url="http://127.0.0.1:9"), code=s.Code(("src",)),
        prompts=s.Prompts(("prompts",)), source="agentops.yaml",
    )  # fmt: skip


RULES = policy.policy("ci", (NO_FINDINGS,), Allowance())


def test_a_plan_of_everything_is_full(tmp_path: Path) -> None:
    plan = pipeline.plan(project(tmp_path), RULES)
    assert plan.scope == Scope(("prompts", "code"), full=True)
    assert tuple(plan.lines) == ("prompts", "code")
    assert [stage.name for stage in plan.stages] == ["prompts", "code"]


@pytest.mark.parametrize("only", ["code", "prompts"])
def test_a_plan_of_a_part_is_not_full(tmp_path: Path, only: str) -> None:
    plan = pipeline.plan(project(tmp_path), RULES, only=(only,))
    assert plan.scope == Scope((only,), full=False)
    assert [stage.name for stage in plan.stages] == [only]


def test_a_part_stays_a_part_in_the_run_and_its_verdict(tmp_path: Path) -> None:
    plan = pipeline.plan(project(tmp_path), RULES, only=("prompts",))
    (tmp_path / "out").mkdir()
    run = measure(plan, tmp_path / "out")
    assert not run.scope.full
    verdict = decide(run, plan.policy)
    assert "(only prompts)" in verdict.line
    assert any("part" in reason for reason in verdict.not_recordable)


@pytest.mark.parametrize("only", [("unit",), ("code", "unit"), ("unit", "code")])
def test_a_stage_that_is_not_configured_cannot_be_asked_for(tmp_path: Path, only: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="unit"):
        pipeline.plan(project(tmp_path), RULES, only=only)
