"""str.format templates, and the bare braces of JSON and code among them."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection.notations import scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, TemplateError, Text, body


def parse(text: str) -> tuple[Text | Hole, ...]:
    return scan("str.format", Source("a.txt", text, lambda name, here: None))


def names(text: str) -> list[str]:
    return [s.name for s in parse(text) if isinstance(s, Hole)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{question}", ["question"]),
        ("{user.name} {docs[0].text} {row[title]!r:>10} {price:.2f} {day:%Y-%m-%d}",
         ["user.name", "docs[].text", "row.title", "price", "day"]),
        ("{{question}} {{ }}", []),
        ("{{{question}}}", ["question"]),
        ('{"a": 1, "b": {"c": {question}}}', ["question"]),
        ('{{"a": {question}}}', ["question"]),
        ("{'oak': 2, 'b': {}}", []),
        ("function f() { return 1; } {a, b} {insert text here}", []),
        ("first {} then {}", ["0", "1"]),
        ("{0} {1.name}", ["0", "1.name"]),
        ('{"arguments": {}}', []),
        ("no hole", []),
    ],
)  # fmt: skip
def test_what_is_a_hole(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_doubled_braces_become_one_and_bare_ones_stay() -> None:
    assert body(parse('{{"a": {x}}} {"b": 1}'))[0] == '{"a": \x00} {"b": 1}'


def test_a_hole_knows_its_place() -> None:
    hole = parse("ab\ncd {{x}} {question}")[1]
    assert isinstance(hole, Hole)
    assert (hole.line, hole.column, hole.offset) == (2, 10, 12)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Answer:\n  {user_input", "2:3"),
        ("{user_input\nand {more}", "1:1"),
        ("a {user_input) {b}", "1:3"),
        ("{user_input and no end", "1:1"),
    ],
)
def test_a_hole_that_is_not_closed_is_an_error_with_its_place(text: str, place: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"a.txt:{place}: the hole {{user_input")
    assert "{{" in caught.value.hint


def test_too_many_holes_are_an_error() -> None:
    with pytest.raises(TemplateError, match="more than 2000 holes"):
        parse("{x}" * 2_001)


@given(st.text(alphabet="{}[]!:.ab0 \n\"',", max_size=60))
def test_the_parser_gives_spans_or_the_declared_error(text: str) -> None:
    try:
        spans = parse(text)
    except TemplateError as error:
        assert error.location.path == "a.txt"
    else:
        assert all(isinstance(s, (Text, Hole)) for s in spans)


@given(
    st.lists(st.one_of(st.text(alphabet="ab \n{}", max_size=8), st.sampled_from(["x", "y.z", "w!r:>4"])), max_size=8)
)
def test_it_agrees_with_the_library_where_that_can_read_the_text(parts: list[str]) -> None:
    fields = {"x", "y.z", "w!r:>4"}
    text = "".join(f"{{{p}}}" if p in fields else p.replace("{", "{{").replace("}", "}}") for p in parts)
    literal, found = "", []
    for piece, name, _, _ in string.Formatter().parse(text):
        literal += piece
        if name is not None:
            found.append(name)
            literal += "\x00"
    assert names(text) == found
    assert body(parse(text))[0] == literal
