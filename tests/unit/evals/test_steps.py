"""Steps before and after a case, against a real server and real commands."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from agentops.errors import TargetError
from agentops.evals.steps import Steps
from agentops.model.case import Answer, Assertion, Score, Step, Turn
from agentops.model.finding import Location
from agentops.model.outcome import Outcome

P, F, E = Outcome.PASS, Outcome.FAIL, Outcome.ERROR


class Handler(BaseHTTPRequestHandler):
    """Keeps what is posted, tells it by path."""

    kept: ClassVar[dict[str, Any]] = {}

    def do_POST(self) -> None:
        self.kept[self.path] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(201, b"{}")

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.send_response(200)
            self.send_header("Content-Length", "20")
            self.end_headers()
            self.wfile.write(b"first half")
            time.sleep(0.2)
            self.wfile.write(b"SECRETROW!")
            return
        if self.path == "/huge":
            self.reply(200, b"x" * 2_000_000)
            return
        found = self.kept.get(self.path)
        self.reply(200 if found else 404, json.dumps(found).encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Agent:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.session = ""

    def dialogue(self, session: str, *, user: str = "") -> Agent:
        self.session = f"{session} of {user}"
        return self

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        self.said.append((self.session, turn.text))
        return Answer("noted")


@pytest.fixture
def base_url() -> Iterator[str]:
    Handler.kept.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def steps(base_url: str, tmp_path: Path) -> Callable[..., Any]:
    made = Steps(Agent(), base_url=base_url, root=tmp_path, cancel=threading.Event())  # type: ignore[arg-type]

    def act(what: str, *given: Step) -> Any:
        if what == "look":
            return asyncio.run(made.look(given, session="s-1"))
        return asyncio.run(made.prepare(given, session="s-1", timeout_s=1))

    return act


def step(kind: str, **params: Any) -> Step:
    return Step(kind, params, Location("s.yaml", 7))


def contains(value: str) -> Assertion:
    return Assertion("contains", {"value": value})


def outcomes(scores: tuple[Score, ...]) -> list[Outcome]:
    return [score.outcome for score in scores]


def test_what_is_planted_is_there_afterwards(steps: Callable[..., Any]) -> None:
    plant = step("http", method="POST", path="/docs/{session}", json={"text": "for {session}", "n": [1]}, status=201)
    steps("prepare", plant)
    assert Handler.kept == {"/docs/s-1": {"text": "for s-1", "n": [1]}}
    assert outcomes(steps("look", step("http", path="/docs/s-1", expect=(contains("for s-1"),)))) == [P, P]
    assert outcomes(steps("look", step("http", path="/docs/s-1", expect=(contains("other"),)))) == [P, F]
    (missing,) = steps("look", step("http", path="/none"))
    assert missing.outcome is F
    assert "GET /none answered 404, 200 expected" in missing.reason


def test_a_body_is_read_to_its_end(steps: Callable[..., Any]) -> None:
    hidden = Assertion("contains", {"value": "SECRETROW"}, negate=True)
    assert outcomes(steps("look", step("http", path="/slow", expect=(hidden,)))) == [P, F]
    (huge,) = steps("look", step("http", path="/huge", expect=(hidden,)))
    assert huge.outcome is E
    assert "larger than 1 MiB" in huge.reason


def test_an_end_state_that_cannot_be_looked_at_is_an_error(steps: Callable[..., Any]) -> None:
    (score,) = steps("look", step("http", url="http://127.0.0.1:9", path="/x"))
    assert score.outcome is E


def test_setup_that_fails_says_where_it_stands(steps: Callable[..., Any]) -> None:
    with pytest.raises(TargetError, match=r"setup at s\.yaml:7: http: GET /none answered 404"):
        steps("prepare", step("http", path="/none"))


def test_words_said_before_are_another_conversation_of_the_same_user(base_url: str, tmp_path: Path) -> None:
    agent = Agent()
    made = Steps(agent, base_url=base_url, root=tmp_path, cancel=threading.Event())  # type: ignore[arg-type]
    asyncio.run(made.prepare([step("say", value="remember this")], session="s-9", timeout_s=1))
    assert agent.said == [("s-9-before of s-9", "remember this")]


def test_commands_know_session_and_agent_and_are_no_shell(steps: Callable[..., Any], tmp_path: Path) -> None:
    tell = "import os, sys; print(os.environ['AGENTOPS_SESSION'], os.environ['AGENTOPS_BASE_URL'], sys.argv[1])"
    run = [sys.executable, "-c", tell, "$HOME;{session}"]
    scores = steps("look", step("command", run=run, expect=(contains("s-1 http://127.0.0.1"), contains("$HOME;s-1"))))
    assert outcomes(scores) == [P, P, P]
    bad = steps("look", step("command", run=[sys.executable, "-c", "import sys; sys.exit('it broke')"]))
    assert outcomes(bad) == [F]
    assert "ended with 1, 0 expected: it broke" in bad[0].reason
    assert outcomes(steps("look", step("command", run=["no-such-program"]))) == [E]
    slow = step("command", run=[sys.executable, "-c", "import time; time.sleep(9)"], timeout_s=0.2)
    assert outcomes(steps("look", slow)) == [E]
