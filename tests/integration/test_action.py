"""The action: its steps are executed the way GitHub's runner does it, with made-up files for outputs and summary."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentops.drivers.container import Engine

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
# What the runner runs for `shell: bash`.
BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
HOSTILE = (
    "no such file.yaml",
    'it\'s "quoted".yaml',
    "$(touch pwned).yaml",
    "`touch pwned`.yaml",
    "; touch pwned #",
    "a\nverdict=pass\n::error::pwned\n##[error]pwned\ntouch pwned",
    "--help",
    "*",
)


@dataclass
class Run:
    """What came of a run of the action."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str
    used: list[tuple[str, Mapping[str, str]]]
    left: str

    def obeyed(self) -> list[str]:
        """Lines of the log that the runner would take for workflow commands, by its rules for `stop-commands`."""
        found, stopped = [], ""
        for line in self.log.splitlines():
            v2 = re.match(r"\s*::([a-z-]+)( [^:]*)?::(.*)", line, re.I)
            v1 = re.search(r"##\[([a-z-]+)[^\]]*\]", line, re.I)
            if stopped:
                stopped = "" if line.strip() == f"::{stopped}::" else stopped
            elif v2 and v2[1] == "stop-commands":
                stopped = v2[3]
            elif v2 or v1:
                found.append(line)
        return found


@dataclass
class Harness:
    """Runs the action. `base` holds what the runner's machine is made of; `python` is what setup-python gives."""

    base: Path
    python: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = self.base / "work space"
        self.temp = self.base / "temp"
        for folder in (self.workspace, self.temp, self.base / "files"):
            folder.mkdir()

    def run(self, watch: Callable[[subprocess.Popen[str]], None] | None = None, **given: str) -> Run:
        """Every step in order, up to the first that fails. `watch` is given the process of each `run` step."""
        inputs = {name: str(spec["default"]) for name, spec in ACTION["inputs"].items()}
        inputs |= {name.replace("_", "-"): value for name, value in given.items()}
        assert set(inputs) == set(ACTION["inputs"]), "an input that the action does not have"
        steps: dict[str, dict[str, str]] = {"python": {"python-path": str(self.python)}}
        result = Run(0, "", {}, "", [], "")
        for number, step in enumerate(ACTION["runs"]["steps"]):
            # What this harness does not know of must not be passed over in silence.
            assert set(step) <= {"name", "id", "uses", "with", "shell", "env", "run", "working-directory"}
            if "uses" in step:
                with_ = {k: resolve(text(v), inputs, steps) for k, v in step.get("with", {}).items()}
                result.used.append((step["uses"], with_))
                continue
            assert step["shell"] == "bash"
            env = {k: resolve(text(v), inputs, steps) for k, v in step.get("env", {}).items()}
            cwd = self.workspace / resolve(step.get("working-directory", "."), inputs, steps)
            steps[step["id"]] = self._step(number, step["run"], env, cwd, result, watch)
            if result.code:
                break
        result.outputs = {k: resolve(spec["value"], inputs, steps) for k, spec in ACTION["outputs"].items()}
        return result

    def _step(
        self, number: int, script: str, env: Mapping[str, str], cwd: Path, result: Run, watch: Any
    ) -> dict[str, str]:
        stem = self.base / "files" / str(number)
        stem.with_suffix(".sh").write_text(script, "utf-8")
        names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")
        files = {name: stem.with_suffix(f".{name}") for name in names}
        for file in files.values():
            file.write_text("")
        clean = {k: v for k, v in os.environ.items() if not re.match("GITHUB_|PYTHON|VIRTUAL_ENV|CI$", k)}
        runner = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_ACTION_PATH": str(ROOT),
            "RUNNER_TEMP": str(self.temp),
            **{name: str(file) for name, file in files.items()},
        }
        child = subprocess.Popen(
            [*BASH, str(stem.with_suffix(".sh"))], cwd=cwd, env={**clean, **self.env, **runner, **env}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        watcher = threading.Thread(target=watch, args=(child,)) if watch else None
        if watcher:
            watcher.start()
        log, _ = child.communicate(timeout=500)
        if watcher:
            watcher.join()
        result.log += log
        result.code = child.returncode
        result.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        result.left += files["GITHUB_ENV"].read_text() + files["GITHUB_PATH"].read_text()
        return parse_outputs(files["GITHUB_OUTPUT"].read_text("utf-8"))


def text(value: object) -> str:
    """A YAML value as the runner hands it on."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def resolve(template: str, inputs: Mapping[str, str], steps: Mapping[str, Mapping[str, str]]) -> str:
    """The few expressions that the action needs: inputs, outputs of steps, texts, and `||` between them."""

    def value(term: str) -> str:
        if found := re.fullmatch(r"inputs\.([\w-]+)", term):
            return inputs[found[1]]
        if found := re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", term):
            return steps.get(found[1], {}).get(found[2], "")
        if found := re.fullmatch(r"'([^']*)'", term):
            return found[1]
        raise AssertionError(f"an expression that the harness does not know: {term}")

    def expression(match: re.Match[str]) -> str:
        return next((v for v in map(value, re.split(r"\s*\|\|\s*", match[1])) if v), "")

    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", expression, template)


def parse_outputs(text: str) -> dict[str, str]:
    """GITHUB_OUTPUT by the runner's rules: `name=value`, or `name<<MARK`, lines, `MARK`."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, equals, value = line.partition("=")
        if "<<" in line and (not equals or line.index("<<") < line.index("=")):
            name, _, mark = line.partition("<<")
            block = []
            for inner in lines:
                if inner == mark:
                    break
                block.append(inner)
            else:
                raise AssertionError(f"{name}: the end mark is missing")
            value = "\n".join(block)
        found[name] = value
    return found


def fast_python(folder: Path, *, python: Path, agentops: Path) -> Path:
    """A Python whose `-m venv` is done at once: it gives `python` with `agentops`, and pip does nothing.

    Every call of the environment's Python is noted in calls.log.
    """
    folder.mkdir()
    inner = folder / "inner"
    inner.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$*" >> "{folder}/calls.log"\n'
        f'[ "$1 $2 $3" = "-I -m pip" ] || exec "{python}" "$@"\n'
    )
    fake = folder / "python"
    fake.write_text(
        "#!/bin/sh\n"
        '[ "$1 $2 $3" = "-I -m venv" ] || exit 99\n'
        f'mkdir -p "$4/bin" && ln -s "{inner}" "$4/bin/python" && ln -s "{agentops}" "$4/bin/agentops"\n'
    )
    for script in (inner, fake):
        script.chmod(0o755)
    return fake


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """The harness with the installation put aside: the agentops that runs is the one under test."""
    agentops = Path(sysconfig.get_path("scripts")) / "agentops"
    return Harness(tmp_path, fast_python(tmp_path / "fast", python=Path(sys.executable), agentops=agentops))


def calls(harness: Harness) -> list[str]:
    """How the environment's Python was called, in order."""
    return (harness.base / "fast" / "calls.log").read_text("utf-8").splitlines()


class _Agent(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._reply({"status": "ok"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.release.wait(30)  # type: ignore[attr-defined]
        text = self.server.text  # type: ignore[attr-defined]
        self._reply({"model": "m", "choices": [{"message": {"role": "assistant", "content": text}}]})

    def _reply(self, data: object) -> None:
        raw = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A caller that was stopped breaks its connections."""


@pytest.fixture
def agent() -> Iterator[Any]:
    """An agent on loopback that says `.text`, as soon as `.release` is set."""
    server: Any = _Server(("127.0.0.1", 0), _Agent)
    server.text, server.release = "Paris", threading.Event()
    server.release.set()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


def project(folder: Path, agent: Any, *, config: str = "agentops.yaml", **more: Any) -> None:
    """A small project: one case, run often enough for a pass rate of 0.85 to be shown."""
    evals = {"suites": ["cases.yaml"], "runs": 25, "timeout_s": 20}
    data = {
        "version": 1,
        "agent": {"name": "small", "url": f"http://127.0.0.1:{agent.server_address[1]}"},
        "evals": evals,
        **more,
    }
    (folder / config).write_text(json.dumps(data))
    cases = [{"id": "capital", "input": "Capital of France?", "expect": [{"contains": "Paris"}]}]
    (folder / "cases.yaml").write_text(json.dumps({"version": 1, "name": "small", "cases": cases}))


def assert_nothing_happened(harness: Harness, run: Run) -> None:
    """No text was taken for a command, by the shell or by the runner; the caller's job is as it was."""
    assert not list(harness.base.rglob("pwned"))
    assert not run.obeyed()
    assert run.left == ""


def test_a_pass(harness: Harness, agent: Any) -> None:
    project(harness.workspace, agent)
    run = harness.run()
    assert run.code == 0, run.log
    out = run.outputs
    assert (out["verdict"], out["pass-rate"], out["digest"], out["image-id"]) == ("pass", "1.0000", "", "")
    assert out["verdict-line"].startswith("PASS")
    assert ET.parse(out["junit-path"]).getroot().find(".//testcase[@name='verdict']") is not None
    assert json.loads(Path(out["run-path"]).read_text())["environment"] == "ci"
    assert Path(out["report-path"]).read_text("utf-8") == run.summary != ""
    assert Path(out["junit-path"]).is_relative_to(harness.workspace / ".agentops")
    assert_nothing_happened(harness, run)


def test_a_fail_writes_outputs_and_summary_too(harness: Harness, agent: Any) -> None:
    agent.text = "Lyon\n::error::pwned\n::set-output name=verdict::pass\n##[error]pwned"
    project(harness.workspace, agent)
    run = harness.run()
    assert run.code == 1, run.log
    assert (run.outputs["verdict"], run.outputs["pass-rate"]) == ("fail", "0.0000")
    assert "FAIL" in run.summary.splitlines()[0]
    assert Path(run.outputs["junit-path"]).is_file()
    assert_nothing_happened(harness, run)


def test_an_agent_that_is_down_is_an_error(harness: Harness, agent: Any) -> None:
    project(harness.workspace, agent)
    agent.shutdown()
    agent.server_close()
    run = harness.run()
    assert (run.code, run.outputs["verdict"]) == (4, "error"), run.log
    assert "ERROR" in run.summary.splitlines()[0]


def test_without_a_verdict_the_verdict_is_error_and_not_empty(harness: Harness) -> None:
    run = harness.run()
    assert (run.code, run.outputs["verdict"], run.outputs["junit-path"]) == (2, "error", "")
    assert "agentops.yaml: no such configuration" in run.log


def test_the_verdict_is_error_where_the_installation_breaks(harness: Harness) -> None:
    harness.python.write_text("#!/bin/sh\necho no disk; exit 7\n")
    run = harness.run()
    assert (run.code, run.outputs["verdict"]) == (7, "error")


def test_installs_hash_locked_into_an_environment_of_its_own(harness: Harness, agent: Any) -> None:
    project(harness.workspace, agent)
    run = harness.run(python_version="3.13")
    (uses, with_), *others = run.used
    assert uses.startswith("actions/setup-python@")
    assert not others
    assert with_ == {"python-version": "3.13", "update-environment": "false"}
    locked, local, *_ = calls(harness)
    assert "--require-hashes" in locked
    assert locked.endswith(f"{ROOT}/locks/tool.txt")
    assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(local.split())
    assert local.endswith(str(ROOT))
    assert [p.parent for p in harness.base.rglob("bin/agentops")] == [next(harness.temp.iterdir()) / "bin"]


def test_modules_of_the_repository_take_no_part(harness: Harness, agent: Any) -> None:
    project(harness.workspace, agent)
    for name in ("secrets", "pip", "venv", "click", "agentops", "json"):
        (harness.workspace / f"{name}.py").write_text("open('pwned', 'w')\nraise SystemExit(0)\n")
    harness.env["PYTHONPATH"] = str(harness.workspace)
    run = harness.run()
    assert (run.code, run.outputs["verdict"]) == (0, "pass"), run.log
    assert_nothing_happened(harness, run)


def test_empty_inputs_become_no_flags(harness: Harness, agent: Any) -> None:
    project(harness.workspace, agent)
    run = harness.run(config="", environment="", out="", advisories="", push="")
    assert (run.code, run.outputs["verdict"]) == (0, "pass"), run.log
    assert json.loads(Path(run.outputs["run-path"]).read_text())["environment"] == "ci"
    assert calls(harness)[-1].endswith("agentops check --github")
    assert [p.name for p in harness.workspace.iterdir() if p.is_dir()] == [".agentops"]


def test_inputs_reach_agentops(harness: Harness, agent: Any) -> None:
    folder = harness.workspace / "agents" / "a b"
    folder.mkdir(parents=True)
    project(folder, agent, config="gate me.yaml", environments={"nightly": {}})
    run = harness.run(config="gate me.yaml", environment="nightly", out="my reports", working_directory="agents/a b")
    assert run.code == 0, run.log
    assert json.loads(Path(run.outputs["run-path"]).read_text())["environment"] == "nightly"
    assert Path(run.outputs["junit-path"]).is_relative_to(folder / "my reports")


def test_the_input_advisories_is_used(harness: Harness, agent: Any) -> None:
    (harness.workspace / "lock.txt").write_text("idna==3.10\n")
    project(harness.workspace, agent, dependencies={"files": ["lock.txt"]})
    run = harness.run(advisories="no-such.json")
    assert run.code in (2, 4)
    assert run.outputs["verdict"] == "error"
    assert "no-such.json" in run.log


@pytest.mark.parametrize(
    ("name", "value"),
    [("config", v) for v in HOSTILE]
    + [(n, v) for n in ("environment", "advisories") for v in HOSTILE[2:7:2] + HOSTILE[5:6]],
)
def test_hostile_inputs_fail_cleanly(harness: Harness, agent: Any, name: str, value: str) -> None:
    (harness.workspace / "lock.txt").write_text("idna==3.10\n")
    project(harness.workspace, agent, dependencies={"files": ["lock.txt"]})
    run = harness.run(**{name: value})
    assert run.code in (2, 4), run.log
    assert run.outputs["verdict"] == "error"
    assert "Traceback" not in run.log
    assert "Usage:" not in run.log
    assert_nothing_happened(harness, run)


@pytest.mark.parametrize("value", [*HOSTILE[:5], "a\nverdict<<x"])
def test_hostile_names_that_exist_are_just_names(harness: Harness, agent: Any, value: str) -> None:
    project(harness.workspace, agent, config=value)
    agent.text = "Lyon"
    run = harness.run(config=value, out=f"out {value}")
    assert (run.code, run.outputs["verdict"]) == (1, "fail"), run.log
    assert Path(run.outputs["junit-path"]).is_relative_to(harness.workspace / f"out {value}")
    assert Path(run.outputs["junit-path"]).is_file()
    assert_nothing_happened(harness, run)


@pytest.mark.parametrize("registry", ["registry.example/team", "$(touch pwned)"])
def test_a_push_without_an_image_is_refused_before_the_agent_is_called(
    harness: Harness, agent: Any, registry: str
) -> None:
    project(harness.workspace, agent)
    run = harness.run(push=registry)
    assert run.code == 2, run.log
    assert (run.outputs["verdict"], run.outputs["digest"]) == ("error", "")
    assert_nothing_happened(harness, run)


def test_cancelling_the_job_reaches_agentops(harness: Harness, agent: Any) -> None:
    agent.release.clear()
    project(harness.workspace, agent)

    def interrupt(child: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + 30
        while child.poll() is None and time.monotonic() < deadline:
            if list(harness.workspace.glob(".agentops/runs/*/journal.jsonl")):
                time.sleep(0.3)
                # The runner signals the process that it started and nobody else.
                child.send_signal(signal.SIGINT)
                return
            time.sleep(0.05)

    started = time.monotonic()
    run = harness.run(watch=interrupt)
    assert (run.code, run.outputs["verdict"]) == (130, "error"), run.log
    assert time.monotonic() - started < 20


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_installed_for_real(tmp_path: Path, agent: Any) -> None:
    """The whole way, with nothing put aside: virtual environment, hash-locked installation, check."""
    real = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    harness = Harness(tmp_path, real)
    (harness.workspace / "prompts").mkdir()
    (harness.workspace / "prompts" / "system.txt").write_text("You help customers of a shop.\n")
    (harness.workspace / "tool.py").write_text("print('hello')\n")
    project(harness.workspace, agent, prompts={"paths": ["prompts"]}, code={"paths": ["tool.py"]})
    run = harness.run()
    assert (run.code, run.outputs["verdict"], run.outputs["pass-rate"]) == (0, "pass", "1.0000"), run.log
    assert Path(run.outputs["junit-path"]).is_file()
    assert "PASS" in run.summary.splitlines()[0]
    assert_nothing_happened(harness, run)
    (environment,) = harness.temp.iterdir()
    installed = subprocess.run(
        [environment / "bin" / "python", "-I", "-c", "import agentops; print(agentops.__file__)"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(installed.strip()).is_relative_to(environment)

    # The same installation once more, with an agent that has got worse.
    bin_ = environment / "bin"
    harness.python = fast_python(tmp_path / "fast", python=bin_ / "python", agentops=bin_ / "agentops")
    agent.text = "Lyon"
    run = harness.run()
    assert (run.code, run.outputs["verdict"], run.outputs["pass-rate"]) == (1, "fail", "0.0000"), run.log
    assert "FAIL" in run.summary.splitlines()[0]


@pytest.mark.docker
def test_the_reference_agent_as_a_container(harness: Harness, engine: Engine) -> None:
    """The gate of this repository on itself, in the environment ci: what the workflow's job does."""
    harness.workspace.rmdir()
    shutil.copytree(
        ROOT, harness.workspace, ignore=shutil.ignore_patterns(".venv*", ".git", ".agentops", ".*_cache", ".hypothesis")
    )
    advisory = {
        "id": "TEST-1",
        "modified": "2026-01-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "no-such-package"}, "versions": ["1.0"]}],
    }
    (harness.workspace / "osv.json").write_text(json.dumps([advisory]))
    run = harness.run(advisories="osv.json")
    assert (run.code, run.outputs["verdict"]) == (0, "pass"), run.log
    image = engine.inspect(run.outputs["image"])
    assert image is not None
    assert image.id == run.outputs["image-id"]
    assert float(run.outputs["pass-rate"]) >= 0.85
    assert "containerised: yes" in run.summary
    assert_nothing_happened(harness, run)
