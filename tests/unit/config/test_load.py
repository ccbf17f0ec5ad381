"""agentops.yaml into Settings."""

from pathlib import Path
from typing import Any

import pytest

from agentops.config import document, load
from agentops.errors import ConfigError
from agentops.gate.policy import METRICS
from agentops.model import settings as s

LEAST = "version: 1\nagent:\n  name: a\n  build: {}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "agentops.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, **flags: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load.load(write(folder, text), flags=flags)
    assert caught.value.hint
    return caught.value.problems or (caught.value.message,)


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration") as caught:
        load.load(tmp_path / "agentops.yaml")
    assert "--config" in caught.value.hint


def test_unknown_keys_name_file_line_and_the_nearest_key(tmp_path: Path) -> None:
    found = problems(tmp_path, LEAST + "evals:\n  suites: [a]\n  concurency: 3\nagnt: 1\n")
    assert found == (
        "agentops.yaml:7: evals: unknown key 'concurency'; did you mean 'concurrency'?",
        "agentops.yaml:8: unknown key 'agnt'; did you mean 'agent'?",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("version: 1\nagent: {name: a}\n", "agentops.yaml:2: agent: nothing says how to run it"),
        ("version: 1\nagent: {name: a, build: {}, image: b}\n", "build and image exclude each other"),
        ("version: 1\nagent: {name: a, url: 'http://x', build: {}}\n", "url and build exclude each other"),
        (LEAST + "gate:\n  - {metric: findings, at_most: 1e999}\n", "gate.0.at_most: must be a number"),
        ("version: 2\nagent: {name: a, build: {}}\n", "agentops.yaml:1: version: must be 1, not 2"),
        (
            LEAST + "gate:\n  - {metric: passrate, at_least: 1}\n",
            "agentops.yaml:6: gate.0.metric: 'passrate' is not one of",
        ),
        (
            LEAST + "gate:\n  - {metric: pass_rate}\n",
            "agentops.yaml:6: gate.0: needs exactly one of at_least and at_most",
        ),
        (LEAST + "prompts: {paths: []}\n", "agentops.yaml:5: prompts.paths: must not be empty"),
        (LEAST + "evals: {suites: [a], runs: 2, needed: 3}\n", "3 of 2 runs can never pass"),
        (LEAST + "evals: {suites: [a], judge: {model: m}}\n", "needs exactly one of base_url and script"),
        (LEAST + "  model: {mode: script}\n", "mode script and the key script belong together"),
        (LEAST + "environments: {local: {unmeasured: {evils: warn}}}\n", "environments.local.unmeasured"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, text: str, said: str) -> None:
    assert said in problems(tmp_path, text)[0]


def test_defaults_are_those_of_the_types(tmp_path: Path) -> None:
    text = LEAST + "prompts: {paths: [p]}\ncode: {paths: [c]}\ndependencies: {files: [r]}\n"
    text += "unit: {command: [pytest]}\nevals: {suites: [e], judge: {script: j}}\n"
    settings, _ = load.load(write(tmp_path, text))
    assert settings == s.Settings(
        root=tmp_path,
        agent=s.Agent("a", build=s.Build()),
        prompts=s.Prompts(("p",)),
        code=s.Code(("c",)),
        dependencies=s.Dependencies(("r",)),
        unit=s.Unit(("pytest",)),
        evals=s.Evals(("e",), judge=s.Judge(script="j")),
        source="agentops.yaml",
        source_sha256=settings.source_sha256,
    )
    assert len(settings.source_sha256) == 64


def test_all_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    assert problems(tmp_path, "prompts: {paths: [a]}\nevls: {}\n") == (
        "agentops.yaml:1: the key 'version' is missing",
        "agentops.yaml:1: the key 'agent' is missing",
        "agentops.yaml:2: unknown key 'evls'; did you mean 'evals'?",
    )


def test_an_agent_may_stand_in(tmp_path: Path) -> None:
    agent = {"name": "agent", "url": "http://localhost"}
    path = write(tmp_path, "version: 1\nagent: {name: shop}\nprompts:\n")
    found, _ = load.load(path, flags={"prompts.paths": ["a"]}, agent=agent)
    assert (found.agent.name, found.agent.url) == ("shop", "http://localhost")
    assert found.prompts is not None
    assert found.prompts.paths == ("a",)
    with pytest.raises(ConfigError, match="nothing says how to run it"):
        load.load(write(tmp_path, "version: 1\nagent: {name: shop}\n"))


def test_values_remember_where_they_came_from(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST + "evals:\n  suites: [a]\n")
    settings, origins = load.load(path, flags={"evals.runs": 9})
    rows = {key: (value, origin) for key, value, origin in origins.rows()}
    assert settings.evals is not None
    assert settings.evals.runs == s.Runs(9, 9), "a number is exactly so many"
    assert rows["evals.runs"] == ("9", "flag --runs")
    assert rows["evals.suites"] == ('["a"]', "agentops.yaml:6")
    assert rows["evals.concurrency"] == ("8", "default")


def test_a_flag_is_held_against_the_schema_too(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST + "evals:\n  suites: [a]\n")
    with pytest.raises(ConfigError, match=r"evals\.runs"):
        load.load(path, flags={"evals.runs": 0})


def test_runs_are_a_range(tmp_path: Path) -> None:
    settings, _ = load.load(write(tmp_path, LEAST + "evals: {suites: [a]}\n"))
    assert settings.evals is not None
    assert settings.evals.runs == s.Runs(1, 5)
    settings, _ = load.load(write(tmp_path, LEAST + "evals: {suites: [a], runs: {min: 3, max: 5}}\n"))
    assert settings.evals is not None
    assert settings.evals.runs == s.Runs(3, 5)
    assert "min 5 is above max 3" in problems(tmp_path, LEAST + "evals: {suites: [a], runs: {min: 5, max: 3}}\n")[0]
    assert "evals.runs.max" in problems(tmp_path, LEAST + "evals: {suites: [a], runs: {min: 0, max: 0}}\n")[0]


def test_memory_and_environment(tmp_path: Path) -> None:
    text = "version: 1\nagent:\n  name: a\n  build: {}\n  limits: {memory: 1Gi}\n  env: {A: 1, B: true, C: x}\n"
    settings, _ = load.load(write(tmp_path, text))
    assert settings.agent.limits.memory_bytes == 2**30
    assert settings.agent.env == {"A": "1", "B": "true", "C": "x"}


def test_the_schema_knows_the_metrics_of_the_gate() -> None:
    schema = document.load_schema(load.SCHEMA)
    assert schema["properties"]["gate"]["items"]["properties"]["metric"]["enum"] == list(METRICS)
