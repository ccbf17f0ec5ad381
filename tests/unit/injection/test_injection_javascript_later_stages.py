"""Prompts in TypeScript whose holes a later stage fills, and messages that a program's own functions make."""

from __future__ import annotations

import time

import pytest

from agentops.injection.source import Source
from agentops.injection.syntax.code import javascript
from agentops.injection.template import NoteKind, Template, TemplateError


def read(text: str) -> tuple[Template, ...]:
    found = javascript.parse(Source("prompt.ts", text))
    for template in found:
        for hole in template.holes:
            assert text.startswith(hole.written, hole.offset)
    return found


def names(template: Template) -> list[str]:
    return [h.name for h in template.holes]


def said(template: Template) -> list[tuple[str | None, list[str]]]:
    return [(m.role, [h.name for h in m.holes]) for m in template.messages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("const prompt = `Rewrite the request below:\n\\${userInput}`", ["userInput"]),
        ("const prompt = 'You are a guide. Answer ${user.name}: ${question}'", ["user.name", "question"]),
        ('const prompt = "You are a guide. Answer ${user?.name} now."', ["user.name"]),
        ("const prompt = 'You are a guide. Answer {{userName}}: {{question}}'", ["userName", "question"]),
        ("const prompt = 'You are a guide. Answer {userName}: {question}'", ["userName", "question"]),
        ("const prompt = `Check the code:\n\\`\\`\\`ts\n\\${code}\n\\`\\`\\`\nList each mistake.`", ["code"]),
    ],
)
def test_what_a_later_stage_fills_is_a_hole(text: str, expected: list[str]) -> None:
    (found,) = read(text)
    assert names(found) == expected


def test_an_escaped_sign_is_part_of_what_is_written() -> None:
    (found,) = read("const prompt = `Rewrite this:\n\\${text}\nNow.`")
    (hole,) = found.holes
    assert (hole.written, hole.line, hole.column) == ("\\${text}", 2, 1)


def test_beside_a_first_stage_the_second_one_is_hidden() -> None:
    (found,) = read("const prompt = `You help at ${shop}. Answer the question: \\${question}`")
    assert names(found) == ["shop", "question"]
    assert [n.kind for n in found.notes] == [NoteKind.HIDDEN_HOLE]


def test_a_replaced_sign_takes_the_name_of_its_value() -> None:
    text = "const base = `You help people. Answer this:\n\\${q}`;\nconst prompt = base.replace('${q}', req.body.text);"
    assert "req.body.text" in {n for t in read(text) for n in names(t)}


@pytest.mark.parametrize(
    "text",
    [
        "const prompt = `You write code. Use templates such as \\`Hi \\${name}\\` and never a sum of strings.`",
        "const prompt = `Follow this:\n\\`\\`\\`ts\nlog(\\${name}, here)\n\\`\\`\\`\nBe brief.`",
        "const prompt = `You price goods. Write $\\{5} for five.`",
    ],
)
def test_code_that_is_shown_is_text(text: str) -> None:
    (found,) = read(text)
    assert names(found) == []


@pytest.mark.parametrize(
    "messages",
    [
        "[this.systemMessage('You join questions.'), this.userMessage('First: ' + q)]",
        "[createSystemMessage('You are a clerk.'), create_user_message(q)]",
        "[Message.system('You are a clerk.'), LLMMessage.user(q)]",
        "[message('system', 'You are a clerk.'), makeMessage('user', q)]",
        "[ChatMessage.fromSystem('You are a clerk.'), ChatMessage.fromUser(q)]",
    ],
)
@pytest.mark.parametrize("call", ["const prompt = {}", "send({})"])
def test_own_makers_of_messages_tell_the_role(messages: str, call: str) -> None:
    (found,) = read(f"async function ask(q: string) {{ {call.replace('{}', messages)}; }}")
    assert said(found) == [("system", []), ("user", ["q"])]


def test_own_makers_are_read_as_arguments() -> None:
    (found,) = read("function ask(q: string) { return chat(systemMsg('You are a clerk.'), userMsg(q)); }")
    assert said(found) == [("system", []), ("user", ["q"])]


@pytest.mark.parametrize(
    "text",
    [
        "await Promise.all([createUserMessage(db, row), other(row)])",
        "await db.save(createUserMessage(row))",
        "toast.show(userMsg('Saved'))",
        "const m = { userMessage(text: string) { return text } }",
    ],
)
def test_a_row_of_a_table_is_no_message(text: str) -> None:
    assert read(text) == ()


def test_many_signs_are_read_in_a_bearable_time() -> None:
    text = "const prompt = `You are a clerk. " + "\\`\\${x \\${a} " * 50_000 + "`"
    started = time.perf_counter()
    with pytest.raises(TemplateError, match="holes"):
        read(text)
    assert time.perf_counter() - started < 4
