"""Shadow traffic in a real cluster: the fence shut and found open, sessions replayed to a pod, records joined."""

from __future__ import annotations

import json
import os
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bad_agents.build import build

from agentops.drivers.kubectl import Kubectl
from agentops.errors import UsageError
from agentops.model.rollout import Plan, State
from agentops.model.rollout_settings import Place, Shadow, Spend
from agentops.model.seen import ToolPolicy
from agentops.model.settings import Agent
from agentops.rollout import workload
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal
from agentops.rollout.names import Names
from agentops.rollout.shadow import sessions
from agentops.rollout.shadow.mirror import Mirror
from agentops.rollout.shadow.trials import Fence, ReplayTrial, Stand

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]
NAMES = Names("support-agent", "support-agent")
PORT = 8080
SCRIPT = "/app/support_agent/data/script.json"


def image() -> str:
    found = os.environ.get("AGENTOPS_TEST_AGENT_IMAGE")
    if not found:
        pytest.skip("AGENTOPS_TEST_AGENT_IMAGE names no image of the reference agent")
    return found


def service(name: str, labels: dict[str, str], port: int = PORT) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"port": port, "targetPort": port}]},
    }  # fmt: skip


def agent(name: str, version: str, **env: str) -> dict[str, Any]:
    """A Deployment of the reference agent, whose model is a script."""
    told = {"MODEL_SCRIPT": SCRIPT, "AGENT_VERSION": version, "LOG_LEVEL": "warning", "DRAIN_DELAY_S": "0", **env}
    container = {
        "name": "agent", "image": image(), "ports": [{"containerPort": PORT}],
        "env": [{"name": k, "value": v} for k, v in told.items()],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}},
    }  # fmt: skip
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}
            },
        },
    }  # fmt: skip


def begin(cluster: Kubectl) -> Hands:
    journal = Journal(cluster, NAMES)
    journal.refresh()
    plan = Plan("canary", "splitter", "", (5,), 1, "", 1)
    journal.begin(
        State(
            id=uuid.uuid4().hex[:8],
            app=NAMES.app,
            environment="t",
            namespace=cluster.namespace,
            image=image(),
            before="",
            plan=plan,
        )
    )
    return Hands(cluster, journal)


def canary(cluster: Kubectl, hands: Hands, place: Place, *, new: str = "") -> None:
    """Stable, its Service, what must not be reached, and the canary in shadow mode, as a rollout makes them."""
    cluster.create(agent("support-agent", "v1", AGENTOPS_RECORD="1"))
    cluster.create(service("support-agent", {"app": "support-agent"}))
    cluster.create(agent("payments", "p"))
    cluster.create(service("payments", {"app": "payments"}))
    work = workload.read(cluster, place)
    labels = workload.canary_labels(work, shared_entry=False)
    hands.make(workload.canary(work, NAMES, image=new or image(), replicas=1, labels=labels, shadow=place.shadow))
    for name in ("payments", NAMES.app, NAMES.canary):
        until(lambda name=name: workload.available(cluster.get("Deployment", name) or {}), 90)


def until(ready: Callable[[], Any], limit_s: float) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := ready()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.3)
    return found


def fenced(fence: Fence) -> bool:
    began = time.monotonic()
    done = fence() == ""
    assert time.monotonic() - began < 2.0
    return done


def shadow_place(**more: Any) -> Place:
    settings = {"mode": "replay", "blocked": "payments:8080", **more}
    return Place("t", "support-agent", shadow=Shadow(**settings))


def test_the_way_out_is_proven_shut_and_found_open(cluster: Kubectl) -> None:
    hands, place = begin(cluster), shadow_place()
    canary(cluster, hands, place)
    fence = Fence(hands, NAMES, place, image=image())
    until(lambda: fenced(fence), 120)
    assert "could not reach payments:8080, another pod could" in fence.told
    # A policy of the team's own that lets these pods out adds to ours: the labels of the pods are the same.
    work = workload.read(cluster, place)
    selected = {"app": workload.canary_labels(work, shared_entry=False)["app"]}
    cluster.create({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "team"},
        "spec": {"podSelector": {"matchLabels": selected}, "policyTypes": ["Egress"], "egress": [{}]},
    })  # fmt: skip
    again = Fence(begin(cluster), NAMES, place, image=image())
    with pytest.raises(UsageError, match=r"reached payments:8080"):
        until(lambda: fenced(again), 120)


def test_without_a_policy_that_holds_shadow_is_refused(cluster: Kubectl, monkeypatch: pytest.MonkeyPatch) -> None:
    hands, place = begin(cluster), shadow_place()
    canary(cluster, hands, place)
    fence = Fence(hands, NAMES, place, image=image())
    # As in a cluster whose network takes policies and does nothing about them.
    monkeypatch.setattr("agentops.rollout.shadow.egress.Egress.shut", lambda _: None)
    with pytest.raises(UsageError, match="the network ignores the policy"):
        until(lambda: fenced(fence), 120)


def test_a_service_that_nobody_reaches_proves_nothing(cluster: Kubectl) -> None:
    hands, place = begin(cluster), shadow_place(blocked="nobody:8080")
    canary(cluster, hands, place)
    cluster.create(service("nobody", {"app": "nobody"}))
    fence = Fence(hands, NAMES, place, image=image())
    with pytest.raises(UsageError, match="nothing is proven"):
        until(lambda: fenced(fence), 180)


def evalset(folder: Path, count: int) -> str:
    cases = [
        {"id": f"c{i}", "input": f"Where is my order A-{1001 + i % 7}?", "expect": [{"tool_called": "lookup_order"}]}
        for i in range(count)
    ]
    (folder / "recorded.json").write_text(json.dumps({"version": 1, "name": "recorded", "cases": cases}))
    return "recorded.json"


def metrics(cluster: Kubectl, pod: str) -> str:
    with cluster.forward(pod, PORT) as port, urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())


def test_sessions_are_replayed_to_the_canary_and_nothing_is_written(cluster: Kubectl, tmp_path: Path) -> None:
    hands, place = begin(cluster), shadow_place(budget=Spend(calls=200))
    canary(cluster, hands, place)
    path = evalset(tmp_path, 58)
    refund = {"id": "refund", "input": "refund A-1003, I am carla.mendes@example.com", "expect": [
        {"tool_called": "issue_refund"}]}  # fmt: skip
    data = json.loads((tmp_path / path).read_text())
    data["cases"] += [refund, {**refund, "id": "refund-2"}]
    (tmp_path / path).write_text(json.dumps(data))
    stand = Stand(cluster, NAMES, place, Agent("support-agent", port=PORT, tools=ToolPolicy(max_calls=8)))
    trial = ReplayTrial(stand, sessions.read([path], root=tmp_path))
    look = until(lambda: ((found := trial.look(hands.state)).settled and found) or refuse(found), 90)
    trial.stop()
    assert look.evidence["done"] == 60
    assert look.evidence["violations"] == look.evidence["failed"] == look.evidence["unjudged_tools"] == 0
    (pod,) = stand.canary()
    told = metrics(cluster, pod)
    assert 'agent_info{version="v1"} 1' in told
    assert 'agent_writes_total{tool="issue_refund",done="recorded"} 2' in told
    assert "executed" not in told


@pytest.mark.parametrize(("badness", "reason"), [("unsafe", "a secret"), ("errors-100", "sessions failed")])
def test_a_bad_canary_is_turned_back_by_what_it_answers(
    cluster: Kubectl, tmp_path: Path, badness: str, reason: str
) -> None:
    new = build(badness)
    hands, place = begin(cluster), shadow_place()
    canary(cluster, hands, place, new=new)
    recorded = sessions.read([evalset(tmp_path, 60)], root=tmp_path)
    trial = ReplayTrial(Stand(cluster, NAMES, place, Agent("support-agent", port=PORT)), recorded)
    look = until(lambda: (found := trial.look(hands.state)).harm and found, 60)
    trial.stop()
    assert reason in look.harm
    assert look.evidence["done"] < 60


def refuse(look: Any) -> None:
    assert look.harm == ""
    assert look.missing != look.told, look.missing


def test_live_and_shadow_records_are_joined(cluster: Kubectl) -> None:
    hands, place = begin(cluster), shadow_place(mode="mirror")
    canary(cluster, hands, place)
    stand = Stand(cluster, NAMES, place, Agent("support-agent", port=PORT))
    # What a mirror does: the same request with the same id to both.
    for pod in (*stand.canary(), *stand.stable()):
        with cluster.forward(pod, PORT) as port:
            for number in range(6):
                ask(port, f"req-{number}", "Where is A-1001?")
    mirror = Mirror(
        cluster, lambda: (stand.canary(), stand.stable()), port=PORT, budget=Spend(), rules=None
    )  # fmt: skip
    mirror.start()
    found = until(lambda: (told := mirror.poll())["done"] == 6 and told, 60)
    mirror.stop()
    assert (found["pairs"]["both"], found["tools"]["same"], found["alone"]) == (6, 6, 0)


def ask(port: int, name: str, text: str) -> None:
    body = json.dumps({"user": name, "messages": [{"role": "user", "content": text}]}).encode()
    headers = {"Content-Type": "application/json", "X-Request-Id": name}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
