"""Every way to write a hole in a text, and what only looks like one."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.notations import NOTATIONS, scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, Span, TemplateError, body

NEW = [n for n in NOTATIONS if n not in ("jinja2",)]
MARKERS = (("[[", "]]"), ("%%", "%%"))


def parse(notation: str, text: str, files: dict[str, str] | None = None) -> tuple[Span, ...]:
    def include(name: str, here: str) -> Source | None:
        return Source(name, (files or {})[name], include) if name in (files or {}) else None

    return scan(notation, Source("a.txt", text, include, MARKERS))


def holes(notation: str, text: str, files: dict[str, str] | None = None) -> list[Hole]:
    return [s for s in parse(notation, text, files) if isinstance(s, Hole)]


CASES = [
    ("dollar", "${a} $b ${c.d} ${e[0]} ${f:-none} ${input:g}", ["a", "b", "c.d", "e[]", "f", "g"]),
    ("dollar", "$$a \\$b costs $5, $100 and $ 3", []),
    ("dollar", '{"$ref": 1} and $(ls) and "$schema"', []),
    ("dollar", "$x^2 + y$ is $name", ["name"]),
    ("dollar", "```bash\necho $HOME ${USER}\n```\n$code", ["code"]),
    ("dollar", "```python\n$code\n```", ["code"]),
    ("semantic-kernel", "{{$input}} {{web.search $query}} {{time.now}} {{ 'x' }}", ["input", "query", "time.now()"]),
    ("angle", "<<name>> <name> <</SYS>> <<SYS>>", ["name"]),
    ("angle", "!<INPUT 0>! and !<INPUT 1>!", ["INPUT_0", "INPUT_1"]),
    ("angle", "!<INPUT 0>! -- past talk\n<commentblockmarker>###</commentblockmarker>\nOn !<INPUT 0>!", ["past_talk"]),
    ("printf", "Question: %s\n%(day)s %d 100% sure 5%s %%s", ["question", "day", "1"]),
    ("printf", "<document>\n%s\n</document>", ["document"]),
    ("square", "[BASE_SHA] [SUMMARY]", ["base_sha", "summary"]),
    ("square", "[SUMMARY] is a heading", []),
    ("square", "[USER_TEXT]x[/USER_TEXT] [INST] [A_LINK](b) say [ALL_DONE]", []),
    ("braces", "{a} {{b}} {{ c.d }} {e f} {\"g\": 1}", ["a", "b", "c.d"]),
    ("markers", "[[a]] {b} %%c%% {{d}}", ["a", "b", "c", "d"]),
    ("markers", "{{ x | upper }} [[a b]]", ["x", "a_b"]),
    ("str.format", "\\frac{a}{b} x^{c} {d}", ["d"]),
    ("str.format", "```python\nf'{a}'\n```\n{b}", ["b"]),
    ("str.format", "```python\n{a}\n```", ["a"]),
    ("str.format", "{{\"k\": 1}}\n```json\n{{\"a\": {b}}}\n```", ["b"]),
]  # fmt: skip


@pytest.mark.parametrize(("notation", "text", "expected"), CASES)
def test_what_is_a_hole(notation: str, text: str, expected: list[str]) -> None:
    assert [h.name for h in holes(notation, text)] == expected


def test_a_function_on_a_value_is_told() -> None:
    (hole,) = holes("semantic-kernel", "{{web.search $query}}")
    assert hole.filters == ("web.search",)


def test_printf_verbs_for_numbers_leave_a_number() -> None:
    assert [h.filters for h in holes("printf", "%s %d %.2f %q")] == [(), ("int",), ("int",), ("tojson",)]


def test_an_escaped_dollar_is_text() -> None:
    assert body(parse("dollar", "$$5 for $name"))[0] == "$5 for \x00"


def test_a_marked_name_inside_a_statement_is_not_lost() -> None:
    assert [h.name for h in holes("markers", "{{ x }}{# [[a]] #} end [[b]]")] == ["x", "a", "b"]


PIECES = ["{a}", "{{b}}", "${c}", "$d", "<<e>>", "[[f]]", "[G_H]", "%s", "{{#i}}", "{{/i}}", "{{.J}}", "{{end}}",
          "{{$k}}",
          "```py\n", "\n", " ",
          "\\", '"', "{", "}", "x", "{{range .L}}", "{{else}}", "{{> m}}", "{{{n}}}", "(", "|", "\ue000"]  # fmt: skip


@pytest.mark.parametrize("notation", NEW)
@settings(max_examples=60)
@given(text=st.one_of(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.text(max_size=60)))
def test_any_text_gives_spans_in_order_or_the_declared_error(notation: str, text: str) -> None:
    text = text.replace("\r", "").replace("\x00", "")
    try:
        spans = parse(notation, text)
    except TemplateError as error:
        assert error.location.path == "a.txt"
        return
    for span in spans:
        if isinstance(span, Hole):
            assert text.startswith(span.written, span.offset)
    offsets = [s.offset for s in spans if isinstance(s, Hole)]
    assert notation == "markers" or offsets == sorted(offsets)


@pytest.mark.parametrize("notation", ["angle", "square", "braces", "printf", "dollar", "semantic-kernel"])
@settings(max_examples=60)
@given(
    parts=st.lists(
        st.sampled_from(["{a}", "{{b}}", "${c}", "<<e>>", "[G_H]", "%s", "{{$k}}", "x ", "\n", "{", "}"]), max_size=12
    )
)
def test_text_and_holes_together_are_the_file(notation: str, parts: list[str]) -> None:
    text = "".join(parts)
    assert "".join(s.written if isinstance(s, Hole) else s.text for s in parse(notation, text)) == text


@pytest.mark.parametrize(
    "unit", ["{", "{{", "{{{", "{{#a}}", "{{.A}}", "${", "$a ", "<<a", "[A_B", "\\a{", "{x!r:>", "```", "{{$a:=.B}}"]
)
@pytest.mark.parametrize("notation", NEW)
def test_a_megabyte_of_one_thing_is_read_in_linear_time(notation: str, unit: str) -> None:
    text = (unit * (1_000_000 // len(unit)))[:1_000_000]
    begun = time.process_time()
    with suppress(TemplateError):
        parse(notation, text)
    assert time.process_time() - begun < 2
