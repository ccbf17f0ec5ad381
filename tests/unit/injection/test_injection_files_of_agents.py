"""Commands in Markdown, roles that are values or tags, Modelfiles, and files that their name tells."""

from __future__ import annotations

import pytest

from agentops.injection.engine import parse
from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.detect import suffix
from agentops.injection.template import NoteKind, Template, TemplateError

COMMAND = "---\ndescription: x\nargument-hint: n\n---\n"


def read(text: str, path: str) -> Template:
    (template,) = parse(Source(path, text))
    assert all(text.startswith(h.written, h.offset) for h in template.holes)
    return template


@pytest.mark.parametrize(
    ("line", "name", "kind"),
    [
        ("git diff HEAD", "git_diff", Kind.THIRD_PARTY),
        ("git -C app --no-pager log -5", "git_log", Kind.THIRD_PARTY),
        ("cd app && gh pr view $1 | head -5", "gh_pr", Kind.THIRD_PARTY),
        ("gh issue list", "gh_issue", Kind.THIRD_PARTY),
        ("curl -s $ARGUMENTS", "curl_argument", Kind.THIRD_PARTY),
        ("cat $ARGUMENTS", "cat_argument", Kind.THIRD_PARTY),
        ("cat VERSION", "cat", Kind.CONSTANT),
        ("git status", "git_status", Kind.CONSTANT),
        ("git branch --show-current", "git_branch", Kind.CONSTANT),
        ("gh auth status", "gh_auth", Kind.CONSTANT),
        ("git stash list", "git_stash", Kind.THIRD_PARTY),
        ("git stash", "git_stash", Kind.CONSTANT),
        ("pwd", "pwd", Kind.CONSTANT),
        ("node --version", "node", Kind.CONSTANT),
    ],
)
def test_what_a_command_prints_is_a_hole(line: str, name: str, kind: Kind) -> None:
    for text in (f"- now: !`{line}`\n", f"```!\n{line}\n```\n"):
        template = read(COMMAND + text, "commands/a.md")
        assert [(h.name, template.assigned[h.name].kind) for h in template.holes] == [(name, kind)]
        assert [n.kind for n in template.notes] == [NoteKind.COMMAND]


def test_of_two_commands_of_one_name_the_worse_counts() -> None:
    template = read(COMMAND + "!`cat a $1` !`cat $2`\n!`gh pr view` !`gh pr create`", "commands/a.md")
    assert template.assigned["gh_pr"].kind is Kind.THIRD_PARTY
    assert "gh pr" in template.assigned["gh_pr"].why


@pytest.mark.parametrize(
    "text", ["```sh\n!`git diff`\n```", "Write `!`git diff`` there", "Wow!`git diff`", "@docs/a.md"]
)
def test_what_only_speaks_of_commands_is_no_hole(text: str) -> None:
    assert read(COMMAND + text, "commands/a.md").holes == ()


def test_a_skill_runs_commands_only_where_its_head_allows_a_shell() -> None:
    head = "---\nname: a\ndescription: x\n"
    assert read(head + "---\nSay !`git diff`", "a/SKILL.md").holes == ()
    (hole,) = read(head + "allowed-tools: Bash(git diff:*)\n---\nSay !`git diff`", "a/SKILL.md").holes
    assert hole.name == "git_diff"


TURN = "{{ range .Messages }}%s<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>{{ end }}"


def test_a_role_that_is_a_value_is_noted_unless_it_is_tested() -> None:
    (note,) = read(TURN % "", "a.gotmpl").notes
    assert (note.kind, note.said, note.hole) == (NoteKind.DYNAMIC_ROLE, "{{ .Role }}", "Messages[].Role")
    assert read(TURN % '{{ if eq .Role "tool" }}x{{ end }}', "a.gotmpl").notes == ()
    chat = "{%% for m in turns %%}%s<|im_start|>{{ m.role }}\n{{ m.text }}{%% endfor %%}"
    assert [n.kind for n in read(chat % "", "a.jinja").notes] == [NoteKind.DYNAMIC_ROLE]
    assert read(chat % "{% if m.role in known %}ok{% endif %}", "a.jinja").notes == ()
    assert read("<|im_start|>user\n{{ role }}", "a.jinja").notes == ()


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("<system>\nBe kind.\n</system>\n\n<user>\n{q}\n</user>\n", ["system", "user"]),
        ("<system>Be kind to {name}.</system>", ["system"]),
        ("<system-msg>Be kind.</system-msg>\n<human-msg>{q}</human-msg>", ["system", "user"]),
        ("<user>\n{q}\n</user>", [None]),
        ("Answer it.\n<user>\n{q}\n</user>", [None]),
        ("<system>\nBe kind.\n</system>\nNow answer {q}", [None]),
        ("<system>\nBe kind.\n<user>{q}</user>", [None]),
    ],
)
def test_sections_of_tags_are_messages_where_nothing_else_stands(text: str, roles: list[str | None]) -> None:
    assert [m.role for m in read(text, "a.md").messages] == roles


MODELFILE = '''FROM some/model
PARAMETER stop "<|im_end|>"
SYSTEM """You are kind
to {{ nobody }}."""
TEMPLATE """{{ if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}<|im_start|>user
{{ .Prompt }}<|im_end|>
"""
MESSAGE user Good day
MESSAGE assistant "Hello"
'''


def test_a_modelfile_has_fixed_turns_and_a_template() -> None:
    fixed, template = parse(Source("m/Modelfile", MODELFILE))
    assert [m.role for m in fixed.messages] == ["system", "user", "assistant"]
    assert fixed.holes == ()
    assert [(m.role, [h.name for h in m.holes]) for m in template.messages] == [
        ("system", ["System"]), ("user", ["Prompt"])
    ]  # fmt: skip
    assert (template.line, template.holes[1].line) == (5, 8)
    assert [template.assigned[n].kind for n in ("System", "Prompt")] == [Kind.CONSTANT, Kind.USER]
    assert parse(Source("Modelfile", "FROM x\n")) == ()


def test_a_text_in_a_modelfile_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(TemplateError) as caught:
        parse(Source("Modelfile", 'FROM x\nSYSTEM """open'))
    assert caught.value.location.line == 2


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("Modelfile", ".modelfile"), ("x/Modelfile.small", ".modelfile"), (".cursorrules", ".mdc"),
        (".windsurfrules", ".mdc"), ("system_prompt", ".txt"), ("user-prompt", ".txt"), ("answer_prompt", ".txt"),
        ("README", ""), ("modelfile.md", ".md"), ("prompted", ""), ("a.pdf", ".pdf"), ("a.py.txt", ".py"),
    ],
)  # fmt: skip
def test_names_tell_what_extensions_do_not(path: str, told: str) -> None:
    assert suffix(path) == told


@pytest.mark.parametrize("path", ["CLAUDE.local.md", "copilot-instructions.md", ".cursorrules", "a.prompt.md"])
def test_files_that_agents_load_are_instructions(path: str) -> None:
    assert read("Be kind to {name}.", path).syntax == "skill"


@pytest.mark.parametrize(
    "path", ["a.poml", "a.promptl", "a.promptx", "a.mdx", "a.rst", "a.adoc", "a.tpl", "system_prompt"]
)
def test_other_texts_are_prompts(path: str) -> None:
    assert [h.name for h in read("<task>Answer {{ query }}</task>", path).holes] == ["query"]
