"""The fixture `agent` of the pytest plug-in, and the session behind it, against a real agent on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentops.errors import ConfigError, MeasurementError, TargetError, UsageError
from agentops.model import settings as s
from agentops.model.verdict import Criterion
from agentops.stages import evals_item
from agentops.stages.evals_session import Session, configured
from agentops.stages.evals_talk import Agent

AGENT = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    busy = 1
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        if users[-1] == "die":
            os._exit(3)
        if users[-1] == "busy" and Handler.busy:
            Handler.busy -= 1
            self.answer({"error": "busy"}, 503)
            return
        told = {"secret": os.environ.get("TOY_KEY", ""), "many": "\\n::error::" + "x" * 2000}
        said = told.get(users[-1], "; ".join(users))
        tools = [{"name": "lookup", "arguments": {"id": 7}, "status": "ok"}] if users[-1] == "tools" else []
        choice = {"message": {"role": "assistant", "content": said}}
        self.answer({"model": "toy-1", "choices": [choice], "trace": {"tool_calls": tools}})
    def answer(self, data, status=200):
        raw = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

pytest_plugins = ("pytester",)
KEY = "sk-a-very-secret-value"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an agent and its configuration."""
    monkeypatch.setenv("TOY_KEY", KEY)
    (tmp_path / "agent.py").write_text(AGENT)
    (tmp_path / "agentops.yaml").write_text(
        f"version: 1\nagent: {{name: toy, command: [{sys.executable}, agent.py], secret_env: [TOY_KEY]}}\n"
        "evals: {suites: [not-there.yaml], budget: {calls: 20}}\n"
    )
    return tmp_path


@pytest.fixture
def session(project: Path) -> Iterator[Session]:
    """The agent of the project; the suites that its configuration names are not looked at."""
    settings = configured(project / "agentops.yaml", here=project, suites=(), url=None)
    made = Session(settings, suites="none")
    made.check()
    yield made
    made.close()


def test_a_question_and_what_came_of_it(session: Session) -> None:
    agent = Agent(session)
    reply = agent.ask("hello")
    assert (reply.text, str(reply), reply.model, reply.tool_calls) == ("hello", "hello", "toy-1", ())
    assert reply.latency_s is not None
    assert reply.latency_s > 0
    assert [c.name for c in agent.ask("tools").tool_calls or ()] == ["lookup"]
    assert agent.url.startswith("http://127.0.0.1:")
    assert agent.containerised is False
    assert len(agent.replies) == 2


def test_a_conversation_remembers_and_another_does_not(session: Session) -> None:
    agent = Agent(session)
    talk = agent.conversation()
    talk.ask("one")
    reply = talk.ask("two")
    assert reply.text == "one; two"
    assert agent.ask("three").text == "three"
    agent.check(reply, {"turns": {"at_most": 2}})
    with pytest.raises(AssertionError, match=r"turns does not hold: .*2"):
        agent.check(reply, {"turns": {"at_most": 1}})


def test_check_holds_a_reply_against_the_product_s_metrics(session: Session) -> None:
    agent = Agent(session)
    reply = agent.ask("tools")
    agent.check(
        reply, {"contains": "tool"}, {"not": {"contains": "lool"}}, tool_called="lookup", latency={"at_most_s": 9}
    )
    with pytest.raises(AssertionError) as caught:
        agent.check(
            reply,
            {"contains": "x"},
            {"any": [{"equals": "a"}, {"equals": "b"}]},
            contains="too",
            tool_not_called="lookup",
        )
    lines = str(caught.value).splitlines()
    assert [line.partition(" does not hold: ")[0] for line in lines] == [
        "contains", "any", "tool_not_called", "the answer: tools"
    ]  # fmt: skip
    assert lines[0] == 'contains does not hold: "x" is not in "tools"'


def test_what_cannot_be_judged_is_no_pass(session: Session) -> None:
    agent = Agent(session)
    with pytest.raises(MeasurementError, match=r"cost could not be judged: "):
        agent.check(agent.ask("hello"), {"cost": {"at_most_usd": 1}})


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ([{"contain": "x"}], r"^expect\.0: unknown key 'contain'; did you mean 'contains'\?"),
        ([{"regex": "("}], r"^regex: "),
        ([], r"^nothing is expected of the reply"),
        ([{"contains": {1, 2}}], r"^the assertions are no plain data"),
        ([{"judge": {"metric": "toxicity", "at_most": 0.5}}], r"evals\.judge is not configured"),
    ],
)
def test_assertions_that_cannot_be_meant_are_refused(
    session: Session, expect: list[dict[str, object]], told: str
) -> None:
    agent = Agent(session)
    with pytest.raises(UsageError, match=told):
        agent.check(agent.ask("hello"), *expect)


def test_what_the_agent_says_is_safe_and_keeps_no_secret_where_it_is_told(session: Session) -> None:
    agent = Agent(session)
    reply = agent.ask("secret")
    assert reply.text == "[redacted]", "what it was given in confidence is gone before anybody looks"
    with pytest.raises(AssertionError) as caught:
        agent.check(reply, contains="nothing")
    assert KEY not in str(caught.value)
    assert "[redacted]" in str(caught.value)
    with pytest.raises(AssertionError) as caught:
        agent.check(agent.ask("many"), contains="nothing")
    assert max(map(len, str(caught.value).splitlines())) < 600
    assert not any(line.startswith("::") for line in str(caught.value).splitlines())
    assert len(repr(agent.replies[-1])) < 200


def test_trouble_on_the_way_is_tried_again_and_told(session: Session) -> None:
    reply = Agent(session).ask("busy")
    assert reply.text == "busy"
    assert len(reply.retries) == 1
    assert "503" in reply.retries[0]


def test_a_conversation_that_began_is_never_begun_anew(session: Session) -> None:
    talk = Agent(session).conversation()
    talk.ask("hello")
    with pytest.raises(TargetError, match="503"):
        talk.ask("busy")


def test_an_agent_that_died_is_told_so(session: Session) -> None:
    agent = Agent(session)
    with pytest.raises(TargetError, match="the agent's process exited with code 3"):
        agent.ask("die")


def test_a_budget_holds_for_tests_too(session: Session) -> None:
    agent = Agent(session)
    for _ in range(20):
        agent.ask("hello")
    with pytest.raises(MeasurementError, match="the budget of 20 calls is used up"):
        agent.ask("hello")


def test_a_session_that_is_over_starts_no_agent(session: Session) -> None:
    Agent(session).ask("hello")
    session.close()
    with pytest.raises(MeasurementError, match="the session is over"):
        Agent(session).ask("hello")


def test_a_judge_is_opened_when_a_test_asks_one(project: Path) -> None:
    pytest.importorskip("deepeval", reason="the extra `judge` is not installed")
    (project / "judge.yaml").write_text(
        "version: 1\nname: toy-judge\nrules:\n"
        '  - when: {user: \'hello\'}\n    reply: {text: \'{"score": 2, "reason": "too short"}\'}\n'
    )
    agent = s.Agent("toy", command=(sys.executable, "agent.py"))
    session = Session(s.Settings(project, agent, evals=s.Evals((), judge=s.Judge(script="judge.yaml"))))
    rubric = {"metric": "geval", "name": "polite", "steps": ["Is it polite?"], "at_least": 0.5}
    try:
        talk = Agent(session)
        with pytest.raises(AssertionError, match="too short"):
            talk.check(talk.ask("hello"), {"contains": "hello"}, {"judge": rubric})
        assert ("agentops.scripted", "judge") in evals_item.of_agent(session.open())
    finally:
        session.close()


def test_a_gate_of_the_configuration_is_left_alone(project: Path) -> None:
    agent = s.Agent("toy", command=(sys.executable, "agent.py"))
    settings = s.Settings(project, agent, gate=(Criterion("pass_rate", at_least=0.999),))
    assert Session(settings).asked.suites == ()


def test_a_secret_that_is_missing_is_refused_before_the_agent_starts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOY_KEY")
    settings = configured(project / "agentops.yaml", here=project, suites=(), url=None)
    with pytest.raises(ConfigError, match="TOY_KEY is missing"):
        Session(settings, suites="none").check()


def test_a_url_is_configuration_enough(tmp_path: Path) -> None:
    settings = configured(None, here=tmp_path, suites=[tmp_path / "x.yaml"], url="http://127.0.0.1:9")
    assert (settings.agent.url, settings.evals and settings.evals.suites) == ("http://127.0.0.1:9", ("x.yaml",))


def test_the_summary_says_what_a_script_played_and_what_ran_outside_of_a_container() -> None:
    cases = {"agentops.attempts": ["3"], "agentops.model": ["scripted:toy"], "agentops.scripted": ["model"]}
    inside, outside = {"agentops.containerised": ["yes"]}, {"agentops.containerised": ["no"]}
    end = "this is no gate: no criterion was decided"
    assert evals_item.summary([{**cases, **inside}, {**inside, "agentops.replies": ["1"]}]) == (
        "agentops: 1 case, 3 attempts; 1 reply to tests; model scripted:toy (a script, no real model); "
        f"containerised: yes; {end}"
    )
    judged = {**cases, **inside, "agentops.scripted": ["judge"]}
    assert "; model scripted:toy; a script judged, no real model did; containerised" in evals_item.summary([judged])
    assert evals_item.summary([{"agentops.attempts": ["3"], **inside}, outside]) == (
        f"agentops: 1 case, 3 attempts; the agent does not tell its model; containerised: no; {end}"
    )


TESTS = """
def test_it(agent):
    agent.check(agent.ask("hello"), contains="hello")

def test_wrong(agent):
    agent.check(agent.ask("hello"), contains="bye")
"""


def test_the_fixture_in_pytest(project: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    own = (
        "import pytest\n\n@pytest.fixture\ndef agent():\n    return 1\n\ndef test_own(agent):\n    assert agent == 1\n"
    )
    pytester.makepyfile(test_evals=TESTS, test_own=own)
    result = pytester.runpytest_subprocess(
        "-p", "agentops.pytest_plugin", "--agentops-config", str(project / "agentops.yaml"), "-W", "error"
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ['E       AssertionError: contains does not hold: "bye" is not in "hello"', "E       the answer: hello"]
    )
    result.stdout.fnmatch_lines(
        "agentops: 2 replies to tests; model toy-1; containerised: no; this is no gate: no criterion was decided"
    )
    assert "evals_talk.py" not in result.stdout.str()
