"""Live and shadow answers joined on the id of a request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fake_cluster import FakeCluster
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import Conflict
from agentops.model.rollout import Plan, State
from agentops.model.rollout_settings import Place, Shadow, Spend
from agentops.model.seen import ToolPolicy
from agentops.model.settings import Agent
from agentops.rollout.names import Names
from agentops.rollout.shadow import records, verdict
from agentops.rollout.shadow.mirror import Mirror
from agentops.rollout.shadow.trials import MirrorTrial, Stand

LOOKUP = {"name": "lookup_order", "arguments": {"order_id": "A-1"}, "status": "ok"}


def record(seq: int, name: str, text: str | None = "fine", **more: Any) -> dict[str, Any]:
    base = {"seq": seq, "request_id": name, "status": 200 if text is not None else 500, "history_sha256": "h"}
    if text is not None:
        base |= {"answer": text, "tool_calls": [], "usage": {"prompt_tokens": 5, "completion_tokens": 5}, "model": "m"}
    return {**base, **more}


@contextmanager
def pod(kept: list[dict[str, Any]] | None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            after = int(self.path.rpartition("=")[2])
            told = "".join(json.dumps(r) + "\n" for r in kept or () if r["seq"] > after).encode()
            self.send_response(404 if kept is None else 200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def mirror(
    shadow: list[dict[str, Any]] | None, live: list[dict[str, Any]] | None, **more: Any
) -> Iterator[tuple[Mirror, Clock]]:
    with pod(shadow) as one, pod(live) as two:
        cluster = FakeCluster()
        cluster.ports |= {("canary", 80): one, ("stable", 80): two}
        clock = Clock()
        settings = {"budget": Spend(), "rules": None, **more}
        yield Mirror(cluster, lambda: (["canary"], ["stable"]), port=80, clock=clock, **settings), clock


def test_pairs_are_joined_whichever_side_comes_first() -> None:
    shadow, live = [record(1, "a")], [record(1, "b"), record(2, "zz")]
    with mirror(shadow, live) as (one, _):
        one.look()
        assert one.poll()["done"] == 0
        shadow.append(record(2, "b"))
        live.append(record(3, "a"))
        one.look()
        found = one.poll()
        one.look()
    assert (found["done"], found["pairs"]["both"], found["alone"]) == (2, 2, 0)
    assert found["spent"] == {"calls": 2, "tokens": 20, "usd": 0.0}
    assert one.poll()["done"] == 2


@pytest.mark.parametrize(
    ("shadow", "live", "came"),
    [
        (record(1, "a", None), record(1, "a"), "losses"),
        (record(1, "a"), record(1, "a", None), "wins"),
        (record(1, "a", None), record(1, "a", None), "neither"),
        (record(1, "a", None, cause="model"), record(1, "a"), "unscored"),
        (record(1, "a", ""), record(1, "a"), "losses"),
        (record(1, "a", history_sha256="other"), record(1, "a"), "unscored"),
        (record(1, "a", tool_calls=[LOOKUP]), record(1, "a"), "unscored"),
        (record(1, "a", tool_calls=[LOOKUP]), record(1, "a", tool_calls=[LOOKUP]), "both"),
    ],
)
def test_what_a_pair_comes_to(shadow: dict[str, Any], live: dict[str, Any], came: str) -> None:
    with mirror([shadow], [live]) as (one, _):
        one.look()
    pairs = one.poll()["pairs"]
    assert {k for k, v in pairs.items() if v} == {came}


def test_where_stable_keeps_no_record_the_canary_is_judged_alone_and_it_says_so() -> None:
    rules = ToolPolicy(allowed=("other",))
    shadow = [record(1, "a"), record(2, "b", None), record(3, "c", tool_calls=[LOOKUP])]
    with mirror(shadow, None, rules=rules) as (one, _):
        one.look()
    found = one.poll()
    assert (found["alone"], found["failed"], found["violations"]) == (3, 1, 1)
    assert found["paired"]["pairs"] == 0
    place = Place("t", "app", shadow=Shadow(mode="mirror"))
    assert "stable keeps no record" in verdict.judge(found, place.shadow, place.analysis).told


def test_a_request_that_stable_never_told_of_is_unscored_after_a_while() -> None:
    with mirror([record(1, "a")], [record(1, "zz")]) as (one, clock):
        one.look()
        assert one.poll()["done"] == 0
        clock.now = 30.0
        one.look()
    assert one.poll()["pairs"]["unscored"] == 1


def test_the_budget_ends_it() -> None:
    with mirror([record(i, f"r{i}") for i in range(1, 6)], None, budget=Spend(tokens=30)) as (one, _):
        one.look()
    assert one.poll()["ended"] == "budget"
    with mirror([record(1, "a")], None, budget=Spend(usd=1.0)) as (one, _):
        one.look()
    assert one.poll()["ended"] == "untold"


@pytest.mark.parametrize("limit", [{"calls": 5}, {"tokens": 5}, {"usd": 5.0}])
def test_a_canary_that_keeps_no_record_is_held_to_no_limit_and_ends_it(limit: dict[str, Any]) -> None:
    for budget, ended in ((Spend(**limit), verdict.UNTOLD), (Spend(), "")):
        with mirror(None, [record(1, "a")], budget=budget) as (one, _):
            one.look()
        assert one.poll()["ended"] == ended


def test_a_pod_that_does_not_answer_is_told_and_the_others_are_read() -> None:
    with pod([record(1, "a")]) as port:
        cluster = FakeCluster()
        cluster.ports[("canary", 80)] = port
        one = Mirror(cluster, lambda: (["gone", "canary"], []), port=80, budget=Spend(), rules=None)
        one.look()
    assert one.trouble.startswith("gone")
    assert one.poll()["done"] == 1


def test_what_waits_for_its_other_side_is_bounded() -> None:
    live = [record(i, f"r{i}") for i in range(1, 3000)]
    with mirror([], live) as (one, _):
        one.look()
        assert len(one._live) == 2000


@given(st.binary(max_size=200))
def test_a_line_that_is_no_record_is_none(line: bytes) -> None:
    assert records.parse(line) is None


@given(
    st.dictionaries(
        st.sampled_from(["seq", "request_id", "status", "answer", "tool_calls", "usage", "history_sha256", "cause"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.dictionaries(st.text(), st.none()))),
    )
)
def test_hostile_records_never_raise(data: dict[str, Any]) -> None:
    found = records.parse(json.dumps(data).encode())
    assert found is None or found.status != 200 or found.answer is not None


# As the machine sees it.


class Router:
    """Keeps what it was asked for."""

    can_mirror = by_session = True

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []
        self.broken = False

    def shift(self, weight: int, *, mirror: float = 0.0) -> str:
        if self.broken:
            raise Conflict("not now")
        self.asked.append((weight, mirror))
        return ""


def trial(clock: Clock) -> tuple[MirrorTrial, Router, State]:
    place = Place("t", "app", shadow=Shadow(mode="mirror", percent=20.0, minutes=1.0))
    router = Router()
    plan = Plan("canary", "splitter", "", (5,), 1, "", 1)
    state = State(id="r", app="app", environment="t", namespace="d", image="i", before="", plan=plan)
    stand = Stand(FakeCluster(), Names("app", "app"), place, Agent("a"))
    return MirrorTrial(stand, router, clock=clock), router, state  # type: ignore[arg-type]


def test_the_mirror_is_on_until_the_time_is_nearly_over_and_off_then() -> None:
    clock = Clock()
    one, router, state = trial(clock)
    look = one.look(state)
    assert (router.asked, look.settled) == ([(0, 20.0)], False)
    clock.now = 58.0
    look = one.look(state)
    assert router.asked[-1] == (0, 0.0)
    assert look.told == look.missing
    assert "the time is over" in look.missing
    one.stop()


def test_stopping_turns_it_off_and_never_raises() -> None:
    one, router, state = trial(Clock())
    one.look(state)
    one.stop()
    assert router.asked[-1] == (0, 0.0)
    router.broken = True
    one.stop()
