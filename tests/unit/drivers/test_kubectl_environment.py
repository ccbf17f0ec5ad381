"""What kubectl, and the plug-ins that it starts, get of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentops.drivers.kubectl import Kubectl
from agentops.errors import ApiDown, UsageError

# In kubectl's place: tells its environment, and answers as far as it is asked here.
TELLS = """#!/bin/sh
env > "$HOME/seen-$1"
case "$1" in
config) echo '{"contexts": [{"context": {"namespace": "shop"}}]}' ;;
*) echo "no cluster" >&2; exit 1 ;;
esac
"""
KEPT = {
    "AWS_PROFILE": "release", "AWS_SECRET_ACCESS_KEY": "plug-in", "GOOGLE_APPLICATION_CREDENTIALS": "/k.json",
    "HTTPS_PROXY": "http://proxy:1", "SOME_PLUGIN": "x",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "kubectl"
    program.write_text(TELLS)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "/config")
    for name, value in KEPT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLACK_URL", "https://hook.example/secret")
    monkeypatch.setenv("MODEL_KEY", "sk-secret")
    return tmp_path


def seen(home: Path, word: str) -> dict[str, str]:
    lines = (home / f"seen-{word}").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def test_what_is_named_as_a_secret_stays_out_wherever_kubectl_is_started(home: Path) -> None:
    withheld = {"SLACK_URL", "MODEL_KEY", "NOT_SET", "PATH", "HOME", "KUBECONFIG"}
    with Kubectl(withheld=withheld) as cluster:
        assert cluster.namespace == "shop"
        with pytest.raises(UsageError):
            cluster.get("Service", "agent")
        with pytest.raises(ApiDown), cluster.forward("pod", 80):
            pass
    for word in ("config", "proxy", "port-forward"):
        told = seen(home, word)
        assert not {"SLACK_URL", "MODEL_KEY"} & set(told), word
        assert KEPT.items() <= told.items(), word
        assert told["KUBECONFIG"] == "/config"
        assert told["HOME"] == str(home)


def test_without_a_name_everything_is_passed_on(home: Path) -> None:
    with Kubectl():
        assert seen(home, "config")["MODEL_KEY"] == "sk-secret"
