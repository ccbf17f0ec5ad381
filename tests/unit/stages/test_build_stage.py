from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench
from agentops.drivers.git import GitState
from agentops.errors import ConfigError
from agentops.model.outcome import Outcome
from agentops.model.settings import Agent, Build
from agentops.stages import build
from agentops.stages.build import BuildStage


class Silent:
    def append(self, kind: str, data: Mapping[str, Any]) -> None: ...


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "out").mkdir()
    return Bench("r1", tmp_path, tmp_path / "out", lambda event: None, threading.Event(), Silent())


def test_an_agent_with_nothing_to_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="nothing says what runs"):
        BuildStage(Agent(name="a"), tmp_path).plan()


@pytest.mark.parametrize("what", [Build(context="none"), Build(dockerfile="none")])
def test_a_missing_context_or_dockerfile_is_refused(tmp_path, what):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert BuildStage(Agent(name="a", build=Build()), tmp_path).plan() == "build Dockerfile"
    with pytest.raises(ConfigError, match="none"):
        BuildStage(Agent(name="a", build=what), tmp_path).plan()


@pytest.mark.parametrize(
    ("agent", "line"),
    [
        (Agent(name="a", image="x:1"), "take the image x:1"),
        (Agent(name="a", command=("x",)), "no image: the agent runs as a local process"),
        (Agent(name="a", url="http://x"), "no image: http://x runs already"),
    ],
)
def test_the_plan_says_what_is_measured(tmp_path, agent, line):
    assert BuildStage(agent, tmp_path).plan() == line


def test_without_an_image_the_stage_is_skipped(bench):
    result = BuildStage(Agent(name="a", command=("x",)), bench.root).run(bench, {})
    assert result.outcome is Outcome.SKIPPED
    assert result.subject is not None
    assert result.subject.image_id is None


def test_without_an_engine_the_image_is_unavailable(bench, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{bench.root}/none.sock")
    (bench.root / "Dockerfile").write_text("FROM scratch\n")
    result = BuildStage(Agent(name="a", build=Build()), bench.root).run(bench, {})
    assert result.outcome is Outcome.ERROR
    assert result.errors[0].unavailable
    assert "no Docker engine answers" in result.errors[0].message
    assert (result.counts.planned, result.counts.measured) == (1, 0)


def test_the_tag_names_the_commit_and_what_is_beside_it():
    assert build.tag(GitState("0123456789abcdef" * 2, dirty=False)) == "0123456789ab"
    assert build.tag(GitState("0123456789abcdef" * 2, dirty=True)) == "0123456789ab-dirty"
    assert build.tag(GitState(None, dirty=False)) == "nocommit"
