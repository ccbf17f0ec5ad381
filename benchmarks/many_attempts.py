"""What a run of 100,000 attempts takes: memory, and the time from the last answer to the end of the process.

    python benchmarks/many_attempts.py           a table
    python benchmarks/many_attempts.py --json    one line {"figures": {...}}

1,000 cases, 100 runs of each, against an echo agent on loopback; one case in ten fails. The whole process of
`agentops eval` is measured, with its journal and all its reports.

Figures:
  rss_mb         its largest resident set
  report_s       seconds from the end of the evals to the end of the process
  attempts_per_s attempts a second while the evals ran
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES, RUNS = 1000, 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each of the 1,000 cases")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, echo() as url:
        figures = measure(Path(folder), url, args.runs)
    if args.json:
        print(json.dumps({"figures": figures}))
        return
    for name, value in figures.items():
        print(f"{name:<16} {value:>10.1f}")


@contextlib.contextmanager
def echo() -> Iterator[str]:
    """The echo agent in a process of its own."""
    child = subprocess.Popen([sys.executable, str(HERE / "echo_agent.py")], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{child.stdout.readline().strip()}"
    finally:
        child.kill()
        child.wait()


def measure(folder: Path, url: str, runs: int) -> dict[str, float]:
    """One run of `agentops eval`."""
    expect = [[{"contains": f"number {i}"}] if i % 10 else [{"contains": "something else"}] for i in range(CASES)]
    cases = [{"id": f"c{i}", "input": f"say number {i}", "expect": e} for i, e in enumerate(expect)]
    (folder / "cases.json").write_text(json.dumps(cases))
    argv = [
        str(Path(sys.executable).with_name("agentops")), "eval", "--url", url, "--test-cases", "cases.json", "--quiet",
        "--runs", str(runs), "--concurrency", "32", "--out", str(folder / "out"),
    ]  # fmt: skip
    with (folder / "said.txt").open("w") as said:
        child = subprocess.Popen(argv, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
    ended = time.time()
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 3):
        sys.exit(f"agentops eval ended with {code}:\n{(folder / 'said.txt').read_text()[-2000:]}")
    first = last = 0.0
    count = 0
    with next((folder / "out" / "runs").glob("*/journal.jsonl")).open() as lines:
        for line in lines:
            if line.startswith('{"kind":"attempt"'):
                count += 1
                last = json.loads(line)["at"]
                first = first or last
    if count != CASES * runs:
        sys.exit(f"{count} attempts were made, {CASES * runs} planned")
    return {
        "rss_mb": usage.ru_maxrss / 1024,
        "report_s": ended - last,
        "attempts_per_s": count / (last - first),
    }


if __name__ == "__main__":
    main()
