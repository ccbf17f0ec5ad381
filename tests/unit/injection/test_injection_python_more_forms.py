"""More forms in which projects write prompts in Python: variants of the commonest frameworks, and local models."""

from __future__ import annotations

import pytest

from agentops.injection.source import Source
from agentops.injection.syntax.python.entry import parse
from agentops.injection.template import Hole

Turns = list[tuple[str | None, str]]
Form = tuple[str, str, Turns]

FORMS: list[Form] = [
    (
        "langchain partial",
        "p = ChatPromptTemplate.from_messages([('system', 'Use {ctx}'), ('human', '{q}')]).partial(ctx=docs)",
        [("system", "Use {ctx}"), ("user", "{q}")],
    ),
    (
        "langchain list of templates",
        "t = [SystemMessagePromptTemplate.from_template('Be {tone}'), "
        "HumanMessagePromptTemplate.from_template('{q}')]\np = ChatPromptTemplate.from_messages(t)",
        [("system", "Be {tone}"), ("user", "{q}")],
    ),
    (
        "langchain create_agent",
        "agent = create_agent(model='m', tools=[], system_prompt='You help the guests of the inn.')",
        [("system", "You help the guests of the inn.")],
    ),
    (
        "langgraph node",
        "def node(state):\n    return model.invoke([SystemMessage('Be kind.')] + state['messages'])",
        [("system", "Be kind."), ("user", "{state.messages[].content}")],
    ),
    (
        "llamaindex complete",
        "r = Settings.llm.complete(f'Summarise the page {page}')",
        [(None, "Summarise the page {page}")],
    ),
    (
        "autogen user proxy",
        "u = autogen.UserProxyAgent(name='u', system_message='A human admin of the shop.')",
        [("system", "A human admin of the shop.")],
    ),
    (
        "dspy predict in a module",
        "class M(dspy.Module):\n    def __init__(self):\n        self.p = dspy.Predict('page -> title')",
        [(None, "{page} -> title")],
    ),
    (
        "openai agents handoff",
        "a = Agent(name='a', instructions=prompt_with_handoff_instructions('You help with maths questions.'))",
        [("system", "You help with maths questions.")],
    ),
    (
        "sk invoke prompt",
        "r = await kernel.invoke_prompt(prompt='Sum up {{$input}} in one word', arguments=a)",
        [(None, "Sum up {input} in one word")],
    ),
    (
        "marvin generate",
        "r = marvin.generate(n=3, instructions=f'Names of the town {t}')",
        [("system", "Names of the town {t}")],
    ),
    ("outlines template", "t = outlines.Template.from_string('Answer {{ q }} kindly')", [(None, "Answer {q} kindly")]),
    (
        "outlines generator",
        "r = generator(f'Summarise the review {review}')",
        [(None, "Summarise the review {review}")],
    ),
    (
        "vertex chat",
        "chat = model.start_chat()\nr = chat.send_message(f'Summarise the page {page}')",
        [(None, "Summarise the page {page}")],
    ),
    (
        "google genai dict",
        "client.models.generate_content(model='g', contents=q, config={'system_instruction': 'You are a guide.'})",
        [("system", "You are a guide."), ("user", "{q}")],
    ),
    (
        "google genai list",
        "client.models.generate_content(model='g', contents=['Summarise the page', page])",
        [(None, "Summarise the page{page}")],
    ),
    (
        "litellm acompletion",
        "await litellm.acompletion(model='m', messages=[{'role': 'system', 'content': S}, "
        "{'role': 'user', 'content': q}])",
        [("system", "{S}"), ("user", "{q}")],
    ),
    (
        "bedrock llama",
        "p = f'<|start_header_id|>user<|end_header_id|>{q}<|eot_id|>'\nbody = json.dumps({'prompt': p})",
        [(None, "<|start_header_id|>user<|end_header_id|>{q}<|eot_id|>")],
    ),
    (
        "bedrock titan",
        "body = json.dumps({'inputText': f'Summarise the page {page}'})",
        [(None, "Summarise the page {page}")],
    ),
    ("transformers text", "out = pipe(f'<s>[INST] {q} [/INST]')", [(None, "<s>[INST] {q} [/INST]")]),
    (
        "transformers literal list",
        "ids = tok.apply_chat_template([{'role': 'system', 'content': s}, {'role': 'user', 'content': q}])",
        [("system", "{s}"), ("user", "{q}")],
    ),
    (
        "transformers t5",
        "inputs = tokenizer(f'translate English to German: {t}', return_tensors='pt')",
        [(None, "translate English to German: {t}")],
    ),
    (
        "hub client",
        "r = client.text_generation(f'Answer the question: {q}', max_new_tokens=5)",
        [(None, "Answer the question: {q}")],
    ),
    (
        "vllm batch",
        "outs = llm.generate([f'Summarise the page {p}' for p in pages], params)",
        [(None, "Summarise the page {p}")],
    ),
    ("agno", "a = Agent(model=m, instructions=['Be short.', f'Use {style}'])", [("system", "Be short.Use {style}")]),
    (
        "enumeration",
        "class P(str, Enum):\n    SUMMARY = 'Summarise the text {text}'",
        [(None, "Summarise the text {text}")],
    ),
    (
        "lines joined",
        "parts = ['You are a bot.']\nparts.append(f'Context: {ctx}')\nprompt = '\\n'.join(parts)",
        [(None, "You are a bot.\nContext: {ctx}")],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(text, turns, id=name) for name, text, turns in FORMS])
def test_another_form_gives_its_roles_and_holes(text: str, expected: Turns) -> None:
    found = [
        [(m.role, "".join("{" + s.name + "}" if isinstance(s, Hole) else s.text for s in m.spans)) for m in t.messages]
        for t in parse(Source("app.py", text))
    ]
    assert found == [expected]
