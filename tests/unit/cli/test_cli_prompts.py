"""agentops prompts from outside: the document on standard output, suppression, baseline, strict mode, the cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentops.cli import options, prompts_quick
from agentops.config import document, load

ORDER = "system:\nYou must answer about orders. The user is {question}.\n"
FINE = "system:\nAnswer questions.\nuser:\n{question}\n"


def prompts(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS")}
    line = [sys.executable, "-m", "agentops.cli.main", "prompts", *words]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, env=known)


def data(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(document.load_schema("prompts.schema.json")).validate(found)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/bad.txt").write_text(ORDER)
    (tmp_path / "prompts/fine.txt").write_text(FINE)
    (tmp_path / "prompts/fixed.md").write_text("Only text.\n")
    return tmp_path


def aged(root: Path) -> None:
    for path in root.rglob("prompts/*"):
        os.utime(path, (time.time() - 60,) * 2)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(document.load_schema("prompts.schema.json"))


def test_json_is_one_document_with_every_template(project: Path) -> None:
    (project / "prompts/torn.txt").write_text("Say {question")
    done = prompts("--prompts-dir", "prompts/", "--format", "json", cwd=project)
    assert done.returncode == 1, "a fail stays one where something was not measured"
    found = data(done)
    assert [(t["path"], t["syntax"], t["risk"] > 0.8) for t in found["templates"]] == [
        ("prompts/bad.txt", "str.format", True),
        ("prompts/fine.txt", "str.format", False),
        ("prompts/fixed.md", "static", False),
    ]
    bad, _, fixed = found["templates"]
    assert (fixed["risk"], fixed["holes"]) == (0, [])
    (hole,) = bad["holes"]
    assert (hole["name"], hole["line"], hole["column"], hole["role"]) == ("question", 2, 43, "system")
    assert any(f["rule"] == "PT001" and f["line"] == 2 and f["suppressed"] is None for f in bad["findings"])
    (error,) = found["errors"]
    assert (error["path"], error["line"], error["column"]) == ("prompts/torn.txt", 1, 5)
    assert error["hint"]
    assert "torn.txt:1:5" in done.stderr
    (project / "prompts/bad.txt").unlink()
    for _ in range(2):
        assert prompts("--prompts-dir", "prompts/", "--format", "json", cwd=project).returncode == 4


def test_paths_stand_as_they_were_given(project: Path) -> None:
    (project / "deep").mkdir()
    shutil.copytree(project / "prompts", project / "deep/prompts")

    def paths(given: str, cwd: Path) -> str:
        first = prompts("--prompts-dir", given, "--format", "json", cwd=cwd)
        again = prompts("--prompts-dir", given, "--format", "json", cwd=cwd)
        assert data(first) == data(again)
        return str(data(again)["templates"][0]["path"])

    assert paths("prompts/", project) == "prompts/bad.txt"
    assert paths("prompts/bad.txt", project) == "prompts/bad.txt"
    assert paths(str(project / "prompts"), project) == f"{project}/prompts/bad.txt"
    assert paths("../prompts", project / "deep") == "../prompts/bad.txt"
    assert paths(".", project / "prompts") == "bad.txt"
    (project / "agentops.yaml").write_text("version: 1\nagent: {name: a, build: {}}\nprompts: {paths: [prompts/]}\n")
    config = ("--config", "../agentops.yaml", "--format", "json")
    assert data(prompts(*config, cwd=project / "deep"))["templates"][0]["path"] == "prompts/bad.txt"
    both = prompts(*config, "--prompts-dir", "prompts", cwd=project / "deep")
    assert data(both)["templates"][0]["path"] == "prompts/bad.txt"


def test_the_quick_answer_is_the_slow_one(project: Path) -> None:
    aged(project)
    words = ("--prompts-dir", "prompts", "--format", "json")
    slow = prompts(*words, "--no-cache", cwd=project)
    assert not (project / ".agentops").exists()
    prompts(*words, cwd=project)
    for more in ((), ("--threshold", "0.1"), ("--threshold", "0.96"), ("--strict",)):
        quick, plain = prompts(*words, *more, cwd=project), prompts(*words, *more, "--no-cache", cwd=project)
        assert "no file changed" in quick.stderr
        assert (data(quick), quick.returncode) == (data(plain), plain.returncode), more
    assert data(slow) == data(prompts(*words, cwd=project))
    assert slow.returncode == 1
    (project / "prompts/bad.txt").write_text(FINE)
    mended = prompts(*words, cwd=project)
    assert mended.returncode == 0
    assert data(mended)["templates"][0]["risk"] < 0.2


def test_the_quick_answer_holds_only_without_a_configuration(project: Path) -> None:
    words = ("--prompts-dir", "prompts", "--format", "json")
    assert prompts(*words, cwd=project).returncode == 1
    (project / "agentops.yaml").write_text(
        "version: 1\nagent: {name: a, build: {}}\nprompts: {paths: [x], trust: {question: constant}}\n"
    )
    done = prompts(*words, cwd=project)
    assert done.returncode == 0, done.stderr
    assert data(done)["templates"][0]["risk"] == 0
    assert prompts(*words, "-e", "nowhere", cwd=project).returncode == 2


def test_its_constants_are_those_of_the_configuration() -> None:
    schema = document.load_schema(load.SCHEMA)["properties"]["prompts"]["properties"]
    assert schema["fail_at"]["default"] == prompts_quick.DEFAULT_THRESHOLD
    assert options.CONFIGURATION == load.DEFAULT_NAME


def test_the_quick_answer_loads_neither_parsers_nor_validators(project: Path) -> None:
    prompts("--prompts-dir", "prompts", "--format", "json", cwd=project)
    code = (
        "import sys; from agentops.cli.main import main; main(sys.argv[1:]); "
        "print([m for m in ('jinja2', 'jsonschema', 'yaml', 'agentops.injection.engine', 'agentops.pipeline', "
        "'agentops.injection.rules') if m in sys.modules], file=sys.stderr)"
    )
    words = ["prompts", "--prompts-dir", "prompts", "--format", "json", "-q"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=project, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_suppressed_finding_stays_and_its_hole_is_accepted(project: Path) -> None:
    text = ORDER.replace("system:\n", "---\n# agentops: ignore-file[PT001] the shop bounds it\nrole: system\n---\n")
    (project / "prompts/bad.txt").write_text(text)
    done = prompts("--prompts-dir", "prompts", "--format", "json", cwd=project)
    bad = data(done)["templates"][0]
    waived = {f["rule"]: f["suppressed"] for f in bad["findings"]}
    assert waived["PT001"] == "inline: the shop bounds it"
    assert bad["risk"] == 0.95
    assert done.returncode == 0, done.stderr
    shown = prompts("--prompts-dir", "prompts", cwd=project)
    assert shown.returncode == 0
    assert "1 finding suppressed and not counted (1 inline)" in shown.stdout
    assert "1 waived" in shown.stdout


def test_a_baseline_lets_only_new_findings_fail(project: Path) -> None:
    words = ("--prompts-dir", "prompts")
    assert prompts(*words, cwd=project).returncode == 1
    written = prompts(*words, "--write-baseline", "known.json", cwd=project)
    assert written.returncode == 0, written.stdout + written.stderr
    text = (project / "known.json").read_text()
    (project / "prompts/bad.txt").write_text("\n" + ORDER)
    assert prompts(*words, "--baseline", "known.json", cwd=project).returncode == 0, "a line more changes nothing"
    (project / "prompts/new.txt").write_text(ORDER)
    assert prompts(*words, "--baseline", "known.json", cwd=project).returncode == 1
    (project / "prompts/new.txt").unlink()
    (project / "prompts/bad.txt").write_text(FINE)
    gone = prompts(*words, "--baseline", "known.json", cwd=project)
    assert gone.returncode == 0
    assert "matches nothing any more" in " ".join(gone.stdout.split())
    (project / "prompts/bad.txt").write_text(ORDER)
    prompts(*words, "--write-baseline", "known.json", cwd=project)
    assert (project / "known.json").read_text() == text


@pytest.mark.parametrize(("text", "said"), [(None, "known.json"), ("{", "known.json:1:2: not JSON")])
def test_a_baseline_that_cannot_be_read_is_refused(project: Path, text: str | None, said: str) -> None:
    if text is not None:
        (project / "known.json").write_text(text)
    for form in ("text", "json"):
        done = prompts("--prompts-dir", "prompts", "--baseline", "known.json", "--format", form, cwd=project)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stdout == ""


def test_strict_gates_on_the_high_end(project: Path) -> None:
    (project / "prompts/bad.txt").write_text("system:\nYou must answer {zzz}.\n")
    assert prompts("--prompts-dir", "prompts", cwd=project).returncode == 0
    for strict, code in (((), 0), (("--strict",), 1)):
        quick = prompts("--prompts-dir", "prompts", "--format", "json", *strict, cwd=project)
        assert (quick.returncode, "no file changed" in quick.stderr) == (code, True)
    done = prompts("--prompts-dir", "prompts", "--strict", cwd=project)
    assert done.returncode == 1, done.stdout
    assert "prompt_risk_high <= 0.8" in done.stdout
    assert "1 unknown hole in 1 template" in " ".join(done.stdout.split())
    assert prompts("--prompts-dir", "prompts", "--strict", "--threshold", "0.97", cwd=project).returncode == 0
    config = "version: 1\nagent: {name: a, build: {}}\nprompts: {paths: [prompts], strict: true}\n"
    (project / "agentops.yaml").write_text(config)
    assert prompts(cwd=project).returncode == 1
    (project / "agentops.yaml").write_text(config + "gate: [{metric: prompt_risk, at_most: 0.9}]\n")
    strict = prompts(cwd=project)
    assert strict.returncode == 1
    assert "prompt_risk_high <= 0.9" in strict.stdout


def test_sarif_on_standard_output_and_in_a_file(project: Path) -> None:
    done = prompts("--prompts-dir", "prompts", "--format", "sarif", cwd=project)
    assert done.returncode == 1
    assert {r["ruleId"] for r in json.loads(done.stdout)["runs"][0]["results"]} >= {"PT001"}
    assert not (project / ".agentops/runs").exists()
    prompts("--prompts-dir", "prompts", "--sarif", "here.sarif", cwd=project)
    kept = json.loads((project / ".agentops/latest/results.sarif").read_text())
    assert kept["runs"][0]["results"] == json.loads((project / "here.sarif").read_text())["runs"][0]["results"]


def test_text_shows_the_source_and_a_caret(project: Path) -> None:
    lines = prompts("--prompts-dir", "prompts", cwd=project).stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.endswith("The user is {question}."))
    assert lines[at + 1].index("^" * 10) == lines[at].index("{question}")
    assert any(line.strip().startswith("mend: ") for line in lines)
    assert any("prompts/bad.txt:2:43" in line for line in lines)


def test_markers_of_the_configuration_are_handed_on(project: Path) -> None:
    config = "version: 1\nagent: {name: a, build: {}}\nprompts: {paths: [prompts], markers: [['[[', ']]']]}\n"
    (project / "agentops.yaml").write_text(config)
    settings, _ = load.load(project / "agentops.yaml")
    assert settings.prompts is not None
    assert settings.prompts.markers == (("[[", "]]"),)
    (project / "agentops.yaml").write_text(config.replace("['[[', ']]']", "['[[']"))
    done = prompts(cwd=project)
    assert done.returncode == 2
    assert "agentops.yaml:3: prompts.markers.0" in done.stderr
