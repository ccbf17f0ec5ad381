from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agentops.drivers import git
from agentops.drivers.git import GitState


def run(root: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    run(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "a").write_text("1")
    run(tmp_path, "add", ".")
    run(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_clean_tree_is_its_commit(repository):
    assert git.state(repository) == GitState(run(repository, "rev-parse", "HEAD"), dirty=False)


def test_ignored_files_do_not_make_it_dirty(repository):
    (repository / "ignored").write_text("x")
    assert not git.state(repository).dirty


@pytest.mark.parametrize("name", ["a", "new"])
def test_changed_and_untracked_files_do(repository, name):
    (repository / name).write_text("2")
    assert git.state(repository).dirty


def test_a_folder_inside_is_of_the_same_commit(repository):
    (repository / "sub").mkdir()
    assert git.state(repository / "sub") == git.state(repository)


def test_no_repository_no_commits_and_no_git_have_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git.state(tmp_path) == GitState(None, dirty=False)
    run(tmp_path, "init", "-q")
    assert git.state(tmp_path).commit is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.state(tmp_path).commit is None
