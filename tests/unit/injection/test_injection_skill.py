"""Skills, agents and slash commands in Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection.engine import parse
from agentops.injection.source import Source
from agentops.injection.template import NoteKind, Template, TemplateKind

HEAD = "---\nname: tidy\ndescription: Tidies things up.\n---\n"


def read(text: str, path: str = "tidy/SKILL.md") -> Template:
    (template,) = parse(Source(path, text))
    return template


def test_a_skill_is_system_text_and_its_braces_only_explain() -> None:
    template = read(HEAD + "Say {name}, {{title}} and $5.\n```js\n`${selection}` $1\n```\n")
    assert (template.kind, template.name) == (TemplateKind.SKILL, "tidy")
    assert [(m.role, m.holes) for m in template.messages] == [("system", ())]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Do $ARGUMENTS", ["arguments"]),
        ("```text\n$ARGUMENTS\n```", ["arguments"]),
        ("Fix $1 as $ARGUMENTS[1] says, it costs $2.50", ["arguments", "arguments"]),
        ("Do {{args}}", ["arguments"]),
        ("Read ${input:log:the log} and ${selection}", ["log", "selection"]),
        ("See ${{ github.event.issue.title }}", ["github.event.issue.title"]),
    ],
)
def test_the_known_forms_of_input_are_holes(text: str, names: list[str]) -> None:
    template = read(HEAD + text)
    assert [h.name for h in template.holes] == names
    assert {m.role for m in template.messages} == {None}


def test_commands_and_files_are_noted_in_commands_only() -> None:
    head = "---\ndescription: x\nargument-hint: n\n---\n"
    text = head + "State: !`git log $ARGUMENTS`\nRead @docs/a.md and me@b.de, @{c.txt}\n"
    notes = read(text, "commands/fix.md").notes
    assert [(n.kind, n.said, n.hole) for n in notes] == [
        (NoteKind.COMMAND, "!`git log $ARGUMENTS`", "arguments"),
        (NoteKind.COMMAND, "@docs/a.md", ""),
        (NoteKind.COMMAND, "@{c.txt}", ""),
    ]
    assert notes[0].location.line == 5
    assert read(HEAD + "Run !`git log` and read @docs/a.md").notes == ()


def test_text_of_an_event_is_noted_and_its_number_is_not() -> None:
    head = "---\ndescription: x\non:\n  issues:\n---\n"
    template = read(head + "${{ github.event.issue.title }} ${{ github.event.issue.number }}", "a.md")
    assert [n.hole for n in template.notes if n.kind is NoteKind.EVENT_TEXT] == ["github.event.issue.title"]


@pytest.mark.parametrize("path", ["AGENTS.md", "x.agent.md", "a/b.mdc", "CLAUDE.md", ".github/x.instructions.md"])
def test_files_that_agents_load_are_system_text(path: str) -> None:
    assert [m.role for m in read("Be kind. {x}", path).messages] == ["system"]


def test_other_markdown_is_a_prompt() -> None:
    assert read("# Notes\nAnswer {question}", "notes.md").syntax == "str.format"


@given(st.text(alphabet="$ARGUMENTS1{}args`!@a./\n-: ", max_size=80))
def test_any_text_gives_one_template_with_true_places(text: str) -> None:
    text = text + "x"
    for hole in read(text).holes:
        assert text.startswith(hole.written, hole.offset)
