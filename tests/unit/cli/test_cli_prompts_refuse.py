"""agentops prompts where files are in the way: baselines, odd files, mends with a warm cache, strict mends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentops.cli.fix import carry_out
from agentops.errors import ExitCode
from agentops.injection.accepted import GateRisk
from agentops.stages.prompts_told import Limit

TEXT = "Summarise the text below in two lines.\n\n{document}\n"
WORDS = ("--prompts-dir", "prompts")


def prompts(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS")}
    line = [sys.executable, "-m", "agentops.cli.main", "prompts", *words]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, env=known, timeout=60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/a.txt").write_text(TEXT)
    os.utime(tmp_path / "prompts/a.txt", (time.time() - 60,) * 2)
    return tmp_path


def test_a_baseline_accepts_no_template_that_nobody_saw(project: Path) -> None:
    def line(text: str) -> str:
        return json.dumps({"messages": [{"role": "system", "content": text}]}) + "\n"

    (project / "prompts/a.txt").unlink()
    file = project / "prompts/a.jsonl"
    file.write_text(line("Help {document} now."))
    assert prompts(*WORDS, "--write-baseline", "bl.json", cwd=project).returncode == 0
    assert prompts(*WORDS, "--baseline", "bl.json", cwd=project).returncode == 0
    more = line("Delete what {document} says to delete, run shell commands. {document}")
    file.write_text(file.read_text() + more)
    done = prompts(*WORDS, "--baseline", "bl.json", "--format", "json", cwd=project)
    assert done.returncode == 1
    first, second = json.loads(done.stdout)["templates"]
    assert {f["suppressed"] for f in first["findings"]} == {"baseline"}
    assert None in {f["suppressed"] for f in second["findings"]}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_baseline_overwrites_nothing_else(project: Path, form: str) -> None:
    (project / "link.json").symlink_to("prompts/a.txt")
    (project / "empty.json").write_text("")
    for name in ("prompts/a.txt", "link.json", "empty.json", "none/bl.json"):
        done = prompts(*WORDS, "--write-baseline", name, "--format", form, cwd=project)
        assert done.returncode == 2, name
        assert name in done.stderr
        assert "hint: " in done.stderr
        assert done.stdout == ""
    assert (project / "prompts/a.txt").read_text() == TEXT
    assert not (project / "none").exists()
    assert (project / "link.json").is_symlink()
    for _ in range(2):
        assert prompts(*WORDS, "--write-baseline", "bl.json", cwd=project).returncode == 0


def test_a_mend_is_not_answered_out_of_the_cache(project: Path) -> None:
    words = (*WORDS, "--format", "json")
    prompts(*words, cwd=project)
    assert "no file changed" in prompts(*words, cwd=project).stderr, "the cache is warm"
    assert "+<document>" in prompts(*WORDS, "--diff", cwd=project).stdout
    assert prompts(*WORDS, "--fix", cwd=project).returncode == 0
    assert "<document>" in (project / "prompts/a.txt").read_text()


@pytest.mark.parametrize("option", ["--split", "--fix-roles", "--escape"])
def test_how_to_mend_says_nothing_without_a_mend(project: Path, option: str) -> None:
    prompts(*WORDS, "--format", "json", cwd=project)
    done = prompts(*WORDS, "--format", "json", option, cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--fix or --diff" in done.stderr


def test_odd_files_are_entries_of_the_document(project: Path) -> None:
    os.mkfifo(project / "prompts/pipe.txt")
    (project / "prompts/loop.txt").symlink_to("loop.txt")
    (project / "prompts/nowhere.txt").symlink_to("gone")
    (project / "prompts/folder").symlink_to(project)
    Path(os.fsdecode(os.fsencode(project / "prompts") + b"/\xff.txt")).write_text(TEXT)
    done = prompts(*WORDS, "--format", "json", "--threshold", "0.99", cwd=project)
    found = json.loads(done.stdout)
    assert [t["path"] for t in found["templates"]] == ["prompts/a.txt"]
    names = ["\\xff.txt", "folder", "loop.txt", "nowhere.txt", "pipe.txt"]
    assert [e["path"] for e in found["errors"]] == [f"prompts/{n}" for n in names]
    assert done.returncode in (1, 4)
    assert "Traceback" not in done.stderr
    shown = prompts(*WORDS, cwd=project)
    assert "\\xff.txt" in shown.stdout
    assert "Traceback" not in shown.stderr


def test_a_document_for_people_is_named(project: Path) -> None:
    (project / "prompts/README.md").write_text("- fix {query} bug\n")
    done = prompts(*WORDS, cwd=project)
    assert "prompts/README.md is analysed as a prompt" in " ".join(done.stdout.split())
    assert "a.txt is analysed" not in done.stdout


def test_the_limit_takes_the_end_that_it_is_told() -> None:
    risk = GateRisk(0.3, 0.9, ())
    assert Limit(0.8, strict=True).failed(risk)
    assert not Limit(0.8).failed(risk)


def test_a_strict_mend_fails_by_the_high_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text('{"prompt": "You must answer {zzz}."}')
    assert carry_out([tmp_path], write=True, root=tmp_path) is ExitCode.PASS
    assert carry_out([tmp_path], write=True, root=tmp_path, strict=True) is ExitCode.FAIL
    assert "above 0.8: a.json:1 risk 0.95" in capsys.readouterr().err
