"""What leaves the machine: an image is pushed after a pass and after nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentops import pipeline
from agentops.cli.run import carry_out, columns
from agentops.contracts import Bench
from agentops.drivers import container, git
from agentops.errors import ExitCode, MeasurementError, UsageError
from agentops.gate import policy
from agentops.gate.decide import decide
from agentops.model import settings as s
from agentops.model.case import Answer, Attempt, CaseResult
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, RunResult, Scope, StageError, StageResult, Subject
from agentops.model.verdict import Allowance, Criterion

P, F, E = Outcome.PASS, Outcome.FAIL, Outcome.ERROR
IMAGE_ID = "sha256:" + "ab" * 32
DIGEST = "sha256:" + "cd" * 32
REGISTRY = "127.0.0.1:5000/team"
RATE = Criterion("pass_rate", at_least=0.85)


class FakeEngine:
    """Notes what it is asked for; `refuses` makes a push fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.refuses = False

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def sweep(self, run_id: str | None = None) -> tuple[str, ...]:
        return ()

    def tag(self, image_id: str, repository: str, tag: str) -> None:
        self.calls.append(("tag", image_id, repository, tag))

    def push(self, repository: str, tag: str, **_: Any) -> str:
        self.calls.append(("push", repository, tag))
        if self.refuses:
            raise MeasurementError("the registry refused", hint="log in")
        return DIGEST


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()

    class Door:
        @staticmethod
        def connect(**_: Any) -> FakeEngine:
            return fake

    monkeypatch.setattr(container, "Engine", Door)
    monkeypatch.setattr(git, "state", lambda _root: git.GitState(commit="c" * 40, dirty=False))
    return fake


class Given:
    """A stage with a result that is known beforehand."""

    def __init__(self, result: StageResult, *, after: tuple[str, ...] = ()) -> None:
        self.name = result.name
        self.after = after
        self._result = result

    def plan(self) -> str:
        return self.name

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:
        return self._result


def evals(passed: int, failed: int, *, errors: tuple[StageError, ...] = ()) -> StageResult:
    outcomes = [P] * passed + [F] * failed
    cases = tuple(
        CaseResult(f"c{i}", "s", (), 1, 1, o, (Attempt(f"c{i}", 1, i + 1, o, 0.1, (Answer("x"),)),))
        for i, o in enumerate(outcomes)
    )
    counts = Counts(len(cases), len(cases), unit="attempts")
    return StageResult("evals", E if errors else P, counts, cases=cases, errors=errors, containerised=True)


def plan_of(root: Path, behaviour: StageResult, *, built: bool = True) -> pipeline.Plan:
    image = StageResult("build", P, Counts(1, 1), subject=Subject("agentops/bot:r1", IMAGE_ID))
    stages = (*([Given(image)] if built else []), Given(behaviour, after=("build",)))
    names = tuple(stage.name for stage in stages)
    settings = s.Settings(root=root, agent=s.Agent("bot", image="bot:r1"))
    rules = policy.policy("ci", (RATE,), Allowance())
    return pipeline.Plan(settings, rules, stages, Scope(names, full=True), (), {n: n for n in names})


def go(root: Path, plan: pipeline.Plan, *, push: str | None = REGISTRY) -> int:
    return carry_out(plan, out_base=root / ".agentops", junit_path=None, quiet=True, push=push)


def document(root: Path, name: str) -> dict[str, Any]:
    found = json.loads((root / ".agentops" / "latest" / name).read_text())
    assert isinstance(found, dict)
    return found


def pipeline_run(root: Path, plan: pipeline.Plan) -> RunResult:
    """The run without anything that follows it."""
    out = root / "alone"
    out.mkdir()
    return pipeline.measure(plan, out=out, run_id="r0", emit=lambda _event: None, cancel=threading.Event())


def test_a_pass_is_pushed_and_its_digest_is_in_the_run(tmp_path: Path, engine: FakeEngine) -> None:
    assert go(tmp_path, plan_of(tmp_path, evals(100, 0))) == ExitCode.PASS
    assert engine.calls == [("tag", IMAGE_ID, f"{REGISTRY}/bot", "r1"), ("push", f"{REGISTRY}/bot", "r1")]
    subject = document(tmp_path, "run.json")["subject"]
    assert subject["digest"] == DIGEST
    assert subject["image"] == f"{REGISTRY}/bot:r1"
    assert subject["image_id"] == IMAGE_ID, "what was pushed is what was measured"
    verdict = document(tmp_path, "verdict.json")
    assert verdict["outcome"] == "pass"
    assert verdict["not_recordable"] == []


@pytest.mark.parametrize(
    ("behaviour", "word", "code"),
    [
        (lambda: evals(50, 50), "fail", ExitCode.FAIL),
        (lambda: evals(90, 10), "inconclusive", ExitCode.INCONCLUSIVE),
        (lambda: evals(100, 0, errors=(StageError("the agent is gone"),)), "error", ExitCode.ERROR),
    ],
    ids=["fail", "inconclusive", "error"],
)
def test_nothing_but_a_pass_is_pushed(
    tmp_path: Path, engine: FakeEngine, behaviour: Callable[[], StageResult], word: str, code: ExitCode
) -> None:
    assert go(tmp_path, plan_of(tmp_path, behaviour())) == code
    assert engine.calls == []
    assert document(tmp_path, "verdict.json")["outcome"] == word, "the premise"
    assert document(tmp_path, "run.json")["subject"]["digest"] is None


@pytest.mark.parametrize("what", ["a part", "no container", "unknown", "a warning"])
def test_a_pass_of_less_than_the_whole_is_not_pushed(tmp_path: Path, engine: FakeEngine, what: str) -> None:
    contained = {"no container": False, "unknown": None}.get(what, True)
    plan = plan_of(tmp_path, replace(evals(100, 0), containerised=contained))
    if what == "a part":
        plan = replace(plan, scope=replace(plan.scope, full=False))
    if what == "a warning":
        absent = StageResult("code", E, Counts(3, 0), errors=(StageError("no bandit here", unavailable=True),))
        rules = policy.policy("local", (RATE,), Allowance(unmeasured=("code",)))
        stages = (*plan.stages, Given(absent))
        scope = Scope(tuple(stage.name for stage in stages), full=True)
        plan = replace(plan, policy=rules, stages=stages, scope=scope)
    assert decide(pipeline_run(tmp_path, plan), plan.policy).outcome is P, "the premise"
    assert go(tmp_path, plan) == ExitCode.ERROR
    assert engine.calls == []
    assert document(tmp_path, "run.json")["subject"]["digest"] is None
    assert document(tmp_path, "verdict.json")["outcome"] == "error"


def test_a_pass_that_nobody_asked_to_push_stays_here(tmp_path: Path, engine: FakeEngine) -> None:
    assert go(tmp_path, plan_of(tmp_path, evals(100, 0)), push=None) == ExitCode.PASS
    assert engine.calls == []
    assert document(tmp_path, "run.json")["subject"]["digest"] is None


def test_a_push_that_fails_is_an_error_and_leaves_no_digest(
    tmp_path: Path, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.refuses = True
    assert go(tmp_path, plan_of(tmp_path, evals(100, 0))) == ExitCode.ERROR
    assert document(tmp_path, "run.json")["subject"]["digest"] is None
    screen = capsys.readouterr()
    assert "the registry refused" in screen.out + screen.err


def test_a_push_without_an_image_is_refused_before_anything_is_spent(tmp_path: Path, engine: FakeEngine) -> None:
    with pytest.raises(UsageError, match="no image to push"):
        go(tmp_path, plan_of(tmp_path, evals(100, 0), built=False))
    assert engine.calls == []
    assert not (tmp_path / ".agentops").exists()


@pytest.mark.parametrize(("told", "wide"), [(None, 100), ("", 100), ("132", 132), ("0", 100), ("wide", 100)])
def test_without_a_terminal_a_report_is_as_wide_as_a_log(
    monkeypatch: pytest.MonkeyPatch, told: str | None, wide: int
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if told is not None:
        monkeypatch.setenv("COLUMNS", told)
    assert columns(terminal=False) == wide
