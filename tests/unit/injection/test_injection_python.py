"""Prompts in Python source: which texts are one, what fills them, who speaks, where the values come from."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.python.entry import parse
from agentops.injection.template import Hole, NoteKind, Template, TemplateError, TemplateKind


def read(text: str) -> tuple[Template, ...]:
    return parse(Source("app.py", text))


def one(text: str) -> Template:
    found = read(text)
    assert len(found) == 1, [t.name for t in found]
    return found[0]


def turns(template: Template) -> list[tuple[str | None, str]]:
    return [
        (m.role, "".join("{" + s.name + "}" if isinstance(s, Hole) else s.text for s in m.spans))
        for m in template.messages
    ]


@pytest.mark.parametrize(
    ("text", "role", "said"),
    [
        ("SYSTEM_PROMPT = 'You are kind to {name}.'", "system", "You are kind to {name}."),
        ("user_prompt = f'Please answer {question} now'", "user", "Please answer {question} now"),
        ("def instructions(ctx):\n    name = ctx.get('name')\n    return f'Greet the user {name}'", "system",
         "Greet the user {ctx.name}"),
        ("PROMPTS = {'sum': 'Summarise the {text} for me'}", None, "Summarise the {text} for me"),
        ("class A:\n    def f(self):\n        self.prompt = f'Answer the {self.ask} please'", None,
         "Answer the {self.ask} please"),
        ("P = 'You are a bot. Read {doc} now.'\ndef f(d):\n    return llm.invoke(P.format(doc=d.body))", None,
         "You are a bot. Read {doc} now."),
        ("@agent.system_prompt\ndef f(ctx):\n    return f'Name: {ctx.deps.name}'", "system", "Name: {ctx.deps.name}"),
        ("    prompt = f'''Answer the {q} now'''\n    return prompt\n", None, "Answer the {q} now"),
    ],
)  # fmt: skip
def test_a_prompt_is_found_with_its_role(text: str, role: str | None, said: str) -> None:
    assert turns(one(text)) == [(role, said)]


@pytest.mark.parametrize(
    "text",
    [
        'def f():\n    """You are an expert and must answer the question of the user in a kind way, always and only."""\n',  # noqa: E501
        "logger.info(f'You are going to answer the question {q} with the following words and more')",
        "raise ValueError(f'Please answer the question {q} with the following words and more of the same again')",
        "sql = f'SELECT name, body FROM notes WHERE id = {i} AND you are the owner of the row and the answer'",
        "html = f'<div>Please answer the question {q} in the box below and press the button to continue here</div>'",
        "prompt_path = 'prompts/system/answer the question.txt'",
        "x = 1\n",
    ],
)
def test_other_texts_are_no_prompts(text: str) -> None:
    assert read(text) == ()


def test_a_hole_stands_where_it_is_written() -> None:
    text = "x = 'ä'\nprompt = (f'Answer the '\n          f'{question.strip()} now')\n"
    hole = one(text).holes[0]
    assert text[hole.offset : hole.offset + len(hole.written)] == hole.written == "{question.strip()}"
    assert (hole.line, hole.column, hole.name) == (3, 13, "question")


def test_messages_of_one_list_are_one_template() -> None:
    text = """
def ask(q, docs, history):
    context = "\\n".join(f"- {d.text}" for d in docs)
    messages = [{"role": "system", "content": "You are kind."}, *history]
    prompt = f"Use {context} to answer {q}"
    messages.append({"role": "user", "content": prompt})
    return client.chat.completions.create(messages=messages)
"""
    found = one(text)
    assert [t[0] for t in turns(found)] == ["system", "user", "user"]
    assert turns(found)[-1][1] == "Use - {docs[].text}\n to answer {q}"
    assert found.holes[1].in_loop


def test_message_classes_tuples_and_system_arguments_are_messages() -> None:
    assert turns(one("m = [SystemMessage(content='Be kind.'), HumanMessage(f'Read {x}')]")) == [
        ("system", "Be kind."),
        ("user", "Read {x}"),
    ]
    lang = "p = ChatPromptTemplate.from_messages([('system', 'Use {context}'), MessagesPlaceholder('h'), ('human', '{q}')])"  # noqa: E501
    assert turns(one(lang)) == [("system", "Use {context}"), ("user", "{h[].content}"), ("user", "{q}")]
    claude = "r = c.messages.create(system=f'Act for {t}', messages=[{'role': 'user', 'content': q}])"
    assert turns(one(claude)) == [("system", "Act for {t}"), ("user", "{q}")]
    assert turns(one("a = Agent(instructions=f'You help {u.name} today')")) == [("system", "You help {u.name} today")]


def test_a_role_that_is_a_value_is_noted() -> None:
    found = one("m = [{'role': x.type, 'content': x.text}, {'role': 'user', 'content': 'Answer me'}]")
    assert [n.kind for n in found.notes] == [NoteKind.DYNAMIC_ROLE]


@pytest.mark.parametrize(
    ("code", "hole", "kind"),
    [
        ("v = input()\n", "input()", Kind.USER),
        ("v = requests.get(u).text\n", "requests.get().text", Kind.THIRD_PARTY),
        ("v = llm.invoke(q)\n", "v", Kind.MODEL),
        ("v = datetime.now()\n", "v", Kind.CONSTANT),
        ("v = os.getenv('X')\n", "v", Kind.CONSTANT),
        ("v = [1, 'two']\n", "v", Kind.CONSTANT),
    ],
)
def test_the_code_tells_where_a_value_comes_from(code: str, hole: str, kind: Kind) -> None:
    found = one(f"{code}prompt = f'Please answer {{v}} now'\n")
    (assigned,) = found.assigned.values()
    assert assigned.kind is kind
    assert found.holes[0].name in (hole, "v")


def test_types_and_filters_are_read() -> None:
    text = (
        "def f(n: int, how: Literal['a', 'b'], d: str | None, body):\n"
        "    prompt = f'Please write it {n} {how} {d} {len(body)} {json.dumps(body)} {html.escape(body)} {x:.2f}'\n"
    )
    found = one(text)
    assert dict(found.types) == {"n": "int", "how": "enum"}
    assert [h.filters for h in found.holes] == [(), (), (), ("length",), ("tojson",), ("escape",), ("float",)]


def test_what_a_first_stage_hides_is_noted() -> None:
    found = one("prompt_template = f'You are {name}. Read this: {{DOC}}'")
    assert [(n.kind, n.hole) for n in found.notes] == [(NoteKind.HIDDEN_HOLE, "DOC")]
    assert [h.name for h in found.holes] == ["name", "DOC"]
    json = one("prompt = f'You are {name}. Return {{\"a\": 1}}'")
    assert [h.name for h in json.holes] == ["name"]


def test_appended_run_and_foreign_templates_are_noted() -> None:
    appended = one("SYSTEM_PROMPT = Path('prompts/a.txt').read_text() + notes")
    assert [(n.kind, n.hole) for n in appended.notes] == [(NoteKind.APPENDED, "notes")]
    runs = one("def f(q):\n    code = llm.invoke(f'Please write the code for {q} now')\n    exec(code)\n")
    assert NoteKind.OUTPUT_RUNS in [n.kind for n in runs.notes]
    stores = one("def f(q):\n    s = llm.invoke(f'Please sum up the words {q} now')\n    memory.save(s)\n")
    assert NoteKind.OUTPUT_STORED in [n.kind for n in stores.notes]
    foreign = one("t = jinja2.Template(request.args['t'])")
    assert [n.kind for n in foreign.notes] == [NoteKind.USER_TEMPLATE]


def test_tools_and_signatures() -> None:
    tool = one('@mcp.tool()\ndef find(x: str):\n    """Finds an order."""\n')
    assert (tool.kind, turns(tool)) == (TemplateKind.TOOL, [(None, "Finds an order.")])
    spec = "t = {'type': 'function', 'function': {'name': 'f', 'description': 'Does it.', 'parameters': {}}}"
    assert (one(spec).kind, one(spec).name) == (TemplateKind.TOOL, "f")
    dspy = one('class A(dspy.Signature):\n    """Answer it."""\n    q = dspy.InputField(desc="the question")\n')
    assert (turns(dspy), dict(dspy.descriptions)) == ([(None, "Answer it.the question{q}")], {"q": "the question"})


def test_text_that_is_no_python_is_an_error_with_its_place() -> None:
    with pytest.raises(TemplateError) as raised:
        read("x = 1\nprompt = 'You are\n")
    assert (raised.value.location.line, raised.value.location.column) == (2, 10)


_PIECES = st.sampled_from((
    "prompt = ", "f'", "'", '"""', "{x}", "{{", "}", " + ", "\n", "    ", "def f(a):", "return ", "[", "]", "(", ")", ".format(",  # noqa: E501
    "{'role': 'user', 'content': ", "messages.append(", "x", "You are a bot, answer ", ", ", "%s", " % ", ".join(", "é",
))  # fmt: skip


@given(st.one_of(st.text(max_size=120), st.lists(_PIECES, max_size=30).map("".join)))
def test_nothing_but_the_declared_error_is_raised(text: str) -> None:
    try:
        found = read(text)
    except TemplateError:
        return
    for hole in (h for t in found for h in t.holes):
        assert 0 <= hole.offset <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1_000_000,
        "prompt = " + "+".join(["'aaaa'"] * 140_000),
        "\n".join(f'p{i} = f"You are a bot, your task is {{x{i}}}"' for i in range(3_000)),
        'prompt = f"You are ' + "{x}" * 330_000 + '"',
        'prompt = "You are a bot"\n' + 'prompt = prompt + f"x {y}"\n' * 12_000,
        "x = search(q)\n" * 3_000 + 'prompt = f"You are a bot {x}"\n' * 3_000,
        "m = []\n" + 'm.append({"role": r, "content": f"answer {x}"})\n' * 3_000,
    ],
    ids=["parentheses", "sum", "f-strings", "fields", "itself", "uses", "messages"],
)
def test_hostile_source_ends_soon(text: str) -> None:
    begun = time.perf_counter()
    with contextlib.suppress(TemplateError):
        read(text)
    assert time.perf_counter() - begun < 8
