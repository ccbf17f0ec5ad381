"""Messages by role, front matter, and which syntax a file is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection import frontmatter, roles
from agentops.injection.engine import parse
from agentops.injection.source import Source
from agentops.injection.template import TemplateError, body


def read(text: str, path: str = "p/a.txt") -> list[tuple[str | None, str]]:
    (template,) = parse(Source(path, text))
    return [(m.role, body(m.spans)[0].replace("\x00", "@").strip()) for m in template.messages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("system:\nBe kind.\nuser:\n{question}\n", [("system", "Be kind."), ("user", "@")]),
        ("# system:\nBe kind.\n\n# user:\n{question}", [("system", "Be kind."), ("user", "@")]),
        ("# System\nBe kind.\n# User\n{question}", [("system", "Be kind."), ("user", "@")]),
        ("[system]\nBe kind.\n[user]\n{question}", [("system", "Be kind."), ("user", "@")]),
        ("SYSTEM:\r\nBe kind.\r\nUser:\r\n{q}", [("system", "Be kind."), ("user", "@")]),
        ("Be kind.\nuser:\n{question}", [("system", "Be kind."), ("user", "@")]),
        ("Talk to the user: be kind. {question}", [(None, "Talk to the user: be kind. @")]),
        ("user: {question}", [(None, "user: @")]),
        ("{x} user:\nhello", [(None, "@ user:\nhello")]),
        ("Rules\n# User\nis always right", [(None, "Rules\n# User\nis always right")]),
        ("Answer {question}\n\nAssistant:", [(None, "Answer @\n\nAssistant:")]),
        ("---\nrole: system\n---\nBe kind to {name}.", [("system", "Be kind to @.")]),
        ("---\nname: x\n---\nsystem:\nA\nuser:\n{q}", [("system", "A"), ("user", "@")]),
        ("---\n\nA line of dashes {q}", [(None, "---\n\nA line of dashes @")]),
    ],
)
def test_roles_in_the_text(text: str, expected: list[tuple[str | None, str]]) -> None:
    assert read(text.replace("\r\n", "\n")) == expected


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("a_system.j2", "system"),
        ("a.system.txt", "system"),
        ("x/answer_user.jinja", "user"),
        ("system_prompt.md", "system"),
        ("user.txt", "user"),
        ("user_questions.txt", None),
        ("ecosystem.txt", None),
    ],
)
def test_roles_by_file_name(path: str, role: str | None) -> None:
    assert roles.from_name(path) == role


def test_marks_win_over_the_name() -> None:
    assert read("user:\n{q}", "a_system.txt") == [("user", "@")]


def test_offsets_stay_true_behind_front_matter_and_marks() -> None:
    text = "---\nrole: system\n---\nuser:\nab {q} cd\n"
    template = parse(Source("a.txt", text, lambda name, here: None))
    for message in template.messages:
        for span in message.spans:
            starts = text.splitlines(keepends=True)
            assert sum(map(len, starts[: span.line - 1])) + span.column - 1 == span.offset
    assert template.holes[0].offset == text.index("{q}")


@given(
    st.lists(st.sampled_from(["system:\n", "user:\n", "ab\n", "{q}", " ", "assistant:\n", "x {r} y\n"]), max_size=12)
)
def test_no_hole_is_lost_between_messages(parts: list[str]) -> None:
    text = "".join(parts)
    template = parse(Source("a.txt", text, lambda name, here: None))
    assert [h.name for h in template.holes] == [p.strip("xy {}\n") for p in parts if "{" in p]


def test_types_in_front_matter() -> None:
    head = frontmatter.read("---\ninputs:\n  n: {type: number}\n  c: {enum: [a, b]}\n  t: {type: string}\n---\n")
    assert dict(head.types) == {"n": "number", "c": "enum", "t": "string"}
    head = frontmatter.read("---\ninput:\n  schema:\n    k: integer, how many\n    s?: string\n---\n")
    assert dict(head.types) == {"k": "integer", "s": "string"}


@pytest.mark.parametrize(
    "text", ["---\n{{ x }}: [\n---\n", "---\n" + "[" * 5_000 + "\n---\n", "---\n- a\n---\n", "---\na"]
)
def test_what_is_no_front_matter_stays_text(text: str) -> None:
    assert frontmatter.read(text).end == 0


@pytest.mark.parametrize(
    ("path", "text", "syntax"),
    [
        ("a.j2", "{name}", "jinja2"),
        ("a.JINJA", "x", "jinja2"),
        ("a.txt", "{{ name }}", "jinja2"),
        ("a.txt", "{{name}}", "jinja2"),
        ("a.md", "{% if x %}y{% endif %} {z}", "jinja2"),
        ("a.txt", "{{ name | e }} {z}", "jinja2"),
        ("a.txt", "{name}", "str.format"),
        ("a.prompt", '{{"a": {name}}}', "str.format"),
        ("a.tmpl", "nothing", "str.format"),
    ],
)
def test_the_syntax_is_told_by_extension_and_content(path: str, text: str, syntax: str) -> None:
    (template,) = parse(Source(path, text))
    assert template.syntax == syntax


def test_front_matter_settles_what_content_leaves_open() -> None:
    assert read("---\nsyntax: str.format\n---\n{{later}}\n{now}") == [(None, "{later}\n@")]


def test_a_syntax_without_a_parser_is_an_error() -> None:
    with pytest.raises(TemplateError, match="mustache"):
        read("---\nsyntax: mustache\n---\n{{x}}")
