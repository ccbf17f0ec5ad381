"""Marks that no engine knows, ERB, a second notation in a text, and data and code in fences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection.notations import beside, guess, scan
from agentops.injection.source import Source
from agentops.injection.syntax.text import parse
from agentops.injection.template import Hole, TemplateError


def names(text: str, path: str = "a.txt") -> list[str]:
    return [h.name for t in parse(Source(path, text)) for h in t.holes]


@pytest.mark.parametrize(
    "mark",
    [
        "{web page}", "{{ web page }}", "{web-page}", "{ web_page }", "[[web_page]]", "[[ web_page ]]", "__WEB_PAGE__",
        "<web_page>", "<web page>", "Page: {web page}", "<%= web_page %>", "<%- web_page -%>", "<%=web_page%>",
        '"{web page}"', "<doc>{web page}</doc>",
    ],
)  # fmt: skip
def test_marks_where_a_value_would_stand_are_holes(mark: str) -> None:
    assert names(f"Sum up this page:\n\n{mark}\n") == ["web_page"]


def test_a_single_word_in_square_brackets_is_a_hole_where_it_stands_alone() -> None:
    assert names("Sum up this page:\n\n[WEBPAGE]\n") == ["webpage"]


@pytest.mark.parametrize(
    "text",
    [
        "Answer in this format:\nScore: {score from 1 to 5}\nReason: {your reason}",
        "Reply with\n{final answer}",
        "Be kind.\nAnswer: {final conclusion}",
        "Say {final answer} at the end.",
        "import { render } from 'x'",
        "<user_query>\nfoo\n</user_query>",
        "<user_query>\nwhat follows is a section",
        "Call git show <commit_hash> first.",
        "Put it behind <final_answer>",
        "[CONTEXT]\nYou are kind.",
        "[OUTPUT]\n\nYou are kind.",
        "Say [BLANK] or [[A]] or [[B]].",
        'Give your rating as "[[rating]]".',
        "__IMPORTANT__\n\nBe kind.",
        "Implement __init__ and __MAIN__ here.",
        "__START_OF_TEXT__\nx\n__END_OF_TEXT__",
        "<br />\n<input disabled>x",
        "```erb\n<%= page %>\n```",
        "Escape it as <%%= page %> does.",
    ],
)  # fmt: skip
def test_what_the_model_writes_and_what_structures_a_text_is_no_hole(text: str) -> None:
    assert names(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<%= page.title %><% if (a) { %>x<% } %>", ["page.title"]),
        ("<%= docs.map(d => d.text).join('x') %>", ["docs", "d", "d.text"]),
        ("<%= h(page) %> <%= @user.name %> <%# page %>", ["page", "user.name"]),
        ("<%= 'page' %>", []),
        ("<% %> <%= a", []),
    ],
)  # fmt: skip
def test_erb_puts_out_paths(text: str, expected: list[str]) -> None:
    assert [s.name for s in scan("erb", Source("a.txt", text)) if isinstance(s, Hole)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{tone}}\n${page}", ["tone", "page"]),
        ("{tone}\n%s", ["tone", "0"]),
        ("{tone}\nPage: %s", ["tone", "page"]),
        ("{tone}\n<<page>>", ["tone", "page"]),
        ("{{.Tone}} {page}", ["Tone", "page"]),
        ("{tone}\n[[web_page]]", ["tone", "web_page"]),
        ("{tone}\n__WEB_PAGE__", ["tone", "web_page"]),
        ("{tone}\n<%= page %>", ["tone", "page"]),
        ("${page}\n{% if a %}{{tone}}{% endif %}", ["page", "tone"]),
    ],
)  # fmt: skip
def test_a_second_notation_counts_beside_the_first(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{tone} uses %s in calls.",
        "{{tone}} {# ${page} #}",
        "{{tone}}\n```bash\necho ${page}x\n```",
        "{% if a %}{{tone}}{% endif %} Name it {slug}.md",
        "{tone} is [[1, 2], [3]]",
        "{{tone}} costs $5",
    ],
)
def test_what_only_looks_like_a_second_notation_is_text(text: str) -> None:
    assert names(text) == ["tone"]


def test_the_places_of_a_second_notation_are_true() -> None:
    text = 'Say {{"a": 1}} to {tone}.\n<<page>> and\n%s\n'
    found = [s for s in beside.read(Source("a.txt", text), "str.format") if isinstance(s, Hole)]
    assert [text[h.offset : h.offset + len(h.written)] for h in found] == ["{tone}", "<<page>>", "%s"]


def test_a_field_of_data_that_is_given_is_a_hole_and_one_of_an_answer_is_none() -> None:
    assert names('Sum up:\n```json\n{"text": "{page}"}\n```') == ["page"]
    assert names('Tone: {tone}\n```json\n{"text": "{page}", "n": 1}\n```') == ["tone", "page"]
    assert names('Tone: {tone}\n```json\n{\n  "text": "{page}",\n  "n": 1\n}\n```') == ["tone", "page"]
    assert names('Tone: {tone}\n```json\n{"text": "on {page} only"}\n```') == ["tone"]
    assert names('Answer in this format:\n```json\n{"text": "{page}"}\n```') == []
    assert names('Sum up:\n```python\nx = {"text": "{page}"}\n```') == []


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("Do so:\n\n    for f in $files; do echo ${f}.txt; done\n", "a.md", []),
        ("Do so:\n\n    for f in $files; do\n\n      echo ${f}.txt\n", "a.md", []),
        ("Do so:\n\n    for f in $files; do\n", "a.txt", ["files"]),
        ("Do so:\n    with $files here\n", "a.md", ["files"]),
        ("Do so:\n\n    $page\n", "a.md", ["page"]),
        ("- item\n\n    of ${page} here\n", "a.md", ["page"]),
        ("Do so:\n\n    x $a y\n\nSay $page here", "a.md", ["page"]),
        ("    Sum up:\n\n    of ${page} here\n", "a.md", ["page"]),
    ],
)  # fmt: skip
def test_indented_code_in_markdown_has_no_holes(text: str, path: str, expected: list[str]) -> None:
    assert names(text, path) == expected


@given(st.text('{}[]<>%$_= -"ab.AB\n`:', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    source = Source("a.txt", text)
    try:
        spans = beside.read(source, guess.notation(source))
    except TemplateError:
        return
    for span in spans:
        if isinstance(span, Hole):
            assert text.startswith(span.written, span.offset)
