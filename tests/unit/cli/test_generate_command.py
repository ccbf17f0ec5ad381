"""agentops generate as a user meets it. A script plays the model: that shows the harness, not a model's wording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentops.cli.main import main
from agentops.evals import dataset
from agentops.gateway.script import ReplyTemplate, Rule, Script
from agentops.gateway.server import ScriptServer

KEY = "t0ken-t0ken"
SUITE = {
    "name": "own",
    "cases": [
        {"id": "where", "tags": ["typical"], "input": "Where is my order A-1001?", "files": ["n.txt"],
         "expect": [{"icontains": "way"}]},
        {"id": "who", "input": "Who are you, and what do you do?", "expect": [{"refusal": False}]},
    ],
}  # fmt: skip


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.txt").write_text("a note")
    (tmp_path / "own.json").write_text(json.dumps(SUITE))
    return tmp_path


def test_variants_are_written_with_their_files_and_read_back(suite: Path) -> None:
    assert (
        main(["generate", "own.json", "--kinds", "typos,casing", "--per-case", "2", "--seed", "5", "--out", "v.yaml"])
        == 0
    )
    text = (suite / "v.yaml").read_text()
    assert text.startswith("# Variants of own.json (sha256 ")
    assert "seed 5" in text.splitlines()[1]
    own, made = dataset.load(["own.json", "v.yaml"], root=suite)
    assert made.name == "own-variants"
    assert len(made.cases) == 4
    for case in made.cases:
        before = next(c for c in own.cases if c.id == case.origin.split()[2])
        assert case.expect == before.expect
        assert case.turns[0].files == before.turns[0].files
        assert "generated" in case.tags
    again = (suite / "v.yaml").read_text()
    assert (
        main(["generate", "own.json", "--kinds", "typos,casing", "--per-case", "2", "--seed", "5", "--out", "v.yaml"])
        == 2
    )
    assert (suite / "v.yaml").read_text() == again == text


def test_files_cannot_be_printed(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "own.json"]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_model_makes_paraphrases_and_is_named(
    suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says = json.dumps(["Where has order A-1001 got to?", "Tell me what you are for, and who.", "x"])
    monkeypatch.setenv("MODEL_KEY", KEY)
    with ScriptServer(Script("para", 0, (Rule(1, (ReplyTemplate(says, ()),)),)), token=KEY) as server:
        words = ["--base-url", server.base_url, "--key-env", "MODEL_KEY", "--model", "gpt-x", "--per-case", "1"]
        assert main(["generate", "own.json", "--kinds", "paraphrase", *words, "--out", "v.yaml"]) == 0
    text = (suite / "v.yaml").read_text()
    assert "# Paraphrases by scripted:para." in text
    cases = dataset.load(["v.yaml"], root=suite)[0].cases
    assert [(c.id, c.origin) for c in cases] == [
        ("where.paraphrase-1", "paraphrase of where by scripted:para"),
        ("who.paraphrase-1", "paraphrase of who by scripted:para"),
    ]
    assert KEY not in text + "".join(capsys.readouterr())


def test_a_model_that_gives_nothing_usable_is_an_error(
    suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    with ScriptServer(Script("para", 0, (Rule(1, (ReplyTemplate("As you wish!", ()),)),)), token=KEY) as server:
        words = ["--base-url", server.base_url, "--key-env", "MODEL_KEY", "--model", "m", "--kinds", "paraphrase"]
        assert main(["generate", "own.json", *words, "--out", "v.yaml"]) == 4
    assert not (suite / "v.yaml").exists()
    assert "where: 0 of 3 paraphrases could be used" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kinds", "typo"], "did you mean 'typos'"),
        (["--kinds", "paraphrase"], "--model and --base-url"),
        (["--kinds", "typos", "--model", "m"], "none is asked for"),
        (["--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY is not set"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: list[str], said: str, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", "own.json", *words, "--out", "v.yaml"]) == 2
    assert said in capsys.readouterr().err
    assert not (suite / "v.yaml").exists()


def test_metrics_of_the_configuration_are_known(suite: Path) -> None:
    (suite / "mine.py").write_text("METRICS = {'short': lambda params, seen: len(seen.text) < params['most']}\n")
    (suite / "agentops.yaml").write_text(
        "version: 1\nagent: {name: a, url: 'http://x'}\nevals: {suites: [m.json], metrics: [mine.py]}\n"
        "gate:\n  - {metric: pass_rate, at_least: 0.5}\n"
    )
    (suite / "m.json").write_text(
        json.dumps([{"id": "a", "input": "please be brief now", "expect": [{"short": {"most": 9}}]}])
    )
    assert main(["generate", "m.json", "--kinds", "lower,upper", "--out", "v.yaml"]) == 0
    assert "custom: {metric: short, most: 9}" in (suite / "v.yaml").read_text()
