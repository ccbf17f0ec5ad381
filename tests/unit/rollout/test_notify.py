"""Notifications: the right events, once, to real servers; never in the way, and no word of a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from told_rollout import APPROVED, BACK, T0, state, view

import agentops
from agentops.model.rollout import Cause, Phase, State
from agentops.model.rollout_settings import Notify
from agentops.rollout import messages, notify, sending
from agentops.rollout.messages import Answer, Message, message
from agentops.rollout.notify import Teller, due, keys, lacking, told

ALL = ("started", "waiting", "promoted", "done", "rolled-back", "failed", "frozen")
SECRET = "T0SECRET0B0SECRET0xyz"


class Sink:
    """An HTTP server that keeps what it is sent, and answers as it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.got.append((self.path, dict(self.headers), body))
                sink.hold.wait(10)
                status, headers = sink.answers.pop(0) if sink.answers else (200, {})
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/{SECRET}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.got]


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    monkeypatch.setenv("no_proxy", "*")
    made = Sink()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.hold.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def told_to(target: Notify, env: dict[str, str], *events: str, **changes: object) -> tuple[str, ...]:
    """Tell one target, to the end, without pauses; what could not be told."""
    teller = Teller([replace(target, on=ALL)], env, sleep=lambda _s: None, timeout_s=2)
    teller.tell(events, view(**changes))
    return teller.close()


SLACK = Notify("slack", url_env="HOOK")


# What is due.


def test_a_rollout_that_begins_is_told_once() -> None:
    first = state(phase=Phase.CANARY_UP)
    assert due(None, first) == ("started",)
    assert due(first, told(first, ("started",))) == ()


def test_every_event_has_its_moment() -> None:
    assert keys(state(phase=Phase.WAIT)) == ("started", "waiting:0")
    assert keys(state(phase=Phase.WAIT, **APPROVED)) == ("started", "promoted:1")
    assert keys(state(phase=Phase.DONE)) == ("done",)
    assert keys(state(**BACK)) == ("rolled-back",)
    assert keys(state(phase=Phase.ABORTING, rollback_failed="stuck")) == ("started", "failed:1")
    assert keys(state(frozen="no metrics"))[1].startswith("frozen:canary:0:")
    assert {
        notify.event(k) for s in (state(phase=Phase.WAIT, frozen="x", **APPROVED), state(**BACK)) for k in keys(s)
    } < {*ALL}


def test_a_resumed_runner_tells_nothing_twice() -> None:
    before = state(phase=Phase.WAIT)
    kept = told(before, due(None, before))
    assert due(None, kept) == (), "the journal remembers, not the runner"
    assert due(None, replace(kept, **APPROVED)) == ("promoted:1",)  # type: ignore[arg-type]


def test_what_was_told_survives_a_state_that_forgot_it() -> None:
    kept = told(state(), ("started",))
    assert due(kept, replace(kept, evidence={})) == ()
    assert due(kept, replace(kept, id="another", evidence={})) == ("started",)


def test_a_freeze_that_comes_and_goes_is_told_once_a_step_and_reason() -> None:
    first = state(frozen="no metrics for 30 s")
    kept = told(first, due(None, first))
    assert due(None, replace(kept, frozen="no metrics for 45.5 s")) == ()
    assert len(due(None, replace(kept, frozen="changed by kubectl-edit"))) == 1
    assert len(due(None, replace(kept, step=1))) == 1


@given(
    st.lists(st.sampled_from([*Phase, "freeze", "stuck"]), max_size=30),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_whatever_happens_and_whoever_resumes_each_key_is_told_once(
    walk: list[Phase | str], restarts: list[bool]
) -> None:
    now, before = state(), None
    heard: list[str] = []
    for at, resumed in zip(walk, restarts, strict=False):
        changes: dict[str, Any] = {"phase": at} if isinstance(at, Phase) else {}
        changes |= {"frozen": "x" if at == "freeze" else "", "rollback_failed": "y" if at == "stuck" else ""}
        now = replace(now, **changes)
        found = due(None if resumed else before, now)
        heard += found
        before = now = told(now, found)
    assert len(heard) == len(set(heard))


def test_what_was_told_is_json_and_keeps_other_evidence() -> None:
    kept = told(state(evidence={"analysis": {"n": 1}}), ("started", "done"))
    assert json.loads(json.dumps(dict(kept.evidence))) == {"analysis": {"n": 1}, "told": ["started", "done"]}
    assert told(kept, ("done",)) is kept


# To real servers.


def test_slack_gets_blocks_and_a_text(sink: Sink) -> None:
    assert told_to(SLACK, {"HOOK": sink.url}, "rolled-back", **BACK) == ()
    (body,) = sink.bodies
    assert body["text"].startswith("✗ support-agent in production: was rolled back. ROLLED BACK")
    kinds = [block["type"] for block in body["blocks"]]
    assert kinds == ["header", "section", "section", "context"]
    assert body["blocks"][0]["text"]["text"] == "✗ support-agent in production: was rolled back"
    fields = [f["text"] for f in body["blocks"][2]["fields"]]
    assert "errors: canary 22.50 %, stable 1.00 %" in fields
    assert len(fields) <= 10


def test_nothing_that_was_said_takes_effect_in_a_chat(sink: Sink) -> None:
    told_to(
        SLACK, {"HOOK": sink.url}, "rolled-back", **BACK | {"reason": "<!channel> @all http://x.example *b* `c` [a](b)"}
    )
    (body,) = sink.bodies
    for sign in ("<!", "@all", "http://", "*b*", "`c`", "[a]"):
        assert sign not in body["text"]
    texts = [b["text"] for b in body["blocks"] if "text" in b]
    assert all(t["type"] == "plain_text" for t in texts)
    assert "<!channel> @all" in texts[1]["text"], "plain text is shown as it is"


def test_pagerduty_is_paged_and_the_rollouts_key_is_its_own(sink: Sink) -> None:
    target = Notify("pagerduty", url=sink.url, key_env="KEY")
    assert told_to(target, {"KEY": "R0UTING"}, "rolled-back", **BACK) == ()
    trigger, over = sink.bodies
    assert (trigger["event_action"], trigger["dedup_key"], trigger["routing_key"]) == ("trigger", "r-1", "R0UTING")
    assert trigger["payload"]["severity"] == "error"
    assert trigger["payload"]["summary"].startswith("support-agent in production: was rolled back. ROLLED BACK")
    assert trigger["payload"]["custom_details"]["namespace"] == "shop"
    assert over == {"routing_key": "R0UTING", "event_action": "resolve", "dedup_key": "r-1/frozen"}


@pytest.mark.parametrize(
    ("event", "changes", "told_as"),
    [
        ("failed", {"rollback_failed": "stuck"}, [("trigger", "r-1", "critical"), ("resolve", "r-1/frozen", None)]),
        ("rolled-back", BACK | {"cause": Cause.ASKED}, [("trigger", "r-1", "warning"),
                                                        ("resolve", "r-1/frozen", None)]),
        ("rolled-back", BACK | {"cause": Cause.INCONCLUSIVE}, [("trigger", "r-1", "warning"),
                                                               ("resolve", "r-1/frozen", None)]),
        ("frozen", {"frozen": "no metrics"}, [("trigger", "r-1/frozen", "warning")]),
        ("done", {"phase": Phase.DONE}, [("resolve", "r-1", None), ("resolve", "r-1/frozen", None)]),
        ("started", {}, []),
        ("waiting", {"phase": Phase.WAIT}, []),
        ("promoted", APPROVED, []),
    ],
)  # fmt: skip
def test_a_page_is_for_what_needs_somebody(
    event: str, changes: dict[str, Any], told_as: list[tuple[str, str, str | None]]
) -> None:
    made = messages.pagerduty(message(event, view(**changes)), "K")
    assert [(e["event_action"], e["dedup_key"], e.get("payload", {}).get("severity")) for e in made] == told_as


def test_a_webhook_gets_the_document_signed(sink: Sink) -> None:
    target = Notify("webhook", url_env="HOOK", key_env="KEY")
    assert told_to(target, {"HOOK": sink.url, "KEY": "shared secret"}, "done", phase=Phase.DONE) == ()
    ((path, headers, raw),) = sink.got
    assert path == f"/services/{SECRET}"
    meant = "sha256=" + hmac.new(b"shared secret", raw, hashlib.sha256).hexdigest()
    assert headers["X-Agentops-Signature-256"] == meant
    assert headers["X-Agentops-Event"] == "done"
    body = json.loads(raw)
    assert (body["event"], body["delivery"]) == ("done", "r-1/done")
    schema = Path(agentops.__file__).parent / "config" / "schemas" / "rollout.schema.json"
    Draft202012Validator(json.loads(schema.read_text())).validate(body["rollout"])
    assert body["rollout"]["outcome"]["exit_code"] == 0


def test_a_webhook_without_a_key_is_not_signed(sink: Sink) -> None:
    told_to(Notify("webhook", url=sink.url), {}, "done", phase=Phase.DONE)
    assert "X-Agentops-Signature-256" not in sink.got[0][1]


def test_only_the_events_that_are_asked_for_are_told(sink: Sink) -> None:
    teller = Teller([replace(SLACK, on=("done",))], {"HOOK": sink.url})
    teller.tell(("started", "frozen:canary:0:ab"), view())
    assert teller.close() == ()
    assert sink.got == []


# What goes wrong.


def test_a_server_that_is_busy_is_asked_again(sink: Sink) -> None:
    sink.answers = [(503, {}), (429, {"Retry-After": "7"}), (200, {})]
    pauses: list[float] = []
    teller = Teller([replace(SLACK, on=ALL)], {"HOOK": sink.url}, sleep=pauses.append)
    teller.tell(("done",), view())
    assert teller.close() == ()
    assert len(sink.got) == 3
    assert pauses == [1.0, 7.0]


def test_attempts_are_bounded_and_what_came_of_them_is_told(sink: Sink) -> None:
    sink.answers = [(500, {"Retry-After": "99999"})] * 9
    pauses: list[float] = []
    teller = Teller([replace(SLACK, on=ALL)], {"HOOK": sink.url}, sleep=pauses.append)
    teller.tell(("done",), view())
    assert teller.close() == ("slack (HOOK) was not told done: it answered 500",)
    assert len(sink.got) == 3
    assert pauses == [30.0, 30.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_tried_again(sink: Sink, status: int) -> None:
    sink.answers = [(status, {})]
    (said,) = told_to(SLACK, {"HOOK": sink.url}, "done")
    assert said.startswith(f"slack (HOOK) was not told done: it answered {status}: ")
    assert len(sink.got) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(sink: Sink, status: int) -> None:
    sink.answers = [(status, {"Location": f"{sink.url}/elsewhere"})]
    (said,) = told_to(SLACK, {"HOOK": sink.url}, "done")
    assert f"it answered {status}: redirects are not followed" in said
    assert [path for path, _, _ in sink.got] == [f"/services/{SECRET}"]


def test_the_rollout_does_not_wait_for_a_target_that_hangs(sink: Sink) -> None:
    sink.hold.clear()
    quick: list[str] = []

    def send(target: Notify) -> Callable[[Message], Answer]:
        if target.kind == "webhook":
            return lambda m: quick.append(m.event) or Answer()  # type: ignore[func-returns-value]
        return sending.sender(target, {"HOOK": sink.url}, timeout_s=5)

    teller = Teller([replace(SLACK, on=ALL), Notify("webhook", on=ALL)], {}, send=send)
    began = time.monotonic()
    teller.tell(("started", "done"), view())
    assert time.monotonic() - began < 0.5
    assert teller.close(wait_s=0.3) == ("slack (HOOK) did not answer: what it was to be told may be lost",)
    assert time.monotonic() - began < 2
    assert quick == ["started", "done"], "nor does another target"


def test_a_silent_server_times_out(sink: Sink) -> None:
    sink.hold.clear()
    answer = sending.post(sink.url, b"{}", headers={}, timeout_s=0.2)
    assert answer == Answer("it did not answer in time", again=True)


def test_a_crowd_of_events_is_bounded() -> None:
    never = threading.Event()

    def send(_message: Message) -> Answer:
        never.wait(5)
        return Answer()

    teller = Teller([Notify("webhook", on=ALL)], {}, send=lambda _t: send)
    teller.tell(["done"] * 200, view())
    assert "webhook is too slow: what it was to be told is lost" in teller.heard()
    never.set()
    assert teller.close(wait_s=5) == ()


def test_whatever_a_target_raises_stays_here() -> None:
    def broken(_message: Message) -> Answer:
        raise RuntimeError(f"connect to https://hooks.example/{SECRET} failed")

    teller = Teller([Notify("webhook", on=ALL)], {}, send=lambda _t: broken)
    teller.tell(("done",), view())
    assert teller.close() == ("webhook was not told done: it could not be sent (RuntimeError)",)


def test_a_state_that_cannot_be_put_into_words_harms_nobody() -> None:
    teller = Teller([Notify("webhook", on=ALL)], {}, send=lambda _t: lambda _m: Answer())
    teller.tell(("done",), replace(view(), now=float("nan"), state="no state"))  # type: ignore[arg-type]
    assert teller.close() == ("webhook: done could not be put into words (AttributeError)",)


@pytest.mark.parametrize(
    "address",
    [
        f"http://127.0.0.1:9/{SECRET}",
        f"http://no-such-host.invalid/{SECRET}",
        f"http://127.0.0.1:9/{SECRET} space",
        f"http://user:{SECRET}@127.0.0.1:9/",
        f"http://127.0.0.1:99999999/{SECRET}",
        f"http://[::1/{SECRET}",
        f"file:///etc/{SECRET}",
        f"http://127.0.0.1:9/{SECRET}\r\nX: y",
        f"http://127.0.0.1:9/é{SECRET}",
        SECRET,
    ],
)
def test_no_word_of_a_secret_address_leaves(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    said = told_to(SLACK, {"HOOK": address}, "done")
    assert said
    assert SECRET not in " ".join((*said, *lacking([SLACK], {"HOOK": address})))


def test_an_address_with_a_password_is_refused_before() -> None:
    (said,) = lacking([SLACK], {"HOOK": f"http://user:{SECRET}@127.0.0.1:9/"})
    assert said == "slack (HOOK): its address is no http:// or https:// address without user and password"


def test_no_word_of_a_servers_nonsense_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """http.client repeats a status line that it does not understand."""
    monkeypatch.setenv("no_proxy", "*")

    class Nonsense(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.wfile.write(f"hello {SECRET}\r\n\r\n".encode())

    with socketserver.TCPServer(("127.0.0.1", 0), Nonsense) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        answer = sending.post(f"http://127.0.0.1:{server.server_address[1]}/", b"{}", headers={}, timeout_s=2)
        thread.join()
    assert answer == Answer("the connection failed (BadStatusLine)", again=True)


@pytest.mark.parametrize("status", [200, 400, 500, 302])
def test_no_word_of_a_key_leaves(sink: Sink, status: int) -> None:
    sink.answers = [(status, {"Location": "/x", "X-Said": SECRET})] * 5
    target = Notify("pagerduty", url=sink.url, key_env="KEY")
    assert SECRET not in " ".join(told_to(target, {"KEY": SECRET}, "failed", rollback_failed="x"))


def test_what_a_target_lacks_is_known_before_a_rollout() -> None:
    assert lacking([SLACK], {"HOOK": "https://hooks.example/x"}) == ()
    assert lacking([SLACK], {}) == ("slack (HOOK): the environment variable HOOK is not set",)
    assert lacking([Notify("webhook")], {}) == ("webhook: url_env or url is missing",)
    assert lacking([Notify("pagerduty")], {}) == ("pagerduty: key_env is missing: the variable with the routing key",)
    assert lacking([Notify("pagerduty", key_env="K")], {"K": "x"}) == ()
    assert "host is missing" in lacking([Notify("smtp", to=("a@b.example",))], {})[0]


def test_a_target_that_lacks_something_says_so_and_sends_nothing() -> None:
    assert told_to(SLACK, {}, "done") == (
        "slack (HOOK) was not told done: the environment variable HOOK is not set",
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec=None, categories=None), max_size=200), st.sampled_from(ALL))
def test_any_text_makes_messages_within_the_limits(text: str, event: str) -> None:
    many: State = state(app=text, environment=text, id=text, reason=text * 20, frozen=text * 20, asked_by=text,
                        broke_glass=text, phase=Phase.ABORTED, cause=Cause.HARM)  # fmt: skip
    made = message(event, replace(view(), state=many))
    body = messages.slack(made)
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert all(len(b["text"]["text"]) <= 3000 for b in body["blocks"] if "text" in b)
    assert json.dumps(body).isascii()
    for page in messages.pagerduty(made, "k"):
        assert len(page["dedup_key"]) <= 255
        assert len(page.get("payload", {}).get("summary", "")) <= 1024
    messages.webhook(made).decode("ascii")
    subject, letter = messages.letter(made)
    assert "\n" not in subject
    assert "\x1b" not in letter


def test_a_pause_by_date_counts_from_the_answers_own_clock() -> None:
    assert sending._pause("Wed, 21 Oct 2026 07:28:10 GMT", "Wed, 21 Oct 2026 07:28:00 GMT") == 10
    assert sending._pause("soon", "") is None
    assert T0 > 0
