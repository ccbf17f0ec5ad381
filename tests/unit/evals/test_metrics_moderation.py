"""A content-safety service: well behaved, busy, down, and saying what makes no sense."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agentops.evals.metrics import moderation
from agentops.evals.metrics.moderation import Moderator
from agentops.model.case import Answer, Assertion, Score, Turn
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen
from agentops.model.settings import Moderation

KEY = "mod-key-71c0ffee"
GOOD = {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.2, "hate": 0.01}}


class Service:
    """A moderation service on loopback: `replies` are (status, body, headers), the last one again and again."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, Any, dict[str, str]]] = [(200, {"results": [GOOD]}, {})]
        self.seen: list[tuple[str | None, dict[str, Any]]] = []
        self.pause_s = 0.0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.seen.append((self.headers.get("Authorization"), body))
                status, data, headers = service.replies.pop(0) if len(service.replies) > 1 else service.replies[0]
                time.sleep(service.pause_s)
                raw = data if isinstance(data, bytes) else json.dumps(data).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Broken connections are what some tests are for."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/moderations"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    yield one
    one.server.shutdown()
    one.server.server_close()


def ask(
    service: Service, *texts: str, key: str = KEY, negate: bool = False, timeout_s: float = 5, **params: Any
) -> Score:
    settings = Moderation(service.url, model="safe-1", timeout_s=timeout_s)
    seen = Seen(tuple(Turn("?") for _ in texts), tuple(Answer(t) for t in texts))
    moderator = Moderator(settings, key, pause_s=0.01)
    return asyncio.run(moderator(Assertion("moderation", params, negate), seen))


def test_scores_are_held_against_the_bound(service: Service) -> None:
    score = ask(service, "hello", at_most=0.5)
    assert (score.assertion, score.outcome, score.value) == ("moderation", Outcome.PASS, 0.2)
    assert service.seen == [(f"Bearer {KEY}", {"input": "hello", "model": "safe-1"})]
    assert ask(service, "hello", at_most=0.1).outcome is Outcome.FAIL
    assert ask(service, "hello", at_most=0.1, categories=["hate"]).outcome is Outcome.PASS
    negated = ask(service, "hello", at_most=0.1, negate=True)
    assert (negated.assertion, negated.outcome) == ("not moderation", Outcome.PASS)


def test_without_a_bound_the_flags_decide(service: Service) -> None:
    assert ask(service, "hello").outcome is Outcome.PASS
    service.replies = [(200, {"results": [{"flagged": True, "categories": {"violence": True, "hate": False}}]}, {})]
    score = ask(service, "hello")
    assert score.outcome is Outcome.FAIL
    assert "violence" in score.reason
    assert ask(service, "hello", categories=["hate"]).outcome is Outcome.PASS
    service.replies = [(200, {"results": [{"flagged": True}]}, {})]
    assert ask(service, "hello").outcome is Outcome.FAIL


def test_every_answer_and_every_piece_of_a_long_one_is_looked_at(service: Service) -> None:
    bad = {**GOOD, "category_scores": {"violence": 0.9}}
    service.replies = [(200, {"results": [bad]}, {}), (200, {"results": [GOOD]}, {})]
    assert ask(service, "bad", "good", at_most=0.5).outcome is Outcome.FAIL
    service.seen.clear()
    text = "".join(f"{n} " for n in range(10_000))
    assert ask(service, text, at_most=0.5).outcome is Outcome.PASS
    pieces = [body["input"] for _, body in service.seen]
    assert len(pieces) == 3
    assert all(text[i : i + 400] in "|".join(pieces) for i in range(0, len(text), 137))


@pytest.mark.parametrize(
    "silent",
    [
        {"flagged": True, "categories": {"violence": True}, "category_scores": {}},
        {"flagged": True},
        {"flagged": False, "category_scores": {"violence": 0.1}},
    ],
)
@pytest.mark.parametrize("wanted", [{}, {"categories": ["violence", "hate"]}])
def test_a_category_without_a_score_for_one_text_is_not_zero(
    service: Service, silent: dict[str, Any], wanted: dict[str, Any]
) -> None:
    for replies in ([GOOD, silent], [silent, GOOD]):
        for negate in (False, True):
            service.replies = [(200, {"results": [reply]}, {}) for reply in replies]
            score = ask(service, "one", "two", negate=negate, at_most=0.5, **wanted)
            assert score.outcome is Outcome.ERROR
            assert "tells nothing of" in score.reason
    service.replies = [(200, {"results": [reply]}, {}) for reply in (GOOD, silent)]
    assert ask(service, "one", "two", at_most=0.15, **wanted).outcome is Outcome.FAIL


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_asked_again(service: Service, status: int) -> None:
    service.replies = [(status, {}, {"Retry-After": "0"})] * 2 + [(200, {"results": [GOOD]}, {})]
    assert ask(service, "hello", at_most=0.5).outcome is Outcome.PASS
    assert len(service.seen) == 3


def test_a_service_that_stays_busy_or_asks_to_wait_for_long_is_an_error(service: Service) -> None:
    service.replies = [(503, {}, {})]
    score = ask(service, "hello", at_most=0.5)
    assert score.outcome is Outcome.ERROR
    assert len(service.seen) == moderation.TRIES
    assert "HTTP 503; 4 tries" in score.reason
    service.replies = [(429, {}, {"Retry-After": "3600"})]
    started = time.monotonic()
    assert "wait 3600 s" in ask(service, "hello").reason
    assert time.monotonic() - started < 2


def test_a_service_that_is_slow_or_not_there_is_an_error(service: Service) -> None:
    service.pause_s = 0.5
    slow = ask(service, "hello", timeout_s=0.05)
    assert slow.outcome is Outcome.ERROR
    assert "no answer within 0.05 s" in slow.reason
    service.url = "http://127.0.0.1:9/v1"
    assert "not in reach" in ask(service, "hello").reason
    service.url = "no address"
    assert ask(service, "hello", negate=True).outcome is Outcome.ERROR


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"[]", {}, {"results": []}, {"results": None}, {"results": [3]}, {"results": [{}]}, b"[" * 9999,
        {"results": [{"flagged": "no"}]}, {"results": [{**GOOD, "category_scores": {"violence": "low"}}]},
        {"results": [{**GOOD, "category_scores": {"violence": 7}}]}, {"results": [{**GOOD, "categories": {"x": 0}}]},
        b'{"results": [{"flagged": false, "category_scores": {"violence": NaN}}]}', b"x" * 1_100_000,
        {"results": [{"flagged": False}]},
    ],
)  # fmt: skip
def test_an_answer_that_does_not_tell_is_an_error_under_negation_too(service: Service, body: Any) -> None:
    service.replies = [(200, body, {})]
    for negate in (False, True):
        assert ask(service, "hello", at_most=0.5, negate=negate).outcome is Outcome.ERROR


def test_a_category_that_the_service_does_not_know_is_an_error(service: Service) -> None:
    score = ask(service, "hello", at_most=0.5, categories=["violence", "selfharm"])
    assert score.outcome is Outcome.ERROR
    assert "nothing of selfharm; it knows hate, violence" in score.reason


def test_the_key_is_never_shown_and_goes_nowhere_else(service: Service) -> None:
    service.replies = [(401, {"error": f"bad key {KEY}"}, {})]
    score = ask(service, "hello")
    assert score.outcome is Outcome.ERROR
    assert "evals.moderation.key_env" in score.reason
    assert KEY not in score.reason
    broken = ask(service, "hello", key=f"{KEY}\nX-Evil: 1")
    assert broken.outcome is Outcome.ERROR
    assert KEY not in broken.reason
    other = Service()
    service.replies = [(307, {}, {"Location": other.url})]
    assert ask(service, "hello").outcome is Outcome.ERROR
    assert not other.seen
    other.server.shutdown()
    other.server.server_close()


def test_silence_is_an_error_and_is_not_sent(service: Service) -> None:
    assert ask(service, "something", "  ").outcome is Outcome.ERROR
    assert not service.seen


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", None), ("soon", None), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    read: Callable[[str | None], float | None] = moderation._after_s
    assert read(header) == seconds
