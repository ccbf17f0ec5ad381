"""Rollouts by the command line, as a person or a job starts them, for tests on a real cluster."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from conftest import AGENT, PORT, World, agent_manifest, eventually, image, kubectl, load_manifest

from agentops.drivers.kubectl import Kubectl
from agentops.model.rollout_settings import Place

# Short times, so that the tests fit into CI's minutes; what they mean is measured at the real ones by a benchmark.
QUICK: dict[str, Any] = {
    "canary": [25, 50],
    "bake_minutes": 0.1,
    "step": {"samples": 25, "minutes": 1, "extend": 1},
    "analysis": {"margin": 0.2, "scrape": {"port": PORT}, "outage_minutes": 0.5, "latency_ratio": None},
    "timing": {"ready_s": 90, "progress_s": 150, "drain_s": 3, "lease_s": 8, "renew_s": 2},
}


def over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` laid over `base`."""
    made = dict(base)
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(made.get(key), Mapping)
        made[key] = over(made[key], value) if both else value
    return made


@dataclass
class Rollout:
    """One rollout of the reference agent's Deployment: its configuration, its process, and what became of it."""

    world: World
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        common = {"namespace": self.world.cluster.namespace, "deployment": AGENT}
        data = {
            "version": 1,
            "agent": {"name": AGENT, "url": "http://localhost:1", "protocol": "openai-chat", "port": PORT},
            "rollout": over(over(QUICK, common), self.settings),
            **self.more,
        }
        (self.folder / "agentops.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")

    def argv(self, *words: str) -> list[str]:
        """The command line, for this configuration."""
        return [sys.executable, "-m", "agentops.cli.main", "rollout", *words, "-c", str(self.folder / "agentops.yaml")]

    def start(self, image: str, *words: str, env: Mapping[str, str] | None = None) -> Rollout:
        """Start it in the background."""
        return self.spawn("start", "--image", image, "--break-glass", "a test", *words, env=env)

    def spawn(self, *words: str, env: Mapping[str, str] | None = None) -> Rollout:
        """Run a subcommand in the background."""
        with (self.folder / "log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                self.argv(*words, "--out", str(self.folder / "out")), stdout=log, stderr=log, text=True,
                env={**os.environ, **(env or {})}, start_new_session=True, cwd=self.folder,
            )  # fmt: skip
        return self

    def call(self, *words: str, within_s: float = 200.0) -> subprocess.CompletedProcess[str]:
        """Run a subcommand to its end."""
        return subprocess.run(
            self.argv(*words), capture_output=True, text=True, timeout=within_s, check=False, cwd=self.folder
        )

    def end(self, *, within_s: float = 300.0) -> int:
        """Wait for the process; its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end within {within_s:g} s:\n{self.told()[-4000:]}") from None

    def kill(self) -> None:
        """kill -9 of the runner; the cluster keeps what it did."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def __del__(self) -> None:
        """No test leaves a runner behind."""
        self.kill()

    def told(self) -> str:
        """What it printed."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def state(self) -> dict[str, Any]:
        """The journal's state, {} where there is none."""
        doc = self.world.cluster.get("ConfigMap", f"{AGENT}-rollout") or {}
        found: dict[str, Any] = json.loads((doc.get("data") or {}).get("state") or "{}")
        return found

    def until(self, phase: str, *, within_s: float = 120.0, flowing: bool = False) -> dict[str, Any]:
        """Wait for a phase, and with `flowing` until its traffic was seen; the state then."""

        def there() -> str:
            state = self.state()
            reached = state.get("phase") == phase and (not flowing or state.get("flowing_at"))
            ended = self.process is not None and self.process.poll() is not None
            assert reached or not ended, f"it ended before {phase}:\n{self.told()[-3000:]}"
            return "" if reached else f"{phase}, it is {state.get('phase')}: {state.get('awaiting')}"

        eventually(there, within_s=within_s, every_s=0.1)
        return self.state()


@contextlib.contextmanager
def a_world(name: str, *, replicas: int = 3, rate: int = 0, sessions: int = 100) -> Iterator[World]:
    """The reference agent in a namespace of its own, for tests that run several side by side; with `rate` requests a
    second sent to it by a pod, as from so many `sessions`."""
    agent = image("AGENTOPS_TEST_AGENT_IMAGE")
    namespace = f"t-{name}-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    try:
        with Kubectl(namespace=namespace) as cluster:
            world = World(cluster, Place("test", AGENT, namespace=namespace), agent)
            world.apply(*agent_manifest(agent, replicas=replicas))
            if rate:
                url = f"http://{AGENT}.{namespace}/v1/chat/completions"
                world.apply(*load_manifest("load", agent, url=url, rate=rate, sessions=sessions))
            eventually(lambda: world._ready(AGENT))
            yield world
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def as_before(world: World, before: Mapping[str, Any], *, image: str, lock: bool = True) -> None:
    """Assert that the team's objects are as they were but for the image, that no lock is held (unless it is not asked
    for), and nothing of ours runs."""
    for kind, name in (("Deployment", AGENT), ("Service", AGENT)):
        doc = world.cluster.get(kind, name)
        assert doc is not None
        spec, was = json.loads(json.dumps(doc["spec"])), json.loads(json.dumps(before[kind]))
        if kind == "Deployment":
            assert spec["template"]["spec"]["containers"][0]["image"] == image
            was["template"]["spec"]["containers"][0]["image"] = image
        assert spec == was
        marks = doc["metadata"].get("annotations") or {}
        assert not [key for key in marks if key.startswith("rollout.agentops/")], marks
    lease = world.cluster.get("Lease", f"{AGENT}-rollout") if lock else None
    assert lease is None or not lease["spec"].get("holderIdentity")
    for name in (f"{AGENT}-canary", f"{AGENT}-splitter"):
        doc = world.cluster.get("Deployment", name)
        assert doc is None or doc["spec"]["replicas"] == 0, f"{name} has pods"


def specs(world: World) -> dict[str, Any]:
    """The team's objects as they are, for `as_before`."""
    found = {kind: world.cluster.get(kind, AGENT) for kind in ("Deployment", "Service")}
    return {kind: doc["spec"] for kind, doc in found.items() if doc is not None}
