"""The ways that a team goes, from end to end: shadow by recordings and by a mirror, an approval by a second job, and
one image that is measured, recorded, staged and taken to production."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad_agents.build import REGISTRY, build
from conftest import AGENT, PORT, Load, World, agent_manifest, eventually, image, kubectl
from rollouts import QUICK, Rollout, a_world, as_before, over, specs

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

_RATE = 6
_ANSWER = "How can I help"
Way = Callable[[World, Path], None]


def cases(count: int) -> str:
    """An evalset that the reference agent passes, in the cluster and outside."""
    made = [{"id": f"c{i}", "input": f"hello {i}", "expect": [{"contains": _ANSWER}]} for i in range(count)]
    return json.dumps({"version": 1, "name": "greetings", "cases": made})


# No session says more than one thing: a canary that hears a copy of its second one has not heard the first.
_SESSIONS = 100_000


def payments(world: World) -> None:
    """A Service that an agent in shadow mode must not reach."""
    _, deployment, service = agent_manifest(world.image, replicas=1)
    deployment["metadata"]["name"] = service["metadata"]["name"] = "payments"
    deployment["spec"]["selector"] = {"matchLabels": {"app": "payments"}}
    deployment["spec"]["template"]["metadata"]["labels"] = service["spec"]["selector"] = {"app": "payments"}
    service["spec"]["ports"] = [{"port": PORT, "targetPort": PORT}]
    world.apply(deployment, service)
    eventually(lambda: world._ready("payments"))


def loading(world: World) -> tuple[Load, float]:
    """The client of the namespace, once it sends, and the time from when it is to see no failure: it may have begun
    before the agent was ready."""
    load = Load(world.cluster, "load")
    eventually(lambda: "" if load.now() > 0 else "the load client")
    return load, load.now() + 0.25


def shadow_replayed(world: World, folder: Path) -> None:
    """Recorded sessions are put to the canary with its hands tied; then live traffic, to pods that act."""
    payments(world)
    (load, began), before, good = loading(world), specs(world), build("good")
    shadow = {"mode": "replay", "sessions": ["recorded.json"], "blocked": f"payments:{PORT}", "budget": {"calls": 200}}
    rollout = Rollout(world, folder, {"shadow": shadow})
    (folder / "recorded.json").write_text(cases(60), encoding="utf-8")
    rollout.start(good)
    rollout.until("shadow", within_s=180)
    pods = world.cluster.list("Pod", labels={"rollout.agentops/track": "canary"})
    assert [p["metadata"]["labels"].get("rollout.agentops/mode") for p in pods] == ["shadow"]
    assert rollout.end() == 0, rollout.told()
    seen = rollout.state()["evidence"]["shadow"]
    assert (seen["done"], seen["failed"], seen["violations"]) == (60, 0, 0)
    tally = load.tally(began)
    assert tally.failed == {}
    assert tally.versions.get("canary", 0) > 0
    as_before(world, before, image=good)


def shadow_mirrored(world: World, folder: Path) -> None:
    """A copy of half of the live requests goes to the canary by Envoy; users get stable's answers alone, and what both
    said is compared."""
    payments(world)
    kubectl("set", "env", f"deployment/{AGENT}", "AGENTOPS_RECORD=1", f"-n={world.cluster.namespace}")
    kubectl("rollout", "status", f"deployment/{AGENT}", f"-n={world.cluster.namespace}", "--timeout=100s")
    (load, began), before, good = loading(world), specs(world), build("good")
    shadow = {
        "mode": "mirror", "percent": 50, "minutes": 1, "blocked": f"payments:{PORT}", "budget": {"calls": 5000},
    }  # fmt: skip
    splitter = {"image": image("AGENTOPS_TEST_ENVOY_IMAGE")}
    rollout = Rollout(world, folder, {"traffic": "splitter", "splitter": splitter, "shadow": shadow, "canary": [50]})
    rollout.start(good)
    rollout.until("shadow", within_s=180)
    eventually(
        lambda: "" if (rollout.state()["evidence"].get("shadow") or {}).get("done", 0) >= 20 else "copied requests"
    )
    until = load.now()
    assert set(load.tally(0.0, until).versions) == {"dev"}, "who asked got an answer of the canary's"
    assert rollout.end() == 0, rollout.told()
    seen = rollout.state()["evidence"]["shadow"]
    assert seen["pairs"]["both"] >= 59
    assert (seen["failed"], seen["violations"]) == (0, 0)
    assert load.tally(began).failed == {}
    as_before(world, before, image=good)


def approved_by_a_second_job(world: World, folder: Path) -> None:
    """The first job leaves where somebody has to approve; another approves, and a third one goes on."""
    (load, began), before, good = loading(world), specs(world), build("good")
    first = Rollout(world, folder / "first", {"approval": True}).start(good, "--no-wait")
    assert first.end() == 0, first.told()
    assert first.state()["phase"] == "wait"
    assert load.tally(began).versions.get("canary", 0) == 0
    second = Rollout(world, folder / "second", {"approval": True})
    said = second.call("promote", "--why", "the numbers are good", "--by", "ann")
    assert said.returncode == 0, said.stderr
    third = Rollout(world, folder / "third", {"approval": True}).spawn("resume", "--break-glass", "a test")
    assert third.end() == 0, third.told()
    (approval,) = third.state()["approvals"]
    assert (approval["who"], approval["why"]) == ("ann", "the numbers are good")
    told = second.call("history")
    assert told.returncode == 0
    assert first.state()["id"] in told.stdout
    assert load.tally(began).failed == {}
    as_before(world, before, image=good)


def staged_and_released(world: World, folder: Path) -> None:
    """What the gate measured and recorded goes to staging, is checked there, and only then to production."""
    with a_world("production", replicas=2, rate=_RATE, sessions=_SESSIONS) as production:
        project = Project(folder, staging=world, production=production)
        pushed = project.measured()
        released = project.rollout(production)
        early = released.spawn("start", "--environment", "production", "--image", pushed)
        assert early.end() == 2, early.told()
        assert "staging" in early.told()
        assert released.state() == {}
        before = specs(world)
        staged = project.rollout(world)
        staged.spawn("start", "--environment", "staging", "--image", pushed, "--record-key", "rollout.key")
        assert staged.end() == 0, staged.told()
        assert staged.state()["evidence"]["evals"]["outcome"] == "pass"
        as_before(world, before, image=pushed)
        (load, began), before = loading(production), specs(production)
        assert released.spawn("start", "--environment", "production", "--image", pushed).end() == 0, released.told()
        assert load.tally(began).failed == {}
        as_before(production, before, image=pushed)


class Project:
    """A team's repository: an agent that is built from it, its cases, its keys, two environments."""

    def __init__(self, root: Path, *, staging: World, production: World) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._registry = os.environ.get(REGISTRY) or pytest.skip(f"{REGISTRY} names no registry")
        (root / "keys").mkdir()
        for name in ("gate", "rollout"):
            self._call("record", "new-key", "--out", f"{name}.key", "--public", f"keys/{name}.pub")
        self._config = {
            "version": 1,
            "agent": {"name": "release-test", "build": {"context": "."}, "protocol": "openai-chat", "port": PORT,
                      "ready": "/ready"},
            "evals": {"suites": ["cases.json"], "runs": 1, "timeout_s": 10},
            "rollout": over(QUICK, {
                "deployment": AGENT, "canary": [50],
                "admission": {"keys": ["keys/gate.pub"], "rollout_keys": ["keys/rollout.pub"]},
                "environments": {
                    "staging": {"namespace": staging.cluster.namespace, "evals": {"suites": ["cases.json"]}},
                    "production": {"namespace": production.cluster.namespace, "admission": {"requires": ["staging"]}},
                },
            }),
        }  # fmt: skip
        self._written()
        (root / "cases.json").write_text(cases(40), encoding="utf-8")
        (root / "Dockerfile").write_text(
            f"FROM {staging.image}\nENV MODEL_SCRIPT=/app/support_agent/data/script.json\n", encoding="utf-8"
        )
        (root / ".gitignore").write_text(".agentops/\n*.key\nlog\nout/\n", encoding="utf-8")
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
            subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", *words], cwd=root,
                           check=True, capture_output=True)  # fmt: skip

    def measured(self) -> str:
        """Gate the commit, push the image, sign the run; the image as NAME@sha256:..."""
        self._call("check", "--environment", "release", "--push", self._registry)
        self._call("record", "sign", ".agentops/latest", "--key", "gate.key", "--environment", "release")
        run = json.loads((self._root / ".agentops/latest/run.json").read_text(encoding="utf-8"))
        return f"{self._registry}/release-test@{run['subject']['digest']}"

    def rollout(self, world: World) -> Rollout:
        """A rollout of it to one of the two."""
        made = Rollout(world, self._root)
        self._written()
        return made

    def _written(self) -> None:
        (self._root / "agentops.yaml").write_text(yaml.safe_dump(self._config), encoding="utf-8")

    def _call(self, *words: str) -> str:
        done = subprocess.run([sys.executable, "-m", "agentops.cli.main", *words], cwd=self._root,
                              capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout


WAYS: Mapping[str, tuple[Way, dict[str, Any]]] = {
    way.__name__: (way, {"replicas": 2, "rate": _RATE, "sessions": _SESSIONS})
    for way in (staged_and_released, shadow_mirrored, shadow_replayed, approved_by_a_second_job)
}


def attempt(name: str, folder: Path) -> None:
    """One of them, in a namespace of its own with traffic."""
    way, how = WAYS[name]
    with a_world(name.replace("_", "-"), **how) as world:
        way(world, folder)


@pytest.mark.parametrize("name", WAYS)
def test_a_team_gets_there(attempted: Future[None], name: str) -> None:
    attempted.result()
