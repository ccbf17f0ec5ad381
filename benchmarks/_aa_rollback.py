"""How often a canary as good as stable is turned back over a whole rollout, and how soon a worse one is, with the
product's own `look` at simulated traffic.

    python benchmarks/_aa_rollback.py [--runs N] [--seed N] [--json]

Sessions of four requests on the mean stay with one version; how often their requests fail differs between them (half of
the traffic also with a correlation of 0.1 within a session), and so does how long they take (lognormal). A/A rollouts
have 5, 25 or 50 steps and a bake, stable fails in 0, 1, 2 or 5 % of requests, and every step is looked at until it is
settled or its time is over; then the rollout goes on, also where a real one would end inconclusive, so that there are
as many chances of a false alarm as there can be. Steps: 5 seconds between looks, 4 requests a second, 10 minutes,
twice.

Figures:
  aa_false_rollback  share of the A/A rollouts that harm was claimed in (bar: 0.01)
  exposed_p90        requests that a canary that always fails serves until it is found, 90th percentile (bar: 4)
  detect_50, detect_20, detect_10 (and _p90)  the same, median, for a canary that fails so often, stable 2 %
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agentops.model.rollout import Counts, Sample
from agentops.model.rollout_settings import Analysis, Step
from agentops.rollout.analysis import look

EDGES = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SESSION = 4
OPEN = 12
LOOKS = 120
STEPS = {
    5: (5, 10, 25, 50, 75),
    25: tuple(range(4, 101, 4))[:25],
    50: tuple(range(2, 101, 2))[:50],
}
BASES = (0.0, 0.01, 0.02, 0.05)
DETECT = {"50": 0.5, "20": 0.2, "10": 0.1}


class Arm:
    """What one version served, as counters."""

    def __init__(self) -> None:
        self.requests = self.failed = 0
        self.below = [0] * len(EDGES)

    def serve(self, *, failed: bool, seconds: float) -> None:
        self.requests += 1
        self.failed += failed
        for i in range(len(EDGES) - 1, -1, -1):
            if seconds > EDGES[i]:
                break
            self.below[i] += 1

    def counts(self) -> Counts:
        latency = (*zip(EDGES, self.below, strict=True), (math.inf, self.requests))
        return Counts(self.requests, {"500": self.failed}, latency)


class Traffic:
    """Sessions that come, ask a few times, and go."""

    def __init__(self, rng: random.Random, rates: tuple[float, float], *, correlation: float = 0.0) -> None:
        self.rng, self.rates, self.correlation = rng, rates, correlation
        self.stable, self.canary = Arm(), Arm()
        self.sessions: list[tuple[bool, float, float]] = []

    def request(self, share: float) -> None:
        rng = self.rng
        if len(self.sessions) < OPEN or rng.random() < 1.0 / SESSION:
            if len(self.sessions) >= OPEN:
                self.sessions.pop(rng.randrange(OPEN))
            mine = rng.random() < share
            session = (mine, self.rate(self.rates[mine]), rng.gauss(-0.2, 0.3))
            self.sessions.append(session)
        else:
            session = self.sessions[rng.randrange(len(self.sessions))]
        mine, rate, slow = session
        seconds = math.exp(rng.gauss(slow, 0.6))
        (self.canary if mine else self.stable).serve(failed=rng.random() < rate, seconds=seconds)

    def rate(self, mean: float) -> float:
        if not self.correlation or not 0.0 < mean < 1.0:
            return mean
        whole = (1.0 - self.correlation) / self.correlation
        return self.rng.betavariate(mean * whole, (1.0 - mean) * whole)

    def sample(self, at: float) -> Sample:
        return Sample(at, self.canary.counts(), self.stable.counts())


def rollout(rng: random.Random, steps: tuple[int, ...], base: float, *, correlation: float) -> str:
    """One A/A rollout to its end; the harm that was claimed, "" where none."""
    traffic = Traffic(rng, (base, base), correlation=correlation)
    kept: Mapping[str, Any] = {}
    at = 0.0
    for percent in (*(s for s in steps if s < 100), 100):
        looks = LOOKS if percent == 100 else 2 * LOOKS
        # Sessions stay where they are when the share grows, as a splitter by session has it.
        for _ in range(looks):
            for _ in range(20):
                traffic.request(percent / 100)
            at += 5.0
            seen = look(ANALYSIS, Step(), kept, traffic.sample(at), share=percent / 100)
            kept = seen.evidence
            if seen.harm:
                return seen.harm
            if seen.settled and percent < 100:
                break
    return ""


ANALYSIS = Analysis()


def exposed(rng: random.Random, rate: float, *, share: float, most: int) -> int:
    """Requests of the canary until harm is claimed, where it fails so often and stable in 2 %."""
    traffic = Traffic(rng, (0.02, rate))
    kept: Mapping[str, Any] = look(ANALYSIS, Step(), {}, traffic.sample(0.0), share=share).evidence
    at = 0.0
    while traffic.canary.requests < most:
        at += 1.0
        traffic.request(share)
        seen = look(ANALYSIS, Step(), kept, traffic.sample(at), share=share)
        kept = seen.evidence
        if seen.harm:
            return traffic.canary.requests
    return most


def simulate(runs: int, seed: int) -> dict[str, float]:
    """The figures from `runs` A/A rollouts, and a quarter as many canaries of each kind that are worse."""
    rng = random.Random(seed)
    false = 0
    for i in range(runs):
        steps = STEPS[(5, 5, 25, 50)[i % 4]]
        false += bool(rollout(rng, steps, BASES[i // 4 % 4], correlation=0.1 if i // 16 % 2 else 0.0))
    figures = {"aa_false_rollback": false / runs}
    many = max(runs // 4, 20)
    found = sorted(exposed(rng, 1.0, share=(0.05, 0.1, 0.25, 0.5)[i % 4], most=100) for i in range(4 * many))
    figures["exposed_p90"] = float(found[math.ceil(0.9 * len(found)) - 1])
    for name, rate in DETECT.items():
        found = sorted(exposed(rng, rate, share=0.1, most=1000) for _ in range(many))
        figures[f"detect_{name}"] = float(found[many // 2])
        figures[f"detect_{name}_p90"] = float(found[math.ceil(0.9 * many) - 1])
    return figures


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    args = parser.parse_args()
    figures = simulate(args.runs, args.seed)
    if args.json:
        print(json.dumps({"figures": figures}))
        return
    for name, value in figures.items():
        print(f"{name:20} {value:g}")


if __name__ == "__main__":
    main()
