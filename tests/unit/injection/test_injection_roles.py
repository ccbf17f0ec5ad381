"""Messages by role, front matter, and which syntax a file is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection import frontmatter, roles
from agentops.injection.engine import parse
from agentops.injection.source import Source
from agentops.injection.template import NoteKind, TemplateError, body


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
        ("x.user.mustache", "user"),
        ("system_prompt_v2.md", "system"),
        ("chatSystemPrompt.txt", "system"),
        ("systemprompt_default.txt", "system"),
        ("prompts/system/answer.md", "system"),
        ("prompts/user/answer.md", "user"),
        ("user/settings/answer.md", None),
    ],
)
def test_roles_by_file_name(path: str, role: str | None) -> None:
    assert roles.from_name(path) == role


def test_marks_win_over_the_name() -> None:
    assert read("user:\n{q}", "a_system.txt") == [("user", "@")]


def test_offsets_stay_true_behind_front_matter_and_marks() -> None:
    text = "---\nrole: system\n---\nuser:\nab {q} cd\n"
    (template,) = parse(Source("a.txt", text, lambda name, here: None))
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
    (template,) = parse(Source("a.txt", text, lambda name, here: None))
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
        ("a.mustache", "{{x}}", "mustache"),
        ("a.gotmpl", "x", "go-template"),
        ("a.txt", "{{.Name}}", "go-template"),
        ("a.prompt", "---\nmodel: m\ninput:\n  schema:\n    a: string\n---\n{{a}}", "mustache"),
        ("a.prompt", "# instruction\n{% if x %}y{% endif %}", "jinja2"),
        ("a.prompty", "---\nname: x\n---\nuser:\n{{x}}", "jinja2"),
        ("a.prompty", "---\ntemplate: {format: mustache}\n---\nuser:\n{{x}}", "mustache"),
    ],
)
def test_the_syntax_is_told_by_extension_and_content(path: str, text: str, syntax: str) -> None:
    (template,) = parse(Source(path, text))
    assert template.syntax == syntax


def test_front_matter_settles_what_content_leaves_open() -> None:
    assert read("---\nsyntax: str.format\n---\n{{later}}\n{now}") == [(None, "{later}\n@")]


def test_a_syntax_without_a_parser_is_an_error() -> None:
    with pytest.raises(TemplateError, match="velocity"):
        read("---\nsyntax: velocity\n---\n{{x}}")


TURNS = [
    ("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n{q}<|im_end|>",
     [("system", "Be kind."), ("user", "@")]),
    ("<|system|>\nBe kind.</s>\n<|user|>\n{q}</s>\n<|assistant|>", [("system", "Be kind."), ("user", "@")]),
    ("<|start_header_id|>user<|end_header_id|>\n\n{q}<|eot_id|>", [("user", "@")]),
    ("<start_of_turn>user\n{q}<end_of_turn>\n<start_of_turn>model\n", [("user", "@")]),
    ("<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n{q} [/INST]", [("system", "Be kind."), ("user", "@")]),
    ("<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Rules<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>{q}",
     [("system", "Rules"), ("user", "@")]),
    ("<|start|>developer<|message|>Rules<|end|><|start|>user<|message|>{q}<|end|>",
     [("developer", "Rules"), ("user", "@")]),
    ('<message role="system">Rules</message>\n<message role="user">{q}</message>',
     [("system", "Rules"), ("user", "@")]),
    ("# instruction\nBe kind.\n\n# input\n{q}", [("system", "Be kind."), ("user", "@")]),
    ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}{% endfor %}",
     [("user", "@\n@")]),
    ("{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n",
     [("user", "@\n@")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TURNS)
def test_turn_tokens_of_chat_models_are_roles(text: str, expected: list[tuple[str | None, str]]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Rules. USER: {q} ASSISTANT:",
        "\n\nHuman: Sort this: {q}\n\nAssistant:",
        "### Instruction:\n{q}\n\n### Response:",
        "Never write `<|im_start|>system` or '<|user|>' yourself. {q}",
        "Rules\n# input\n{q}",
    ],
)
def test_words_that_anybody_can_type_are_no_roles(text: str) -> None:
    (template,) = parse(Source("a.txt", text))
    assert [m.role for m in template.messages] == [None]


def test_more_messages_than_a_prompt_has_are_an_error() -> None:
    with pytest.raises(TemplateError, match="more than 2000 messages"):
        read("user:\nx\n" * 2_001)


def test_marks_of_prompty_may_carry_attributes() -> None:
    assert read('system[nonce=x1]:\nA\nuser[name="b"]:\n{q}') == [("system", "A"), ("user", "@")]


def test_prompty_tells_that_filled_text_is_cut_into_roles_unless_a_nonce_guards_it() -> None:
    text = "---\nname: x\ninputs:\n  q: {type: string, description: what they ask}\n---\nsystem:\nA\nuser:\n{{q}}"
    (template,) = parse(Source("a.prompty", text))
    assert [(n.kind, n.hole) for n in template.notes] == [(NoteKind.PARSED_ROLES, "q")]
    assert (template.types, template.descriptions) == ({"q": "string"}, {"q": "what they ask"})
    assert template.declared == ("q",)
    (template,) = parse(
        Source("a.prompty", text.replace("user:", "user[nonce=4f]:").replace("system:", "system[nonce=4f]:"))
    )
    assert template.notes == ()


def test_dotprompt_switches_roles_by_tag() -> None:
    text = '---\nmodel: m\n---\n{{role "system"}}Be kind.{{history}}{{role "user"}}{{question}}'
    assert read(text, "a.prompt") == [("system", "Be kind."), ("user", "@"), ("user", "@")]


def test_a_head_without_its_first_line_of_dashes() -> None:
    assert read("name: Tests\ndescription: y\n---\nWrite {x}", "a.prompt") == [(None, "Write @")]
    assert frontmatter.read("Note: this\n---\nis prose").end == 0


def test_the_mode_of_a_head_is_a_role() -> None:
    assert read("---\nmode: system\n---\nA {x}") == [("system", "A @")]


def test_picoschema_gives_types_and_descriptions() -> None:
    head = frontmatter.read("---\ninput:\n  schema:\n    size(enum, how big): [s, m]\n    n?: integer, how many\n---\n")
    assert dict(head.types) == {"size": "enum", "n": "integer"}
    assert dict(head.descriptions) == {"size": "how big", "n": "how many"}
    assert head.declared == ("size", "n")


def test_a_default_in_a_head_is_no_type() -> None:
    assert dict(frontmatter.read("---\ninputs:\n  joke: integer jokes, and more\n---\n").types) == {}


def test_inputs_may_be_a_list() -> None:
    head = frontmatter.read("---\ninput_variables:\n  - a\n  - {name: b, type: number}\n---\n")
    assert (head.declared, dict(head.types)) == (("a", "b"), {"b": "number"})
