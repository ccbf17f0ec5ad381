"""The notation of a text by its content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection.notations import NOTATIONS, guess, scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, TemplateError

CASES = [
    ("{x}", "str.format"),
    ("{{x}}", "jinja2"),
    ("{{ x | e }} {y}", "jinja2"),
    ("{% if x %}y{% endif %}{{#z}}", "jinja2"),
    ("{{x}} and {y}", "braces"),
    ('{{"a": {x}}}', "str.format"),
    ("{{\n  a: {x}\n}}\n{{name}}", "str.format"),
    ("{{#xs}}{{.}}{{/xs}}", "mustache"),
    ("{{{x}}}", "mustache"),
    ("{{> part}}", "mustache"),
    ("{{json x}}", "mustache"),
    ('{{role "user"}}{{x}}', "mustache"),
    ("{{ x | truncate: 200 }}{% if y %}z{% endif %}", "liquid"),
    ("{{ x | join(', ') }}: y", "jinja2"),
    ("{{.X}}", "go-template"),
    ("{{- range .Xs}}x{{end}}", "go-template"),
    ("{{$x}}", "semantic-kernel"),
    ("{{web.search $x}}", "semantic-kernel"),
    ("${x} and $y", "dollar"),
    ("Summarise $ARGUMENTS", "dollar"),
    ("<<x>>", "angle"),
    ("!<INPUT 0>!", "angle"),
    ("Text: %s", "printf"),
    ("[BASE_SHA]", "square"),
    ("x [[y]]", "markers"),
]

NO_HOLE = [
    "nothing",
    "Price: $5 or $100, 100% sure",
    '{"a": {"b": [1, 2]}}',
    '{\n  "a": "string",\n  "b": {}\n}',
    '```json\n{"a": {b}}\n```',
    "```python\nprint(f'{x}')\n```",
    "\\frac{a}{b} and \\boxed{answer} and x^{2}",
    "p {color: red}",
    "<title>the title</title>",
    "{Explain error here} and { name }",
    '{contents in prose\nand {"a": 1}',
    "<|im_start|>system\nBe kind.<|im_end|>",
    "Use $x = 1$ and $\\alpha$",
    "[Your answer here] and [TODO]",
    "function f() { return 1; }",
    "const {a, b} = c;",
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_notation_is_known_by_its_signs(text: str, expected: str) -> None:
    assert guess.notation(Source("a.txt", text, markers=(("[[", "]]"),))) == expected


@pytest.mark.parametrize("text", NO_HOLE)
def test_what_only_looks_like_a_hole_is_text(text: str) -> None:
    source = Source("a.txt", text)
    assert [s.name for s in scan(guess.notation(source), source) if isinstance(s, Hole)] == []


def test_a_name_that_is_begun_and_not_ended_is_an_error() -> None:
    for text in ("Answer {{ question", "Answer {question", "{a} then {b\n"):
        source = Source("a.txt", text)
        with pytest.raises(TemplateError):
            scan(guess.notation(source), source)


@given(st.text(alphabet="{}$<>%[]#/.|!\"' \n`\\aA_s-", max_size=60))
def test_it_never_fails(text: str) -> None:
    assert guess.notation(Source("a.txt", text)) in NOTATIONS
