"""What a refused evalset is told to write instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentops.contracts import Judgement, MetricKind
from agentops.errors import ConfigError
from agentops.evals import dataset
from agentops.evals.metrics import DETERMINISTIC


def refused(folder: Path, text: str, *, name: str = "s.yaml", own: tuple[str, ...] = ()) -> ConfigError:
    (folder / name).write_text(text)
    metrics = {**DETERMINISTIC, **{word: MetricKind(lambda _params, _seen: Judgement(True, "")) for word in own}}
    with pytest.raises(ConfigError) as caught:
        dataset.load([name], root=folder, metrics=metrics)
    return caught.value


def one(folder: Path, assertion: str, own: tuple[str, ...] = ()) -> ConfigError:
    return refused(folder, f"cases:\n  - {{id: a, input: x, expect: [{assertion}]}}\nversion: 1\n", own=own)


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        ("{contains: 24}", 'contains: must be a text or a list of texts; write "24"'),
        ("{contains: true}", 'write "true"'),
        ("{contains: [a, 4]}", 'contains.1: must be a text, not 4; write "4"'),
        ("{not: {equals: 3}}", 'not.equals: must be a text, not 3; write "3"'),
        ("{latency: 3}", "must be a mapping, not 3; write latency: {at_most_s: 3}"),
        ("{tokens: 400}", "write tokens: {at_most: 400}"),
        ("{length: 40}", "write length: {at_most: 40}"),
        ("{cost: 0.1}", "write cost: {at_most_usd: 0.1}"),
        ('{similarity: "it ships"}', 'write similarity: {to: "it ships", at_least: 0.6}'),
        ("{llm-rubric: is it polite}", "unknown key 'llm-rubric'; write judge: {metric: geval"),
        ("{is-json: true}", "unknown key 'is-json'; write json_schema"),
        ("{similar: a}", "write similarity: {to: "),
        ("{javascript: 'x > 1'}", "write custom: {metric: NAME}"),
        ("{python: x.py}", "write custom: {metric: NAME}"),
        ("{not-is-json: true}", "write json_schema: {...}, inside not"),
        ("{all: [{icontains-all: [a]}]}", "all.0: unknown key 'icontains-all'; write icontains: [...]"),
        ("{type: contains, value: a}", "unknown key 'type'; write the metric as the key"),
    ],
)
def test_an_assertion_is_shown_as_it_is_written(tmp_path: Path, assertion: str, told: str) -> None:
    error = one(tmp_path, assertion)
    assert told in error.message
    assert error.message.startswith("s.yaml:2: cases.0.expect.0")
    assert error.hint.startswith("see docs/metrics.md")


def test_the_value_of_one_case_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    cases = [{"id": f"c{i}", "input": "x", "expect": [{"contains": "a"}, {"contains": 20 + i}]} for i in range(3)]
    problems = refused(tmp_path, json.dumps(cases), name="s.json").problems
    assert [problem.rpartition("; ")[2] for problem in problems] == ['write "20"', 'write "21"', 'write "22"']


def test_a_part_without_a_weight_is_told_once(tmp_path: Path) -> None:
    error = one(tmp_path, "{weighted: {at_least: 0.5, of: [{contains: a}]}}")
    assert error.problems == ("s.yaml:2: cases.0.expect.0.weighted.of.0: the key 'weight' is missing",)


def test_an_unknown_metric_is_told_which_of_the_users_own_there_are(tmp_path: Path) -> None:
    error = one(tmp_path, "{polit: 1}", own=("polite", "terse"))
    assert "unknown key 'polit'; did you mean 'polite'?" in error.message
    assert error.hint.endswith("your own metrics are polite, terse")
    assert one(tmp_path, "{polit: 1}").hint.endswith("metrics of your own are named in evals.metrics")


def test_what_is_wrong_outside_of_assertions_is_told_with_the_page_on_evalsets(tmp_path: Path) -> None:
    error = refused(tmp_path, "version: 1\ncases: [{id: a, question: x, expect: [{equals: y}]}]")
    assert "unknown key 'question'; did you mean 'input'?" in error.message
    assert error.hint == "see docs/evalsets.md, or the schema evalset.schema.json"
    both = refused(tmp_path, "version: 1\ncases: [{id: a, inputs: x, expect: [{equals: 1}]}]")
    assert both.hint.startswith("see docs/evalsets.md, docs/metrics.md for assertions")


def test_the_defaults_are_told_the_same(tmp_path: Path) -> None:
    error = refused(
        tmp_path, "version: 1\ndefaults: {expect: [{latency: 3}]}\ncases: [{id: a, input: x, expect: [{equals: y}]}]"
    )
    assert (
        error.message == "s.yaml:2: defaults.expect.0.latency: must be a mapping, not 3; write latency: {at_most_s: 3}"
    )
    assert error.hint.startswith("see docs/metrics.md")


@pytest.mark.parametrize(
    ("column", "meant"),
    [("question", "input"), ("Prompt", "input"), ("answer", "expected_output"), ("expected", "expected_output")],
)
def test_a_column_of_another_tool(tmp_path: Path, column: str, meant: str) -> None:
    error = refused(tmp_path, f"id,{column}\na,b\n", name="s.csv")
    assert error.message == f"s.csv:1: unknown column {column!r}; did you mean {meant!r}?"


def test_what_no_schema_can_see_is_collected_too(tmp_path: Path) -> None:
    text = (
        "version: 1\ncases:\n  - {id: a, input: x}\n  - {id: b, input: x, runs: 2, needed: 3, expect: [{equals: y}]}\n"
    )
    error = refused(tmp_path, text)
    assert [problem.split(": ")[0] for problem in error.problems] == ["s.yaml:3", "s.yaml:4"]
    assert error.problems[1].endswith("lower needed, or raise runs")
    many = "version: 1\ncases:\n" + "".join(f"  - {{id: c{i}, input: x}}\n" for i in range(40))
    error = refused(tmp_path, many)
    assert len(error.problems) == 12
    assert error.hint.startswith("write expect with at least one assertion")
