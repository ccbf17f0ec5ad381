"""Prompts in YAML, JSON and TOML: which values they are, their roles, and where their holes stand."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.structured import parse
from agentops.injection.syntax.tree import walk
from agentops.injection.syntax.tree_json import read as read_json
from agentops.injection.syntax.tree_toml import read as read_toml
from agentops.injection.template import NoteKind, Template, TemplateError, TemplateKind


def templates(text: str, path: str = "a.yaml") -> tuple[Template, ...]:
    found = parse(Source(path, text))
    for template in found:
        for hole in template.holes:
            assert text.startswith(hole.written, hole.offset) or "\\" in text
    return found


def shape(text: str, path: str = "a.yaml") -> list[tuple[str, list[tuple[str | None, list[str]]]]]:
    return [(t.name, [(m.role, [h.name for h in m.holes]) for m in t.messages]) for t in templates(text, path)]


def refused(text: str, path: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        parse(Source(path, text))
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("messages:\n- {role: system, content: Be brief.}\n- role: user\n  content: 'Tell of {{topic}}'\n",
         [("messages", [("system", []), ("user", ["topic"])])]),
        ("chat:\n- system: You help.\n- user: '{question}'\n", [("chat", [("system", []), ("user", ["question"])])]),
        ("p:\n- [system, You help.]\n- [human, '{question}']\n", [("p", [("system", []), ("user", ["question"])])]),
        ("greet:\n  user: Hail {name} please\n  system: You greet.\n",
         [("greet", [("system", []), ("user", ["name"])])]),
        ("sum_system: You sum up.\nsum_user: '{text}'\n", [("sum", [("system", []), ("user", ["text"])])]),
        ("system_prompt: You judge.\nprompt_template: 'Case: {case}'\n", [("", [("system", []), ("user", ["case"])])]),
        ("instruction: Sort the words.\ninput: '{words}'\n", [("", [("system", []), ("user", ["words"])])]),
        ("prompts:\n- Turn {a} around\n- file://b.txt\n", [("prompts[0]", [(None, ["a"])])]),
        ("prompts:\n  first: &x Sing of ${sea} now\n  second: *x\n",
         [("prompts.first", [(None, ["sea"])]), ("prompts.second", [(None, ["sea"])])]),
        ("base: &b\n  system: You help.\nmine:\n  <<: *b\n  user: 'Do {x} please'\n",
         [("mine", [("system", []), ("user", ["x"])])]),
        ("prompt: !tag |\n  Mend {this}\n---\nprompt: Mend {that}\n",
         [("prompt", [(None, ["this"])]), ("prompt", [(None, ["that"])])]),
        ("prompt: Mend {one}\nprompt: Mend {two}\n", [("prompt", [(None, ["one"])]), ("prompt", [(None, ["two"])])]),
        ("prompt: {{ wish }}\n", [("prompt", [(None, ["wish"])])]),
        ("llm:\n  role: '{topic} expert'\n  goal: Find {topic}\n  backstory: Old hand\n",
         [("llm", [(None, ["topic"] * 2)])]),
        ("task: quiz\ndoc_to_text: 'Q: {{question}}'\n", [("quiz", [(None, ["question"])])]),
        ("system: You rhyme.\nprompt: 'Rhyme: $input'\n", [("", [("system", []), ("user", ["input"])])]),
        ("template: 'Use {{$input}} well'\ntemplate_format: semantic-kernel\n", [("template", [(None, ["input"])])]),
        ("a:\n- role: user\n  content: 'Ask {{#sys.query#}}'\n", [("a", [("user", ["sys.query"])])]),
    ],
)  # fmt: skip
def test_yaml_layouts(text: str, expected: object) -> None:
    assert shape(text) == expected


@pytest.mark.parametrize(
    "text",
    ["services:\n  web:\n    image: a/b:${TAG}\n    command: run ${X} now\n", "user: root\nsystem: linux\n",
     "", "- 1\n- b\n",
     "paths:\n  /a/{id}:\n    get: {summary: Returns the pet, description: 'Please give {id}'}\n",
     "logging:\n  format: '{time} {level} {message}'\n", "prompt: default\n", "prompt: prompts/a.txt\n"],
)  # fmt: skip
def test_files_without_a_prompt(text: str) -> None:
    assert templates(text) == ()


def test_names_lines_and_columns_are_those_of_the_file() -> None:
    text = (
        'prompts:\n- task: greet\n  content: |-\n    Hello\n    é {{ name }}, do it\n- content: "two\\nlines {{ b }}"\n'
    )
    one, two = templates(text)
    assert (one.name, one.line, one.holes[0].line, one.holes[0].column) == ("prompts[0].content", 3, 5, 7)
    assert (two.name, two.holes[0].line, two.holes[0].column) == ("prompts[1].content", 6, 24)


def test_one_notation_a_file_when_blocks_show_it() -> None:
    text = "prompts:\n  a: '{% if x %}Do {{ y }} now{% endif %}'\n  b: 'Answer as {name} or {age}'\n"
    assert [len(t.holes) for t in templates(text)] == [1, 0]


def test_langchain_json() -> None:
    plain = {"_type": "prompt", "input_variables": ["q"], "template": "Answer {q} in {lang}",
             "template_format": "f-string",
             "partial_variables": {"lang": "French"}}  # fmt: skip
    (template,) = templates(json.dumps(plain), "a.json")
    assert [h.name for h in template.holes] == ["q", "lang"]
    assert template.declared == ("q",)
    assert template.assigned["lang"].kind is Kind.CONSTANT
    few = {"_type": "few_shot", "prefix": "Give the opposite.", "suffix": "In: {word}\nOut:", "examples": [{"a": "b"}],
           "example_prompt": {"_type": "prompt", "template": "In: {a}"}}  # fmt: skip
    assert shape(json.dumps(few), "a.json") == [("", [(None, ["word"])])]
    serialised = {"kwargs": {"messages": [
        {"lc": 1, "id": ["x", "SystemMessagePromptTemplate"],
         "kwargs": {"prompt": {"kwargs": {"template": "Help {who}"}}}},
        {"lc": 1, "id": ["x", "MessagesPlaceholder"], "kwargs": {"variable_name": "history"}},
    ]}}  # fmt: skip
    assert shape(json.dumps(serialised), "a.json") == [
        ("kwargs.messages", [("system", ["who"]), ("user", ["history"])])
    ]


def test_json_lines_comments_and_excerpts() -> None:
    lines = '{"name": "a", "system_prompt": "You judge.", "prompt_template": "{answer}"}\n' * 3
    assert [t.messages[1].holes[0].line for t in templates(lines, "a.jsonl")] == [1, 2, 3]
    records = '{"messages": [{"role": "user", "content": "what is {x}?"}]}\n' * 3
    assert [t.holes for t in templates(records, "a.jsonl")] == [(), (), ()]
    assert shape('// why\n"prompt": "Do {x} now", /* and */\n"n": [1,],\n', "a.json") == [("prompt", [(None, ["x"])])]
    few = [{"role": "user", "content": "red shoes"}, {"type": "function_call", "name": "find"}]
    assert shape(json.dumps(few), "a.json") == [("", [("user", [])])]


def test_promptfoo_prompts_may_be_messages_in_a_string() -> None:
    text = "providers: [x]\nprompts:\n"
    text += '- \'[{"role": "system", "content": "Help."}, {"role": "user", "content": "{{q}}"}]\'\n'
    assert shape(text) == [("prompts[0]", [("system", []), ("user", ["q"])])]


def test_inputs_give_types_and_descriptions() -> None:
    text = (
        "template: 'Tell {{$city}} in {{$size}}'\ninput_variables:\n- {name: city, description: typed by people}\n"
        "- {name: size, json_schema: {type: number}}\n- {name: kind, enum: [a, b]}\n"
    )
    (template,) = templates(text)
    assert template.declared == ("city", "size", "kind")
    assert dict(template.types) == {"size": "number", "kind": "enum"}
    assert template.descriptions == {"city": "typed by people"}


def test_a_dynamic_role_is_noted() -> None:
    (template,) = templates("messages:\n- {role: '{{role}}', content: 'Say {{x}}'}\n- {role: user, content: hi}\n")
    assert [(n.kind, n.hole) for n in template.notes] == [(NoteKind.DYNAMIC_ROLE, "role")]


def test_toml_commands() -> None:
    text = 'prompt = """\nReview {{args}}.\n!{git diff --staged}\n!{echo $ISSUE_TITLE} !{date}\n@{docs/rules.md}\n"""\n'
    (template,) = templates(text, "review.toml")
    names = [h.name for h in template.holes]
    assert names == ["args", "command.git_diff_staged", "issue_title", "command.date", "file.docs_rules_md"]
    kinds = [a.kind for a in template.assigned.values()]
    assert kinds == [Kind.USER, Kind.THIRD_PARTY, Kind.CONSTANT, Kind.OPERATOR]
    assert {n.kind for n in template.notes} == {NoteKind.COMMAND}
    assert len(template.notes) == 4


def test_toml_markers_around_documents_make_a_user_message() -> None:
    text = '[[set]]\ndata_markers = "<d>DOCUMENT</d>"\nsystem_message = "You read what is in d tags."\n'
    assert shape(text, "a.toml") == [("set[0]", [("system", []), ("user", ["document"])])]


def test_text_that_becomes_yaml_is_read_as_text() -> None:
    text = "{% if a %}\nprompt: do {{ x }} now\n{% endif %}\n"
    (template,) = templates(text)
    assert [h.name for h in template.holes] == ["x"]


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a: 1\nb: [1\n", "a.yaml", 3), ("a: b\x00", "a.yaml", 1), ("- " * 500, "a.yaml", 1),
        ('{"a": \n tru!}', "a.json", 2),
        ('{"a": [1, 2}', "a.json", 1), ('[\n"a', "a.json", 2), ("[" * 500, "a.json", 1), ('{"a" 1}', "a.json", 1),
        ("a = 1\nb = \n", "a.toml", 2), ('a = """\nx', "a.toml", 1), ("a = " + "[" * 500, "a.toml", 1),
        (".".join("a" * 50) + " = 1", "a.toml", 1), ("prompt: |\n  a\n  {% if %}\n", "a.yaml", 3),
    ],
)  # fmt: skip
def test_errors_name_the_place(text: str, path: str, line: int) -> None:
    error = refused(text, path)
    assert error.location.path == path
    assert error.location.line == line
    assert error.hint


def test_alias_bombs_end() -> None:
    chain = "a0: &a0 [please do it]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)
    )
    began = time.monotonic()
    assert templates(chain) == ()
    merges = "a0: &a0 {system: You help}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}\n" for n in range(1, 2000)
    )
    templates(merges)
    assert (
        "repeat"
        in refused('a: &p "please {x} ' + "z " * 9000 + '"\nprompts: [' + "*p, " * 100 + "]\n", "a.yaml").problem
    )
    assert time.monotonic() - began < 2


@given(
    st.text(alphabet="ab {}[]:,-|>&*!'\"\\\n\t#%$=.<1", max_size=60),
    st.sampled_from((".yaml", ".json", ".toml", ".jsonl")),
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused(text: str, extension: str) -> None:
    try:
        parse(Source("prompts" + extension, text))
    except TemplateError as error:
        assert error.location.line is not None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
@settings(max_examples=150, deadline=None)
def test_json_strings_are_those_of_the_library(value: object) -> None:
    text = json.dumps(value)
    strings: list[str] = []

    def gather(node: object) -> None:
        if isinstance(node, str):
            strings.append(node)
        elif isinstance(node, list):
            for item in node:
                gather(item)
        elif isinstance(node, dict):
            for item in node.values():
                gather(item)

    gather(json.loads(text))
    source = Source("a.json", text)
    found = [leaf for root in read_json(source).roots for leaf in walk(root) if getattr(leaf, "string", False)]
    assert [leaf.text for leaf in found] == strings
    assert all(json.loads(text[leaf.start : leaf.end]) == leaf.text for leaf in found)


def test_toml_strings_are_those_of_the_library() -> None:
    import tomllib

    text = (
        "a = 'x\\n'\nb = \"q\\\"\\u00e9\\n\"\nc = '''\n''two'' '''\nd = \"\"\"\none \\\n   two\\\\ \"\"\"\"\n"
        "[t.'u v']\ne = [1, 'f', {g.h = \"i\"}] # no\n[[l]]\nm = 1979-05-27 07:32:00\n[[l]]\n[l.o]\np = \"r\"\n"
    )
    truth = tomllib.loads(text)
    root = read_toml(Source("a.toml", text)).roots[0]
    found = [n.text for n in walk(root) if getattr(n, "string", False)]
    wanted = [truth["a"], truth["b"], truth["c"], truth["d"], "f", "i", "r"]
    assert found == wanted
    assert truth["t"]["u v"]["e"][2]["g"]["h"] == "i"
    assert truth["l"][1]["o"]["p"] == "r"
    assert TemplateKind.PROMPT.value == "prompt"
