"""Hostile text, made safe."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agentops import text

NASTY = "\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 \x9b2J a\rb \x00 \ud800 \ufffe \u202e ]]>"
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


def test_terminal_sequences_and_illegal_characters_go() -> None:
    assert text.clean(NASTY) == "red link  a\nb \ufffd \ufffd \ufffd \ufffd ]]>"


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_illegal_is_left(value: str) -> None:
    assert not ILLEGAL.search(text.clean(value))
    assert "\n" not in text.one_line(value)
    assert len(text.one_line(value, 20)) <= 20


@given(st.text(max_size=60), st.integers(1, 30))
def test_fit_never_exceeds_the_columns(value: str, columns: int) -> None:
    assert text.width(text.fit(text.clean(value), columns)) <= columns


def test_wide_characters_take_two_columns() -> None:
    assert text.width("日本") == 4
    assert text.fit("日本語", 5) == "日本…"


def test_known_secrets_are_taken_out_and_short_words_are_not() -> None:
    assert text.redact("key=hunter2hunter2 pin=abc", ["hunter2hunter2", "abc"]) == "key=[redacted] pin=abc"


def test_the_tail_of_a_log() -> None:
    assert text.tail("a\nb\nc\n", 2) == "b\nc"
    assert len(text.tail("x" * 9000)) == 4000


@given(st.text())
def test_markdown_holds_no_markup(value: str) -> None:
    shown = text.markdown(value)
    assert not re.search(r"(?<!\\)[<>|`\[\]*_]", shown)
    assert not re.search(r"@(?!\u200b)", shown)


def test_markdown_makes_no_link_and_no_mention() -> None:
    assert text.markdown("http://x www.x @me &lt;") == "http\\://x www\\.x @\u200bme &amp;lt;"


def test_cap_says_what_is_missing() -> None:
    assert text.cap("abc", 3) == "abc"
    capped = text.cap("x" * 100, 50)
    assert len(capped) <= 50
    assert "more characters" in capped
