"""The bandit scan and what happens when bandit, its report or the tree is not as it should be."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from agentops.errors import Interrupted, MeasurementError, Unavailable
from agentops.model.finding import Confidence, Severity
from agentops.scans import code
from agentops.scans.result import ScanResult
from agentops.scans.sources import python_files

# A tool that runs the real bandit and then spoils what it left behind.
SPOILER = """
import json, pathlib, subprocess, sys
args = sys.argv[1:]
report = pathlib.Path(args[args.index("--output") + 1])
subprocess.run([sys.executable, "-P", "-m", "bandit", *args])
data = json.loads(report.read_text())
{spoil}
report.write_text(json.dumps(data))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "app").mkdir(parents=True)
    (root / "app" / "shell.py").write_text("import subprocess\n\n\ndef go(x):\n    subprocess.call(x, shell=True)\n")
    (root / "app" / "clean.py").write_text("def add(a, b):\n    return a + b\n")
    return root


def scan(root: Path, **options: Any) -> ScanResult:
    return code.scan(python_files(root, ["."]), root=root, out=root.parent / "out", **options)


def fake(tmp_path: Path, source: str) -> tuple[str, ...]:
    script = tmp_path / "fake_tool.py"
    script.write_text(source)
    return (sys.executable, str(script))


def spoiled(tmp_path: Path, spoil: str) -> tuple[str, ...]:
    return fake(tmp_path, SPOILER.format(spoil=spoil))


def rules(result: ScanResult) -> list[str]:
    return sorted({f.rule for f in result.findings})


def test_findings_of_the_real_bandit(tree: Path) -> None:
    result = scan(tree)
    assert result.errors == ()
    assert (result.counts.planned, result.counts.measured, result.counts.unit) == (2, 2, "files")
    shell = next(f for f in result.findings if f.rule == "B602")
    assert (shell.severity, shell.confidence) == (Severity.HIGH, Confidence.HIGH)
    assert str(shell.location) == "app/shell.py:5:5"
    assert result.tools["bandit"][0].isdigit()
    assert result.logs == ("bandit.json",)
    assert [p.name for p in (tree.parent / "out").iterdir()] == ["bandit.json"]
    assert {f.location.path for f in result.findings} == {"app/shell.py"}


def test_a_fingerprint_survives_edits_elsewhere_and_copies_differ(tree: Path) -> None:
    before = next(f for f in scan(tree).findings if f.rule == "B602")
    path = tree / "app" / "shell.py"
    path.write_text("# a new line\n\n" + path.read_text() + "    subprocess.call(x, shell=True)\n")
    first, second = [f for f in scan(tree).findings if f.rule == "B602"]
    assert first.fingerprint == before.fingerprint
    assert second.fingerprint != first.fingerprint


def test_orders_from_the_scanned_tree_do_not_matter(tree: Path) -> None:
    (tree / ".bandit").write_text("[bandit]\nskips: B602,B404\nexclude: /\n")
    (tree / "pyproject.toml").write_text('[tool.bandit]\nskips = ["B602"]\n')
    path = tree / "app" / "shell.py"
    path.write_text(path.read_text().replace("shell=True)", "shell=True)  # nosec"))
    result = scan(tree)
    assert result.errors == ()
    assert rules(result) == ["B404", "B602"]


def test_no_file_of_the_scanned_tree_is_imported(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = 'raise SystemExit("the tree was imported")\n'
    for name in ("bandit.py", "json.py", "yaml.py"):
        (tree / name).write_text(trap)
    monkeypatch.chdir(tree)
    monkeypatch.setenv("PYTHONPATH", str(tree))
    result = scan(tree)
    assert result.errors == ()
    assert result.counts.measured == 5


@pytest.mark.parametrize("folder", [".github", "CVS-export", "my.egg"])
def test_names_that_bandit_leaves_out_by_itself_are_scanned(tmp_path: Path, folder: str) -> None:
    root = tmp_path / folder / "project"
    root.mkdir(parents=True)
    (root / "a.py").write_text("eval(input())\n")
    result = scan(root)
    assert result.errors == ()
    assert rules(result) == ["B307"]


def test_a_syntax_error_is_an_error_that_names_the_file(tree: Path) -> None:
    (tree / "app" / "broken.py").write_text("def f(:\n")
    result = scan(tree)
    assert len(result.errors) == 1
    assert "app/broken.py was not scanned" in result.errors[0].message
    assert "Python" in result.errors[0].hint
    assert (result.counts.planned, result.counts.measured) == (3, 2)
    assert "B602" in rules(result)


def test_a_file_that_cannot_be_read_is_an_error(tree: Path) -> None:
    (tree / "app" / "gone.py").symlink_to(tree / "nowhere.py")
    result = scan(tree)
    assert [e.message for e in result.errors] == ["app/gone.py was not scanned: No such file or directory"]


def test_odd_file_names_are_scanned(tree: Path) -> None:
    for name in ("-rf.py", "a b.py", "ä,[x]*.py", "bad\udcff.py"):
        (tree / name).write_text("eval(input())\n")
    result = scan(tree)
    assert result.errors == ()
    assert sum(f.rule == "B307" for f in result.findings) == 4
    assert all(f.location.path.encode("utf-8") for f in result.findings)


def test_asserts_count_in_code_and_not_in_tests(tree: Path) -> None:
    for name in ("app/a.py", "tests/helper.py", "test_b.py", "conftest.py"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("assert print\n")
    result = scan(tree)
    assert [f.location.path for f in result.findings if f.rule == "B101"] == ["app/a.py"]
    assert "findings of B101 (assert) in test files: 3" in result.counts.skipped


def test_many_files_are_scanned_in_batches(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_ARGUMENT_BYTES", 10)
    result = scan(tree)
    assert result.logs == ("bandit-1.json", "bandit-2.json")
    assert result.counts.measured == 2
    assert "B602" in rules(result)


def test_bandit_that_is_not_installed_is_unavailable(tree: Path) -> None:
    with pytest.raises(Unavailable, match="bandit is not installed") as caught:
        scan(tree, tool=(sys.executable, "-I", "-S", "-m", "bandit"))
    assert caught.value.hint


def test_a_command_that_is_not_there_is_unavailable(tree: Path) -> None:
    with pytest.raises(Unavailable):
        scan(tree, tool=("/nowhere/bandit",))


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("raise RuntimeError('it fell over')", "it fell over"),
        ("import bandit_dependency_that_is_not_there", "bandit_dependency_that_is_not_there"),
        ("pass", "no report"),
        ("import sys; sys.exit(1)", "no report"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "no report"),
        ("print('{}')", "no report"),
    ],
)
def test_no_report_is_an_error_whatever_the_exit_code(tree: Path, tmp_path: Path, source: str, word: str) -> None:
    scan(tree)  # The report of an earlier run lies there and must not count.
    with pytest.raises(MeasurementError, match=word) as caught:
        scan(tree, tool=fake(tmp_path, source))
    assert not isinstance(caught.value, Unavailable)


@pytest.mark.parametrize(
    "content",
    ["garbage", "[]", "{}", "{", '{"errors": [], "metrics": {}, "results": 3}', '{"errors": 1}', "[" * 20000, "null"],
)
def test_a_report_that_holds_something_else_is_an_error(tree: Path, tmp_path: Path, content: str) -> None:
    source = f"import sys\nopen(sys.argv[sys.argv.index('--output') + 1], 'w').write({content!r})\n"
    with pytest.raises(MeasurementError, match="bandit"):
        scan(tree, tool=fake(tmp_path, source))


def test_a_bandit_that_hangs_is_stopped(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="longer than"):
        scan(tree, tool=fake(tmp_path, "import time; time.sleep(60)"), timeout_s=0.5)


def test_a_cancelled_scan_is_interrupted(tree: Path, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted):
        scan(tree, tool=fake(tmp_path, "import time; time.sleep(60)"), cancel=cancel)


def test_a_file_missing_in_the_report_is_an_error(tree: Path, tmp_path: Path) -> None:
    spoil = "data['metrics'] = {k: v for k, v in data['metrics'].items() if not k.endswith('clean.py')}"
    result = scan(tree, tool=spoiled(tmp_path, spoil))
    assert [e.message for e in result.errors] == ["app/clean.py was not scanned: it is not in bandit's report"]
    assert result.counts.measured == 1


def test_a_finding_in_a_file_nobody_asked_for_is_an_error(tree: Path, tmp_path: Path) -> None:
    spoil = "data['results'][-1]['filename'] = '/etc/passwd'"
    with pytest.raises(MeasurementError, match="never asked for"):
        scan(tree, tool=spoiled(tmp_path, spoil))


def test_checks_that_are_missing_are_noticed(tree: Path, tmp_path: Path) -> None:
    spoil = "data['results'] = [r for r in data['results'] if r['test_id'] != 'B608']"
    with pytest.raises(MeasurementError, match="B608 said nothing"):
        scan(tree, tool=spoiled(tmp_path, spoil))


def test_a_check_that_crashed_is_an_error(tree: Path, tmp_path: Path) -> None:
    spoil = r"print('[tester]\tERROR\tBandit internal error running: x on file y: \x1b[31mboom', file=sys.stderr)"
    result = scan(tree, tool=spoiled(tmp_path, spoil))
    assert len(result.errors) == 1
    assert "a check of bandit failed: Bandit internal error running" in result.errors[0].message
    assert "\x1b" not in result.errors[0].message
