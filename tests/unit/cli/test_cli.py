"""The command line as a user meets it: processes of their own, exit codes, what stands on the screen."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentops.drivers import journal
from agentops.model import records
from agentops.reports import json as documents

Behave = Callable[[Any], None]

CONFIG = """version: 1
agent: {{name: a, url: "{url}"}}
evals: {{suites: [cases.json], runs: 1, timeout_s: 1, retries: 0}}
gate:
  - {{metric: pass_rate, at_least: 0.85}}
"""
HEAVY = {"docker", "deepeval", "aiohttp", "jsonschema", "jinja2", "requests", "starlette", "yaml", "rich"}


def agentops(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "agentops.cli.main", *words],
        cwd=cwd, env=clean | env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def project(folder: Path, url: str, *, cases: int = 30, **case: Any) -> Path:
    made = [{"id": f"c{i}", "input": "hi", "expect": [{"contains": "ok"}], **case} for i in range(cases)]
    (folder / "cases.json").write_text(json.dumps(made))
    (folder / "agentops.yaml").write_text(CONFIG.format(url=url))
    return folder


def test_the_version_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from agentops.cli.main import main\n"
        f"code = main(['--version']); heavy = sorted({HEAVY!r} & set(sys.modules)); print(heavy); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["agentops 0.1.0", "[]"]


def test_the_agentops_sdk_beside_us_is_named(tmp_path: Path) -> None:
    (tmp_path / "agentops-0.4.21.dist-info").mkdir()
    done = agentops("--version", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "AgentOps SDK (distribution agentops 0.4.21)" in done.stderr
    assert "for example with pipx" in done.stderr


def test_a_pass_writes_every_report_and_ends_with_its_line(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    done = agentops("check", "--junit", "my/junit.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert any(line.startswith("PASS: a") for line in lines)
    assert "containerised: no" in done.stdout
    assert max(map(len, lines)) <= 80 or lines[-1].startswith("reports:")
    latest = tmp_path / ".agentops" / "latest"
    names = {"run.json", "verdict.json", "junit.xml", "report.md", "journal.jsonl"}
    assert names <= {p.name for p in latest.iterdir()}
    assert (tmp_path / "my/junit.xml").read_text() == (latest / "junit.xml").read_text()
    assert "\x1b" not in done.stdout + done.stderr
    run, verdict = (json.loads((latest / n).read_text()) for n in ("run.json", "verdict.json"))
    assert run["stages"][0]["counts"] == {"planned": 30, "measured": 30, "waived": 0, "unit": "attempts", "skipped": []}
    assert verdict["outcome"] == "pass"
    assert verdict["not_recordable"]


def test_the_inputs_are_known_by_their_hashes_as_they_were_read(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    def meddling(request: Any) -> None:
        (tmp_path / "agentops.yaml").write_text("changed while it runs")
        request.say("ok")

    project(tmp_path, agent(meddling).url)
    expected = {n: hashlib.sha256((tmp_path / n).read_bytes()).hexdigest() for n in ("agentops.yaml", "cases.json")}
    assert agentops("check", cwd=tmp_path).returncode == 0
    hashes = json.loads((tmp_path / ".agentops/latest/run.json").read_text())["subject"]["hashes"]
    assert hashes == {"config": expected["agentops.yaml"], "cases.json": expected["cases.json"]}


def test_colour_only_where_it_is_asked_for(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    assert "\x1b[" in agentops("check", cwd=tmp_path, FORCE_COLOR="1").stdout
    assert "\x1b[" not in agentops("check", cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1").stdout


@pytest.mark.parametrize(
    ("behave", "code", "said"),
    [
        (lambda r: r.say("no"), 1, "FAIL: a"),
        (lambda r: r.say("ok" if int(r.session.rsplit("-", 2)[-2][1:]) % 8 else "no"), 3, "INCONCLUSIVE: a"),
        (lambda r: r.reset(), 4, "calls in a row without an answer"),
        (lambda r: r.reply(b"<html></html>"), 4, "the body is HTML"),
        (lambda r: r.hang(), 4, "no answer within 1 s"),
    ],
)
def test_every_outcome_has_its_exit_code(
    tmp_path: Path, agent: Callable[[Behave], Any], behave: Behave, code: int, said: str
) -> None:
    project(tmp_path, agent(behave).url)
    done = agentops("check", cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())
    assert (tmp_path / ".agentops/latest/junit.xml").is_file()


def test_a_dead_target_is_an_error_in_seconds(tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:9")
    started = time.monotonic()
    done = agentops("check", cwd=tmp_path)
    assert done.returncode == 4
    assert time.monotonic() - started < 10
    assert "nothing answers at http://127.0.0.1:9" in " ".join(done.stdout.split())


def test_a_stored_run_is_judged_again_without_a_call(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    server = agent(lambda r: r.say("ok"))
    project(tmp_path, server.url)
    assert agentops("check", cwd=tmp_path).returncode == 0
    asked = len(server.seen)
    strict = (tmp_path / "agentops.yaml").read_text().replace("0.85", "0.99")
    (tmp_path / "strict.yaml").write_text(strict)
    done = agentops("decide", ".agentops/latest/run.json", "-c", "strict.yaml", "--verdict", "v.json", cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert json.loads((tmp_path / "v.json").read_text())["outcome"] == "inconclusive"
    assert agentops("decide", ".agentops/latest/run.json", cwd=tmp_path).returncode == 0
    assert len(server.seen) == asked


def test_the_journal_alone_gives_the_same_run(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    assert agentops("check", cwd=tmp_path).returncode == 0
    latest = tmp_path / ".agentops/latest"
    assert records.rebuild(journal.read(latest / "journal.jsonl")) == documents.read_run(
        (latest / "run.json").read_text()
    )
    (latest / "run.json").unlink()
    done = agentops("decide", ".agentops/latest", "--junit", "again.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.xml").read_text().count("<testcase") == (latest / "junit.xml").read_text().count(
        "<testcase"
    )


def test_the_journal_of_a_run_that_did_not_end_decides_nothing(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    assert agentops("check", cwd=tmp_path).returncode == 0
    rows = (tmp_path / ".agentops/latest/journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_text("".join(rows[:-1]))
    done = agentops("decide", "cut.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert "the journal has no end" in done.stderr


def test_a_run_that_is_none_is_refused(tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:9")
    for text in ("{}", "[", '{"schema": "agentops.run/99"}'):
        (tmp_path / "run.json").write_text(text)
        done = agentops("decide", "run.json", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr


def test_eval_against_a_url_needs_no_configuration(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, "")
    (tmp_path / "agentops.yaml").unlink()
    url = agent(lambda r: r.say("ok")).url
    done = agentops("eval", "--url", url, "--test-cases", "cases.json", "--threshold", "0.85", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert agentops("eval", "--test-cases", "cases.json", cwd=tmp_path).returncode == 2


def test_prompts_alone_as_the_gate_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/bad.txt").write_text("User input: {user_input}\n")
    done = agentops("prompts", "--prompts-dir", "prompts/", "--threshold", "0.8", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0.95" in done.stdout
    assert agentops("prompts", "--prompts-dir", "prompts/", "--threshold", "0.96", cwd=tmp_path).returncode == 0
    (tmp_path / "prompts/bad.txt").write_text("Today is {date}. Answer briefly.\n")
    assert agentops("prompts", "--prompts-dir", "prompts/", cwd=tmp_path).returncode == 0
    (tmp_path / "prompts/bad.txt").write_text("Hello {user_input\n")
    broken = agentops("prompts", "--prompts-dir", "prompts/", cwd=tmp_path)
    assert broken.returncode == 4
    assert "bad.txt:1:7" in broken.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check",), "no such configuration"),
        (("prompts", "--prompts-dir", "empty"), "empty"),
        (("prompts", "--prompts-dir", "nowhere"), "nowhere"),
        (("chekc",), "did you mean 'check'"),
        (("check", "--bogus"), "No such option"),
        (("eval", "--url", "ftp://x", "--test-cases", "none.json"), "ftp://x"),
        (("eval", "--url", "http://127.0.0.1:9", "--test-cases", "none.json"), "none.json: no such file"),
        (("decide", "none.json"), "none.json: cannot be read"),
    ],
)
def test_what_cannot_be_carried_out_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    done = agentops(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".agentops").exists(), "refused before anything was written"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "--runs", "0"), "the command line: evals.runs"),
        (("check", "--only", "eval"), "did you mean 'evals'"),
        (("check", "--push", "not a registry!"), "no image to push"),
        (("check", "-e", "staging"), "there are local, ci, release"),
        (("check", "--github"), "GITHUB_OUTPUT"),
        (("prompts", "--prompts-dir", "p", "--threshold", "nan"), "every run or no run would meet this"),
        (("eval", "--threshold", "nan"), "every run or no run would meet this"),
        (("eval", "--threshold", "0"), "--threshold"),
    ],
)
def test_flags_that_cannot_be_meant_cost_nothing(
    tmp_path: Path, agent: Callable[[Behave], Any], words: tuple[str, ...], said: str
) -> None:
    server = agent(lambda r: r.say("ok"))
    project(tmp_path, server.url)
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.txt").write_text("hello")
    done = agentops(*words, cwd=tmp_path, GITHUB_OUTPUT="")
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert server.seen == []


def test_a_criterion_whose_section_is_gone_is_refused(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    server = agent(lambda r: r.say("ok"))
    project(tmp_path, server.url)
    with (tmp_path / "agentops.yaml").open("a") as sink:
        sink.write("  - {metric: findings, severity: high, at_most: 0}\n")
    done = agentops("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing that is configured measures it" in done.stderr


def test_a_part_is_never_recordable(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    assert agentops("eval", "--threshold", "0.5", cwd=tmp_path).returncode == 0
    verdict = json.loads((tmp_path / ".agentops/latest/verdict.json").read_text())
    assert "the run measured only a part" in verdict["not_recordable"]


def test_a_run_of_another_agent_is_not_judged(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    assert agentops("check", cwd=tmp_path).returncode == 0
    other = (tmp_path / "agentops.yaml").read_text().replace("name: a,", "name: b,")
    (tmp_path / "other.yaml").write_text(other)
    done = agentops("decide", ".agentops/latest", "-c", "other.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "is a run of a" in done.stderr


@pytest.mark.parametrize("name", ["CI", "JENKINS_URL", "TF_BUILD", "GITHUB_ACTIONS"])
def test_a_ci_server_is_known_by_its_variables(tmp_path: Path, name: str) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.txt").write_text("hello")
    assert "environment ci" in agentops("prompts", "--prompts-dir", "p", cwd=tmp_path, **{name: "true"}).stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [("check", "-q"), ("check", "--plan"), ("config",)])
def test_an_output_that_cannot_be_written_is_an_error(
    tmp_path: Path, agent: Callable[[Behave], Any], words: tuple[str, ...]
) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    argv = [sys.executable, "-m", "agentops.cli.main", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            argv, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_nobody_listening_to_progress_does_not_stop_the_check(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "agentops.cli.main", "check"]
    done = subprocess.run(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=write, timeout=60, check=False)
    os.close(write)
    assert done.returncode in (0, 4)


def test_a_gate_that_could_never_pass_costs_nothing(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    server = agent(lambda r: r.say("ok"))
    project(tmp_path, server.url, cases=5)
    done = agentops("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "even without a failure it takes 20" in done.stderr
    assert server.seen == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_report_that_cannot_be_written_is_no_pass_and_loses_nothing(
    tmp_path: Path, agent: Callable[[Behave], Any]
) -> None:
    project(tmp_path, agent(lambda r: r.say("ok")).url)
    done = agentops("check", "--junit", "/dev/full", cwd=tmp_path)
    assert done.returncode == 4
    assert "/dev/full: cannot be written: No space left on device" in done.stderr
    assert "PASS: a" in done.stdout
    assert (tmp_path / ".agentops/latest/junit.xml").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_with_130_and_says_so(
    tmp_path: Path, agent: Callable[[Behave], Any], number: signal.Signals
) -> None:
    server = agent(lambda r: r.hang())
    project(tmp_path, server.url)
    argv = [sys.executable, "-m", "agentops.cli.main", "check"]
    child = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not server.seen and child.poll() is None:
        time.sleep(0.02)
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130, out + err
    assert "the check was stopped" in err
    assert (tmp_path / ".agentops/latest/journal.jsonl").is_file()


def test_two_checks_at_once_in_one_folder(tmp_path: Path, agent: Callable[[Behave], Any]) -> None:
    server = agent(lambda r: (time.sleep(0.1), r.say("ok")))
    project(tmp_path, server.url, cases=60)
    argv = [sys.executable, "-m", "agentops.cli.main", "check"]
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not server.seen and first.poll() is None:
            time.sleep(0.02)
        second = agentops("check", cwd=tmp_path)
        assert second.returncode == 2
        assert "another check" in second.stderr
        assert first.wait(60) == 0


def test_the_configuration_with_its_origins(tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:9")
    said = agentops("config", "--origin", cwd=tmp_path).stdout
    assert "evals.runs = 1    # agentops.yaml:3" in said
    assert "evals.concurrency = 8    # default" in said


def test_help_names_every_command_and_exit_code(tmp_path: Path) -> None:
    said = agentops("--help", cwd=tmp_path).stdout
    for word in ("check", "prompts", "eval", "decide", "config", "130"):
        assert word in said
    for command in ("check", "prompts", "eval", "decide", "config"):
        assert agentops(command, "--help", cwd=tmp_path).returncode == 0
