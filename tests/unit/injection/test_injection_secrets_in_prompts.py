"""PT021 names a secret by its kind and place and never shows it."""

from __future__ import annotations

from agentops.injection import engine
from agentops.model.finding import Finding


def found(text: str, path: str = "a.txt") -> list[Finding]:
    return [f for one in engine.analyse_text(text, path=path) for f in one.findings if f.rule == "PT021"]


def test_the_place_is_that_of_the_value_and_the_value_is_not_said() -> None:
    (one,) = found("Be kind.\nThe door password is Maple-Otter-2217.\n")
    assert str(one.location) == "a.txt:2:22"
    assert "Maple-" not in one.message
    assert "16 characters" in one.message


def test_the_place_is_found_in_a_message_too() -> None:
    (one,) = found("system:\nBe kind.\n\nuser:\n{question} password: Tr4vel!Mug\n")
    assert one.location.line == 5


def test_a_comment_that_is_not_sent_is_not_in_the_prompt() -> None:
    assert found("{# password: Tr4vel!Mug #}\nBe kind, {{ date }}.", path="a.j2") == []


def test_two_secrets_are_two_findings() -> None:
    assert len(found("password: Tr4vel!Mug and password: Oth3r!Mugs")) == 2
