"""Markdown for agents that is a prompt which a program fills."""

from __future__ import annotations

import pytest

from agentops.injection.engine import parse
from agentops.injection.source import Source
from agentops.injection.template import Hole, Template, TemplateError, TemplateKind

HEAD = "---\nname: sum\ndescription: Sums up.\n---\n"


def read(text: str, path: str) -> Template:
    (template,) = parse(Source(path, text))
    return template


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (HEAD + "Sum up.\n{{ page }}", "sum.md", ["page"]),
        ("---\ndescription: x\n---\nSum up.\n{{ page }}", "agents/a.md", ["page"]),
        ("Sum up {{ page }}", "x.prompt.md", ["page"]),
        ("Sum up {{ page }} for $ARGUMENTS", "x.prompt.md", ["page", "arguments"]),
        (HEAD + "${input:a} {{ page }} ${selection}", "x.prompt.md", ["a", "page", "selection"]),
        (HEAD.replace("---\n", "---\ninputs: {page: string}\n", 1) + "Sum up {page}", "sum.md", ["page"]),
        (HEAD.replace("---\n", "---\ninputs: [page]\n", 1) + "Sum up {page}", "a/SKILL.md", ["page"]),
        (HEAD + "{{ page }}\n```go\n{{ range }}{% if\n```", "sum.md", ["page"]),
    ],
)  # fmt: skip
def test_a_prompt_with_inputs_or_holes_is_read_in_its_notation(text: str, path: str, expected: list[str]) -> None:
    template = read(text, path)
    assert [h.name for h in template.holes] == expected
    assert template.kind is TemplateKind.PROMPT
    for hole in template.holes:
        assert text.startswith(hole.written, hole.offset)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (HEAD + "Sum up `{{ page }}`", "a/SKILL.md"),
        (HEAD + "Sum up\n```\n{{ page }}\n```", "a/SKILL.md"),
        (HEAD + "Sum up {{ page }}", "a/SKILL.md"),
        (HEAD + "Use `{{ page }}` and\n\n    {{ page }}\n", "sum.md"),
        (HEAD + "Write {name}.md and ${x}", "sum.md"),
        ("Vue has {{ value }}, Django {% if %}", "CLAUDE.md"),
        ("---\ndescription: x\non: push\n---\n{{ page }}", "flow.md"),
        (HEAD.replace("---\n", "---\ninputs: [page]\n", 1) + "Write {name}.md", "sum.md"),
    ],
)  # fmt: skip
def test_a_text_that_an_agent_reads_as_it_stands_has_no_such_holes(text: str, path: str) -> None:
    template = read(text, path)
    assert (template.holes, template.kind) == ((), TemplateKind.SKILL)


def test_arguments_alone_make_no_prompt_of_a_command() -> None:
    template = read(HEAD + "Sum up {{args}}", "commands/a.md")
    assert ([h.name for h in template.holes], template.kind) == (["arguments"], TemplateKind.SKILL)


def test_an_error_outside_of_code_stays_an_error() -> None:
    with pytest.raises(TemplateError):
        read(HEAD + "{{ page }} {% if x %}", "sum.md")


def test_every_span_keeps_its_place() -> None:
    text = HEAD + "A {{ page }} b $ARGUMENTS c"
    for span in read(text, "x.prompt.md").messages[0].spans:
        if isinstance(span, Hole):
            assert text.startswith(span.written, span.offset)
        else:
            assert text[span.offset :].startswith(span.text) or not span.text.strip() or "A " in span.text
