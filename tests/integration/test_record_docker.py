"""From a measured image to an admission, over a real engine and a real registry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_docker_check import check, project

from agentops.config import load
from agentops.drivers import registry
from agentops.errors import MeasurementError

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(not os.environ.get("AGENTOPS_TEST_REGISTRY"), reason="AGENTOPS_TEST_REGISTRY names no registry"),
]


def record(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agentops.cli.main", "record", *words],
        cwd=root, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)


def test_what_was_pushed_is_signed_and_admitted_and_nothing_else(tmp_path: Path) -> None:
    project(tmp_path, "good")
    (tmp_path / ".gitignore").write_text(".agentops/\nagentops-record.*\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    code, said = check(tmp_path, "--push", os.environ["AGENTOPS_TEST_REGISTRY"], "--environment", "release")
    assert code == 0, said
    assert record(tmp_path, "new-key").returncode == 0
    signed = record(tmp_path, "sign", ".agentops/latest", "--key", "agentops-record.key")
    assert signed.returncode == 0, signed.stderr
    name = f"{os.environ['AGENTOPS_TEST_REGISTRY']}/tiny-agent"
    settings, _ = load.load(tmp_path / "agentops.yaml")
    image = f"{name}@{next(w for w in said.split() if w.startswith(name + '@')).rpartition('@')[2]}"
    asked = ["--key", "agentops-record.pub", "--records", ".agentops/records"]
    found = record(tmp_path, "verify", image, *asked)
    assert found.returncode == 0, found.stderr
    (config,) = {p.config for p in registry.identity(image).platforms}
    assert f"image     {config}" in found.stdout, "what the registry has is what ran"
    assert settings.agent.name in signed.stdout
    with pytest.raises(MeasurementError, match="not in the registry"):
        registry.identity(f"{name}@sha256:{'0' * 64}")
    assert record(tmp_path, "verify", f"{name}@sha256:{'0' * 64}", *asked).returncode == 4
    (tmp_path / "agentops.yaml").write_text((tmp_path / "agentops.yaml").read_text() + "\n# a word\n")
    again = record(tmp_path, "sign", ".agentops/latest", "--key", "agentops-record.key")
    assert again.returncode == 2
    assert "is not as it was measured" in again.stderr
