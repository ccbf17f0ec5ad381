"""How often the gate on a pass rate is wrong, and how many calls it takes, against what others do.

    python benchmarks/gate_error_rates.py           tables
    python benchmarks/gate_error_rates.py --json    one line {"figures": {...}}

Agents are simulated, every decision of ours is made by agentops.stats. The main table: 100 cases, 5 rounds at most,
0.85 demanded at 95 %, cases as unequal as in published tau-bench results (intra-case correlation 0.45; beta quantiles
whose mean is exactly the true rate). A wrong verdict is PASS below the threshold or FAIL above it; INCONCLUSIVE is
none. At the threshold either verdict is an error.

Figures:
  wrong_at_0.83, wrong_at_0.87   share of wrong verdicts
  error_at_0.85_worse_side       the larger of the shares of PASS and FAIL
  mean_calls_over_500            mean calls over the six true rates, as a part of the budget of 500
  restart5_false_pass_at_0.83    share that shows PASS once in at most five fresh starts
  false_pass_rare_worst          the largest share of PASS at 0.95 and 0.98, 20 to 100 cases, seven suites each
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agentops.stats.cases import Ruling
from agentops.stats.eprocess import continued
from agentops.stats.intervals import beta_cdf
from agentops.stats.plan import GatePlan
from agentops.stats.sequential import Tally

RATES = (0.80, 0.83, 0.85, 0.87, 0.90, 0.95)
PLAN = GatePlan(cases=100, rounds=5, threshold=0.85)
ICC = 0.45
STARTS = 5
# How cases differ. "icc": beta with that correlation; "weak": some cases at that rate, the others alike.
SHAPES = (("icc", 0.0), ("icc", 0.2), ("icc", 0.45), ("icc", 0.7), ("weak", 0.1), ("weak", 0.5), ("weak", 0.8))
RARE = [(threshold, cases) for threshold in (0.95, 0.98) for cases in (20, 25, 50, 100)]


@dataclass(frozen=True)
class Cell:
    """What one simulation is of, and so many repetitions of it."""

    rule: str
    plan: GatePlan
    shape: tuple[str, float]
    rate: float
    repetitions: int
    seed: int = 1


@dataclass(frozen=True)
class Shares:
    """Shares of PASS and FAIL, and mean calls."""

    passed: float
    failed: float
    calls: float
    repetitions: int

    def wrong(self, rate: float, threshold: float) -> float:
        """The share of wrong verdicts; at the threshold that of the worse side."""
        if rate == threshold:
            return max(self.passed, self.failed)
        return self.passed if rate < threshold else self.failed

    def error(self, share: float) -> float:
        """The Monte Carlo standard error of a share."""
        return math.sqrt(max(share * (1.0 - share), 0.25 / self.repetitions) / self.repetitions)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--repetitions", type=int, default=10_000, help="of each cell (default 10000)")
    args = parser.parse_args()
    results = simulate(planned(args.repetitions))
    if args.json:
        print(json.dumps({"figures": figures(results)}))
        return
    tell(results)


def planned(repetitions: int) -> list[Cell]:
    """All cells."""
    suite = ("icc", ICC)
    main_table = [Cell(rule, PLAN, suite, rate, repetitions) for rule in RULES for rate in RATES]
    fewer = max(repetitions // 2, 1)
    restarts = [Cell(rule, PLAN, suite, rate, fewer) for rule in ("fresh", "kept") for rate in (0.83, 0.85)]
    rare = [
        Cell("gate", GatePlan(cases=cases, rounds=5, threshold=threshold), shape, threshold, 2 * repetitions, seed=2)
        for threshold, cases in RARE
        for shape in SHAPES
    ]
    return main_table + restarts + rare


def simulate(cells: list[Cell]) -> dict[Cell, Shares]:
    """Every cell, on the cores there are."""
    with multiprocessing.Pool(min(len(cells), os.cpu_count() or 1)) as pool:
        return dict(zip(cells, pool.imap(run, cells, chunksize=1), strict=True))


def run(cell: Cell) -> Shares:
    """One cell."""
    dice = random.Random(f"{cell.rule} {cell.rate} {cell.plan} {cell.shape} {cell.seed}")
    agent = Agent(case_rates(cell.shape, cell.rate, cell.plan.cases), dice)
    decide = RULES.get(cell.rule) or {"fresh": fresh, "kept": kept}[cell.rule]
    counts, calls = {Ruling.PASS: 0, Ruling.FAIL: 0, Ruling.INCONCLUSIVE: 0}, 0
    for _ in range(cell.repetitions):
        ruling, used = decide(agent, cell.plan)
        counts[ruling] += 1
        calls += used
    n = cell.repetitions
    return Shares(counts[Ruling.PASS] / n, counts[Ruling.FAIL] / n, calls / n, n)


class Agent:
    """Answers rounds of cases at random: each round every case once, in one of 300 orders."""

    def __init__(self, rates: list[float], dice: random.Random) -> None:
        cases = list(enumerate(rates))
        self._orders = [dice.sample(cases, len(cases)) for _ in range(300)]
        self._dice = dice

    def round(self) -> list[tuple[int, bool]]:
        """The outcomes of a round in the order of the calls."""
        draw = self._dice.random
        return [(case, draw() < rate) for case, rate in self._dice.choice(self._orders)]

    def passes(self) -> Iterator[bool]:
        """Outcomes without end."""
        while True:
            for _, passed in self.round():
                yield passed


def case_rates(shape: tuple[str, float], rate: float, cases: int) -> list[float]:
    """The pass rates of the cases; their mean is the rate."""
    kind, value = shape
    if kind == "weak":
        weak = int(cases * (1.0 - rate) / (1.0 - value) + 1e-9)
        if not weak:  # a single weak case is too many: it is a better one
            return [1.0 - cases * (1.0 - rate)] + [1.0] * (cases - 1)
        return [value] * weak + [(rate * cases - weak * value) / (cases - weak)] * (cases - weak)
    if value == 0.0:
        return [rate] * cases
    strength = (1.0 - value) / value
    a, b = rate * strength, (1.0 - rate) * strength
    levels = [(i + 0.5) / cases for i in range(cases)]
    logits = [bisected(lambda x, level=level: beta_at_logit(x, a, b) - level, 20.0) for level in levels]
    shift = bisected(lambda s: sum(logistic(x + s) for x in logits) / cases - rate, 10.0)
    return [logistic(x + shift) for x in logits]


def beta_at_logit(x: float, a: float, b: float) -> float:
    """The beta distribution function, accurate at both ends."""
    return beta_cdf(logistic(x), a, b) if x < 0 else 1.0 - beta_cdf(logistic(-x), b, a)


def logistic(x: float) -> float:
    """1 / (1 + e^-x)."""
    return 1.0 / (1.0 + math.exp(-x))


def bisected(rising: Callable[[float], float], width: float) -> float:
    """Where a rising function is zero between minus and plus the width."""
    low, high = -width, width
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return low


# The rules. Each plays one gate against the agent and returns the ruling and the calls it took.


def gate(agent: Agent, plan: GatePlan) -> tuple[Ruling, int]:
    """Ours."""
    tally = Tally(plan)
    while not tally.settled:
        tally.extend(agent.round())
    return tally.decision.ruling, tally.decision.calls


def naive(agent: Agent, plan: GatePlan) -> tuple[Ruling, int]:
    """One run a case, the observed rate against the threshold."""
    passed = sum(passed for _, passed in agent.round())
    return Ruling.PASS if passed >= plan.threshold * plan.cases - 1e-9 else Ruling.FAIL, plan.cases


def naive_5(agent: Agent, plan: GatePlan) -> tuple[Ruling, int]:
    """All runs of the budget, the observed rate against the threshold."""
    passed = sum(passed for _ in range(plan.rounds) for _, passed in agent.round())
    return Ruling.PASS if passed >= plan.threshold * plan.calls - 1e-9 else Ruling.FAIL, plan.calls


def until_green(agent: Agent, plan: GatePlan) -> tuple[Ruling, int]:
    """The naive gate started again until it shows PASS, five times at most."""
    for start in range(1, STARTS + 1):
        if naive(agent, plan)[0] is Ruling.PASS:
            return Ruling.PASS, start * plan.cases
    return Ruling.FAIL, STARTS * plan.cases


def ratio_test(agent: Agent, plan: GatePlan) -> tuple[Ruling, int]:
    """Wald's sequential probability ratio test, 0.80 against 0.90, both errors 5 %, cut at the budget."""
    bad, good, limit = 0.80, 0.90, math.log(0.95 / 0.05)
    steps = {True: math.log(good / bad), False: math.log((1 - good) / (1 - bad))}
    ratio = 0.0
    for calls, passed in enumerate(agent.passes(), start=1):
        ratio += steps[passed]
        if abs(ratio) >= limit:
            return Ruling.PASS if ratio > 0 else Ruling.FAIL, calls
        if calls == plan.calls:
            break
    return Ruling.INCONCLUSIVE, plan.calls


def fresh(agent: Agent, plan: GatePlan) -> tuple[Ruling, int]:
    """Our gate started again from nothing until it shows PASS, five times at most: what it is not meant for."""
    calls, ruling = 0, Ruling.INCONCLUSIVE
    for _ in range(STARTS):
        ruling, used = gate(agent, plan)
        calls += used
        if ruling is Ruling.PASS:
            break
    return ruling, calls


def kept(agent: Agent, plan: GatePlan) -> tuple[Ruling, int]:
    """Our gate continued on the same evidence, up to five budgets: what starting the job again does."""
    rounds = (agent.round() for _ in range(STARTS * plan.rounds))
    decision = continued(plan, (attempt for outcomes in rounds for attempt in outcomes))
    return decision.ruling, decision.calls


RULES: dict[str, Callable[[Agent, GatePlan], tuple[Ruling, int]]] = {
    "gate": gate,
    "naive 100x1": naive,
    "naive 100x5": naive_5,
    "naive, until green": until_green,
    "SPRT 0.80 v 0.90": ratio_test,
}


def figures(results: dict[Cell, Shares]) -> dict[str, float]:
    """The figures by name."""
    ours = {cell.rate: s for cell, s in results.items() if cell.rule == "gate" and cell.plan == PLAN}
    again = {cell.rate: s for cell, s in results.items() if cell.rule == "fresh"}
    return {
        "wrong_at_0.83": ours[0.83].passed,
        "wrong_at_0.87": ours[0.87].failed,
        "error_at_0.85_worse_side": max(ours[0.85].passed, ours[0.85].failed),
        "mean_calls_over_500": sum(s.calls for s in ours.values()) / len(ours) / PLAN.calls,
        "restart5_false_pass_at_0.83": again[0.83].passed,
        "false_pass_rare_worst": max(s.passed for cell, s in results.items() if cell.plan != PLAN),
    }


def tell(results: dict[Cell, Shares]) -> None:
    """All tables."""
    print("100 cases, 0.85 demanded. Shares in %, +- one standard error; at 0.85 the worse side is wrong")
    print(f"{'rule':<20}{'true rate':>9}{'PASS':>9}{'FAIL':>9}{'wrong':>17}{'calls':>8}")
    for cell, s in results.items():
        if cell.plan == PLAN and cell.rule in RULES:
            print(f"{cell.rule:<20}{told(s, cell.rate)}")
    print("\nours, started again until PASS, five times at most")
    for cell, s in results.items():
        if cell.rule not in RULES:
            what = "from nothing" if cell.rule == "fresh" else "evidence kept"
            print(f"{what:<20}{told(s, cell.rate)}")
    print("\nours at the threshold, 5 rounds, by how cases differ: PASS / FAIL in %, mean calls")
    print(f"{'':<16}" + "".join(f"{kind + ' ' + format(value, 'g'):>17}" for kind, value in SHAPES))
    for threshold, cases in RARE:
        row = [s for cell, s in results.items() if (cell.plan.threshold, cell.plan.cases) == (threshold, cases)]
        cells = "".join(f"{100 * s.passed:>7.2f}/{100 * s.failed:4.2f} {s.calls:4.0f}" for s in row)
        print(f"{threshold:.2f}, {cases:>3} cases {cells}")
    worst = max((s for cell, s in results.items() if cell.plan != PLAN), key=lambda s: s.passed)
    print(f"the worst PASS there is {100 * worst.passed:.2f} +- {100 * worst.error(worst.passed):.2f} %\n")
    for name, value in figures(results).items():
        print(f"{name:<28} {value:.4f}")


def told(s: Shares, rate: float) -> str:
    """The numbers of a row."""
    wrong = s.wrong(rate, PLAN.threshold)
    shown = f"{100 * wrong:.2f} +- {100 * s.error(wrong):.2f}"
    return f"{rate:>9.2f}{100 * s.passed:>9.2f}{100 * s.failed:>9.2f}{shown:>17}{s.calls:>8.0f}"


if __name__ == "__main__":
    main()
