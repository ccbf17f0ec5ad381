"""Source is parsed in pieces as well as whole, offsets are those of the text, and texts are followed to their parts."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.pysource import fstrings
from agentops.pysource.parse import MAX_CHARACTERS, SourceError, parse
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import scopes
from agentops.pysource.texts import Frame, Literal


def shape(text: str) -> list[str]:
    """The parts of the last assignment's value: fixed text as it is, values in angle brackets as written."""
    parsed = parse(text)
    found = scopes(parsed.tree)
    last = parsed.tree.body[-1]
    assert isinstance(last, ast.Assign)
    parts = Reader(parsed, found).text(last.value, Frame(found.module, (last.lineno, 0)))
    assert parts is not None
    return [p.text if isinstance(p, Literal) else f"<{parsed.text[p.start : p.end]}>" for p in parts]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",
        "    x = 1\n    return x\n",
        "        x = 1\n    y = 2\n",
        "@staticmethod\n    def f():\n        return 1\n",
        "elif a:\n    b = 1\n",
        "    except E:\n        b = 1\n",
        "model='m',\nprompt='p',\n",
        "'role': 'system',\n'content': 'x'\n",
        "x = 1\nif y:\n",
    ],
)
def test_a_fragment_is_read(text: str) -> None:
    assert parse(text).tree.body


def test_a_tail_that_holds_a_string_is_not_dropped() -> None:
    with pytest.raises(SourceError) as raised:
        parse("x = 1\ny = ('lost'\n")
    assert (raised.value.line, raised.value.column) == (2, 5)


@pytest.mark.parametrize(
    "text", ["\0", "(" * 300, "x = '\ud800'", "x" * (MAX_CHARACTERS + 1), "x = " + "-" * 50_000 + "1"]
)
def test_what_no_parser_takes_is_a_declared_error(text: str) -> None:
    with pytest.raises(SourceError):
        parse(text)


def test_offsets_count_characters_also_behind_wide_ones_and_in_a_shifted_fragment() -> None:
    text = "    a = 'ä€😀'; b = 'here'\n"
    parsed = parse(text)
    node = next(n for n in ast.walk(parsed.tree) if isinstance(n, ast.Constant) and n.value == "here")
    start, end = parsed.span(node)
    assert text[start:end] == "'here'"


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_as_declared(text: str) -> None:
    try:
        parse(text)
    except SourceError as error:
        assert error.line >= 1
        assert error.column >= 1


def test_the_fields_of_an_f_string_are_found_in_the_source() -> None:
    text = '(f\'a{b!r}\'  # no {field}\n  \'c{d}\' rf"""{e["}"]:>{w}}{{f}}""")'
    assert [text[s:e] for s, e in fstrings.fields(text)] == ["{b!r}", '{e["}"]:>{w}}']


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("p = f'a {b} {{c}}'", ["a ", "<{b}>", " {c}"]),
        ("p = 'a ' + b + ' c'", ["a ", "<b>", " c"]),
        ("p = 'a {x} {{y}}'.format(x=b)", ["a ", "<{x}>", " {", "y}"]),
        ("p = 'a {} {}'.format(b, c)", ["a ", "<{}>", " ", "<{}>"]),
        ("p = 'a {} {}'.format(*b, 'c')", ["a ", "<{}>", " ", "<{}>"]),
        ("try:\n    q = 'a'\nexcept E:\n    q = 'b'\nelse:\n    q += 'c'\np = q", ["a", "b", "c"]),
        ("def f(x):\n    return 'b ' + x\np = 'a ' + f('c')", ["a ", "b ", "c"]),
        ("p = 'a %s %(n)d%%' % b", ["a ", "<%s>", " ", "<%(n)d>", "%", ""]),
        ("p = Template('a $x $$5').substitute(x=b)", ["a ", "<$x>", " $5"]),
        ("p = 'a <<X>> z'.replace('<<X>>', b)", ["a ", "<<<X>>>", " z"]),
        ("p = '-'.join(['a', b])", ["a", "-", "<b>"]),
        ("C = 'be kind'\np = f'a {C}'", ["a ", "be kind"]),
        ("N = 5\np = f'a {N}'", ["a ", "5"]),
        ("q = 'a '\nq += b\np = q", ["a ", "<b>"]),
        ("q = 'old'\nq = 'new'\np = q", ["new"]),
        ("q = 'a'\nif t:\n    q = 'b'\np = q", ["a", "b"]),
        ("r = []\nr.append('a')\nr.append(b)\np = '\\n'.join(r)", ["a", "\n", "<b>"]),
        ("p = dedent('a ' f'{b}').strip()", ["a ", "<{b}>"]),
    ],
)
def test_a_text_is_followed_to_its_parts(text: str, parts: list[str]) -> None:
    assert shape(text) == parts


def test_a_list_that_grows_without_measure_is_refused_and_not_cut_short() -> None:
    with pytest.raises(SourceError, match="joined"):
        shape("r = []\n" + "r.append('a')\n" * 5_001 + "p = '-'.join(r)\n")


def test_constants_that_double_each_other_are_refused_with_their_place() -> None:
    text = "a0 = 'word '\n" + "".join(f"a{i} = f'{{a{i - 1}}}{{a{i - 1}}}'\n" for i in range(1, 60))
    with pytest.raises(SourceError, match="pieces") as raised:
        shape(text)
    assert raised.value.line > 10
