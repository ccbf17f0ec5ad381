"""Proposed cases: what is expected of what was seen, and what never leaves production."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import UsageError
from agentops.evals import dataset
from agentops.evals.generate import document
from agentops.evals.imports import proposal, redaction
from agentops.evals.imports.alike import groups
from agentops.evals.imports.session import Called, Session

ASKS = "Where is order A-1001?"


def session(
    asks: str, says: str = "Sure.", *calls: Called, results: tuple[str, ...] = (), origin: str = "trace 1"
) -> Session:
    return Session(origin, (asks,), says, calls, results)


def only(*sessions: Session, **more: Any) -> dict[str, Any]:
    (case,) = proposal.propose(sessions, **more).cases
    return case


def test_a_tool_is_proposed_with_the_arguments_that_the_user_named() -> None:
    called = Called("lookup_order", {"order_id": "A-1001", "query": "where it is", "limit": 10, "full": True})
    assert only(session(ASKS, "Sure.", called))["expect"] == [
        {"tool_called": {"name": "lookup_order", "arguments": {"order_id": "A-1001"}}}, {"refusal": False}
    ]  # fmt: skip
    assert only(session("And now?", "Sure.", called))["expect"][0] == {"tool_called": "lookup_order"}


def test_an_argument_that_was_redacted_is_not_expected() -> None:
    called = Called("find", {"email": "jo@example.com", "order_id": "A-1001"})
    case = only(session("I am jo@example.com, order A-1001", "Sure.", called))
    assert case["expect"][0] == {"tool_called": {"name": "find", "arguments": {"order_id": "A-1001"}}}
    assert case["input"] == "I am [EMAIL_1], order A-1001"


def test_nothing_of_the_text_is_expected_that_no_tool_gave() -> None:
    seen = session(ASKS, "It arrives on 2026-02-03, pay 99.50 to ZX-1.", results=('{"eta": "2026-02-03"}',))
    assert only(seen)["expect"] == [{"refusal": False}]
    assert only(seen, text=True)["expect"] == [{"refusal": False}, {"icontains": ["2026-02-03"]}]


def test_a_refusal_is_proposed_as_one_and_told() -> None:
    case = only(session("Give me all mails", "I'm sorry, but I can't share that."))
    assert case["expect"] == [{"refusal": True}]
    assert case["description"] == "The agent answered: I'm sorry, but I can't share that."


def test_like_sessions_become_one_case_of_what_they_agree_in() -> None:
    call = Called("lookup_order", {"order_id": "A-1001"})
    made = proposal.propose(
        [session(ASKS, "Sure.", call, origin="trace a"), session("where is order  A-2002 ?", "I can't help with that.")]
    )
    (case,) = made.cases
    assert made.left_out == {"like another one": 1}
    assert case["origin"] == "trace a"
    assert case["description"].startswith("Seen 2 times")
    # One declined and one did not, one called and one did not: nothing of that is expected.
    assert case["expect"] == [{"length": {"at_least": 1}}]


def test_a_negation_is_another_question() -> None:
    words = "please refund the order that I placed on monday"
    cases = proposal.propose([session(words), session(words.replace("refund", "do not refund"))]).cases
    assert len(cases) == 2


def test_the_limit_keeps_what_was_seen_most() -> None:
    asked = ["rare one", "common 1", "common 2", "odd two"]
    made = proposal.propose([session(a) for a in asked], limit=1)
    assert [c["input"] for c in made.cases] == ["common 1"]
    assert made.left_out == {"like another one": 1, "beyond the limit": 2}


def test_what_makes_no_case_is_counted() -> None:
    files = Session("t", ("look",), "ok", has_files=True)
    made = proposal.propose([files, session("hi", "  ")])
    assert (made.cases, made.left_out) == ((), {"with files or images": 1, "without an answer": 1})


def test_ids_are_stable_and_speak() -> None:
    first, second = only(session(ASKS)), only(session(ASKS, "Other.", origin="trace 2"))
    assert first["id"] == second["id"]
    assert first["id"].startswith("where-is-order-a-1001-")
    assert only(session("日本語で質問"))["id"].startswith("session-")


PRIVATE = {
    "jane.doe+x@mail.example.org": "[EMAIL_1]",
    "+49 30 901820 77": "[PHONE_1]",
    "(415) 555-2671": "[PHONE_1]",
    "4111 1111 1111 1111": "[CARD_1]",
    "DE89 3704 0044 0532 0130 00": "[IBAN_1]",
    "536-22-1234": "[ID_1]",
    "AKIA" + "Q3W7ERTY5UIOPA2D": "[SECRET_1]",
    "AKIA\u200b" + "Q3W7ERTY5UIOPA2D": "[SECRET_1]",
}


@pytest.mark.parametrize("value", PRIVATE)
def test_what_is_private_is_replaced(value: str) -> None:
    redacted = redaction.Redactor().text(f"it is {value} indeed")
    assert redacted == f"it is {PRIVATE[value]} indeed"


def test_placeholders_are_the_same_within_a_session() -> None:
    redactor = redaction.Redactor()
    assert redactor.text("a@x.org and b@x.org") == "[EMAIL_1] and [EMAIL_2]"
    assert redactor.text("B@X.ORG again") == "[EMAIL_2] again"
    assert redactor.data({"to": ["b@x.org"], "n": 4111111111111111, "b@x.org": 1}) == {
        "to": ["[EMAIL_2]"], "n": "[CARD_1]", "[EMAIL_2]": 1
    }  # fmt: skip


def test_digits_in_disguise_are_found() -> None:
    assert redaction.Redactor().text("４１１１ １１１１ １１１１ １１１１") == "[CARD_1]"
    assert "@" not in redaction.Redactor().text("jo\u200b@example.org")


def test_patterns_of_the_users_own() -> None:
    own = redaction.patterns([r"CUST-\d+"])
    assert redaction.Redactor(own).text("I am CUST-77, CUST-77") == "I am [REDACTED_1], [REDACTED_1]"
    with pytest.raises(UsageError):
        redaction.patterns(["("])


def test_what_is_still_there_is_found_and_not_shown() -> None:
    found = list(redaction.leaks("a: b\nc: jo@example.org\n"))
    assert found == ["line 2: a mail address"]


HOSTILE = "x\x1b[2J\u202e\r\n- id: evil\n  expect: []\n# '\"\\ {{name}} ${x} \ud800 ::error:: @everyone"


def test_a_hostile_session_makes_a_sound_evalset(tmp_path: Path) -> None:
    calls = (Called(HOSTILE, {HOSTILE: HOSTILE}),)
    cases = proposal.propose([Session(HOSTILE, (HOSTILE, HOSTILE), HOSTILE, calls, (HOSTILE,))], text=True).cases
    (tmp_path / "x.yaml").write_text(document.text({"version": 1, "cases": list(cases)}, comment=proposal.COMMENT))
    (case,) = dataset.load(["x.yaml"], root=tmp_path)[0].cases
    assert len(case.turns) == 2
    assert "\x1b" not in case.turns[0].text + case.origin


@settings(max_examples=80, deadline=None)
@given(said=st.lists(st.tuples(st.text(max_size=60), st.text(min_size=1), st.text(max_size=9)), min_size=1, max_size=5))
def test_whatever_was_said_the_proposal_is_read_back(said: list[tuple[str, str, str]], tmp_path_factory: Any) -> None:
    seen = [session(asks or "x", says, *([Called(tool, {"a": asks})] if tool else [])) for asks, says, tool in said]
    cases = proposal.propose(seen, text=True).cases
    if not cases:
        return
    folder = tmp_path_factory.mktemp("proposed")
    (folder / "x.yaml").write_text(document.text({"version": 1, "cases": list(cases)}))
    read = dataset.load(["x.yaml"], root=folder)[0].cases
    assert [c.input for c in read] == [c["input"] for c in cases]


def test_many_sessions_are_grouped_quickly() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [a + b + c for a in letters for b in letters[:5] for c in letters[:5]]
    items = [f"my {words[i % 650]} is late and I want the {words[i % 611]} back from you now" for i in range(4000)]
    found = groups(items, key=lambda s: (s,))
    assert sum(map(len, found)) == 4000
    assert len(found) > 600
