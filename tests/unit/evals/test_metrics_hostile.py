"""No answer may hang or crash a metric: each of them on long answers of what is worst for it."""

import base64
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import ConfigError
from agentops.evals import scoring
from agentops.evals.metrics import DETERMINISTIC, personal
from agentops.model.case import Answer, Assertion, ToolCall, Turn, Usage
from agentops.model.outcome import Outcome
from agentops.model.seen import Context, Seen

TEXTS = {
    "contains": {"value": "needle"}, "icontains": {"value": "needle"}, "contains_any": {"value": ["needle"]},
    "icontains_any": {"value": ["needle"]}, "equals": {"value": "x"}, "iequals": {"value": "x"},
    "starts_with": {"value": "x"}, "ends_with": {"value": "x"}, "regex": {"value": r"(\d+)-\1x"},
    "length": {"of": "words", "at_most": 3}, "json_schema": {"value": {"type": "array", "uniqueItems": True}},
    "json_path": {"path": "a[*].b", "contains": 3}, "number": {"value": 3, "unit": "kg"},
    "similarity": {"to": "some words to compare", "at_least": 0.5, "method": "levenshtein"},
    "language": {"value": "en"}, "refusal": {"value": True},
    "forbidden": {"texts": ["needle"], "patterns": [r"n[e]{2}dle"], "words": True},
    "pii": {"kinds": list(personal.NAMES)},
    "secret_leak": {"value": "none"}, "prompt_leak": {"value": "none"},
}  # fmt: skip

PIECES = [
    "a", "1", " ", "é", "中", "\u200b", "😀", "-", ".", "@", ":", "1 ", "1.", "1,", "a@",
    "@a.", "a.", "a@a.aa ", "0:", "::", "+1", "+1 ", "01 ", "(0", "DE89 ", "DE89",
    "1234 ", "A1", "I can't ", "kann ich ", "ich kann das ", "je ne peux ", "도와 ", "मदद ",
    "{", "[", "[1,", '{"a":', '"a",', "```", "```\n", "`", "\n", "eyJ", "sk-", "https://",
    "the ", "de la ", "password: ", "You are ", "x" * 63 + ".", "\ufdfa", "\u0301",
    "9" * 15 + " ", "0x", "%41", "\\",
]  # fmt: skip
PROMPT = "You are the support agent of a shop that sells coffee machines and never gives refunds above fifty dollars."


def seen(text: str) -> Seen:
    calls = (ToolCall("look", {"x": text}),)
    answer = Answer(text, calls, Usage(1, 1), latency_s=1.0, first_token_s=0.1, cost_usd=0.1)
    return Seen((Turn("hi"),), (answer,), Context(canary="Lantern-kite-4711", prompts=(PROMPT,)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", TEXTS)
def test_a_long_answer_takes_linear_time(kind: str) -> None:
    slowest = (0.0, "")
    for piece in PIECES:
        text = piece * (250_000 // len(piece.encode()) + 1)
        started = time.monotonic()
        scoring.hold(Assertion(kind, TEXTS[kind]), seen(text))
        slowest = max(slowest, (time.monotonic() - started, piece))
    # A megabyte within two seconds, and a machine with other work.
    assert slowest[0] < 0.8, slowest


@pytest.mark.parametrize("kind", ["regex", "pii", "secret_leak", "prompt_leak", "refusal", "forbidden", "language"])
def test_an_answer_of_64_kb_is_scanned_in_a_moment(kind: str) -> None:
    sentence = "Your order A-1001 of 2024-05-01 over $1,234.56 is on its way to you; call 12345 with questions. "
    text = (sentence * 700)[:65_536]
    began = min(_took(kind, text) for _ in range(3))
    assert began < 0.1, began


def _took(kind: str, text: str) -> float:
    started = time.perf_counter()
    scoring.hold(Assertion(kind, TEXTS[kind]), seen(text))
    return time.perf_counter() - started


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=30).map("".join))
def test_no_text_breaks_a_metric(text: str) -> None:
    for kind, params in TEXTS.items():
        for negate in (False, True):
            score = scoring.hold(Assertion(kind, params, negate), seen(text))
            assert "broke" not in score.reason, score
            assert len(score.reason) <= 400


def test_every_metric_that_reads_text_is_tried() -> None:
    numbers = {"latency", "tokens", "cost", "turns"}
    assert set(TEXTS) == {k for k, kind in DETERMINISTIC.items() if kind.reads_text} - numbers


def test_what_json_can_do_to_a_reader() -> None:
    for text in ("[" * 200_000, "1" * 5000, '"\\ud800"', "NaN", '{"a": 1e999}', base64.b64encode(b"x" * 999).decode()):
        for kind in ("json_schema", "json_path"):
            score = scoring.hold(Assertion(kind, TEXTS[kind]), seen(text))
            assert score.outcome is Outcome.FAIL, score


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("regex", {"value": "("}),
        ("forbidden", {"patterns": ["("]}),
        ("forbidden", {"words": True}),
        ("json_schema", {"value": {"type": "strin"}}),
        ("json_path", {"path": "a["}),
        ("json_path", {"path": "a", "matches": "("}),
        ("json_path", {"path": "a", "at_least": 3, "at_most": 2}),
        ("length", {"at_least": 3, "at_most": 2}),
        ("turns", {"at_least": 3, "at_most": 2}),
        ("similarity", {"to": "x" * 20_001, "at_least": 0.5}),
        ("tool_called", {"name": "x", "times": 1, "at_most": 2}),
        ("tool_called", {"name": "x", "at_least": 3, "at_most": 2}),
        ("tool_called", {"name": "x", "arguments_schema": {"type": 3}}),
        ("tool_calls", {"name": "x"}),
        ("tool_calls", {"at_least": 3, "at_most": 2}),
    ],
)
def test_what_could_never_be_judged_is_refused(kind: str, params: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        DETERMINISTIC[kind].check(params)
