"""Evalsets as files: what is read, and what is refused before anything is spent."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Judgement, MetricKind
from agentops.errors import ConfigError
from agentops.evals import dataset
from agentops.evals.metrics import DETERMINISTIC

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
        ("cases:\n  - {id: a, input: x}\n", "s0.yaml:2: the case 'a' expects nothing"),
        ("cases:\n  - {id: a, turns: [{input: x}]}\n", "s0.yaml:2: the case 'a' expects nothing"),
        ("cases:\n  - {id: a, input: x, setup: [{command: {run: [x]}}]}\n", "s0.yaml:2: the case 'a' expects nothing"),
        ("cases:\n  - {id: a, expect: [{equals: y}]}\n", "s0.yaml:2: the case 'a' has neither input nor turns"),
        ("cases:\n  - {id: a, input: x, turns: [{input: x}], expect: [{equals: y}]}\n", "has both input and turns"),
        ("cases:\n  - {id: a, turns: [{input: x}], files: [a.txt], expect: [{equals: y}]}\n", "files beside turns"),
        ("cases:\n  - {id: a, input: x, expect: [{equals: y}], runs: 2, needed: 3}\n", "needs 3 passed of 2 runs"),
        ("defaults: {runs: 2}\ncases:\n  - {id: a, input: x, expect: [{equals: y}], needed: 3}\n", "s0.yaml:3: "),
        ("cases:\n  - {id: a, inptu: x, expect: [{equals: y}]}\n", "unknown key 'inptu'; did you mean 'input'?"),
        ("suite: x\ncases:\n  - {id: a, input: x, expect: [{equals: y}]}\n", "s0.yaml:1: unknown key 'suite'"),
        ("defaults: {expect: [{regex: '('}]}\ncases:\n  - {id: a, input: x}\n", "s0.yaml:1: regex: no regular"),
        ("defaults: {wait: 1}\ncases:\n  - {id: a, input: x}\n", "s0.yaml:1: defaults: unknown key 'wait'"),
        ("cases:\n  - id: |\n      a\n    input: x\n    expect: [{equals: y}]\n", "'a' ends in a line break"),
        ("cases: 3\n", "s0.yaml:1: cases: must be a list, not 3"),
        ("name: x\n", "the key 'cases' is missing"),
        ("just a text\n", "s0.yaml:1: must be a mapping"),
        ("cases:\n  - 5\n", "s0.yaml:2: cases.0: must be a mapping, not 5"),
        ("cases:\n  - {id: a, input: x, expect: [{equals: y}], after: [{command: {run: [x], expect: [{judge: "
         "{metric: toxicity, at_most: 1}}]}}]}\n", "judge: no model can be asked here"),
        ("cases: [{id: a, input: x, weight: " + "9" * 5000 + "}]\n", "a number has thousands of digits"),
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


def test_defaults_and_tags_of_the_suite_hold_for_every_case(tmp_path: Path) -> None:
    text = """tags: [nightly]
defaults:
  weight: 2
  runs: 5
  needed: 4
  setup: [{say: 'remember: blue'}]
  after: [{http: {path: /state, expect: [{contains: ok}]}}]
  expect: [{refusal: false}]
cases:
  - {id: one, input: Hi}
  - {id: two, input: Hi, tags: [edge], weight: 0.5, runs: 3, needed: 1, setup: [], expect: [{equals: y}]}
"""
    one, two = load(tmp_path, text)[0].cases
    assert (one.tags, one.weight, one.runs, one.needed) == (("nightly",), 2.0, 5, 4)
    assert (two.tags, two.weight, two.runs, two.needed) == (("nightly", "edge"), 0.5, 3, 1)
    assert [a.label for a in one.expect] == ["refusal"]
    assert [a.label for a in two.expect] == ["equals", "refusal"]
    assert [(s.kind, s.params["value"], str(s.location)) for s in one.setup] == [("say", "remember: blue", "s0.yaml:6")]
    assert two.setup == ()
    (probe,) = two.after
    assert (probe.kind, probe.params["method"], probe.params["status"]) == ("http", "GET", 200)
    assert [(a.kind, a.params) for a in probe.params["expect"]] == [("contains", {"value": "ok"})]


def test_turns_carry_their_own_assertions(tmp_path: Path) -> None:
    text = """cases:
  - id: talk
    turns:
      - {input: My name is Ada., expect: [{icontains: Ada}]}
      - {input: What is it?}
"""
    (case,) = load(tmp_path, text)[0].cases
    assert [(t.text, [a.kind for a in t.expect]) for t in case.turns] == [
        ("My name is Ada.", ["icontains"]),
        ("What is it?", []),
    ]


def test_what_is_looked_at_afterwards_is_expectation_enough(tmp_path: Path) -> None:
    (suite,) = load(tmp_path, "cases:\n  - {id: a, input: x, after: [{command: {run: [test, -f, x]}}]}\n")
    (step,) = suite.cases[0].after
    assert step.params == {"run": ["test", "-f", "x"], "timeout_s": 30, "exit": 0, "expect": ()}


def test_joins_have_parts_and_weights(tmp_path: Path) -> None:
    text = """cases:
  - id: a
    input: x
    expect:
      - any: [{contains: a}, {not: {all: [{contains: b}, {regex: c}]}}]
      - not:
          weighted:
            at_least: 0.7
            of: [{weight: 2, contains: a}, {weight: 1, equals: b}, {weight: 3, not: {contains: c}}]
"""
    either, weighted = load(tmp_path, text)[0].cases[0].expect
    assert (either.kind, either.negate, [p.label for p in either.parts]) == ("any", False, ["contains", "not all"])
    assert [p.kind for p in either.parts[1].parts] == ["contains", "regex"]
    assert (weighted.kind, weighted.negate, weighted.params) == ("weighted", True, {"at_least": 0.7})
    assert [(p.label, p.weight) for p in weighted.parts] == [("contains", 2), ("equals", 1), ("not contains", 3)]


@pytest.mark.parametrize(
    ("join", "said"),
    [
        ("all: [{regex: '('}]", "s0.yaml:2: regex: no regular expression"),
        ("any: [{contian: x}]", "did you mean 'contains'?"),
        ("any: []", "must not be empty"),
        ("weighted: {of: [{contains: x}]}", "at_least"),
        ("any: [{judge: {metric: toxicity, at_most: 1}}]", "judge: no model can be asked here"),
    ],
)
def test_parts_of_joins_are_refused_like_others(tmp_path: Path, join: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"cases:\n  - {{id: a, input: x, expect: [{{{join}}}]}}\n")
    assert said in caught.value.message


def shout(params: Mapping[str, Any]) -> None:
    if params.get("volume", 1) < 0:
        raise ConfigError("a volume is not below nothing", hint="raise it")
    if params.get("volume") == 13:
        raise RuntimeError("thirteen")


@pytest.mark.parametrize(
    "form",
    ["{shouts: {volume: 3}}", "{not: {shouts: {volume: 3}}}", "{custom: {metric: shouts, volume: 3}}"],
)
def test_a_metric_of_the_users_is_let_through(tmp_path: Path, form: str) -> None:
    (tmp_path / "s.yaml").write_text(
        f"defaults: {{expect: [{form}]}}\ncases: [{{id: a, turns: [{{input: x, expect: [{form}]}}]}}]"
    )
    own = {**DETERMINISTIC, "shouts": MetricKind(lambda _params, _seen: Judgement(True, ""), check=shout)}
    (suite,) = dataset.load(["s.yaml"], root=tmp_path, metrics=own)
    (case,) = suite.cases
    assert [(a.kind, a.params) for a in (*case.turns[0].expect, *case.expect)] == [
        ("custom", {"metric": "shouts", "volume": 3})
    ] * 2
    with pytest.raises(ConfigError, match=r"unknown key 'shouts'|unknown custom metric 'shouts'"):
        dataset.load(["s.yaml"], root=tmp_path)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("{volume: -1}", "s.yaml:1: shouts: a volume is not below nothing"),
        ("{volume: 13}", "s.yaml:1: shouts: its parameters cannot be checked: RuntimeError('thirteen')"),
        ("3, contains: x", "unknown key 'shouts'"),
        ("{metric: x}", "s.yaml:1: shouts: no parameter can be called metric here"),
    ],
)
def test_a_metric_of_the_users_refuses_for_itself(tmp_path: Path, params: str, said: str) -> None:
    (tmp_path / "s.yaml").write_text(f"cases: [{{id: a, input: x, expect: [{{shouts: {params}}}]}}]")
    own = {**DETERMINISTIC, "shouts": MetricKind(lambda _params, _seen: Judgement(True, ""), check=shout)}
    with pytest.raises(ConfigError) as caught:
        dataset.load(["s.yaml"], root=tmp_path, metrics=own)
    assert any(said in problem for problem in caught.value.problems or (caught.value.message,))


def test_a_metric_of_the_users_stands_in_joins_and_columns(tmp_path: Path) -> None:
    own = {**DETERMINISTIC, "shouts": MetricKind(lambda _params, _seen: Judgement(True, ""), check=shout)}
    (tmp_path / "s.yaml").write_text(
        "cases: [{id: a, input: x, expect: [{any: [{shouts: 1}, {contains: y}]}, "
        "{weighted: {at_least: 0.5, of: [{weight: 2, shouts: 1}]}}]}]"
    )
    (suite,) = dataset.load(["s.yaml"], root=tmp_path, metrics=own)
    assert [a.parts[0].params for a in suite.cases[0].expect] == [{"metric": "shouts", "value": 1}] * 2
    (tmp_path / "s.csv").write_text("input,shouts,not_shouts\nx,{volume: 2},loud\n")
    (suite,) = dataset.load(["s.csv"], root=tmp_path, metrics=own)
    assert [(a.label, a.params) for a in suite.cases[0].expect] == [
        ("custom", {"metric": "shouts", "volume": 2}),
        ("not custom", {"metric": "shouts", "value": "loud"}),
    ]


def test_every_problem_is_told_once_with_its_place(tmp_path: Path) -> None:
    rows = "".join(f"  - {{id: c{i}, input: x, expect: [{{contians: y}}]}}\n" for i in range(40))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "cases:\n  - {id: fine, input: x, expect: [{equals: y}]}\n" + rows)
    assert caught.value.problems[0].startswith("s0.yaml:3: cases.1.expect.0: unknown key 'contians'")
    assert caught.value.problems[1].startswith("s0.yaml:4: cases.2.expect.0: ")
    assert caught.value.problems[-1] == "and more"


def test_ids_are_unique_over_all_suites(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD, GOOD)
    assert caught.value.message == "s1.yaml:4: the case id 'one' is taken by s0.yaml:4"
