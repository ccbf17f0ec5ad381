"""The runner against real agents on loopback, well and badly behaved."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from running import Records, room, run

from agentops.agents.open import open_agent
from agentops.errors import Interrupted, ReportError
from agentops.evals import runner, schedule
from agentops.model.case import Assertion, Attempt, Case, Turn
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.settings import Agent, Runs

Behave = Callable[[Any], None]


class FullDisk(Records):
    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        raise ReportError("the journal cannot be written: No space left on device")


def cases(count: int, kind: str = "contains", **params: Any) -> tuple[Case, ...]:
    expect = (Assertion(kind, params or {"value": "ok"}),)
    return tuple(Case(f"c{i}", (Turn(f"question {i}"),), (), expect, Location("s.yaml", i)) for i in range(count))


def ask(
    url: str,
    asked: tuple[Case, ...],
    *,
    runs: int = 1,
    timeout_s: float = 0.5,
    journal: Any = None,
    cancel: threading.Event | None = None,
    trouble: Callable[[], str | None] = lambda: None,
    concurrency: int = 4,
    secrets: tuple[str, ...] = (),
) -> tuple[list[Attempt], str]:
    """A run of all that is planned. Returns the attempts as the journal has them, and why it stopped early."""
    plan = runner.Plan(asked, Runs(runs, runs), concurrency, timeout_s, retries=2, seed=1, session_prefix="t")
    log = journal or Records()

    async def go() -> runner.Ran:
        async with open_agent(Agent("a"), url, connections=concurrency) as agent:
            given = room(agent, log, cancel=cancel or threading.Event(), trouble=trouble, secrets=secrets)
            return await run(plan, given)

    ran = asyncio.run(go())
    assert len(ran.attempts) == len(log.attempts())
    return log.attempts(), ran.gone


def test_every_case_is_asked_as_often_as_planned_in_a_session_of_its_own(agent: Callable[[Behave], Any]) -> None:
    server = agent(lambda r: r.say("ok"))
    journal = Records()
    attempts, stopped = ask(server.url, cases(10), runs=3, journal=journal)
    assert stopped == ""
    assert sorted((a.case_id, a.run) for a in attempts) == sorted((f"c{i}", n) for i in range(10) for n in (1, 2, 3))
    assert all(a.outcome is Outcome.PASS for a in attempts)
    assert [a.seq for a in attempts] == list(range(1, 31))
    assert len({session for _, session in server.seen}) == 30
    assert [kind for kind, _ in journal.rows].count("attempt") == 30
    assert [kind for kind, _ in journal.rows].count("asked") == 30, "each is told before it is asked"


def test_the_order_follows_from_the_seed() -> None:
    def order(seed: int) -> list[tuple[str, int]]:
        return [(s.case.id, s.run) for s in schedule.slots(cases(20), seed=seed, first=1, last=40)]

    assert order(5) == order(5) != order(6)
    assert {run for _, run in order(5)[:20]} == {1}
    assert order(5)[:20] != [(case, 1) for case, _ in order(5)[20:]], "each round has an order of its own"


def hostile(request: Any) -> None:
    number = int(request.asked.split()[1])
    good = {"choices": [{"message": {"content": "ok"}}]}
    [
        lambda: request.hang(),
        lambda: request.reset(),
        lambda: request.reply(b"<html><body>502 Bad gateway</body></html>"),
        lambda: request.reply(b'{"choices": [{"message": {"content": "' + b"x" * 50_000_000 + b'"}}]}'),
        lambda: request.reply(b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'),
        lambda: request.reply({"error": "none of yours \x1b[31m"}, 500),
        lambda: request.reply({"choices": []}),
        lambda: request.reply(b"["  * 100_000),
        lambda: request.reply(good, 302, Location="/elsewhere"),
        lambda: request.say("ok \x00\x1b[2J ]]> \ud800"),
    ][number]()  # fmt: skip


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "no answer within 0.5 s"),
        (1, "the connection broke"),
        (2, "the body is HTML"),
        (3, "larger than 4 MiB"),
        (4, "not UTF-8 at byte 38"),
        (5, "the agent answered HTTP 500"),
        (6, "holds no choices"),
        (7, "nested deeper than 100 levels"),
        (8, "the agent answered HTTP 302"),
    ],
)
def test_what_is_no_answer_is_an_error_that_says_so(agent: Callable[[Behave], Any], number: int, said: str) -> None:
    server = agent(hostile)
    (attempt,), _ = ask(server.url, (cases(10)[number],))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.answers == ()
    assert said in attempt.error
    assert "\x1b" not in attempt.error
    assert len(server.seen) == (3 if number == 1 else 1), "only trouble on the way is tried again"


def test_control_characters_are_an_answer_like_any_other(agent: Callable[[Behave], Any]) -> None:
    (attempt,), _ = ask(agent(hostile).url, (cases(10)[9],))
    assert attempt.outcome is Outcome.PASS
    assert attempt.answers[0].text.endswith("]]> \ud800")


def test_a_retry_waits_as_long_as_it_was_asked_to_and_is_recorded(agent: Callable[[Behave], Any]) -> None:
    def busy_once(request: Any) -> None:
        request.say("ok") if "retry" in request.session else request.reply({}, 429, Retry_After="0.3")

    started = time.monotonic()
    (attempt,), _ = ask(agent(busy_once).url, cases(1))
    assert time.monotonic() - started >= 0.3
    assert attempt.outcome is Outcome.PASS
    assert attempt.retries == ("the agent answered HTTP 429: {}",)


def test_a_wrong_answer_is_never_asked_for_again(agent: Callable[[Behave], Any]) -> None:
    server = agent(lambda r: r.say("no"))
    (attempt,), _ = ask(server.url, cases(1))
    assert attempt.outcome is Outcome.FAIL
    assert len(server.seen) == 1


def test_a_target_that_is_gone_is_given_up(agent: Callable[[Behave], Any]) -> None:
    started = time.monotonic()
    attempts, stopped = ask(agent(lambda r: r.reset()).url, cases(100), runs=3)
    assert time.monotonic() - started < 10
    assert "calls in a row without an answer" in stopped
    assert len(attempts) < 20
    assert all(a.outcome is Outcome.ERROR for a in attempts)


def test_a_container_that_died_stops_the_run_at_once(agent: Callable[[Behave], Any]) -> None:
    attempts, stopped = ask(agent(lambda r: r.reset()).url, cases(50), trouble=lambda: "exited with 137", concurrency=1)
    assert stopped == "exited with 137"
    assert len(attempts) == 1


def test_a_tool_assertion_without_a_trace_is_an_error_a_negative_one_too(agent: Callable[[Behave], Any]) -> None:
    silent = agent(lambda r: r.say("ok"))
    for kind in ("tool_called", "tool_not_called"):
        (attempt,), _ = ask(silent.url, cases(1, kind, value="refund"))
        assert attempt.outcome is Outcome.ERROR
        assert "no trace" in attempt.error
    telling = agent(lambda r: r.say("ok", trace={"tool_calls": []}))
    (attempt,), _ = ask(telling.url, cases(1, "tool_not_called", value="refund"))
    assert attempt.outcome is Outcome.PASS


def test_a_call_that_is_stopped_raises_interrupted(agent: Callable[[Behave], Any]) -> None:
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        ask(agent(lambda r: r.hang()).url, cases(4), timeout_s=30, cancel=cancel)
    assert time.monotonic() - started < 2


def test_a_full_disk_ends_the_run_with_its_cause(agent: Callable[[Behave], Any]) -> None:
    with pytest.raises(ReportError, match="No space left"):
        ask(agent(lambda r: r.say("ok")).url, cases(3), journal=FullDisk())


def test_concurrency_is_used_and_kept(agent: Callable[[Behave], Any]) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def slow(request: Any) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        request.say("ok")

    ask(agent(slow).url, cases(40), concurrency=5, timeout_s=5)
    assert most[0] == 5


def test_what_had_begun_to_arrive_is_never_asked_for_again(agent: Callable[[Behave], Any]) -> None:
    def cut(request: Any) -> None:
        request.close_connection = True
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'{"choices": [{"message": {"content": "FORBIDDEN')

    server = agent(cut)
    (attempt,), _ = ask(server.url, cases(1))
    assert attempt.outcome is Outcome.ERROR
    assert "the answer broke off" in attempt.error
    assert len(server.seen) == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "soon", "Wed, 99 Foo"])
def test_a_senseless_wait_is_not_obeyed(agent: Callable[[Behave], Any], value: str) -> None:
    def busy_once(request: Any) -> None:
        request.say("ok") if "retry" in request.session else request.reply({}, 503, Retry_After=value)

    started = time.monotonic()
    (attempt,), _ = ask(agent(busy_once).url, cases(1))
    assert attempt.outcome is Outcome.PASS
    assert time.monotonic() - started < 5


def test_a_secret_that_the_agent_says_is_kept_nowhere(agent: Callable[[Behave], Any]) -> None:
    secret = 'sk-"quoted"\\secret'
    journal = Records()

    def telling(request: Any) -> None:
        calls = [{"name": "t", "arguments": {"key": secret}}]
        request.say(f"ok, my key is {secret}", trace={"tool_calls": calls})

    attempts, _ = ask(agent(telling).url, cases(2), journal=journal, secrets=(secret,))
    assert all(a.outcome is Outcome.PASS for a in attempts)
    assert "sk-" not in repr(attempts) + repr(journal.rows)
    assert "[redacted]" in repr(attempts)
