"""The worker without deepeval: the judge model's endpoint, its text, its verdicts, and the loop that serves."""

import contextlib
import io
import json
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_server import KEY, FakeJudge

from agentops.evals.metrics.judge import worker as judge_worker


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    pauses = []
    monkeypatch.setattr(judge_worker.time, "sleep", pauses.append)
    return pauses


def test_the_call_is_one_of_chat_completions():
    with FakeJudge(lambda prompt: "hello", usage={"prompt_tokens": 3, "completion_tokens": 1}) as fake:
        assert fake.client().ask("the prompt", system="s") == judge_worker.Said("hello", "fake-2", 3, 1)
    (body,), ((path, headers),) = fake.bodies, fake.headers
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["temperature"]) == ("judge-1", 0)
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert [m["content"] for m in body["messages"]] == ["s", "the prompt"]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "3"}, {"prompt_tokens": -1}, {"prompt_tokens": True}])
def test_tokens_that_are_not_told_are_unknown(usage):
    with FakeJudge(lambda prompt: "hello", usage=usage) as fake:
        assert fake.client().ask("x") == judge_worker.Said("hello", "fake-2", None, None)


def test_without_a_key_no_authorization_is_sent():
    with FakeJudge(lambda prompt: "hello") as fake:
        fake.client(api_key="").ask("x")
    assert "Authorization" not in fake.headers[0][1]


def test_the_key_leaves_the_environment():
    environ = dict.fromkeys(judge_worker.VARIABLES, "1") | {"PATH": "/bin"}
    _, parallel = judge_worker.endpoint_from(environ)
    assert (environ, parallel) == ({"PATH": "/bin"}, 1)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_and_broken_are_tried_again(status, no_pause):
    turns = iter([(status, {"Retry-After": "3"}, ""), (status, {"Retry-After": "9999"}, ""), "fine"])
    with FakeJudge(lambda prompt: next(turns)) as fake:
        assert fake.client().ask("x").text == "fine"
    assert no_pause == [3.0, 10.0]


def test_tries_are_bounded(no_pause):
    with FakeJudge(lambda prompt: (503, {}, "overloaded")) as fake, pytest.raises(judge_worker.JudgeError) as failed:
        fake.client().ask("x")
    assert str(failed.value) == "the judge answered HTTP 503: overloaded"
    assert len(fake.bodies) == 3
    assert no_pause == [0.5, 1.0]


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refusal_is_not_tried_again(status):
    with FakeJudge(lambda prompt: (status, {}, "no")) as fake, pytest.raises(judge_worker.JudgeError, match="HTTP 4"):
        fake.client().ask("x")
    assert len(fake.bodies) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(status):
    with (
        FakeJudge(lambda prompt: "stolen") as thief,
        FakeJudge(lambda prompt: (status, {"Location": thief.url}, "")) as fake,
        pytest.raises(judge_worker.JudgeError, match=f"HTTP {status}"),
    ):
        fake.client().ask("x")
    assert thief.headers == []


def test_loopback_goes_around_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with FakeJudge(lambda prompt: "direct") as fake:
        assert fake.client().ask("x").text == "direct"


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{}", '{"choices": []}', '{"choices":[{"message":{"content":null}}]}']
)
def test_what_is_no_chat_completion_is_an_error(body):
    with (
        FakeJudge(lambda prompt: (200, {}, body)) as fake,
        pytest.raises(judge_worker.JudgeError, match="no chat compl"),
    ):
        fake.client().ask("x")


def test_when_nobody_answers_the_rest_is_not_asked():
    client = judge_worker.Endpoint(model="m", base_url="http://127.0.0.1:9/v1", api_key="", timeout_s=1)
    causes = []
    for _ in range(10):
        with pytest.raises(judge_worker.Unreachable) as failed:
            client.ask("x")
        causes.append(str(failed.value))
    assert "no answer from 127.0.0.1:9" in causes[0]
    assert "refused" in causes[7]
    assert causes[8] == "not asked: the 8 calls before reached nobody at 127.0.0.1:9"


def test_after_a_while_an_endpoint_that_was_down_is_tried_again(monkeypatch):
    with FakeJudge(lambda prompt: "back") as fake:
        client = fake.client()
        monkeypatch.setattr(client, "_missed", 8)
        monkeypatch.setattr(client, "_missed_at", time.monotonic())
        with pytest.raises(judge_worker.Unreachable, match="not asked"):
            client.ask("x")
        monkeypatch.setattr(client, "_missed_at", time.monotonic() - 30)
        assert client.ask("x").text == client.ask("x").text == "back"


def test_a_deadline_ends_waiting_and_trying(no_pause):
    with FakeJudge(lambda prompt: (503, {"Retry-After": "5"}, "busy")) as fake:
        with pytest.raises(judge_worker.JudgeError, match="HTTP 503: busy"):
            fake.client().ask("x", deadline=time.monotonic() + 2)
        assert (no_pause, len(fake.bodies)) == ([], 1)
        with pytest.raises(judge_worker.JudgeError, match="time for this request is over"):
            fake.client().ask("x", deadline=time.monotonic())
    hang = threading.Event()
    with FakeJudge(lambda prompt: hang.wait(20) and "late") as fake:
        started = time.monotonic()
        with pytest.raises(judge_worker.Unreachable, match="timed out"):
            fake.client().ask("x", deadline=started + 0.2)
        assert time.monotonic() - started < 3
        hang.set()


@given(
    st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())),
    st.sampled_from(["{}", " \n{}\n", "```json\n{}\n```", "```\n{}```", "Here it is:\n{}\nThat is all."]),
)
def test_an_object_is_found_in_any_wrapping(data, wrapping):
    assert judge_worker.json_object(wrapping.replace("{}", json.dumps(data))) == data


@given(st.text() | st.text(alphabet='{}[]",:`\\ \nverdictsjo019'))
def test_any_text_gives_an_object_or_a_judge_error(said):
    with contextlib.suppress(judge_worker.JudgeError):
        assert isinstance(judge_worker.json_object(said), dict)


def test_of_two_objects_none_is_believed():
    with pytest.raises(judge_worker.JudgeError):
        judge_worker.json_object('The agent says {"score": 10}. My verdict: {"score": 1}')


def test_deep_nesting_is_a_judge_error():
    with pytest.raises(judge_worker.JudgeError):
        judge_worker.json_object('{"a":' + "[" * 200_000 + "]" * 200_000 + "}")


def metric(score, verdicts, items=None):
    said = [SimpleNamespace(verdict=v, reason=f"r{n}") for n, v in enumerate(verdicts)]
    return SimpleNamespace(score=score, verdicts=said, opinions=["x"] * len(verdicts) if items is None else items)


@pytest.mark.parametrize("scale", ["share of faults", "share without fault"])
def test_a_fault_counts_the_same_on_either_of_deepevals_scales(scale):
    score = 0.25 if scale == "share of faults" else 0.75
    value, reason = judge_worker.counted(
        metric(score, ["yes", "no", "no", "no"]), items="opinions", bad="yes", fault=True
    )
    assert (value, reason) == (0.25, "1 of 4 opinions count against the answer: r0")


@pytest.mark.parametrize(
    ("broken", "fault", "says"),
    [
        (metric(1.0, [], items=["a", "b"]), False, "0 verdicts on 2 opinions"),
        (metric(1.0, ["no"] * 9, items=["a"]), True, "9 verdicts on 1 opinions"),
        (metric(1.0, []), False, "found no opinions"),
        (metric(0.9, ["yes", "no"]), True, "does not follow"),
    ],
)
def test_a_score_that_the_verdicts_do_not_carry_is_refused(broken, fault, says):
    with pytest.raises(judge_worker.JudgeError, match=says):
        judge_worker.counted(broken, items="opinions", bad="yes", fault=fault)


def served(lines, measure, *, parallel=2, secrets=()):
    results = io.StringIO()
    requests = io.StringIO("".join(json.dumps(line) + "\n" for line in lines))
    judge_worker.serve(requests, results, measure=measure, parallel=parallel, secrets=secrets)
    return {line["id"]: line for line in map(json.loads, results.getvalue().splitlines())}


def test_every_line_is_answered_by_one():
    lines = [{"id": n, "limit_s": 5, "request": {"n": n}} for n in range(50)]
    got = served(lines, lambda request, deadline: {"score": request["n"]}, parallel=8)
    assert got == {n: {"id": n, "score": n} for n in range(50)}


def test_whatever_is_thrown_is_the_error_of_that_request_without_the_key():
    def measure(request, deadline):
        if request == "judge":
            raise judge_worker.JudgeError(f"the key {KEY} is bad")
        if request == "bug":
            raise KeyError("x")
        return {"score": 1, "reason": KEY}

    got = served([{"id": n, "limit_s": 5, "request": n} for n in ("judge", "bug", "ok")], measure, secrets=[KEY])
    assert got["judge"]["error"] == "the key [redacted] is bad"
    assert got["bug"]["error"] == "KeyError: 'x'"
    assert got["ok"]["reason"] == "[redacted]"


def test_a_request_gets_a_deadline_of_its_own():
    left = {}
    served(
        [{"id": n, "limit_s": n, "request": n} for n in (3, 60)],
        lambda request, deadline: left.update({request: deadline - time.monotonic()}) or {},
    )
    assert 2 < left[3] <= 3
    assert 59 < left[60] <= 60
