"""How well the analysis of prompt templates tells vulnerable templates from others, on a labelled corpus.

    python benchmarks/prompt_corpus.py           tables: figures, curve, every false positive and false negative
    python benchmarks/prompt_corpus.py --json    one line {"figures": {...}}

The corpus is a folder with `labels.csv` (columns file, repo, vulnerable = yes | no | unclear) beside the files, named
by AGENTOPS_TEST_PROMPTS or --corpus. The tool runs as its users run it (`agentops prompts --format json`), and a file's
risk is that of its worst template. `unclear` files count for neither precision nor recall; they are listed. Intervals
are 95 % percentile bootstrap over repositories, because templates of one repository are alike.

Figures: recall_at_0.5, precision_at_0.5 (risk of 0.5 or more), recall_at_0.8, precision_at_0.8 (above 0.8), and
`errors`, the files that could not be parsed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

RESAMPLES = 2_000


@dataclass(frozen=True)
class Row:
    """A labelled file with the risk that was measured."""

    file: str
    repo: str
    label: str
    risk: float
    risk_high: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--corpus", default=os.environ.get("AGENTOPS_TEST_PROMPTS"), help="the folder with labels.csv")
    args = parser.parse_args()
    if not args.corpus:
        sys.exit("name the corpus: --corpus DIR, or AGENTOPS_TEST_PROMPTS (`. .ci/env` sets it where there is one)")
    rows, errors = measure(Path(args.corpus))
    settled = [r for r in rows if r.label != "unclear"]
    levels = {"0.5": lambda r: r.risk >= 0.5, "0.8": lambda r: r.risk > 0.8}
    figures: dict[str, float] = {}
    for name, flagged in levels.items():
        for measure_name, value_of in (("recall", recall), ("precision", precision)):
            figures[f"{measure_name}_at_{name}"] = value_of(settled, flagged)
    figures["errors"] = len(errors)
    if args.json:
        print(json.dumps({"figures": figures}))
        return
    report(rows, errors, figures, levels)


def measure(corpus: Path) -> tuple[list[Row], list[str]]:
    """Every labelled file with its risk, and one line for each that could not be parsed."""
    labels = {r["file"]: r for r in csv.DictReader((corpus / "labels.csv").open(encoding="utf-8"))}
    command = [sys.executable, "-m", "agentops.cli.main", "prompts", "--prompts-dir", "templates", "--format", "json"]
    done = subprocess.run(
        [*command, "--no-cache"],
        cwd=corpus, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if not done.stdout.strip():
        sys.exit(f"agentops prompts gave no report (exit {done.returncode}):\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    risk: dict[str, float] = {}
    high: dict[str, float] = {}
    for template in found["templates"]:
        path = template["path"]
        risk[path] = max(risk.get(path, 0.0), template["risk"])
        high[path] = max(high.get(path, 0.0), template["risk_high"])
    errors = [e["message"] for e in found["errors"]]
    lost = [f for f in labels if f not in risk]
    errors += [f"{f}: neither a template nor an error" for f in lost if not any(f in e for e in errors)]
    rows = [Row(f, r["repo"], r["vulnerable"], risk.get(f, 0.0), high.get(f, 0.0)) for f, r in sorted(labels.items())]
    return rows, errors


def precision(rows: Sequence[Row], flagged: Callable[[Row], bool]) -> float:
    """Of the flagged files, the part that is vulnerable; 0 where none is flagged."""
    hits = [r for r in rows if flagged(r)]
    return sum(r.label == "yes" for r in hits) / len(hits) if hits else 0.0


def recall(rows: Sequence[Row], flagged: Callable[[Row], bool]) -> float:
    """Of the vulnerable files, the part that is flagged."""
    wanted = [r for r in rows if r.label == "yes"]
    return sum(map(flagged, wanted)) / len(wanted) if wanted else 0.0


def interval(
    rows: Sequence[Row],
    flagged: Callable[[Row], bool],
    value_of: Callable[[Sequence[Row], Callable[[Row], bool]], float],
) -> tuple[float, float]:
    """95 % percentile bootstrap over repositories (Efron and Tibshirani 1993, chapter 13, with clusters resampled)."""
    by_repo: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_repo[row.repo if row.repo != "made" else row.file].append(row)
    repos = sorted(by_repo)
    draw = random.Random(1)
    values = sorted(
        value_of([r for repo in draw.choices(repos, k=len(repos)) for r in by_repo[repo]], flagged)
        for _ in range(RESAMPLES)
    )
    return values[int(0.025 * RESAMPLES)], values[int(0.975 * RESAMPLES) - 1]


def report(
    rows: list[Row], errors: list[str], figures: dict[str, float], levels: dict[str, Callable[[Row], bool]]
) -> None:
    """The tables for people, false positives first."""
    settled = [r for r in rows if r.label != "unclear"]
    for name, flagged in levels.items():
        print(f"\nFalse positives at {name}")
        for row in settled:
            if flagged(row) and row.label == "no":
                print(f"  {row.risk:.2f}  {row.file}")
        print(f"False negatives at {name}")
        for row in settled:
            if not flagged(row) and row.label == "yes":
                print(f"  {row.risk:.2f} (high end {row.risk_high:.2f})  {row.file}")
    print("\nUnclear, counted nowhere")
    for row in rows:
        if row.label == "unclear":
            print(f"  {row.risk:.2f}..{row.risk_high:.2f}  {row.file}")
    print("\nCurve (flagged from this risk on)")
    for step in range(2, 20):
        cut = step / 20
        at = (lambda c: lambda r: r.risk >= c)(cut)
        print(f"  {cut:.2f}  precision {precision(settled, at):.3f}  recall {recall(settled, at):.3f}")
    print(f"\n{len(settled)} files with a clear label of {len({r.repo for r in settled})} repositories")
    for name, flagged in levels.items():
        for measure_name, value_of in (("recall", recall), ("precision", precision)):
            low, high = interval(settled, flagged, value_of)
            print(f"{measure_name}_at_{name:<6} {figures[f'{measure_name}_at_{name}']:.3f}  ({low:.3f} to {high:.3f})")
    print(f"errors {len(errors)}")
    for line in errors:
        print(f"  {line}")


ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    main()
