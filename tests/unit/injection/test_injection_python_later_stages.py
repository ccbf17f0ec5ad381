"""Fields that an f-string leaves for a later stage, constants that are handed over, own makers of messages."""

from __future__ import annotations

import pytest

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.python.entry import parse
from agentops.injection.template import NoteKind, Template


def read(text: str) -> tuple[Template, ...]:
    return parse(Source("prompt.py", text))


def names(template: Template) -> list[str]:
    return [h.name for h in template.holes]


def said(template: Template) -> list[tuple[str | None, list[str]]]:
    return [(m.role, [h.name for h in m.holes]) for m in template.messages]


TEXT = "f'You are a clerk at {SHOP}. Answer the question: {{user_query}}'"


@pytest.mark.parametrize(
    "text",
    [
        f"ASK_BLOCK = {TEXT}",
        f"ASK_BLOCK = {TEXT}.strip()",
        f"PROMPTS = {{'ask': {TEXT}}}",
        f"class Texts:\n    ask = {TEXT}",
        f"def ask():\n    prompt = {TEXT}\n    return prompt",
        f"def ask():\n    text = {TEXT}\n    return PromptTemplate.from_template(text)",
        f"p = ChatPromptTemplate.from_messages([('user', {TEXT})])",
    ],
)
def test_what_a_kept_text_leaves_in_braces_is_filled_later(text: str) -> None:
    (found,) = read(text)
    assert names(found) == ["SHOP", "user_query"]
    assert [n.kind for n in found.notes] == [NoteKind.HIDDEN_HOLE]


@pytest.mark.parametrize(
    "text",
    [
        f"client.ask(prompt={TEXT})",
        f"answer = register(prompt={TEXT})",
        f"def ask():\n    prompt = {TEXT}\n    return send(prompt)",
        f"def ask():\n    prompt = {TEXT}\n    return send([{{'role': 'user', 'content': prompt}}])",
    ],
)
def test_what_goes_out_as_it_stands_has_no_later_stage(text: str) -> None:
    assert {n for t in read(text) for n in names(t)} == {"SHOP"}


def test_an_example_of_json_stays_text() -> None:
    (found,) = read(
        'BLOCK = f"""You are a clerk at {SHOP}. Reply with {{"a": 1, "b": "{{value}}", "c": {{other}}}} only.\n'
        'Question: {{user_query}}"""'
    )
    assert names(found) == ["SHOP", "user_query"]


NOTE = "NOTE = 'The table holds the contracts of five years.'\n"
ASKS = "PROMPT = '''You are a clerk. Read what the note says:\n${expert_note}\n'''\n"


def test_a_constant_that_a_call_hands_over_by_a_dict_settles_the_field() -> None:
    (found,) = read(NOTE + ASKS + "answer = guard(llm, prompt_params={'expert_note': NOTE})")
    assert found.assigned["expert_note"].kind is Kind.CONSTANT


@pytest.mark.parametrize(
    "call",
    [
        "def go(note):\n    return guard(llm, prompt_params={'expert_note': note})",
        "a = guard(llm, prompt_params={'expert_note': NOTE})\nb = guard(llm, prompt_params={'expert_note': read(x)})",
        "r = requests.get(url, params={'expert_note': NOTE})",
    ],
)
def test_anything_else_that_is_handed_over_settles_nothing(call: str) -> None:
    (found,) = read(NOTE + ASKS + call)
    assert "expert_note" not in found.assigned


def test_a_question_is_no_constant_however_a_script_sets_it() -> None:
    text = "question = 'How old is it?'\nPROMPT = 'You are a clerk. Answer {question} now.'\n"
    (found,) = read(text + "guard(llm, prompt_params={'question': question})")
    assert "question" not in found.assigned


@pytest.mark.parametrize("given", ["{'note': NOTE}", "GIVEN"])
def test_variables_that_a_template_is_made_with_are_known(given: str) -> None:
    text = NOTE + "GIVEN = {'note': NOTE}\n"
    (found,) = read(
        text + f"p = PromptTemplate(template='You are a clerk. Use {{note}}: {{q}}', partial_variables={given})"
    )
    assert found.assigned["note"].kind is Kind.CONSTANT


@pytest.mark.parametrize(
    "messages",
    [
        "[self.system_message('You join questions.'), self.user_message('First: ' + q)]",
        "[create_system_message('You are a clerk.'), create_user_message(q)]",
        "[systemMessage('You are a clerk.'), userMessage(q)]",
        "[Message.system('You are a clerk.'), LLMMessage.user(q)]",
        "[ChatMessage.from_system('You are a clerk.'), ChatMessage.from_user(q)]",
        "[message('system', 'You are a clerk.'), make_message(role='user', content=q)]",
    ],
)
@pytest.mark.parametrize("use", ["prompt = {}\n        return self.submit(prompt=prompt)", "return self.chat({})"])
def test_own_makers_of_messages_tell_the_role(messages: str, use: str) -> None:
    (found,) = read(f"class C:\n    def ask(self, q):\n        {use.replace('{}', messages)}")
    assert said(found) == [("system", []), ("user", ["q"])]


def test_own_makers_are_read_as_arguments() -> None:
    (found,) = read("def ask(q):\n    return chat(system_msg('You are a clerk.'), user_msg(f'Please answer {q}'))")
    assert said(found) == [("system", []), ("user", ["q"])]


@pytest.mark.parametrize(
    "text",
    [
        "def save(db, q):\n    rows.append(create_user_message(db, q))",
        "def save(db, q):\n    return gather([create_user_message(db, q), other(q)])",
        "show(user_message('Saved'))",
        "def save(q):\n    return store(build_message(kind, q), other(q))",
    ],
)
def test_a_row_of_a_table_is_no_message(text: str) -> None:
    assert read(text) == ()
