"""Recorded sessions put to a pod: a server on loopback stands for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fake_cluster import FakeCluster

from agentops.model.case import Answer, Case, ToolCall, Turn
from agentops.model.finding import Location
from agentops.model.rollout import Plan, State
from agentops.model.rollout_settings import Analysis, Place, Shadow, Spend
from agentops.model.seen import ToolPolicy
from agentops.model.settings import Agent, Price
from agentops.rollout.names import Names
from agentops.rollout.shadow.replay import Asking, Replay
from agentops.rollout.shadow.sessions import Recorded, Session
from agentops.rollout.shadow.trials import ReplayTrial, Stand
from agentops.rollout.workload import APP, MODE

Reply = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


def completion(text: str, *, tokens: int = 10, calls: tuple[dict[str, Any], ...] = ()) -> tuple[int, dict[str, Any]]:
    usage = {"prompt_tokens": tokens, "completion_tokens": 0}
    message = {"role": "assistant", "content": text}
    return 200, {"model": "m", "choices": [{"message": message}], "usage": usage, "trace": {"tool_calls": list(calls)}}


class Pod:
    """What stands for the canary's pod: `reply` gives status and body, `asked` and `headers` keep what came."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def serve(reply: Reply) -> Iterator[tuple[Pod, int]]:
    pod = Pod(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            pod.asked.append(body)
            pod.headers.append({k.lower(): v for k, v in self.headers.items()})
            status, data = pod.reply(body)
            content = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hung up is nothing to tell."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield pod, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def recorded(count: int, *, turns: int = 1) -> Recorded:
    def session(number: int) -> Session:
        case = Case(f"s{number}", tuple(Turn(f"q{number}.{i}") for i in range(turns)), (), (), Location("x"))
        answers = tuple(Answer(f"a{number}.{i}", tool_calls=()) for i in range(turns))
        return Session(f"s{number}", case, answers, (), selected=False, origin="test")

    return Recorded(tuple(session(i) for i in range(count)), sha256=f"{count}-{turns}")


def asking(**more: Any) -> Asking:
    agent = more.pop("agent", Agent("a", port=8080))
    return Asking(agent, "shadow-r1", **{"budget": Spend(), "timeout_s": 5.0, **more})


def cluster(port: int) -> FakeCluster:
    found = FakeCluster()
    found.ports[("pod-1", 8080)] = port
    return found


def finish(replay: Replay) -> dict[str, Any]:
    replay.start()
    deadline = time.monotonic() + 20
    while replay.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not replay.running
    return replay.poll()


def test_every_session_is_put_once_and_compared() -> None:
    with serve(lambda _: completion("fine")) as (pod, port):
        found = finish(Replay(cluster(port), recorded(7), asking(), pod="pod-1"))
    assert (found["done"], found["pairs"]["both"], found["ended"]) == (7, 7, "all")
    assert sorted(body["messages"][0]["content"] for body in pod.asked) == [f"q{i}.0" for i in range(7)]
    assert found["spent"] == {"calls": 7, "tokens": 70, "usd": 0.0}
    assert {headers["x-agentops-shadow"] for headers in pod.headers} == {"1"}
    assert len({body["user"] for body in pod.asked}) == 7


def test_each_turn_is_put_with_the_recorded_history() -> None:
    with serve(lambda _: completion("something else")) as (pod, port):
        finish(Replay(cluster(port), recorded(1, turns=2), asking(), pod="pod-1"))
    assert [m["content"] for m in pod.asked[1]["messages"]] == ["q0.0", "a0.0", "q0.1"]


@pytest.mark.parametrize(
    ("budget", "calls"), [(Spend(calls=3), 3), (Spend(tokens=25), 3), (Spend(usd=0.00002), 2)]
)  # fmt: skip
def test_the_budget_ends_it_and_keeps_the_evidence(budget: Spend, calls: int) -> None:
    prices = {"*": Price(1.0, 1.0)}
    with serve(lambda _: completion("fine")) as (pod, port):
        found = finish(Replay(cluster(port), recorded(9), asking(budget=budget, at_once=1, prices=prices), pod="pod-1"))
    assert (found["ended"], found["done"], len(pod.asked)) == ("budget", calls, calls)


def test_a_budget_that_the_answers_do_not_tell_ends_it() -> None:
    with serve(lambda _: completion("fine")) as (pod, port):
        found = finish(Replay(cluster(port), recorded(9), asking(budget=Spend(usd=5.0), at_once=1), pod="pod-1"))
    assert (found["ended"], len(pod.asked)) == ("untold", 1)


def test_another_runner_goes_on_where_the_first_one_stopped() -> None:
    with serve(lambda _: completion("fine")) as (pod, port):
        first = Replay(cluster(port), recorded(6), asking(budget=Spend(calls=2), at_once=1), pod="pod-1")
        half = {**finish(first), "ended": ""}
        found = finish(Replay(cluster(port), recorded(6), asking(), pod="pod-1", done=json.loads(json.dumps(half))))
    assert (found["done"], found["spent"]["calls"]) == (6, 6)
    assert sorted(body["messages"][0]["content"] for body in pod.asked) == [f"q{i}.0" for i in range(6)]
    # Evidence of other sessions is none of these.
    with serve(lambda _: completion("fine")) as (pod, port):
        found = finish(Replay(cluster(port), recorded(3), asking(), pod="pod-1", done=half))
    assert (found["done"], len(pod.asked)) == (3, 3)


def test_failures_count_and_trouble_of_the_provider_does_not() -> None:
    with serve(lambda _: (500, {"error": {"message": "bad"}})) as (_, port):
        found = finish(Replay(cluster(port), recorded(4), asking(), pod="pod-1"))
    assert (found["failed"], found["pairs"]["losses"], found["ended"]) == (4, 4, "all")
    with serve(lambda _: (503, {"error": {"message": "busy"}})) as (pod, port):
        replay = Replay(cluster(port), recorded(9), asking(at_once=5), pod="pod-1")
        found = finish(replay)
    assert (found["failed"], found["unanswered"], found["pairs"]["unscored"], found["ended"]) == (0, 5, 5, "")
    assert "5 sessions in a row were not answered" in replay.trouble
    # Each was tried once more.
    assert len(pod.asked) == 10


def test_a_pod_that_is_gone_is_told() -> None:
    replay = Replay(FakeCluster(), recorded(2), asking(), pod="pod-1")
    found = finish(replay)
    assert (found["done"], found["ended"]) == (0, "")
    assert "no way to pod-1:8080" in replay.trouble


def test_an_unsafe_call_is_found() -> None:
    call = {"name": "delete_account", "arguments": {}, "status": "ok"}
    agent = Agent("a", port=8080, tools=ToolPolicy(allowed=("lookup_order",)))
    with serve(lambda _: completion("fine", calls=(call,))) as (_, port):
        found = finish(Replay(cluster(port), recorded(1), asking(agent=agent), pod="pod-1"))
    assert found["violations"] == 1
    assert "delete_account" in found["examples"][0]["why"]


def test_stopping_does_not_wait_for_an_answer() -> None:
    held = threading.Event()

    def slow(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        held.wait(5)
        return completion("late")

    with serve(slow) as (pod, port):
        replay = Replay(cluster(port), recorded(4), asking(), pod="pod-1")
        replay.start()
        while not pod.asked:
            time.sleep(0.01)
        began = time.monotonic()
        replay.stop()
        assert time.monotonic() - began < 0.2
        deadline = time.monotonic() + 2
        while replay.running and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not replay.running
        held.set()
    assert replay.poll()["done"] == 0
    assert replay.poll()["spent"]["calls"] >= 1
    assert replay.trouble == ""


# As the machine sees it.

NAMES = Names("app", "app")
PLAN = Plan("canary", "splitter", "", (5,), 1, "", 1)


def shadow_pod(*, ready: bool = True, mode: str = "shadow") -> dict[str, Any]:
    labels = {"rollout.agentops/track": "canary", APP: "app", MODE: mode}
    return {
        "kind": "Pod", "metadata": {"name": "pod-1", "labels": labels},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }  # fmt: skip


def trial(found: FakeCluster, sessions: Recorded, *, max_loss: float = 0.05) -> tuple[ReplayTrial, State]:
    place = Place("t", "app", shadow=Shadow(mode="replay", max_loss=max_loss), analysis=Analysis())
    state = State(id="r1", app="app", environment="t", namespace="d", image="i", before="", plan=PLAN)
    return ReplayTrial(Stand(found, NAMES, place, Agent("a", port=8080)), sessions), state


def watch(one: ReplayTrial, state: State) -> Any:
    deadline = time.monotonic() + 20
    while True:
        began = time.monotonic()
        look = one.look(state)
        assert time.monotonic() - began < 0.2
        if look.settled or look.harm or look.told == look.missing or time.monotonic() > deadline:
            return look
        time.sleep(0.02)


def test_a_good_canary_settles_the_trial() -> None:
    with serve(lambda _: completion("fine")) as (_, port):
        found = cluster(port)
        found.create(shadow_pod())
        one, state = trial(found, recorded(60))
        look = watch(one, state)
        one.stop()
    assert look.settled
    assert look.evidence["done"] == 60


def test_a_canary_that_fails_is_harm_before_the_end() -> None:
    with serve(lambda _: (500, {"error": {"message": "bad"}})) as (pod, port):
        found = cluster(port)
        found.create(shadow_pod())
        one, state = trial(found, recorded(400))
        look = watch(one, state)
        one.stop()
    assert "sessions failed" in look.harm
    assert len(pod.asked) < 100


def test_too_few_sessions_are_refused_before_anything_is_asked() -> None:
    with serve(lambda _: completion("fine")) as (pod, port):
        found = cluster(port)
        found.create(shadow_pod())
        look = trial(found, recorded(58))[0].look(trial(found, recorded(58))[1])
    assert look.told == look.missing
    assert "59 are needed" in look.missing
    assert not pod.asked


@pytest.mark.parametrize("pod", [shadow_pod(ready=False), shadow_pod(mode="live")])
def test_only_a_ready_pod_in_shadow_mode_is_asked(pod: dict[str, Any]) -> None:
    with serve(lambda _: completion("fine")) as (served, port):
        found = cluster(port)
        found.create(pod)
        one, state = trial(found, recorded(60))
        assert one.look(state).told == "waits for a pod of the canary"
    assert not served.asked


def test_a_canary_that_answers_no_more_ends_it_unsettled() -> None:
    found = FakeCluster()
    found.create(shadow_pod())
    one, state = trial(found, recorded(60))
    look = watch(one, state)
    assert "no way to pod-1:8080" in look.missing
    assert (look.settled, look.harm) == (False, "")


def test_the_fence_is_seen_to_before_anything_is_asked() -> None:
    found, kept = FakeCluster(), list[str]()
    place = Place("t", "app", shadow=Shadow(mode="replay"))
    state = State(id="r1", app="app", environment="t", namespace="d", image="i", before="", plan=PLAN)
    stand = Stand(found, NAMES, place, Agent("a", port=8080), keep=lambda: kept.append("seen"))
    ReplayTrial(stand, recorded(60)).look(state)
    assert kept == ["seen"]


def test_a_recorded_call_with_its_arguments_is_the_same_call() -> None:
    call = {"name": "lookup_order", "arguments": {"order_id": "A-1"}, "status": "ok"}
    one = recorded(1).sessions[0]
    answer = Answer("x", tool_calls=(ToolCall("lookup_order", {"order_id": "A-1"}),))
    session = Session("s", one.case, (answer,), answer.tool_calls, selected=False, origin="")
    with serve(lambda _: completion("fine", calls=(call,))) as (_, port):
        found = finish(Replay(cluster(port), Recorded((session,)), asking(), pod="pod-1"))
    assert found["tools"] == {"same": 1, "differ": 0, "unknown": 0}
