"""Prompts in Python source that no name and no known call gives away: turn tokens, orders, slots, pairs."""

from __future__ import annotations

import contextlib
import time

import pytest

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.python.entry import parse
from agentops.injection.template import Hole, NoteKind, Template, TemplateError

Turns = list[tuple[str | None, str]]


def read(text: str) -> tuple[Template, ...]:
    return parse(Source("app.py", text))


def shapes(text: str) -> list[Turns]:
    return [
        [(m.role, "".join("{" + s.name + "}" if isinstance(s, Hole) else s.text for s in m.spans)) for m in t.messages]
        for t in read(text)
    ]


@pytest.mark.parametrize(
    "said",
    [
        "<|im_start|>user\\n{q}<|im_end|>",
        "[INST] {q} [/INST]",
        "<start_of_turn>user\\n{q}<end_of_turn>",
        "<|start_header_id|>user<|end_header_id|>\\n{q}",
        "\\n\\nHuman: {q}\\n\\nAssistant:",
        "User: {q}\\nAssistant:",
    ],
)
@pytest.mark.parametrize("code", ["run_output = f'{0}'", "out += f'{0}'", "content = '{0}'.format(q=q)", "z = '{0}'"])
def test_a_text_in_a_models_turns_is_a_prompt_under_any_name(said: str, code: str) -> None:
    assert shapes(code.replace("{0}", said)) == [[(None, said.replace("\\n", "\n"))]]


@pytest.mark.parametrize(
    "code",
    [
        "stop = ['<|im_end|>', '<|im_start|>user']",
        "x = '<|im_start|>user\\nhello<|im_end|>'",
        "line = f'User: {name}'",
        "row = f'{user}\\nAssistant: {x}'",
        "logger.info(f'<|im_start|>user {q}')",
        "example = '<|im_start|>user\\n{q}<|im_end|>'",
        "x = '{% for m in messages %}<|im_start|>{{ m.role }}\\n{{ m.content }}<|im_end|>{% endfor %}"
        "<|im_start|>assistant'",
    ],
)
def test_turns_without_a_value_and_what_only_lays_out_turns_are_no_prompts(code: str) -> None:
    assert read(code) == ()


@pytest.mark.parametrize(
    "said",
    [
        "Summarise {t} in a sentence.",
        "Answer the question: {t}",
        "You are a clerk who reads the letters of guests. Letter: {t}",
        "Fasse den folgenden Text kurz zusammen: {t}",
        "Résume le texte suivant en trois phrases: {t}",
        "Resume el siguiente texto en tres frases: {t}",
        "请根据以下内容回答用户的问题：{t}",
        "あなたは親切な店員です。次の質問に答えてください。{t}",
    ],
)
def test_an_order_with_a_hole_is_a_prompt_under_any_name(said: str) -> None:
    assert shapes(f"content = f'{said}'") == [[(None, said)]]
    assert shapes(f"content = '{said}'") == [[(None, said)]]
    assert read(f"error = f'{said}'") == ()


@pytest.mark.parametrize(
    "said",
    [
        "Resume from the checkpoint {t} of the run",
        "General settings of the machine {t} are kept",
        "Write the result of the run to {t} now",
        "Please install the package {t} first of all",
        "Extract the archive {t} to the folder below",
        "the value of {t} must be a number between one and ten",
        "Der Ordner {t} ist leer und das Ende",
    ],
)
def test_what_programs_say_to_people_is_no_prompt(said: str) -> None:
    assert read(f"content = f'{said}'") == ()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("f(prompt=f'Give it back in French: {x}')", [(None, "Give it back in French: {x}")]),
        ("f(input='Translate to French: ' + x)", [(None, "Translate to French: {x}")]),
        ("f(system='Be kind', prompt=x)", [("system", "Be kind"), ("user", "{x}")]),
        ("f(contents=f'Sum up {x}', system_instruction=y)", [("system", "{y}"), ("user", "Sum up {x}")]),
        ("d = {'template': 'Sum up {x} quickly'}", [(None, "Sum up {x} quickly")]),
        ("d = {'system': 'Sort the mail '\n  'of {user} into folders'}",
         [("system", "Sort the mail of {user} into folders")]),
        ("q = f'Tell me about {x} again'\nf(prompt=q)", [(None, "Tell me about {x} again")]),
        ("q = f'Tell me about {x} again'\nd = {'system_prompt': q}", [("system", "Tell me about {x} again")]),
        ("r = client.responses.create(model='m', input='Translate to French: ' + x)",
         [(None, "Translate to French: {x}")]),
        ("r = agent.run_sync('Summarise: ' + x)", [(None, "Summarise: {x}")]),
        ("r = model.invoke([('system', 'Be kind.'), ('human', f'Read {x}')])",
         [("system", "Be kind."), ("user", "Read {x}")]),
        ("c.beta.threads.messages.create(role='user', content=f'Explain {x}')", [("user", "Explain {x}")]),
    ],
)  # fmt: skip
def test_what_stands_where_prompts_stand_is_one(code: str, expected: Turns) -> None:
    assert shapes(code) == [expected]


@pytest.mark.parametrize("call", ["ask_llm", "askJSON", "self.call_model"])
def test_orders_and_what_they_are_about_are_two_turns(call: str) -> None:
    order = "You judge the answers of a bot."
    assert shapes(f"{call}('{order}', f'Answer: {{a}}')") == [[("system", order), ("user", "Answer: {a}")]]
    assert shapes(f"{call}('{order}', user)") == [[("system", order), ("user", "{user}")]]
    assert shapes(f"{call}(system_text, f'Answer the question {{a}}')") == [
        [("system", "{system_text}"), ("user", "Answer the question {a}")]
    ]
    assert ("user", "gpt-4") not in [t for one in shapes(f"{call}('{order}', 'gpt-4')") for t in one]


def test_a_turn_that_a_helper_writes_is_put_in_where_it_is_called() -> None:
    code = "def turn(r):\n    return f'<|im_start|>tool\\n{r}<|im_end|>'\n"
    code += "def go(log, r):\n    log += turn(r.text)\n    return llm(log)\n"
    assert ("<|im_start|>tool\n{r.text}<|im_end|>") in shapes(code)[-1][-1][1]
    wrapped = "def wrap(r):\n    return f'Result: {r}'\nm = [{'role': 'user', 'content': wrap(x.text)}]\n"
    assert shapes(wrapped) == [[("user", "Result: {x.text}")]]


def test_signatures_may_be_constants_and_get_their_instructions_later() -> None:
    assert shapes("S = 'q, hint -> a'\np = dspy.Predict(S, 'Answer it.')") == [[(None, "Answer it.{q}, {hint} -> a")]]
    assert shapes("s = dspy.Signature('q -> a').with_instructions('Answer it.')") == [[(None, "Answer it.{q} -> a")]]


_VALUES = "v = {'doc': input(), 'day': date.today()}\n"


@pytest.mark.parametrize(
    "code",
    [
        _VALUES + "prompt = 'Please answer {doc} on {day}'.format(**v)",
        "prompt = 'Please answer {doc} on {day}'.format(**{'doc': input(), 'day': date.today()})",
        "v = dict(doc=input(), day=date.today())\nprompt = 'Please answer {doc} on {day}'.format(**v)",
        _VALUES + "prompt = jinja2.Template('Please answer {{ doc }} on {{ day }}').render(**v)",
        _VALUES + "p = PromptTemplate.from_template('Answer {doc} on {day}')\ns = p.format(**v)",
        _VALUES + "p = PromptTemplate.from_template('Answer {doc} on {day}')\ns = p.invoke(v)",
        "p = ChatPromptTemplate.from_messages([('human', 'Answer {doc} on {day}')])\nchain = p | llm\n"
        "chain.invoke({'doc': input(), 'day': date.today()})",
        "p = PromptTemplate.from_template('Answer {doc} on {day}')\nchain = LLMChain(llm=m, prompt=p)\n"
        "chain.run(doc=input(), day=date.today())",
    ],
)
def test_values_that_a_dict_or_a_chain_hands_over_are_where_the_fields_come_from(code: str) -> None:
    (found,) = read(code)
    assert [found.assigned[h.name].kind for h in found.holes] == [Kind.USER, Kind.CONSTANT]


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("a = llm.invoke(f'Please write the code for {q} now')\nexec(a.content)", [NoteKind.OUTPUT_RUNS]),
        ("a = llm.invoke(f'Please write the words for {q} now')\nmemory.save(a)", [NoteKind.OUTPUT_STORED]),
        ("a = llm.invoke(f'Please write the words for {q} now')\ndef f(a):\n    exec(a)", []),
        ("with open('prompts/a.txt') as f:\n    S = f.read()\n"
         "def go(q):\n    prompt = S + '\\n' + q\n    return llm(prompt)",
         [NoteKind.APPENDED]),
        ("t = PromptTemplate.from_template(request.json['t'])", [NoteKind.USER_TEMPLATE]),
    ],
)  # fmt: skip
def test_what_the_module_does_around_a_prompt_is_noted(code: str, kinds: list[NoteKind]) -> None:
    assert [n.kind for t in read(code) for n in t.notes] == kinds


_MANY = "v = {" + ", ".join(f"'k{i}': input()" for i in range(300)) + "}\n"


@pytest.mark.parametrize(
    "text",
    [
        "x = f'please answer {q}'\nf(prompt=x)\n" * 9_000,
        "x = f'" + "a {b} " * 9_000 + "'\n" + "f(prompt=x)\n" * 8_000,
        "x = f'{q}" + "<|im_start|>user\\n" * 20_000 + "'",
        "x = f'{q}" + "<message " * 40_000 + "'",
        "x = f'''{q}Human:" + "\n            user" * 20_000 + "'''",
        "x = f'{q}" + "answer a a a a " * 25_000 + "'",
        "x = f'{q}" + "der die das. " * 30_000 + "'",
        _MANY + "prompt = 'Please answer {k1} on {k2}'.format(**v)\n" * 7_000,
        _MANY + "prompt = Template('Please answer {{ k1 }} on {{ k2 }}').render(**v)\n" * 4_000,
        _MANY + "p = PromptTemplate.from_template('Please answer {k1}')\n" + "p.format(**v)\n" * 25_000,
        "ask_llm('You are a bot', x)\n" * 13_000,
        "prompt = a + '\\n' + b\n" * 17_000,
    ],
    ids=["used", "long", "tokens", "messages", "lines", "tasks", "words", "format", "render", "fills", "pairs", "sums"],
)
def test_hostile_source_of_these_forms_ends_soon(text: str) -> None:
    begun = time.process_time()
    with contextlib.suppress(TemplateError):
        read(text)
    assert time.process_time() - begun < 2
