"""How quickly a rollout comes back, what a bad image does until then, and whether a killed runner ever leaves it stuck.

    python benchmarks/rollout.py           a table
    python benchmarks/rollout.py --json    one line {"figures": {...}}
    python benchmarks/rollout.py --only clear,exposed

Needs a cluster (KUBECONFIG) and the images that the tests of the marker `cluster` use; figures of what is not there are
left out, and said so. Times are measured at the settings that a user has unless told otherwise; the kill sweep runs at
short ones, several namespaces at once.

Figures:
  unpullable_s            from the start of the command to its end, for an image that is not there; no request was sent
  crash_loop_s            from the first crash of a canary that crash-loops until stable serves everybody
  decision_to_clear_p95_s from the decision to the last request that the canary took, 95th percentile (splitter)
  abort_elsewhere_s       from `agentops rollout abort` in another process to the last request that the canary took
  orphan_back_s           from kill -9 of the runner to the last request, by the watchdog (lease 60 s, grace 120 s)
  exposed_p90             requests of a canary that always fails until it is found, 90th percentile (simulated)
  aa_false_rollback       share of rollouts of an image as good as stable that are turned back (simulated)
  kill_points             kills -9 of a runner, before and after writes to the cluster, each with resume or abort
  kill_points_stuck       of these, how many did not end as they should
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE.parent / "tests" / "cluster")]

import pytest  # noqa: E402
from _aa_rollback import simulate  # noqa: E402
from bad_agents.build import build  # noqa: E402
from conftest import AGENT, PORT, Load, World, eventually, image  # noqa: E402
from kills import NEVER, Kill, one_kill  # noqa: E402
from rollouts import Rollout, a_world  # noqa: E402

RATE = 10
REAL: dict[str, Any] = {
    "canary": [50], "step": {"samples": 100000, "minutes": 60}, "bake_minutes": 10,
    "analysis": {"scrape": {"port": PORT}, "margin": 0.02, "outage_minutes": 10, "latency_ratio": 1.5},
    "timing": {"ready_s": 300, "progress_s": 600, "drain_s": 60, "lease_s": 60, "renew_s": 15},
}  # fmt: skip
"""What a user has unless told otherwise, but for a step that does not end by itself."""

Figures = dict[str, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--only", default="", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=int, default=60, help="of the decision to clear")
    parser.add_argument("--simulated", type=int, default=1000, help="rollouts that are simulated")
    parser.add_argument("--at-once", type=int, default=4, help="kills side by side")
    parser.add_argument("--kill-minutes", type=float, default=25.0, help="no kill is begun after so many minutes")
    args = parser.parse_args()
    figures: Figures = {}
    for name in args.only.split(",") if args.only else PARTS:
        try:
            with tempfile.TemporaryDirectory() as folder:
                figures |= PARTS[name](Path(folder), args)
        except pytest.skip.Exception as reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
        if not args.json:
            print(*(f"{key:<26} {value:>10.4g}" for key, value in figures.items()), sep="\n", flush=True)
            print(flush=True)
    if args.json:
        print(json.dumps({"figures": figures}))


def simulated(_folder: Path, args: argparse.Namespace) -> Figures:
    """Exposure and false rollbacks, by the product's own analysis."""
    found = simulate(args.simulated, 1)
    return {"exposed_p90": found["exposed_p90"], "aa_false_rollback": found["aa_false_rollback"]}


def unpullable(folder: Path, _args: argparse.Namespace) -> Figures:
    """An image that is not there."""
    gone = f"{build('good').rpartition('@')[0]}@sha256:{'0' * 64}"
    with a_world("unpullable", rate=RATE) as world:
        load = loading(world)
        began = time.monotonic()
        rollout = Rollout(world, folder, REAL).start(gone)
        code = rollout.end(within_s=900)
        took = time.monotonic() - began
        assert code == 5, rollout.told()
        assert load.tally().versions.get("canary", 0) == 0
    return {"unpullable_s": took}


def crash_loop(folder: Path, _args: argparse.Namespace) -> Figures:
    """An image that becomes ready and crashes 5 s later, again and again."""
    bad = build("crash-loop")
    with a_world("crash-loop", rate=RATE) as world:
        loading(world)
        rollout = Rollout(world, folder, REAL).start(bad)
        crashed: list[float] = []

        def look() -> str:
            for pod in world.cluster.list("Pod", labels={"rollout.agentops/track": "canary"}):
                for status in (pod.get("status") or {}).get("containerStatuses") or ():
                    ended = (status.get("lastState") or {}).get("terminated") or (status.get("state") or {}).get(
                        "terminated"
                    )
                    if ended:
                        crashed.append(datetime.fromisoformat(ended["finishedAt"]).timestamp())
            return "" if "stable serves everybody" in json.dumps(rollout.state().get("entries", [])) else "the way back"

        eventually(look, within_s=400, every_s=0.5)
        entries = rollout.state()["entries"]
        served = next(e["at"] for e in entries if e["text"] == "stable serves everybody")
        rollout.end(within_s=400)
    return {"crash_loop_s": max(served - min(crashed, default=served), 0.0)}


def clear(_folder: Path, args: argparse.Namespace) -> Figures:
    """Harm is decided again and again; the client tells when the canary took its last request."""
    from agentops.model.rollout_settings import Splitter
    from agentops.rollout.traffic.choose import router

    good = build("good")
    with a_world("clear", rate=RATE * 2) as base, ExitStack() as opened:
        place = replace(base.place, traffic="splitter", splitter=Splitter(image=image("AGENTOPS_TEST_ENVOY_IMAGE")))
        world = World(base.cluster, place, good)
        load = loading(world)
        hands = world.hands()
        way = router("splitter", hands, place)
        opened.callback(getattr(way, "close", lambda: None))
        eventually(way.prepare)
        world.canary(hands, 2, shared_entry=False)
        took = []
        for _ in range(args.repeats):
            eventually(lambda: way.shift(50))
            load.next(10)
            decided = load.now()
            eventually(way.clear, every_s=0.05)
            time.sleep(1.0)
            last = [line["until"] for line in load._lines() if line["versions"].get("canary")]
            took.append(max(max(last) - decided, 0.0))
        eventually(way.restore)
        eventually(way.retire)
    return {"decision_to_clear_p95_s": quantile(took, 0.95)}


def abort(folder: Path, _args: argparse.Namespace) -> Figures:
    """Another process asks for the way back."""
    with a_world("abort", rate=RATE) as world:
        load = loading(world)
        rollout = Rollout(world, folder, REAL).start(build("good"))
        rollout.until("canary", flowing=True, within_s=200)
        load.next(20)
        asked = load.now()
        other = Rollout(world, folder / "other", REAL).spawn("abort", "--why", "measured")
        seconds = last_of(load, "canary", asked)
        other.end(within_s=300)
        rollout.end(within_s=300)
    return {"abort_elsewhere_s": seconds}


def orphan(folder: Path, _args: argparse.Namespace) -> Figures:
    """The runner is killed and nobody comes but the watchdog."""
    import yaml

    tool = image("AGENTOPS_TEST_TOOL_IMAGE")
    with a_world("orphan", rate=RATE) as world:
        load = loading(world)
        rollout = Rollout(world, folder, {**REAL, "watchdog": {"image": tool}})
        done = rollout.call("rbac", "--traffic", "replicas")
        world.apply(*yaml.safe_load_all(done.stdout))
        rollout.start(build("good"))
        rollout.until("canary", flowing=True, within_s=200)
        pod = {"job-name": f"{AGENT}-rollout-watchdog-{rollout.state()['id']}-1"}
        eventually(lambda: "" if running(world, pod) else "the watchdog", within_s=120)
        rollout.kill()
        killed = load.now()
        eventually(lambda: "" if rollout.state()["phase"] in ("aborting", "aborted") else "the watchdog", within_s=400)
        seconds = last_of(load, "canary", killed)
    return {"orphan_back_s": seconds}


def kills(folder: Path, args: argparse.Namespace) -> Figures:
    """Every write, before and after; resume and abort take turns, each write gets both."""
    good, until = build("good"), time.monotonic() + args.kill_minutes * 60
    tried, stuck, number = 0, 0, 0

    def one(kill: Kill) -> str:
        if time.monotonic() > until:
            return "late"
        try:
            return one_kill(kill, folder / str(kill), good)
        except Exception as error:  # noqa: BLE001  one that breaks is one that is stuck
            return f"{type(error).__name__}: {error}"

    over = False
    with ThreadPoolExecutor(args.at_once) as pool:
        while not over:
            batch = [
                Kill(at, side, then)
                for at in range(number + 1, number + 1 + 2 * args.at_once)
                for side, then in (
                    (("before", "resume"), ("after", "abort")) if at % 2 else (("after", "resume"), ("before", "abort"))
                )
            ]
            number += 2 * args.at_once
            for kill, end in zip(batch, pool.map(one, batch), strict=True):
                if end in (NEVER, "late"):
                    over = True
                    continue
                tried += 1
                if end:
                    stuck += 1
                    print(f"stuck: {kill}: {end[:1500]}", file=sys.stderr, flush=True)
            print(f"{tried} kills, {stuck} stuck, {max(until - time.monotonic(), 0) / 60:.0f} minutes left",
                  file=sys.stderr, flush=True)  # fmt: skip
    return {"kill_points": float(tried), "kill_points_stuck": float(stuck)}


def loading(world: World) -> Load:
    """The client of the namespace, once it sends."""
    load = Load(world.cluster, "load")
    eventually(lambda: "" if load.now() > 0 else "the load client")
    return load


def running(world: World, labels: dict[str, str]) -> bool:
    """Whether a pod with these labels runs."""
    return any((p.get("status") or {}).get("phase") == "Running" for p in world.cluster.list("Pod", labels=labels))


def last_of(load: Load, version: str, since: float, *, quiet_s: float = 8.0) -> float:
    """Seconds from `since` to the last answer of a version, by the client's clock; waits until it was quiet."""
    while True:
        last = max([line["until"] for line in load._lines() if line["versions"].get(version)], default=since)
        if load.now() - max(last, since) > quiet_s:
            return max(last - since, 0.0)
        time.sleep(0.5)


def quantile(values: Sequence[float], part: float) -> float:
    """The least value that so many are at or below."""
    return sorted(values)[max(math.ceil(part * len(values)) - 1, 0)]


PARTS: dict[str, Callable[[Path, argparse.Namespace], Figures]] = {
    "simulated": simulated, "unpullable": unpullable, "crash-loop": crash_loop, "clear": clear, "abort": abort,
    "orphan": orphan, "kills": kills,
}  # fmt: skip


if __name__ == "__main__":
    main()
