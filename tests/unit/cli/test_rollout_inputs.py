"""Files that a rollout puts to its canary: what is wrong with them is said before anything is written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "rollout"))

from small_world import NEW, OLD, PLAN, team
from test_rollout_command import Door

from agentops.cli import rollout_run, rollout_session
from agentops.cli.main import main
from agentops.model.rollout import Cause, Phase, State
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names

SHADOW = """
version: 1
agent: {name: app, url: "http://localhost:1", protocol: openai-chat}
rollout:
  namespace: default
  traffic: replicas
  analysis: {scrape: {port: 8080}}
  shadow: {mode: replay, sessions: [recorded.yaml], blocked: "payments:80", max_loss: 0.5}
"""
EVALS = """
version: 1
agent: {name: app, url: "http://localhost:1", protocol: openai-chat}
evals: {suites: [evals.yaml]}
gate:
  - {metric: pass_rate, at_least: 0.5, confidence: 0.9}
rollout:
  namespace: default
  traffic: replicas
  analysis: {scrape: {port: 8080}}
  evals: {suites: [recorded.yaml]}
"""
BROKEN: list[str | None] = [None, "", "version: 1\nname: own\ncases: []\n", "cases: [", "\x00", "- 1"]


def suite(cases: int) -> str:
    head = "version: 1\nname: own\ncases:\n"
    return head + "".join(f"  - {{id: c{i}, input: hi {i}, expect: [{{contains: hello}}]}}\n" for i in range(cases))


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.chdir(tmp_path)
    payments = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "payments"}, "spec": {}}
    made = Door(*team(), payments)
    made.settle()
    for module in (rollout_session, rollout_run):
        monkeypatch.setattr(module, "Kubectl", lambda **_: made)
    return made


def put(config: str, recorded: str | None) -> None:
    Path("agentops.yaml").write_text(config, encoding="utf-8")
    Path("evals.yaml").write_text(suite(20), encoding="utf-8")
    Path("recorded.yaml").unlink(missing_ok=True)
    if recorded is not None:
        Path("recorded.yaml").write_text(recorded, encoding="utf-8")


def begun(door: Door, **changes: Any) -> State:
    journal = Journal(door, Names("app", "app"))
    journal.refresh()
    state = State(
        "r1", "app", "production", "default", NEW, OLD, PLAN, began_at=1.0, phase_at=1.0, broke_glass="a test"
    )
    state = replace(state, **changes)
    journal.begin(state)
    return state


START = ("start", "--image", "registry.example/" + NEW, "--break-glass", "a test")
RESUME = ("resume", "--break-glass", "a test")


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize(("config", "key"), [(SHADOW, "rollout.shadow.sessions"), (EVALS, "rollout.evals")])
def test_a_file_that_cannot_be_used_is_refused_before_the_first_write(
    door: Door, capsys: pytest.CaptureFixture[str], config: str, key: str, text: str | None
) -> None:
    for more in ((), ("--plan",), ("--plan", "--json")):
        put(config, text)
        assert main(["rollout", *START, *more]) == 2
        told = capsys.readouterr()
        assert f"error: {key}: " in told.err
        assert "recorded.yaml" in told.err
        assert "hint: " in told.err
        assert told.out == ""
    assert door.writes == []


def test_files_that_are_sound_are_planned_with(door: Door) -> None:
    for config in (SHADOW, EVALS):
        put(config, suite(20))
        assert main(["rollout", *START, "--plan"]) == 0, config
    assert door.writes == []


def test_too_few_sessions_are_refused_with_how_many_it_takes(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    put(SHADOW, suite(2))
    assert main(["rollout", *START]) == 2
    assert "recorded.yaml: 2 sessions cannot show a loss below 0.5: 5 are needed" in capsys.readouterr().err
    assert door.writes == []


def test_one_empty_file_among_several_is_named(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    put(SHADOW.replace("[recorded.yaml]", "[recorded.yaml, more.jsonl]"), suite(20))
    Path("more.jsonl").write_text('{"kind": "run"}\n', encoding="utf-8")
    assert main(["rollout", *START, "--plan"]) == 2
    assert "no session is in more.jsonl" in capsys.readouterr().err


def test_a_file_that_may_not_be_opened_is_named(
    door: Door, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(SHADOW.replace("recorded.yaml", "recorded.json"), None)
    Path("recorded.json").write_text("{}", encoding="utf-8")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("agentops.rollout.shadow.sessions._kind", refused)
    assert main(["rollout", *START]) == 2
    assert "recorded.json cannot be read: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize(
    ("config", "phase"),
    [
        (SHADOW, Phase.CANARY_UP), (SHADOW, Phase.SHADOW),
        (EVALS, Phase.CANARY_UP), (EVALS, Phase.SHADOW), (EVALS, Phase.CHECK),
    ],
)  # fmt: skip
def test_resume_says_so_and_writes_nothing(
    door: Door, capsys: pytest.CaptureFixture[str], config: str, phase: Phase, text: str | None
) -> None:
    before = begun(door, phase=phase)
    put(config, text)
    writes = len(door.writes)
    assert main(["rollout", *RESUME]) == 2
    assert "recorded.yaml" in capsys.readouterr().err
    assert len(door.writes) == writes
    assert Journal(door, Names("app", "app")).refresh() == before


@pytest.mark.parametrize("config", [SHADOW, EVALS])
@pytest.mark.parametrize(
    "changes",
    [
        {"phase": Phase.ABORTING, "cause": Cause.HARM, "reason": "errors"},
        {"phase": Phase.SHADOW, "desired": "abort", "cause": Cause.ASKED, "reason": "enough"},
    ],
)
def test_the_way_back_needs_no_file(door: Door, config: str, changes: dict[str, Any]) -> None:
    begun(door, **changes)
    put(config, None)
    assert main(["rollout", *RESUME]) == 5
    state = Journal(door, Names("app", "app")).refresh()
    assert state is not None
    assert state.phase is Phase.ABORTED


def test_what_was_put_to_the_canary_is_not_read_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentops.rollout import execute

    reached: list[State] = []

    def drive(runner: execute.Runner, *_: object, **__: object) -> State:
        reached.append(runner.hands.state)
        return replace(runner.hands.state, phase=Phase.DONE)

    monkeypatch.setattr(execute, "drive", drive)
    for config in (SHADOW, EVALS):
        begun(door, phase=Phase.CANARY)
        put(config, None)
        assert main(["rollout", *RESUME]) == 0
    assert [state.phase for state in reached] == [Phase.CANARY, Phase.CANARY]
