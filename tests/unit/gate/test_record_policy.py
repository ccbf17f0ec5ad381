"""What the policy's digest stands for: whatever changes when an image is good enough changes it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from record_maker import Ground, ground

from agentops.errors import ConfigError
from agentops.gate.record_policy import input_hashes, policy_sha256

__all__ = ["ground"]


def digest(ground: Ground, environment: str = "release") -> str:
    return policy_sha256(ground.load(), environment)


def change(path: Path, old: str, new: str) -> None:
    before = path.read_text()
    assert old in before, "the premise"
    path.write_text(before.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("agentops.yaml", "0.85", "0.86"),
        ("agentops.yaml", "confidence: 0.95", "confidence: 0.9"),
        ("agentops.yaml", "prompts: {paths: [prompts/]}", "prompts: {paths: [prompts/], fail_at: 0.9}"),
        ("agentops.yaml", "prompts: {paths: [prompts/]}", "prompts: {paths: [prompts/], trust: {name: constant}}"),
        ("agentops.yaml", "evals: {suites: [suite.yaml]}", "evals: {suites: [suite.yaml], needed: 2}"),
        ("agentops.yaml", "gate:", "environments: {release: {inconclusive: warn}}\ngate:"),
        ("agentops.yaml", "evals: {suites: [suite.yaml]}", "evals: {suites: [suite.yaml, 'pack:injection']}"),
        ("agentops.yaml", "build: {context: .}", "build: {context: .}\n  tools: {allowed: [look]}"),
        ("suite.yaml", "hello", "hallo"),
        ("prompts/system.txt", "bot", "cat"),
    ],
)
def test_what_decides_changes_the_digest(ground: Ground, file: str, old: str, new: str) -> None:
    before = digest(ground)
    change(ground.root / file, old, new)
    assert digest(ground) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("evals: {suites: [suite.yaml]}", "evals: {suites: [suite.yaml], concurrency: 2, timeout_s: 7}"),
        ("deployment: bot", "deployment: bot\n  canary: [7, 50]"),
        ("version: 1", "# a word\nversion: 1"),
    ],
)
def test_what_decides_nothing_does_not(ground: Ground, old: str, new: str) -> None:
    before = digest(ground)
    change(ground.root / "agentops.yaml", old, new)
    assert digest(ground) == before


def test_every_environment_has_its_own(ground: Ground) -> None:
    assert digest(ground, "release") != digest(ground, "ci")


def test_metrics_of_the_users_count_and_do_not_run(ground: Ground) -> None:
    change(ground.root / "agentops.yaml", "suites: [suite.yaml]", "suites: [suite.yaml], metrics: [own.py]")
    change(ground.root / "suite.yaml", "{contains: hello}", "{shout: {loud: 3}}")
    own = ground.root / "own.py"
    ran = ground.root / "ran"
    own.write_text(f"open({str(ran)!r}, 'w')\nMETRICS = {{'shout': lambda params, seen: True}}\n")
    before = digest(ground)
    own.write_text(own.read_text() + "# changed\n")
    assert digest(ground) != before
    assert not ran.exists(), "code of the user's ran where a key may lie"
    assert set(input_hashes(ground.settings)) == {"suite.yaml", "own.py", "prompts"}
    own.write_text("METRICS = dict(shout=len)\n")
    with pytest.raises(ConfigError, match="without running it"):
        digest(ground)
    own.write_text("METRICS = {")
    with pytest.raises(ConfigError, match="cannot be read"):
        digest(ground)
