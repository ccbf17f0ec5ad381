"""What the harness itself costs: start-up, calls, memory, and the time to give up on a dead target.

    python benchmarks/overhead.py           a table
    python benchmarks/overhead.py --json    one line {"figures": {...}}

Figures, each the median of its repeats:
  echo_100_s         100 echo cases over HTTP: start of the process to the last result, less a bare interpreter
  echo_100_rss_mb    the largest resident set of that process
  ideal_ratio_200ms  100 cases of 200 ms at concurrency 20: first dispatch to last result, over the ideal 1.0 s
  dead_target_s      the slower of a closed port and a target that breaks every connection: start to verdict (exit 4)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

REPEATS = 7
CASES = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--serve", nargs=2, metavar=("DELAY_S", "PORT_FD"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(float(args.serve[0]), int(args.serve[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    figures = {name: value for name, value, _ in rows if name}
    if args.json:
        print(json.dumps({"figures": figures}))
        return
    for name, value, told in rows:
        print(f"{name or '':<20} {value:>8.3f}  {told}")


def measure(folder: Path) -> list[tuple[str, float, str]]:
    """All rows: key (empty where it is no figure of its own), value, what it is."""
    cases = [{"id": f"c{i}", "input": f"hello {i}", "expect": [{"contains": f"hello {i}"}]} for i in range(CASES)]
    (folder / "cases.json").write_text(json.dumps(cases))
    bare = statistics.median(timed([sys.executable, "-c", "pass"], folder)[0] for _ in range(REPEATS))
    with echo(0.0) as url:
        quick = [run(folder, url, concurrency=8) for _ in range(REPEATS)]
    with echo(0.2) as url:
        slow = [run(folder, url, concurrency=20) for _ in range(REPEATS)]
    dead = [
        statistics.median(whole(folder, url) for _ in range(3))
        for target in (closed_port, breaking)
        for url in target()
    ]
    return [
        ("", bare, "s, a bare interpreter"),
        ("echo_100_s", statistics.median(r["last"] for r in quick) - bare, "s, 100 echo cases, start to last result"),
        ("", statistics.median(r["wall"] for r in quick), "s, the whole process with its reports"),
        ("echo_100_rss_mb", statistics.median(r["rss_mb"] for r in quick), "MB resident at most"),
        ("ideal_ratio_200ms", statistics.median(r["calls"] for r in slow) / 1.0, "x ideal, 100 x 200 ms, 20 at once"),
        ("", dead[0], "s to a verdict, closed port"),
        ("", dead[1], "s to a verdict, every connection broken"),
        ("dead_target_s", max(dead), "s to a verdict, the slower of the two"),
    ]  # fmt: skip


def run(folder: Path, url: str, *, concurrency: int) -> dict[str, float]:
    """One run of `agentops eval`: seconds to the last result, of the calls alone, in all; and memory."""
    started = time.time()
    wall, rss_mb, code = timed(command(url, concurrency), folder)
    if code != 0:
        raise SystemExit(f"agentops eval ended with {code}: the benchmark proves nothing")
    records = [json.loads(line) for line in (folder / ".agentops/latest/journal.jsonl").read_text().splitlines()]
    attempts = [r["at"] for r in records if r["kind"] == "attempt"]
    first = next(r["at"] for r in records if r["kind"] == "evals")
    return {"last": max(attempts) - started, "calls": max(attempts) - first, "wall": wall, "rss_mb": rss_mb}


def whole(folder: Path, url: str) -> float:
    """Seconds of a run that must end with exit code 4."""
    wall, _, code = timed(command(url, 8), folder)
    if code != 4:
        raise SystemExit(f"a dead target ended with {code}, not 4")
    return wall


def command(url: str, concurrency: int) -> list[str]:
    """`agentops eval` as a user would call it, one run a case."""
    words = ["-m", "agentops.cli.main", "eval", "--url", url, "--test-cases", "cases.json", "--runs", "1"]
    return [sys.executable, *words, "--threshold", "0.85", "--concurrency", str(concurrency)]


def timed(argv: list[str], folder: Path) -> tuple[float, float, int]:
    """Wall seconds, largest resident set in MB, exit code of a whole process."""
    with (folder / "output").open("wb") as sink:
        started = time.perf_counter()
        child = subprocess.Popen(argv, cwd=folder, stdout=sink, stderr=sink)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    return wall, usage.ru_maxrss / 1024, child.returncode


@contextmanager
def echo(delay_s: float):
    """An echo agent in a process of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        os.set_inheritable(listener.fileno(), True)
        argv = [sys.executable, __file__, "--serve", str(delay_s), str(listener.fileno())]
        child = subprocess.Popen(argv, close_fds=False)
        try:
            time.sleep(1.0)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            child.terminate()
            child.wait()


def serve(delay_s: float, descriptor: int) -> None:
    """The echo agent: OpenAI chat completions in and out."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(delay_s)
        message = {"role": "assistant", "content": f"echo: {body['messages'][-1]['content']}"}
        return web.json_response({"model": "echo", "choices": [{"message": message}]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    web.run_app(app, sock=socket.socket(fileno=descriptor), print=None)


def closed_port():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


def breaking():
    """A server that takes every connection and drops it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    child = os.fork()
    if child == 0:
        while True:
            listener.accept()[0].close()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        listener.close()


if __name__ == "__main__":
    main()
