"""Prompts in files of well-known builders and libraries: roles and holes as those programs mean them."""

from __future__ import annotations

import json

import pytest

from agentops.injection.source import Source
from agentops.injection.syntax.structured import parse


def shape(value: object, path: str = "a.json") -> list[list[tuple[str | None, list[str]]]]:
    text = value if isinstance(value, str) else json.dumps(value)
    return [[(m.role, [h.name for h in m.holes]) for m in t.messages] for t in parse(Source(path, text))]


@pytest.mark.parametrize(
    "request_body",
    [
        {"model": "c", "system": [{"type": "text", "text": "You help {n}"}],
         "messages": [{"role": "user", "content": [{"type": "text", "text": "Q: {q}"}]}]},
        {"systemInstruction": {"parts": [{"text": "You help {n}"}]},
         "contents": [{"role": "user", "parts": [{"text": "Q: {q}"}]}]},
    ],
)  # fmt: skip
def test_a_system_text_beside_a_list_of_messages(request_body: object) -> None:
    assert shape(request_body) == [[("system", ["n"]), ("user", ["q"])]]


def test_a_list_with_a_system_message_of_its_own_is_one_by_itself() -> None:
    body = {"system_prompt": "You are {a} for us.", "messages": [{"role": "system", "content": "Be {b} now."}]}
    assert sorted(shape(body)) == [[("system", ["a"])], [("system", ["b"])]]


def test_blocks_of_a_chat_template() -> None:
    def message(role: str, text: str) -> object:
        return {"role": role, "additional_kwargs": {}, "blocks": [{"block_type": "text", "text": text}]}

    body = {"message_templates": [message("system", "You answer."), message("user", "{context_str}\n{query_str}")]}
    assert shape(body) == [[("system", []), ("user", ["context_str", "query_str"])]]


def test_a_labelled_prompt_of_a_test_runner_is_no_record() -> None:
    text = "prompts:\n  - {id: a, raw: 'Judge this. {{answer}}', label: x}\nproviders: [p]\ntests: []\n"
    assert shape(text, "a.yaml") == [[(None, ["answer"])]]


def test_agents_and_models_of_a_visual_builder() -> None:
    agent = {"parameters": {"text": "=Answer {{ $json.chatInput }}",
                            "options": {"systemMessage": "=You help {{ $json.user }} on {{ $now }}."}}}  # fmt: skip
    model = {"parameters": {"messages": {"values": [{"content": "=Sum up.", "role": "system"},
                                                    {"content": "={{ $json.body }}"}]}}}  # fmt: skip
    assert shape({"nodes": [agent, model]}) == [
        [("system", ["json.user"]), ("user", ["json.chatInput"])],
        [("system", []), ("user", ["json.body"])],
    ]


def test_a_typed_text_is_the_text_of_its_key() -> None:
    text = (
        "nodes:\n- data:\n    agent_parameters:\n"
        "      instruction: {type: constant, value: 'You are an agent. {{#sys.query#}}'}\n"
        "      size: {type: constant, value: '{{#sys.size#}}'}\n"
    )
    assert shape(text, "a.yml") == [[(None, ["sys.query"])]]


def test_a_prompt_among_metadata() -> None:
    text = "a:\n- text: Hello\n  metadata: {prompt: 'Say it anew. {{history}}', prompt_note: none at all}\n"
    assert shape(text, "a.yml") == [[(None, ["history"])]]


def test_texts_in_lists_under_other_keys() -> None:
    text = "steps:\n- 'Summarize the following text for the reader of this page, please: {text}'\n- 'name: {text}'\n"
    assert shape(text, "a.yml") == [[(None, ["text"])]]
    assert shape(text.replace("steps", "tags_output"), "a.yml") == []


def test_lone_surrogates_are_read() -> None:
    assert shape('{"prompt": "Rate \\ud83d {{x}} \\ude00"}') == [[(None, ["x"])]]


def test_a_dollar_name_without_the_sign_of_a_builder_is_a_kernel_template() -> None:
    (found,) = parse(Source("a.json", '{"prompt": "Sum up {{$input}} for me."}'))
    assert (found.syntax, [h.name for h in found.holes]) == ("semantic-kernel", ["input"])
