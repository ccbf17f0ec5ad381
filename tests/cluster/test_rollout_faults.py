"""What goes wrong around a rollout on a real cluster: runners that die, sleep or meet another one, people who change
things by hand, metrics and traffic that are not there. Faults of images are in test_rollout_bad.py, every write's kill
in test_rollout_kills.py."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from bad_agents.build import build
from conftest import AGENT, PORT, Load, World, eventually, image, kubectl
from cut import a_line
from rollouts import Rollout, a_world, as_before, specs

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

_RATE = 6
# A step that does not end by itself, to have something to disturb.
LONG: dict[str, Any] = {"canary": [50], "step": {"samples": 5000, "minutes": 5}}
OURS = (("ConfigMap", f"{AGENT}-rollout"), ("Deployment", f"{AGENT}-canary"), ("Service", AGENT))
Fault = Callable[[World, Path], None]


def killed_and_resumed(world: World, folder: Path) -> None:
    """1: the runner is killed amid the canary, another one goes on with the evidence."""
    before, good = specs(world), build("good")
    rollout = Rollout(world, folder, {"step": {"samples": 60, "minutes": 2}}).start(good)
    rollout.until("canary", flowing=True)
    rollout.kill()
    epoch = rollout.state()["epoch"]
    assert rollout.spawn("resume", "--break-glass", "a test").end() == 0, rollout.told()
    assert rollout.state()["epoch"] == epoch + 1
    as_before(world, before, image=good)


def killed_and_watched(world: World, folder: Path) -> None:
    """1: the runner is killed and nobody comes: the watchdog in the cluster goes back."""
    tool = image("AGENTOPS_TEST_TOOL_IMAGE")
    before = specs(world)
    watchdog = {"image": tool, "grace_s": 6, "service_account": "agentops-rollout"}
    rollout = Rollout(world, folder, {**LONG, "watchdog": watchdog})
    world.apply(*rights(rollout))
    rollout.start(build("good"))
    rollout.until("canary", flowing=True, within_s=180)
    rollout.kill()
    began = time.monotonic()
    eventually(lambda: "" if rollout.state()["phase"] == "aborted" else rollout.state()["phase"], within_s=120)
    assert time.monotonic() - began < 100
    assert rollout.state()["cause"] == "orphaned"
    as_before(world, before, image=world.image)


def rights(rollout: Rollout) -> list[Any]:
    """The Role that the tool prints, as objects."""
    import yaml

    done = rollout.call("rbac", "--traffic", "replicas")
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def cut_off_for_a_while(world: World, folder: Path) -> None:
    """3: the API server is away for less than the lock lasts: nothing moves, and the same runner goes on."""
    before, good = specs(world), build("good")
    steps = {"canary": [50], "step": {"samples": 120, "minutes": 3}, "timing": {"lease_s": 30}}
    with a_line(folder) as (line, env):
        load = Load(world.cluster, "load")
        ready = load.now() + 0.25
        rollout = Rollout(world, folder, steps).start(good, env=env)
        rollout.until("canary", flowing=True)
        was = rollout.state()
        line.cut()
        began = load.now()
        time.sleep(15.0)
        meanwhile = load.tally(began + 1.0)
        line.heal()
        assert 0 < meanwhile.canary < 100, "the weight stands while nobody looks"
        assert rollout.state()["phase"] == "canary"
        assert rollout.end() == 0, rollout.told()
    state = rollout.state()
    assert state["epoch"] == was["epoch"]
    assert state["extended"] == 0 or state["phase"] == "done"
    assert load.tally(ready).failed == {}
    as_before(world, before, image=good)


def cut_off_for_long(world: World, folder: Path) -> None:
    """4: the API server is away for longer than the lock lasts: nothing is written until the lock is held again."""
    before, good = specs(world), build("good")
    with a_line(folder) as (line, env):
        rollout = Rollout(world, folder, {**LONG, "step": {"samples": 60, "minutes": 3}}).start(good, env=env)
        rollout.until("canary", flowing=True)
        line.cut()
        # The lock lasts for 8 s, and twice that is enough for anybody to take it.
        time.sleep(20.0)
        was = rollout.state()
        assert was["phase"] == "canary"
        line.heal()
        assert rollout.end() == 0, rollout.told()
    assert rollout.state()["epoch"] >= was["epoch"]
    as_before(world, before, image=good)


def cut_off_and_taken_over(world: World, folder: Path) -> None:
    """4: meanwhile another one took over and went back: the first one finds that out and writes nothing more."""
    before = specs(world)
    with a_line(folder) as (line, env):
        rollout = Rollout(world, folder, LONG).start(build("good"), env=env)
        rollout.until("canary", flowing=True)
        line.cut()
        assert rollout.call("abort", "--why", "the runner is cut off").returncode == 5
        as_before(world, before, image=world.image)
        versions = {k: (world.cluster.get(*k) or {})["metadata"]["resourceVersion"] for k in OURS}
        line.heal()
        assert rollout.end() != 0, rollout.told()
    as_before(world, before, image=world.image)
    assert versions == {k: (world.cluster.get(*k) or {})["metadata"]["resourceVersion"] for k in OURS}


def contested_journal(world: World, folder: Path) -> None:
    """5: somebody else writes to the journal's object all the time: conflicts are read again, nothing is lost."""
    before, good = specs(world), build("good")
    rollout = Rollout(world, folder, {"canary": [50], "step": {"samples": 60, "minutes": 3}}).start(good)
    rollout.until("canary-up")
    number = 0
    while rollout.process is not None and rollout.process.poll() is None:
        number += 1
        kubectl("annotate", "configmap", f"{AGENT}-rollout", f"-n={world.cluster.namespace}", "--overwrite",
                f"somebody={number}")  # fmt: skip
        time.sleep(0.3)
    assert rollout.end() == 0, rollout.told()
    assert number > 20
    as_before(world, before, image=good)


def autoscaled(world: World, folder: Path) -> None:
    """17: an autoscaler that would take pods from stable keeps what there was, and gets its own least number back."""
    before, good = specs(world), build("good")
    hpa = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": AGENT},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": AGENT},
            "minReplicas": 1, "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {
                "type": "AverageValue", "averageValue": "2"}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 150}},
        },
    }  # fmt: skip
    world.apply(hpa)

    def scales() -> str:
        found = (world.cluster.get("HorizontalPodAutoscaler", AGENT) or {}).get("status") or {}
        return "" if found.get("currentMetrics") else "the autoscaler to read metrics"

    # It needs a minute of metrics, and leaves the pods alone for the while that its behavior says.
    eventually(scales, within_s=240, every_s=1.0)
    rollout = Rollout(world, folder, {"canary": [50], "step": {"samples": 100, "minutes": 3}}).start(good)
    rollout.until("canary", flowing=True)
    held = world.cluster.get("HorizontalPodAutoscaler", AGENT)
    assert held is not None
    assert held["spec"]["minReplicas"] == before["Deployment"]["replicas"] == 2
    # Impatient from now on: but for the floor a pod would go at its next look.
    ops = json.dumps([{"op": "replace", "path": "/spec/behavior/scaleDown/stabilizationWindowSeconds", "value": 0}])
    kubectl("patch", "hpa", AGENT, f"-n={world.cluster.namespace}", "--type=json", f"-p={ops}")
    least = 2
    while rollout.process is not None and rollout.process.poll() is None:
        if rollout.state().get("phase") in ("canary", "bake"):
            least = min(least, (world.cluster.get("Deployment", AGENT) or {})["spec"]["replicas"])
        time.sleep(1.0)
    assert rollout.end() == 0, rollout.told()
    assert least == 2
    after = world.cluster.get("HorizontalPodAutoscaler", AGENT)
    assert after is not None
    assert after["spec"]["minReplicas"] == 1
    assert not [key for key in after["metadata"].get("annotations") or {} if key.startswith("rollout.agentops/")]
    # And then it takes the pod that it wanted to.
    eventually(lambda: "" if (world.cluster.get("Deployment", AGENT) or {})["spec"]["replicas"] == 1 else "it to scale",
               within_s=120)  # fmt: skip


def a_second_one(world: World, folder: Path) -> None:
    """6: a second rollout is refused with whoever holds the first, and writes nothing."""
    rollout = Rollout(world, folder, LONG).start(build("good"))
    rollout.until("canary", flowing=True)
    second = Rollout(world, folder / "second", LONG).start(build("good"))
    assert second.end() == 2
    assert "locked: the rollout" in second.told()
    assert rollout.state()["id"] in second.told()
    assert rollout.call("abort", "--why", "end of the test").returncode == 5
    assert rollout.end() == 5


def a_zombie(world: World, folder: Path) -> None:
    """7: a runner that slept while another one took over writes nothing any more."""
    before, good = specs(world), build("good")
    rollout = Rollout(world, folder, {**LONG, "step": {"samples": 40, "minutes": 3}}).start(good)
    rollout.until("canary")
    assert rollout.process is not None
    os.killpg(rollout.process.pid, signal.SIGSTOP)
    other = Rollout(world, folder / "other", {**LONG, "step": {"samples": 40, "minutes": 3}})
    other.spawn("resume", "--break-glass", "a test")
    assert other.end() == 0, other.told()
    as_before(world, before, image=good)
    os.killpg(rollout.process.pid, signal.SIGCONT)
    assert rollout.end() != 0 or "DONE" in rollout.told()
    as_before(world, before, image=good)


def abort_from_elsewhere(world: World, folder: Path) -> None:
    """8: another machine asks; stable serves everybody within ten seconds; both exit with 5."""
    before = specs(world)
    rollout = Rollout(world, folder, LONG).start(build("good"))
    rollout.until("canary", flowing=True)
    load = Load(world.cluster, "load")
    began = load.now()
    assert rollout.call("abort", "--why", "customers complain", "--by", "ann").returncode == 5
    assert rollout.end() == 5
    assert "ABORTED by ann" in rollout.told()
    as_before(world, before, image=world.image)
    late = load.tally(began + 10.0)
    assert late.versions.get("good", 0) + late.versions.get("canary", 0) == 0


def changed_by_hand(world: World, folder: Path) -> None:
    """9: a selector and an image that somebody changes are told and left; abort leaves them too."""
    rollout = Rollout(world, folder, LONG).start(build("good"))
    rollout.until("canary", flowing=True)
    ops = json.dumps([{"op": "add", "path": "/spec/selector/nobody", "value": "else"}])
    kubectl("patch", "service", AGENT, f"-n={world.cluster.namespace}", "--type=json", f"-p={ops}")
    eventually(lambda: "" if "changed by hand" in rollout.state()["frozen"] else "the freeze", within_s=30)
    assert "kubectl" in rollout.state()["frozen"]
    ops = json.dumps([{"op": "remove", "path": "/spec/selector/nobody"}])
    kubectl("patch", "service", AGENT, f"-n={world.cluster.namespace}", "--type=json", f"-p={ops}")
    eventually(lambda: "" if not rollout.state()["frozen"] else "the thaw", within_s=30)
    assert rollout.call("abort").returncode == 5
    rollout.end()


def no_room(world: World, folder: Path) -> None:
    """12: a quota without room refuses before the first write."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight"},
        "spec": {"hard": {"pods": "5"}},
    }
    world.apply(quota)
    eventually(
        lambda: "" if (world.cluster.get("ResourceQuota", "tight") or {}).get("status", {}).get("used") else "it"
    )
    rollout = Rollout(world, folder).start(build("good"))
    assert rollout.end() == 2, rollout.told()
    assert "quota" in rollout.told().lower()
    assert rollout.state() == {}


def no_metrics(world: World, folder: Path) -> None:
    """14: metrics that nobody gives freeze the weight, and then nothing was shown."""
    before = specs(world)
    rollout = Rollout(world, folder, {"analysis": {"scrape": {"port": PORT + 1}, "outage_minutes": 0.2}})
    assert rollout.start(build("good")).end() == 3, rollout.told()
    assert "frozen" in rollout.state()["reason"]
    as_before(world, before, image=world.image)


def no_traffic(world: World, folder: Path) -> None:
    """15: without requests nothing was shown, and nothing is promoted."""
    before = specs(world)
    kubectl("delete", "pod", "load", f"-n={world.cluster.namespace}", "--wait=false", "--grace-period=0", "--force")
    rollout = Rollout(world, folder, {"step": {"samples": 25, "minutes": 0.1, "extend": 1}})
    assert rollout.start(build("good")).end() == 3, rollout.told()
    assert "traffic" in rollout.state()["reason"]
    as_before(world, before, image=world.image)


def commit_fails(world: World, folder: Path) -> None:
    """18: stable cannot take the image: the canary serves until stable is back as it was."""
    before = specs(world)
    rollout = Rollout(world, folder, {"timing": {"progress_s": 12}, "bake_minutes": 0.2}).start(build("good"))
    rollout.until("bake", flowing=True)
    pods = len(world.cluster.list("Pod"))
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "shut"},
             "spec": {"hard": {"pods": str(pods)}}}  # fmt: skip
    world.apply(quota)
    rollout.until("aborting", within_s=120)
    kubectl("delete", "resourcequota", "shut", f"-n={world.cluster.namespace}")
    assert rollout.end() == 5, rollout.told()
    assert "stable did not become available" in rollout.state()["reason"]
    as_before(world, before, image=world.image)


def no_record(world: World, folder: Path) -> None:
    """19: without a record nothing is written."""
    rollout = Rollout(world, folder)
    rollout.spawn("start", "--image", build("good"))
    assert rollout.end() == 2, rollout.told()
    assert rollout.state() == {}
    assert world.cluster.get("Lease", f"{AGENT}-rollout") is None


def lost_journal(world: World, folder: Path) -> None:
    """The journal is deleted: the runner stops, and the objects themselves tell the way back."""
    before = specs(world)
    rollout = Rollout(world, folder, LONG).start(build("good"))
    rollout.until("canary", flowing=True)
    kubectl("delete", "configmap", f"{AGENT}-rollout", f"-n={world.cluster.namespace}")
    assert rollout.end() == 4, rollout.told()
    assert "the journal is gone" in rollout.told()
    assert rollout.spawn("resume", "--break-glass", "a test").end() == 5, rollout.told()
    as_before(world, before, image=world.image)


FAULTS: tuple[Fault, ...] = (
    autoscaled, killed_and_resumed, killed_and_watched, cut_off_for_a_while, cut_off_for_long, cut_off_and_taken_over,
    contested_journal, a_second_one, a_zombie, abort_from_elsewhere, changed_by_hand, no_room, no_metrics, no_traffic,
    commit_fails, no_record, lost_journal,
)  # fmt: skip


def attempt(fault: Fault, folder: Path) -> None:
    """One of them, in a namespace of its own with traffic."""
    with a_world(fault.__name__.replace("_", "-"), replicas=2, rate=_RATE) as world:
        load = Load(world.cluster, "load")
        eventually(lambda: "" if load.now() > 0 else "the load client")
        fault(world, folder)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_fault(attempted: Future[None], fault: Fault) -> None:
    attempted.result()
