"""The pytest plug-in as pytest runs it: in a process of its own, against a real agent on loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

pytest_plugins = ("pytester",)

AGENT = """
import json, os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = {}
lock = threading.Lock()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        with lock:
            time = asked[text] = asked.get(text, 0) + 1
        with open("asked.log", "a") as log:
            log.write(text + "\\n")
        if text == "die":
            os._exit(3)
        said = {"turns": "turn %d" % sum(m["role"] == "user" for m in body["messages"]), "env": str(sorted(os.environ)),
                "hostile": "::error::red \\x1b[31mink\\n##vso[task.complete]",
                "every other": "yes" if time % 2 else "no"}.get(text.split(":")[0], "you said " + text)
        message = {"role": "assistant", "content": said}
        self.answer({"model": "toy-1", "choices": [{"message": message}]}, 503 if "busy" in text else 200)
    def answer(self, data, status=200):
        raw = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
    def log_message(self, *_):
        pass

with open("pids.log", "a") as log:
    log.write("%d\\n" % os.getpid())
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CONFIG = f"""
version: 1
agent: {{name: toy, command: [{sys.executable}, agent.py]}}
evals: {{suites: [unused.yaml], runs: 2, retries: 0}}
environments: {{lenient: {{unmeasured: {{build: warn}}}}}}
"""
SUITE = """
cases:
  - {id: greets, tags: [typical, skip], input: hello, expect: [{contains: hello}]}
  - {id: hostile, tags: [safety], input: hostile, expect: [{contains: green}]}
  - {id: one-of-three, tags: [safety, "a,b"], input: every other, runs: 3, needed: 1, expect: [{equals: "yes"}]}
""".replace('"a,b"', '"a/b"')

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(*options) runs pytest in a project with an agent and an evalset, with the plug-in and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("CI", raising=False)
    (pytester.path / "evalsets").mkdir()
    (pytester.path / "agent.py").write_text(AGENT)
    (pytester.path / "agentops.yaml").write_text(CONFIG)
    (pytester.path / "evalsets/x.yaml").write_text(SUITE)

    def start(*options: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess("-p", "agentops.pytest_plugin", "-W", "error", *options)

    return start


def agents(path: Path) -> list[int]:
    """The processes of all agents that were started."""
    log = path / "pids.log"
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def asked(path: Path) -> list[str]:
    """What the agents were asked."""
    log = path / "asked.log"
    return log.read_text().splitlines() if log.exists() else []


def test_cases_are_tests_and_one_agent_answers_them(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_else(): pass")
    result = run("--agentops", "evalsets/x.yaml", "-v", "--strict-markers", "--junitxml=junit.xml")
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["evalsets/x.yaml::greets PASSED*", "evalsets/x.yaml::hostile FAILED*", "evalsets/x.yaml::one-of-three PASSED*"]
    )
    result.stdout.fnmatch_lines(
        "agentops: 3 cases, 7 attempts; model toy-1; containerised: no; this is no gate: no criterion was decided"
    )
    assert sorted(asked(pytester.path)) == ["every other"] * 3 + ["hello"] * 2 + ["hostile"] * 2
    (pid,) = agents(pytester.path)
    assert gone(pid)
    cases = etree.parse(pytester.path / "junit.xml").findall(".//testcase")
    assert [(case.get("classname"), case.get("name"), len(case.findall("failure"))) for case in cases] == [
        ("evalsets.x.yaml", "greets", 0), ("evalsets.x.yaml", "hostile", 1), ("evalsets.x.yaml", "one-of-three", 0)
    ]  # fmt: skip
    kept = {p.get("name"): p.get("value") for p in cases[2].findall("properties/property")}
    assert kept == {
        "agentops.attempts": "3", "agentops.passed": "2", "agentops.needed": "1", "agentops.model": "toy-1",
        "agentops.containerised": "no",
    }  # fmt: skip


def test_a_failure_tells_what_was_said_and_why_it_does_not_hold(run: Run) -> None:
    result = run("--agentops", "evalsets/x.yaml::hostile")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "hostile: 0 of 2 runs passed, 2 needed",
            "at: evalsets/x.yaml:4",
            "input: hostile",
            "run 1: FAIL",
            "  answer: ::error::red ink # #vso[[]task.complete]",
            "  contains does not hold: *green*",
            "run 2: FAIL",
        ],
        consecutive=True,
    )
    text = result.stdout.str()
    assert "\x1b[31mink" not in text
    assert not re.search(r"^\s*(::|##)", text, re.MULTILINE)
    assert "Traceback" not in text


def test_tags_select_and_mean_nothing_else(run: Run) -> None:
    # A tag `skip` would skip the case, were it made pytest's mark of that name.
    result = run("--agentops", "evalsets/x.yaml", "-m", "safety or typical", "--co", "-q", "--strict-markers")
    assert [line for line in result.outlines if "::" in line] == [
        f"evalsets/x.yaml::{name}" for name in ("greets", "hostile", "one-of-three")
    ]
    result = run("--agentops", "evalsets/x.yaml", "-m", "not safety", "-k", "skip", "--tb=no")
    result.assert_outcomes(passed=1, deselected=2)
    result.stdout.fnmatch_lines("agentops: 1 case, 2 attempts; *")


def test_what_could_not_be_measured_is_an_error_and_the_agent_is_not_asked_again(
    run: Run, pytester: pytest.Pytester
) -> None:
    (pytester.path / "evalsets/x.yaml").write_text(
        "cases:\n"
        "  - {id: busy, input: busy, expect: [{contains: busy}]}\n"
        "  - {id: silent, input: hello, expect: [{cost: {at_most_usd: 1}}]}\n"
        "  - {id: dies, input: die, expect: [{contains: x}]}\n"
        "  - {id: after, input: hello after, expect: [{contains: x}]}\n"
    )
    result = run("--agentops", "evalsets/x.yaml", "--junitxml=junit.xml")
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["*ERROR at setup of busy*", "*2 not measured", "*503*"])
    result.stdout.fnmatch_lines(["*ERROR at setup of dies*", "*the agent's process exited with code 3"])
    result.stdout.fnmatch_lines(
        ["*ERROR at setup of after*", "agentops: the agent's process exited with code 3", "hint: see */agent.log"]
    )
    assert "hello after" not in asked(pytester.path)
    assert len(agents(pytester.path)) == 1
    suite = etree.parse(pytester.path / "junit.xml").find("testsuite")
    assert (suite.get("errors"), suite.get("failures")) == ("4", "0")


def test_an_agent_that_does_not_start_is_tried_once_and_told_with_its_last_words(
    run: Run, pytester: pytest.Pytester
) -> None:
    (pytester.path / "agent.py").write_text("open('starts', 'a').write('x'); raise SystemExit('no configuration')")
    result = run("--agentops", "evalsets/x.yaml")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["agentops: the agent's process exited with code 1*", "hint: *", "*no configuration"])
    assert "Traceback" not in result.stdout.str()
    assert "During handling" not in result.stdout.str()
    told = [line for line in result.outlines if line.startswith("agentops: the agent's process exited with code 1")]
    assert len(told) == 3
    assert (pytester.path / "starts").read_text() == "x"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--agentops", "nope.yaml"], ["ERROR: agentops: nope.yaml: *", "hint: *"]),
        (["--agentops", "bad.yaml"], ["ERROR: agentops: bad.yaml:1: *contain*did you mean 'contains'*", "hint: *"]),
        (["--agentops", "evalsets/x.yaml::nope"], ["ERROR: not found: *x.yaml::nope"]),
        (["--agentops", "pack:robust"], ["ERROR: agentops: *robust*"]),
        (["--agentops", "evalsets/x.yaml", "--agentops-runs", "0"], ["ERROR: agentops: --agentops-runs must be 1 *"]),
        (["--agentops", "evalsets/x.yaml", "--agentops-url", "ftp://x"], ["ERROR: agentops: 'ftp://x' is no URL*"]),
        (["--agentops", "evalsets/x.yaml", "--agentops-environment", "moon"], ["*no environment 'moon'*", "hint: *"]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_usage_error(
    run: Run, pytester: pytest.Pytester, options: list[str], told: list[str]
) -> None:
    (pytester.path / "bad.yaml").write_text("cases: [{id: a, input: b, expect: [{contain: c}]}]")
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(told)
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    assert not agents(pytester.path)


def test_where_nothing_says_how_the_agent_runs_the_fixture_is_a_usage_error(
    run: Run, pytester: pytest.Pytester
) -> None:
    (pytester.path / "agentops.yaml").unlink()
    pytester.makepyfile("def test_it(agent): pass")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: agentops: there is no agentops.yaml in *", "hint: *"])


def test_an_environment_decides_whether_the_agent_may_run_without_its_container(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (pytester.path / "agentops.yaml").write_text(CONFIG.replace("name: toy,", "name: toy, image: toy,"))
    one = ("--agentops", "evalsets/x.yaml::greets")
    result = run(*one, "--agentops-environment", "release")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("agentops: there is no image of the agent to run: *")
    for allowed in ((), ("--agentops-environment", "lenient")):
        result = run(*one, *allowed)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines("agentops: 1 case, 2 attempts; * containerised: no; *")


def test_runs_and_the_share_of_them_that_has_to_pass(run: Run, pytester: pytest.Pytester) -> None:
    # One of three becomes two of six; "every other" passes three times of six, greets all of them.
    result = run("--agentops", "evalsets/x.yaml", "--agentops-runs", "6", "--deselect", "evalsets/x.yaml::hostile",
                 "--junitxml=junit.xml")  # fmt: skip
    result.assert_outcomes(passed=2, deselected=1)
    rows = [
        {p.get("name").removeprefix("agentops."): p.get("value") for p in case.findall("properties/property")}
        for case in etree.parse(pytester.path / "junit.xml").findall(".//testcase")
    ]
    assert [(r["attempts"], r["passed"], r["needed"]) for r in rows] == [("6", "6", "6"), ("6", "3", "2")]


def test_beside_other_tests_with_last_failed_and_stopping_early(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_else(): pass")
    # A folder that holds the evalset does not collect it twice.
    run(".", "--agentops", "evalsets/x.yaml").assert_outcomes(passed=3, failed=1)
    run("--agentops", "evalsets/x.yaml", "--lf").assert_outcomes(failed=1, deselected=2)
    run("--agentops", "evalsets/x.yaml", "-x").assert_outcomes(passed=1, failed=1)
    assert all(gone(pid) for pid in agents(pytester.path))
    assert len(agents(pytester.path)) == 3


def test_a_budget_that_is_used_up_leaves_the_rest_unmeasured(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "agentops.yaml").write_text(CONFIG.replace("retries: 0", "retries: 0, budget: {calls: 4}"))
    result = run("--agentops", "evalsets/x.yaml")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["agentops: the budget of 4 calls is used up", "hint: *"])
    assert len(asked(pytester.path)) == 4


def test_a_pack_is_rendered_for_the_agent(run: Run) -> None:
    result = run("--agentops", "pack:robustness", "--co", "-q")
    assert sum(line.startswith("agentops.yaml::") for line in result.outlines) > 10


def test_a_case_that_is_run_again_is_not_asked_again(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_rerunfailures")
    result = run("-p", "pytest_rerunfailures", "--reruns", "3", "--agentops", "evalsets/x.yaml::hostile")
    assert result.parseoutcomes() == {"failed": 1, "rerun": 3}
    assert asked(pytester.path) == ["hostile"] * 2
    result.stdout.fnmatch_lines("agentops: 1 case, 2 attempts; *")


def test_every_worker_of_xdist_has_its_own_agent(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    result = run("-p", "xdist.plugin", "-n", "2", "--agentops", "evalsets/x.yaml")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines("agentops: 3 cases, 7 attempts; model toy-1; *")
    assert len(agents(pytester.path)) == 2
    assert all(gone(pid) for pid in agents(pytester.path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_takes_the_agent_with_it(run: Run, pytester: pytest.Pytester, number: signal.Signals) -> None:
    del run
    pytester.makepyfile("import time\n\ndef test_it(agent):\n    agent.ask('hello')\n    time.sleep(60)")
    words = [sys.executable, "-m", "pytest", "-p", "agentops.pytest_plugin"]
    with subprocess.Popen(words, cwd=pytester.path, stdout=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 30
        while not asked(pytester.path) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(number)
        said, _ = child.communicate(timeout=30)
    assert "KeyboardInterrupt" in said
    assert child.returncode == pytest.ExitCode.INTERRUPTED
    (pid,) = agents(pytester.path)
    assert gone(pid)


LOADED = """
import sys

def test_what_is_loaded():
    own = sorted(name for name in sys.modules if name.partition(".")[0] == "agentops")
    assert set(own) - {"agentops.version"} == {"agentops", "agentops.pytest_plugin"}, own
    assert not {"asyncio", "aiohttp", "yaml", "jsonschema"} & set(sys.modules)
"""


def test_without_its_option_nothing_of_the_package_is_loaded(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LOADED)
    run().assert_outcomes(passed=1)


def test_it_is_installed_and_can_be_switched_off(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import entry_points

    assert {e.value for e in entry_points(group="pytest11", name="agentops")} == {"agentops.pytest_plugin"}
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    others = [e.name for e in entry_points(group="pytest11") if e.name != "agentops"]
    rest: list[Any] = [word for name in others for word in ("-p", f"no:{name}")]
    pytester.makepyfile("def test_it(agent): pass")
    assert pytester.runpytest_subprocess(*rest, "--agentops", "evalsets/x.yaml").parseoutcomes() == {
        "passed": 2,
        "failed": 1,
    }
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:agentops")
    result = pytester.runpytest_subprocess(*rest)
    result.stdout.fnmatch_lines("*fixture 'agent' not found*")
    assert pytester.runpytest_subprocess(*rest, "--agentops", "evalsets/x.yaml").ret == pytest.ExitCode.USAGE_ERROR
