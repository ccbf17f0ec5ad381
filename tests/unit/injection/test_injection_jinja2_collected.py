"""Values that a Jinja2 template collects, hands over or puts into blocks before they are written."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from agentops.injection.notations import scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, TemplateError


def names(text: str) -> list[str]:
    return [s.name for s in scan("jinja2", Source("a.j2", text)) if isinstance(s, Hole)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% set p = [] %}{% set _ = p.append(page) %}{{ p|join }}", ["page"]),
        ("{% set p = [] %}{% set _ = p.extend(pages) %}{{ p|join }}", ["pages[]"]),
        ("{% set p = [] %}{% set _ = p.insert(0, page) %}{{ p[0] }}", ["page"]),
        ("{% set p = [] %}{% if p.append(page) %}{% endif %}{{ p }}", ["page"]),
        ("{% set p = [] %}{% if a %}{% elif not p.append(page) %}{% endif %}{{ p }}", ["page"]),
        ("{% set p = [] %}{{ p.append(page) or '' }}{{ p|join }}", ["page"]),
        ("{% set p = [] %}{{ p.append(page) }}", []),
        ("{% set p = [] %}{{ '' if p.append(page) }}{{ p }}", ["page"]),
        ("{% set p = [] %}{% for x in xs if not p.append(x) %}{% endfor %}{{ p }}", ["xs[]"]),
        ("{% set p = [] %}{% for x in xs %}{% set _ = p.append(x.text) %}{% endfor %}{{ p|join }}", ["xs[].text"]),
        ("{% set ns = namespace(p=[]) %}{% set _ = ns.p.append(page) %}{{ ns.p|join }}", ["page"]),
        ("{% set p = [] %}{% set q = p %}{% do q.append(page) %}{{ p }}", ["page"]),
        ("{% macro m(l) %}{% do l.append(page) %}{% endmacro %}{% set p = [] %}{{ m(p) }}{{ p }}", ["page"]),
        ("{% set d = {} %}{% set _ = d.update({'a': page}) %}{{ d.a }}", ["page"]),
        ("{% set d = {'a': ''} %}{% set _ = d.update(a=page) %}{{ d.a }}", ["page"]),
        ("{% set d = {'a': ''} %}{% set _ = d.update(page) %}{{ d.a }}", ["page.a"]),
        ("{% set d = {} %}{% set _ = d.setdefault('a', page) %}{{ d.a }}{{ d.b }}", ["page", "page"]),
        ("{% do messages.append(page) %}{{ messages }}", ["messages", "page"]),
        ("{{ tool.update(page) }}", ["tool.update()", "page"]),
        ("{% set p = [] %}{% do p.append(p) %}{% do p.append(page) %}{{ p }}{{ p.a }}", ["page", "page.a"]),
    ],
)  # fmt: skip
def test_what_is_added_to_a_list_or_a_dictionary_comes_out_of_it(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ a | default(value=page) }}", ["a", "page"]),
        ("{{ a | d(default_value=page) }}", ["a", "page"]),
        ("{{ a | replace(old='a', new=page) }}", ["a", "page"]),
        ("{{ 'x' | format(a=page) }}", ["page"]),
        ("{{ 'x' | format(**page) }}", ["page"]),
        ("{{ 'x'.format(*pages) }}", ["pages[]"]),
        ("{{ dict(**page) }}", ["page"]),
        ("{{ xs | map('default', page) | join }}", ["xs", "page"]),
        ("{{ xs | join(', ', 'text') }}", ["xs[].text"]),
        ("{% filter replace('a', page) %}x{% endfilter %}", ["page"]),
        ("{% call frame() %}{{ page }}{% endcall %}", ["frame()", "page"]),
        ("{% macro m(x='') %}{{ x }}{% endmacro %}{{ m(**page) }}", ["page.x"]),
        ("{% macro m(x='') %}{{ x }}{% endmacro %}{{ m(**{'x': page}) }}", ["page"]),
        ("{% macro m(x='') %}{{ x }}{% endmacro %}{{ m(*pages) }}", ["pages[]"]),
        ("{% macro m() %}{{ kwargs.y }}{{ varargs }}{% endmacro %}{{ m(*xs, **page) }}", ["page.y", "xs[]"]),
    ],
)  # fmt: skip
def test_what_is_handed_over_by_name_or_as_a_whole_is_not_lost(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_a_default_of_a_number_filter_is_no_number() -> None:
    holes = [s for s in scan("jinja2", Source("a.j2", "{{ a | int(default=page) }}")) if isinstance(s, Hole)]
    assert [(h.name, h.filters) for h in holes] == [("a", ("int",)), ("page", ())]


def test_a_sum_of_a_field_goes_by_the_field_and_a_plain_sum_is_a_number() -> None:
    text = "{{ xs | sum(attribute='text') }}{{ xs | sum }}{{ xs | map('length') }}"
    holes = [s for s in scan("jinja2", Source("a.j2", text)) if isinstance(s, Hole)]
    assert [(h.name, h.filters) for h in holes] == [("xs[].text", ()), ("xs", ("sum",)), ("xs", ("length",))]


@pytest.mark.parametrize(("parent", "shown"), [("'nope.j2'", "include(nope.j2)"), ("parent", "include()")])
def test_the_blocks_of_a_parent_that_cannot_be_seen_are_kept_each_once(parent: str, shown: str) -> None:
    blocks = "{% block a %}{{ page }}{% block b %}{{ mail }}{% endblock %}{% endblock %}"
    text = f"{{% extends {parent} %}}{blocks}"
    assert names(text) == [shown, "page", "mail"]


def test_the_blocks_of_a_parent_that_is_there_stand_where_it_puts_them() -> None:
    files = {"b.j2": "{% block b %}{% endblock %}{{ own }}{% block a %}{% endblock %}"}

    def include(name: str, here: str) -> Source | None:
        return Source(name, files[name], include)

    text = "{% extends 'b.j2' %}{% block a %}{{ x }}{% endblock %}{% block b %}{{ y }}{% endblock %}"
    holes = [s.name for s in scan("jinja2", Source("a.j2", text, include)) if isinstance(s, Hole)]
    assert holes == ["y", "own", "x"]


def test_what_comes_from_outside_is_kept_beside_many_words_of_the_template() -> None:
    words = ", ".join(f"'w{n}'" for n in range(400))
    assert names(f"{{% set p = [{words}] %}}{{% do p.append(page) %}}{{{{ p|join }}}}") == ["page"]


def test_nested_calls_in_conditions_take_linear_time() -> None:
    text = "{% set p = [] %}{% if " + "p.append(not " * 40 + "x" + ")" * 40 + " %}{% endif %}{{ p }}"
    started = time.process_time()
    with suppress(TemplateError):
        names(text)
    assert time.process_time() - started < 1
