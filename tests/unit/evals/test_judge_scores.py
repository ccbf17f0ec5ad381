"""The judge as the run sees it: what becomes of what a worker says, and of one that dies, hangs or lies.

A small program stands in the worker's place, so that no deepeval is needed.
"""

import asyncio
import json
import sys
import threading
import time
import unicodedata
from pathlib import Path

import pytest
from judge_server import ask_all, evidence, seen

from agentops.errors import ConfigError, Interrupted, MeasurementError
from agentops.evals.metrics import judge
from agentops.evals.metrics.judge import session as judge_session
from agentops.model.case import Assertion
from agentops.model.outcome import Outcome
from agentops.model.settings import Judge

KEY = "sk-very-secret-key"
ENDPOINT = judge.JudgeEndpoint("judge-1", "http://127.0.0.1:9/v1", KEY, 5.0)
RELEVANT = {"metric": "answer_relevancy", "at_least": 0.7}
GEVAL = {"metric": "geval", "name": "politeness", "steps": ["Is it polite?"], "at_least": 0.6}
TOXIC = {"metric": "toxicity", "at_most": 0.5}
# `say(id, ...)` answers; what a test gives is run for each request, with `output` and `id` at hand.
PROGRAM = """
import json, os, signal, subprocess, sys, threading, time
LOG = {log!r}
def say(id, **result):
    sys.stdout.write(json.dumps(dict(result, id=id)) + "\\n")
    sys.stdout.flush()
def good(id, score=0.9, **rest):
    say(id, score=score, reason="because", model="judge-1", **rest)
def note(text):
    with open(LOG, "a") as log:
        log.write(text + "\\n")
note("started")
hello = json.loads(sys.stdin.readline())
{before}
sys.stdout.write(json.dumps(dict(ready="4.3.1", problems={problems!r})) + "\\n")
sys.stdout.flush()
for line in sys.stdin:
    asked = json.loads(line)
    id, output = asked["id"], asked["request"]["fields"]["actual_output"]
    note("asked " + output)
{each}
note("ended")
"""


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """Puts a program in the worker's place; returns what asks with it."""
    monkeypatch.setattr(judge, "require", lambda: "4.3.1")
    python, log = sys.executable, tmp_path / "log"
    log.touch()

    def put(each, *, before="", problems=()):
        body = "\n".join("    " + line for line in each.splitlines())
        program = tmp_path / "program.py"
        program.write_text(PROGRAM.format(log=str(log), before=before, problems=list(problems), each=body))
        start = tmp_path / "start"
        start.write_text(f'#!/bin/sh\nARGS="$*" exec {python} {program}\n')
        start.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(start))

    def ask(each, requests, *, before="", problems=(), endpoint=ENDPOINT, **given):
        put(each, before=before, problems=problems)
        return ask_all(requests, endpoint, out=tmp_path, **given)

    ask.put = put
    ask.log = lambda: log.read_text().splitlines()
    return ask


def one(output="An answer.", params=RELEVANT, *, negate=False):
    return Assertion("judge", params, negate), seen(output)


def test_the_bound_decides_and_itself_is_within(worker):
    each = "good(id, dict(above=0.71, at=0.7, below=0.69)[output])"
    scores = worker(each, [one(o) for o in ("above", "at", "below")])
    assert [s.outcome for s in scores] == [Outcome.PASS, Outcome.PASS, Outcome.FAIL]
    assert [s.value for s in scores] == [0.71, 0.7, 0.69]
    assert scores[1].reason == "because [judge judge-1]"
    assert scores[1].assertion == "judge answer_relevancy >= 0.7"
    most = {"metric": "toxicity", "at_most": 0.7}
    scores = worker(each, [one(o, most) for o in ("above", "at", "below")])
    assert [s.outcome for s in scores] == [Outcome.FAIL, Outcome.PASS, Outcome.PASS]


def test_a_negated_assertion_turns_pass_and_fail_but_not_error(worker):
    each = "say(id, error='no') if output == 'none' else good(id, dict(high=0.9, low=0.1)[output])"
    scores = worker(each, [one(o, negate=True) for o in ("high", "low", "none")])
    assert [s.outcome for s in scores] == [Outcome.FAIL, Outcome.PASS, Outcome.ERROR]


@pytest.mark.parametrize("score", ["1.5", "-0.1", "NaN", "Infinity", "1e999", "true", "null", '"0.9"', "[1]"])
def test_a_score_out_of_range_is_an_error(worker, score):
    each = f"""print('{{"id": %d, "score": {score}, "reason": "great"}}' % id, flush=True)"""
    (got,) = worker(each, [one()])
    assert got.outcome is Outcome.ERROR
    assert "is not within 0 to 1" in got.reason
    assert got.value is None


@pytest.mark.parametrize(
    "line", ["", "not json", "[]", "{}", '{"id": "0", "score": 1}', '{"id": true, "score": 1}', '{"id": 7, "score": 1}']
)
def test_what_is_no_result_is_waited_over(worker, line):
    (got,) = worker(f"print({line!r}, flush=True)\ngood(id, 0.2)", [one()])
    assert (got.outcome, got.value) == (Outcome.FAIL, 0.2)


def test_of_two_results_the_first_counts(worker):
    got = worker("good(id, 0.1)\ngood(id, 0.9)", [one("a"), one("b")])
    assert [g.value for g in got] == [0.1, 0.1]


def test_requests_are_in_flight_together_and_answered_in_any_order(worker):
    each = """
held = globals().setdefault("held", [])
held.append((id, output))
if len(held) == 3:
    for number, said in reversed(held):
        good(number, dict(a=0.1, b=0.2, c=0.3)[said])
""".strip()
    scores = worker(each, [one(o) for o in "abc"], parallel=3)
    assert [s.value for s in scores] == [0.1, 0.2, 0.3]


def test_no_more_are_in_flight_than_allowed(worker):
    each = """
flying = globals().setdefault("flying", set())
flying.add(id)
note("flying %d" % len(flying))
def later(id=id):
    time.sleep(0.02)
    flying.discard(id)
    good(id)
threading.Thread(target=later).start()
""".strip()
    worker(each, [one(str(n)) for n in range(12)], parallel=3)
    flying = [int(line.split()[1]) for line in worker.log() if line.startswith("flying")]
    assert max(flying) == 3


def test_a_worker_that_dies_is_started_again_and_its_requests_are_asked_once_more(worker):
    each = "os._exit(3) if open(LOG).read().count('started') == 1 else good(id)"
    scores = worker(each, [one(str(n)) for n in range(3)])
    assert [s.outcome for s in scores] == [Outcome.PASS] * 3
    assert worker.log().count("started") == 2


def test_a_request_that_kills_twice_is_an_error_with_the_cause_and_without_the_key(worker):
    each = """
if output == "poison":
    sys.stderr.write("boom " + os.environ["AGENTOPS_JUDGE_KEY"])
    sys.stderr.flush()
    os._exit(3)
good(id)
""".strip()
    poison, other = worker(each, [one("poison"), one("fine")], parallel=1)
    assert poison.outcome is Outcome.ERROR
    assert poison.reason == "the judge's process ended with code 3: boom [redacted]"
    assert other.outcome is Outcome.PASS
    assert worker.log().count("asked poison") == 2


def test_a_worker_that_always_dies_is_not_started_for_ever(worker):
    scores = worker("os._exit(1)", [one(str(n)) for n in range(20)])
    assert {s.outcome for s in scores} == {Outcome.ERROR}
    assert worker.log().count("started") == 4
    assert "started 4 times and did not last" in scores[-1].reason


def test_what_the_judge_says_is_never_asked_anew(worker):
    (got,) = worker("say(id, error='the judge is confused')", [one()])
    assert got.outcome is Outcome.ERROR
    assert worker.log().count("asked An answer.") == 1


def test_a_request_that_hangs_is_an_error_and_the_others_are_asked_again(worker, monkeypatch, tmp_path):
    monkeypatch.setattr(judge_session, "_GRACE_S", 0.1)
    worker.put("if output == 'good' and open(LOG).read().count('started') == 2: good(id)")

    async def run():
        cancel = threading.Event()
        async with judge.open_session(Judge(), ENDPOINT, out=tmp_path, cancel=cancel, limit_s=0.7) as session:
            hung = asyncio.create_task(session(*one("hang")))
            await asyncio.sleep(0.4)
            return await session(*one("good")), await hung

    fine, hung = asyncio.run(run())
    assert fine.outcome is Outcome.PASS
    assert (hung.outcome, hung.reason) == (Outcome.ERROR, "the judge gave no result within 0.7 s")
    assert worker.log().count("asked hang") == 1


def test_the_worker_is_told_how_long_it_may_take(worker):
    worker("note('limit %r' % asked['limit_s'])\ngood(id)", [one()], limit_s=7.5)
    assert "limit 7.5" in worker.log()
    worker("note('limit %r' % asked['limit_s'])\ngood(id)", [one()])
    assert "limit 20.0" in worker.log()


def test_a_worker_that_does_not_start_is_told(worker, tmp_path, monkeypatch):
    with pytest.raises(MeasurementError, match=r"did not start: .*ended with code 9: no module"):
        worker("", [one()], before="sys.stderr.write('no module'); sys.stderr.flush(); os._exit(9)")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(MeasurementError, match="was not found"):
        ask_all([one()], ENDPOINT, out=tmp_path)


def test_a_worker_that_never_gets_ready_is_told(worker, monkeypatch):
    monkeypatch.setattr(judge_session, "_START_S", 0.3)
    with pytest.raises(MeasurementError, match="not ready within"):
        worker("", [one()], before="time.sleep(60)")


def test_problems_of_the_start_are_refusals(worker):
    asked = [Assertion("judge", RELEVANT), Assertion("judge", {"metric": "deepeval.Fatihfulness", "at_least": 0.5})]
    with pytest.raises(ConfigError, match="no such metric") as refused:
        worker("good(id)", [], problems=["", "judge deepeval.Fatihfulness: no such metric"], assertions=asked)
    assert refused.value.problems == ("judge deepeval.Fatihfulness: no such metric",)


def test_the_worker_looks_at_each_kind_of_assertion_once(worker):
    asked = [Assertion("judge", RELEVANT | {"at_least": b}) for b in (0.5, 0.6)] + [Assertion("judge", TOXIC)]
    worker("good(id)", [one()], before="note('hello %r' % [a['metric'] for a in hello['check']])", assertions=asked)
    assert "hello ['answer_relevancy', 'toxicity']" in worker.log()


@pytest.mark.parametrize("when", ["before", "during"])
def test_cancel_is_an_interruption_and_soon(worker, when):
    cancel = threading.Event()
    if when == "before":
        cancel.set()
    threading.Timer(0.3, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        worker("time.sleep(60)", [one(str(n)) for n in range(9)], cancel=cancel)
    assert time.monotonic() - started < 5


def test_nothing_is_left_running(worker, tmp_path):
    each = """
child = subprocess.Popen(["sleep", "60"])
note("pid %d" % child.pid)
note("pid %d" % os.getpid())
signal.signal(signal.SIGTERM, signal.SIG_IGN) if output == "deaf" else None
good(id)
""".strip()
    before = {p.name for p in Path("/tmp").glob("agentops-judge-*")}
    worker(each, [one()])
    for pid in (line.split()[1] for line in worker.log() if line.startswith("pid")):
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or ") Z " in state.read_text()
    assert {p.name for p in Path("/tmp").glob("agentops-judge-*")} <= before
    assert not [t for t in threading.enumerate() if t.name == "judge"]


def test_the_key_and_the_users_secrets_stay_where_they_belong(worker, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    monkeypatch.setenv("CONFIDENT_API_KEY", "of-the-user")
    worker("note(json.dumps([dict(os.environ), os.getcwd(), os.listdir()]))\ngood(id)", [one()])
    env, cwd, there = json.loads(next(line for line in worker.log() if line.startswith("[")))
    assert "of-the-user" not in json.dumps(env)
    assert KEY not in env["ARGS"] + (tmp_path / "judge.jsonl").read_text()
    assert env["ARGS"].startswith("-P -m agentops.evals.metrics.judge.deepeval")
    assert env["AGENTOPS_JUDGE_KEY"] == KEY
    assert there == []
    assert env["HOME"] == env["DEEPEVAL_HOME"] == cwd
    assert not Path(cwd).exists()
    for switch in ("TELEMETRY_OPT_OUT", "DISABLE_DOTENV", "NO_INSPECT_PROMPT"):
        assert env[f"DEEPEVAL_{switch}"] == "1"
    assert env["DEEPEVAL_FILE_SYSTEM"] == "READ_ONLY"


def test_a_hostile_reason_is_made_safe_and_names_the_model_that_answered(worker, tmp_path):
    reason = f"\x1b[31mred\x00 \u202e ::error::x\r\n{KEY} " + "long " * 500
    each = f"say(id, score=0.9, reason={reason!r}, model='other\\x1b[0m-model')"
    (got,) = worker(each, [one()])
    assert got.reason.isprintable()
    assert len(got.reason) < 700
    assert KEY not in got.reason + (tmp_path / "judge.jsonl").read_text()
    assert got.reason.endswith("[judge other-model]")


def test_an_empty_answer_never_passes_and_costs_nothing(worker):
    requests = [one(" \n"), one("", TOXIC), one("", negate=True), one("\t\x1b[0m\u200b", GEVAL)]
    scores = worker("good(id)", requests)
    assert [s.outcome for s in scores] == [Outcome.FAIL, Outcome.ERROR, Outcome.ERROR, Outcome.FAIL]
    assert scores[0].value == 0.0
    assert not [line for line in worker.log() if line.startswith("asked")]


def test_what_is_too_long_to_judge_whole_is_an_error(worker):
    long = seen("fine", question="x" * 100_001)
    scores = worker("good(id)", [one("x" * 50_001), (Assertion("judge", RELEVANT), long), one("x" * 50_000)])
    assert [s.outcome for s in scores] == [Outcome.ERROR, Outcome.ERROR, Outcome.PASS]
    assert "50001 characters" in scores[0].reason


@pytest.mark.parametrize("address", ["file:///etc/passwd", "judge:8000/v1", "http://", "http://user:hunter22@judge/v1"])
def test_an_address_that_is_none_is_refused_before_any_cost(worker, address):
    with pytest.raises(ConfigError, match="base_url") as refused:
        worker("good(id)", [one()], endpoint=judge.JudgeEndpoint("m", address, KEY, 1.0))
    assert "hunter22" not in f"{refused.value.message} {refused.value.hint}"
    assert worker.log() == []


def test_the_evidence_says_what_led_to_each_score(worker, tmp_path):
    rubric = [{"range": [0, 4], "expect": "rude"}, {"range": [5, 10], "expect": "polite"}]
    params = GEVAL | {"rubric": rubric, "expected_output": "Thanks."}
    told = "good(id, 0.8, steps=['s1'], calls=2, input_tokens=11, output_tokens=7)"
    each = f"{told} if output != 'bad' else say(id, error='no')"
    worker(each, [one("Hello.", params), one("Hello!", params), one("bad", params), one("", params)])
    lines = evidence(tmp_path)
    assert [line["outcome"] for line in lines].count("pass") == 2
    first = next(line for line in lines if line["outcome"] == "pass")
    assert first["params"] == {
        "name": "politeness",
        "steps": ["Is it polite?"],
        "rubric": rubric,
        "expected_output": "Thanks.",
    }
    assert (first["score"], first["steps"], first["model"]) == (0.8, ["s1"], "judge-1")
    assert (first["calls"], first["input_tokens"], first["output_tokens"]) == (2, 11, 7)
    assert first["reason"].startswith("because")
    assert len({line["output_sha256"] for line in lines}) == 4
    assert all(len(line["output_sha256"]) == 64 for line in lines)
    assert "Hello" not in (tmp_path / "judge.jsonl").read_text()


def test_an_answer_is_kept_between_runs_and_told_as_such(worker, tmp_path):
    settings = Judge(cache="kept")
    given = {"settings": settings, "root": tmp_path}
    each = "good(id, 0.8) if output != 'bad' else say(id, error='no')"
    requests = [one("a"), one("b", RELEVANT | {"at_least": 0.9}), one("bad")]
    first = worker(each, requests, **given)
    again = worker(each, requests, **given)
    assert [(s.outcome, s.value) for s in again] == [(s.outcome, s.value) for s in first]
    assert [s.reason for s in again[:2]] == ["because [judge judge-1, cached]"] * 2
    assert worker.log().count("asked a") == worker.log().count("asked b") == 1
    assert worker.log().count("asked bad") == 2  # an error is no answer
    assert [line["cached"] for line in evidence(tmp_path)].count(True) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"params": GEVAL | {"steps": ["Is it rude?"]}},
        {"params": GEVAL | {"name": "x"}},
        {"params": GEVAL | {"expected_output": "x"}},
        {"params": GEVAL | {"rubric": [{"range": [0, 10], "expect": "x"}]}},
        {"params": {"metric": "answer_relevancy", "at_least": 0.6}},
        {"output": "another answer"},
        {"question": "another question"},
        {"endpoint": judge.JudgeEndpoint("judge-2", ENDPOINT.base_url, KEY, 5.0)},
        {"endpoint": judge.JudgeEndpoint("judge-1", "http://127.0.0.1:10/v1", KEY, 5.0)},
        {"version": "4.3.2"},
        {"blind": ("answer",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_could_lead_to_another_answer_is_asked_anew(worker, tmp_path, monkeypatch, change):
    def ask(*, params=GEVAL, output="an answer", question="q", endpoint=ENDPOINT, version="4.3.1", blind=()):
        monkeypatch.setattr(judge, "require", lambda: version)
        settings = Judge(cache="kept", blind=blind)
        request = (Assertion("judge", params), seen(output, question=question))
        (got,) = worker("good(id)", [request], settings=settings, root=tmp_path, endpoint=endpoint)
        return "cached" in got.reason

    assert not ask()
    assert ask()
    assert ask(params=GEVAL | {"at_least": 0.1})  # the bound is not the judge's business
    assert not ask(**change)


def test_a_script_is_another_judge_when_it_changes(worker, tmp_path):
    def ask(identity):
        endpoint = judge.JudgeEndpoint("scripted:x", ENDPOINT.base_url, KEY, 5.0, identity)
        (got,) = worker("good(id)", [one()], settings=Judge(cache="kept"), root=tmp_path, endpoint=endpoint)
        return "cached" in got.reason

    assert [ask(""), ask(""), ask("one"), ask("one"), ask("two")] == [False, False, False, True, False]


def test_words_that_are_blinded_and_the_suites_secrets_do_not_reach_the_worker(worker, tmp_path):
    settings = Judge(blind=("Acme", "Acme Bot"))
    params = GEVAL | {"steps": ["Is ACME bot polite?"], "expected_output": "by acme", "at_least": 0.613}
    each = "note(line)\ngood(id)"
    request = (Assertion("judge", params), seen("AcmeBot here, \uff21cme too. Ac\u200bme", question="Who is acme?"))
    worker(each, [request], settings=settings)
    (line,) = [line for line in worker.log() if line.startswith("{")]
    said = json.loads(line)
    assert "acme" not in unicodedata.normalize("NFKC", json.dumps(said, ensure_ascii=False)).casefold()
    assert said["request"]["fields"]["actual_output"] == "[name]Bot here, [name] too. [name]"
    assert said["request"]["params"]["steps"] == ["Is [name] polite?"]
    assert set(said) == {"id", "limit_s", "request"}
    assert set(said["request"]) == {"metric", "params", "fields"}
    assert "0.613" not in line


def test_cancelling_one_caller_leaves_the_others(worker, tmp_path):
    worker.put("if output != 'slow': good(id)")

    async def run():
        opened = judge.open_session(Judge(), ENDPOINT, out=tmp_path, cancel=threading.Event())
        async with opened as session:
            slow = asyncio.create_task(session(*one("slow")))
            await asyncio.sleep(0.05)
            slow.cancel()
            return await session(*one("fine"))

    assert asyncio.run(run()).outcome is Outcome.PASS


def test_a_session_that_is_closed_says_so(worker, tmp_path):
    worker.put("good(id)")

    async def run():
        async with judge.open_session(Judge(), ENDPOINT, out=tmp_path, cancel=threading.Event()) as session:
            pass
        return await session(*one())

    got = asyncio.run(run())
    assert (got.outcome, got.reason) == (Outcome.ERROR, "the judge's session is closed")
