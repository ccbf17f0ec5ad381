"""Where recorded sessions come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentops.drivers.journal import FileJournal
from agentops.errors import ConfigError, UsageError
from agentops.model.case import Answer, Attempt, CaseResult, ToolCall
from agentops.model.codec import encode
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.rollout.shadow import sessions

KEY = "AKIA" + "QZ7XW2N4VT6LPB3M"
EVALSET = """\
version: 1
name: own
cases:
  - {id: one, input: Where is A-1001?, expect: [{contains: carrier}]}
  - id: two
    turns: [{input: Hello}, {input: Where is A-1002?}]
    expect: [{tool_called: lookup_order}]
"""


def attempt(name: str, *answers: Answer, outcome: Outcome = Outcome.PASS, run: int = 1) -> Attempt:
    return Attempt(name, run, 1, outcome, answers=answers)


def journal(root: Path, *attempts: Attempt, inputs: dict[str, str], path: str = "own.yaml") -> str:
    folder = root / "runs" / "r1"
    folder.mkdir(parents=True)
    written = FileJournal(folder / "journal.jsonl")
    written.append("run", {"id": "r1"})
    for one in attempts:
        written.append("attempt", encode(one))
    cases = [
        encode(CaseResult(n, "own", (), 1, 1, Outcome.PASS, (), input=text, location=Location(path)))
        for n, text in inputs.items()
    ]
    written.append("stage", {"result": {"name": "evals", "cases": cases}})
    written.close()
    return "runs/r1"


def test_a_run_gives_the_turns_the_answers_and_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(EVALSET)
    call = ToolCall("lookup_order", {"order_id": "A-1002"})
    path = journal(
        tmp_path,
        attempt("one", Answer("with our carrier", tool_calls=())),
        attempt("two", Answer("Hi", tool_calls=()), Answer("sent", tool_calls=(call,))),
        inputs={"one": "Where is A-1001?", "two": "Hello"},
    )
    one, two = sessions.read([path], root=tmp_path).sessions
    assert [t.text for t in two.case.turns] == ["Hello", "Where is A-1002?"]
    assert (two.calls, two.answers[0].text if two.answers[0] else "") == ((call,), "Hi")
    assert one.case.expect[0].kind == "contains"
    assert not one.selected
    # The folder and the file are the same.
    assert sessions.read([f"{path}/journal.jsonl"], root=tmp_path).sha256 == sessions.read([path], root=tmp_path).sha256


def test_the_first_measured_attempt_counts_whatever_it_came_to(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(EVALSET)
    path = journal(
        tmp_path,
        attempt("one", Answer("broken"), outcome=Outcome.ERROR),
        attempt("one", Answer("bad"), outcome=Outcome.FAIL, run=2),
        attempt("one", Answer("carrier"), run=3),
        inputs={"one": "Where is A-1001?"},
    )
    (one,) = sessions.read([path], root=tmp_path).sessions
    assert one.answers == (Answer("bad"),)


def test_without_the_evalset_only_single_turns_are_left(tmp_path: Path) -> None:
    path = journal(
        tmp_path,
        attempt("one", Answer("carrier", tool_calls=())),
        attempt("two", Answer("Hi"), Answer("sent")),
        inputs={"one": "Where is A-1001?", "two": "Hello"},
    )
    found = sessions.read([path], root=tmp_path)
    assert [(s.id, s.case.input, s.case.expect) for s in found.sessions] == [("one", "Where is A-1001?", ())]
    assert found.left_out == {"of several turns, whose evalset is not there or changed": 1}


def test_a_case_that_says_something_else_by_now_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(EVALSET.replace("A-1001", "B-2002"))
    path = journal(tmp_path, attempt("one", Answer("carrier")), inputs={"one": "Where is A-1001?"})
    (one,) = sessions.read([path], root=tmp_path).sessions
    assert (one.case.input, one.case.expect) == ("Where is A-1001?", ())


def test_an_evalset_stands_for_its_recording(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(EVALSET)
    found = sessions.read(["own.yaml"], root=tmp_path)
    assert [s.selected for s in found.sessions] == [True, True]
    assert found.sessions[1].answers == (None, None)
    assert found.sessions[1].calls is None


def chat(text: str, answer: str, *, order: str = "A-1001") -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "lookup", "arguments": json.dumps({"id": order})}}
    return {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "{}"},
            {"role": "assistant", "content": answer},
        ]
    }


def test_chats_of_production_are_redacted_and_carry_what_import_would_expect(tmp_path: Path) -> None:
    lines = [chat("Where is A-1001? I am ann@example.com", "It is sent, ann@example.com.")]
    (tmp_path / "chats.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (one,) = sessions.read(["chats.jsonl"], root=tmp_path).sessions
    assert one.case.input == "Where is A-1001? I am [EMAIL_1]"
    assert one.answers[-1] is not None
    assert one.answers[-1].text == "It is sent, [EMAIL_1]."
    assert one.calls == (ToolCall("lookup", {"id": "A-1001"}),)
    assert {a.kind for a in one.case.expect} == {"tool_called", "refusal"}
    assert one.selected


def test_a_session_that_still_holds_a_secret_is_left_out(tmp_path: Path) -> None:
    path = journal(
        tmp_path, attempt("one", Answer(f"use {KEY}")), attempt("two", Answer("fine")), inputs={"one": "a", "two": "b"}
    )
    found = sessions.read([path], root=tmp_path)
    assert [s.id for s in found.sessions] == ["two"]
    assert found.left_out == {"that still holds a secret": 1}


def test_they_are_bounded_and_have_ids_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(EVALSET)
    found = sessions.read(["own.yaml", "own.yaml"], root=tmp_path, limit=3)
    assert [s.id for s in found.sessions] == ["one", "two", "one-2"]
    assert found.left_out == {"beyond the first 3": 1}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere is not there"):
        sessions.read(["nowhere"], root=tmp_path)
    (tmp_path / "journal.jsonl").write_text('{"kind": "run"}\n{"kind": "attempt", "odd": 1}\n')
    with pytest.raises(ConfigError, match="cannot be read"):
        sessions.read(["journal.jsonl"], root=tmp_path)
    (tmp_path / "empty.jsonl").write_text('{"kind": "run"}\n')
    with pytest.raises(ConfigError, match=r"no session is in empty\.jsonl"):
        sessions.read(["empty.jsonl"], root=tmp_path)
