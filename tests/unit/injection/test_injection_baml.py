"""BAML functions."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.baml import parse
from agentops.injection.template import NoteKind, TemplateError

FILE = """enum Mood { GOOD BAD }
class Out { x string @description(#"a } b {{ no }}"#) }
template_string Head(name: string) #"Hello {{ name }}"#
// function Old(x: string) -> y { prompt #"{{ gone }}"# }
function Sort(text: string, n: int, mood: Mood?, kind: "a" | "b") -> Out {
  client "x/y"
  prompt #"
    You sort. {{ ctx.output_format }}
    {{ _.role("user") }}
    {{ n }} {{ mood }} {{ kind }} {{ text }}
  "#
}
function Ask(q: string) -> string { client X prompt #"Answer: {{ q }}"# }
test T { functions [Ask] args { q #"{{ sample }}"# } }
"""


def test_functions_roles_and_types() -> None:
    found = parse(Source("a.baml", FILE))
    assert [(t.name, t.line) for t in found] == [("Head", 3), ("Sort", 5), ("Ask", 13)]
    head, sort, ask = found
    assert [(m.role, [h.name for h in m.holes]) for m in sort.messages] == [
        ("system", ["ctx.output_format"]), ("user", ["n", "mood", "kind", "text"]),
    ]  # fmt: skip
    assert dict(sort.types) == {"text": "string", "n": "int", "mood": "enum", "kind": "enum"}
    assert sort.declared == ("text", "n", "mood", "kind")
    assert sort.assigned["ctx"].kind is Kind.CONSTANT
    assert [m.role for t in (head, ask) for m in t.messages] == [None, None]
    assert all(FILE.startswith(h.written, h.offset) for t in found for h in t.holes)


CALLS = """enum Speaker { user assistant }
template_string Turn(m: Message, lead: string?) #"
  {{ _.role(m.role) }}
  {% if lead %}{{ lead }}{% endif %}
  {{ m.text }}
"#
template_string Alone(a: string) #"{{ a }}"#
function Sort(talk: Message[], q: string, who: Speaker) -> string {
  prompt #"
    You sort. {{ Turn(q, 'Now:' if q else null) }}
    {% for one in talk %}{{ Turn(one, null) }}{% endfor %}
    {{ _.role("assistant") }}{{ _.role(who) }}
    {{ q }} {{ Alone2(true, 1, null) }}
  "#
}
"""


def test_a_template_string_is_put_where_it_is_called() -> None:
    alone, sort = parse(Source("a.baml", CALLS))
    assert (alone.name, sort.name) == ("Alone", "Sort")
    assert [(m.role, [(h.name, h.line) for h in m.holes]) for m in sort.messages] == [
        ("system", []), ("user", [("q.text", 5)]), ("user", [("talk[].text", 5)]),
        ("user", [("q", 13), ("Alone2()", 13)]),
    ]  # fmt: skip
    assert all(CALLS.startswith(h.written, h.offset) for h in sort.holes)
    assert sort.holes[1].in_loop


def test_a_role_that_is_a_value_is_noted_and_that_of_an_enum_is_not() -> None:
    (note,) = parse(Source("a.baml", CALLS))[1].notes
    assert (note.kind, note.hole, note.location.line) == (NoteKind.DYNAMIC_ROLE, "m.role", 3)


def test_strings_that_call_each_other_end() -> None:
    text = 'template_string A() #"{{ B() }}{{ B() }}"#\ntemplate_string B() #"{{ A() }}"#\n'
    with pytest.raises(TemplateError):
        parse(Source("a.baml", text))
    doubled = "".join(f'template_string S{n}() #"{{{{ S{n + 1}() }}}}{{{{ S{n + 1}() }}}}"#\n' for n in range(40))
    began = time.monotonic()
    with pytest.raises(TemplateError, match="more than"):
        parse(Source("a.baml", doubled))
    assert time.monotonic() - began < 2


def test_errors_name_the_place() -> None:
    with pytest.raises(TemplateError) as caught:
        parse(Source("a.baml", 'function F(x: string) -> y {\n  prompt #"open {{ x }}\n}'))
    assert caught.value.location.line == 2
    with pytest.raises(TemplateError):
        parse(Source("a.baml", 'function F(x: string) -> y {\n  prompt #"{% if %}"#\n}'))


@pytest.mark.parametrize("part", ["#", '#"', "function F(", '{{_.role("', "a:b,", "//", '"'])
def test_long_files_end(part: str) -> None:
    began = time.monotonic()
    with contextlib.suppress(TemplateError):
        parse(Source("a.baml", part * (500_000 // len(part))))
    assert time.monotonic() - began < 2


@given(st.text(alphabet="ab #\"{}()_.:,-|\n/%'", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    for whole in (text, f'function F(x: string) -> y {{ prompt #"{text}"# }}'):
        try:
            parse(Source("a.baml", whole))
        except TemplateError as error:
            assert error.location.line is not None
