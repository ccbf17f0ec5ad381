"""Kubernetes events of a rollout on a real API server: taken, shown to operators, not missed where forbidden."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import kubectl

from agentops.drivers.kubectl import Kubectl
from agentops.model.rollout import Cause, Phase, Plan, State
from agentops.rollout.events import Events

pytestmark = pytest.mark.cluster

IMAGE = "registry.example/app@sha256:" + "1a" * 32
NOW = 1_790_000_000.0


def state(phase: Phase, **changes: object) -> State:
    plan = Plan("canary", "replicas", "why", (50,), 10, "detects", 1)
    return State("r-1", "app", "production", "shop", IMAGE, IMAGE, plan, phase, began_at=NOW, **changes)  # type: ignore[arg-type]


@pytest.fixture
def app(namespace: str) -> str:
    """A namespace with a Deployment without pods."""
    kubectl("-n", namespace, "create", "deployment", "app", "--image=none.example/none", "--replicas=0")
    return namespace


def test_the_api_takes_them_and_describe_shows_them(app: str) -> None:
    long = state(Phase.ABORTING, cause=Cause.HARM, reason="日本 \x00 \ud800 " * 200)
    with Kubectl(namespace=app) as cluster:
        for found in (state(Phase.CANARY_UP), state(Phase.CANARY), long, state(Phase.ABORTED, cause=Cause.HARM)):
            assert Events(cluster, "app").tell(found, now=NOW) == ""
    shown = kubectl("-n", app, "describe", "deployment", "app").partition("Events:")[2]
    for reason in ("RolloutStarted", "CanaryUpBegan", "CanaryBegan", "AbortingBegan", "RolloutRolledBack"):
        assert shown.count(f" {reason} ") == 1, shown


def test_credentials_that_may_not_tell_events_say_so_once(
    app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl("-n", app, "create", "serviceaccount", "reader")
    kubectl("-n", app, "create", "role", "reader", "--verb=get", "--resource=deployments")
    kubectl("-n", app, "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={app}:reader")
    token = kubectl("-n", app, "create", "token", "reader", "--duration=10m").strip()
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with Kubectl(namespace=app) as cluster:
        events = Events(cluster, "app")
        assert events.tell(state(Phase.CANARY_UP), now=NOW).startswith("Kubernetes events are not told: ")
        assert events.tell(state(Phase.CANARY), now=NOW) == ""
