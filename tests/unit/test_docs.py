"""The docs: what they show is read by the program, and what they name exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
import yaml

from agentops.cli.main import COMMANDS, main
from agentops.config import document, load
from agentops.errors import ExitCode
from agentops.evals import dataset
from agentops.evals.metrics import DETERMINISTIC, judge
from agentops.gate.policy import METRICS
from agentops.gateway import script_file

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def test_the_first_configuration_and_its_suite_are_read(tmp_path: Path) -> None:
    config, suite, *_ = blocks(ROOT / "docs/start.md", "yaml")
    (tmp_path / "agentops.yaml").write_text(config)
    (tmp_path / "evalsets").mkdir()
    (tmp_path / "evalsets/first.yaml").write_text(suite)
    settings, _ = load.load(tmp_path / "agentops.yaml")
    assert settings.evals is not None
    assert dataset.load(settings.evals.suites, root=tmp_path)[0].cases[0].id == "greets"


def test_the_script_of_the_docs_is_read(tmp_path: Path) -> None:
    _, script, judging = blocks(ROOT / "docs/scripted-models.md", "yaml")
    (tmp_path / "model.yaml").write_text(script)
    model = script_file.load(tmp_path / "model.yaml")
    reply = model.reply([{"role": "user", "content": "Where is order A-1001?"}], occurrence=0)
    assert reply.tools[0].arguments == '{"order_id": "A-1001"}'
    (tmp_path / "judge.yaml").write_text(judging)
    plays = script_file.load(tmp_path / "judge.yaml")
    asked = "You are an evaluator. Rate.\nTest Case:\nInput:\nHi\nActual Output:\n"
    for answer, score in (("Shut up.", 0), ("Hello.", 9)):
        told = plays.reply([{"role": "user", "content": asked + answer}], occurrence=0)
        assert json.loads(told.text)["score"] == score


def test_the_first_configuration_has_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, suite, *_ = blocks(ROOT / "docs/start.md", "yaml")
    (tmp_path / "agentops.yaml").write_text(config)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "evalsets").mkdir()
    (tmp_path / "evalsets/first.yaml").write_text(suite)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "no key")
    assert main(["check", "--plan"]) == ExitCode.PASS
    assert "violations <= 0" in capsys.readouterr().out


def test_every_judge_metric_is_documented() -> None:
    page = (ROOT / "docs/judges.md").read_text()
    assert all(f"`{name}`" in page for name in judge.METRICS)


def test_the_criteria_of_the_docs_are_read(tmp_path: Path) -> None:
    (gate,) = blocks(ROOT / "docs/evals.md", "yaml")
    (tmp_path / "agentops.yaml").write_text("version: 1\nagent: {name: a, build: {}}\n" + gate)
    assert len(load.load(tmp_path / "agentops.yaml")[0].gate) == 10


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere_and_yaml_is_yaml(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for block in blocks(page, "yaml"):
        yaml.safe_load(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    import importlib

    for line in re.findall(r"^\s*(?:\$ )?agentops ([^#\n]*)", "\n".join(blocks(page, "sh")), flags=re.M):
        name, *words = line.split()
        assert name in COMMANDS, f"{page.name}: agentops {name}"
        command = importlib.import_module(COMMANDS[name][0]).command
        if isinstance(command, click.Group):
            assert words, f"{page.name}: agentops {name} needs a subcommand"
            assert words[0] in command.commands, f"{page.name}: agentops {name} {words[0]}"
            command = command.commands[words[0]]
        known = {o for p in command.params for o in p.opts}
        for word in words:
            if word.startswith("--"):
                assert word.split("=")[0] in known, f"{page.name}: agentops {name} {word}"


def test_every_key_metric_assertion_and_exit_code_is_documented() -> None:
    config = (ROOT / "docs/configuration.md").read_text()
    schema = document.load_schema(load.SCHEMA)
    for section, part in schema["properties"].items():
        assert section in config
        for key in part.get("properties", {}):
            assert f"`{key}`" in config or f"{key}:" in config, f"docs/configuration.md lacks {section}.{key}"
    evals = (ROOT / "docs/evals.md").read_text()
    for name in METRICS:
        assert f"`{name}`" in evals, f"docs/evals.md lacks {name}"
    metrics = (ROOT / "docs/metrics.md").read_text()
    for name in DETERMINISTIC:
        assert name in metrics, f"docs/metrics.md lacks {name}"
    codes = (ROOT / "docs/exit-codes.md").read_text()
    for code in ExitCode:
        assert f"| {int(code)} |" in codes
