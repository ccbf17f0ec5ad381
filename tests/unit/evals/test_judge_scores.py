"""The judge as the caller sees it: what is refused, and what becomes of what the worker wrote."""

import importlib.metadata
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from agentops.errors import ConfigError, Interrupted
from agentops.evals.metrics import judge
from agentops.model.case import Assertion
from agentops.model.outcome import Outcome

KEY = "sk-very-secret-key"
ENDPOINT = judge.JudgeEndpoint("judge-1", "http://127.0.0.1:9/v1", KEY, 1.0)
RELEVANT = {"metric": "answer_relevancy", "at_least": 0.7}
GEVAL = {"metric": "geval", "name": "politeness", "steps": ["Is it polite?"], "at_least": 0.6}
TOXIC = {"metric": "toxicity", "at_most": 0.5}


def assertion(params, *, negate=False):
    return Assertion("judge", params, negate)


def request(key, params=RELEVANT, output="An answer.", *, negate=False):
    return judge.JudgeRequest(key, assertion(params, negate=negate), "A question?", output)


@pytest.mark.parametrize(
    "params",
    [
        RELEVANT,
        GEVAL,
        {"metric": "geval", "name": "x", "criteria": "Be kind.", "at_most": 0.2},
        TOXIC,
        {"metric": "bias", "at_most": 0},
        {"metric": "misuse", "domain": "retail", "at_most": 0.1},
        {"metric": "pii_leakage", "at_most": 0.1},
        {"metric": "prompt_alignment", "instructions": ["Answer in English."], "at_least": 1},
        {"metric": "exact_match", "expected": "yes", "at_least": 1},
        {"metric": "pattern_match", "pattern": "a+", "at_least": 1},
    ],
)
def test_what_can_be_meant_is_accepted(params):
    judge.check(params)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"at_least": 0.5}, "unknown metric None"),
        ({"metric": "answer_relevance", "at_least": 0.5}, "did you mean 'answer_relevancy'? known: answer_relevancy"),
        ({"metric": ["geval"], "at_least": 0.5}, "unknown metric"),
        (RELEVANT | {"treshold": 1}, "unknown parameter 'treshold'"),
        (RELEVANT | {"steps": ["x"]}, "unknown parameter 'steps'"),
        ({"metric": "answer_relevancy"}, "exactly one of at_least and at_most"),
        (RELEVANT | {"at_most": 0.9}, "exactly one of at_least and at_most"),
        (RELEVANT | {"at_least": 1.1}, "from 0 to 1"),
        (RELEVANT | {"at_least": True}, "from 0 to 1"),
        (RELEVANT | {"at_least": "0.7"}, "from 0 to 1"),
        (RELEVANT | {"at_least": float("nan")}, "from 0 to 1"),
        (RELEVANT | {"at_least": 0}, "true of every answer"),
        ({"metric": "toxicity", "at_most": 1}, "true of every answer"),
        ({"metric": "toxicity", "at_least": 0.5}, "at_least would demand toxicity"),
        ({"metric": "geval", "steps": ["x"], "at_least": 0.5}, "name is missing"),
        ({"metric": "geval", "name": "x", "at_least": 0.5}, "exactly one of steps and criteria"),
        (GEVAL | {"criteria": "Be kind."}, "exactly one of steps and criteria"),
        (GEVAL | {"steps": []}, "steps: a list of texts"),
        (GEVAL | {"steps": "Is it polite?"}, "steps: a list of texts"),
        (GEVAL | {"steps": ["ok", " "]}, "none may be empty"),
        (GEVAL | {"name": ""}, "name: a text"),
        ({"metric": "misuse", "at_most": 0.1}, "domain is missing"),
        ({"metric": "pattern_match", "pattern": "(", "at_least": 1}, "no regular expression"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(params, says):
    with pytest.raises(ConfigError) as refused:
        judge.check(params)
    assert says in f"{refused.value.message} {refused.value.hint}"


def test_neither_the_check_nor_require_imports_deepeval():
    code = (
        "import sys\nfrom agentops.evals.metrics import judge\n"
        "judge.check({'metric': 'toxicity', 'at_most': 0.5})\n"
        "try: judge.require()\nexcept Exception: pass\n"
        "sys.exit(any(m.split('.')[0] in ('deepeval', 'pydantic', 'openai') for m in sys.modules))"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def test_require_names_the_extra(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(ConfigError, match="needs deepeval") as refused:
        judge.require()
    assert "agentops-gate[judge]" in refused.value.hint


def test_require_returns_the_version(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"deepeval": "4.3.1"}[name])
    assert judge.require() == "4.3.1"


def test_labels_say_what_was_demanded():
    assert judge.label(assertion(RELEVANT)) == "judge answer_relevancy >= 0.7"
    assert judge.label(assertion(GEVAL)) == "judge geval politeness >= 0.6"
    assert judge.label(assertion(TOXIC, negate=True)) == "not judge toxicity <= 0.5"


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """Puts a shell script in the worker's place; scores with it."""
    monkeypatch.setattr(judge, "require", lambda: "4.3.1")

    def score(script, requests, **given):
        program = tmp_path / "worker"
        # It is started as: PYTHON -P -m MODULE REQUESTS RESULTS
        if script is not None:
            program.write_text(f"#!/bin/sh\nresults=$5\n{script}\n")
            program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        given = {"out": tmp_path, "cancel": threading.Event(), "timeout_s": 20} | given
        return judge.score(requests, ENDPOINT, **given)

    return score


def says(*results):
    """Shell lines that write these results."""
    return "\n".join(f"cat >> \"$results\" <<'EOF'\n{r if isinstance(r, str) else json.dumps(r)}\nEOF" for r in results)


def test_the_bound_decides_and_itself_is_within(worker):
    values = {"above": 0.71, "at": 0.7, "below": 0.69}
    results = [{"id": n, "score": v, "reason": "because"} for n, v in enumerate(values.values())]
    scores = worker(says(*results), [request(k) for k in values])
    assert [s.outcome for s in scores.values()] == [Outcome.PASS, Outcome.PASS, Outcome.FAIL]
    assert [s.value for s in scores.values()] == list(values.values())
    assert list(scores) == list(values)
    assert scores["at"].reason == "because [judge judge-1]"
    scores = worker(says(*results), [request(k, {"metric": "toxicity", "at_most": 0.7}) for k in values])
    assert [s.outcome for s in scores.values()] == [Outcome.FAIL, Outcome.PASS, Outcome.PASS]


def test_a_negated_assertion_turns_pass_and_fail_but_not_error(worker):
    requests = [request(k, negate=True) for k in ("high", "low", "none")]
    scores = worker(says({"id": 0, "score": 0.9}, {"id": 1, "score": 0.1}), requests)
    assert [s.outcome for s in scores.values()] == [Outcome.FAIL, Outcome.PASS, Outcome.ERROR]


@pytest.mark.parametrize("score", ["1.5", "-0.1", "NaN", "Infinity", "1e999", "true", "null", '"0.9"', "[1]"])
def test_a_score_out_of_range_is_an_error(worker, score):
    scores = worker(says(f'{{"id": 0, "score": {score}, "reason": "great"}}'), [request("a")])
    assert scores["a"].outcome is Outcome.ERROR
    assert "is not within 0 to 1" in scores["a"].reason
    assert scores["a"].value is None


@pytest.mark.parametrize(
    "line", ["", "not json", "[]", "{}", '{"id": "0", "score": 1}', '{"id": true, "score": 1}', '{"id": 0, "score": 1']
)
def test_a_malformed_result_is_an_error(worker, line):
    scores = worker(says(line), [request("a")])
    assert scores["a"].outcome is Outcome.ERROR
    assert "no result" in scores["a"].reason


def test_two_results_for_one_request_are_an_error(worker):
    scores = worker(says({"id": 0, "score": 0.1}, {"id": 0, "score": 0.9}), [request("a")])
    assert (scores["a"].outcome, scores["a"].reason) == (Outcome.ERROR, "the judge's process wrote two results")


def test_a_crash_keeps_what_was_written_and_tells_the_cause_without_the_key(worker):
    script = says({"id": 0, "score": 0.9}) + '\necho "boom $AGENTOPS_JUDGE_KEY" >&2; exit 3'
    scores = worker(script, [request("done"), request("lost")])
    assert scores["done"].outcome is Outcome.PASS
    assert scores["lost"].outcome is Outcome.ERROR
    assert scores["lost"].reason == "the judge's process ended with code 3: boom [redacted]"


def test_results_of_an_earlier_run_do_not_count(worker, tmp_path):
    (tmp_path / "judge-results.jsonl").write_text('{"id": 0, "score": 1.0, "reason": "old"}\n')
    assert worker("exit 0", [request("a")])["a"].outcome is Outcome.ERROR


def test_a_worker_that_cannot_be_started_is_an_error(worker):
    scores = worker(None, [request("a")])
    assert scores["a"].outcome is Outcome.ERROR
    assert "was not found" in scores["a"].reason


def test_a_worker_that_takes_too_long_keeps_what_was_written(worker):
    script = says({"id": 1, "score": 0.9}) + "\nsleep 30"
    scores = worker(script, [request("lost"), request("done")], timeout_s=0.5)
    assert [s.outcome for s in scores.values()] == [Outcome.ERROR, Outcome.PASS]
    assert "took longer than 0.5 s" in scores["lost"].reason


def test_cancel_is_an_interruption(worker):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted):
        worker("sleep 30", [request("a")], cancel=cancel)


def test_the_key_and_the_users_secrets_stay_where_they_belong(worker, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    monkeypatch.setenv("CONFIDENT_API_KEY", "of-the-user")
    seen = tmp_path / "seen"
    worker(f'env > {seen}; echo "$0 $*" > {seen}.argv; pwd > {seen}.cwd', [request("a")])
    env = dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)
    assert "of-the-user" not in seen.read_text()
    assert KEY not in Path(f"{seen}.argv").read_text() + (tmp_path / "judge-requests.jsonl").read_text()
    assert env["AGENTOPS_JUDGE_KEY"] == KEY
    assert env["HOME"] == env["DEEPEVAL_HOME"] == Path(f"{seen}.cwd").read_text().strip()
    assert not Path(env["HOME"]).exists()
    for switch in ("TELEMETRY_OPT_OUT", "DISABLE_DOTENV", "NO_INSPECT_PROMPT"):
        assert env[f"DEEPEVAL_{switch}"] == "1"
    assert env["DEEPEVAL_FILE_SYSTEM"] == "READ_ONLY"


def test_a_hostile_reason_is_made_safe_and_names_the_model_that_answered(worker):
    reason = f"\x1b[31mred\x00 \u202e ::error::x\r\n{KEY} " + "long " * 500
    scores = worker(says({"id": 0, "score": 0.9, "reason": reason, "model": "other\x1b[0m-model"}), [request("a")])
    shown = scores["a"].reason
    assert shown.isprintable()
    assert len(shown) < 700
    assert KEY not in shown
    assert shown.endswith("[judge other-model]")


def test_an_empty_answer_never_passes_and_costs_nothing(worker, tmp_path):
    requests = [
        request("quality", output=" \n"),
        request("fault", TOXIC, output=""),
        request("negated", output="", negate=True),
        request("geval", GEVAL, output="\t\x1b[0m"),
    ]
    scores = worker(f"touch {tmp_path}/started", requests)
    assert [s.outcome for s in scores.values()] == [Outcome.FAIL, Outcome.ERROR, Outcome.ERROR, Outcome.FAIL]
    assert scores["quality"].value == 0.0
    assert not (tmp_path / "started").exists()


def test_an_answer_too_long_to_judge_whole_is_an_error(worker):
    scores = worker("exit 0", [request("a", output="x" * (judge.LONGEST_ANSWER + 1))])
    assert scores["a"].outcome is Outcome.ERROR
    assert "50001 characters" in scores["a"].reason


def test_no_requests_need_no_worker(worker, tmp_path):
    assert worker(f"touch {tmp_path}/started", []) == {}
    assert not (tmp_path / "started").exists()


def test_refusals_come_before_any_cost(worker, monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match="unknown metric"):
        worker(f"touch {tmp_path}/started", [request("a"), request("b", {"metric": "vibes", "at_least": 1})])
    with pytest.raises(ValueError, match="same key"):
        worker(f"touch {tmp_path}/started", [request("a"), request("a")])
    for address in ("file:///etc/passwd", "judge:8000/v1", "http://", "http://user:hunter22@judge/v1"):
        monkeypatch.setattr(sys.modules[__name__], "ENDPOINT", judge.JudgeEndpoint("m", address, KEY, 1.0))
        with pytest.raises(ConfigError, match="base_url") as refused:
            worker(f"touch {tmp_path}/started", [request("a")])
        assert "hunter22" not in f"{refused.value.message} {refused.value.hint}"
    assert not (tmp_path / "started").exists()
