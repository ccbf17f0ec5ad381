"""Evalsets as files: what is read, and what is refused before anything is spent."""

import json
from pathlib import Path

import pytest

from agentops.errors import ConfigError
from agentops.evals import dataset

GOOD = """version: 1
name: support
cases:
  - id: one
    tags: [typical, typical, orders]
    input: Hi
    expect:
      - contains: hello
      - not: {regex: 'a+'}
      - json_schema: {type: object}
      - tool_called: {name: t, arguments: {a: 1}}
"""


def load(folder: Path, *texts: str, name: str = "s{}.yaml") -> tuple[dataset.Suite, ...]:
    names = []
    for i, text in enumerate(texts):
        (folder / name.format(i)).write_text(text)
        names.append(name.format(i))
    return dataset.load(names, root=folder)


def test_a_suite_is_read_with_places(tmp_path: Path) -> None:
    (suite,) = load(tmp_path, GOOD)
    (case,) = suite.cases
    assert (suite.name, case.id, case.tags) == ("support", "one", ("typical", "orders"))
    assert str(case.location) == "s0.yaml:4"
    kinds = [(a.kind, a.negate, dict(a.params)) for a in case.expect]
    assert kinds == [
        ("contains", False, {"value": "hello"}),
        ("regex", True, {"value": "a+"}),
        ("json_schema", False, {"value": {"type": "object"}}),
        ("tool_called", False, {"name": "t", "arguments": {"a": 1}}),
    ]


def test_an_array_of_cases_is_a_suite(tmp_path: Path) -> None:
    (suite,) = load(tmp_path, json.dumps([{"id": "a", "input": "x", "expect": [{"equals": "y"}]}]), name="c{}.json")
    assert suite.name == "c0"
    assert suite.cases[0].id == "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "s0.yaml: the suite holds no cases"),
        ("cases: []\n", "s0.yaml: the suite holds no cases"),
        ("cases:\n  - {id: a, input: x}\n", "s0.yaml:2: cases.0: the key 'expect' is missing"),
        ("cases:\n  - {id: a, input: x, expect: []}\n", "s0.yaml:2: cases.0.expect: must not be empty"),
        ("cases:\n  - {id: a, input: x, expect: [{contain: y}]}\n", "unknown key 'contain'; did you mean 'contains'?"),
        ("cases:\n  - {id: a, input: x, expect: [{regex: '('}]}\n", "s0.yaml:2: regex: no regular expression"),
        ("cases:\n  - {id: a, input: x, expect: [{json_schema: {type: objekt}}]}\n", ": json_schema: no JSON Schema"),
        ("cases:\n  - {id: a, input: x, expect: [{judge: {metric: niceness, at_least: 1}}]}\n", "s0.yaml:2: judge"),
        ("cases:\n  - {id: a b, input: x, expect: [{equals: y}]}\n", "s0.yaml:2: cases.0.id"),
        ("cases:\n  - &x {id: a, input: x, expect: [{equals: y}]}\n  - *x\n", "anchors and aliases are not allowed"),
    ],
)  # fmt: skip
def test_what_could_never_be_judged_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert said in caught.value.message
    assert caught.value.hint


def test_ids_are_unique_over_all_suites(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD, GOOD)
    assert caught.value.message == "s1.yaml:4: the case id 'one' is taken by s0.yaml:4"
