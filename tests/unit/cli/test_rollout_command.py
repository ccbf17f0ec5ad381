"""`agentops rollout` over an API in memory: what is told, refused and written by each subcommand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "rollout"))

from fake_cluster import FakeCluster
from small_world import NEW, OLD, PLAN, team

from agentops.cli import rollout_run, rollout_session
from agentops.cli.main import main
from agentops.model.rollout import Phase, State
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names

CONFIG = """
version: 1
agent: {name: app, url: "http://localhost:1", protocol: openai-chat}
rollout:
  namespace: default
  traffic: replicas
  analysis: {scrape: {port: 8080}}
"""


class Door(FakeCluster):
    """The API in memory as the door that the command opens."""

    context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def config(self, *, raw: bool = False) -> dict[str, Any]:
        return {"users": [{"user": {"exec": {"command": "get-token"}}}], "clusters": [{"cluster": {}}]}


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    (tmp_path / "agentops.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = Door(*team())
    made.settle()
    for module in (rollout_session, rollout_run):
        monkeypatch.setattr(module, "Kubectl", lambda **_: made)
    return made


def begun(door: Door, **changes: Any) -> State:
    """A rollout in the journal."""
    journal = Journal(door, Names("app", "app"))
    journal.refresh()
    state = State("r1", "app", "production", "default", NEW, OLD, PLAN, began_at=1.0, phase_at=1.0, **changes)
    journal.begin(state)
    return state


def run(*words: str) -> int:
    return main(["rollout", *words])


def test_without_a_section_and_without_an_environment_it_says_so(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agentops.yaml").write_text(CONFIG.partition("rollout:")[0], encoding="utf-8")
    assert run("status") == 2
    assert "no section rollout" in capsys.readouterr().err
    (tmp_path / "agentops.yaml").write_text(
        CONFIG + "  environments: {staging: {}, production: {}}\n", encoding="utf-8"
    )
    assert run("status") == 2
    assert "--environment staging or production" in capsys.readouterr().err
    assert run("status", "--environment", "moon") == 2
    assert "no environment 'moon'" in capsys.readouterr().err


def test_status_tells_where_it_stands_and_exits_as_it_ended(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 2
    assert "no rollout of app was begun" in capsys.readouterr().err
    begun(door, phase=Phase.CANARY, flowing_at=2.0)
    assert run("status") == 0
    assert "10 %" in capsys.readouterr().out
    assert run("status", "--json") == 0
    assert "r1" in json.loads(capsys.readouterr().out).values()


def test_history_is_newest_first(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("history") == 0
    assert "no rollout yet" in capsys.readouterr().out
    begun(door, phase=Phase.DONE)
    begun(door, phase=Phase.ABORTED, reason="it was bad")
    assert run("history") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "it was bad" in first
    assert "done" in second


def test_history_is_told_of_a_broken_journal_too(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    begun(door, phase=Phase.DONE)
    begun(door, phase=Phase.CANARY)
    door.edit("ConfigMap", "app-rollout", lambda doc: doc["data"].update(state="{"))
    assert run("history") == 4
    told = capsys.readouterr()
    assert "cannot be read" in told.err
    (line,) = told.out.splitlines()
    assert "done" in line


def test_promote_records_who_and_why_once(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("promote", "--why", "x") == 2
    begun(door, phase=Phase.WAIT)
    assert run("promote", "--why", "looks good", "--by", "ann") == 0
    assert "says ann" in capsys.readouterr().out
    state = Journal(door, Names("app", "app")).refresh()
    assert state is not None
    assert (state.approvals[0].who, state.approvals[0].why) == ("ann", "looks good")
    assert run("promote", "--why", "again") == 2
    assert "approved already, by ann" in capsys.readouterr().err


def test_abort_takes_over_where_nobody_obeys(
    door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("abort", "--if-under-way") == 0
    assert run("abort") == 2
    begun(door, phase=Phase.CANARY)
    monkeypatch.setattr("agentops.rollout.execute.OBEY_S", 0.1)
    assert run("abort", "--why", "enough", "--by", "ann") == 5
    assert "ABORTED by ann" in capsys.readouterr().out
    state = Journal(door, Names("app", "app")).refresh()
    assert state is not None
    assert (state.phase, state.epoch) == (Phase.ABORTED, 2)
    assert not door.objects[("Lease", "app-rollout")]["spec"]["holderIdentity"]
    assert run("abort", "--if-under-way") == 0


def test_start_without_a_record_writes_nothing(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    writes = len(door.writes)
    assert run("start", "--image", "registry.example/" + NEW) == 2
    assert len(door.writes) == writes
    assert run("start", "--image", "registry.example/" + NEW, "--plan") == 2
    assert len(door.writes) == writes
    told = capsys.readouterr()
    assert "error" in told.err


def test_start_tells_the_plan_and_everything_that_refuses(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("start", "--image", "app:latest", "--break-glass", "a test", "--plan") == 2
    assert "is not named by digest" in capsys.readouterr().out
    assert run("start", "--image", "registry.example/" + NEW, "--break-glass", "a test", "--plan", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["weights"] == [5, 25, 50]
    assert any("no record admits this image" in text for text in plan["warnings"])
    assert door.writes == []


def test_a_second_start_is_locked(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    begun(door, phase=Phase.CANARY)
    writes = len(door.writes)
    assert run("start", "--image", "registry.example/" + NEW, "--break-glass", "x") == 2
    assert "locked: the rollout r1 is under way in its phase canary, run by nobody just now" in capsys.readouterr().err
    assert len(door.writes) == writes


def test_kubectl_gets_no_secret_that_the_configuration_names(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    for module in (rollout_session, rollout_run):
        monkeypatch.setattr(module, "Kubectl", lambda **given: (told.append(given["withheld"]), door)[1])
    more = CONFIG.replace("protocol", "auth_env: A_TOKEN, protocol") + "  notify: [{kind: slack, url_env: A_HOOK}]\n"
    (tmp_path / "agentops.yaml").write_text(more, encoding="utf-8")
    assert run("history") == 0
    assert run("rbac") == 0
    assert told == [{"A_TOKEN", "A_HOOK"}] * 2
    with rollout_session.Session(Path("agentops.yaml"), None) as session:
        session.elsewhere("monitoring")
    assert told == [{"A_TOKEN", "A_HOOK"}] * 4


def test_kubectl_gets_no_key_that_the_command_line_names(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(rollout_session, "Kubectl", lambda **given: (told.append(given["withheld"]), door)[1])
    monkeypatch.setattr(rollout_session, "the_key", lambda *_: "the key")
    with rollout_session.Session(Path("agentops.yaml"), None, key=(None, "RECORD_KEY")):
        assert told == [{"RECORD_KEY"}]


def test_rbac_prints_the_role(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    import yaml

    assert run("rbac", "--user", "release") == 0
    docs = list(yaml.safe_load_all(capsys.readouterr().out))
    assert {doc["kind"] for doc in docs} == {"Role", "RoleBinding"}
    assert run("rbac", "--user", "a", "--group", "b") == 2
