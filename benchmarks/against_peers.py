"""The same 100 cases put to the same echo agent by agentops, promptfoo and deepeval, side by side.

    python benchmarks/against_peers.py           a table
    python benchmarks/against_peers.py --json    one line {"figures": {...}}

Whole processes, started in turns, medians of their repeats; 4 calls at once, one `contains` check a case, no cache.
promptfoo is installed from its registry into ~/.cache (about two minutes the first time) and runs only inside a network
namespace without a route, as all three then do; where that cannot be had it is left out, with a word. deepeval brings
no way to ask an agent: a script asks with 4 threads and hands the answers to its `evaluate`.

Figures:
  wall_over_promptfoo    wall time of agentops over that of promptfoo
  memory_over_promptfoo  largest resident set of agentops over that of promptfoo
  wall_over_deepeval     wall time of agentops over that of the deepeval script
  memory_over_deepeval   largest resident set, likewise
  ideal_ratio_200ms      100 cases of 200 ms, 20 at once: from the first call to the last answer, over the ideal 1.0 s
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROMPTFOO = "0.121.20"
CASES, AT_ONCE, REPEATS = 100, 4, 5
QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "1", "DEEPEVAL_DISABLE_DOTENV": "1", "DEEPEVAL_FILE_SYSTEM": "READ_ONLY",
    "DEEPEVAL_NO_INSPECT_PROMPT": "1", "NO_COLOR": "1",
}  # fmt: skip

DEEPEVAL = r"""
import json, sys, urllib.request
from concurrent.futures import ThreadPoolExecutor
url, cases = sys.argv[1], json.load(open("cases.json"))
def ask(case):
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": case["input"]}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(url + "/v1/chat/completions", body)) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]
with ThreadPoolExecutor(4) as pool:
    answers = list(pool.map(ask, cases))
from deepeval import evaluate
from deepeval.evaluate.configs import CacheConfig, DisplayConfig
from deepeval.metrics import PatternMatchMetric
from deepeval.test_case import LLMTestCase
made = [LLMTestCase(input=c["input"], actual_output=a) for c, a in zip(cases, answers)]
quiet = DisplayConfig(show_indicator=False, print_results=False, inspect_after_run=False)
done = evaluate(made, [PatternMatchMetric(pattern=r"you said: hello \d+")], display_config=quiet,
                cache_config=CacheConfig(write_cache=False))
passed = sum(r.success for r in done.test_results)
sys.exit(0 if passed == len(cases) else f"{passed} passed")
"""


def main() -> None:
    """Measure and print; inside a network namespace of its own where there can be one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--inside", metavar="PROMPTFOO", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside is not None:
        print(json.dumps(measure(Path(args.inside) if args.inside != "-" else None)))
        return
    walled = (
        shutil.which("unshare") is not None and subprocess.run([*WALL, "true"], capture_output=True).returncode == 0
    )
    peer = promptfoo() if walled else told("promptfoo is left out: no network namespace can be made here")
    argv = [sys.executable, str(Path(__file__).resolve()), "--inside", str(peer) if peer else "-"]
    inside = subprocess.run([*WALL, *argv] if walled else argv, check=True, stdout=subprocess.PIPE, text=True)
    rows = json.loads(inside.stdout.splitlines()[-1])
    if args.json:
        print(json.dumps({"figures": rows["figures"]}))
        return
    for name, (wall_s, rss_mb) in rows["tools"].items():
        print(f"{name:<12} {wall_s:7.2f} s {rss_mb:8.0f} MB")
    for name, value in rows["figures"].items():
        print(f"{name:<24} {value:.3f}")


WALL = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "wall")


def told(why: str) -> None:
    """Say why something is left out."""
    print(why, file=sys.stderr)


def promptfoo() -> Path | None:
    """The promptfoo command, installed where it is not yet; None, and why, where that cannot be."""
    home = Path.home() / ".cache" / "agentops-benchmarks" / f"promptfoo-{PROMPTFOO}"
    command = home / "node_modules" / ".bin" / "promptfoo"
    if not command.exists():
        if shutil.which("npm") is None:
            return told("promptfoo is left out: there is no npm")
        home.mkdir(parents=True, exist_ok=True)
        print(f"installing promptfoo {PROMPTFOO} ...", file=sys.stderr)
        argv = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", f"promptfoo@{PROMPTFOO}"]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=1200)
        if ended.returncode or not command.exists():
            return told(f"promptfoo is left out: npm could not install it: {ended.stderr[-300:]}")
    return command


def measure(peer: Path | None) -> dict[str, object]:
    """All tools in turns, then the ideal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [{"id": f"c{i}", "input": f"hello {i}", "expect": [{"contains": f"hello {i}"}]} for i in range(CASES)]
        (folder / "cases.json").write_text(json.dumps(cases))
        (folder / "ask.py").write_text(DEEPEVAL)
        with echo(0) as url:
            tools = {"agentops": ours(url, AT_ONCE), "deepeval": [sys.executable, "ask.py", url]}
            if peer is not None:
                (folder / "peer.yaml").write_text(json.dumps(of_promptfoo(url, cases)))
                tools["promptfoo"] = [
                    str(peer), "eval", "-c", "peer.yaml", "-j", str(AT_ONCE), "--no-cache", "--no-progress-bar",
                    "--no-table", "-o", "out.json",
                ]  # fmt: skip
            ran: dict[str, list[tuple[float, float]]] = {tool: [] for tool in tools}
            for _ in range(REPEATS):
                for tool, argv in tools.items():
                    ran[tool].append(timed(argv, folder))
        with echo(200) as url:
            ideal = statistics.median(spread(ours(url, 20), folder) for _ in range(REPEATS))
    middle = {
        tool: (statistics.median(w for w, _ in rows), statistics.median(m for _, m in rows))
        for tool, rows in ran.items()
    }
    figures = {}
    for tool in ("promptfoo", "deepeval"):
        if tool in middle:
            figures[f"wall_over_{tool}"] = middle["agentops"][0] / middle[tool][0]
            figures[f"memory_over_{tool}"] = middle["agentops"][1] / middle[tool][1]
    figures["ideal_ratio_200ms"] = ideal
    return {"tools": middle, "figures": figures}


def ours(url: str, at_once: int) -> list[str]:
    """The command of agentops: one run of each case."""
    return [
        str(Path(sys.executable).with_name("agentops")), "eval", "--url", url, "--test-cases", "cases.json", "--quiet",
        "--runs", "1", "--concurrency", str(at_once),
    ]  # fmt: skip


def of_promptfoo(url: str, cases: Sequence[dict[str, object]]) -> dict[str, object]:
    """The same cases as a configuration of promptfoo."""
    asked = {"model": "echo", "messages": [{"role": "user", "content": "{{prompt}}"}]}
    provider = {
        "id": f"{url}/v1/chat/completions",
        "config": {
            "method": "POST", "headers": {"Content-Type": "application/json"}, "body": asked,
            "transformResponse": "json.choices[0].message.content",
        },
    }  # fmt: skip
    tests = [{"vars": {"text": c["input"]}, "assert": [{"type": "contains", "value": c["input"]}]} for c in cases]
    return {"prompts": ["{{text}}"], "providers": [provider], "tests": tests}


@contextlib.contextmanager
def echo(delay_ms: float) -> Iterator[str]:
    """The echo agent in a process of its own."""
    argv = [sys.executable, str(HERE / "echo_agent.py"), "--delay-ms", str(delay_ms)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{child.stdout.readline().strip()}"
    finally:
        child.kill()
        child.wait()


def timed(argv: Sequence[str], folder: Path) -> tuple[float, float]:
    """Wall time in seconds and largest resident set in MB of a process that has to end well."""
    env = {**os.environ, **QUIET, "HOME": str(folder), "PROMPTFOO_CONFIG_DIR": str(folder / ".promptfoo")}
    with (folder / "said.txt").open("w") as said:
        began = time.perf_counter()
        child = subprocess.Popen(list(argv), cwd=folder, env=env, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status):
        sys.exit(
            f"{argv[0]} ended with {os.waitstatus_to_exitcode(status)}:\n{(folder / 'said.txt').read_text()[-3000:]}"
        )
    return wall_s, usage.ru_maxrss / 1024


def spread(argv: Sequence[str], folder: Path) -> float:
    """Seconds from before the first call to the last answer of a run, by its journal."""
    timed(argv, folder)
    lines = [json.loads(line) for line in (folder / ".agentops" / "latest" / "journal.jsonl").open()]
    began = next(line["at"] for line in lines if line["kind"] == "evals")
    return float(max(line["at"] for line in lines if line["kind"] == "attempt") - began)


if __name__ == "__main__":
    main()
