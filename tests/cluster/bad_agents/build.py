"""Images of bad agents for the tests: `build("errors-20")` gives NAME@sha256:... in the registry of the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from functools import cache
from pathlib import Path

import pytest

MODES = (
    "good", "crash-loop", "never-ready", "errors-100", "errors-20", "slow", "leak", "expensive", "unsafe",
)  # fmt: skip
REGISTRY = "AGENTOPS_TEST_CLUSTER_REGISTRY"
AGENT = "AGENTOPS_TEST_AGENT_IMAGE"
_HERE = Path(__file__).parent
_DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})")
_BUILD_S = 300
_ONE_BY_ONE = threading.Lock()


@cache
def build(mode: str) -> str:
    """The reference NAME@sha256:... of the agent that is bad in this way; built and pushed once a test run. Skips the
    test, with a reason, where no registry, agent or engine is there."""
    if mode not in MODES:
        raise ValueError(f"{mode} is no way to be bad: {', '.join(MODES)}")
    registry, agent = os.environ.get(REGISTRY), os.environ.get(AGENT)
    if not registry or not agent:
        pytest.skip(f"{REGISTRY} and {AGENT} name no registry and no agent image")
    if shutil.which("docker") is None:
        pytest.skip("no docker on this machine builds the images of bad agents")
    name = f"{registry}/bad-agent-{mode}:test"
    with _ONE_BY_ONE:
        _docker("build", "--build-arg", f"AGENT={agent}", "--build-arg", f"BADNESS={mode}", "-t", name, str(_HERE))
        found = _DIGEST.search(_docker("push", name))
    assert found is not None, f"the push of {name} told no digest"
    return f"{name.rpartition(':')[0]}@{found[1]}"


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=_BUILD_S, check=False)
    assert done.returncode == 0, f"docker {words[0]} failed: {(done.stderr or done.stdout)[-800:]}"
    return done.stdout
