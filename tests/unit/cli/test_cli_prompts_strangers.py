"""agentops prompts as somebody uses it who reads the manual later: paths as words, half a configuration, a part of the
project, empty sources, findings that weigh much where the risk does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from agentops.cli import explain
from agentops.config import document

BAD = "system:\nYou must answer about orders. The user is {question}.\n"
FINE = "system:\nAnswer questions.\nuser:\n{question}\n"
PASSWORD = "Answer shortly.\npass" + "word: hunter2Zq9xLp4\n"


def prompts(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS")}
    line = [sys.executable, "-m", "agentops.cli.main", "prompts", *words]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, env=known, timeout=60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/bad.txt").write_text(BAD)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/fine.txt").write_text(FINE)
    return tmp_path


def test_paths_may_stand_alone(project: Path) -> None:
    done = prompts("more", "prompts/bad.txt", "--format", "json", cwd=project)
    assert [t["path"] for t in json.loads(done.stdout)["templates"]] == ["more/fine.txt", "prompts/bad.txt"]
    assert done.returncode == 1
    assert prompts("more", cwd=project).returncode == 0
    both = prompts("more", "--prompts-dir", "prompts", "--format", "json", cwd=project)
    assert len(json.loads(both.stdout)["templates"]) == 2


@pytest.mark.parametrize(("words", "name"), [(("nope",), "PATH"), (("--prompts-dir", "nope"), "--prompts-dir")])
def test_a_path_that_is_not_there_is_named_as_it_was_given(project: Path, words: tuple[str, ...], name: str) -> None:
    done = prompts("more", *words, cwd=project)
    assert done.returncode == 2
    assert done.stderr == f"error: nope does not exist\nhint: correct {name}, or create the folder\n"


@pytest.mark.parametrize(
    "words", ["--fix --diff", "--diff --format json", "--fix --format sarif", "--fix --write-baseline b.json"]
)
def test_what_mending_does_not_do_is_refused(project: Path, words: str) -> None:
    done = prompts("prompts", *words.split(), cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint: " in done.stderr
    assert (project / "prompts/bad.txt").read_text() == BAD


def test_a_rule_is_found_without_its_zeros() -> None:
    rules = explain.registry()
    assert {explain.find(word, rules).id for word in ("pt4", "PT04", "pt004")} == {"PT004"}


def test_junit_agrees_with_the_gate_and_shows_what_was_found(project: Path) -> None:
    (project / "more/secret.txt").write_text(PASSWORD)
    assert prompts("more", "--junit", "j.xml", cwd=project).returncode == 0
    root = ET.parse(project / "j.xml").getroot()
    assert (root.get("failures"), root.get("errors")) == ("0", "0")
    out = {c.get("name"): c.findtext("system-out") or "" for c in root.iter("testcase")}
    assert "high: PT021 in line 2" in out["more/secret.txt"]
    assert "PT" not in out["more/fine.txt"]
    assert prompts("more", "prompts", "--junit", "j.xml", cwd=project).returncode == 1
    root = ET.parse(project / "j.xml").getroot()
    failed = [c.get("name") for c in root.iter("testcase") if c.find("failure") is not None]
    assert failed == ["verdict", "prompt_risk <= 0.8", "prompts/bad.txt"]


def test_findings_can_be_gated_besides_the_risk(project: Path) -> None:
    (project / "more/secret.txt").write_text(PASSWORD)
    gate = "gate:\n  - {metric: findings, where: {stage: prompts}, severity: high, at_most: 0}\n"
    (project / "agentops.yaml").write_text(f"version: 1\nprompts: {{paths: [more]}}\n{gate}")
    done = prompts(cwd=project)
    assert done.returncode == 1
    assert "prompt_risk <= 0.8" in done.stdout


def test_the_configuration_need_not_speak_of_the_agent(project: Path) -> None:
    file = project / "agentops.yaml"
    for agent in ("", "agent:\n", "agent: {name: shop}\n"):
        file.write_text(f"version: 1\n{agent}prompts: {{paths: [more]}}\n")
        done = prompts("--format", "json", cwd=project)
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["templates"]) == 1
    assert "shop" in prompts(cwd=project).stdout
    for unfinished in ("prompts:\n", "prompts: {fail_at: 0.9}\n", "agent:\n  name: shop\n"):
        file.write_text(f"version: 1\n{unfinished}")
        assert prompts("--prompts-dir", "more", cwd=project).returncode == 0, unfinished


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompts: {paths: [more]}\n", "the key 'version' is missing"),
        ("version: 1\nprompts: {paths: [more], trus: {}}\n", "agentops.yaml:2: prompts: unknown key 'trus'"),
        ("version: 1\nprompts: [more]\n", "agentops.yaml:2: prompts: must be a mapping"),
        ("version: 1\nagent: {name: A B}\nprompts: {paths: [more]}\n", "agentops.yaml:2: agent"),
        ("[]\n", "must be a mapping"),
    ],
)
def test_what_is_wrong_in_it_is_still_said(project: Path, text: str, said: str) -> None:
    (project / "agentops.yaml").write_text(text)
    for words in ((), ("--prompts-dir", "more", "--strict")):
        done = prompts(*words, cwd=project)
        if words and "prompts: [more]" in text:
            said = "prompts: must be a mapping"
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_a_mend_is_judged_by_the_baseline(project: Path) -> None:
    (project / "prompts/bad.txt").unlink()
    (project / "prompts/a.json").write_text('{"prompt": "Summarise the text below in two lines. {document}"}')
    assert prompts("prompts", "--write-baseline", "b.json", cwd=project).returncode == 0
    for word in ("--diff", "--fix"):
        assert prompts("prompts", word, cwd=project).returncode == 1
        done = prompts("prompts", word, "--baseline", "b.json", cwd=project)
        assert done.returncode == 0, done.stderr
        assert "0 above 0.8" in done.stderr


def test_only_what_was_looked_at_is_said_to_be_gone(project: Path) -> None:
    (project / "more/bad.txt").write_text(BAD)
    assert prompts("prompts", "more", "--write-baseline", "b.json", cwd=project).returncode == 0
    part = prompts("more", "--baseline", "b.json", cwd=project)
    assert "matches nothing any more" not in " ".join(part.stdout.split())
    (project / "prompts/bad.txt").unlink()
    gone = " ".join(prompts("more", "--baseline", "b.json", cwd=project).stdout.split())
    assert "prompts/bad.txt" in gone
    assert "matches nothing any more" in gone
    (project / "more/bad.txt").write_text("Say {question")
    torn = " ".join(prompts("more", "--baseline", "b.json", cwd=project).stdout.split())
    assert "in more/bad.txt" not in torn, "a file that was not measured may hold them still"


@pytest.mark.parametrize("strict", [False, True])
def test_what_the_gate_holds_stands_in_the_document(project: Path, strict: bool) -> None:
    (project / "more/open.txt").write_text("system:\nYou must answer {zzz}.\n")
    (project / "more/known.j2").write_text(
        "{# agentops: ignore-file[PT001, PT002] written by our own staff #}\nsystem:\nYou must answer {{ question }}.\n"
    )
    for path in (project / "more").iterdir():
        os.utime(path, (time.time() - 60,) * 2)
    words = ("--prompts-dir", "more", "--format", "json", *(("--strict",) if strict else ()))
    slow = prompts(*words, "--no-cache", cwd=project)
    prompts(*words, cwd=project)
    quick = prompts(*words, cwd=project)
    assert "no file changed" in quick.stderr
    assert json.loads(quick.stdout) == json.loads(slow.stdout)
    assert quick.stdout == slow.stdout
    found = json.loads(quick.stdout)
    Draft202012Validator(document.load_schema("prompts.schema.json")).validate(found)
    gated = {t["path"]: (t["gated"], t["total"]) for t in found["templates"]}
    assert gated["more/known.j2"][0] < 0.1 < 0.8 < gated["more/known.j2"][1]
    assert (gated["more/open.txt"][0] > 0.8) is strict


@pytest.mark.parametrize("name", ["__init__.py", "a.ts", "a.js", "a.go", "A.java", "a.kt", "a.py.txt"])
@pytest.mark.parametrize("text", ["", " \n\n", "\ufeff"])
def test_an_empty_source_is_one_template_without_holes(tmp_path: Path, name: str, text: str) -> None:
    from agentops.injection.engine import analyse

    (tmp_path / name).write_text(text)
    found = analyse([tmp_path], root=tmp_path)
    assert not found.errors
    assert [(t.syntax, t.holes, t.total) for t in found.templates] == [("static", (), 0)]


@pytest.mark.parametrize("name", ["a.j2", "a.txt", "a.md", "a.prompty", "a.yaml", "a.json", "a.prompt", "SKILL.md"])
def test_an_empty_template_stays_an_error(tmp_path: Path, name: str) -> None:
    from agentops.injection.engine import analyse

    (tmp_path / name).write_text(" \n")
    found = analyse([tmp_path], root=tmp_path)
    assert [e.message for e in found.errors] == [f"{name}: empty, so there is nothing to measure"]
