"""Holes with arguments, expressions of n8n, Liquid, and marks that only look like holes."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.engine import parse
from agentops.injection.source import Source
from agentops.injection.template import NoteKind, Template, TemplateError


def read(text: str, path: str = "a.txt") -> Template:
    (template,) = parse(Source(path, text))
    assert all(text.startswith(h.written, h.offset) for h in template.holes)
    return template


def names(text: str, path: str = "a.txt") -> list[str]:
    return [h.name for h in read(text, path).holes]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name the talk: {{TURNS:LAST:4}}", ["TURNS"]),
        ("On {{TODAY}} about {{query:first:80}}", ["TODAY", "query"]),
        ("{topic} of {{TURNS:LAST:4}}", ["topic", "TURNS"]),
        ('{topic} {{"a": {kind}}} {{TURNS:3}}', ["topic", "kind", "TURNS"]),
        ("{topic} {{id:1}}", ["topic"]),  # the braces of an object, doubled
        ("{topic} {{ id: 1 }}", ["topic"]),
        ("Read ${:page} and ${mood:-calm} in ${tongue:English}", ["page", "mood", "tongue"]),
        ("{{{{letter}}}} for {reader}", ["letter", "reader"]),
    ],
)
def test_names_with_arguments_are_holes(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_arguments_are_no_part_of_a_tag_in_mustache() -> None:
    assert names("{{#if open}}{{TURNS:LAST:4}}{{/if}}", "a.hbs") == ["TURNS"]


def test_a_hole_of_a_second_stage_is_noted() -> None:
    note = read("{{{{letter}}}} for {reader}").notes[0]
    assert (note.kind, note.hole, note.location.column) == (NoteKind.HIDDEN_HOLE, "letter", 3)
    assert read("{{letter}} for {reader}").notes == ()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$json.mail.body", [("json.mail.body", ())]),
        ("$('Read Mail').item.json.body", [("json.body", ())]),
        ('$node["Read Mail"].json["body"]', [("json.body", ())]),
        ("$input.first().json.body", [("json.body", ())]),
        ("$('Rows').all()[0].json.note", [("json.note", ())]),
        ("String($json.note ?? '').trim()", [("json.note", ())]),
        ("JSON.stringify($json.rows)", [("json.rows", ("tojson",))]),
        ("$json.rows.length", [("json.rows", ("length",))]),
        ("$json.a + ' ' + $json.b", [("json.a", ()), ("json.b", ())]),
        ("{ a: $json.note }", [("json.note", ())]),
        ("$workflow.id", []),
    ],
)
def test_expressions_of_n8n(expression: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    template = read(f"Sort {{{{ {expression} }}}} for {{{{ $json.who }}}}")
    assert template.syntax == "n8n"
    assert [(h.name, h.filters) for h in template.holes] == [*expected, ("json.who", ())]


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ("{{ $input }}", "semantic-kernel"),
        ("{{ range $i, $json := .Rows }}{{ $json.note }}{{ end }}", "go-template"),
    ],
)
def test_other_dollar_signs_are_no_n8n(text: str, syntax: str) -> None:
    assert read(text).syntax == syntax


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.yaml", "prompt: |\n  Sort {{ $json.note }}\n"), ("a.json", '{"prompt": "=Sort {{ $json.note }}"}')],
)
def test_expressions_in_structured_files_are_holes(path: str, text: str) -> None:
    assert names(text, path) == ["json.note"]


def test_an_expression_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(TemplateError) as caught:
        read("{{ $json.a }}\nand {{ $json.b")
    assert (caught.value.location.line, caught.value.location.column) == (2, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<<<<QUERY>>>>\n{query}\n<<<<QUERY>>>>", ["query"]),
        ("<<<QUERY>>>\n<<query>>\n<<<END>>>", ["query"]),
        ("<<START>>\n<<query>>\n<<END>>", ["query"]),
        ("<<LETTER>>\n<<query>>\n<<END_LETTER>>", ["query"]),
        ("<<LETTER>>\n<<query>>\n<</LETTER>>", ["query"]),
        ("From <<start>> to <<goal>>", ["start", "goal"]),
        ("cout<<name>>1 at {{10:30}} on {{http://a.b}}", []),
        ("[[ ## reply ## ]]\n{query}\n[[ ## completed ## ]]", ["query"]),
    ],
)
def test_marks_around_a_hole_are_text(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_liquid_is_read_where_jinja2_gives_up() -> None:
    text = (
        "{% assign note = letter | strip %}{{ note | truncate: 90 }}"
        "{% for row in rows %}{{ row.text | default: 'none' }}{% endfor %}"
        "{% if tone contains 'calm' %}{{ tone }}{% endif %}{% capture x %}{{ place }}{% endcapture %}{{ x }}"
        "{% comment %}{{ gone }}{% endcomment %}{% raw %}{{ shown }}{% endraw %}{{ 'word' | upcase }}"
        "{% render 'foot', a: b %}"
    )
    template = read(text, "a.liquid")
    assert [h.name for h in template.holes] == ["letter", "rows[].text", "tone", "place", "include(foot)"]
    row, tone = template.holes[1:3]
    assert (row.in_loop, row.filters, tone.condition) == (True, ("default",), "if tone contains 'calm'")


@pytest.mark.parametrize(
    "text", ["{{ a | b: 1", "{% for x in y %}{{ x | b: 1 }}", "{{ a | b: 1 }}{% endif %}", "{{ a | b: 1 }}{% raw %}"]
)
def test_broken_liquid_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        read(text, "a.liquid")
    assert caught.value.location.line == 1


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("a.txt", "{{ $json.a["), ("a.txt", "{{ $json.a }}{"), ("a.liquid", "{% for a in b | c: 1 %}"),
        ("a.txt", "<<END_A>>"), ("a.txt", "{{A:1"), ("a.txt", "{{{{"), ("a.liquid", "{{ a | b: 1 }}"),
        ("a.txt", "<system>"), ("Modelfile", "SYSTEM a\n"), ("a.txt", "<system></system>\n"),
        ("commands/a.md", "$ARGUMENTS !`git diff`\n@a.b\n"), ("commands/a.md", "$ARGUMENTS\n```!\n"),
    ],
)  # fmt: skip
def test_long_files_end(path: str, unit: str) -> None:
    began = time.monotonic()
    with contextlib.suppress(TemplateError):
        parse(Source(path, unit * (1_000_000 // len(unit))))
    assert time.monotonic() - began < 2


@given(
    st.sampled_from(["a.txt", "a.liquid", "Modelfile", "commands/a.md"]),
    st.text(alphabet="{}$json.('a)|: %for<>!`\n\"", max_size=60),
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(path: str, text: str) -> None:
    for whole in (text, "{{ $json.a }}" + text, "SYSTEM " + text):
        try:
            templates = parse(Source(path, whole))
        except TemplateError as error:
            assert error.location.line is not None
        else:
            assert all(whole.startswith(h.written, h.offset) for t in templates for h in t.holes)
