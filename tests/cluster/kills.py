"""One kill -9 of a runner at a write of its own, and what becomes of the rollout."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import World
from rollouts import Rollout, a_world, as_before, specs

SHORT: dict[str, Any] = {
    "canary": [50],
    "bake_minutes": 0.02,
    "step": {"samples": 3, "minutes": 2, "extend": 1},
    "analysis": {"margin": 0.9, "confidence": 0.5, "interval_s": 0.5},
    "timing": {"ready_s": 120, "progress_s": 150, "drain_s": 1, "lease_s": 4, "renew_s": 1},
}
"""Everything as short as it can be."""
_RUNNER = Path(__file__).with_name("killed_runner.py")


@dataclass(frozen=True)
class Kill:
    """At which write, on which side of it, and what the next runner does: "resume" or "abort"."""

    at: int
    side: str
    then: str

    def __str__(self) -> str:
        return f"{self.side}-{self.at}-{self.then}"


NEVER = "there are not so many writes"


def one_kill(kill: Kill, folder: Path, good: str) -> str:
    """Begin a rollout in a namespace of its own, kill the runner, go on. Returns "" where all is as it should be, NEVER
    where the rollout ended before, else what is wrong."""
    with a_world(f"kill-{kill.at}", replicas=1, rate=5) as world:
        before = specs(world)
        rollout = Rollout(world, folder, SHORT)
        at = folder / "killed-at"
        words = rollout.argv("start", "--image", good, "--break-glass", "a test", "--out", str(folder / "out"))[3:]
        with (folder / "log").open("w", encoding="utf-8") as log:
            first = subprocess.run(
                [sys.executable, str(_RUNNER), str(kill.at), kill.side, *words], stdout=log, stderr=log, timeout=300,
                check=False, env={**os.environ, "KILLED_AT": str(at)}, cwd=folder,
            )  # fmt: skip
        if first.returncode != -9:
            return NEVER if first.returncode == 0 else f"it was not killed and exited with {first.returncode}"
        where, state = at.read_text(encoding="utf-8"), rollout.state()
        if not state or state["phase"] in ("done", "aborted"):
            # Killed before the journal was there, or after everything was done: there is nothing to go on with, and the
            # lock runs out by itself.
            return _wrong(world, before, good if state else world.image, where, lock=False)
        if kill.then == "abort":
            end = rollout.call("abort", "--out", str(folder / "out"))
            image, wanted = world.image, 5
        else:
            end = rollout.call("resume", "--break-glass", "a test", "--out", str(folder / "out"))
            image, wanted = good, 0
        if end.returncode != wanted:
            return f"{where}: {kill.then} exited with {end.returncode}: {end.stdout[-1500:]} {end.stderr[-1500:]}"
        return _wrong(world, before, image, where, lock=True)


def _wrong(world: World, before: Any, image: str, where: str, *, lock: bool) -> str:
    """What is not as it should be."""
    try:
        as_before(world, before, image=image, lock=lock)
    except AssertionError as error:
        return f"{where}: {str(error)[:800]}"
    return ""
