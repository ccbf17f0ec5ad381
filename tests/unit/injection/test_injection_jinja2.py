"""Jinja2 templates: what is a hole, where it stands, and what is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.notations import scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, Template, TemplateError, Text, body
from agentops.injection.trust import Judge


def parse(text: str, **files: str) -> tuple[Text | Hole, ...]:
    def include(name: str, here: str) -> Source | None:
        stem = name.removesuffix(".j2")
        return Source(name, files[stem], include) if stem in files else None

    return scan("jinja2", Source("a.j2", text, include))


def names(text: str, **files: str) -> list[str]:
    return [s.name for s in parse(text, **files) if isinstance(s, Hole)]


def rendered(text: str, **files: str) -> str:
    return body(parse(text, **files))[0].replace("\x00", "@")


def test_a_hole_knows_its_name_filters_and_place() -> None:
    (hole,) = [s for s in parse("one\n  two {{ user.name | trim | e }}.") if isinstance(s, Hole)]
    assert (hole.name, hole.filters) == ("user.name", ("trim", "e"))
    assert (hole.line, hole.column, hole.offset) == (2, 7, 10)


def test_text_knows_its_place_behind_stripped_space() -> None:
    spans = parse("a   {%- if x -%}\n\n   b {{ y }}{% endif %}")
    assert [(s.text, s.line, s.column) for s in spans if isinstance(s, Text)] == [("a", 1, 1), ("b ", 3, 4)]
    hole = spans[-1]
    assert isinstance(hole, Hole)
    assert (hole.line, hole.column, hole.condition, hole.in_loop) == (3, 6, "if x", False)


@pytest.mark.parametrize(
    "text",
    [
        "{% raw %}{{ question }}{% endraw %}",
        "{# {{ question }} #}",
        "{% if question %}yes{% endif %}",
        "{{ 'question' }}",
        "{{ question is defined }}",
        "{% for q in range(3) %}{{ loop.index }}{{ q }}{% endfor %}",
        "{% set x = 'a' %}{{ x }}",
        "{% macro m(question) %}{{ question }}{% endmacro %}",
        "{% macro m(question) %}{{ question }}{% endmacro %}{{ m('fixed') }}",
        "{% with x = 1 %}{{ x }}{% endwith %}",
    ],
)
def test_what_is_no_hole(text: str) -> None:
    assert names(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", ["messages[].content"]),
        ("{% for m in messages[-3:] %}{{ m['content'] }}{% endfor %}", ["messages[].content"]),
        ("{% for k, v in data.items() %}{{ v }}{% endfor %}", ["data[]"]),
        ("{% set x = question %}{{ x }}", ["question"]),
        ("{% set x %}{{ question }}{% endset %}{{ x }}", ["question"]),
        ("{{ a ~ b }}", ["a", "b"]),
        ("{{ a if c else b }}", ["a", "b"]),
        ("{{ a or b }}", ["a", "b"]),
        ("{{ a | default(b) }}", ["a", "b"]),
        ("{{ docs | map(attribute='text') | join(', ') }}", ["docs[].text"]),
        ("{{ question.strip() }}", ["question"]),
        ("{{ history(2) }}", ["history()"]),
        ("{{ load(question) }}", ["load()", "question"]),
        ("{% macro m(d) %}<d>{{ d.text }}</d>{% endmacro %}{{ m(document) }}", ["document.text"]),
        ("{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ x }}{% endcall %}", ["x"]),
        ("{% filter upper %}{{ x }}{% endfilter %}", ["x"]),
        ("{% set r = {'t': title, 'n': 1} %}{{ r.t }}{{ r.n }}", ["title"]),
        ("{% set ns = namespace(x='') %}{% for m in ms %}{% set ns.x = m.t %}{% endfor %}{{ ns.x }}", ["ms[].t"]),
        ("{% set l = [] %}{% for m in ms %}{% do l.append(m.t) %}{% endfor %}{{ l | join }}", ["ms[].t"]),
        ("{% set x = 'a' %}{% if c %}{% set x = question %}{% endif %}{{ x }}", ["question"]),
    ],
)
def test_locals_lead_to_what_they_are_made_of(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_a_hole_in_a_loop_says_so() -> None:
    (hole,) = [s for s in parse("{% for m in ms %}{{ m }}{% endfor %}") if isinstance(s, Hole)]
    assert hole.in_loop


def test_both_branches_are_written_down() -> None:
    assert rendered("{% if a %}x{{ b }}{% elif c %}y{% else %}z{{ d }}{% endif %}") == "x@yz@"


def test_an_include_is_followed_and_its_holes_keep_their_file() -> None:
    spans = parse("a {% include 'b.j2' %} c", b="1\n {{ question }}")
    (hole,) = [s for s in spans if isinstance(s, Hole)]
    assert (hole.path, hole.line, hole.column) == ("b.j2", 2, 2)
    assert rendered("a {% include 'b.j2' %} c", b="1 {{ q }}") == "a 1 @ c"


def test_an_include_that_is_not_there_is_a_hole_of_unknown_trust() -> None:
    (hole,) = (s for s in parse("x\n{% include 'gone.j2' %}") if isinstance(s, Hole))
    assert (hole.name, hole.line, hole.written) == ("include(gone.j2)", 2, "{% include 'gone.j2' %}")
    assert Judge({}).trust(hole, Template("a.j2", "jinja2", ())).kind is Kind.UNKNOWN


def test_an_include_that_may_be_missing_is_no_error_and_one_of_a_list_is_enough() -> None:
    assert rendered("a{% include 'gone.j2' ignore missing %}") == "a"
    assert rendered("a{% include ['gone.j2', 'b.j2'] %}", b="b") == "ab"


def test_an_include_named_at_run_time_is_a_hole() -> None:
    assert names("{% include name %}") == ["include()"]


def test_blocks_of_a_parent_are_filled_by_the_child() -> None:
    parent = "head {% block a %}old {{ x }}{% endblock %} foot"
    assert rendered("{% extends 'p.j2' %}{% block a %}new {{ y }}{% endblock %}", p=parent) == "head new @ foot"
    assert names("{% extends 'p.j2' %}{% block a %}{{ super() }}{{ y }}{% endblock %}", p=parent) == ["x", "y"]
    assert names("{% extends 'p.j2' %}", p=parent) == ["x"]


def test_imported_macros_are_expanded() -> None:
    macros = "{% macro wrap(d) %}<d>{{ d }}</d>{% endmacro %}"
    assert names("{% import 'm.j2' as m %}{{ m.wrap(document) }}", m=macros) == ["document"]
    assert rendered("{% from 'm.j2' import wrap as w %}{{ w(document) }}", m=macros) == "<d>@</d>"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a\n  {{ x + }}", "2:10"),
        ("a\n {% if x %}", "2:10"),
        ("a {{ $ }}", "1:6"),
        ("a\n\n{% nonsense %}", "3:4"),
        ("{% for x in y %}{% endif %}", "1:20"),
    ],
)
def test_a_syntax_error_tells_its_place(text: str, place: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"a.j2:{place}: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "{{" + "(" * 20_000,
        "{% if x %}" * 20_000,
        "{{ a" + "|b" * 20_000 + " }}",
        "{{ a" + " + b" * 20_000 + " }}",
    ],
)
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(TemplateError):
        parse(text)


def test_macros_that_call_each_other_end() -> None:
    with pytest.raises(TemplateError):
        parse("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}")
    doubling = "".join(
        f"{{% macro m{i}() %}}{{{{ m{i + 1}() }}}}{{{{ m{i + 1}() }}}}{{% endmacro %}}" for i in range(30)
    )
    macros = "{% macro m30() %}x{% endmacro %}" + doubling
    assert parse(macros) is not None
    with pytest.raises(TemplateError):
        parse(macros + "{{ m0() }}")


def test_files_that_include_each_other_are_an_error() -> None:
    with pytest.raises(TemplateError, match="includes itself"):
        parse("{% include 'b.j2' %}", b="{% include 'b.j2' %}")


def test_odd_literals_neither_warn_nor_crash() -> None:
    assert names(r"{{ '\d' }}{{ " + "9" * 5_000 + " }}{{ x }}") == ["x"]


@given(st.text(alphabet="{}%#-ax.'\"|([ \n~", max_size=60))
def test_the_parser_gives_spans_or_the_declared_error(text: str) -> None:
    try:
        spans = parse(text)
    except TemplateError as error:
        assert error.location.path == "a.j2"
    else:
        assert all(isinstance(s, (Text, Hole)) for s in spans)


@given(st.text(alphabet="ab \n<>&é", max_size=40), st.text(alphabet="ab \n<>&é", max_size=40))
def test_plain_text_stays_as_it_is(before: str, after: str) -> None:
    spans = parse(f"{before}{{{{ x }}}}{after}|")
    assert body(spans)[0] == f"{before}\x00{after}|"
    (hole,) = [s for s in spans if isinstance(s, Hole)]
    assert hole.offset == len(before)
    assert (hole.line, hole.column) == (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def test_a_condition_keeps_its_words() -> None:
    text = "{% if a == 1 -%}{{ x }}{%- elif b %}{{ y }}{% else %}{{ z }}{% endif %}"
    holes = [span for span in parse(text) if isinstance(span, Hole)]
    assert [hole.condition for hole in holes] == ["if a == 1", "if b", "not a == 1"]
