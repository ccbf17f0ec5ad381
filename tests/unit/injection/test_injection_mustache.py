"""Mustache and Handlebars."""

from __future__ import annotations

import pytest

from agentops.injection.notations import scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, TemplateError, body


def holes(text: str, files: dict[str, str] | None = None) -> list[Hole]:
    def include(name: str, here: str) -> Source | None:
        return Source(name, (files or {})[name], include) if name in (files or {}) else None

    return [s for s in scan("mustache", Source("a.txt", text, include)) if isinstance(s, Hole)]


CASES = [
    ("{{x}} {{ y.z }} {{~w~}}", ["x", "y.z", "w"]),
    ("{{! note }}{{!-- {{x}} --}}{{y}}", ["y"]),
    ("{{#docs}}{{text}} {{.}}{{/docs}}", ["docs[].text", "docs[]"]),
    ("{{#note}}{{note}}{{/note}}{{^note}}{{other}}{{/note}}", ["note", "other"]),
    ("{{#user}}{{name}}{{/user}}", ["user.name"]),
    ("{{#has_docs}}{{text}}{{/has_docs}}", ["text"]),
    ("{{#each messages}}{{this.role}} {{this.content}} {{content}}{{/each}}",
     ["messages[].role", "messages[].content", "messages[].content"]),
    ("{{#each a.docs as |d i|}}{{d.text}} {{../b}} {{@root.c}}{{/each}}", ["a.docs[].text", "b", "c"]),
    ("{{#with user}}{{name}}{{else}}{{guest}}{{/with}}", ["user.name", "guest"]),
    ("{{#if a}}{{b}}{{else if c}}{{d}}{{else}}{{e}}{{/if}}", ["b", "d", "e"]),
    ("{{formatDate day 'short'}} {{lookup map key}} {{join (list a) ','}}", ["day", "map[]", "a"]),
    ("{{=<% %>=}}<% x %> {{y}} <%={{ }}=%>{{z}}", ["x", "z"]),
    ("\\{{x}} {{y}}", ["y"]),
    ('{{"a": 1}} {{x}}', ["x"]),
    ("{{media url=photo}}", ["photo"]),
    ("{{> other}}", ["include(other)"]),
    ('{{#message role="user"}}{{q}}{{/message}}', ["q"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_where_each_value_comes_from(text: str, expected: list[str]) -> None:
    assert [h.name for h in holes(text)] == expected


def test_what_is_not_escaped_is_told() -> None:
    assert [h.filters for h in holes("{{x}} {{{x}}} {{&x}} {{json x}}")] == [(), ("safe",), ("safe",), ("tojson",)]


def test_loops_and_conditions_are_told() -> None:
    first, second = holes("{{#each xs}}{{#if y}}{{z}}{{/if}}{{/each}}{{#unless a}}{{b}}{{/unless}}")
    assert (first.in_loop, first.condition) == (True, "if y")
    assert (second.in_loop, second.condition) == (False, "not a")


def test_partials_are_followed_in_the_place_where_they_stand() -> None:
    found = holes("{{#each xs}}{{> row}}{{/each}}", {"row.hbs": "<b>{{text}}</b>"})
    assert [(h.name, h.path, h.offset) for h in found] == [("xs[].text", "row.hbs", 3)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a {{#b}}", "1:3"),
        ("{{/b}}", "1:1"),
        ("{{#a}}{{#b}}{{/a}}{{/b}}", "1:13"),
        ("\n {{x", "2:2"),
        ("{{{x}}", "1:1"),
        ("{{!-- x }}", "1:1"),
    ],
)
def test_what_does_not_match_is_an_error_with_its_place(text: str, place: str) -> None:
    with pytest.raises(TemplateError) as caught:
        holes(text)
    assert str(caught.value).startswith(f"a.txt:{place}:")


def test_a_partial_that_includes_itself_is_an_error() -> None:
    with pytest.raises(TemplateError, match="includes itself"):
        holes("{{> b}}", {"b": "{{> b}}"})


def test_escapes_are_undone() -> None:
    assert body(scan("mustache", Source("a.txt", "\\{{x}} {{y}}")))[0] == "{{x}} \x00"
