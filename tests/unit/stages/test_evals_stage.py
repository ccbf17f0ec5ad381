"""The evals stage from start to result: a real agent as a local process, models and judges played by scripts."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench
from agentops.errors import ConfigError, MeasurementError, TargetError
from agentops.model import settings as s
from agentops.model.case import Attempt
from agentops.model.codec import decode
from agentops.model.outcome import Outcome
from agentops.model.run import StageError, StageResult, Subject
from agentops.stages import evals_plan
from agentops.stages.evals import EvalsStage

AGENT = """
import http.client, json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer({"secret": os.environ.get("PAYMENTS_KEY", "")})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model = urlsplit(os.environ["OPENAI_BASE_URL"])
        call = http.client.HTTPConnection(model.hostname, model.port)
        key = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
        call.request("POST", model.path + "/chat/completions", json.dumps({"messages": body["messages"]}), key)
        said = call.getresponse()
        data = json.loads(said.read())
        self.answer(data if said.status == 200 else {"error": "the model failed"}, 200 if said.status == 200 else 502)
    def answer(self, data, status=200):
        raw = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
    def log_message(self, *_):
        pass

print("key", os.environ.get("PAYMENTS_KEY"), flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
MODEL = """version: 1
name: toy-model
rules:
  - when: {user: 'hello'}
    reply: {text: 'hello to you'}
"""


class Records:
    """A journal in memory."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Mapping[str, Any]]] = []

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        self.rows.append((kind, data))

    def attempts(self) -> list[Attempt]:
        """The attempts as they were written, whole."""
        return [decode(Attempt, data) for kind, data in self.rows if kind == "attempt"]


class Never:
    """A rule that is never settled."""

    def add(self, attempt: Attempt) -> None:
        pass

    def settled(self) -> bool:
        return False

    def told(self) -> str:
        return ""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    out = tmp_path / "out"
    out.mkdir()
    return Bench("run-1", tmp_path, out, lambda _: None, threading.Event(), Records())


def stage(root: Path, *cases: dict[str, Any], evals: dict[str, Any] | None = None, **agent: Any) -> EvalsStage:
    (root / "agent.py").write_text(AGENT)
    (root / "model.yaml").write_text(MODEL)
    made = [{"id": f"c{i}", "expect": [{"contains": "hello"}], **case} for i, case in enumerate(cases)]
    (root / "cases.json").write_text(json.dumps(made))
    options = {"command": (sys.executable, "agent.py"), "model": s.Model("script", "model.yaml"), **agent}
    asked_of = s.Evals(("cases.json",), **{"runs": s.Runs(2, 2), "retries": 0, **(evals or {})})
    settings = s.Settings(root, s.Agent("toy", **options), evals=asked_of)
    found = evals_plan.read(settings, asked_of, None)
    asked = evals_plan.asked(settings, asked_of, found, runs=asked_of.runs, rule=lambda _: Never())
    return EvalsStage(asked_of, settings.agent, asked)


def test_a_scripted_model_behind_a_local_process(tmp_path: Path, bench: Bench) -> None:
    result = stage(tmp_path, {"input": "hello"}, {"input": "hello again"}).run(bench, {})
    assert result.outcome is Outcome.PASS
    assert (result.counts.planned, result.counts.measured) == (4, 4)
    assert result.containerised is False
    assert result.scripted == ("model",)
    assert result.notices == (
        "scripted model: toy-model (model.yaml) answered, no real model did",
        "the agent ran as a local process, not as the image that would be shipped",
        "no earlier evidence was looked up: the verdict rests on this run alone",
    )
    attempts = bench.journal.attempts()  # type: ignore[attr-defined]
    assert {a.answers[0].text for a in attempts} == {"hello to you"}
    assert {a.model for c in result.cases for a in c.attempts} == {"scripted:toy-model"}
    kinds = [kind for kind, _ in bench.journal.rows]  # type: ignore[attr-defined]
    assert kinds[0] == "evals"
    assert sorted(kinds[1:]) == ["asked"] * 4 + ["attempt"] * 4
    assert (bench.out / "agent.log").is_file()


def test_a_question_that_the_script_does_not_know_is_an_error_that_names_it(tmp_path: Path, bench: Bench) -> None:
    result = stage(tmp_path, {"input": "hello"}, {"input": "what is this"}).run(bench, {})
    assert result.outcome is Outcome.ERROR
    assert any("toy-model had no rule for 2 questions" in n and "what is this" in n for n in result.notices)
    assert "2 of 4 attempts were not measured" in result.errors[0].message


def test_a_scripted_judge_scores_the_answers(tmp_path: Path, bench: Bench) -> None:
    pytest.importorskip("deepeval", reason="the extra `judge` is not installed")
    (tmp_path / "judge.yaml").write_text(
        "version: 1\nname: toy-judge\nrules:\n"
        '  - when: {user: \'hello to you\'}\n    reply: {text: \'{"score": 9, "reason": "polite"}\'}\n'
    )
    rubric = {"metric": "geval", "name": "polite", "steps": ["Is it polite?"], "at_least": 0.5}
    judged = {"input": "hello", "expect": [{"contains": "hello"}, {"judge": rubric}]}
    made = stage(tmp_path, judged, evals={"judge": s.Judge(script="judge.yaml")})
    assert made.plan() == "1 case x 2 runs = 2 calls of the agent"
    result = made.run(bench, {})
    assert result.outcome is Outcome.PASS, result.errors
    scores = [score for a in bench.journal.attempts() for score in a.scores]  # type: ignore[attr-defined]
    assert [score.outcome for score in scores] == [Outcome.PASS] * 4
    assert "scripted:toy-judge" in scores[1].reason
    assert any("scripted judge: toy-judge" in n for n in result.notices)


def test_a_case_that_asks_a_judge_needs_one(tmp_path: Path) -> None:
    case = {"input": "x", "expect": [{"judge": {"metric": "toxicity", "at_most": 0.5}}]}
    with pytest.raises(ConfigError, match=r"evals\.judge is not configured"):
        stage(tmp_path, case).plan()


@pytest.mark.parametrize("value", [None, ""])
def test_a_secret_that_is_missing_is_refused_before_any_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("PAYMENTS_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("PAYMENTS_KEY", value)
    with pytest.raises(ConfigError, match="PAYMENTS_KEY is missing"):
        stage(tmp_path, {"input": "x"}, secret_env=("PAYMENTS_KEY",)).plan()


def test_a_secret_reaches_the_agent_and_no_file(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENTS_KEY", "sk-very-secret-value")
    result = stage(tmp_path, {"input": "hello"}, secret_env=("PAYMENTS_KEY",)).run(bench, {})
    assert result.outcome is Outcome.PASS
    assert "key [redacted]" in (bench.out / "agent.log").read_text()
    assert all(b"sk-very-secret-value" not in p.read_bytes() for p in bench.out.rglob("*") if p.is_file())


def test_an_agent_that_does_not_start_is_an_error_with_its_last_words(tmp_path: Path, bench: Bench) -> None:
    command = (sys.executable, "-c", "raise SystemExit('no configuration')")
    with pytest.raises(TargetError) as caught:
        stage(tmp_path, {"input": "hello"}, command=command).run(bench, {})
    assert "no configuration" in caught.value.hint


def built(*, unavailable: bool) -> StageResult:
    errors = (StageError("no Docker engine answers", "start Docker", unavailable),)
    return StageResult("build", Outcome.ERROR, errors=errors, subject=Subject())


def test_without_an_engine_the_agent_runs_as_a_process(tmp_path: Path, bench: Bench) -> None:
    result = stage(tmp_path, {"input": "hello"}).run(bench, {"build": built(unavailable=True)})
    assert result.containerised is False


def test_an_image_that_did_not_build_is_never_replaced_by_a_process(tmp_path: Path, bench: Bench) -> None:
    with pytest.raises(MeasurementError, match="there is no image to run"):
        stage(tmp_path, {"input": "hello"}).run(bench, {"build": built(unavailable=False)})


CANNED = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        self.answer({"choices": [{"message": {"content": "hello by heart"}}]})
    def answer(self, data):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(data).encode())
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_script_that_was_never_asked_does_not_claim_to_have_answered(tmp_path: Path, bench: Bench) -> None:
    made = stage(tmp_path, {"input": "hello"})
    (tmp_path / "agent.py").write_text(CANNED)
    result = made.run(bench, {})
    assert result.outcome is Outcome.PASS, result.errors
    assert "was never asked" in result.notices[0]


def test_each_judged_assertion_gets_its_own_score(tmp_path: Path, bench: Bench) -> None:
    pytest.importorskip("deepeval", reason="the extra `judge` is not installed")
    (tmp_path / "judge.yaml").write_text(
        "version: 1\nname: toy-judge\nrules:\n"
        '  - when: {user: \'hello to you\'}\n    reply: {text: \'{"score": 8, "reason": "so so"}\'}\n'
    )
    rubric = {"metric": "geval", "name": "polite", "steps": ["Is it polite?"]}
    demands = [{"judge": {**rubric, "at_least": bound}} for bound in (0.5, 0.9)]
    made = stage(tmp_path, {"input": "hello", "expect": demands}, evals={"judge": s.Judge(script="judge.yaml")})
    result = made.run(bench, {})
    outcomes = [[score.outcome for score in a.scores] for a in result.cases[0].attempts]
    assert outcomes == [[Outcome.PASS, Outcome.FAIL]] * 2
